//! The files of a package, which strangers made: names stay inside, and sizes are bounded.
//!
//! A zip file is read where it lies. What is in it is never unpacked to a disk.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

use crate::error::{Error, Result, UserError};

/// The names that a description may have, in the order that they are looked for.
const DESCRIPTIONS: [&str; 3] = ["rdf.yaml", "bioimageio.yaml", "model.yaml"];
/// A description has a few kilobytes.
const MOST_TEXT_BYTES: u64 = 1 << 22;
/// The largest networks of the zoo have about 1 GB.
pub(super) const MOST_WEIGHTS_BYTES: u64 = 1 << 32;
/// Numbers pack to about their own length, zeros to a thousandth: more is a trap.
const MOST_TIMES: u64 = 200;
/// Below it, times do not matter.
const FEW_BYTES: u64 = 1 << 26;

/// Where the Finder keeps what only it reads.
const OF_MACOS: &str = "__MACOSX/";

const WHOLE: &str = "download the package again, whole, as a zip file";

/// The files of a package.
pub(super) struct Files {
    path: PathBuf,
    kind: Kind,
    /// The folder of the description inside of a zip file: empty, or with a slash at its end.
    folder: String,
}

enum Kind {
    Zip(Box<ZipArchive<BufReader<File>>>),
    Folder,
}

impl Files {
    /// Opens a zip file or a folder.
    pub fn open(path: &Path) -> Result<Self> {
        let is_folder = fs::metadata(path).map_err(|error| unread(path, &error))?.is_dir();
        let mut files = Self { path: path.into(), kind: Kind::Folder, folder: String::new() };
        if !is_folder {
            let file = File::open(path).map_err(|error| unread(path, &error))?;
            let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
                let hint = "a package is a zip file with `rdf.yaml` in it, or the folder that it was unzipped to; \
                            download it again, whole";
                UserError::new(format!("`{}` is no zip file: {error}", path.display()), hint)
            })?;
            files.kind = Kind::Zip(Box::new(archive));
            files.check_names()?;
        }
        Ok(files)
    }

    /// Refuses an archive whose names would leave the folder that it is unzipped to: nobody makes one by accident.
    fn check_names(&self) -> Result<()> {
        let Kind::Zip(archive) = &self.kind else { return Ok(()) };
        for name in archive.file_names() {
            let name = name.map_err(|error| self.problem(format!("a name in it cannot be read: {error}")))?;
            // A folder's has a slash at its end.
            if inside(name.trim_end_matches('/')).is_none() {
                return Err(self.problem(format!("its entry `{name}` leads out of the package")));
            }
        }
        Ok(())
    }

    /// Finds the description, and returns its name and text.
    pub fn description(&mut self) -> Result<(String, String)> {
        let name = self.find_description()?;
        let bytes = self.read(&name, MOST_TEXT_BYTES)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok((name, text)),
            Err(error) => Err(self.problem(format!("its `{name}` is no text: {error}"))),
        }
    }

    fn find_description(&mut self) -> Result<String> {
        let found = match &self.kind {
            Kind::Folder => DESCRIPTIONS.iter().find(|name| self.path.join(name).exists()),
            Kind::Zip(archive) => {
                let names = archive.file_names().flatten().filter(|name| !name.starts_with(OF_MACOS));
                let names: Vec<_> = names.collect();
                // At the top, or in the only folder that there is, where the folder itself was zipped.
                let only =
                    names.first().and_then(|name| name.split_once('/')).map(|(only, _)| format!("{only}/"));
                let only = only.filter(|only| names.iter().all(|name| name.starts_with(only.as_str())));
                self.folder = only.unwrap_or_default();
                DESCRIPTIONS.iter().find(|name| names.contains(&format!("{}{name}", self.folder).into()))
            }
        };
        found.map(|&name| name.to_owned()).ok_or_else(|| {
            let message = format!("`{}` holds no `rdf.yaml`, which a package has", self.path.display());
            let hint = "a package of the BioImage Model Zoo is a zip file with `rdf.yaml` (or `bioimageio.yaml`) at \
                        its top, or the folder that it was unzipped to";
            UserError::new(message, hint).into()
        })
    }

    /// Reads a file of at most `most` bytes by its name in the description.
    pub fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>> {
        if name.contains("://") {
            let found = format!(
                "its `{name}` is an address, which is not fetched, expected the name of a file in it"
            );
            let hint = "download the package whole, as a zip file with its weights in it";
            return Err(UserError::new(format!("`{}`: {found}", self.path.display()), hint).into());
        }
        let Some(plain) = inside(name) else {
            return Err(self.problem(format!("its `{name}` leads out of the package")));
        };
        match &mut self.kind {
            Kind::Zip(archive) => {
                let entry = format!("{}{plain}", self.folder);
                let read = of_zip(archive, &entry, most);
                read.map_err(|found| self.problem(format!("its `{name}` {found}")))
            }
            Kind::Folder => {
                let read = of_folder(&self.path, &plain, most);
                read.map_err(|found| self.problem(format!("its `{name}` {found}")))
            }
        }
    }

    fn problem(&self, found: impl Display) -> Error {
        UserError::new(format!("`{}`: {found}", self.path.display()), WHOLE).into()
    }
}

