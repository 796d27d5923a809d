//! A folder with one image per section. It decodes nothing itself.

use super::read_sections;
use crate::Volume;
use crate::error::{Error, Result};
use crate::formats::open::open_file;
use crate::formats::source::{Source, VolumeInfo};
use crate::formats::tiff::ONE_OF_FILES_NOTE;
use crate::sample::{Voxel, match_voxel_type};
use crate::storage;
use crate::{OpenOptions, Roi, VoxelSize, VoxelType, Voxels, limits};
use ndarray::Array3;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// The extensions of files that are taken for sections.
const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "tif", "tiff"];

/// The number of skipped files that are named before the rest is only counted.
const NAMED_FILES: usize = 3;

/// Opens a folder of images as a volume, one section per file.
///
/// What is picked is picked from each file.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<Volume> {
    let (images, others) = list(path)?;
    let sections = images
        .par_iter()
        .map(|image| open_section(image, options))
        .collect::<Vec<_>>()
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let [first, ..] = sections.as_slice() else {
        return Err(Error::EmptyFolder { path: path.to_path_buf(), found: what_else(&others) });
    };
    for (section, image) in sections.iter().zip(&images) {
        check_alike(image, section, first)?;
    }
    let [_, height, width] = first.shape();
    let info = VolumeInfo {
        path: Some(path.to_path_buf()),
        shape: [sections.len(), height, width],
        voxel_type: first.voxel_type(),
        voxel_size_nm: first.voxel_size_nm(),
        format: "image folder",
        notes: notes(&sections, &images, &others),
        orientation: None,
        section_names: Some(images.iter().map(|image| stem_of(image)).collect()),
    };
    Ok(Volume::new(info, Folder { sections }))
}

/// Lists the images in natural order, and the names of everything else.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut images, mut others) = (Vec::new(), Vec::new());
    for entry in storage::list(folder).map_err(Error::io("read folder", folder))? {
        if !entry.is_folder && is_image(&entry.path, &entry.name) {
            images.push(entry.path);
            limits::check_sections(folder, images.len())?;
        } else {
            others.push(entry.name);
        }
    }
    images.sort_by(|a, b| natural_order(&name_of(a), &name_of(b)));
    others.sort();
    Ok((images, others))
}

/// Hidden files are left out: macOS leaves `._section.png` beside `section.png` on shared disks.
fn is_image(path: &Path, name: &str) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str())
        && !name.starts_with('.')
        && (storage::is_address(path) || path.is_file())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name without its ending, of which `.ome.tif` is one.
fn stem_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    stem.strip_suffix(".ome").map_or(stem.clone(), str::to_owned)
}

fn open_section(path: &Path, options: OpenOptions) -> Result<Volume> {
    let section = open_file(path, options)?;
    match section.shape()[0] {
        1 => Ok(section),
        pages => Err(Error::SeveralPages { path: path.to_path_buf(), pages }),
    }
}

fn check_alike(path: &Path, section: &Volume, first: &Volume) -> Result<()> {
    let size = |volume: &Volume| [volume.shape()[1], volume.shape()[2]];
    if size(section) != size(first) {
        return Err(Error::SizeMismatch {
            section: format!("`{}`", path.display()),
            found: size(section),
            expected: size(first),
        });
    }
    check_type(path, section.voxel_type(), first.voxel_type())
}

fn check_type(path: &Path, found: VoxelType, expected: VoxelType) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::TypeMismatch { section: format!("`{}`", path.display()), found, expected })
}

