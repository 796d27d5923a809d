//! Mistakes in a configuration, with the nearest key that exists.

use std::path::Path;

use crate::error::UserError;

/// Names further apart than this are not offered, as a share of their letters.
const LEAST_SIMILARITY: f64 = 0.6;

/// What to do where no key is near.
const OTHERWISE: &str = "`em-cli config init` writes every key with its meaning";

/// Turns an error of reading TOML into one message with line, key and suggestion.
pub fn of(path: &Path, text: &str, error: &toml::de::Error) -> UserError {
    of_kind(path, text, error, OTHERWISE)
}

/// The same for a file of another kind, with what to do where no key is near.
pub fn of_kind(path: &Path, text: &str, error: &toml::de::Error, otherwise: &str) -> UserError {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let place = match line {
        Some(line) => format!("`{}`, line {line}", path.display()),
        None => format!("`{}`", path.display()),
    };
    let section = line.map(|line| section_of(text, line)).unwrap_or_default();
    let shown = line.and_then(|line| text.lines().nth(line - 1)).map(|line| {
        let within = if section.is_empty() { String::new() } else { format!(" in [{section}]") };
        format!(" (`{}`{within})", line.trim())
    });
    let message = format!("{place}{}: {}", shown.unwrap_or_default(), tidy(error.message()));
    UserError::new(message, near(error.message(), &section).unwrap_or_else(|| otherwise.to_owned()))
}

/// The section that a line stands in, as its header names it; for a header, the section around its own.
fn section_of(text: &str, line: usize) -> String {
    let header = |line: &str| {
        let name = line.trim().strip_prefix('[')?.split(']').next()?;
        Some(name.trim_start_matches('[').trim().to_owned())
    };
    let mut lines = text.lines().take(line).collect::<Vec<_>>().into_iter().rev();
    match lines.next().and_then(header) {
        Some(own) => own.rsplit_once('.').map(|(around, _)| around.to_owned()).unwrap_or_default(),
        None => lines.find_map(header).unwrap_or_default(),
    }
}

/// The hint for a message of serde about a key in a section: the nearest key, or where all keys stand.
pub fn hint(message: &str, section: &str) -> String {
    near(message, section).unwrap_or_else(|| OTHERWISE.into())
}

fn near(message: &str, section: &str) -> Option<String> {
    let names = between_backticks(message);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    if let [unknown, known @ ..] = names.as_slice()
        && is_unknown
        && let Some(nearest) = nearest(unknown, known.iter().copied())
    {
        let is_key = message.starts_with("unknown field") && !section.is_empty();
        let section = if is_key { format!("{section}.") } else { String::new() };
        return Some(format!("did you mean `{section}{nearest}`?"));
    }
    None
}

/// The most similar of some names, if any is similar enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LEAST_SIMILARITY).then_some(best.1)
}

fn between_backticks(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// serde's message on one line, in the words of who writes a configuration instead of Rust's. Where
/// the hint names what was meant, all that could have been meant is left out.
pub fn tidy(message: &str) -> String {
    let is_meant = hint(message, "").starts_with("did you mean");
    let message =
        if is_meant { message.split(", expected one of").next().unwrap_or(message) } else { message };
    let words = [
        ("\n", " "),
        ("u64 value was too large", "expected a whole number below 2^63"),
        ("unknown field", "unknown key"),
        ("unknown variant", "unknown choice"),
        ("expected usize", "expected a whole number from 0"),
        ("expected u64", "expected a whole number from 0"),
        ("expected f64", "expected a number"),
    ];
    words.iter().fold(message.trim().to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;

    #[test]
    fn a_misspelled_key_offers_the_nearest() {
        let text = "[train]\nepocs = 3\n";
        let error = toml::from_str::<RunConfig>(text).unwrap_err();
        assert_eq!(hint(error.message(), "train"), "did you mean `train.epochs`?");
        let shown = of(Path::new("run.toml"), text, &error).to_string();
        assert!(
            shown.starts_with("`run.toml`, line 2 (`epocs = 3` in [train]): unknown key `epocs`"),
            "{shown}"
        );
    }

    #[test]
    fn a_key_stands_in_the_section_of_the_header_before_it() {
        let text = "a = 1\n[data.split]\n# gap\ngap = 1\n[[data.train]]\nraw = \"a\"\n";
        let sections: Vec<String> = (1..=6).map(|line| section_of(text, line)).collect();
        assert_eq!(sections, ["", "data", "data.split", "data.split", "data", "data.train"]);
    }

    #[test]
    fn nothing_similar_is_not_offered() {
        assert_eq!(nearest("colour", ["epochs", "seed"]), None);
    }
}
