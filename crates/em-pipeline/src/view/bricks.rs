//! What was read and shrunk, kept within a number of bytes: a brick is read once, however many ask for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use em_io::Voxels;

use crate::Result;

/// A brick: a layer, a level of its pyramid, and a place on the level's grid, `[z, y, x]`.
pub type Place = (usize, usize, [usize; 3]);

/// Bricks of all layers; those that nobody asked for the longest go first.
#[derive(Debug)]
pub struct Bricks {
    most_bytes: usize,
    shelf: Mutex<Shelf>,
}

/// A brick that is there, or is being read by whoever holds the lock.
type Slot = Arc<Mutex<Option<Arc<Voxels>>>>;

#[derive(Debug, Default)]
struct Shelf {
    bricks: HashMap<Place, Kept>,
    bytes: usize,
    /// Counts what was asked for.
    asked: u64,
}

#[derive(Debug, Default)]
struct Kept {
    slot: Slot,
    /// 0 until it is read.
    bytes: usize,
    last_asked: u64,
}

impl Bricks {
    /// Keeps at most so many bytes, beside what is in use.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, shelf: Mutex::default() }
    }

    /// Returns a brick, which `read` makes where it is not there; whoever asks for it meanwhile waits.
    ///
    /// # Errors
    ///
    /// Those of `read`, which is called again by whoever asks next.
    pub fn get(&self, place: Place, read: impl FnOnce() -> Result<Voxels>) -> Result<Arc<Voxels>> {
        let slot = self.slot(place);
        let mut slot = locked(&slot);
        if let Some(brick) = slot.as_ref() {
            return Ok(Arc::clone(brick));
        }
        let brick = Arc::new(read()?);
        *slot = Some(Arc::clone(&brick));
        drop(slot);
        let [z, y, x] = brick.shape();
        self.keep(place, z * y * x * brick.voxel_type().bytes());
        Ok(brick)
    }

    fn slot(&self, place: Place) -> Slot {
        let mut shelf = locked(&self.shelf);
        shelf.asked += 1;
        let asked = shelf.asked;
        let kept = shelf.bricks.entry(place).or_default();
        kept.last_asked = asked;
        Arc::clone(&kept.slot)
    }

    /// Counts a brick that was read, and lets go of others.
    fn keep(&self, place: Place, bytes: usize) {
        let mut shelf = locked(&self.shelf);
        let shelf = &mut *shelf;
        // It may have been let go of while it was read.
        let Some(kept) = shelf.bricks.get_mut(&place) else { return };
        shelf.bytes += bytes - kept.bytes;
        kept.bytes = bytes;
        while shelf.bytes > self.most_bytes {
            let read = shelf.bricks.iter().filter(|(_, kept)| kept.bytes > 0);
            let Some(oldest) = read.min_by_key(|(_, kept)| kept.last_asked).map(|(place, _)| *place) else {
                return;
            };
            shelf.bytes -= shelf.bricks.remove(&oldest).map_or(0, |kept| kept.bytes);
        }
    }
}

/// Locks; a thread that panicked left what is within whole.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use ndarray::Array3;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn brick(side: usize) -> Result<Voxels> {
        Ok(Array3::<u8>::zeros((side, side, side)).into())
    }

    #[test]
    fn a_brick_is_read_once_by_many_who_ask_at_a_time() {
        let (bricks, reads) = (Bricks::new(1 << 20), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let read = || {
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        reads.fetch_add(1, Ordering::Relaxed);
                        brick(4)
                    };
                    assert_eq!(bricks.get((0, 0, [0; 3]), read).unwrap().shape(), [4; 3]);
                });
            }
        });
        assert_eq!(reads.into_inner(), 1);
    }

    #[test]
    fn what_was_not_asked_for_the_longest_goes_first() {
        let bricks = Bricks::new(2500);
        let unread = || -> Result<Voxels> { panic!("it is there") };
        for x in [0, 1] {
            bricks.get((0, 0, [0, 0, x]), || brick(10)).unwrap();
        }
        bricks.get((0, 0, [0, 0, 0]), unread).unwrap();
        bricks.get((0, 0, [0, 0, 2]), || brick(10)).unwrap();
        assert_eq!(locked(&bricks.shelf).bytes, 2000);
        bricks.get((0, 0, [0, 0, 0]), unread).unwrap();
        let mut is_read_again = false;
        bricks
            .get((0, 0, [0, 0, 1]), || {
                is_read_again = true;
                brick(10)
            })
            .unwrap();
        assert!(is_read_again);
    }

    #[test]
    fn what_failed_is_read_again_and_what_is_too_large_is_not_kept() {
        let bricks = Bricks::new(100);
        assert!(bricks.get((0, 0, [0; 3]), || Err(Error::Stopped)).is_err());
        assert_eq!(bricks.get((0, 0, [0; 3]), || brick(10)).unwrap().shape(), [10; 3]);
        assert_eq!(locked(&bricks.shelf).bytes, 0);
    }
}
