//! ImageJ's notes in the tag `ImageDescription`: how pages make a stack, and the voxel size.
//!
//! Keys and units are those of `ij/io/TiffEncoder.java` and `ij/io/FileSaver.java`.

use crate::error::{Error, Result};
use crate::formats::{DOUBLE_DIGITS, voxel_size};
use std::path::Path;

/// The first line's key, which tells that ImageJ's conventions hold.
const MAGIC: &str = "ImageJ=";

/// What ImageJ, Fiji or tifffile says of a stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Description {
    images: Option<usize>,
    channels: Option<usize>,
    slices: Option<usize>,
    frames: Option<usize>,
    unit: Option<String>,
    spacing: Option<f64>,
}

/// Pixels per unit along x and y, with the unit of the tag `ResolutionUnit`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Resolution {
    pub x: Option<f64>,
    pub y: Option<f64>,
    /// TIFF 6.0: 1 is no unit, 2 is inch, 3 is cm.
    pub unit: u16,
}

impl Description {
    /// Reads the lines `key=value`; `None` where the text is not ImageJ's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with(MAGIC) {
            return None;
        }
        let mut description = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim_matches(['\0', ' ', '\r']);
            match key {
                "images" => description.images = value.parse().ok(),
                "channels" => description.channels = value.parse().ok(),
                "slices" => description.slices = value.parse().ok(),
                "frames" => description.frames = value.parse().ok(),
                "unit" => description.unit = Some(value.to_owned()),
                "spacing" => description.spacing = value.parse().ok(),
                _ => {}
            }
        }
        Some(description)
    }

    /// Checks that the pages are the sections of one stack: one channel, one point in time.
    ///
    /// A stack that ImageJ took for a time series is read as sections; the note says so.
    pub(super) fn check(&self, path: &Path, pages: usize) -> Result<Option<String>> {
        if let Some(images) = self.images.filter(|&images| images > pages) {
            return Err(not_a_stack(
                path,
                format!("{pages} TIFF pages"),
                format!("{images}, as its ImageJ description says"),
            ));
        }
        let [channels, slices, frames] =
            [self.channels, self.slices, self.frames].map(|count| count.unwrap_or(1));
        if channels > 1 || (frames > 1 && slices > 1) {
            return Err(not_a_stack(
                path,
                format!("{channels} channels, {slices} slices and {frames} frames"),
                "slices only".into(),
            ));
        }
        Ok((frames > 1).then(|| "frames of a time series read as sections".into()))
    }

    /// Returns the voxel size, `[z, y, x]` in nm, where all three are known.
    pub(super) fn voxel_size_nm(&self, resolution: Resolution) -> Option<[f64; 3]> {
        let unit_nm = match &self.unit {
            Some(unit) => unit_nm(unit)?,
            None => match resolution.unit {
                2 => unit_nm("inch")?,
                3 => unit_nm("cm")?,
                _ => return None,
            },
        };
        // ImageJ writes a negative spacing for stacks that were flipped along z.
        let size = [self.spacing?.abs(), 1.0 / resolution.y?, 1.0 / resolution.x?];
        voxel_size(size.map(|length| length * unit_nm), DOUBLE_DIGITS)
    }

    /// Returns the number of images that there should be.
    pub(super) fn images(&self) -> Option<usize> {
        self.images
    }
}

/// An error about pages that are not one stack of sections.
pub(super) fn not_a_stack(path: &Path, found: String, expected: String) -> Error {
    Error::NotAStack { path: path.to_path_buf(), found, expected }
}

