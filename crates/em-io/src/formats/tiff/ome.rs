//! OME-XML in the tag `ImageDescription`: how pages make a stack, and the voxel size.
//!
//! The elements are those of the OME data model 2016-06. Of several images the first is read. Only
//! z (or only time) may be longer than 1, so that `DimensionOrder` changes nothing.

use super::description::{not_a_stack, unit_nm};
use crate::VolumeSpec;
use crate::error::{Error, Result};
use crate::formats::{DOUBLE_DIGITS, damaged, voxel_size};
use crate::{VoxelType, limits};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeSet;
use std::path::Path;

/// The unit of a length that names none.
const DEFAULT_UNIT: &str = "µm";

/// What OME-XML says of the first image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ome {
    sections: usize,
    channels: usize,
    frames: usize,
    /// The samples of a pixel that make one channel: 3 for colour.
    samples_per_pixel: usize,
    pub voxel_size_nm: Option<[f64; 3]>,
    planes: Vec<Planes>,
    /// The names of the files that the planes are in; a single one may have been renamed.
    files: BTreeSet<String>,
    images: usize,
}

/// An element `TiffData`: planes in a row, in pages in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Planes {
    page: usize,
    /// The z, or the time, of the first plane.
    section: usize,
    /// `None` for all planes of the image.
    count: Option<usize>,
}

impl Ome {
    /// Tells whether a description is OME-XML.
    pub(super) fn is(text: &str) -> bool {
        let start = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
        (start.starts_with("<?xml") || start.starts_with("<OME")) && text.contains("OME")
    }

    /// Reads OME-XML. Entities that it defines are not followed.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let ome = read(text.trim_end_matches('\0')).map_err(|error| Error::Damaged {
            path: path.to_path_buf(),
            page: 0,
            // The error quotes the file, and an error is one line.
            source: format!("its OME-XML is not sound: {error}").replace(char::is_control, " ").into(),
        })?;
        if [ome.sections, ome.channels, ome.frames].contains(&0) {
            return Err(damaged(path, "its OME-XML has no Pixels with SizeZ, SizeC and SizeT".into()));
        }
        Ok(ome)
    }

    /// Returns what a user should know of the way the file is read.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.frames > 1 {
            notes.push("time points read as sections".into());
        }
        match self.images {
            0 | 1 => {}
            2 => notes.push("a second image of the OME-TIFF left out".into()),
            images => notes.push(format!("{} further images of the OME-TIFF left out", images - 1)),
        }
        notes
    }

    /// Returns the page of each section, of a file that has so many pages.
    pub(super) fn pages(&self, path: &Path, pages: usize) -> Result<Vec<usize>> {
        let sections = self.sections(path)?;
        if sections > pages {
            return Err(not_a_stack(
                path,
                format!("{pages} TIFF pages"),
                format!("{sections}, as its OME-XML says"),
            ));
        }
        let whole = [Planes { page: 0, section: 0, count: None }];
        let planes = if self.planes.is_empty() { &whole } else { self.planes.as_slice() };
        let mut page_of = vec![None; sections];
        let mut named = 0_usize;
        for planes in planes {
            let count = planes.count.unwrap_or(sections);
            named = named.saturating_add(count);
            // Each page is one plane, so that the work is bounded by the file.
            if named > pages {
                return Err(damaged(path, format!("its OME-XML names {named} planes in {pages} pages")));
            }
            for plane in 0..count {
                let (section, page) =
                    (planes.section.saturating_add(plane), planes.page.saturating_add(plane));
                if let Some(place) = page_of.get_mut(section) {
                    *place = (page < pages).then_some(page);
                }
            }
        }
        let missing = page_of.iter().position(Option::is_none);
        match missing {
            Some(section) => {
                let found = format!("no page for section {section} of its OME-XML");
                Err(not_a_stack(path, found, format!("{sections} pages")))
            }
            None => Ok(page_of.into_iter().flatten().collect()),
        }
    }

    /// Counts the sections of the one stack that there is.
    fn sections(&self, path: &Path) -> Result<usize> {
        let channels = self.channels.div_ceil(self.samples_per_pixel.max(1));
        if channels > 1 || (self.frames > 1 && self.sections > 1) {
            let (sections, frames) = (self.sections, self.frames);
            return Err(not_a_stack(
                path,
                format!("{channels} channels, {sections} slices and {frames} frames"),
                "slices only".into(),
            ));
        }
        if self.files.len() > 1 {
            let found = format!("one part of an OME-TIFF in {} files", self.files.len());
            return Err(not_a_stack(path, found, "all planes in one file".into()));
        }
        let sections = self.sections.max(self.frames);
        limits::check_sections(path, sections)?;
        Ok(sections)
    }

    fn take(&mut self, element: &BytesStart<'_>) -> Result<(), quick_xml::Error> {
        match element.local_name().as_ref() {
            "Image" => self.images += 1,
            // Only what belongs to the first image.
            _ if self.images != 1 => {}
            "Pixels" => self.take_pixels(element)?,
            "Channel" => {
                self.samples_per_pixel = number(element, "SamplesPerPixel")?.unwrap_or(1).max(1);
            }
            "TiffData" => {
                let page = number(element, "IFD")?;
                let count = number(element, "PlaneCount")?.or(page.map(|_| 1));
                let [z, t] = [number(element, "FirstZ")?, number(element, "FirstT")?];
                let section = z.unwrap_or(0).max(t.unwrap_or(0));
                self.planes.push(Planes { page: page.unwrap_or(0), section, count });
            }
            "UUID" => self.files.extend(attribute(element, "FileName")?),
            _ => {}
        }
        Ok(())
    }

    fn take_pixels(&mut self, element: &BytesStart<'_>) -> Result<(), quick_xml::Error> {
        let size = |name| number(element, name).map(|size| size.unwrap_or(0));
        (self.sections, self.channels, self.frames) = (size("SizeZ")?, size("SizeC")?, size("SizeT")?);
        let [z, y, x] = ["Z", "Y", "X"].map(|axis| length_nm(element, axis));
        self.voxel_size_nm = match (z?, y?, x?) {
            (Some(z), Some(y), Some(x)) => voxel_size([z, y, x], DOUBLE_DIGITS),
            _ => None,
        };
        Ok(())
    }
}

