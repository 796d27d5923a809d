//! Which window has the project: one at a time, as long as it is heard of.

use std::time::{Duration, Instant};

use serde::Deserialize;

/// A window that is silent for so long has been closed, or its machine sleeps. The page tells every second.
const SILENCE: Duration = Duration::from_secs(5);

/// Whoever changes something says which window he is.
#[derive(Debug, Deserialize)]
pub struct Client {
    /// A name that the window has drawn for itself.
    pub client: String,
}

/// The window that has the project.
#[derive(Debug, Default)]
pub struct Session {
    holder: Option<(String, Instant)>,
}

impl Session {
    /// Hears of a window: whether it has the project now.
    pub fn hear(&mut self, client: &str, now: Instant) -> bool {
        let is_free = self.holder.as_ref().is_none_or(|(holder, heard)| {
            holder == client || now.saturating_duration_since(*heard) > SILENCE
        });
        if is_free {
            self.holder = Some((client.to_owned(), now));
        }
        is_free
    }

    /// A window is closed.
    pub fn end(&mut self, client: &str) {
        if self.holder.as_ref().is_some_and(|(holder, _)| holder == client) {
            self.holder = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_window_waits_until_the_first_is_closed_or_silent() {
        let (mut session, start) = (Session::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(session.hear("a", start) && session.hear("a", after(1)));
        assert!(!session.hear("b", after(2)));
        session.end("b");
        assert!(!session.hear("b", after(6)));
        assert!(session.hear("b", after(7)), "the first was heard of for the last time at 1");
        assert!(!session.hear("a", after(8)));
        session.end("b");
        assert!(session.hear("a", after(8)));
    }
}
