//! What every page has: one HTML file with its pictures in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::inputs::Input;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:right}\
td:first-child,th:first-child{text-align:left}img{max-width:100%;height:auto}figure{margin:1.5rem 0}\
figcaption{color:#555}.warning{background:#fff3cd;padding:.75rem 1rem;border-left:4px solid #e69f00}\
pre{background:#f6f6f6;padding:1rem;overflow-x:auto}";

/// Writes a page around its body.
pub fn html(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Report: {title}</title><style>{STYLE}</style></head>\n\
         <body>\n<h1>{title}</h1>\n{body}</body></html>\n"
    )
}

/// A picture with its caption.
pub fn figure(caption: &str, png: &[u8]) -> String {
    let (caption, bytes) = (escape(caption), STANDARD.encode(png));
    format!(
        "<figure><img alt=\"{caption}\" src=\"data:image/png;base64,{bytes}\"><figcaption>{caption}</figcaption></figure>\n"
    )
}

/// A table: its head, where there is one, and its rows.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = "<table>".to_owned();
    let mut line = |tag: &str, cells: &mut dyn Iterator<Item = String>| {
        text += "<tr>";
        cells.for_each(|cell| text += &format!("<{tag}>{}</{tag}>", escape(&cell)));
        text += "</tr>\n";
    };
    if !head.is_empty() {
        line("th", &mut head.iter().map(|&cell| cell.to_owned()));
    }
    rows.into_iter().for_each(|row| line("td", &mut row.into_iter()));
    text + "</table>\n"
}

/// The command that a page was made by, and the files that it was made from.
pub fn made_by(command: Option<&str>, inputs: &[Input]) -> String {
    let command = command.map(|command| format!("<h2>Command</h2>\n<pre>{}</pre>\n", escape(command)));
    let files = table(&["input", "path", "size"], inputs.iter().map(Input::row));
    format!("{}<h2>Inputs</h2>\n{files}", command.unwrap_or_default())
}

/// Text as it stands, whatever a user named a class.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_users_is_escaped() {
        assert_eq!(escape("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
        assert_eq!(
            table(&["a"], [vec!["<".to_owned()]]),
            "<table><tr><th>a</th></tr>\n<tr><td>&lt;</td></tr>\n</table>\n"
        );
    }
}
