//! OME-XML as text: its elements are taken into an [`Ome`], and that of a new file is written.

use super::description::unit_nm;
use super::ome::{Ome, Planes};
use crate::formats::{DOUBLE_DIGITS, voxel_size};
use crate::{VolumeSpec, VoxelType};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// The unit of a length that names none.
const DEFAULT_UNIT: &str = "µm";

/// Reads the elements of the first image.
pub(super) fn parse(text: &str) -> Result<Ome, quick_xml::Error> {
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

impl Ome {
    fn take(&mut self, element: &BytesStart<'_>) -> Result<(), quick_xml::Error> {
        match element.local_name().as_ref() {
            "BinaryOnly" => self.companion = attribute(element, "MetadataFile")?,
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
                let [z, c, t] = ["FirstZ", "FirstC", "FirstT"].map(|name| number(element, name));
                let first = [z?.unwrap_or(0), c?.unwrap_or(0), t?.unwrap_or(0)];
                self.planes.push(Planes { page: page.unwrap_or(0), first, count });
            }
            "UUID" => self.files.extend(attribute(element, "FileName")?),
            _ => {}
        }
        Ok(())
    }

    fn take_pixels(&mut self, element: &BytesStart<'_>) -> Result<(), quick_xml::Error> {
        let size = |name| number(element, name).map(|size| size.unwrap_or(0));
        (self.sections, self.channels, self.frames) = (size("SizeZ")?, size("SizeC")?, size("SizeT")?);
        self.order = attribute(element, "DimensionOrder")?.unwrap_or_default();
        let [z, y, x] = ["Z", "Y", "X"].map(|axis| length_nm(element, axis));
        self.voxel_size_nm = match (z?, y?, x?) {
            (Some(z), Some(y), Some(x)) => voxel_size([z, y, x], DOUBLE_DIGITS),
            _ => None,
        };
        Ok(())
    }
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
    use crate::OpenOptions;
    use std::path::Path;

    #[test]
    fn what_is_written_is_read() {
        let spec = VolumeSpec {
            shape: [4, 3, 2],
            voxel_type: VoxelType::I16,
            voxel_size_nm: Some([50.0, 4.6, 4.6]),
        };
        let ome = Ome::read(Path::new("a"), &text(&spec)).unwrap();
        assert_eq!(ome.voxel_size_nm, spec.voxel_size_nm);
        assert_eq!(ome.pages(Path::new("a"), 4, OpenOptions::default()).unwrap().0, [0, 1, 2, 3]);
    }
}
