//! The files of a folder, and whether they are those of another one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// All files of a folder by their paths within it.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// What is the same in two runs, of a file by its path: times of day and seconds are not.
pub type Same = fn(&str, Vec<u8>) -> Result<Vec<u8>>;

/// Takes every byte.
pub fn every_byte(_: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    Ok(bytes)
}

/// Reads a folder; one that is not there holds nothing.
pub fn read(folder: &Path, same: Same) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        if !inner.exists() {
            continue;
        }
        let failed = || format!("cannot read `{}`", inner.display());
        for entry in fs::read_dir(&inner).with_context(failed)? {
            let path = entry.with_context(failed)?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            let bytes = same(&name, bytes).with_context(|| format!("cannot compare `{name}`"))?;
            tree.insert(name, bytes);
        }
    }
    Ok(tree)
}

/// Fails where files are missing, left behind, or of other bytes.
pub fn check_same(found: &Tree, expected: &Tree) -> Result<()> {
    let missing: Vec<&str> =
        expected.keys().filter(|name| !found.contains_key(*name)).map(|n| &**n).collect();
    ensure!(missing.is_empty(), "missing: {}", missing.join(", "));
    let more: Vec<&str> = found.keys().filter(|name| !expected.contains_key(*name)).map(|n| &**n).collect();
    ensure!(more.is_empty(), "left behind: {}", more.join(", "));
    for (name, bytes) in expected {
        let other = &found[name];
        let at = bytes.iter().zip(other).position(|(a, b)| a != b).unwrap_or(bytes.len().min(other.len()));
        ensure!(
            other == bytes,
            "`{name}` differs from byte {at} on: {} bytes, expected {}",
            other.len(),
            bytes.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_byte_a_missing_file_and_one_too_many_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/a"), "abc").unwrap();
        let tree = read(folder.path(), every_byte).unwrap();
        check_same(&tree, &tree).unwrap();
        let message = |found: &Tree, expected: &Tree| check_same(found, expected).unwrap_err().to_string();
        let other = Tree::from([("in/a".to_owned(), b"abd".to_vec())]);
        assert_eq!(message(&other, &tree), "`in/a` differs from byte 2 on: 3 bytes, expected 3");
        assert_eq!(message(&Tree::new(), &tree), "missing: in/a");
        assert_eq!(message(&tree, &Tree::new()), "left behind: in/a");
    }
}
