//! The copy of libtorch in the user's cache folder: made once, verified, whole or not there.
//!
//! ```text
//! <cache>/em-cli/libtorch-2.11.0-cpu/        torch/, nvidia/, licences, and the marker
//! <cache>/em-cli/libtorch-2.11.0-cpu.lock    held while one process installs
//! <cache>/em-cli/libtorch-2.11.0-cpu.XXXX/   an installation under way, or what a killed one left
//! ```

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::build::{Build, UMBRELLA_LIBRARY};
use super::library::Libtorch;
use super::{VERSION, pip, record, symlink};
use crate::advice::Advised;
use crate::workspace::create_folder;

/// Written last; a copy without it was not verified.
const MARKER: &str = "VERIFIED";

/// Returns the installed copy, where there is one that was verified and still looks whole.
pub fn installed(cache: &Path, build: Build) -> Option<Libtorch> {
    let home = cache.join(build.folder_name());
    if !home.join(MARKER).is_file() {
        return None;
    }
    Libtorch::open(&home.join("torch")).and_then(|library| library.serving(build)).ok()
}

/// Installs the copy; of two processes at once one does the work and the other waits for it.
pub fn install(cache: &Path, build: Build) -> Result<Libtorch> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Advised::new(
            "libtorch is installed by this command on Linux x86-64 only",
            format!(
                "install torch {VERSION} into the active Python, or set LIBTORCH to a libtorch {VERSION}"
            ),
        )
        .into());
    }
    install_with(cache, build, pip::install)
}

/// Does the work of [`install`] with any way to get the packages into `unpacked`, given a folder for temporary files.
fn install_with(
    cache: &Path,
    build: Build,
    unpack: impl FnOnce(Build, &Path, &Path) -> Result<()>,
) -> Result<Libtorch> {
    create_folder(cache)?;
    let _lock = wait_for_lock(&cache.join(build.folder_name() + ".lock"))?;
    if let Some(library) = installed(cache, build) {
        return Ok(library);
    }
    remove_stale(cache, build)?;
    let home = cache.join(build.folder_name());
    println!("installing libtorch {VERSION} into `{}`", home.display());

    let scratch = tempfile::Builder::new().prefix(&format!("{}.", build.folder_name())).tempdir_in(cache);
    let scratch = scratch.with_context(|| format!("cannot write into `{}`", cache.display()))?;
    let (unpacked, ready) = (scratch.path().join("unpacked"), scratch.path().join("ready"));
    unpack(build, &unpacked, scratch.path())?;
    let files = record::take_verified(&unpacked, &ready, |path| build.keeps(path))?;
    if build == Build::Cpu {
        replace_umbrella(&ready.join("torch/lib"))?;
    }
    Libtorch::open(&ready.join("torch")).and_then(|library| library.serving(build))?;
    println!("verified {files} files against the packages' own SHA-256");

    let marker = ready.join(MARKER);
    fs::write(&marker, format!("{VERSION}\n{files} files\n"))
        .with_context(|| format!("cannot write `{}`", marker.display()))?;
    fs::rename(&ready, &home).with_context(|| format!("cannot create `{}`", home.display()))?;
    match installed(cache, build) {
        Some(library) => Ok(library),
        None => bail!("`{}` is not what was just written there", home.display()),
    }
}

/// Lets `-ltorch` mean libtorch_cpu.so.
///
/// The wheel's own libtorch.so needs CUDA, and GNU ld, unlike lld, keeps it in the program.
fn replace_umbrella(libraries: &Path) -> Result<()> {
    let umbrella = libraries.join(UMBRELLA_LIBRARY);
    symlink(Path::new("libtorch_cpu.so"), &umbrella)
        .with_context(|| format!("cannot create `{}`", umbrella.display()))
}

/// Takes the lock, which the system frees when its holder ends, however it ends.
fn wait_for_lock(path: &Path) -> Result<File> {
    let context = || format!("cannot lock `{}`", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(path).with_context(context)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            println!("waiting for another installation of libtorch to end");
            file.lock().with_context(context)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(context),
    }
    Ok(file)
}