/// Returns a name without `.` in it if it stays in the folder that it is meant for, on any system.
fn inside(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['\\', ':', '\0']) {
        return None;
    }
    let mut parts = Vec::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Reads a file of a zip file, or says what was found.
fn of_zip(archive: &mut ZipArchive<BufReader<File>>, name: &str, most: u64) -> Result<Vec<u8>, String> {
    if archive.index_for_name(name).is_none() {
        return Err("is missing".into());
    }
    let mut entry = archive.by_name(name).map_err(|error| format!("cannot be read: {error}"))?;
    let mode = entry.unix_mode().map_or(0, |mode| mode & FILE_KIND);
    if ![0, PLAIN_FILE].contains(&mode) || !entry.is_file() {
        return Err("is a link or a folder, expected a file".into());
    }
    let (bytes, packed) = (entry.size(), entry.compressed_size());
    check_size(bytes, most)?;
    if bytes > FEW_BYTES && bytes / MOST_TIMES > packed {
        return Err(format!(
            "unpacks from {packed} to {bytes} bytes, expected at most {MOST_TIMES} times as many"
        ));
    }
    // One more shows an entry that is longer than it says, and makes the decoder compare the checksum.
    read_exactly(&mut entry, bytes)
}

/// What `stat` tells of a file's kind, and the kind of a plain file.
const FILE_KIND: u32 = 0o170_000;
const PLAIN_FILE: u32 = 0o100_000;

/// Reads a file of a folder, or says what was found. None of its folders is a link.
fn of_folder(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let mut path = folder.to_owned();
    for part in name.split('/') {
        path.push(part);
        let found = fs::symlink_metadata(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "is missing".into(),
            _ => format!("cannot be read: {error}"),
        })?;
        if found.is_symlink() {
            return Err("is a link, which may lead out of the package, expected a file".into());
        }
    }
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let found = fs::metadata(&path).map_err(failed)?;
    if !found.is_file() {
        return Err("is no file".into());
    }
    check_size(found.len(), most)?;
    read_exactly(&mut File::open(&path).map_err(failed)?, found.len())
}

fn check_size(bytes: u64, most: u64) -> Result<(), String> {
    if bytes > most { Err(format!("has {bytes} bytes, expected at most {most}")) } else { Ok(()) }
}

/// Reads so many bytes to the end; memory is taken as they come, and not as they are promised.
fn read_exactly(from: &mut impl Read, bytes: u64) -> Result<Vec<u8>, String> {
    let mut read = Vec::new();
    from.take(bytes.saturating_add(1))
        .read_to_end(&mut read)
        .map_err(|error| format!("is damaged: {error}"))?;
    if read.len() as u64 == bytes {
        Ok(read)
    } else {
        Err(format!("does not have the {bytes} bytes that it says"))
    }
}

fn unread(path: &Path, error: &std::io::Error) -> Error {
    let hint = "a package is a zip file with `rdf.yaml` in it, or the folder that it was unzipped to";
    UserError::new(format!("`{}` cannot be read: {error}", path.display()), hint).into()
}
