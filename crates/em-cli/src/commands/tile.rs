//! `em-cli tile`: sections cut into tiles named `{name}-{row}_{column}.png`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use em_io::{Volume, Voxels};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::error::UserError;
use crate::output;

/// Arguments of `tile`.
#[derive(Debug, Args)]
pub struct TileArgs {
    /// A stack (TIFF, MRC, NIfTI, OME-Zarr), an image, or a folder of images.
    input: PathBuf,
    /// The folder to write tiles to; it must not exist yet, or be empty.
    output: PathBuf,
    /// Height and width of a tile.
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// Voxels from one tile to the next; the size if absent.
    #[arg(long)]
    stride: Option<usize>,
    /// What happens to tiles that reach over the border.
    #[arg(long, value_enum, default_value_t = Border::Keep)]
    border: Border,
    /// First part of the names; the section's number follows it. The input's name if absent.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Border {
    /// Write them smaller.
    Keep,
    /// Fill them up with 0.
    Pad,
    /// Leave them out.
    Drop,
}

/// Runs the command.
pub fn run(args: &TileArgs) -> Result<()> {
    let stride = args.stride.unwrap_or(args.size);
    if args.size == 0 || stride == 0 {
        return Err(UserError::new("--size and --stride are at least 1", "try --size 256").into());
    }
    let volume = output::open(&args.input)?;
    let [_, height, width] = volume.shape();
    if args.border == Border::Drop && (args.size > height || args.size > width) {
        let message = format!(
            "tiles of {0} x {0} do not fit into sections of {height} x {width} (height x width)",
            args.size
        );
        return Err(UserError::new(message, "lower --size, or take --border pad").into());
    }
    refuse_to_mix(&args.output)?;
    let parent = std::path::absolute(&args.output)?.parent().map(Path::to_owned).unwrap_or_default();
    std::fs::create_dir_all(&parent).map_err(cannot("create folder", &parent))?;
    // Tiles appear all or not at all: they are written beside the folder, which is then renamed.
    let unfinished = tempfile::Builder::new().prefix(".tiles-").tempdir_in(&parent);
    let unfinished = unfinished.map_err(cannot("create folder", &args.output))?;

    let bar = output::bar(volume.shape()[0] as u64, "sections");
    let counts = (0..volume.shape()[0]).into_par_iter().map(|z| {
        let count = write_section(&volume, z, args, stride, unfinished.path());
        bar.inc(1);
        count
    });
    let count: usize = counts.sum::<Result<usize>>()?;
    bar.finish_and_clear();
    if args.output.exists() {
        std::fs::remove_dir(&args.output).map_err(cannot("replace", &args.output))?;
    }
    std::fs::rename(unfinished.path(), &args.output).map_err(cannot("write", &args.output))?;
    // It has its final name now: there is nothing left to clean up.
    let _ = unfinished.keep();
    println!("{count} tiles in `{}`", args.output.display());
    Ok(())
}

fn refuse_to_mix(folder: &Path) -> Result<()> {
    let empty = folder.read_dir().map_or(!folder.exists(), |mut entries| entries.next().is_none());
    if empty {
        return Ok(());
    }
    let hint = "take another folder, or remove that one first: old and new tiles would be mixed";
    Err(UserError::new(format!("`{}` exists and is not an empty folder", folder.display()), hint).into())
}

fn write_section(volume: &Volume, z: usize, args: &TileArgs, stride: usize, folder: &Path) -> Result<usize> {
    let stem = match &args.name {
        Some(name) => name.clone(),
        None => args.input.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let digits = volume.shape()[0].saturating_sub(1).to_string().len();
    let write = |y: usize, x: usize, bytes: &[u8], size: (usize, usize), color: ExtendedColorType| {
        let name = format!("{stem}{z:0digits$}-{y}_{x}.png");
        let written = std::fs::write(folder.join(&name), png(bytes, size, color)?);
        Ok(written.map_err(cannot("write", &args.output.join(name)))?)
    };
    let cut = Cut { size: args.size, stride, border: args.border };
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
            format!("`{}` holds {} voxels, which PNG cannot hold", args.input.display(), other.voxel_type()),
            "convert it to 8- or 16-bit unsigned first",
        )
        .into()),
    }
}

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
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Sub).write_image(
        bytes,
        width as u32,
        height as u32,
        color,
    )?;
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
