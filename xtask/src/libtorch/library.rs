//! A folder that holds libtorch 2.11.0, checked: what torch-sys looks for is there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::VERSION;
use super::build::Build;

/// A checked folder with `lib` and `include`.
#[derive(Debug)]
pub struct Libtorch {
    path: PathBuf,
}

impl Libtorch {
    /// Checks that a folder holds the libraries and headers of the version that tch needs.
    ///
    /// # Errors
    ///
    /// Says which file is missing, or which version was found.
    pub fn open(path: &Path) -> Result<Self> {
        for needed in ["lib/libtorch_cpu.so", "lib/libc10.so", "include/torch/csrc/api/include/torch/torch.h"]
        {
            if !path.join(needed).is_file() {
                bail!("`{}` has no `{needed}`", path.display());
            }
        }
        let found = version_of(path)?;
        if found != VERSION {
            bail!("`{}` is libtorch {found}, expected {VERSION}", path.display());
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Checks that it serves a build: a CUDA one serves the CPU too, since only what is used gets linked.
    pub fn serving(self, build: Build) -> Result<Self> {
        if build == Build::Cuda && !self.path.join("lib/libtorch_cuda.so").is_file() {
            bail!("`{}` is a libtorch for the CPU, expected one with CUDA", self.path.display());
        }
        Ok(self)
    }

    /// Returns the folder, the value that `LIBTORCH` should have.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads the version from the header, which every distribution of libtorch carries.
fn version_of(path: &Path) -> Result<String> {
    let header = path.join("include/torch/headeronly/version.h");
    let text = fs::read_to_string(&header)
        .with_context(|| format!("cannot read `{}`, expected in libtorch {VERSION}", header.display()))?;
    let number = |name: &str| {
        text.lines()
            .find_map(|line| {
                line.strip_prefix("#define TORCH_VERSION_")?.strip_prefix(name)?.trim().parse::<u32>().ok()
            })
            .with_context(|| format!("`{}` defines no TORCH_VERSION_{name}", header.display()))
    };
    Ok(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Makes a folder that looks like libtorch to everything here.
    pub fn imitate(path: &Path, minor: u32) {
        let write = |name: &str, text: &str| {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("lib/libtorch_cpu.so", "");
        write("lib/libc10.so", "");
        write("include/torch/csrc/api/include/torch/torch.h", "");
        let header = format!(
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR {minor}\n#define TORCH_VERSION_PATCH 0\n"
        );
        write("include/torch/headeronly/version.h", &header);
    }

    #[test]
    fn another_version_is_refused_with_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        imitate(folder.path(), 10);
        let error = Libtorch::open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("is libtorch 2.10.0, expected 2.11.0"), "{error}");
        imitate(folder.path(), 11);
        assert!(Libtorch::open(folder.path()).is_ok());
    }

    #[test]
    fn a_missing_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        imitate(folder.path(), 11);
        fs::remove_file(folder.path().join("lib/libtorch_cpu.so")).unwrap();
        let error = Libtorch::open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("has no `lib/libtorch_cpu.so`"), "{error}");
    }

    #[test]
    fn a_cpu_library_does_not_serve_cuda() {
        let folder = tempfile::tempdir().unwrap();
        imitate(folder.path(), 11);
        assert!(Libtorch::open(folder.path()).unwrap().serving(Build::Cpu).is_ok());
        assert!(Libtorch::open(folder.path()).unwrap().serving(Build::Cuda).is_err());
    }
}
