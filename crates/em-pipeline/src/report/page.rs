//! What every page has: one HTML file with its style, its script, its data and its pictures in it.
//!
//! ```text
//! templates/base.html     head, navigation, warnings, style, data and script
//! templates/parts.html    tables, places of charts, inputs
//! templates/run.html      the report of a run
//! templates/measure.html  the page of a measurement
//! templates/compare.html  runs side by side
//! ```
//!
//! Tables and words are in the page; charts and sections are drawn by the script, from one block of JSON.
//! Style and script are built from `web/src/report`.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use crate::error::{Context, Result};
use crate::inputs::Input;

const SCRIPT: &str = include_str!("../../page/report.js");
const STYLE: &str = include_str!("../../page/report.css");

const TEMPLATES: [(&str, &str); 5] = [
    ("base.html", include_str!("templates/base.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("run.html", include_str!("templates/run.html")),
    ("measure.html", include_str!("templates/measure.html")),
    ("compare.html", include_str!("templates/compare.html")),
];

/// A table as it is printed.
#[derive(Debug, Default, Serialize)]
pub struct Table {
    /// What the columns hold; may be empty.
    pub head: Vec<String>,
    /// A cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Names in the first column, values in the second.
    pub fn of_facts<const N: usize>(facts: [(&str, String); N]) -> Self {
        Self { head: Vec::new(), rows: facts.map(|(name, value)| vec![name.to_owned(), value]).to_vec() }
    }
}

/// How a result was made.
#[derive(Serialize)]
pub struct MadeBy {
    /// The command, or the commands.
    pub command: Option<String>,
    /// The files.
    pub inputs: Table,
    /// The configuration or the settings.
    pub config: String,
}

impl MadeBy {
    /// Puts the files into a table.
    pub fn new(command: Option<String>, inputs: &[Input], config: &str) -> Self {
        let head = ["input", "path", "size"].map(str::to_owned).to_vec();
        let inputs = Table { head, rows: inputs.iter().map(Input::row).collect() };
        Self { command, inputs, config: config.to_owned() }
    }
}

/// Writes a page: a template with its content, and what the script draws.
///
/// # Errors
///
/// Fails if the template does not fit the content.
pub fn html(template: &str, content: &impl Serialize, data: &impl Serialize) -> Result<String> {
    let filled = || -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        let data = serde_json::to_string(data)?;
        Ok(templates.get_template(template)?.render(context! {
            page => Serde(content),
            style => STYLE,
            script => SCRIPT,
            // Nothing in it ends the element that it stands in.
            data => data.replace('<', "\\u003c"),
        })?)
    };
    filled().with_context(|| format!("the page `{template}` cannot be written"))
}

/// A picture as an address that holds it; `kind` is `png` or `jpeg`.
pub fn data_url(kind: &str, bytes: &[u8]) -> String {
    format!("data:image/{kind};base64,{}", STANDARD.encode(bytes))
}

/// The day of a time, as `2026-11-29` (UTC).
pub fn day(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // Hinnant 2021, chrono-compatible low-level date algorithms: eras of 400 years that begin in March.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    format!("{}-{month:02}-{day:02}", era * 400 + year + u64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn days_are_those_of_the_calendar() {
        // date -u -d @951782400; date -u -d @1798675200; date -u -d @1709164800
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_798_675_200, "2026-12-31"),
            (1_709_164_800, "2024-02-29"),
        ] {
            assert_eq!(day(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn text_of_users_stays_text_in_the_page_and_in_its_data() {
        let evil = "</script><blink>&\"";
        let facts = Table::of_facts([("name", evil.to_owned())]);
        let content = serde_json::json!({
            "title": evil, "facts": [evil], "sections": [["a", evil]], "warnings": [evil], "overview": facts,
            "classes": [], "table": facts, "listed": 1, "objects": 1, "charts": {},
            "made_by": { "command": evil, "inputs": facts, "config": evil },
        });
        let page = html("measure.html", &content, &[evil]).unwrap();
        assert!(!page.contains("<blink>"), "{page}");
        assert!(
            page.contains("&lt;blink&gt;&amp;&quot;")
                && page.contains(r#"["\u003c/script>\u003cblink>&\""]"#)
        );
        assert_eq!(page.matches("</script>").count(), 2, "of the data and of the script");
    }
}
