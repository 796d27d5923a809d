//! The licences of all parts of a distribution: crates, libtorch, NVIDIA's libraries, and the packages of the pages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::tarball::{copy, files};
use crate::sbom::{self, Linked};
use crate::workspace::{create_folder, root};

/// What is bundled into the page of `view`, with the licences of all packages.
const PAGES: &str = "crates/em-serve/view/LICENSES.txt";

/// How the names of files with licences begin, in lower case.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// Collects them into a folder: one folder for each part, and `INDEX.txt` with what each is under.
pub fn collect(torch: &Path, folder: &Path) -> Result<()> {
    create_folder(folder)?;
    let mut index = String::from("Each part, its licence by SPDX, and the files that it brought here.\n\n");
    for part in sbom::linked_crates()? {
        let taken = take(&part, folder)?;
        let files = if taken == 0 { "none of its own".to_owned() } else { format!("{taken} files") };
        index += &format!("{} {}: {} ({files})\n", part.name, part.version, part.licence);
    }
    let torch = torch.canonicalize().with_context(|| format!("cannot find `{}`", torch.display()))?;
    index += "\nlibtorch and NVIDIA's libraries, as their packages say:\n";
    for path in files(torch.parent().unwrap_or(&torch))? {
        let Some(package) = of_package(&path) else { continue };
        let to = folder.join(&package);
        create_folder(&to)?;
        copy(&path, &to.join(path.file_name().unwrap_or_default()))?;
        index += &format!("{package}/{}\n", path.file_name().unwrap_or_default().display());
    }
    copy(&root().join(PAGES), &folder.join("pages.txt"))?;
    index += "\npages.txt: the packages that the pages are made of\n";
    let path = folder.join("INDEX.txt");
    fs::write(&path, index).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Copies the files of a crate, and counts them.
fn take(part: &Linked, folder: &Path) -> Result<usize> {
    let failed = || format!("cannot read `{}`", part.folder.display());
    let mut taken = 0;
    for entry in fs::read_dir(&part.folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let name = path.file_name().unwrap_or_default();
        let lower = name.to_string_lossy().to_lowercase();
        if path.is_file() && NAMES.iter().any(|start| lower.starts_with(start)) {
            let to = folder.join(format!("{}-{}", part.name, part.version));
            create_folder(&to)?;
            copy(&path, &to.join(name))?;
            taken += 1;
        }
    }
    Ok(taken)
}

/// Returns the package whose licence a file is: `NAME-VERSION.dist-info/licenses/FILE`.
fn of_package(path: &Path) -> Option<String> {
    let mut above = path.ancestors().skip(1).filter_map(Path::file_name).filter_map(|name| name.to_str());
    let is_licence = above.next()? == "licenses";
    let package = above.next()?.strip_suffix(".dist-info")?;
    is_licence.then(|| package.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_of_packages_lie_in_one_place() {
        let package = |path: &str| of_package(Path::new(path));
        assert_eq!(package("/x/torch-2.11.0.dist-info/licenses/NOTICE").as_deref(), Some("torch-2.11.0"));
        assert_eq!(package("/x/torch-2.11.0.dist-info/RECORD"), None);
        assert_eq!(package("/x/torch/licenses/NOTICE"), None);
    }

    #[test]
    fn a_crate_gives_its_licences_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let part = scratch.path().join("part");
        fs::create_dir_all(part.join("license-folder")).unwrap();
        for name in ["LICENSE-MIT", "COPYING", "Cargo.toml", "relicensed.md"] {
            fs::write(part.join(name), name).unwrap();
        }
        let out = scratch.path().join("out");
        let part =
            Linked { name: "part".into(), version: "1.2.3".into(), licence: "MIT".into(), folder: part };
        assert_eq!(take(&part, &out).unwrap(), 2);
        let names: Vec<_> = files(&out).unwrap();
        assert_eq!(names, [out.join("part-1.2.3/COPYING"), out.join("part-1.2.3/LICENSE-MIT")]);
    }
}
