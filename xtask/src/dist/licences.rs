//! The licences of all that is linked into the program and the Python module, which ask to go with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::tarball::files;
use crate::sbom;
use crate::workspace::{create_folder, root};

/// What is linked.
const LINKED: [&str; 2] = ["em-cli", "em-py"];

/// What is said of the library of OpenMP that comes with libtorch.
const LIBGOMP: &str = "\
lib/torch/lib/libgomp.so.1 is part of GCC, Copyright (C) Free Software Foundation, Inc.
It is under the GNU General Public License, version 3 or later, with the GCC Runtime Library Exception, version 3.1:
https://www.gnu.org/licenses/gpl-3.0.txt and https://www.gnu.org/licenses/gcc-exception-3.1.html.
Its source is that of GCC, https://gcc.gnu.org; the file is as PyTorch's wheel has it.
";

/// How files with licences and copyrights begin, in small letters.
const NAMES: [&str; 6] = ["licen", "copying", "copyright", "notice", "ufl", "ofl"];

/// Folders below a package in which sources of others and their licences may lie.
const DEPTH: usize = 3;

/// The licences of what is bundled into the page of `view`, which `npm run build` writes; the other pages have nothing
/// of others.
const PAGES: &str = "crates/em-serve/view/LICENSES.txt";

/// Returns every licence text once, each with the packages that have it.
pub fn third_party() -> Result<String> {
    let metadata = sbom::metadata()?;
    // Texts by what they are of, in an order that does not depend on where the packages lie.
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in LINKED {
        for package in sbom::linked_by(&metadata, name)? {
            // The workspace's own are beside this file.
            if !package["source"].is_null() {
                add(&mut texts, package)?;
            }
        }
    }
    let mut parts: Vec<String> = texts
        .into_iter()
        .map(|(text, packages)| format!("{}\n\n{text}", packages.into_iter().collect::<Vec<_>>().join("\n")))
        .collect();
    parts.sort();
    parts.push(read(&root().join(PAGES))?);
    Ok(parts.join(&format!("\n\n{}\n\n", "=".repeat(100))) + "\n")
}

/// Copies the licences of libtorch and of the packages beside it, each into a folder of its package.
///
/// That of torch names what is linked into it, MKL among them; libgomp, which it brings, is GCC's.
pub fn of_libtorch(torch: &Path, folder: &Path) -> Result<()> {
    let installed = torch.parent().context("libtorch lies in no folder")?;
    let all = files(installed)?;
    ensure!(
        all.iter().any(|path| of_package(path).is_some_and(|package| package.starts_with("torch-"))),
        "`{}` has no licence of torch",
        installed.display()
    );
    create_folder(folder)?;
    let gomp = folder.join("libgomp.txt");
    fs::write(&gomp, LIBGOMP).with_context(|| format!("cannot write `{}`", gomp.display()))?;
    for path in all {
        let Some(package) = of_package(&path) else { continue };
        let home = folder.join(package);
        create_folder(&home)?;
        let name = path.file_name().unwrap_or_default();
        fs::copy(&path, home.join(name)).with_context(|| format!("cannot copy `{}`", path.display()))?;
    }
    Ok(())
}

/// Returns the package whose licence a file is: `NAME-VERSION.dist-info/licenses/FILE`.
fn of_package(path: &Path) -> Option<&str> {
    let mut above = path.ancestors().skip(1).filter_map(Path::file_name).filter_map(|name| name.to_str());
    let is_licence = above.next()? == "licenses";
    let package = above.next()?.strip_suffix(".dist-info")?;
    is_licence.then_some(package)
}

fn add(texts: &mut BTreeMap<String, BTreeSet<String>>, package: &Value) -> Result<()> {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let title = format!("{} {} ({})", text("name"), text("version"), text("license"));
    let manifest = text("manifest_path");
    let folder = Path::new(&manifest).parent().context("a package without a folder")?;
    let files = licences(folder, DEPTH)?;
    if files.is_empty() {
        // It says what it is under, and its text is that of others.
        texts
            .entry("Its package has no file with the licence that it names.".into())
            .or_default()
            .insert(title.clone());
    }
    for file in files {
        texts.entry(read(&file)?).or_default().insert(title.clone());
    }
    Ok(())
}

/// The files of a folder, and of those in it, that hold licences, sorted.
fn licences(folder: &Path, depth: usize) -> Result<Vec<std::path::PathBuf>> {
    let failed = || format!("cannot read `{}`", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() && depth > 0 {
            found.extend(licences(&path, depth - 1)?);
        } else if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) && !is_source(&name) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Tells whether a file is a program about licences, and none.
fn is_source(name: &str) -> bool {
    [".rs", ".py", ".sh", ".c", ".h", ".toml"].iter().any(|ending| name.ends_with(ending))
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_of_packages_lie_in_one_place() {
        let package = |path| of_package(Path::new(path));
        assert_eq!(package("/x/torch-2.11.0.dist-info/licenses/NOTICE"), Some("torch-2.11.0"));
        assert_eq!(package("/x/torch-2.11.0.dist-info/RECORD"), None);
        assert_eq!(package("/x/torch/licenses/NOTICE"), None);
    }

    #[test]
    fn a_text_that_several_packages_have_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut texts = BTreeMap::new();
        for (name, file, text) in
            [("a", "LICENSE-MIT", "Do.\r\n\n"), ("b", "Copying.txt", "\nDo.  "), ("c", "README", "no")]
        {
            let home = folder.path().join(name);
            fs::create_dir(&home).unwrap();
            fs::write(home.join(file), text).unwrap();
            let manifest = home.join("Cargo.toml");
            add(&mut texts, &serde_json::json!({ "name": name, "version": "1", "license": "MIT", "manifest_path": manifest })).unwrap();
        }
        let of_do: Vec<&String> = texts["Do."].iter().collect();
        assert_eq!(of_do, ["a 1 (MIT)", "b 1 (MIT)"]);
        assert_eq!(texts.len(), 2, "c says that it has no file");
    }
}
