//! The labelled volumes of a training, in one order of classes.

use em_io::{Roi, Voxels};
use ndarray::ArrayView3;

use crate::{Error, LabelledVolume, Region, Result};

/// The volumes of a training and their classes.
#[derive(Debug)]
pub struct TrainingSet {
    classes: Vec<String>,
    volumes: Vec<LabelledVolume>,
}

impl TrainingSet {
    /// Puts volumes together that carry one mask of each of `classes`, whatever the order of their masks.
    ///
    /// # Errors
    ///
    /// Fails if a class is named twice, or if a volume has no mask of a class, two of them, or one of
    /// another class.
    ///
    /// ```
    /// use em_data::{LabelledVolume, TrainingSet};
    /// use em_data::em_io::{Mask, Voxels};
    /// use em_data::ndarray::array;
    ///
    /// let mask = |first| Mask::new(array![[[first, false]]], None);
    /// let masks = vec![("synapses".into(), mask(false)), ("mitochondria".into(), mask(true))];
    /// let volume = LabelledVolume::new("raw.tif", Voxels::from(array![[[200_u8, 90]]]), masks)?;
    /// let set = TrainingSet::new(vec!["mitochondria".into(), "synapses".into()], vec![volume])?;
    /// assert!(set.volumes()[0].mask(0)[[0, 0, 0]], "mitochondria are the first class of the set");
    /// # Ok::<(), em_data::Error>(())
    /// ```
    pub fn new(classes: Vec<String>, volumes: Vec<LabelledVolume>) -> Result<Self> {
        if let Some((_, class)) = classes.iter().enumerate().find(|(n, class)| classes[..*n].contains(class))
        {
            return Err(Error::RepeatedClass { class: class.clone() });
        }
        let volumes = volumes.into_iter().map(|volume| volume.reordered(&classes)).collect::<Result<_>>()?;
        Ok(Self { classes, volumes })
    }

    /// Returns the names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns the volumes.
    pub fn volumes(&self) -> &[LabelledVolume] {
        &self.volumes
    }

    /// Adds a volume behind the others.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn push(&mut self, volume: LabelledVolume) -> Result<()> {
        self.volumes.push(volume.reordered(&self.classes)?);
        Ok(())
    }

    /// Keeps the first so many volumes.
    pub fn truncate(&mut self, volumes: usize) {
        self.volumes.truncate(volumes);
    }

    /// Returns how many of the labelled voxels of each class are foreground within `regions`.
    pub fn foreground(&self, regions: &[Region]) -> Vec<u64> {
        let of_class = |class| regions.iter().map(|region| self.labelled(region, Some(class))).sum();
        (0..self.classes.len()).map(of_class).collect()
    }

    /// Returns how many voxels of `regions` are labelled for each class, foreground or background.
    pub fn labelled_voxels(&self, regions: &[Region]) -> Vec<u64> {
        let of_class = |class| regions.iter().map(|region| self.known(region, Some(class))).sum();
        (0..self.classes.len()).map(of_class).collect()
    }

    /// Returns the share of foreground of each class among the voxels of `regions` that are labelled for
    /// it; 0 without any.
    pub fn foreground_shares(&self, regions: &[Region]) -> Vec<f64> {
        let known = self.labelled_voxels(regions);
        let share = |(foreground, known): (u64, u64)| foreground as f64 / known.max(1) as f64;
        self.foreground(regions).into_iter().zip(known).map(share).collect()
    }

    /// Counts the labelled voxels of a region: of any class, or those that are foreground of one.
    pub(crate) fn labelled(&self, region: &Region, class: Option<usize>) -> u64 {
        let volume = &self.volumes[region.volume];
        let Some(class) = class else { return self.known(region, None) };
        let mask = region.slice(volume.mask(class));
        let count = match volume.ignored(class) {
            None => mask.iter().filter(|&&inside| inside).count(),
            Some(ignored) => {
                let both = mask.into_iter().zip(region.slice(ignored));
                both.filter(|(inside, out)| **inside && !**out).count()
            }
        };
        count as u64
    }

    /// Counts the voxels of a region that are labelled: for a class, or for any.
    fn known(&self, region: &Region, class: Option<usize>) -> u64 {
        let volume = &self.volumes[region.volume];
        let count =
            |ignored: ArrayView3<'_, bool>| region.slice(ignored).iter().filter(|&&out| !out).count() as u64;
        match class {
            Some(class) => volume.ignored(class).map_or(region.roi.voxels() as u64, count),
            None if volume.differs_by_class() => match volume.labelled_by_no_one() {
                None => region.roi.voxels() as u64,
                Some(is_out) => voxels_of(region.roi).filter(|&voxel| !is_out(voxel)).count() as u64,
            },
            None => volume.ignored(0).map_or(region.roi.voxels() as u64, count),
        }
    }

    /// Returns where labelled voxel number `index` of a region lies, counted along its rows: of all, or
    /// of those that are foreground of a class. 0 where there are not so many.
    pub(crate) fn labelled_place(&self, region: &Region, class: Option<usize>, index: usize) -> usize {
        let volume = &self.volumes[region.volume];
        let is_counted: Box<dyn Fn([usize; 3]) -> bool> = match class {
            Some(class) => {
                let (mask, ignored) = (volume.mask(class), volume.ignored(class));
                Box::new(move |voxel| mask[voxel] && ignored.is_none_or(|ignored| !ignored[voxel]))
            }
            None => match volume.labelled_by_no_one() {
                None => Box::new(|_| true),
                Some(is_out) => Box::new(move |voxel| !is_out(voxel)),
            },
        };
        let mut places = (0..).zip(voxels_of(region.roi)).filter(|(_, voxel)| is_counted(*voxel));
        places.nth(index).map_or(0, |(place, _)| place)
    }

    /// Tells whether anybody labelled a voxel of a region.
    pub(crate) fn has_labelled(&self, region: &Region) -> bool {
        let volume = &self.volumes[region.volume];
        volume.labelled_by_no_one().is_none_or(|is_out| voxels_of(region.roi).any(|voxel| !is_out(voxel)))
    }

    /// Returns whether any volume has voxels that do not count.
    pub fn has_ignored(&self) -> bool {
        self.volumes.iter().any(LabelledVolume::has_ignored)
    }

    /// Returns the raw voxels of `regions`, copied.
    pub fn raw_blocks(&self, regions: &[Region]) -> Vec<Voxels> {
        regions.iter().map(|region| self.volumes[region.volume].raw().cut(region.roi)).collect()
    }
}