fn read(text: &str) -> Result<Ome, quick_xml::Error> {
    let mut ome = Ome { samples_per_pixel: 1, ..Ome::default() };
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event()? {
            Event::Start(element) | Event::Empty(element) => ome.take(&element)?,
            Event::Eof => return Ok(ome),
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, quick_xml::Error> {
    let Some(attribute) = element.try_get_attribute(name)? else {
        return Ok(None);
    };
    Ok(Some(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()))
}

/// Reads a count; what is none is left out.
fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<usize>, quick_xml::Error> {
    Ok(attribute(element, name)?.and_then(|text| text.trim().parse().ok()))
}

/// Reads `PhysicalSizeX` with `PhysicalSizeXUnit`.
fn length_nm(element: &BytesStart<'_>, axis: &str) -> Result<Option<f64>, quick_xml::Error> {
    let length = attribute(element, &format!("PhysicalSize{axis}"))?;
    let unit = attribute(element, &format!("PhysicalSize{axis}Unit"))?;
    let unit_nm = unit_nm(unit.as_deref().unwrap_or(DEFAULT_UNIT));
    Ok(length.and_then(|text| Some(text.trim().parse::<f64>().ok()? * unit_nm?)))
}

/// Returns what OME calls a type, `None` for 64-bit integers, which it does not have.
pub(super) fn pixel_type(voxel_type: VoxelType) -> Option<&'static str> {
    match voxel_type {
        VoxelType::U8 => Some("uint8"),
        VoxelType::I8 => Some("int8"),
        VoxelType::U16 => Some("uint16"),
        VoxelType::I16 => Some("int16"),
        VoxelType::U32 => Some("uint32"),
        VoxelType::I32 => Some("int32"),
        VoxelType::F32 => Some("float"),
        VoxelType::U64 | VoxelType::I64 => None,
    }
}

/// Writes OME-XML for a stack of one channel, whose sections are the pages of one file.
pub(super) fn text(spec: &VolumeSpec) -> String {
    let [z, y, x] = spec.shape;
    let kind = pixel_type(spec.voxel_type).unwrap_or_default();
    let lengths = spec.voxel_size_nm.map_or(String::new(), |[z, y, x]| {
        [("X", x), ("Y", y), ("Z", z)]
            .map(|(axis, nm)| format!(r#" PhysicalSize{axis}="{nm}" PhysicalSize{axis}Unit="nm""#))
            .concat()
    });
    let schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06";
    format!(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<OME xmlns="{schema}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" "#,
            r#"xsi:schemaLocation="{schema} {schema}/ome.xsd" Creator="em-io">"#,
            r#"<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="{kind}" "#,
            r#"SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="1" SizeT="1"{lengths}>"#,
            r#"<Channel ID="Channel:0:0" SamplesPerPixel="1"/>"#,
            r#"<TiffData IFD="0" PlaneCount="{z}"/></Pixels></Image></OME>"#,
        ),
        schema = schema,
        kind = kind,
        x = x,
        y = y,
        z = z,
        lengths = lengths,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pixels: &str, rest: &str) -> Result<Ome> {
        let xml =
            format!("<?xml version=\"1.0\"?><OME><Image><Pixels {pixels}>{rest}</Pixels></Image></OME>");
        assert!(Ome::is(&xml));
        Ome::parse(Path::new("a.ome.tif"), &xml)
    }

    const FOUR: &str = "SizeZ='4' SizeC='1' SizeT='1'";

    fn pages(pixels: &str, rest: &str, pages: usize) -> Result<Vec<usize>> {
        parse(pixels, rest)?.pages(Path::new("a.ome.tif"), pages)
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
            (FOUR, "<TiffData IFD='0' PlaneCount='18446744073709551615'/>"),
            (
                FOUR,
                "<TiffData><UUID FileName='a'>1</UUID></TiffData><TiffData><UUID FileName='b'/></TiffData>",
            ),
            ("SizeZ='5' SizeC='1' SizeT='1'", ""),
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
        assert_eq!(time.pages(Path::new("a"), 3).unwrap(), [0, 1, 2]);
        assert_eq!(time.notes(), ["time points read as sections"]);
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

    #[test]
    fn what_is_written_is_read() {
        let spec = VolumeSpec {
            shape: [4, 3, 2],
            voxel_type: VoxelType::I16,
            voxel_size_nm: Some([50.0, 4.6, 4.6]),
        };
        let ome = Ome::parse(Path::new("a"), &text(&spec)).unwrap();
        assert_eq!(ome.voxel_size_nm, spec.voxel_size_nm);
        assert_eq!(ome.pages(Path::new("a"), 4).unwrap(), [0, 1, 2, 3]);
    }
}
