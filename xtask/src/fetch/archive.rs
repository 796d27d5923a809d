//! Zip archives: fetched, verified as a whole, unpacked beside the zip.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use zip::ZipArchive;

use super::Origin;
use super::catalogue::Archive;
use super::place::{copy, part_of, promote};
use crate::advice::Advised;
use crate::checksum::{sha256, to_hex};
use crate::workspace::create_folder;

/// Far more than any of the sources has; each takes a place on the disk, though it be empty.
const MOST_ENTRIES: usize = 200_000;

/// How the name of the folder begins that is unpacked into.
const SCRATCH: &str = ".unpacking-";

/// More than any of the sources unpacks to; a damaged or hostile zip could claim anything.
const UNPACKED_LIMIT: u64 = 16 << 30;

/// Brings the archive and its unpacked folders into `folder`, verified.
///
/// # Errors
///
/// What is wrong with the archive; a downloaded one that is wrong is removed, since no part of it can be trusted.
pub fn fetch(archive: &Archive, folder: &Path, origin: &Origin<'_>) -> Result<()> {
    let home = folder.join(&archive.name);
    remove_left(folder)?;
    let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(folder);
    let scratch = scratch.with_context(|| format!("cannot write into `{}`", folder.display()))?;
    match origin {
        Origin::Folder(from) => {
            let original = from.join(&archive.name);
            check_and_unpack(archive, &original, scratch.path())?;
            copy(&original, &home)?;
        }
        Origin::Web(_) if home.is_file() => check_and_unpack(archive, &home, scratch.path()).context(
            Advised::new(format!("`{}` is damaged", home.display()), "remove it and run this again"),
        )?,
        Origin::Web(client) => {
            let part = part_of(&home);
            client.download(&archive.url, &part, None)?;
            check_and_unpack(archive, &part, scratch.path()).or_else(|error| {
                fs::remove_file(&part).with_context(|| format!("cannot remove `{}`", part.display()))?;
                Err(error
                    .context(format!("what came from `{}` is not the archive, and was removed", archive.url)))
            })?;
            promote(&home)?;
        }
    }
    move_into(scratch.path(), folder)
}

/// Removes what a killed fetch has unpacked; whoever calls this holds the folder.
fn remove_left(folder: &Path) -> Result<()> {
    let failed = || format!("cannot clear `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SCRATCH)) {
            fs::remove_dir_all(&path).with_context(failed)?;
        }
    }
    Ok(())
}

fn check_and_unpack(archive: &Archive, zip: &Path, into: &Path) -> Result<()> {
    if let Some(expected) = &archive.sha256 {
        let found = to_hex(&sha256(zip)?);
        ensure!(found == *expected, "`{}` has the SHA-256 {found}, expected {expected}", zip.display());
    }
    let files = unpack(zip, into).with_context(|| format!("cannot unpack `{}`", zip.display()))?;
    for part in archive.layout {
        let found = files.iter().any(|file| file.contains(part));
        ensure!(found, "`{}` holds no folder `{part}`", zip.display());
    }
    match archive.sha256 {
        Some(_) => println!("{}: SHA-256 verified, {} files", archive.name, files.len()),
        None => println!(
            "{}: no checksum is published; the CRC of its {} files and its layout were checked",
            archive.name,
            files.len()
        ),
    }
    Ok(())
}

/// Unpacks every file of a zip below `into`, and returns their paths in the zip.
fn unpack(zip: &Path, into: &Path) -> Result<Vec<String>> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(zip)?))?;
    ensure!(
        archive.len() <= MOST_ENTRIES,
        "it holds {} entries, expected at most {MOST_ENTRIES}",
        archive.len()
    );
    let mut files = Vec::new();
    let mut room = UNPACKED_LIMIT;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        check_kind(&name, entry.unix_mode())?;
        let inside = entry.enclosed_name().filter(|_| is_relative(&name));
        let Some(inside) = inside else { bail!("its entry `{name}` leads out of the folder") };
        let path = into.join(inside);
        if entry.is_dir() {
            create_folder(&path)?;
            continue;
        }
        let bytes = entry.size();
        let Some(left) = room.checked_sub(bytes) else {
            bail!("it unpacks to more than {UNPACKED_LIMIT} bytes")
        };
        room = left;
        create_folder(path.parent().unwrap_or(into))?;
        let file = File::create_new(&path);
        let mut file =
            file.with_context(|| format!("its entry `{name}` cannot be created, or is there twice"))?;
        // Reading past the last byte makes the decoder compare the CRC.
        let written = io::copy(&mut entry.by_ref().take(bytes + 1), &mut file)
            .with_context(|| format!("its entry `{name}` is damaged"))?;
        ensure!(written == bytes, "its entry `{name}` unpacks to another length than {bytes} bytes");
        files.push(name);
    }
    Ok(files)
}

/// Refuses links, devices and pipes: data are files and folders.
fn check_kind(name: &str, mode: Option<u32>) -> Result<()> {
    const KIND: u32 = 0o170_000;
    match mode.map_or(0, |mode| mode & KIND) {
        // None is told, a file, a folder.
        0 | 0o100_000 | 0o040_000 => Ok(()),
        0o120_000 => bail!("its entry `{name}` is a link, expected files and folders"),
        _ => bail!("its entry `{name}` is a device or a pipe, expected files and folders"),
    }
}

/// Tells whether a name begins at no root, of Unix or of Windows.
fn is_relative(name: &str) -> bool {
    !name.starts_with(['/', '\\']) && !name.contains(':')
}

/// Moves what was unpacked to its place; folders that are there already stay as they are.
fn move_into(scratch: &Path, folder: &Path) -> Result<()> {
    let read = || -> io::Result<BTreeSet<PathBuf>> {
        fs::read_dir(scratch)?.map(|entry| Ok(entry?.path())).collect()
    };
    for from in read().with_context(|| format!("cannot read `{}`", scratch.display()))? {
        let to = folder.join(from.file_name().expect("an entry of a folder has a name"));
        if to.exists() {
            println!("`{}` is there and stays as it is", to.display());
        } else {
            fs::rename(&from, &to).with_context(|| format!("cannot create `{}`", to.display()))?;
            println!("unpacked `{}`", to.display());
        }
    }
    Ok(())
}
