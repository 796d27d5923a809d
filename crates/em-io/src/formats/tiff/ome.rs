//! OME-XML in the tag `ImageDescription`: how pages make a stack, and the voxel size.
//!
//! The elements are those of the OME data model 2016-06. Of several images the first is read.

use super::axes::{Axes, Axis, not_a_stack};
use super::ome_xml;
use crate::error::{Error, Result};
use crate::formats::damaged;
use crate::storage;
use crate::{OpenOptions, limits};
use std::collections::BTreeSet;
use std::path::Path;

/// The most bytes of a companion file that are read.
const COMPANION_BYTES: u64 = 1 << 24;

/// A note on a file of one page that is one of several; a folder has the others.
pub(crate) const ONE_OF_FILES_NOTE: &str =
    "one file of an OME-TIFF in several: only its own page is read, and a folder of them is a stack";

/// What OME-XML says of the first image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ome {
    pub sections: usize,
    pub channels: usize,
    pub frames: usize,
    /// The axes behind x and y as letters, the fastest first.
    pub order: String,
    /// The samples of a pixel that make one channel: 3 for colour.
    pub samples_per_pixel: usize,
    pub voxel_size_nm: Option<[f64; 3]>,
    pub planes: Vec<Planes>,
    /// The names of the files that the planes are in; a single one may have been renamed.
    pub files: BTreeSet<String>,
    pub images: usize,
    /// The name of the file that has the metadata instead.
    pub companion: Option<String>,
}

/// An element `TiffData`: planes in a row, in pages in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Planes {
    pub page: usize,
    /// The z, the channel and the time of the first plane.
    pub first: [usize; 3],
    /// `None` for all planes of the image.
    pub count: Option<usize>,
}

impl Ome {
    /// Tells whether a description is OME-XML.
    pub(super) fn is(text: &str) -> bool {
        let start = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
        (start.starts_with("<?xml") || start.starts_with("<OME")) && text.contains("OME")
    }

    /// Reads OME-XML, and the companion file that it names. Entities that it defines are not followed.
    pub(super) fn read(path: &Path, text: &str) -> Result<Self> {
        let mut ome = Self::parse(path, text)?;
        if let Some(name) = ome.companion.as_deref() {
            // A name, not a path: nothing outside the folder is opened.
            let beside = Path::new(name).file_name().map(|name| path.with_file_name(name));
            let companion = beside.and_then(|beside| text_of(&beside)).filter(|text| Self::is(text));
            if let Some(whole) = companion.and_then(|text| Self::parse(path, &text).ok()) {
                ome.voxel_size_nm = whole.voxel_size_nm;
            }
        } else if [ome.sections, ome.channels, ome.frames].contains(&0) {
            return Err(damaged(path, "its OME-XML has no Pixels with SizeZ, SizeC and SizeT".into()));
        }
        Ok(ome)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        ome_xml::parse(text.trim_end_matches('\0')).map_err(|error| Error::Damaged {
            path: path.to_path_buf(),
            page: 0,
            // The error quotes the file, and an error is one line.
            source: format!("its OME-XML is not sound: {error}").replace(char::is_control, " ").into(),
        })
    }

    /// Tells whether it says where planes are: not where that is in a companion file.
    pub(super) fn has_planes(&self) -> bool {
        self.companion.is_none()
    }

