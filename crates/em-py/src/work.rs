//! Work without the interpreter: on threads of our own, and ended by Ctrl-C.
//!
//! Threads do not outlive a fork, and rayon's own pool cannot be made again: what a forked worker (PyTorch's
//! `DataLoader`, `multiprocessing`) asked of it would never be done. So each process has a pool of its own.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// How often Ctrl-C is looked for.
const POLL: Duration = Duration::from_millis(100);

/// The pool of this process. It is locked by those alone who hold the interpreter, so that no fork, which needs it
/// too, finds it locked.
static POOL: Mutex<Option<Arc<ThreadPool>>> = Mutex::new(None);

/// Whether whoever waits for the work no longer wants it.
pub struct Stop(AtomicBool);

impl Stop {
    /// Answers a work that tells how it goes on.
    pub fn answer(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Does a work on the pool without the interpreter, and returns what it came to.
///
/// # Errors
///
/// What Python's handlers of signals raise meanwhile: `KeyboardInterrupt`, after the work has ended, which it does
/// early where it asks [`Stop`].
pub fn run<T: Send>(py: Python<'_>, work: impl FnOnce(&Stop) -> T + Send) -> PyResult<T> {
    let pool = pool(py)?;
    let stop = Stop(AtomicBool::new(false));
    py.detach(|| {
        let (sender, receiver) = sync_channel(1);
        pool.in_place_scope(|scope| {
            let stop = &stop;
            scope.spawn(move |_| {
                // The receiver waits until the end.
                let _ = sender.send(work(stop));
            });
            let mut interrupt = None;
            loop {
                match receiver.recv_timeout(POLL) {
                    Ok(done) => return interrupt.map_or(Ok(done), Err),
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(signal) = Python::attach(|py| py.check_signals()) {
                            stop.0.store(true, Ordering::Relaxed);
                            interrupt = Some(signal);
                        }
                    }
                    // The scope hands the panic of the work on, and this is seen by nobody.
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(PyRuntimeError::new_err("the work broke off"));
                    }
                }
            }
        })
    })
}

fn pool(_holds_interpreter: Python<'_>) -> PyResult<Arc<ThreadPool>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pool.as_ref() {
        return Ok(Arc::clone(pool));
    }
    Ok(Arc::clone(pool.insert(built(0)?)))
}

/// Builds a pool of so many threads, 0 for one per processor (or `RAYON_NUM_THREADS`).
fn built(threads: usize) -> PyResult<Arc<ThreadPool>> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("em-cli {number}"))
        .build();
    pool.map(Arc::new).map_err(|error| PyRuntimeError::new_err(format!("threads cannot be started: {error}")))
}

/// Returns on how many threads this process works.
#[pyfunction]
pub fn threads(py: Python<'_>) -> PyResult<usize> {
    Ok(pool(py)?.current_num_threads())
}

/// Sets on how many threads this process works from now on.
#[pyfunction]
pub fn set_threads(_py: Python<'_>, count: usize) -> PyResult<()> {
    if count == 0 {
        return Err(PyValueError::new_err("the number of threads is 0, expected at least 1"));
    }
    let pool = built(count)?;
    POOL.lock().unwrap_or_else(PoisonError::into_inner).replace(pool);
    Ok(())
}

/// Forgets the pool of the process that this one was forked from.
#[pyfunction]
pub fn after_fork(_py: Python<'_>) {
    let of_parent = POOL.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Its threads are not here, so that nobody could end them.
    std::mem::forget(of_parent);
}
