//! Bringing sections to the pixel size that a network was trained at, and its answer back.

use em_data::{fill_missing, resize};
use em_io::{Mask, VoxelSize, Voxels};
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, Axis};

use super::MaskRule;
use crate::{Error, Result};

/// Pixels are made larger or smaller by this factor at most: farther apart, one of the sizes is wrong,
/// or nothing that the network knows would be seen.
const FARTHEST: f64 = 8.0;

/// How much larger the pixels of an input are than those of the training, along y and x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelMatch {
    factors: [f64; 2],
}

impl PixelMatch {
    /// Compares the voxel sizes of an input and of the training; `None` where the pixels are
    /// [close](VoxelSize::is_close_to), so that nothing needs to be done.
    ///
    /// # Errors
    ///
    /// Fails if pixels are more than eight times as large as the others.
    ///
    /// ```
    /// use em_model::PixelMatch;
    /// use em_model::em_io::VoxelSize;
    ///
    /// let trained = VoxelSize::new([8.0; 3])?;
    /// let fine = PixelMatch::new(VoxelSize::new([5.0; 3])?, trained)?.expect("5 nm are less");
    /// assert_eq!(fine.network_size([768, 1024]), [480, 640]);
    /// assert_eq!(PixelMatch::new(VoxelSize::new([40.0, 7.0, 7.0])?, trained)?, None);
    /// # Ok::<(), em_model::Error>(())
    /// ```
    pub fn new(input: VoxelSize, trained: VoxelSize) -> Result<Option<Self>> {
        let [_, alike @ ..] = trained.is_close_to(input);
        if alike == [true; 2] {
            return Ok(None);
        }
        let factors = [1, 2].map(|axis| input.nm()[axis] / trained.nm()[axis]);
        if !factors.iter().all(|factor| (1.0 / FARTHEST..=FARTHEST).contains(factor)) {
            return Err(Error::PixelsTooFarApart { input, trained, farthest: FARTHEST });
        }
        Ok(Some(Self { factors }))
    }

    /// Returns the voxel size in nm, `[z, y, x]`, that voxels of `input_nm` are brought to.
    pub fn trained_nm(&self, input_nm: [f64; 3]) -> [f64; 3] {
        let [z, y, x] = input_nm;
        [z, y / self.factors[0], x / self.factors[1]]
    }

    /// Enlarges the pixels of an input by factors along y and x, whatever their size.
    pub fn by(factors: [f64; 2]) -> Self {
        Self { factors }
    }

    /// Returns by how much sections are magnified along y and x for the network.
    pub fn factors(&self) -> [f64; 2] {
        self.factors
    }

