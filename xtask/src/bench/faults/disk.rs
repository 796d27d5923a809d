//! A disk of few bytes: a tmpfs of the kernel, which takes its rights; unmounted when it is dropped.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::create_folder;

/// What the kernel gives at a time.
pub const PAGE: u64 = 4096;

/// A mounted disk.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk of so many bytes.
    ///
    /// # Errors
    ///
    /// Fails where this user may mount nothing.
    pub fn mount(path: &Path, bytes: u64) -> Result<Self> {
        create_folder(path)?;
        mount(&format!("size={}", rounded(bytes)), path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it another size; what is on it stays.
    pub fn resize(&self, bytes: u64) -> Result<()> {
        mount(&format!("remount,size={}", rounded(bytes)), &self.path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A program that still looks at it would keep it; then it goes with that program.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Tells whether this user may mount a disk.
pub fn can_mount(scratch: &Path) -> bool {
    Disk::mount(&scratch.join("probe"), PAGE).is_ok()
}

fn rounded(bytes: u64) -> u64 {
    // A size of 0 is one without a limit.
    bytes.max(1).next_multiple_of(PAGE)
}

fn mount(options: &str, path: &Path) -> Result<()> {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "none"]).arg(path);
    let output = command.output().context("cannot start `mount`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cannot mount `{}`: {}", path.display(), said.trim());
    Ok(())
}
