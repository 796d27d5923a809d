//! Checks unpacked wheels against their own lists of hashes, and moves what is wanted and right.
//!
//! A wheel carries `<name>.dist-info/RECORD`: rows of path, `sha256=<base64>`, size.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::checksum::sha256;
use crate::workspace::create_folder;

/// Moves the files that `keep` asks for from `unpacked` to `ready`, each one verified first; returns how many.
///
/// # Errors
///
/// Names the first file that is missing or whose hash differs.
pub fn take_verified(unpacked: &Path, ready: &Path, keep: impl Fn(&str) -> bool) -> Result<usize> {
    let mut verified = 0;
    for list in record_lists(unpacked)? {
        let rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(&list);
        let rows = rows.with_context(|| format!("cannot read `{}`", list.display()))?;
        for row in rows.into_records() {
            let row = row.with_context(|| format!("`{}` is damaged", list.display()))?;
            let (path, hash) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default());
            if !keep(path) {
                continue;
            }
            verified += usize::from(check(unpacked, path, hash)?);
            move_file(&unpacked.join(path), &ready.join(path))?;
        }
    }
    ensure!(verified > 0, "`{}` holds no wheel's RECORD", unpacked.display());
    Ok(verified)
}

fn record_lists(unpacked: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(unpacked).with_context(|| format!("cannot read `{}`", unpacked.display()))?;
    let mut lists = Vec::new();
    for entry in entries {
        let list =
            entry.with_context(|| format!("cannot read `{}`", unpacked.display()))?.path().join("RECORD");
        if list.is_file() {
            lists.push(list);
        }
    }
    lists.sort();
    Ok(lists)
}

/// Compares one file with its row; false for RECORD itself, which cannot list its own hash.
fn check(unpacked: &Path, path: &str, hash: &str) -> Result<bool> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(inside, "the RECORD names `{path}`, outside of the package");
    if hash.is_empty() && path.ends_with(".dist-info/RECORD") {
        return Ok(false);
    }
    let found = format!("sha256={}", BASE64_URL_SAFE_NO_PAD.encode(sha256(&unpacked.join(path))?));
    if found != hash {
        bail!("`{path}` is damaged: its hash is {found}, expected {hash}");
    }
    Ok(true)
}

fn move_file(from: &Path, to: &Path) -> Result<()> {
    create_folder(to.parent().expect("the path is inside a folder"))?;
    fs::rename(from, to).with_context(|| format!("cannot move `{}` to `{}`", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // base64.urlsafe_b64encode(hashlib.sha256(b"abc").digest()).rstrip(b"=")
    const HASH_OF_ABC: &str = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";

    fn wheel(rows: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a-1.dist-info/RECORD", rows)].iter().chain(files) {
            let path = folder.path().join("unpacked").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn take(folder: &tempfile::TempDir) -> Result<usize> {
        let keep = |path: &str| !path.ends_with(".py");
        take_verified(&folder.path().join("unpacked"), &folder.path().join("ready"), keep)
    }

    #[test]
    fn only_wanted_and_listed_files_arrive() {
        let rows = format!("lib/a.so,{HASH_OF_ABC},3\nlib/a.py,{HASH_OF_ABC},3\na-1.dist-info/RECORD,,\n");
        let folder = wheel(&rows, &[("lib/a.so", "abc"), ("lib/a.py", "abc"), ("lib/unlisted.so", "abc")]);
        assert_eq!(take(&folder).unwrap(), 1);
        let ready = folder.path().join("ready");
        assert!(ready.join("lib/a.so").is_file() && ready.join("a-1.dist-info/RECORD").is_file());
        assert!(!ready.join("lib/a.py").exists() && !ready.join("lib/unlisted.so").exists());
    }

    #[test]
    fn a_changed_byte_is_found_and_the_file_named() {
        let folder = wheel(&format!("lib/a.so,{HASH_OF_ABC},3\n"), &[("lib/a.so", "abd")]);
        let error = take(&folder).unwrap_err().to_string();
        assert!(error.starts_with("`lib/a.so` is damaged: its hash is sha256="), "{error}");
        assert!(!folder.path().join("ready/lib/a.so").exists());
    }

    #[test]
    fn a_file_without_a_hash_is_refused() {
        let folder = wheel("lib/a.so,,\n", &[("lib/a.so", "abc")]);
        assert!(take(&folder).is_err());
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = wheel(&format!("lib/a.so,{HASH_OF_ABC},3\n"), &[]);
        assert!(take(&folder).unwrap_err().to_string().contains("lib/a.so"));
    }

    #[test]
    fn a_path_that_leaves_the_package_is_refused() {
        let folder = wheel(&format!("../outside.so,{HASH_OF_ABC},3\n"), &[]);
        assert!(take(&folder).unwrap_err().to_string().contains("outside of the package"));
    }
}
