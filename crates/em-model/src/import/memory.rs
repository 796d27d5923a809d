//! What the program takes in memory, as the system tells it.

/// Bytes for each voxel where nothing can be measured: 256 features of 32-bit floats, kept four times.
const UNMEASURED: u64 = 4096;

/// What is added to what was measured, in percent: sizes differ in how they are laid out.
const RESERVE: u64 = 25;

/// Returns the bytes that the program holds now, where the system tells.
pub fn resident() -> Option<u64> {
    told("VmRSS:")
}

/// Runs something, and returns the bytes for each of so many voxels that it took at most, above what was held
/// when nothing was computed yet.
pub fn peak_per_voxel<T>(idle: Option<u64>, voxels: usize, least: u64, run: impl FnOnce() -> T) -> (T, u64) {
    let forgets = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let given = run();
    let peak = told("VmHWM:").filter(|_| forgets);
    let bytes = match (idle, peak) {
        (Some(idle), Some(peak)) => {
            peak.saturating_sub(idle).saturating_mul(100 + RESERVE) / 100 / voxels.max(1) as u64
        }
        _ => UNMEASURED,
    };
    (given, bytes.max(least))
}

/// A number of `/proc/self/status`, in bytes.
fn told(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
