//! A folder as `.tar.gz`, whose bytes follow from names, contents and who may execute.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{set_readable, tarball::files};

/// Packs what lies in a folder: whole or not at all.
pub fn pack(folder: &Path, packed: &Path) -> Result<()> {
    let failed = || format!("cannot write `{}`", packed.display());
    let place = packed.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(place).with_context(failed)?;
    {
        let gzip =
            GzEncoder::new(BufWriter::with_capacity(1 << 20, file.as_file_mut()), Compression::default());
        let mut archive = tar::Builder::new(gzip);
        for path in files(folder)? {
            append(&mut archive, folder, &path)?;
        }
        let mut rest = archive.into_inner().and_then(GzEncoder::finish).with_context(failed)?;
        rest.flush().with_context(failed)?;
    }
    file.as_file().sync_all().with_context(failed)?;
    set_readable(file.path())?;
    file.persist(packed).with_context(failed)?;
    Ok(())
}

fn append<W: Write>(archive: &mut tar::Builder<W>, folder: &Path, path: &Path) -> Result<()> {
    let failed = || format!("cannot pack `{}`", path.display());
    let file = File::open(path).with_context(failed)?;
    let metadata = file.metadata().with_context(failed)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(metadata.len());
    header.set_mode(if is_executable(&metadata) { 0o755 } else { 0o644 });
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let name = path.strip_prefix(folder).expect("it was found there");
    archive.append_data(&mut header, name, file).with_context(failed)
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_make_the_same_bytes_and_come_out_again() {
        let scratch = tempfile::tempdir().unwrap();
        let write = |folder: &str| {
            let inner = scratch.path().join(folder).join("em-cli/bin");
            fs::create_dir_all(&inner).unwrap();
            fs::write(inner.join("em-cli"), "program").unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(inner.join("em-cli"), fs::Permissions::from_mode(0o700)).unwrap();
            }
            fs::write(inner.join("notes"), folder.len().to_string()).unwrap();
            let packed = scratch.path().join(format!("{folder}.tar.gz"));
            pack(&scratch.path().join(folder), &packed).unwrap();
            fs::read(packed).unwrap()
        };
        let first = write("a");
        assert_eq!(first, write("b"));
        assert_ne!(first, write("other"));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(first.as_slice()));
        let entries: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.path().unwrap().display().to_string();
                (name, entry.header().mode().unwrap(), entry.header().mtime().unwrap())
            })
            .collect();
        assert_eq!(entries, [("em-cli/bin/em-cli".into(), 0o755, 0), ("em-cli/bin/notes".into(), 0o644, 0)]);
    }
}