    /// Returns what a user should know of the way the file is read.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.images {
            0 | 1 => {}
            2 => notes.push("a second image of the OME-TIFF left out".into()),
            images => notes.push(format!("{} further images of the OME-TIFF left out", images - 1)),
        }
        if let Some(companion) = &self.companion {
            let size =
                if self.voxel_size_nm.is_some() { "the voxel size is from" } else { "no voxel size from" };
            notes.push(format!("the pages are read as sections, {size} the companion file `{companion}`"));
        }
        notes
    }

    /// Returns the page of each section, of a file that has so many pages, and what a user should know.
    pub(super) fn pages(
        &self,
        path: &Path,
        pages: usize,
        options: OpenOptions,
    ) -> Result<(Vec<usize>, Vec<String>)> {
        if self.files.len() > 1 {
            if pages == 1 {
                return Ok((vec![0], vec![ONE_OF_FILES_NOTE.into()]));
            }
            let found = format!("one part of an OME-TIFF in {} files", self.files.len());
            return Err(not_a_stack(path, found, "all planes in one file".into()));
        }
        let axes = self.axes();
        limits::check_sections(path, axes.planes())?;
        // Samples of a pixel are picked where they are no channels of OME-XML.
        let asked =
            if self.colour_channels() == 1 { OpenOptions { channel: None, ..options } } else { options };
        let picked = axes.pick(path, asked)?;
        let (page_of, beyond) = self.page_of_planes(path, axes.planes(), pages)?;
        let mut found: Vec<Option<usize>> = picked.planes.iter().map(|&plane| page_of[plane]).collect();
        let mut notes = picked.notes;
        let sections = found.len();
        if let Some(missing) = found.iter().position(Option::is_none) {
            let is_rest = found[missing..].iter().all(Option::is_none);
            if !(is_rest && beyond && missing > 0) {
                let found = format!("no page for section {missing} of its OME-XML, and {pages} pages");
                return Err(not_a_stack(path, found, format!("{sections} sections")));
            }
            found.truncate(missing);
            notes.push(format!(
                "{missing} of the {sections} sections that were planned are in the file: the acquisition was perhaps stopped"
            ));
        }
        let used = page_of.iter().flatten().count();
        if used < pages && self.images <= 1 {
            let left = pages - used;
            let noun = if left == 1 { "page" } else { "pages" };
            notes.push(format!("{left} {noun} left out, which OME-XML does not count to the stack"));
        }
        Ok((found.into_iter().flatten().collect(), notes))
    }

    /// Finds the page of each plane; tells, too, whether planes reach beyond the last page.
    fn page_of_planes(&self, path: &Path, planes: usize, pages: usize) -> Result<(Vec<Option<usize>>, bool)> {
        let whole = [Planes { page: 0, first: [0; 3], count: None }];
        let described = if self.planes.is_empty() { &whole } else { self.planes.as_slice() };
        let (mut page_of, mut named, mut beyond) = (vec![None; planes], 0_usize, false);
        for described in described {
            let Some(first) = self.plane(described.first) else {
                continue;
            };
            let count = described.count.unwrap_or(planes).min(planes - first);
            let there = count.min(pages.saturating_sub(described.page));
            beyond |= there < count;
            named += there;
            // Each page is one plane, so that the work is bounded by the file.
            if named > pages {
                return Err(damaged(
                    path,
                    format!("its OME-XML names more than {pages} planes in {pages} pages"),
                ));
            }
            (0..there).for_each(|plane| page_of[first + plane] = Some(described.page + plane));
        }
        Ok((page_of, beyond))
    }

    /// The channels, colour counting as one.
    fn colour_channels(&self) -> usize {
        self.channels.div_ceil(self.samples_per_pixel.max(1))
    }

    fn axes(&self) -> Axes {
        let axis = |letter| match letter {
            'Z' => (Axis::Section, self.sections),
            'C' => (Axis::Channel, self.colour_channels()),
            _ => (Axis::Time, self.frames),
        };
        Axes(self.letters().into_iter().rev().map(axis).collect())
    }

    /// The axes of planes, the fastest first: all three, whatever the file says.
    fn letters(&self) -> [char; 3] {
        match self.order.as_str() {
            "XYZTC" => ['Z', 'T', 'C'],
            "XYCZT" => ['C', 'Z', 'T'],
            "XYCTZ" => ['C', 'T', 'Z'],
            "XYTZC" => ['T', 'Z', 'C'],
            "XYTCZ" => ['T', 'C', 'Z'],
            _ => ['Z', 'C', 'T'],
        }
    }

    /// The number of the plane at a z, channel and time; `None` where the image has none there.
    fn plane(&self, [z, c, t]: [usize; 3]) -> Option<usize> {
        let c = c / self.samples_per_pixel.max(1);
        let (mut plane, mut step) = (0, 1);
        for letter in self.letters() {
            let (index, length) = match letter {
                'Z' => (z, self.sections),
                'C' => (c, self.colour_channels()),
                _ => (t, self.frames),
            };
            (index < length).then_some(())?;
            (plane, step) = (plane + index * step, step * length);
        }
        Some(plane)
    }
}

