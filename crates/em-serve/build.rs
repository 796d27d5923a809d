//! Lets the test programs of this crate find libtorch at run time.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Some(libtorch) = std::env::var_os("LIBTORCH")
        && let Ok(folder) = std::path::PathBuf::from(libtorch).join("lib").canonicalize()
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
