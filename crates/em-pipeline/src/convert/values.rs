//! How values become those of another type, and what is said where they cannot.

use std::fmt;

use em_io::{Blocks, Volume, Voxel, VoxelType, Voxels, match_voxels};

use crate::error::{Error, Result, UserError};

/// What happens to values that are to be of another type.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ValueRule {
    /// The type has to hold each of them; one that would change is an error.
    #[default]
    Exact,
    /// Rounded, and cut off at the ends of the type.
    Clip,
    /// `low` becomes the smallest value of the type, `high` the largest (0 and 1 for floats); cut
    /// off outside.
    Rescale {
        /// A value of the input.
        low: f64,
        /// A larger one.
        high: f64,
    },
    /// A mask of 8 bit: 255 above a value, 0 elsewhere.
    Threshold(
        /// A value of the input.
        f64,
    ),
    /// A mask of 8 bit: 255 where the input has one value, 0 elsewhere.
    Equal(
        /// A value of the input.
        f64,
    ),
}

/// The type that voxels are given, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    to: VoxelType,
    rule: ValueRule,
}

impl Change {
    /// Makes the voxels of type `to`, or leaves them as they are.
    ///
    /// Fails if a range to be rescaled is none.
    pub fn new(to: VoxelType, rule: ValueRule) -> Result<Self> {
        match rule {
            ValueRule::Rescale { low, high } if !(low.is_finite() && high.is_finite() && low < high) => {
                let message = format!("--rescale {low},{high} has no range, expected LOW below HIGH");
                Err(UserError::new(message, "`em-cli inspect` shows the range of a volume").into())
            }
            ValueRule::Threshold(_) | ValueRule::Equal(_) => Ok(Self { to: VoxelType::U8, rule }),
            rule => Ok(Self { to, rule }),
        }
    }

    /// Returns the type that voxels are given.
    pub fn voxel_type(&self) -> VoxelType {
        self.to
    }

    /// Changes the voxels of a block; `None` where a value does not fit its new type.
    pub fn apply(&self, voxels: Voxels) -> Option<Voxels> {
        match self.rule {
            ValueRule::Rescale { low, high } => {
                let (smallest, largest) = self.to.range();
                let gain = (largest - smallest) / (high - low);
                Some(voxels.map(self.to, |v| ((v - low) * gain + smallest).clamp(smallest, largest)))
            }
            ValueRule::Threshold(above) => Some(mask_where(&voxels, |v| v > above)),
            ValueRule::Equal(value) => Some(mask_where(&voxels, |v| v == value)),
            _ if voxels.voxel_type() == self.to => Some(voxels),
            ValueRule::Exact if !self.holds(&voxels) => None,
            ValueRule::Exact | ValueRule::Clip => Some(voxels.to_type(self.to)),
        }
    }

    fn holds(&self, voxels: &Voxels) -> bool {
        voxels.fit(self.to)
    }

    /// Says what a part of a volume holds that does not fit, and what can be done.
    pub fn misfit(&self, volume: &Volume, blocks: Blocks) -> Error {
        let mut found = Found::default();
        for block in volume.blocks(blocks) {
            match block {
                Ok((_, voxels)) => found.add(&voxels),
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

fn mask_where(voxels: &Voxels, is_inside: impl Fn(f64) -> bool) -> Voxels {
    match_voxels!(voxels, array => array.mapv(|v| if is_inside(v.to_f64()) { u8::MAX } else { 0 }).into())
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

    fn changed(voxels: impl Into<Voxels>, to: VoxelType, rule: ValueRule) -> Option<Voxels> {
        Change::new(to, rule).unwrap().apply(voxels.into())
    }

    #[test]
    fn whole_floats_in_range_become_bytes() {
        let bytes = changed(array![[[0.0_f32, 255.0]]], VoxelType::U8, ValueRule::Exact).unwrap();
        assert_eq!(bytes, Voxels::from(array![[[0_u8, 255]]]));
    }

    #[test]
    fn values_that_would_change_are_refused() {
        for lossy in [0.5_f32, -1.0, 256.0, f32::NAN, f32::INFINITY] {
            assert!(changed(array![[[1.0, lossy]]], VoxelType::U8, ValueRule::Exact).is_none(), "{lossy}");
        }
        assert!(changed(array![[[16_777_217_i32]]], VoxelType::F32, ValueRule::Exact).is_none());
        assert!(changed(array![[[200_u8]]], VoxelType::I8, ValueRule::Exact).is_none());
    }

    #[test]
    fn a_range_without_extent_is_refused() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(Change::new(VoxelType::U8, ValueRule::Rescale { low, high }).is_err(), "{low}, {high}");
        }
    }

    #[test]
    fn rescaling_maps_the_ends_to_the_ends() {
        let rule = ValueRule::Rescale { low: -1.0, high: 1.0 };
        let floats = array![[[-2.0_f32, -1.0, 0.0, 1.0, 9.0]]];
        let bytes = changed(floats.clone(), VoxelType::U8, rule).unwrap();
        assert_eq!(bytes, Voxels::from(array![[[0_u8, 0, 128, 255, 255]]]));
        let signed = changed(floats.clone(), VoxelType::I16, rule).unwrap();
        assert_eq!(signed.range(), (-32768.0, 32767.0));
        let unit = changed(floats, VoxelType::F32, rule).unwrap();
        assert_eq!(unit, Voxels::from(array![[[0.0_f32, 0.0, 0.5, 1.0, 1.0]]]));
    }

    #[test]
    fn masks_are_what_is_above_a_value_or_equal_to_it() {
        let floats = array![[[0.25_f32, 0.5, 0.75, f32::NAN, f32::INFINITY]]];
        let mask = changed(floats, VoxelType::F32, ValueRule::Threshold(0.5)).unwrap();
        assert_eq!(mask, Voxels::from(array![[[0_u8, 0, 255, 0, 255]]]));
        let numbers = array![[[0_u16, 1, 2, 1, 300]]];
        let mask = |rule| changed(numbers.clone(), VoxelType::U16, rule).unwrap();
        assert_eq!(mask(ValueRule::Equal(1.0)), Voxels::from(array![[[0_u8, 255, 0, 255, 0]]]));
        assert_eq!(mask(ValueRule::Threshold(0.5)), Voxels::from(array![[[0_u8, 255, 255, 255, 255]]]));
        let bytes = array![[[0_u8, 128, 129]]];
        let mask = changed(bytes, VoxelType::U8, ValueRule::Threshold(128.0)).unwrap();
        assert_eq!(mask, Voxels::from(array![[[0_u8, 0, 255]]]));
    }

    #[test]
    fn a_misfit_tells_the_range_of_the_whole_part() {
        let mut voxels = ndarray::Array3::<f32>::zeros((5, 2, 2));
        voxels[[0, 0, 0]] = 0.25;
        voxels[[4, 1, 1]] = 700.0;
        let volume = Volume::from_voxels(voxels.into(), None);
        let change = Change::new(VoxelType::U8, ValueRule::Exact).unwrap();
        let error = change.misfit(&volume, Blocks::of_sections(em_io::Roi::whole([5, 2, 2]), 2));
        assert!(error.to_string().contains("holds 0 to 700, with fractions"), "{error}");
    }
}
