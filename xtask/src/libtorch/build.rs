//! The two builds of libtorch that can be installed: what to ask pip for, and which files of that to keep.

use super::VERSION;

/// A build of libtorch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    /// Runs on the CPU alone.
    Cpu,
    /// Runs on the CPU and on NVIDIA devices.
    Cuda,
}

/// Parts of `torch/lib` that only CUDA uses; torch-sys links CUDA wherever it sees the first of them.
const CUDA_LIBRARIES: [&str; 6] = [
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
    "libc10_cuda.so",
    "libcaffe2_nvrtc.so",
    "libtorch_nvshmem.so",
    UMBRELLA_LIBRARY,
];

/// Has no code of its own and needs libtorch_cuda.so; torch-sys names it to the linker.
pub const UMBRELLA_LIBRARY: &str = "libtorch.so";

/// The part of `torch/lib` that serves Python alone.
const PYTHON_LIBRARY: &str = "libtorch_python.so";

impl Build {
    /// Returns the name of the installed copy's folder.
    pub fn folder_name(self) -> String {
        let device = match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        };
        format!("libtorch-{VERSION}-{device}")
    }

    /// Returns pip's arguments that name the packages.
    pub fn requirements(self) -> Vec<String> {
        let torch = format!("torch=={VERSION}");
        match self {
            // libtorch_cpu.so of this wheel needs libcudart and libcupti, and nothing else of CUDA.
            Self::Cpu => vec![
                "--no-deps".into(),
                torch,
                "nvidia-cuda-runtime==13.0.96".into(),
                "nvidia-cuda-cupti==13.0.85".into(),
            ],
            Self::Cuda => vec![torch],
        }
    }

    /// Returns about how many bytes pip writes in all, for the progress bar: measured.
    pub fn expected_bytes(self) -> u64 {
        match self {
            Self::Cpu => 1_700_000_000,
            Self::Cuda => 7_500_000_000,
        }
    }

    /// Tells whether an unpacked file belongs into the copy: libraries, headers, CMake files, licences.
    pub fn keeps(self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let top = folder.split('/').next().unwrap_or_default();
        let in_torch =
            ["torch/lib/", "torch/include/", "torch/share/cmake/"].iter().any(|part| path.starts_with(part));
        let nvidia_library = top == "nvidia" && folder.ends_with("/lib") && name.contains(".so");
        let packaging =
            top.ends_with(".dist-info") && (top.starts_with("torch-") || top.starts_with("nvidia_"));
        let unused = name == PYTHON_LIBRARY || (self == Self::Cpu && CUDA_LIBRARIES.contains(&name));
        (in_torch || nvidia_library || packaging) && !unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cuda_build_keeps_cuda_libraries_and_neither_keeps_python() {
        for build in [Build::Cpu, Build::Cuda] {
            assert!(build.keeps("torch/lib/libtorch_cpu.so"));
            assert!(build.keeps("torch/include/torch/headeronly/version.h"));
            assert!(build.keeps("torch/share/cmake/Torch/TorchConfig.cmake"));
            assert!(build.keeps("nvidia/cu13/lib/libcudart.so.13"));
            assert!(build.keeps("torch-2.11.0.dist-info/licenses/LICENSE"));
            assert!(!build.keeps("torch/lib/libtorch_python.so"));
            assert!(!build.keeps("torch/__init__.py"));
            assert!(!build.keeps("torch/bin/protoc"));
            assert!(!build.keeps("nvidia/cu13/include/cuda.h"));
            assert!(!build.keeps("sympy-1.14.0.dist-info/METADATA"));
            assert!(!build.keeps("../../bin/torchrun"));
        }
        for name in CUDA_LIBRARIES {
            assert!(Build::Cuda.keeps(&format!("torch/lib/{name}")));
            assert!(!Build::Cpu.keeps(&format!("torch/lib/{name}")));
        }
    }
}
