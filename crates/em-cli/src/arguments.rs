//! What several commands read from their arguments: numbers, sizes, voxel sizes, files with names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use em_pipeline::cluster::shell_word;
use em_pipeline::shards::Shard;

/// A file and what it is called, as `NAME=FILE`; `FILE` alone is called as the file without its ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

impl FromStr for NamedFile {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A file that is there under the whole text is meant, as `mito_t=0.5.tif`; an address goes on behind `=`.
        let named =
            text.split_once('=').filter(|(name, _)| !name.contains("://") && !Path::new(text).exists());
        let (name, path) = match named {
            Some((name, path)) => (name.to_owned(), path),
            None => {
                let stem = Path::new(text).file_stem().unwrap_or_default();
                (stem.to_string_lossy().into_owned(), text)
            }
        };
        Ok(Self { name, path: path.into() })
    }
}

/// Returns the command that was given, as it could be given to a shell again.
pub fn command_line() -> String {
    // One line, since reports keep it in one.
    let quoted = |argument: std::ffi::OsString| shell_word(&argument.to_string_lossy().replace('\n', " "));
    let arguments = std::env::args_os().skip(1).map(quoted);
    std::iter::once("em-cli".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Reads `N` numbers with commas between them.
pub fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    values(text)
        .filter(|numbers: &[f64; N]| numbers.iter().all(|number| number.is_finite()))
        .ok_or_else(|| format!("expected {N} numbers with commas between them"))
}

/// Reads a number.
pub fn number(text: &str) -> Result<f64, String> {
    numbers::<1>(text).map(|[number]| number).map_err(|_| "expected a number".into())
}

/// Reads the shard of a shared work: its own number, or that of the scheduler.
pub fn shard(text: &str) -> Result<Shard, String> {
    Shard::parse(text, |name| std::env::var(name).ok()).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    })
}

/// Reads a voxel size.
pub fn voxel_size(text: &str) -> Result<[f64; 3], String> {
    let size = numbers::<3>(text)?;
    let range = em_io::limits::VOXEL_SIZE_NM;
    if size.iter().all(|side| range.contains(side)) {
        return Ok(size);
    }
    Err(format!("expected sizes in nm from {} to {:e}", range.start(), range.end()))
}

/// Reads the shape of a chunk.
pub fn chunk(text: &str) -> Result<[usize; 3], String> {
    values(text)
        .filter(|sides| !sides.contains(&0))
        .ok_or_else(|| "expected three numbers above 0, as in 16,256,256".to_owned())
}

/// Reads the size of a section, `HxW`.
pub fn section_size(text: &str) -> Result<[usize; 2], String> {
    let parsed = text.split_once('x').and_then(|(h, w)| Some([h.parse().ok()?, w.parse().ok()?]));
    match parsed {
        Some([h, w]) if h > 0 && w > 0 => Ok([h, w]),
        _ => Err("expected height x width, as in 256x256".into()),
    }
}

/// Reads a number from 0 to 1.
pub fn probability(text: &str) -> Result<f32, String> {
    let value: Option<f32> = text.parse().ok();
    value
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// Reads a number from 0 up.
pub fn tolerance(text: &str) -> Result<f64, String> {
    length(text).ok_or_else(|| "expected a number from 0 up".into())
}

/// Reads a distance in nm.
pub fn distance(text: &str) -> Result<f64, String> {
    length(text).ok_or_else(|| "expected a distance in nm".into())
}

/// Reads a distance in nm that is above 0.
pub fn neck(text: &str) -> Result<f64, String> {
    length(text).filter(|nm| *nm > 0.0).ok_or_else(|| "expected a number of nm above 0".into())
}

fn length(text: &str) -> Option<f64> {
    text.parse().ok().filter(|length: &f64| length.is_finite() && *length >= 0.0)
}

/// `N` values with commas between them.
fn values<T: FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
    let values: Option<Vec<T>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    values?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_read() {
        assert_eq!(voxel_size("50, 4.6,4.6").unwrap(), [50.0, 4.6, 4.6]);
        assert!(
            ["5,5", "0,5,5", "5,5,nan", "inf,5,5", "-5,5,5"].iter().all(|text| voxel_size(text).is_err())
        );
        assert_eq!(chunk("1,2,3").unwrap(), [1, 2, 3]);
        assert!(chunk("1,2,0").is_err());
        assert_eq!(section_size("256x128").unwrap(), [256, 128]);
        assert!(["256", "0x5", "ax5"].iter().all(|text| section_size(text).is_err()));
        assert_eq!(probability("0.5").unwrap(), 0.5);
        assert!(["-0.1", "1.1", "nan", ""].iter().all(|text| probability(text).is_err()));
        assert_eq!((tolerance("0"), distance("2.5"), neck("1")), (Ok(0.0), Ok(2.5), Ok(1.0)));
        assert!(neck("0").is_err() && distance("inf").is_err() && tolerance("-1").is_err());
    }

    #[test]
    fn a_file_without_a_name_has_its_own() {
        let named = |text: &str| text.parse::<NamedFile>().map(|file| (file.name, file.path)).unwrap();
        assert_eq!(named("m=a/b.tif"), ("m".into(), "a/b.tif".into()));
        assert_eq!(named("a/b.tif"), ("b".into(), "a/b.tif".into()));
        assert_eq!(named("m=a=b.tif"), ("m".into(), "a=b.tif".into()));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mito_t=0.5.tif");
        std::fs::write(&file, "").unwrap();
        assert_eq!(named(file.to_str().unwrap()), ("mito_t=0.5".into(), file.clone()));
        let renamed = format!("m={}", file.display());
        assert_eq!(named(&renamed), ("m".into(), file));
    }
}
