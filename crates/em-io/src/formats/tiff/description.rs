//! ImageJ's and SCIFIO's notes in the tag `ImageDescription`: how pages make a stack, the voxel size,
//! and what values mean.
//!
//! Keys and units are those of `ij/io/TiffEncoder.java` and `ij/io/FileSaver.java`; SCIFIO's
//! `axes` and `lengths` those of `io/scif/formats/TIFFFormat.java`.

use super::axes::{Axes, Axis, not_a_stack};
use crate::error::Result;
use crate::formats::{DOUBLE_DIGITS, voxel_size};
use std::path::Path;

/// The first line's key, which tells that these conventions hold.
const MAGIC: [&str; 2] = ["ImageJ=", "SCIFIO="];

/// What ImageJ, Fiji, SCIFIO or tifffile says of a stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Description {
    images: Option<usize>,
    channels: Option<usize>,
    slices: Option<usize>,
    frames: Option<usize>,
    /// SCIFIO's axes behind x and y, the fastest first.
    named: Vec<(String, usize)>,
    unit: Option<String>,
    spacing: Option<f64>,
    /// The number of a function, and its first two coefficients.
    calibration: (Option<i32>, [Option<f64>; 2]),
}

/// What stored values mean, as ImageJ's calibration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// Themselves.
    Stored,
    /// Signed numbers, to which 32768 was added to store them.
    Signed,
    /// Something else, such as an optical density.
    Other,
}

/// Pixels per unit along x and y, with the unit of the tag `ResolutionUnit`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Resolution {
    pub x: Option<f64>,
    pub y: Option<f64>,
    /// TIFF 6.0: 1 is no unit, 2 is inch, 3 is cm.
    pub unit: u64,
}

