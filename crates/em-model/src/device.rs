//! CPU or CUDA.

use std::fmt;
use std::sync::Once;

use crate::{Error, Result};

/// Where a network computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// A CUDA device by its number.
    Cuda(usize),
}

impl Device {
    /// Returns the first CUDA device if there is one, else the processor.
    pub fn auto() -> Self {
        load_cuda_once();
        if tch::Cuda::is_available() { Self::Cuda(0) } else { Self::Cpu }
    }

    /// Reads `auto`, `cpu`, `cuda` or `cuda:N`, and checks that the device is there.
    ///
    /// # Errors
    ///
    /// Fails if the text is none of these, or if the CUDA device does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        let number = match text {
            "auto" => return Ok(Self::auto()),
            "cpu" => return Ok(Self::Cpu),
            "cuda" => Some(0),
            other => other.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
        };
        let number: usize = number.ok_or_else(|| Error::UnknownDevice { found: text.into() })?;
        load_cuda_once();
        let refuse = |reason: String| Err(Error::Device { asked: text.into(), reason });
        match tch::Cuda::device_count() {
            _ if !tch::Cuda::is_available() => refuse("libtorch finds no CUDA device on this machine".into()),
            count if number as i64 >= count => {
                refuse(format!("there are {count} CUDA devices, numbered from 0"))
            }
            _ => Ok(Self::Cuda(number)),
        }
    }

    /// Reads the device of one of several ranks: for `auto` and `cuda` each rank of a machine takes a CUDA device
    /// of its own, in turns where there are fewer of them.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn of_rank(text: &str, local_rank: usize) -> Result<Self> {
        match (text, Self::parse(text)?) {
            ("auto" | "cuda", Self::Cuda(_)) => {
                // There is one at least, since it was found.
                let count = usize::try_from(tch::Cuda::device_count()).unwrap_or(0).max(1);
                Ok(Self::Cuda(local_rank % count))
            }
            (_, device) => Ok(device),
        }
    }

    pub(crate) fn torch(self) -> tch::Device {
        match self {
            Self::Cpu => tch::Device::Cpu,
            Self::Cuda(number) => tch::Device::Cuda(number),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// libtorch caches its first answer about CUDA, so the library has to be there before any question.
fn load_cuda_once() {
    static LOADED: Once = Once::new();
    LOADED.call_once(cuda_library::load);
}

/// Loads `libtorch_cuda.so`, which the linker drops since no symbol of it is referenced.
mod cuda_library {
    #![expect(unsafe_code, reason = "loading a shared library runs its initialisers")]

    use std::path::PathBuf;

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

    /// Loads the CUDA half of libtorch if it stands beside the CPU half; else does nothing.
    pub fn load() {
        let Some(path) = beside_libtorch_cpu().filter(|path| path.is_file()) else { return };
        // SAFETY: the library is the other half of the libtorch that this program already runs
        // with, from the same folder; its initialisers register kernels and touch no Rust state.
        let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) };
        match library {
            // Kept for the life of the program: unloading it would leave dangling kernels.
            Ok(library) => std::mem::forget(library),
            Err(error) => {
                eprintln!("warning: `{}` could not be loaded, so CUDA is off: {error}", path.display())
            }
        }
    }

    /// The place of `libtorch_cuda.so` next to the `libtorch_cpu.so` of this process.
    fn beside_libtorch_cpu() -> Option<PathBuf> {
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        let cpu = maps.lines().find_map(|line| {
            let path = line.get(line.find('/')?..)?;
            path.ends_with("/libtorch_cpu.so").then_some(path)
        })?;
        Some(PathBuf::from(cpu).with_file_name("libtorch_cuda.so"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_by_name() {
        assert_eq!(Device::parse("cpu").unwrap(), Device::Cpu);
        let error = Device::parse("gpu").unwrap_err();
        assert_eq!(error.to_string(), "`gpu` is no device, expected auto, cpu, cuda or cuda:N");
    }

    #[test]
    fn a_cuda_device_that_is_not_there_is_refused() {
        let error = Device::parse("cuda:99").unwrap_err();
        assert!(error.to_string().starts_with("device `cuda:99` is not available"), "{error}");
    }
}
