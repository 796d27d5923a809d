//! The wheel: the program, the Python package around it, and PyTorch as what it needs.
//!
//! ```text
//! site-packages/torch/lib/libtorch_cpu.so        of the wheel `torch`
//! site-packages/em_cli/bin/em-cli                run path: $ORIGIN/../../torch/lib
//! site-packages/em_cli/_native.abi3.so           the crates without libtorch
//! site-packages/em_cli/*.py, *.pyi               crates/em-py/python/em_cli
//! site-packages/em_cli/_napari/                  the plugin that napari finds by its entry point
//! bin/em-cli                                     made by pip: em_cli._launch:main
//! ```
//!
//! Names, times and permissions in it are fixed, so that the same files give the same bytes.

use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{VERSION, binary, licences, set_readable, symbols};
use crate::workspace::{cargo, create_folder, root, run as run_command, target_folder};
use crate::{libtorch, sbom};

/// From `em_cli/bin` to the libraries of the package `torch` beside it.
const RUN_PATH: &str = "$ORIGIN/../../torch/lib";

/// The oldest Python that the module is built for (`abi3-py310` in Cargo.toml), and PyTorch is published for.
const PYTHON: [u32; 2] = [3, 10];

/// The Python package, from the workspace's root.
const PACKAGE: &str = "crates/em-py/python/em_cli";

/// What pip makes a command of, and napari a plugin.
const ENTRY_POINTS: &str = "\
[console_scripts]
em-cli = em_cli._launch:main

[napari.manifest]
em-cli = em_cli._napari:napari.yaml
";

/// A file of the wheel.
struct Entry {
    name: String,
    content: Vec<u8>,
    is_program: bool,
}

/// Builds the program and the module, with the features that users get.
pub fn build() -> Result<()> {
    libtorch::ensure()?;
    // At once, so that what both use is compiled once.
    run_command(&mut cargo(["build", "--release", "--package", "em-cli", "--package", "em-py"]))
}

/// Writes the wheel of what is built into a folder, and returns its path.
pub fn pack(folder: &Path) -> Result<PathBuf> {
    let started = Instant::now();
    create_folder(folder)?;
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let [program, module] = ["em-cli", "_native.abi3.so"].map(|name| scratch.path().join(name));
    binary::copy(&target_folder().join("release/em-cli"), &program, Some(RUN_PATH))?;
    binary::copy(&module_built(), &module, None)?;
    let glibc = symbols::manylinux(&[&program, &module])?;
    let tag = format!("cp{}{}-abi3-manylinux_2_{glibc}_{}", PYTHON[0], PYTHON[1], std::env::consts::ARCH);

    let mut entries = package()?;
    entries.push(Entry { name: "em_cli/_native.abi3.so".into(), content: read(&module)?, is_program: true });
    entries.push(Entry { name: "em_cli/bin/em-cli".into(), content: read(&program)?, is_program: true });
    entries.extend(dist_info(&tag)?);
    let path = folder.join(format!("em_cli-{VERSION}-{tag}.whl"));
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write into `{}`", folder.display()))?;
    write(&mut file, entries)?;
    set_readable(file.path())?;
    file.persist(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let bytes = fs::metadata(&path).with_context(|| format!("cannot read `{}`", path.display()))?.len();
    println!(
        "`{}`: {:.1} MB, packed in {:.0} s",
        path.display(),
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64()
    );
    Ok(path)
}

/// Lays the package out in a folder as it is installed, without the program: for tests of what was built.
pub fn lay_out(folder: &Path) -> Result<()> {
    for entry in package()?.into_iter().chain(described()?) {
        let path = folder.join(&entry.name);
        create_folder(path.parent().expect("it lies in the folder"))?;
        fs::write(&path, &entry.content).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let module = folder.join("em_cli/_native.abi3.so");
    // Another one may be loaded under that name: it is replaced, not overwritten.
    let _ = fs::remove_file(&module);
    fs::copy(module_built(), &module).with_context(|| format!("cannot write `{}`", module.display()))?;
    Ok(())
}

fn module_built() -> PathBuf {
    target_folder().join("release/libem_py.so")
}

/// The files of the Python package.
fn package() -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    gather(&root().join(PACKAGE), "em_cli", &mut entries)?;
    ensure!(!entries.is_empty(), "`{PACKAGE}` has no Python file, expected the package");
    Ok(entries)
}

/// Adds the files of a folder and those below it, which are known as `name`.
fn gather(folder: &Path, name: &str, entries: &mut Vec<Entry>) -> Result<()> {
    let failed = || format!("cannot read `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{name}/{file}");
        if path.is_dir() {
            gather(&path, &name, entries)?;
        } else if [".py", ".pyi", ".typed", ".yaml"].iter().any(|ending| file.ends_with(ending)) {
            entries.push(Entry { name, content: read(&path)?, is_program: false });
        }
    }
    Ok(())
}

/// What describes the package to pip, all but RECORD.
fn dist_info(tag: &str) -> Result<Vec<Entry>> {
    let wheel =
        format!("Wheel-Version: 1.0\nGenerator: cargo xtask dist\nRoot-Is-Purelib: false\nTag: {tag}\n");
    let mut entries = Vec::from(described()?);
    entries.extend([
        described_by("WHEEL", wheel.into_bytes()),
        described_by("licenses/THIRD-PARTY.txt", licences::third_party()?.into_bytes()),
        described_by("sboms/em-cli.cdx.json", sbom::text()?.0.into_bytes()),
    ]);
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        entries.push(described_by(&format!("licenses/{name}"), read(&root().join(name))?));
    }
    Ok(entries)
}