impl Description {
    /// Reads the lines `key=value`; `None` where the text is not ImageJ's or SCIFIO's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !MAGIC.iter().any(|magic| text.starts_with(magic)) {
            return None;
        }
        let mut description = Self::default();
        let (mut axes, mut lengths) = ("", "");
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim_matches(['\0', ' ', '\r']);
            match key {
                "images" => description.images = value.parse().ok(),
                "channels" => description.channels = value.parse().ok(),
                "slices" => description.slices = value.parse().ok(),
                "frames" => description.frames = value.parse().ok(),
                "axes" => axes = value,
                "lengths" => lengths = value,
                "unit" => description.unit = Some(value.to_owned()),
                "spacing" => description.spacing = value.parse().ok(),
                "cf" => description.calibration.0 = value.parse().ok(),
                "c0" => description.calibration.1[0] = value.parse().ok(),
                "c1" => description.calibration.1[1] = value.parse().ok(),
                _ => {}
            }
        }
        let lengths = lengths.split(',').map(|length| length.trim().parse().ok());
        let named =
            axes.split(',').zip(lengths).map(|(axis, length)| Some((axis.trim().to_lowercase(), length?)));
        description.named = named.collect::<Option<Vec<_>>>().unwrap_or_default();
        description.named.retain(|(axis, _)| axis != "x" && axis != "y");
        Some(description)
    }

    /// Returns the axes of so many pages, or of the images that it tells of.
    pub(super) fn axes(&self, path: &Path, pages: usize) -> Result<Axes> {
        let described = if self.named.is_empty() { self.counted() } else { self.in_order() };
        if described.planes() == pages {
            return Ok(described);
        }
        let planned = self.images.unwrap_or(1).max(described.planes());
        let is_one_stack = described.0.iter().all(|&(axis, length)| axis == Axis::Section || length == 1);
        if planned > pages || !is_one_stack {
            let expected = format!("{planned}, as its ImageJ description says");
            return Err(not_a_stack(path, format!("{pages} TIFF pages"), expected));
        }
        Ok(Axes::sections(pages))
    }

    /// ImageJ's order: channels are the fastest, points in time the slowest.
    fn counted(&self) -> Axes {
        let [frames, slices, channels] =
            [self.frames, self.slices, self.channels].map(|count| count.unwrap_or(1).max(1));
        Axes(vec![(Axis::Time, frames), (Axis::Section, slices), (Axis::Channel, channels)])
    }

    /// SCIFIO's order: that in which it names the axes.
    fn in_order(&self) -> Axes {
        let axes = self.named.iter().rev().map(|(axis, length)| match axis.as_str() {
            "z" => (Axis::Section, *length),
            "channel" | "c" => (Axis::Channel, *length),
            "time" | "t" => (Axis::Time, *length),
            _ => (Axis::Other, *length),
        });
        Axes(axes.collect())
    }

    /// Tells what stored values mean.
    pub(super) fn values(&self) -> Values {
        /// A straight line, by `ij/measure/Calibration.java`; those from 20 on are none.
        const STRAIGHT_LINE: i32 = 0;
        match self.calibration {
            (Some(STRAIGHT_LINE), [Some(-32_768.0), Some(1.0)]) => Values::Signed,
            (Some(STRAIGHT_LINE), [Some(0.0), Some(1.0)]) => Values::Stored,
            (Some(STRAIGHT_LINE..20), [Some(_), Some(_)]) => Values::Other,
            _ => Values::Stored,
        }
    }

    /// Tells whether the distance of sections is taken to be 1, since ImageJ writes no other as none.
    fn has_spacing_of_one(&self) -> bool {
        self.spacing.is_none() && self.unit.is_some() && self.slices.is_some_and(|slices| slices > 1)
    }

    /// What a user should know of the voxel size and of values.
    pub(super) fn notes(&self, resolution: Resolution) -> Vec<String> {
        let mut notes = Vec::new();
        if self.has_spacing_of_one() && self.voxel_size_nm(resolution).is_some() {
            let unit = self.unit.as_deref().unwrap_or_default();
            notes.push(format!("no spacing is given, which in ImageJ's files is 1 {unit}"));
        }
        if self.values() == Values::Other {
            notes.push("ImageJ's calibration of values (c0, c1) is not applied: they are as stored".into());
        }
        notes
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
        let spacing = self.spacing.or_else(|| self.has_spacing_of_one().then_some(1.0))?;
        // ImageJ writes a negative spacing for stacks that were flipped along z.
        let size = [spacing.abs(), 1.0 / resolution.y?, 1.0 / resolution.x?];
        voxel_size(size.map(|length| length * unit_nm), DOUBLE_DIGITS)
    }

    /// Returns the number of images that there should be.
    pub(super) fn images(&self) -> Option<usize> {
        self.images
    }
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
    let mut text = format!("{}1.54f\nimages={sections}\nslices={sections}\nloop=false\n", MAGIC[0]);
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
    fn a_distance_of_one_is_left_out_by_imagej() {
        let size = |text: &str| Description::parse(text).unwrap().voxel_size_nm(resolution(100.0));
        assert_eq!(size("ImageJ=1.54f\nimages=4\nslices=4\nunit=micron\n"), Some([1000.0, 20.0, 10.0]));
        assert_eq!(size("ImageJ=1.54f\nimages=4\nslices=4\n"), None);
        assert_eq!(size("ImageJ=1.54f\nimages=4\nslices=4\nunit=pixel\n"), None);
    }

    #[test]
    fn channels_and_frames_are_axes_in_the_order_of_the_program() {
        let axes = |text: &str| Description::parse(text).unwrap().axes(Path::new("a.tif"), 6);
        let (z, c, t) = (Axis::Section, Axis::Channel, Axis::Time);
        let of =
            |axes: Result<Axes>| axes.unwrap().0.into_iter().filter(|axis| axis.1 > 1).collect::<Vec<_>>();
        assert_eq!(of(axes("ImageJ=1\nimages=6\nchannels=2\nslices=3\n")), [(z, 3), (c, 2)]);
        assert_eq!(of(axes("ImageJ=1\nimages=6\nslices=2\nframes=3\n")), [(t, 3), (z, 2)]);
        assert_eq!(of(axes("ImageJ=1\nimages=6\n")), [(z, 6)]);
        assert_eq!(
            of(axes("SCIFIO=0.41\naxes=X,Y,Z,Channel\nlengths=9,9,3,2\nchannels=2\n")),
            [(c, 2), (z, 3)]
        );
        assert_eq!(of(axes("SCIFIO=0.41\nchannels=2\nslices=3\n")), [(z, 3), (c, 2)]);
        assert!(axes("ImageJ=1\nimages=7\nslices=7\n").is_err());
        assert!(axes("ImageJ=1\nimages=6\nchannels=4\n").is_err());
    }

    #[test]
    fn only_the_line_of_signed_numbers_changes_values() {
        let values = |lines: &str| Description::parse(&format!("ImageJ=1\n{lines}")).unwrap().values();
        assert_eq!(values("cf=0\nc0=-32768.0\nc1=1.0\n"), Values::Signed);
        assert_eq!(values("cf=0\nc0=5.0\nc1=2.0\n"), Values::Other);
        assert_eq!(values("cf=20\nc0=5.0\nc1=2.0\n"), Values::Stored);
        assert_eq!(values(""), Values::Stored);
    }
}