/// One note for all skipped files, and each note of the sections once.
fn notes(sections: &[Volume], images: &[PathBuf], others: &[String]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    if !others.is_empty() {
        notes.push(format!("skipped {}", summary(others)));
    }
    notes.extend(other_size(sections, images));
    for note in sections.iter().flat_map(Volume::notes) {
        // What one file lacks, the others have.
        if note != ONE_OF_FILES_NOTE && !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    notes
}

/// Says which sections were written in another voxel size than the first.
fn other_size(sections: &[Volume], images: &[PathBuf]) -> Option<String> {
    let first = sections.first()?.voxel_size();
    let differs = |section: &Volume| match (first, section.voxel_size()) {
        (Some(first), Some(size)) => !first.is_same_as(size),
        (first, size) => first.is_some() != size.is_some(),
    };
    let odd: Vec<_> = sections.iter().zip(images).filter(|(section, _)| differs(section)).collect();
    let (section, image) = *odd.first()?;
    let shown = |size: Option<VoxelSize>| size.map_or("unknown".into(), |size| size.to_string());
    let others = if odd.len() > 1 { format!(" and {} others", odd.len() - 1) } else { String::new() };
    let (size, name) = (shown(section.voxel_size()), name_of(image));
    Some(format!(
        "the voxel size of `{name}`{others} is {size}, that of the first file is taken: {}",
        shown(first)
    ))
}

/// Kinds of images that are not read, by their extensions.
const OTHER_KINDS: [(&str, &str); 10] = [
    ("bmp", "Windows bitmaps"),
    ("gif", "GIF images"),
    ("webp", "WebP images"),
    ("jp2", "JPEG 2000 images"),
    ("jxl", "JPEG XL images"),
    ("dm3", "files of DigitalMicrograph"),
    ("dm4", "files of DigitalMicrograph"),
    ("ser", "files of TIA"),
    ("czi", "files of ZEN"),
    ("heic", "HEIC images"),
];

/// Says what a folder without images holds.
fn what_else(others: &[String]) -> String {
    let extension = |name: &String| name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    let known = |name| OTHER_KINDS.iter().find(|(kind, _)| extension(name).as_deref() == Some(*kind));
    match others.iter().find_map(known) {
        _ if others.is_empty() => "nothing".into(),
        Some((_, kind)) => format!("{kind}, which are not read ({})", summary(others)),
        None => summary(others),
    }
}

/// Counts and names files: `2 other files: .DS_Store, Thumbs.db`.
fn summary(names: &[String]) -> String {
    let named = names[..names.len().min(NAMED_FILES)].join(", ");
    let noun = if names.len() == 1 { "file" } else { "files" };
    let rest = if names.len() > NAMED_FILES { ", ..." } else { "" };
    format!("{} other {noun}: {named}{rest}", names.len())
}

#[derive(Debug)]
struct Folder {
    sections: Vec<Volume>,
}

impl Source for Folder {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        let voxel_type = self.sections.first().map_or(VoxelType::U8, Volume::voxel_type);
        match_voxel_type!(voxel_type, T => self.read_as::<T>(roi).map(Voxels::from))
    }

    fn piece(&self) -> [usize; 3] {
        self.sections.first().map_or([1; 3], Volume::piece)
    }
}

impl Folder {
    fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        let [[_, y, x], [_, height, width]] = [roi.start, roi.shape];
        let of_section = Roi { start: [0, y, x], shape: [1, height, width] };
        read_sections(roi, |z, out| {
            let section = &self.sections[z];
            let voxels = section.read(of_section)?;
            let found = voxels.voxel_type();
            // A file that was replaced since it was opened can be of another type.
            let Some(array) = T::from_voxels(voxels) else {
                let path = section.path().unwrap_or(Path::new(""));
                return check_type(path, found, section.voxel_type());
            };
            out.iter_mut().zip(array).for_each(|(voxel, value)| *voxel = value);
            Ok(())
        })
    }
}

/// Compares names as people do: runs of digits by their value, the rest without regard to case.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (number_a, rest_a) = split_digits(left);
        let (number_b, rest_b) = split_digits(right);
        let order = if number_a.is_empty() || number_b.is_empty() {
            let (char_a, char_b) = (left.chars().next(), right.chars().next());
            let lower = |c: Option<char>| c.map(|c| c.to_ascii_lowercase());
            left = &left[char_a.map_or(0, char::len_utf8)..];
            right = &right[char_b.map_or(0, char::len_utf8)..];
            lower(char_a).cmp(&lower(char_b))
        } else {
            (left, right) = (rest_a, rest_b);
            let (value_a, value_b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
            // Longer numbers are larger; this way no number is too long to be compared.
            value_a.len().cmp(&value_b.len()).then_with(|| value_a.cmp(value_b))
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_natural_order() {
        let mut names = ["s10.png", "s9.png", "S1.png", "s010.png", "a.png", "s9b.png", "10", "9"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["9", "10", "a.png", "S1.png", "s9.png", "s9b.png", "s010.png", "s10.png"]);
    }

    #[test]
    fn numbers_longer_than_any_integer_are_compared() {
        let (small, large) = ("9".repeat(40), "1".repeat(41));
        assert_eq!(natural_order(&small, &large), Ordering::Less);
    }
}
