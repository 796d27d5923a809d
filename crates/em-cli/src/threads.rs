//! Threads that sleep while they wait.
//!
//! Those of OpenMP spin by default, which takes a processor from whoever else has work: beside one busy
//! process a training is half as fast, beside two a tenth. The library reads its variables when it is
//! loaded, before `main`, so that they have to be there when the program starts.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// What OpenMP is told, unless somebody has told it something else.
const POLICY: (&str, &str) = ("OMP_WAIT_POLICY", "passive");

/// The other variable that says how long threads spin.
const SPINS: &str = "GOMP_SPINCOUNT";

/// Starts the program again, as the same process, with threads that sleep while they wait; returns where
/// they do so already, where a user has decided, or where it cannot be started.
pub fn let_sleep() {
    let (name, policy) = POLICY;
    if [name, SPINS].iter().any(|variable| std::env::var_os(variable).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let Some(called) = arguments.next() else { return };
    // It returns where it fails, and then threads spin.
    let _ = Command::new(program).arg0(called).args(arguments).env(name, policy).exec();
}
