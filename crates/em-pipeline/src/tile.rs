//! Sections cut into tiles named `{name}-{row}_{column}.png`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use em_io::{FileLock, Volume, Voxels};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::error::{Context, Result, UserError};
use crate::{Observer, Stage, open};

/// What is to be cut into tiles, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TileRequest {
    /// Any volume that is read, of 8- or 16-bit unsigned voxels.
    pub input: PathBuf,
    /// The folder to write tiles to; it must not exist yet, or be empty.
    pub folder: PathBuf,
    /// Height and width of a tile, in voxels.
    pub size: usize,
    /// Voxels from one tile to the next; the size if absent.
    pub stride: Option<usize>,
    /// What happens to tiles that reach over the border.
    pub border: Border,
    /// First part of the names, which the section's number follows; the input's name if absent.
    pub name: Option<String>,
}

/// What happens to tiles that reach over the border of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Border {
    /// They are smaller.
    #[default]
    Keep,
    /// They are filled up with 0.
    Pad,
    /// They are left out.
    Drop,
}

impl TileRequest {
    /// Asks for tiles of 256 x 256 voxels side by side, smaller ones at the border.
    pub fn new(input: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self {
            input: input.into(),
            folder: folder.into(),
            size: 256,
            stride: None,
            border: Border::Keep,
            name: None,
        }
    }
}

/// Cuts the sections of a volume into tiles, on all cores, and returns how many there are.
///
/// # Errors
///
/// Fails if the input cannot be read or has voxels that PNG cannot hold, if the tiles do not fit, if
/// the folder is not empty or cannot be written to; and with [`Error::Stopped`](crate::Error::Stopped),
/// for which the observer is asked after each section. Then no tile is left.
pub fn tile(request: &TileRequest, observer: &mut Observer<'_>) -> Result<usize> {
    let (size, stride) = (request.size, request.stride.unwrap_or(request.size));
    if size == 0 || stride == 0 {
        return Err(UserError::new("--size and --stride are at least 1", "try --size 256").into());
    }
    let folder = &em_io::place::local(&request.folder)?;
    let volume = open(&request.input, observer)?;
    let [depth, height, width] = volume.shape();
    if request.border == Border::Drop && (size > height || size > width) {
        let message = format!(
            "tiles of {size} x {size} do not fit into sections of {height} x {width} (height x width)"
        );
        return Err(UserError::new(message, "lower --size, or take --border pad").into());
    }
    refuse_to_mix(folder)?;
    let parent = std::path::absolute(folder).map_err(cannot("find folder", folder))?;
    let parent = parent.parent().map(Path::to_owned).unwrap_or_default();
    std::fs::create_dir_all(&parent).map_err(cannot("create folder", &parent))?;
    let _lock = FileLock::beside(folder)?;
    refuse_to_mix(folder)?;
    em_io::remove_unfinished_of(folder)?;
    // Tiles appear all or not at all: they are written beside the folder, which is then renamed.
    let prefix = format!(".{}.", folder.file_name().unwrap_or_default().to_string_lossy());
    let unfinished = tempfile::Builder::new().prefix(&prefix).suffix(".part").tempdir_in(&parent);
    let unfinished = unfinished.map_err(cannot("create folder", folder))?;

    let cut = Cut { size, stride, border: request.border };
    let count = observer.stage(Stage::sections(volume.shape()), |observer| {
        let observer = Mutex::new(observer);
        let counts = (0..depth).into_par_iter().map(|z| {
            let count = write_section(&volume, z, request, cut, unfinished.path())?;
            observer.lock().unwrap_or_else(PoisonError::into_inner).advance(1)?;
            Ok(count)
        });
        counts.try_reduce(|| 0, |a, b| Ok(a + b))
    })?;
    if folder.exists() {
        std::fs::remove_dir(folder).map_err(cannot("replace", folder))?;
    }
    std::fs::rename(unfinished.path(), folder).map_err(cannot("write", folder))?;
    // It has its final name now: there is nothing left to clean up.
    let _ = unfinished.keep();
    Ok(count)
}

fn refuse_to_mix(folder: &Path) -> Result<()> {
    let empty = folder.read_dir().map_or(!folder.exists(), |mut entries| entries.next().is_none());
    if empty {
        return Ok(());
    }
    let hint = "take another folder, or remove that one first: old and new tiles would be mixed";
    Err(UserError::new(format!("`{}` exists and is not an empty folder", folder.display()), hint).into())
}

