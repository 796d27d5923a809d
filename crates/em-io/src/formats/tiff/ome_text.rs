//! OME-XML of what is written: one channel, the sections in the pages of one file.

use crate::{VolumeSpec, VoxelType};

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
    use crate::formats::tiff::ome::Ome;
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