    /// Returns the size `[y, x]` that sections of an input have for the network; at least one pixel.
    pub fn network_size(&self, section: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| ((section[axis] as f64 * self.factors[axis]).round() as usize).max(1))
    }

    /// The rule for masks at an input's pixels, that was chosen at those of the training: the smallest
    /// component covers as many square nanometres.
    pub(super) fn of_rule(self, mut rule: MaskRule) -> MaskRule {
        let [y, x] = self.factors;
        // Sizes are far below 2^52.
        let smallest = rule.cleaning.minimum_voxels as f64 / (y * x);
        rule.cleaning.minimum_voxels = smallest.round() as u64;
        rule
    }

    /// Brings a volume to be trained on to the network's pixels; integers of 8 and 16 bits stay what
    /// they are, others become floats.
    pub fn of_grey_values(&self, volume: &Voxels) -> Voxels {
        let seen = self.to_network(volume.to_f32().view(), f64::NAN);
        // Means of values of a type lie in its range.
        match volume {
            Voxels::U8(_) => Voxels::U8(seen.mapv(|value| (value + 0.5) as u8)),
            Voxels::U16(_) => Voxels::U16(seen.mapv(|value| (value + 0.5) as u16)),
            _ => Voxels::F32(seen),
        }
    }

    /// Brings a mask to the network's pixels: what is covered by half or more is foreground.
    pub fn of_mask(&self, mask: &Mask) -> Mask {
        let shares = mask.view().mapv(|inside| f32::from(u8::from(inside)));
        let size = mask.voxel_size_nm().map(|nm| self.trained_nm(nm));
        Mask::new(self.to_network(shares.view(), 0.0).mapv(|share| share >= 0.5), size)
    }

    /// Brings a block of grey values `[z, y, x]` to the network's pixels, by the mean of what each
    /// covers, or by interpolation where they become smaller. Gaps are filled from their section
    /// first.
    pub(super) fn to_network(self, block: ArrayView3<'_, f32>, otherwise: f64) -> Array3<f32> {
        let (depth, height, width) = block.dim();
        let size = self.network_size([height, width]);
        let mut resized = Array3::zeros((depth, size[0], size[1]));
        for (section, mut target) in block.outer_iter().zip(resized.outer_iter_mut()) {
            let mut section = section.to_owned();
            fill_missing(section.view_mut(), otherwise);
            target.assign(&resize::area(section.view(), size));
        }
        resized
    }

    /// Brings probabilities `[class, z, y, x]` back to sections of the input's size `[y, x]`.
    pub(super) fn to_input(self, probabilities: ArrayView4<'_, f32>, section: [usize; 2]) -> Array4<f32> {
        let (classes, depth, ..) = probabilities.dim();
        let mut resized = Array4::zeros((classes, depth, section[0], section[1]));
        for (class, mut target) in probabilities.outer_iter().zip(resized.outer_iter_mut()) {
            for z in 0..depth {
                let section_of = class.index_axis(Axis(0), z);
                target.index_axis_mut(Axis(0), z).assign(&resize::area(section_of, section));
            }
        }
        resized
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_go_to_the_network_and_back() {
        let pixels = PixelMatch::by([0.5, 2.0]);
        let block = Array3::from_shape_fn((2, 4, 3), |(z, y, x)| (100 * z + 10 * y + x) as f32);
        let seen = pixels.to_network(block.view(), 0.0);
        assert_eq!(seen.dim(), (2, 2, 6));
        // The first two rows have the mean 5, and columns start at their own value.
        assert_eq!([seen[[0, 0, 0]], seen[[0, 1, 0]], seen[[1, 0, 5]]], [5.0, 25.0, 107.0]);
        let back = pixels.to_input(seen.view().insert_axis(Axis(0)), [4, 3]);
        assert_eq!(back.dim(), (1, 2, 4, 3));
        assert_eq!(back[[0, 0, 0, 1]], 6.0);
    }

    #[test]
    fn the_smallest_component_covers_the_same_area() {
        let mut rule = MaskRule::default();
        rule.cleaning.minimum_voxels = 100;
        assert_eq!(PixelMatch::by([0.5, 0.25]).of_rule(rule).cleaning.minimum_voxels, 800);
        assert_eq!(PixelMatch::by([2.0; 2]).of_rule(rule).cleaning.minimum_voxels, 25);
    }

    #[test]
    fn gaps_do_not_spread() {
        let mut block = Array3::from_elem((1, 4, 4), 7.0);
        block[[0, 1, 1]] = f32::NAN;
        assert!(PixelMatch::by([0.5; 2]).to_network(block.view(), 0.0).iter().all(|value| *value == 7.0));
    }

    #[test]
    fn pixels_that_are_nearly_alike_are_left_alone_and_those_far_apart_refused() {
        let matched =
            |nm: [f64; 3]| PixelMatch::new(VoxelSize::new(nm).unwrap(), VoxelSize::new([8.0; 3]).unwrap());
        assert_eq!(matched([5.0, 7.0, 9.0]).unwrap(), None);
        for nm in [[8.0, 65.0, 8.0], [8.0, 8.0, 0.9]] {
            assert!(matches!(matched(nm), Err(Error::PixelsTooFarApart { .. })), "{nm:?}");
        }
        let unlike = matched([5.0, 8.0, 4.0]).unwrap().unwrap();
        assert_eq!(unlike.factors(), [1.0, 0.5]);
        assert_eq!(unlike.network_size([3, 3]), [3, 2]);
        assert_eq!(PixelMatch::by([0.01; 2]).network_size([10, 10]), [1, 1]);
    }
}
