//! What memory this machine has for a training.

use std::process::Command;

use em_model::Device;

/// The memory that is free without swapping; known on Linux only.
pub fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The memory of the device that a training would take: free memory of the machine, or all of the
/// first accelerator's, as its driver's tool tells it.
pub fn device_bytes(device: Device) -> Option<u64> {
    if device == Device::Cpu {
        return available_bytes();
    }
    let query = ["--query-gpu=memory.total", "--format=csv,noheader,nounits"];
    let output = Command::new("nvidia-smi").args(query).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mebibytes: u64 = text.lines().next()?.trim().parse().ok()?;
    Some(mebibytes << 20)
}
