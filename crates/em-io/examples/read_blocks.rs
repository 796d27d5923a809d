//! Reads a volume block by block, and prints what that took: `read_blocks VOLUME [SECTIONS]`.

use em_io::{Blocks, Roi, Voxel, match_voxels};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a volume")?;
    let step = arguments.next().map_or(Ok(8), |sections| sections.parse::<usize>())?.max(1);
    let started = Instant::now();
    let volume = em_io::open(&path)?;
    let shape = volume.shape();
    let mut corners = 0.0;
    for block in volume.blocks(Blocks::of_sections(Roi::whole(shape), step)) {
        let (_, voxels) = block?;
        // Every block is looked at, so that none is optimised away.
        corners += match_voxels!(&voxels, array => array[[0, 0, 0]].to_f64());
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
