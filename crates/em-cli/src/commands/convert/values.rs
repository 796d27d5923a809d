//! How values become those of another type, and what is said where they cannot.

use std::fmt;

use anyhow::Result;
use em_io::{Roi, Volume, Voxel, VoxelType, Voxels, match_voxels};

use super::pipeline::blocks;
use crate::error::UserError;

/// The type that voxels are given, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The type.
    pub to: VoxelType,
    /// What happens to values.
    pub rule: Rule,
}

/// What happens to values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The type holds each of them.
    Keep,
    /// Each has to be held; one that is not is an error.
    Exact,
    /// Rounded, and cut off at the ends of the type.
    Clip,
    /// `low` becomes the smallest value of the type, `high` the largest; cut off outside.
    Rescale {
        /// A value of the input.
        low: f64,
        /// A larger one.
        high: f64,
    },
}

/// A value that the type does not hold; what becomes of it is for the user to say.
#[derive(Debug)]
struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit its new type")
    }
}

impl std::error::Error for Misfit {}

impl Change {
    /// Changes the voxels of a block.
    pub fn apply(&self, voxels: Voxels) -> Result<Voxels> {
        match self.rule {
            Rule::Keep if voxels.voxel_type() == self.to => Ok(voxels),
            Rule::Exact if !self.holds(&voxels) => Err(Misfit.into()),
            Rule::Rescale { low, high } => {
                let (smallest, largest) = self.to.range();
                let gain = (largest - smallest) / (high - low);
                Ok(voxels.map(self.to, |v| ((v - low) * gain + smallest).clamp(smallest, largest)))
            }
            Rule::Keep | Rule::Exact | Rule::Clip => Ok(voxels.to_type(self.to)),
        }
    }

    fn holds(&self, voxels: &Voxels) -> bool {
        voxels.fit(self.to)
    }

    /// Says of a misfit what the volume holds, and what can be done; other errors stay.
    pub fn explain(&self, error: anyhow::Error, volume: &Volume, part: Roi, at_once: usize) -> anyhow::Error {
        if !error.is::<Misfit>() {
            return error;
        }
        let mut found = Found::default();
        for block in blocks(part, at_once) {
            match volume.read(block) {
                Ok(voxels) => found.add(&voxels),
                Err(error) => return error.into(),
            }
        }
        let path = volume.path().map(|path| path.display().to_string()).unwrap_or_default();
        let (smallest, largest) = self.to.range();
        let message = format!("`{path}` holds {found}, which {} voxels do not keep", self.to);
        let hint = format!(
            "--rescale {},{} maps that range to {smallest} to {largest}; --clip rounds and cuts off instead",
            found.low, found.high
        );
        UserError::new(message, hint).into()
    }
}

/// What values a volume has.
struct Found {
    low: f64,
    high: f64,
    has_fractions: bool,
    has_nan: bool,
}

impl Default for Found {
    fn default() -> Self {
        Self { low: f64::INFINITY, high: f64::NEG_INFINITY, has_fractions: false, has_nan: false }
    }
}

impl Found {
    fn add(&mut self, voxels: &Voxels) {
        match_voxels!(voxels, array => array.iter().for_each(|v| self.add_value(v.to_f64())));
    }

    fn add_value(&mut self, value: f64) {
        if value.is_nan() {
            self.has_nan = true;
            return;
        }
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        self.has_fractions |= value.fract() != 0.0;
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.low, self.high)?;
        f.write_str(match (self.has_fractions, self.has_nan) {
            (true, true) => ", with fractions and NaN",
            (true, false) => ", with fractions",
            (false, true) => ", with NaN",
            (false, false) => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn changed(voxels: impl Into<Voxels>, to: VoxelType, rule: Rule) -> Result<Voxels> {
        Change { to, rule }.apply(voxels.into())
    }

    #[test]
    fn whole_floats_in_range_become_bytes() {
        let bytes = changed(array![[[0.0_f32, 255.0]]], VoxelType::U8, Rule::Exact).unwrap();
        assert_eq!(bytes, Voxels::from(array![[[0_u8, 255]]]));
    }

    #[test]
    fn values_that_would_change_are_refused() {
        for lossy in [0.5_f32, -1.0, 256.0, f32::NAN, f32::INFINITY] {
            assert!(changed(array![[[1.0, lossy]]], VoxelType::U8, Rule::Exact).is_err(), "{lossy}");
        }
        assert!(changed(array![[[16_777_217_i32]]], VoxelType::F32, Rule::Exact).is_err());
        assert!(changed(array![[[200_u8]]], VoxelType::I8, Rule::Exact).is_err());
    }

    #[test]
    fn rescaling_maps_the_ends_to_the_ends() {
        let rule = Rule::Rescale { low: -1.0, high: 1.0 };
        let floats = array![[[-2.0_f32, -1.0, 0.0, 1.0, 9.0]]];
        let bytes = changed(floats.clone(), VoxelType::U8, rule).unwrap();
        assert_eq!(bytes, Voxels::from(array![[[0_u8, 0, 128, 255, 255]]]));
        let signed = changed(floats.clone(), VoxelType::I16, rule).unwrap();
        assert_eq!(signed.range(), (-32768.0, 32767.0));
        let unit = changed(floats, VoxelType::F32, rule).unwrap();
        assert_eq!(unit, Voxels::from(array![[[0.0_f32, 0.0, 0.5, 1.0, 1.0]]]));
    }

    #[test]
    fn a_misfit_tells_the_range_of_the_whole_part() {
        let mut voxels = ndarray::Array3::<f32>::zeros((5, 2, 2));
        voxels[[0, 0, 0]] = 0.25;
        voxels[[4, 1, 1]] = 700.0;
        let volume = Volume::from_voxels(voxels.into(), None);
        let change = Change { to: VoxelType::U8, rule: Rule::Exact };
        let error = change.explain(Misfit.into(), &volume, Roi::whole([5, 2, 2]), 2);
        assert!(error.to_string().contains("holds 0 to 700, with fractions"), "{error}");
    }
}
