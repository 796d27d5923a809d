//! The tarball: the program with all that it needs, which runs where it is unpacked.
//!
//! ```text
//! em-cli-0.1.0-linux-x86_64-cpu/
//!   bin/em-cli            looks for libtorch in ../lib/torch/lib
//!   lib/torch/lib/        libtorch, as its own package lays it
//!   lib/nvidia/           what libtorch links of NVIDIA's
//!   share/man/man1/       and completions, where shells look for them under a prefix
//!   share/doc/em-cli/     README, licences of all parts, em-cli.cdx.json (CycloneDX)
//!   SHA256SUMS
//! ```

use std::env::consts;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{VERSION, archive, binary, licences, symbols};
use crate::checksum::{sha256, to_hex};
use crate::sbom;
use crate::workspace::{capture, create_folder, root, run, target_folder};

/// Where the program finds libtorch, from where it lies itself.
const RUN_PATH: &str = "$ORIGIN/../lib/torch/lib";

/// The script of each shell, and where it is looked for under a prefix.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/em-cli"),
    ("zsh", "share/zsh/site-functions/_em-cli"),
    ("fish", "share/fish/vendor_completions.d/em-cli.fish"),
];

/// Packs the program that is built with a libtorch, and returns the tarball.
pub fn pack(torch: &Path, cuda: bool, out: &Path) -> Result<PathBuf> {
    let started = Instant::now();
    create_folder(out)?;
    let name = format!("em-cli-{VERSION}-linux-{}-{}", consts::ARCH, if cuda { "cuda" } else { "cpu" });
    let scratch = tempfile::Builder::new().prefix(".em-cli-").tempdir_in(out);
    let scratch = scratch.with_context(|| format!("cannot write into `{}`", out.display()))?;
    let tree = scratch.path().join(&name);
    let program = tree.join("bin/em-cli");
    create_folder(&tree.join("bin"))?;
    binary::copy(&target_folder().join("release/em-cli"), &program, Some(RUN_PATH))?;
    take_libraries(torch, cuda, &tree.join("lib"))?;
    document(&program, torch, &tree)?;
    sum(&tree)?;
    let packed = out.join(format!("{name}.tar.gz"));
    archive::pack(scratch.path(), &packed)?;
    let digest = to_hex(&sha256(&packed)?);
    let beside = out.join(format!("{name}.tar.gz.sha256"));
    fs::write(&beside, format!("{digest}  {name}.tar.gz\n"))
        .with_context(|| format!("cannot write `{}`", beside.display()))?;
    println!(
        "`{}`: {:.1} MB, for glibc 2.{} or newer, {:.0} s",
        packed.display(),
        fs::metadata(&packed)?.len() as f64 / 1e6,
        symbols::manylinux(&[&program, &tree.join("lib/torch/lib/libtorch_cpu.so")])?,
        started.elapsed().as_secs_f64()
    );
    Ok(packed)
}

/// Takes the libraries of libtorch, and of NVIDIA's packages beside it.
fn take_libraries(torch: &Path, cuda: bool, lib: &Path) -> Result<()> {
    // Links of its CUDA half are in libtorch_cpu.so of PyTorch's wheel, whatever computes.
    let links = ["libcudart.so", "libcupti.so"];
    let is_used = |name: &str| cuda || links.iter().any(|link| name.starts_with(link));
    take_shared_objects(&torch.join("lib"), &lib.join("torch/lib"), |name| !is_of_python(name))?;
    let packages = torch.with_file_name("nvidia");
    for folder in folders(&packages)? {
        let name = folder.file_name().unwrap_or_default();
        take_shared_objects(&folder.join("lib"), &lib.join("nvidia").join(name).join("lib"), is_used)?;
    }
    Ok(())
}

/// Copies what a program can load, of a folder that may be absent.
fn take_shared_objects(from: &Path, to: &Path, is_taken: impl Fn(&str) -> bool) -> Result<()> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", from.display())),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        // Links between libraries serve the linker alone: programs name what they point to.
        if path.is_symlink() || !path.is_file() || !name.contains(".so") || !is_taken(name) {
            continue;
        }
        create_folder(to)?;
        copy(&path, &to.join(name))?;
    }
    Ok(())
}

/// Tells whether Python alone loads a library.
fn is_of_python(name: &str) -> bool {
    ["libtorch_python", "libshm", "libtorch_global_deps"].iter().any(|start| name.starts_with(start))
}

/// Writes what the program says of itself, by starting it where it was laid: it must run there.
fn document(program: &Path, torch: &Path, tree: &Path) -> Result<()> {
    let alone = |args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).env_clear();
        command
    };
    for (shell, place) in COMPLETIONS {
        let place = tree.join(place);
        create_folder(place.parent().unwrap_or(tree))?;
        fs::write(&place, capture(&mut alone(&["completions", shell]))?)
            .with_context(|| format!("cannot write `{}`", place.display()))?;
    }
    run(alone(&["man"]).arg(tree.join("share/man/man1")))?;
    let documents = tree.join("share/doc/em-cli");
    create_folder(&documents)?;
    for name in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "SECURITY.md"] {
        copy(&root().join(name), &documents.join(name))?;
    }
    // The README leads into them.
    for page in files(&root().join("docs"))? {
        let to = documents.join(page.strip_prefix(root()).expect("it was found there"));
        create_folder(to.parent().unwrap_or(&documents))?;
        copy(&page, &to)?;
    }
    let write = |name: &str, text: String| {
        let path = documents.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    };
    write("em-cli.cdx.json", sbom::text()?.0)?;
    write("THIRD-PARTY.txt", licences::third_party()?)?;
    licences::of_libtorch(torch, &documents.join("libtorch"))
}

/// Writes the checksum of each file, as `sha256sum --check` reads them.
fn sum(tree: &Path) -> Result<()> {
    let mut lines = String::new();
    for path in files(tree)? {
        let name = path.strip_prefix(tree).expect("it was found there").display();
        lines += &format!("{}  {name}\n", to_hex(&sha256(&path)?));
    }
    let path = tree.join("SHA256SUMS");
    fs::write(&path, lines).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Returns all files below a folder, in the order of their paths.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let failed = || format!("cannot read `{}`", folder.display());
        for entry in fs::read_dir(&folder).with_context(failed)? {
            let path = entry.with_context(failed)?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the folders of a folder, in order; none where it is absent.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = || format!("cannot read `{}`", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a file with its permissions.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))
}