/// Removes what dead runs left, and a copy that is not whole. Only the lock's holder may call it.
fn remove_stale(cache: &Path, build: Build) -> Result<()> {
    let context = || format!("cannot read `{}`", cache.display());
    for entry in fs::read_dir(cache).with_context(context)? {
        let entry = entry.with_context(context)?;
        if is_left_over(&entry.path(), &build.folder_name()) {
            println!("removing `{}`, which an interrupted run left", entry.path().display());
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove `{}`", entry.path().display()))?;
        }
    }
    Ok(())
}

fn is_left_over(path: &Path, folder_name: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let rest = name.strip_prefix(folder_name);
    path.is_dir() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::super::library::tests::imitate;
    use super::*;

    /// Stands in for pip: unpacks a wheel of the given minor version.
    fn fake_wheel(minor: u32) -> impl FnOnce(Build, &Path, &Path) -> Result<()> {
        move |_, unpacked, _| {
            imitate(&unpacked.join("torch"), minor);
            let mut rows = String::new();
            for name in [
                "lib/libtorch_cpu.so",
                "lib/libc10.so",
                "include/torch/csrc/api/include/torch/torch.h",
                "include/torch/headeronly/version.h",
            ] {
                use base64::Engine;
                let hash = crate::checksum::sha256(&unpacked.join("torch").join(name))?;
                let hash = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(hash);
                rows += &format!("torch/{name},sha256={hash},0\n");
            }
            fs::create_dir_all(unpacked.join("torch-2.11.0.dist-info"))?;
            fs::write(unpacked.join("torch-2.11.0.dist-info/RECORD"), rows)?;
            Ok(())
        }
    }

    fn names(cache: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(cache)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_umbrella_library_of_the_cpu_build_needs_no_cuda() {
        let cache = tempfile::tempdir().unwrap();
        let library = install_with(cache.path(), Build::Cpu, fake_wheel(11)).unwrap();
        let umbrella = fs::read_link(library.path().join("lib/libtorch.so")).unwrap();
        assert_eq!(umbrella, Path::new("libtorch_cpu.so"));
    }

    #[test]
    fn a_second_run_finds_the_copy_and_unpacks_nothing() {
        let cache = tempfile::tempdir().unwrap();
        install_with(cache.path(), Build::Cpu, fake_wheel(11)).unwrap();
        install_with(cache.path(), Build::Cpu, |_, _, _| panic!("it is there")).unwrap();
        assert_eq!(names(cache.path()), ["libtorch-2.11.0-cpu", "libtorch-2.11.0-cpu.lock"]);
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir_all(cache.path().join("libtorch-2.11.0-cpu.abc/unpacked")).unwrap();
        fs::create_dir_all(cache.path().join("libtorch-2.11.0-cpu/torch")).unwrap();
        fs::create_dir_all(cache.path().join("libtorch-2.11.0-cuda.abc")).unwrap();
        install_with(cache.path(), Build::Cpu, fake_wheel(11)).unwrap();
        assert_eq!(
            names(cache.path()),
            ["libtorch-2.11.0-cpu", "libtorch-2.11.0-cpu.lock", "libtorch-2.11.0-cuda.abc"]
        );
    }

    #[test]
    fn a_failed_run_leaves_no_copy() {
        let cache = tempfile::tempdir().unwrap();
        assert!(install_with(cache.path(), Build::Cpu, fake_wheel(10)).is_err());
        assert!(install_with(cache.path(), Build::Cpu, |_, _, _| bail!("disk full")).is_err());
        assert_eq!(names(cache.path()), ["libtorch-2.11.0-cpu.lock"]);
    }

    #[test]
    fn of_two_runs_at_once_one_installs() {
        let cache = tempfile::tempdir().unwrap();
        let installs = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    install_with(cache.path(), Build::Cpu, |build, unpacked, scratch| {
                        installs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(200));
                        fake_wheel(11)(build, unpacked, scratch)
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(installs.into_inner(), 1);
    }
}
