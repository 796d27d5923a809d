//! Lets the test programs of this crate find libtorch at run time, and compiles what training on several
//! ranks takes of its c10d (`src/ranks/shim`).

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch = std::env::var_os("LIBTORCH").map(PathBuf::from);
    if let Some(folder) = libtorch.as_ref().and_then(|path| path.join("lib").canonicalize().ok()) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
    #[cfg(feature = "distributed")]
    shim::compile(libtorch.as_deref());
}

#[cfg(feature = "distributed")]
mod shim {
    use super::{Path, PathBuf};

    const SOURCES: [&str; 4] = ["functions.cpp", "group.cpp", "interface.cpp", "nccl.cpp"];

    /// The headers of Gloo that those of libtorch include; one of ours declares what they take of them.
    const GLOO: [&str; 6] = [
        "algorithm.h",
        "common/error.h",
        "config.h",
        "context.h",
        "rendezvous/store.h",
        "transport/device.h",
    ];

    /// Compiles the shim against the libtorch that torch-sys takes.
    pub fn compile(libtorch: Option<&Path>) {
        let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
            .join("src/ranks/shim");
        println!("cargo:rerun-if-changed={}", folder.display());
        let include = include_folder(libtorch);
        let gloo = gloo_headers(&folder);
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .define("USE_C10D_GLOO", None)
            .define("_GLIBCXX_USE_CXX11_ABI", "1")
            .include(gloo)
            .flag("-isystem")
            .flag(&include)
            .flag("-isystem")
            .flag(include.join("torch/csrc/api/include"))
            .files(SOURCES.map(|source| folder.join(source)))
            .compile("em_ranks");
        for library in ["torch_cpu", "c10"] {
            println!("cargo:rustc-link-lib={library}");
        }
        println!("cargo:rustc-link-search={}", include.with_file_name("lib").display());
    }

    /// The headers of libtorch, c10d's among them.
    fn include_folder(libtorch: Option<&Path>) -> PathBuf {
        let include = libtorch.unwrap_or(Path::new("/usr")).join("include");
        let header = include.join("torch/csrc/distributed/c10d/ProcessGroupGloo.hpp");
        assert!(
            header.is_file(),
            "`{}` is missing, which the feature `distributed` takes; `cargo xtask libtorch` installs a libtorch \
             that has it, or build without the feature",
            header.display()
        );
        include
    }

    /// Puts headers named as Gloo's into a folder, each of which is our declarations.
    fn gloo_headers(shim: &Path) -> PathBuf {
        let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("gloo");
        let text = format!("#include \"{}\"\n", shim.join("gloo/declared.h").display());
        for name in GLOO {
            let path = folder.join("gloo").join(name);
            let parent = path.parent().expect("it lies in a folder");
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&path, &text))
                .unwrap_or_else(|error| panic!("`{}` cannot be written: {error}", path.display()));
        }
        folder
    }
}