/// The length of a unit in nm, by the names that ImageJ, Fiji, tifffile and OME-XML write.
pub(super) fn unit_nm(unit: &str) -> Option<f64> {
    // Words are typed by hand in any case. Symbols keep theirs: `Mm` is no millimetre.
    let word = unit.to_lowercase();
    let name = if word.len() > 3 && word.is_ascii() && !unit.starts_with('\\') { &word } else { unit };
    match name {
        "pm" => Some(1e-3),
        "nm" | "nanometer" | "nanometers" | "nanometre" | "nanometres" => Some(1.0),
        // ImageJ escapes the letter µ; the two µ are different characters (U+00B5, U+03BC).
        "um" | "µm" | "μm" | "\\u00B5m" | "\\u03BCm" | "micron" | "microns" | "micrometer"
        | "micrometers" | "micrometre" | "micrometres" => Some(1e3),
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" => Some(1e6),
        "cm" | "centimeter" | "centimeters" => Some(1e7),
        // OME's symbol, and ImageJ's words.
        "in" | "inch" | "inches" => Some(2.54e7),
        "m" | "meter" | "meters" => Some(1e9),
        "A" | "Å" | "\\u00C5" | "angstrom" | "angstroms" => Some(0.1),
        _ => None,
    }
}

/// Writes the text for a stack of `sections`, from which Fiji takes z and the scale.
pub(super) fn text(sections: usize, voxel_size_nm: Option<[f64; 3]>) -> String {
    let mut text = format!("{MAGIC}1.54f\nimages={sections}\nslices={sections}\nloop=false\n");
    if let Some([z, _, _]) = voxel_size_nm {
        text.push_str(&format!("unit=nm\nspacing={z}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolution(per_unit: f64) -> Resolution {
        Resolution { x: Some(per_unit), y: Some(per_unit / 2.0), unit: 1 }
    }

    #[test]
    fn every_unit_gives_nanometres() {
        for (unit, factor) in [
            ("nm", 1.0),
            ("\\u00B5m", 1e3),
            ("\\u03BCm", 1e3),
            ("µm", 1e3),
            ("Micrometers", 1e3),
            ("Angstrom", 0.1),
            ("in", 2.54e7),
            ("inch", 2.54e7),
        ] {
            let text = format!("ImageJ=1.53t\nimages=3\nunit={unit}\nspacing=0.05\n");
            let size = Description::parse(&text).unwrap().voxel_size_nm(resolution(200.0));
            assert_eq!(size, voxel_size([0.05, 0.01, 0.005].map(|v| v * factor), DOUBLE_DIGITS), "{unit}");
        }
    }

    #[test]
    fn a_size_that_is_not_given_is_not_guessed() {
        for text in [
            "ImageJ=1.53t\nspacing=2\n",
            "ImageJ=1.53t\nunit=nm\n",
            "ImageJ=1.53t\nunit=pixel\nspacing=1\n",
            "ImageJ=1.53t\nunit=Mm\nspacing=1\n",
            "ImageJ=1.53t\nunit=nm\nspacing=nan\n",
            "ImageJ=1.53t\nunit=nm\nspacing=0\n",
        ] {
            let description = Description::parse(text).unwrap();
            assert_eq!(description.voxel_size_nm(resolution(0.2)), None, "{text}");
        }
        assert_eq!(Description::parse("unit=nm\nspacing=5\n"), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let description = Description::parse(&text(7, Some([50.0, 4.6, 4.6]))).unwrap();
        assert_eq!(description.images, Some(7));
        assert_eq!(description.slices, Some(7));
        let resolution = Resolution { x: Some(1.0 / 4.6), y: Some(1.0 / 4.6), unit: 1 };
        assert_eq!(description.voxel_size_nm(resolution), Some([50.0, 4.6, 4.6]));
    }

    #[test]
    fn channels_are_never_read_as_sections() {
        let check = |text| Description::parse(text).unwrap().check(Path::new("a.tif"), 6);
        assert!(check("ImageJ=1\nimages=6\nchannels=2\nslices=3\n").is_err());
        assert!(check("ImageJ=1\nimages=6\nslices=2\nframes=3\n").is_err());
        assert!(check("ImageJ=1\nimages=7\nslices=7\n").is_err());
        assert_eq!(check("ImageJ=1\nimages=6\nslices=6\n").unwrap(), None);
        assert!(check("ImageJ=1\nimages=6\nframes=6\n").unwrap().is_some());
    }
}
