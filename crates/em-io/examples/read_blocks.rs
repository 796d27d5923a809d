//! Reads a volume block by block, and prints what that took: `read_blocks VOLUME [SECTIONS]`.

use em_io::{Roi, match_voxels};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a volume")?;
    let step = arguments.next().map_or(Ok(8), |sections| sections.parse::<usize>())?.max(1);
    let started = Instant::now();
    let volume = em_io::open(&path)?;
    let shape = volume.shape();
    let mut corners = 0.0;
    for z in (0..shape[0]).step_by(step) {
        let block = volume.read(Roi::sections(shape, z..(z + step).min(shape[0])))?;
        // Every block is looked at, so that none is optimised away.
        corners += match_voxels!(&block, array => f64::from(array[[0, 0, 0]]));
    }
    let seconds = started.elapsed().as_secs_f64();
    let bytes = shape.iter().product::<usize>() * volume.voxel_type().bytes();
    let rate = bytes as f64 / 1e6 / seconds;
    let peak_mb = peak_bytes().map_or(f64::NAN, |bytes| bytes as f64 / 1048576.0);
    println!(
        "{{\"seconds\": {seconds:.3}, \"mb_per_s\": {rate:.0}, \"peak_mb\": {peak_mb:.0}, \"corners\": {corners}}}"
    );
    Ok(())
}

/// The most memory that this program has held, as Linux tells it.
fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
}
