//! Reading, computing and writing of blocks, which overlap.
//!
//! ```text
//!   read  2 │ 3 │ 4 │        one block is read, one computed and one written at a time, and a
//!   compute 1 │ 2 │ 3 │      block that is done early waits: at most three inputs and three
//!   write     0 │ 1 │ 2 │    results are in memory, however many blocks there are
//! ```

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{ScopedJoinHandle, scope};

use crate::error::Result;

/// Takes blocks through `read`, `compute` and `write`, in their order.
///
/// `compute` runs on the calling thread. Stops at the first error, and returns it.
pub fn run<Input: Send, Output: Send>(
    blocks: impl Iterator<Item = usize> + Send,
    read: impl Fn(usize) -> Result<Input> + Send,
    mut compute: impl FnMut(usize, Input) -> Result<Output>,
    mut write: impl FnMut(usize, Output) -> Result<()> + Send,
) -> Result<()> {
    scope(|scope| {
        // A channel without places: who is done first waits, so that nothing piles up.
        let (send_input, inputs) = sync_channel(0);
        let (send_output, outputs) = sync_channel(0);
        scope.spawn(move || {
            for block in blocks {
                let input = read(block);
                let is_last = input.is_err();
                if send_input.send((block, input)).is_err() || is_last {
                    break;
                }
            }
        });
        let writer = scope.spawn(move || -> Result<()> {
            outputs.into_iter().try_for_each(|(block, output)| write(block, output))
        });
        let mut compute_all = |inputs: Receiver<(usize, Result<Input>)>| -> Result<()> {
            for (block, input) in inputs {
                let output = compute(block, input?)?;
                if send_output.send((block, output)).is_err() {
                    // The writer has failed, and says why.
                    break;
                }
            }
            Ok(())
        };
        let computed = compute_all(inputs);
        drop(send_output);
        joined(writer)?;
        computed
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::{AtomicIsize, Ordering};

    #[test]
    fn blocks_come_out_in_order() {
        let mut written = Vec::new();
        let write = |n, out| {
            written.push((n, out));
            Ok(())
        };
        run(0..50, |n| Ok(n * 10), |n, input| Ok(input + n), write).unwrap();
        assert_eq!(written, (0..50).map(|n| (n, n * 11)).collect::<Vec<_>>());
    }

    #[test]
    fn at_most_three_inputs_and_three_results_are_alive() {
        struct Counted<'a>(&'a AtomicIsize);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let (alive, most) = (AtomicIsize::new(0), AtomicIsize::new(0));
        let make = || {
            most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            Counted(&alive)
        };
        let slow = |_, _output| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(())
        };
        run(0..30, |_| Ok(make()), |_, _input| Ok(make()), slow).unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        assert!((2..=6).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }

    #[test]
    fn the_first_error_of_each_stage_ends_the_work() {
        let fails = |at: usize, n: usize, stage: &str| if n == at { bail!("{stage} {n}") } else { Ok(()) };
        for (stage, expected) in [("read", "read 3"), ("compute", "compute 3"), ("write", "write 3")] {
            let at = |this: &str| if this == stage { 3 } else { usize::MAX };
            let result = run(
                0..1000,
                |n| fails(at("read"), n, "read"),
                |n, ()| fails(at("compute"), n, "compute"),
                |n, ()| fails(at("write"), n, "write"),
            );
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
    }
}
