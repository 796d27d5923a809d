//! Where the output goes, and what may be replaced there.
//!
//! em-io replaces a file when the new one is complete, but no folder with anything in it. Where the
//! user asks for that, the new folder is made within a temporary neighbour and then put in place.
//! Nobody else writes there meanwhile, so that what a killed command left beside it can go.

use std::fs;
use std::path::{Path, PathBuf};

use em_io::{FileLock, place};
use tempfile::TempDir;

use crate::error::{Context, Result, UserError};

/// The output path, checked.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    /// Where a folder is made that replaces another.
    neighbour: Option<TempDir>,
    /// Behind an address there is none to hold.
    _lock: Option<FileLock>,
}

impl Target {
    /// Checks that the output is none of the inputs, that nobody else writes it, and that it is free or may be
    /// replaced.
    pub fn new<'a>(
        inputs: impl IntoIterator<Item = &'a PathBuf>,
        output: &Path,
        overwrite: bool,
    ) -> Result<Self> {
        let output = &place::resolve(output)?;
        inputs.into_iter().try_for_each(|input| refuse_the_input(input, output))?;
        let lock = if place::is_address(output) { None } else { Some(FileLock::beside(output)?) };
        em_io::remove_unfinished_of(output)?;
        if is_free(output)? {
            return Ok(Self { path: output.into(), neighbour: None, _lock: lock });
        }
        let taken = format!("`{}` exists already", output.display());
        if !overwrite {
            return Err(UserError::new(taken, "take another path, or replace it with --overwrite").into());
        }
        if place::is_address(output) {
            let hint = "what is behind an address is not replaced: remove it first, or take another address";
            return Err(UserError::new(taken, hint).into());
        }
        if !output.is_dir() {
            return Ok(Self { path: output.into(), neighbour: None, _lock: lock });
        }
        if !is_made_of_a_volume(output)? {
            let hint =
                "only folders of PNG and OME-Zarr images are replaced: remove it first, or take another path";
            return Err(UserError::new(format!("{taken} and holds something else"), hint).into());
        }
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
        let neighbour = tempfile::Builder::new()
            .prefix(&format!(".{}.", output.file_name().unwrap_or_default().to_string_lossy()))
            .suffix(".part")
            .tempdir_in(parent.unwrap_or(Path::new(".")))
            .with_context(|| format!("cannot write beside `{}`", output.display()))?;
        Ok(Self { path: output.into(), neighbour: Some(neighbour), _lock: lock })
    }

    /// Checks that an output which several programs write together is none of the inputs, and free.
    pub fn refuse_taken<'a>(inputs: impl IntoIterator<Item = &'a PathBuf>, output: &Path) -> Result<()> {
        let output = &place::resolve(output)?;
        inputs.into_iter().try_for_each(|input| refuse_the_input(input, output))?;
        if is_free(output)? {
            return Ok(());
        }
        let taken = format!("`{}` exists already", output.display());
        Err(UserError::new(taken, "take another path, or remove it first").into())
    }

    /// Returns the output path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path to write to.
    pub fn place(&self) -> PathBuf {
        match &self.neighbour {
            Some(neighbour) => neighbour.path().join(self.path.file_name().unwrap_or_default()),
            None => self.path.clone(),
        }
    }

    /// Puts a new folder in the place of the old one, which is then removed.
    pub fn finish(self) -> Result<()> {
        let Some(neighbour) = &self.neighbour else { return Ok(()) };
        let old = neighbour.path().join("replaced");
        let failed = || format!("cannot replace `{}`", self.path.display());
        fs::rename(&self.path, &old).with_context(failed)?;
        if let Err(error) = fs::rename(self.place(), &self.path) {
            fs::rename(&old, &self.path).with_context(failed)?;
            return Err(error).with_context(failed);
        }
        Ok(())
    }
}

fn refuse_the_input(input: &Path, output: &Path) -> Result<()> {
    let input = &place::resolve(input)?;
    if place::is_address(input) || place::is_address(output) {
        return refuse_overlap(input, output, input, output);
    }
    // The path of an HDF5 dataset goes on behind its file.
    let Some(from) = input.ancestors().find_map(|part| fs::canonicalize(part).ok()) else { return Ok(()) };
    let Ok(to) = resolved(output) else { return Ok(()) };
    refuse_overlap(input, output, &from, &to)
}

/// Refuses an output `to` that is the input `from`, or lies in it, or the other way round.
fn refuse_overlap(input: &Path, output: &Path, from: &Path, to: &Path) -> Result<()> {
    // A label goes into its image, whose voxels stay as they are.
    let is_label = to.parent() == Some(&from.join("labels"));
    if !overlap(from, to) || is_label {
        return Ok(());
    }
    let message = if from == to {
        format!("`{}` is the input and the output", input.display())
    } else {
        format!("of `{}` and `{}`, one lies in the other", input.display(), output.display())
    };
    Err(UserError::new(message, "take another path for the output").into())
}

/// Tells whether two paths are one, or one lies in the other, once links are followed.
fn overlap(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// Follows links as far as a path exists.
fn resolved(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    match fs::canonicalize(&absolute) {
        Ok(there) => Ok(there),
        Err(error) => match (absolute.parent(), absolute.file_name()) {
            (Some(parent), Some(name)) => Ok(resolved(parent)?.join(name)),
            _ => Err(error),
        },
    }
}

fn is_free(path: &Path) -> Result<bool> {
    if place::is_address(path) {
        return Ok(!place::exists(path)?);
    }
    Ok(match fs::symlink_metadata(path) {
        Ok(_) => fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
        Err(_) => true,
    })
}

/// Tells whether a folder holds PNG files only, or is the root of a Zarr hierarchy or of a precomputed volume.
fn is_made_of_a_volume(folder: &Path) -> Result<bool> {
    let markers: &[&str] = match folder.extension().and_then(|end| end.to_str()) {
        Some("zarr") => &["zarr.json", ".zgroup", ".zattrs"],
        Some("precomputed") => &["info"],
        _ => &[],
    };
    if markers.iter().any(|file| folder.join(file).is_file()) {
        return Ok(true);
    }
    let cannot_look = || format!("cannot look into `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot_look)? {
        let path = entry.with_context(cannot_look)?.path();
        if path.is_dir() || path.extension().is_none_or(|end| !end.eq_ignore_ascii_case("png")) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the size of a file, or of all files in a folder; behind an address, too.
pub fn bytes(path: &Path) -> Result<u64> {
    let path = &place::resolve(path)?;
    if place::is_address(path) {
        return Ok(place::bytes(path)?);
    }
    bytes_here(path).with_context(|| format!("cannot look at `{}`", path.display()))
}

fn bytes_here(path: &Path) -> std::io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return fs::metadata(path).map(|metadata| metadata.len());
    }
    fs::read_dir(path)?.map(|entry| bytes_here(&entry?.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_dataset_is_not_replaced_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("volume.h5");
        fs::write(&file, "").unwrap();
        let error = Target::new([&file.join("raw")], &file, true).unwrap_err();
        assert!(error.to_string().ends_with("is the input and the output"), "{error}");
        Target::new([&file.join("raw")], &folder.path().join("raw.tif"), false).unwrap();
    }
}
