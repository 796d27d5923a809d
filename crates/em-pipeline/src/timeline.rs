//! What was done in order, and which of it counts: taking back and doing again, without an end.

use std::collections::HashMap;

/// What an action is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It changes something, and can be taken back.
    Change,
    /// It is a note, which is never taken back.
    Record,
    /// It takes the last change that counts back.
    Undo,
    /// It does again what was taken back last.
    Redo,
}

/// The actions of a journal, by their places from 0.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Whether an action counts, and whether it can be taken back.
    entries: Vec<(bool, Kind)>,
    /// Those that were taken back, the last one at the end; a new change forgets them.
    undone: Vec<usize>,
    /// Where the action of a name is.
    ids: HashMap<String, usize>,
}

impl Timeline {
    /// Adds an action, and returns the place of the one that begins or ceases to count: itself, or one before
    /// it; `None` where there is nothing to do for it.
    pub fn push(&mut self, id: String, kind: Kind) -> Option<usize> {
        let place = self.entries.len();
        let changed = match kind {
            Kind::Undo => self.last(),
            Kind::Redo => self.undone.pop(),
            Kind::Change => {
                self.undone.clear();
                Some(place)
            }
            Kind::Record => None,
        };
        self.ids.insert(id, place);
        self.entries.push((true, kind));
        if let Some(changed) = changed.filter(|_| kind != Kind::Change) {
            self.entries[changed].0 = kind == Kind::Redo;
            if kind == Kind::Undo {
                self.undone.push(changed);
            }
        }
        changed
    }

    /// Returns where the action of that name is.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// Tells whether an action counts: it was not taken back.
    pub fn counts(&self, place: usize) -> bool {
        self.entries[place].0
    }

    /// Returns which action an undo would take back.
    pub fn last(&self) -> Option<usize> {
        self.entries.iter().rposition(|&(counts, kind)| counts && kind == Kind::Change)
    }

    /// Returns which action a redo would do again.
    pub fn undone(&self) -> Option<usize> {
        self.undone.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_taken_back_and_done_again_in_order() {
        let mut timeline = Timeline::default();
        let mut push = |kind| {
            let name = format!("{}", timeline.entries.len());
            let changed = timeline.push(name, kind);
            let counting: Vec<usize> = (0..timeline.entries.len())
                .filter(|&place| timeline.entries[place] == (true, Kind::Change))
                .collect();
            (changed, counting)
        };
        assert_eq!(push(Kind::Undo), (None, vec![]));
        assert_eq!(push(Kind::Change), (Some(1), vec![1]));
        assert_eq!(push(Kind::Record), (None, vec![1]));
        assert_eq!(push(Kind::Change), (Some(3), vec![1, 3]));
        assert_eq!(push(Kind::Undo), (Some(3), vec![1]));
        assert_eq!(push(Kind::Undo), (Some(1), vec![]));
        assert_eq!(push(Kind::Redo), (Some(1), vec![1]));
        assert_eq!(push(Kind::Record), (None, vec![1]));
        assert_eq!(push(Kind::Redo), (Some(3), vec![1, 3]));
        assert_eq!(push(Kind::Undo), (Some(3), vec![1]));
        assert_eq!(push(Kind::Change), (Some(10), vec![1, 10]));
        assert_eq!(push(Kind::Redo), (None, vec![1, 10]), "a new change forgets what was taken back");
        assert_eq!((timeline.place("3"), timeline.place("x")), (Some(3), None));
        assert_eq!((timeline.last(), timeline.undone(), timeline.counts(3)), (Some(10), None, false));
    }
}
