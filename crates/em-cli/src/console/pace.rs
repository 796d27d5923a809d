//! How often something is told.

use std::time::{Duration, Instant};

/// Lets something be told at most once within a time.
pub struct Pace {
    every: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// Begins with something to tell.
    pub const fn new(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Tells whether the time has come, and counts it from now where it has.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.every);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    /// Counts the time from now on, since something else was told.
    pub fn rest(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_twice_within_its_time() {
        let (begin, mut pace) = (Instant::now(), Pace::new(Duration::from_secs(30)));
        let mut due = |seconds| pace.is_due(begin + Duration::from_secs(seconds));
        assert_eq!([0, 29, 30, 59, 61].map(&mut due), [true, false, true, false, true]);
        pace.rest(begin + Duration::from_secs(80));
        let due = [100, 110].map(|seconds| pace.is_due(begin + Duration::from_secs(seconds)));
        assert_eq!(due, [false, true]);
    }
}
