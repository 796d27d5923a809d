//! Image stacks: fetched, verified by pieces, and a wrong piece fetched again alone.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::Origin;
use super::catalogue::{StackFile, Stacks};
use super::http::Client;
use super::pieces::{self, Extent};
use super::place::{copy, part_of, promote};

/// How often a wrong piece is fetched again.
const REPAIRS: u32 = 3;

/// Brings the wanted files into `folder`, verified; `wanted` holds their indices.
///
/// # Errors
///
/// The first file or piece that cannot be had right. Parts stay, so that the next run goes on.
pub fn fetch(stacks: &Stacks, wanted: &[usize], folder: &Path, origin: &Origin<'_>) -> Result<()> {
    match origin {
        Origin::Web(client) => fetch_from_web(stacks, wanted, folder, client),
        Origin::Folder(from) => fetch_from_folder(stacks, wanted, folder, from),
    }
}

fn fetch_from_web(stacks: &Stacks, wanted: &[usize], folder: &Path, client: &Client) -> Result<()> {
    let homes: Vec<PathBuf> = stacks.files.iter().map(|file| folder.join(&file.name)).collect();
    for &index in wanted {
        let (file, home) = (&stacks.files[index], &homes[index]);
        if has_length(home, file.bytes) {
            println!("`{}` is there", home.display());
        } else {
            client.download(&file.url, &part_of(home), Some(file.bytes))?;
        }
    }
    let mut paths = present(stacks, &homes, wanted);
    for piece in wrong_pieces(stacks, wanted, &paths)? {
        // A file is repaired under its temporary name: the final one promises right bytes.
        for extent in stacks.pieces.extents(piece, &stacks.sizes()) {
            demote(&homes[extent.file], &mut paths[extent.file])?;
        }
        repair(stacks, piece, &paths, client)?;
    }
    for (home, path) in homes.iter().zip(&mut paths) {
        if path.as_ref().is_some_and(|path| *path != *home) {
            promote(home)?;
            *path = Some(home.clone());
        }
    }
    report(stacks, wanted, &paths);
    Ok(())
}

fn fetch_from_folder(stacks: &Stacks, wanted: &[usize], folder: &Path, from: &Path) -> Result<()> {
    let originals: Vec<PathBuf> = stacks.files.iter().map(|file| from.join(&file.name)).collect();
    for &index in wanted {
        let (path, expected) = (&originals[index], stacks.files[index].bytes);
        let found = fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?.len();
        ensure!(found == expected, "`{}` has {found} bytes, expected {expected}", path.display());
    }
    let paths = present(stacks, &originals, &[]);
    if let Some(&piece) = wrong_pieces(stacks, wanted, &paths)?.first() {
        bail!("{}", describe_wrong(stacks, piece, &paths)?);
    }
    for &index in wanted {
        copy(&originals[index], &folder.join(&stacks.files[index].name))?;
    }
    report(stacks, wanted, &paths);
    Ok(())
}

impl Stacks {
    fn sizes(&self) -> Vec<u64> {
        self.files.iter().map(|file| file.bytes).collect()
    }

    /// Returns the pieces that touch a wanted file and whose files are all there.
    fn checkable(&self, wanted: &[usize], paths: &[Option<PathBuf>]) -> Vec<(usize, Vec<Extent>)> {
        let sizes = self.sizes();
        (0..self.pieces.len())
            .map(|piece| (piece, self.pieces.extents(piece, &sizes)))
            .filter(|(_, extents)| extents.iter().any(|extent| wanted.contains(&extent.file)))
            .filter(|(_, extents)| extents.iter().all(|extent| paths[extent.file].is_some()))
            .collect()
    }
}

/// Returns where each file lies, complete: at its home or, for those just downloaded, in its part.
fn present(stacks: &Stacks, homes: &[PathBuf], downloaded: &[usize]) -> Vec<Option<PathBuf>> {
    let find = |(index, file): (usize, &StackFile)| {
        let part = downloaded.contains(&index).then(|| part_of(&homes[index]));
        iter::once(homes[index].clone()).chain(part).find(|path| has_length(path, file.bytes))
    };
    stacks.files.iter().enumerate().map(find).collect()
}

fn wrong_pieces(stacks: &Stacks, wanted: &[usize], paths: &[Option<PathBuf>]) -> Result<Vec<usize>> {
    let mut wrong = Vec::new();
    for (piece, extents) in stacks.checkable(wanted, paths) {
        if pieces::hash(&extents, paths)? != stacks.pieces.expected(piece) {
            wrong.push(piece);
        }
    }
    Ok(wrong)
}

/// Fetches the bytes of one piece again, until they are right.
fn repair(stacks: &Stacks, piece: usize, paths: &[Option<PathBuf>], client: &Client) -> Result<()> {
    let extents = stacks.pieces.extents(piece, &stacks.sizes());
    for attempt in 1..=REPAIRS {
        println!("piece {piece} is wrong, fetching it again ({attempt} of {REPAIRS})");
        for extent in &extents {
            let body = client.range(&stacks.files[extent.file].url, extent.offset, extent.bytes)?;
            let path = paths[extent.file].as_ref().expect("a wrong piece has all its files");
            overwrite(path, extent.offset, &body)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        if pieces::hash(&extents, paths)? == stacks.pieces.expected(piece) {
            return Ok(());
        }
    }
    bail!(
        "{}, {REPAIRS} times over: the server's copy differs; the rest is kept as `.part`",
        describe_wrong(stacks, piece, paths)?
    )
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

fn describe_wrong(stacks: &Stacks, piece: usize, paths: &[Option<PathBuf>]) -> Result<String> {
    let extents = stacks.pieces.extents(piece, &stacks.sizes());
    let places: Vec<String> = extents
        .iter()
        .map(|extent| {
            format!(
                "bytes {}..{} of `{}`",
                extent.offset,
                extent.offset + extent.bytes,
                stacks.files[extent.file].name
            )
        })
        .collect();
    let (found, expected) = (pieces::hash(&extents, paths)?, stacks.pieces.expected(piece));
    Ok(format!("piece {piece} ({}) has the SHA-1 {found}, expected {expected}", places.join(" and ")))
}

fn demote(home: &Path, path: &mut Option<PathBuf>) -> Result<()> {
    if path.as_deref() == Some(home) {
        let part = part_of(home);
        fs::rename(home, &part).with_context(|| format!("cannot rename `{}`", home.display()))?;
        *path = Some(part);
    }
    Ok(())
}

/// Says how many bytes of each file were verified, and of how many nobody published a checksum.
fn report(stacks: &Stacks, wanted: &[usize], paths: &[Option<PathBuf>]) {
    for (&index, unverified) in wanted.iter().zip(unverified_bytes(stacks, wanted, paths)) {
        let file = &stacks.files[index];
        match unverified {
            0 => println!("{}: all {} bytes verified", file.name, file.bytes),
            _ => println!(
                "{}: {} bytes verified; for the other {unverified} only the size could be checked",
                file.name,
                file.bytes - unverified
            ),
        }
    }
}

fn unverified_bytes(stacks: &Stacks, wanted: &[usize], paths: &[Option<PathBuf>]) -> Vec<u64> {
    let checked = stacks.checkable(wanted, paths);
    let covered = |index| -> u64 {
        checked
            .iter()
            .flat_map(|(_, extents)| extents)
            .filter(|extent| extent.file == index)
            .map(|extent| extent.bytes)
            .sum()
    };
    wanted.iter().map(|&index| stacks.files[index].bytes - covered(index)).collect()
}

fn has_length(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() == bytes)
}
