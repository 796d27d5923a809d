//! Reading, computing and writing of blocks, which overlap.
//!
//! ```text
//!   read  2 │ 3 │ 4 │        one block is read, one computed and one written at a time, and a
//!   compute 1 │ 2 │ 3 │      block that is done early waits: at most three inputs and three
//!   write     0 │ 1 │ 2 │    results are in memory, however many blocks there are
//! ```

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread::{ScopedJoinHandle, scope};

use crate::{Error, Result};

/// Takes blocks through `read`, `compute` and `write`, in their order.
///
/// `compute` runs on the calling thread. Stops at the first error, and returns it.
pub fn read_compute_write<Block: Copy + Send, Input: Send, Output: Send>(
    blocks: impl Iterator<Item = Block> + Send,
    read: impl Fn(Block) -> Result<Input> + Send,
    mut compute: impl FnMut(Block, Input) -> Result<Output>,
    mut write: impl FnMut(Block, Output) -> Result<()> + Send,
) -> Result<()> {
    scope(|scope| {
        // A channel without places: who is done first waits, so that nothing piles up.
        let (send_output, outputs) = sync_channel(0);
        let writer = scope.spawn(move || -> Result<()> {
            outputs.into_iter().try_for_each(|(block, output)| write(block, output))
        });
        let computed = read_ahead(blocks, read, |block, input| {
            let output = compute(block, input)?;
            // Where the writer has hung up, it says why below.
            send_output.send((block, output)).map_err(|_| Error::Stopped)
        });
        drop(send_output);
        joined(writer)?;
        computed
    })
}

/// Takes blocks through `read` and `take`, in their order: one is read while another is taken, on
/// the calling thread, so that two inputs are in memory.
///
/// Stops at the first error, and returns it.
pub fn read_ahead<Block: Copy + Send, Input: Send>(
    blocks: impl Iterator<Item = Block> + Send,
    read: impl Fn(Block) -> Result<Input> + Send,
    mut take: impl FnMut(Block, Input) -> Result<()>,
) -> Result<()> {
    scope(|scope| {
        let (send, inputs) = sync_channel(0);
        scope.spawn(move || {
            for block in blocks {
                let input = read(block);
                let is_last = input.is_err();
                // The other side hangs up where it has failed.
                if send.send((block, input)).is_err() || is_last {
                    break;
                }
            }
        });
        inputs.into_iter().try_for_each(|(block, input)| take(block, input?))
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserError;
    use std::sync::atomic::{AtomicIsize, Ordering};

    #[test]
    fn blocks_come_out_in_order() {
        let mut written = Vec::new();
        let write = |n, out| {
            written.push((n, out));
            Ok(())
        };
        read_compute_write(0..50, |n| Ok(n * 10), |n, input| Ok(input + n), write).unwrap();
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
        read_compute_write(0..30, |_| Ok(make()), |_, _input| Ok(make()), slow).unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        assert!((2..=6).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }

    #[test]
    fn the_first_error_of_each_stage_ends_the_work() {
        let fails = |at: usize, n: usize, stage: &str| {
            if n == at { Err(UserError::new(format!("{stage} {n}"), "").into()) } else { Ok(()) }
        };
        for (stage, expected) in [("read", "read 3"), ("compute", "compute 3"), ("write", "write 3")] {
            let at = |this: &str| if this == stage { 3 } else { usize::MAX };
            let result = read_compute_write(
                0..1000,
                |n| fails(at("read"), n, "read"),
                |n, ()| fails(at("compute"), n, "compute"),
                |n, ()| fails(at("write"), n, "write"),
            );
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn two_inputs_are_alive_where_nothing_is_computed() {
        let (read, taken) = (AtomicIsize::new(0), AtomicIsize::new(0));
        let mut most = 0;
        read_ahead(
            0..30,
            |_| Ok(read.fetch_add(1, Ordering::SeqCst)),
            |n, _| {
                std::thread::sleep(std::time::Duration::from_millis(1));
                most = most.max(read.load(Ordering::SeqCst) - taken.fetch_add(1, Ordering::SeqCst));
                if n == 20 { Err(Error::Stopped) } else { Ok(()) }
            },
        )
        .unwrap_err();
        assert_eq!((most, taken.into_inner()), (2, 21));
    }
}
