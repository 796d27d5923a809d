//! What a TIFF file says of itself beside its pages, in the words of ImageJ, SCIFIO, tifffile or OME.

use super::axes::{Axes, Axis};
use super::description::{Description, Resolution};
use super::directory::{Directory, Tiff, tag};
use super::ome::Ome;
use super::page::{Others, Page, Pixels};
use super::shaped::{Planes, Shaped};
use crate::error::Result;

/// The most bytes of a description that are read. OME-XML may have a line per plane.
const DESCRIPTION_BYTES: u64 = 1 << 24;

/// The most bytes of the name of a program.
const SOFTWARE_BYTES: u64 = 256;

/// What the first page's tags tell.
#[derive(Debug)]
pub(super) struct Metadata {
    pub words: Words,
    /// Whether tifffile or scikit-image wrote the file, by which stored numbers are values.
    pub is_tifffile: bool,
}

/// The description of the first page.
#[derive(Debug)]
pub(super) enum Words {
    /// None, or one by other software.
    Unknown,
    Tifffile(Shaped),
    /// Also of SCIFIO, whose keys are the same.
    ImageJ(Description, Resolution),
    Ome(Ome),
}

impl Metadata {
    /// Reads the description of the first page.
    pub(super) fn read(tiff: &mut Tiff, first: &Directory) -> Result<Self> {
        let text = tiff.text(first, tag::IMAGE_DESCRIPTION, DESCRIPTION_BYTES).unwrap_or_default();
        let software = tiff.text(first, tag::SOFTWARE, SOFTWARE_BYTES).unwrap_or_default();
        let words = if Ome::is(&text) {
            Words::Ome(Ome::read(&tiff.path, &text)?)
        } else if let Some(shaped) = Shaped::parse(&text) {
            Words::Tifffile(shaped)
        } else if let Some(description) = Description::parse(&text) {
            Words::ImageJ(description, resolution(tiff, first)?)
        } else {
            Words::Unknown
        };
        let is_tifffile = software.starts_with("tifffile")
            || matches!(words, Words::Tifffile(_))
            || matches!(words, Words::Ome(_)) && text.contains("Creator=\"tifffile");
        Ok(Self { words, is_tifffile })
    }

    /// Returns the axes of the planes of `pages` pages, with what a user should know.
    ///
    /// The samples of a pixel are the fastest axis where `samples_are_planes`.
    pub(super) fn planes(&self, tiff: &Tiff, page: &Page, pages: usize) -> Result<(Planes, Vec<String>)> {
        let has_samples = matches!(page.pixels, Pixels::One { others: Others::Planes, .. });
        let with_samples = |axes: Axes| {
            let axes = if has_samples { axes.with(Axis::Channel, page.samples) } else { axes };
            Planes { axes, samples_are_planes: has_samples }
        };
        match &self.words {
            Words::Tifffile(shaped) => {
                let described = shaped.planes(page);
                let count =
                    |planes: &Planes| pages * if planes.samples_are_planes { page.samples } else { 1 };
                if let Some(planes) = described.filter(|planes| planes.axes.planes() == count(planes)) {
                    return Ok((planes, Vec::new()));
                }
                let all = with_samples(Axes::sections(pages));
                // Sections that were written one by one each have the shape of one.
                let is_one = shaped.planes(page).is_some_and(|planes| planes.axes.planes() == 1);
                let note = "its pages are not as many as its description tells: all are read as sections";
                Ok((all, if is_one { Vec::new() } else { vec![note.into()] }))
            }
            Words::ImageJ(description, _) => {
                let axes = description.axes(&tiff.path, pages)?;
                Ok((with_samples(axes), Vec::new()))
            }
            _ => Ok((with_samples(Axes::sections(pages)), Vec::new())),
        }
    }

    /// Returns the axes of planes that lie behind each other, of which a directory describes the first.
    pub(super) fn planes_of_one_directory(&self, tiff: &Tiff, page: &Page) -> Result<Option<Axes>> {
        let axes = match &self.words {
            Words::ImageJ(description, _) => match description.images() {
                Some(images) => Some(description.axes(&tiff.path, images)?),
                None => None,
            },
            Words::Tifffile(shaped) if shaped.truncated => shaped.planes(page).map(|planes| planes.axes),
            _ => None,
        };
        Ok(axes.filter(|axes| axes.planes() > 1))
    }

    /// Returns the voxel size, `[z, y, x]` in nm, where all three are known.
    pub(super) fn voxel_size_nm(&self) -> Option<[f64; 3]> {
        match &self.words {
            Words::Unknown | Words::Tifffile(_) => None,
            Words::ImageJ(description, resolution) => description.voxel_size_nm(*resolution),
            Words::Ome(ome) => ome.voxel_size_nm,
        }
    }

    /// Tells whether ImageJ wrote the file, in which stored numbers are values.
    pub(super) fn is_imagej(&self) -> bool {
        matches!(self.words, Words::ImageJ(..))
    }

    /// Returns the name of the format.
    pub(super) fn format(&self) -> &'static str {
        if matches!(self.words, Words::Ome(_)) { "OME-TIFF" } else { "TIFF" }
    }
}

fn resolution(tiff: &mut Tiff, directory: &Directory) -> Result<Resolution> {
    let (x, y) = (tiff.fraction(directory, tag::X_RESOLUTION), tiff.fraction(directory, tag::Y_RESOLUTION));
    let unit = tiff.number(directory, tag::RESOLUTION_UNIT)?.unwrap_or(1);
    Ok(Resolution { x, y, unit })
}
