//! libtorch's generator of random numbers, of which a process has one.

use std::sync::{Mutex, MutexGuard, PoisonError};

static GENERATOR: Mutex<()> = Mutex::new(());

/// Keeps the generator for one training, or one import, until dropped: two that drew from it in turns would have
/// weights, or find out what, follows from no seed.
pub(crate) fn kept() -> MutexGuard<'static, ()> {
    // Whoever panicked left nothing behind that the next seed does not replace.
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}
