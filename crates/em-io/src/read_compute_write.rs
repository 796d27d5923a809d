//! Reading, computing and writing of blocks, which overlap.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{ScopedJoinHandle, scope};

/// Takes blocks through `read`, `compute` and `write`, in their order, each on a thread of its own.
///
/// ```text
///   read  2 │ 3 │ 4 │        one block is read, one computed and one written at a time, and a
///   compute 1 │ 2 │ 3 │      block that is done early waits: at most three inputs and three
///   write     0 │ 1 │ 2 │    results are in memory, however many blocks there are
/// ```
///
/// A block is named by what `blocks` yields: its place, from [`Blocks::iter`](crate::Blocks::iter), or
/// its number. `compute` runs on the calling thread.
///
/// ```
/// use em_io::{Blocks, Error, Roi, VolumeSpec, VolumeWriter, VoxelType, read_compute_write};
/// # let folder = tempfile::tempdir()?;
/// # let (from, to) = (folder.path().join("a.tif"), folder.path().join("b.tif"));
/// # em_io::write_volume(&from, &ndarray::Array3::from_elem((9, 8, 8), 700_u16).into(), None)?;
///
/// let volume = em_io::open(&from)?;
/// let spec = VolumeSpec { shape: volume.shape(), voxel_type: VoxelType::U8, voxel_size_nm: None };
/// let mut writer = VolumeWriter::create(&to, spec)?;
/// read_compute_write(
///     Blocks::of_sections(Roi::whole(volume.shape()), 4).iter(),
///     |roi| volume.read(roi),
///     |_, voxels| Ok::<_, Error>(voxels.map(VoxelType::U8, |v| v / 100.0)),
///     |_, voxels| writer.write(&voxels),
/// )?;
/// writer.finish()?;
/// assert_eq!(em_io::open(&to)?.read_all()?.range(), (7.0, 7.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first error of the three, after which nothing more is read, computed or written.
pub fn read_compute_write<Block, Input, Output, E>(
    blocks: impl Iterator<Item = Block> + Send,
    mut read: impl FnMut(Block) -> Result<Input, E> + Send,
    mut compute: impl FnMut(Block, Input) -> Result<Output, E>,
    mut write: impl FnMut(Block, Output) -> Result<(), E> + Send,
) -> Result<(), E>
where
    Block: Copy + Send,
    Input: Send,
    Output: Send,
    E: Send,
{
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
        let writer = scope.spawn(move || -> Result<(), E> {
            outputs.into_iter().try_for_each(|(block, output)| write(block, output))
        });
        let mut compute_all = |inputs: Receiver<(Block, Result<Input, E>)>| -> Result<(), E> {
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
    use std::sync::atomic::{AtomicIsize, Ordering};

    #[test]
    fn blocks_come_out_in_order() {
        let mut written = Vec::new();
        let write = |n, out| {
            written.push((n, out));
            Ok::<(), String>(())
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
            Ok::<(), String>(())
        };
        read_compute_write(0..30, |_| Ok(make()), |_, _input| Ok(make()), slow).unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        assert!((2..=6).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }

    #[test]
    fn reading_and_writing_go_on_while_a_block_is_computed() {
        let (tell, heard) = std::sync::mpsc::channel();
        let wait = std::time::Duration::from_secs(60);
        let mut written = 0;
        read_compute_write(
            0..5,
            |n| tell.send(n).map_err(|error| error.to_string()),
            // Waits until the next block is being read, to which a single thread would not get.
            |n, ()| loop {
                if n == 4 || heard.recv_timeout(wait).map_err(|error| error.to_string())? > n {
                    return Ok(());
                }
            },
            |_, ()| {
                written += 1;
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(written, 5);
    }

    #[test]
    fn the_first_error_of_each_stage_ends_the_work() {
        let fails =
            |at: usize, n: usize, stage: &str| if n == at { Err(format!("{stage} {n}")) } else { Ok(()) };
        for (stage, expected) in [("read", "read 3"), ("compute", "compute 3"), ("write", "write 3")] {
            let at = |this: &str| if this == stage { 3 } else { usize::MAX };
            let result = read_compute_write(
                0..1000,
                |n| fails(at("read"), n, "read"),
                |n, ()| fails(at("compute"), n, "compute"),
                |n, ()| fails(at("write"), n, "write"),
            );
            assert_eq!(result.unwrap_err(), expected);
        }
    }

    #[test]
    #[should_panic(expected = "the writer's own bug")]
    fn a_panic_of_the_writer_goes_on_in_the_caller() {
        let write = |_, ()| -> Result<(), String> { panic!("the writer's own bug") };
        let _ = read_compute_write(0..9, |_| Ok(()), |_, ()| Ok(()), write);
    }
}