/// What Python's own `importlib.metadata` looks at, and napari by it.
fn described() -> Result<[Entry; 2]> {
    let readme = fs::read_to_string(root().join("crates/em-py/README.md")).context("em-py has no README")?;
    Ok([
        described_by("METADATA", (metadata() + "\n" + &readme).into_bytes()),
        described_by("entry_points.txt", ENTRY_POINTS.into()),
    ])
}

fn described_by(name: &str, content: Vec<u8>) -> Entry {
    Entry { name: format!("em_cli-{VERSION}.dist-info/{name}"), content, is_program: false }
}

/// The fields of METADATA (Core metadata 2.4), without the description.
fn metadata() -> String {
    format!(
        "Metadata-Version: 2.4\n\
         Name: em-cli\n\
         Version: {VERSION}\n\
         Summary: Segmentation of electron-microscopy volumes: the program em-cli, and its files, scores and objects on NumPy's arrays\n\
         License-Expression: MIT OR Apache-2.0\n\
         License-File: LICENSE-APACHE\n\
         License-File: LICENSE-MIT\n\
         License-File: THIRD-PARTY.txt\n\
         Keywords: electron-microscopy,segmentation,microscopy,connectomics\n\
         Classifier: Framework :: napari\n\
         Classifier: Operating System :: POSIX :: Linux\n\
         Classifier: Programming Language :: Rust\n\
         Classifier: Topic :: Scientific/Engineering :: Image Processing\n\
         Classifier: Typing :: Typed\n\
         Requires-Python: >={}.{}\n\
         Requires-Dist: numpy>=1.23\n\
         Requires-Dist: torch=={}\n\
         Provides-Extra: napari\n\
         Requires-Dist: napari>=0.6.2; extra == 'napari'\n\
         Description-Content-Type: text/markdown\n",
        PYTHON[0],
        PYTHON[1],
        libtorch::VERSION
    )
}

/// Writes the files and their RECORD as a zip archive, in the order of their names with the description last.
fn write(to: impl Write + Seek, mut entries: Vec<Entry>) -> Result<()> {
    entries.sort_by(|a, b| {
        (a.name.contains(".dist-info/"), &a.name).cmp(&(b.name.contains(".dist-info/"), &b.name))
    });
    let mut record = String::new();
    for Entry { name, content, .. } in &entries {
        let hash = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        record += &format!("{name},sha256={hash},{}\n", content.len());
    }
    let name = format!("em_cli-{VERSION}.dist-info/RECORD");
    record += &format!("{name},,\n");
    entries.push(Entry { name, content: record.into_bytes(), is_program: false });

    let mut archive = ZipWriter::new(to);
    for Entry { name, content, is_program } in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(if is_program { 0o755 } else { 0o644 });
        archive.start_file(&name, options).with_context(|| format!("cannot write `{name}`"))?;
        archive.write_all(&content).with_context(|| format!("cannot write `{name}`"))?;
    }
    archive.finish().context("cannot finish the wheel")?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    fn made() -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let entry = |name: &str, is_program| Entry { name: name.into(), content: name.into(), is_program };
        let entries = vec![
            entry("em_cli-0.1.0.dist-info/METADATA", false),
            entry("em_cli/bin/em-cli", true),
            entry("em_cli/__init__.py", false),
        ];
        write(&mut bytes, entries).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_same_files_give_the_same_bytes_and_each_is_recorded() {
        assert_eq!(made(), made());
        let mut archive = zip::ZipArchive::new(Cursor::new(made())).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        let record = format!("em_cli-{VERSION}.dist-info/RECORD");
        assert_eq!(
            names,
            ["em_cli/__init__.py", "em_cli/bin/em-cli", "em_cli-0.1.0.dist-info/METADATA", &record]
        );
        assert_eq!(archive.by_name("em_cli/bin/em-cli").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        let mut text = String::new();
        archive.by_name(&record).unwrap().read_to_string(&mut text).unwrap();
        // printf em_cli/bin/em-cli | openssl dgst -sha256 -binary | basenc --base64url
        assert!(
            text.contains("em_cli/bin/em-cli,sha256=JcFh17jJvR-L050IH4yapCGA4VmEL2N-D4W2YLHlwzg,17\n"),
            "{text}"
        );
        assert!(text.ends_with("RECORD,,\n"));
    }

    #[test]
    fn the_oldest_python_is_that_of_the_module() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("\"abi3-py{}{}\"", PYTHON[0], PYTHON[1])));
        assert!(metadata().contains("\nRequires-Dist: torch==2.11.0\n"));
    }

    #[test]
    fn the_plugin_is_in_the_wheel_and_named_by_its_entry_point() {
        let names: Vec<String> = package().unwrap().into_iter().map(|entry| entry.name).collect();
        for name in ["em_cli/__init__.py", "em_cli/_napari/__init__.py", "em_cli/_napari/napari.yaml"] {
            assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
        }
        assert!(ENTRY_POINTS.contains("\n[napari.manifest]\nem-cli = em_cli._napari:napari.yaml\n"));
        assert!(metadata().contains("\nProvides-Extra: napari\nRequires-Dist: napari>="));
    }
}