/// Writes the tiles of a section to a folder, and returns how many there are.
fn write_section(volume: &Volume, z: usize, request: &TileRequest, cut: Cut, folder: &Path) -> Result<usize> {
    let stem = match &request.name {
        Some(name) => name.clone(),
        None => request.input.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let digits = volume.shape()[0].saturating_sub(1).to_string().len();
    let write = |y: usize, x: usize, bytes: &[u8], size: (usize, usize), color: ExtendedColorType| {
        let name = format!("{stem}{z:0digits$}-{y}_{x}.png");
        let written = std::fs::write(folder.join(&name), png(bytes, size, color)?);
        Ok(written.map_err(cannot("write", &request.folder.join(name)))?)
    };
    match volume.read_section(z)? {
        Voxels::U8(a) => cut.each(a.index_axis(Axis(0), 0), |y, x, tile| {
            let bytes: Vec<u8> = tile.iter().copied().collect();
            write(y, x, &bytes, tile.dim(), ExtendedColorType::L8)
        }),
        Voxels::U16(a) => cut.each(a.index_axis(Axis(0), 0), |y, x, tile| {
            let bytes: Vec<u8> = tile.iter().flat_map(|v| v.to_ne_bytes()).collect();
            write(y, x, &bytes, tile.dim(), ExtendedColorType::L16)
        }),
        other => Err(UserError::new(
            format!(
                "`{}` holds {} voxels, which PNG cannot hold",
                request.input.display(),
                other.voxel_type()
            ),
            "convert it to 8- or 16-bit unsigned first",
        )
        .into()),
    }
}

/// How a section is cut.
#[derive(Clone, Copy)]
struct Cut {
    size: usize,
    stride: usize,
    border: Border,
}

impl Cut {
    /// Hands each tile of a section `[y, x]` on with its place; returns how many there were.
    fn each<T: Copy + Default>(
        self,
        section: ArrayView2<'_, T>,
        mut write: impl FnMut(usize, usize, ArrayView2<'_, T>) -> Result<()>,
    ) -> Result<usize> {
        let (height, width) = section.dim();
        let mut count = 0;
        for y in (0..height).step_by(self.stride) {
            for x in (0..width).step_by(self.stride) {
                let (h, w) = (self.size.min(height - y), self.size.min(width - x));
                let inside = section.slice(s![y..y + h, x..x + w]);
                let whole = (h, w) == (self.size, self.size);
                match self.border {
                    Border::Drop if !whole => continue,
                    Border::Pad if !whole => {
                        let mut padded = Array2::from_elem((self.size, self.size), T::default());
                        padded.slice_mut(s![..h, ..w]).assign(&inside);
                        write(y, x, padded.view())?;
                    }
                    _ => write(y, x, inside)?,
                }
                count += 1;
            }
        }
        Ok(count)
    }
}

fn png(bytes: &[u8], (height, width): (usize, usize), color: ExtendedColorType) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Sub)
        .write_image(bytes, width as u32, height as u32, color)
        .context("a tile cannot be encoded as PNG")?;
    Ok(file)
}

/// An error of the operating system with what was tried on which path.
fn cannot(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> em_io::Error {
    let path = path.to_owned();
    move |source| em_io::Error::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(border: Border, stride: usize) -> Vec<(usize, usize, (usize, usize))> {
        let section = Array2::<u8>::zeros((5, 8));
        let mut seen = Vec::new();
        let cut = Cut { size: 4, stride, border };
        let count = cut.each(section.view(), |y, x, tile| {
            seen.push((y, x, tile.dim()));
            Ok(())
        });
        assert_eq!(count.unwrap(), seen.len());
        seen
    }

    #[test]
    fn border_tiles_are_kept_padded_or_dropped() {
        assert_eq!(tiles(Border::Keep, 4), [(0, 0, (4, 4)), (0, 4, (4, 4)), (4, 0, (1, 4)), (4, 4, (1, 4))]);
        assert!(tiles(Border::Pad, 4).iter().all(|tile| tile.2 == (4, 4)));
        assert_eq!(tiles(Border::Drop, 4), [(0, 0, (4, 4)), (0, 4, (4, 4))]);
    }

    #[test]
    fn a_stride_below_the_size_overlaps() {
        let places: Vec<_> = tiles(Border::Drop, 2).iter().map(|t| (t.0, t.1)).collect();
        assert_eq!(places, [(0, 0), (0, 2), (0, 4)]);
    }
}
