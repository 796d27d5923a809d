//! Lines that fit the terminal, if there is one: broken between words, with a colour for their first word.

use ::console::{Color, Term, style};

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// What a message on standard error begins with, and its colour.
const LABELS: [(&str, Color); 4] =
    [("error:", Color::Red), ("warning:", Color::Yellow), ("note:", Color::Cyan), ("hint:", Color::Green)];

/// What a broken line goes on with.
const INDENT: &str = "  ";

impl Stream {
    fn term(self) -> Term {
        match self {
            Self::Out => Term::stdout(),
            Self::Error => Term::stderr(),
        }
    }

    /// Returns the columns of the terminal; `None` where it is none, or does not say.
    pub fn width(self) -> Option<usize> {
        let term = self.term();
        let (_, width) = term.size_checked().filter(|_| term.is_term())?;
        Some(usize::from(width)).filter(|width| *width > 0)
    }
}

/// Returns text as the reader of a stream can read it: a terminal gets it in its width and with colours
/// (without where `NO_COLOR` says so), and anything else gets it as it is.
pub fn fitted(stream: Stream, text: &str) -> String {
    let Some(width) = stream.width() else { return text.to_owned() };
    let text = wrapped(text, width, INDENT);
    let is_label = |(label, _): &&(&str, Color)| stream == Stream::Error && text.starts_with(label);
    let Some((label, colour)) = LABELS.iter().find(is_label) else { return text };
    let rest = text.split_at(label.len()).1.to_owned();
    format!("{}{rest}", style(label).fg(*colour).bold().for_stderr())
}

/// Breaks lines between words, so that they fit a terminal; a word that is too long stays whole.
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut broken = String::new();
    for line in text.lines() {
        let mut column = 0;
        // The spaces that a line starts with belong to its first word.
        let start = line.len() - line.trim_start().len();
        let (lead, words) = line.split_at(start);
        for word in words.split(' ') {
            let length = word.chars().count();
            if column == 0 {
                broken.push_str(lead);
                column = lead.len();
            } else if column + 1 + length > width && column > indent.len() {
                broken.push('\n');
                broken.push_str(indent);
                column = indent.len();
            } else {
                broken.push(' ');
                column += 1;
            }
            broken.push_str(word);
            column += length;
        }
        broken.push('\n');
    }
    broken.truncate(broken.trim_end().len());
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_indented() {
        let text = "note: one two three four\n  hint      five";
        let indent = " ".repeat(12);
        assert_eq!(
            wrapped(text, 18, &indent),
            "note: one two\n            three\n            four\n  hint      five"
        );
        assert_eq!(wrapped(text, 80, &indent), text);
        assert_eq!(wrapped("a/path/of/many/columns is long", 12, "  "), "a/path/of/many/columns\n  is long");
    }
}