/// Reads a companion file, `None` where there is none that is text.
fn text_of(path: &Path) -> Option<String> {
    String::from_utf8(storage::read(path, COMPANION_BYTES).ok()??).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pixels: &str, rest: &str) -> Result<Ome> {
        let xml =
            format!("<?xml version=\"1.0\"?><OME><Image><Pixels {pixels}>{rest}</Pixels></Image></OME>");
        assert!(Ome::is(&xml));
        Ome::read(Path::new("a.ome.tif"), &xml)
    }

    const FOUR: &str = "SizeZ='4' SizeC='1' SizeT='1'";

    fn pages(pixels: &str, rest: &str, pages: usize) -> Result<Vec<usize>> {
        let found = parse(pixels, rest)?.pages(Path::new("a.ome.tif"), pages, OpenOptions::default())?;
        Ok(found.0)
    }

    #[test]
    fn sections_are_in_the_pages_that_are_named() {
        let reversed: String = (0..4).map(|z| format!("<TiffData FirstZ='{z}' IFD='{}'/>", 3 - z)).collect();
        assert_eq!(pages(FOUR, &reversed, 4).unwrap(), [3, 2, 1, 0]);
        assert_eq!(pages(FOUR, "<TiffData/>", 4).unwrap(), [0, 1, 2, 3]);
        assert_eq!(pages(FOUR, "", 5).unwrap(), [0, 1, 2, 3]);
        let split = "<TiffData IFD='2' PlaneCount='2'/><TiffData FirstZ='2' IFD='0' PlaneCount='2'/>";
        assert_eq!(pages(FOUR, split, 4).unwrap(), [2, 3, 0, 1]);
    }

    #[test]
    fn what_is_no_single_stack_is_refused() {
        for (pixels, rest) in [
            ("SizeZ='2' SizeC='2' SizeT='1'", ""),
            ("SizeZ='2' SizeC='1' SizeT='2'", ""),
            (FOUR, "<TiffData IFD='9' PlaneCount='4'/>"),
            (FOUR, "<TiffData IFD='0' PlaneCount='3'/>"),
            (
                FOUR,
                "<TiffData><UUID FileName='a'>1</UUID></TiffData><TiffData><UUID FileName='b'/></TiffData>",
            ),
            ("SizeZ='5' SizeC='1' SizeT='1'", "<TiffData FirstZ='1'/>"),
            ("SizeZ='99999999999' SizeC='1' SizeT='1'", ""),
        ] {
            assert!(pages(pixels, rest, 4).is_err(), "{pixels} {rest}");
        }
        assert!(parse("SizeZ='4'", "").is_err());
        assert!(parse(FOUR, "</Image>").is_err());
    }

    #[test]
    fn what_is_wrong_with_the_xml_is_one_line() {
        let error = parse(FOUR, "<UUID></UU\n\u{1b}ID>").unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap();
        assert!(source.contains("not sound") && !source.contains(char::is_control), "{source:?}");
    }

    #[test]
    fn colour_is_one_channel_and_time_alone_is_z() {
        assert_eq!(
            pages("SizeZ='2' SizeC='3' SizeT='1'", "<Channel SamplesPerPixel='3'/>", 2).unwrap(),
            [0, 1]
        );
        let time = parse("SizeZ='1' SizeC='1' SizeT='3'", "").unwrap();
        let found = time.pages(Path::new("a"), 3, OpenOptions::default()).unwrap();
        assert_eq!(found, (vec![0, 1, 2], vec!["time points read as sections".into()]));
    }

    #[test]
    fn a_channel_is_picked_in_the_order_of_planes() {
        let second = OpenOptions { channel: Some(1), ..OpenOptions::default() };
        for (order, expected) in [("XYZCT", [3, 4, 5]), ("XYCZT", [1, 3, 5])] {
            let pixels = format!("DimensionOrder='{order}' SizeZ='3' SizeC='2' SizeT='1'");
            let ome = parse(&pixels, "<TiffData/>").unwrap();
            assert_eq!(ome.pages(Path::new("a"), 6, second).unwrap().0, expected, "{order}");
        }
        let ome = parse(
            "SizeZ='2' SizeC='2' SizeT='1'",
            "<TiffData FirstC='1' IFD='0' PlaneCount='2'/><TiffData IFD='2' PlaneCount='2'/>",
        );
        assert_eq!(ome.unwrap().pages(Path::new("a"), 4, second).unwrap().0, [0, 1]);
    }

    #[test]
    fn an_acquisition_that_was_stopped_gives_the_sections_that_were_taken() {
        let each: String = (0..6).map(|z| format!("<TiffData FirstZ='{z}' IFD='{z}'/>")).collect();
        for planes in ["", "<TiffData IFD='0' PlaneCount='6'/>", &each] {
            let ome = parse("SizeZ='6' SizeC='1' SizeT='1'", planes).unwrap();
            let (pages, notes) = ome.pages(Path::new("a"), 4, OpenOptions::default()).unwrap();
            assert_eq!(pages, [0, 1, 2, 3]);
            assert!(notes[0].starts_with("4 of the 6 sections that were planned"), "{notes:?}");
        }
    }

    #[test]
    fn a_page_of_a_channel_that_the_image_has_not_is_left_out() {
        let planes = "<TiffData FirstC='0' IFD='0'/><TiffData FirstC='1' IFD='1'/>";
        let ome = parse("SizeZ='1' SizeC='1' SizeT='1'", planes).unwrap();
        let (pages, notes) = ome.pages(Path::new("a"), 2, OpenOptions::default()).unwrap();
        assert_eq!(pages, [0]);
        assert_eq!(notes, ["1 page left out, which OME-XML does not count to the stack"]);
    }

    #[test]
    fn lengths_have_units_and_are_never_guessed() {
        let size = |lengths: &str| parse(&format!("{FOUR} {lengths}"), "").unwrap().voxel_size_nm;
        let all = "PhysicalSizeX='4.6' PhysicalSizeXUnit='nm' PhysicalSizeY='0.0046' PhysicalSizeZ='5e-5' PhysicalSizeZUnit='mm'";
        assert_eq!(size(all), Some([50.0, 4.6, 4.6]));
        assert_eq!(size("PhysicalSizeX='4' PhysicalSizeY='4'"), None);
        assert_eq!(size(&all.replace("'mm'", "'pixel'")), None);
        assert_eq!(size(&all.replace("'nm'", "'&#181;m'")), Some([50.0, 4.6, 4600.0]));
    }
}