/// The voxels of a block, row by row.
fn voxels_of(roi: Roi) -> impl Iterator<Item = [usize; 3]> {
    let [z, y, x] = roi.ranges();
    z.flat_map(move |z| {
        let x = x.clone();
        y.clone().flat_map(move |y| x.clone().map(move |x| [z, y, x]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::Mask;
    use ndarray::Array3;

    /// A volume of three sections and as many classes, the mask of the n-th of which is section n.
    fn volume(classes: &[&str]) -> LabelledVolume {
        let mask =
            |section: usize| Mask::new(Array3::from_shape_fn((3, 1, 1), |(z, _, _)| z == section), None);
        let masks = classes.iter().enumerate().map(|(n, class)| ((*class).to_owned(), mask(n))).collect();
        LabelledVolume::new("v.tif", Voxels::U8(Array3::zeros((3, 1, 1))), masks).unwrap()
    }

    fn set(classes: &[&str], volumes: Vec<LabelledVolume>) -> Result<TrainingSet> {
        TrainingSet::new(classes.iter().map(|&class| class.into()).collect(), volumes)
    }

    #[test]
    fn masks_come_into_the_order_of_the_classes() {
        let set = set(&["a", "b", "c"], vec![volume(&["a", "b", "c"]), volume(&["c", "a", "b"])]).unwrap();
        let sections = |volume: usize| {
            let volume = &set.volumes()[volume];
            assert!(volume.classes().eq(["a", "b", "c"]));
            [0, 1, 2].map(|class| volume.mask(class).iter().position(|&inside| inside).unwrap())
        };
        assert_eq!([sections(0), sections(1)], [[0, 1, 2], [1, 2, 0]]);
        let region = Region { volume: 1, roi: Roi { start: [1, 0, 0], shape: [2, 1, 1] } };
        assert_eq!(set.foreground(&[region]), [1, 1, 0]);
    }

    #[test]
    fn voxels_without_a_value_are_labelled_by_no_one() {
        let raw = Voxels::from(ndarray::array![[[1.0_f32, f32::NAN, 3.0, 4.0]]]);
        let mask =
            |voxels: [bool; 4]| Mask::new(Array3::from_shape_vec((1, 1, 4), voxels.to_vec()).unwrap(), None);
        let volume = LabelledVolume::new("v.tif", raw, vec![("a".into(), mask([true; 4]))]).unwrap();
        assert_eq!(volume.ignored(0).unwrap(), mask([false, true, false, false]).view());
        let volume = volume.with_ignored(mask([false, false, true, false])).unwrap();
        assert_eq!(volume.ignored(0).unwrap(), mask([false, true, true, false]).view());
        let set = TrainingSet::new(vec!["a".into()], vec![volume]).unwrap();
        let region = Region { volume: 0, roi: Roi::whole([1, 1, 4]) };
        assert_eq!((set.foreground(&[region]), set.labelled(&region, None)), (vec![2], 2));
        assert_eq!([0, 1].map(|index| set.labelled_place(&region, Some(0), index)), [0, 3]);
    }

    #[test]
    fn what_nobody_said_of_a_class_counts_for_the_others() {
        let raw = Voxels::from(ndarray::array![[[1.0_f32, f32::NAN, 3.0, 4.0]]]);
        let mask =
            |voxels: [bool; 4]| Mask::new(Array3::from_shape_vec((1, 1, 4), voxels.to_vec()).unwrap(), None);
        let masks = ["b", "a"].map(|class| (class.to_owned(), mask([true, true, true, false]))).to_vec();
        let volume = LabelledVolume::new("v.tif", raw, masks).unwrap();
        let volume = volume.with_unknown("a", mask([true, false, false, false])).unwrap();
        let set = TrainingSet::new(vec!["a".into(), "b".into()], vec![volume]).unwrap();
        let volume = &set.volumes()[0];
        assert!(volume.differs_by_class() && set.has_ignored());
        assert_eq!(volume.ignored(0).unwrap(), mask([true, true, false, false]).view());
        assert_eq!(volume.ignored(1).unwrap(), mask([false, true, false, false]).view());
        let region = Region { volume: 0, roi: Roi::whole([1, 1, 4]) };
        assert_eq!((set.foreground(&[region]), set.labelled(&region, None)), (vec![1, 2], 3));
        assert_eq!(set.foreground_shares(&[region]), [0.5, 2.0 / 3.0]);
        assert_eq!([0, 1, 2].map(|index| set.labelled_place(&region, None, index)), [0, 2, 3]);
        assert_eq!(set.labelled_place(&region, Some(0), 0), 2);
        let at = |x: usize| Region { volume: 0, roi: Roi { start: [0, 0, x], shape: [1, 1, 1] } };
        assert_eq!([0, 1, 3].map(|x| set.has_labelled(&at(x))), [true, false, true]);
        // What nobody labelled at all counts for no class, whatever was said of one before.
        let masks = ["b", "a"].map(|class| (class.to_owned(), mask([true; 4]))).to_vec();
        let volume = LabelledVolume::new("v.tif", Voxels::from(ndarray::array![[[1_u8, 2, 3, 4]]]), masks);
        let volume = volume.unwrap().with_unknown("a", mask([true, false, false, false])).unwrap();
        assert_eq!(volume.ignored(0), None);
        let volume = volume.with_ignored(mask([false, false, true, false])).unwrap();
        let ignored = [0, 1].map(|class| volume.ignored(class).unwrap().iter().copied().collect::<Vec<_>>());
        assert_eq!(ignored, [[false, false, true, false], [true, false, true, false]]);
        let error = volume.with_unknown("a", Mask::new(Array3::from_elem((1, 1, 3), true), None));
        assert!(matches!(error, Err(Error::LabelShape { .. })));
    }

    #[test]
    fn missing_unknown_and_repeated_classes_are_refused_by_name() {
        let refused = |classes: &[&str], of_volume: &[&str]| {
            set(classes, vec![volume(of_volume)]).unwrap_err().to_string()
        };
        assert_eq!(refused(&["a", "b"], &["b"]), r#"`v.tif` has labels for ["b"], expected ["a", "b"]"#);
        assert_eq!(refused(&["a"], &["a", "b"]), r#"`v.tif` has labels for ["a", "b"], expected ["a"]"#);
        assert_eq!(
            refused(&["a", "b"], &["a", "c"]),
            r#"`v.tif` has labels for ["a", "c"], expected ["a", "b"]"#
        );
        assert_eq!(
            refused(&["a", "b"], &["b", "b"]),
            r#"`v.tif` has labels for ["b", "b"], expected ["a", "b"]"#
        );
        assert_eq!(refused(&["a", "a"], &["a", "a"]), "the class `a` is named more than once");
        let mut two = set(&["a", "b"], vec![volume(&["a", "b"])]).unwrap();
        two.push(volume(&["b", "a"])).unwrap();
        assert!(two.volumes()[1].classes().eq(["a", "b"]));
        assert!(two.push(volume(&["a"])).is_err());
        two.truncate(1);
        assert_eq!(two.volumes().len(), 1);
    }
}
