//! Labelled volumes that are in memory and known to fit together.

use em_io::{Mask, Voxels};
use ndarray::ArrayView3;

use crate::{Error, Region, Result, without_value};

/// The name, in place of a class, of the label whose foreground does not count.
pub const IGNORED: &str = "ignore";

/// A raw volume and one mask per class, all of one shape.
#[derive(Debug)]
pub struct LabelledVolume {
    name: String,
    raw: Voxels,
    /// Each class and its mask.
    masks: Vec<(String, Mask)>,
    ignored: Option<Mask>,
}

impl LabelledVolume {
    /// Puts a raw volume and its masks, one `(class, mask)` each in any order, together.
    ///
    /// Voxels that are NaN or infinite count as labelled by no one.
    ///
    /// # Errors
    ///
    /// Fails if a mask has another shape than `raw`.
    pub fn new(name: impl Into<String>, raw: Voxels, masks: Vec<(String, Mask)>) -> Result<Self> {
        let name = name.into();
        for (class, mask) in &masks {
            if mask.shape() != raw.shape() {
                return Err(Error::LabelShape {
                    volume: name,
                    class: class.clone(),
                    found: mask.shape(),
                    expected: raw.shape(),
                });
            }
        }
        let ignored = without_value(&raw).map(|voxels| Mask::new(voxels, None));
        Ok(Self { name, raw, masks, ignored })
    }

    /// Adds a mask of the voxels that no one labelled: they count in no loss and no score.
    ///
    /// # Errors
    ///
    /// Fails if the mask has another shape.
    pub fn with_ignored(mut self, ignored: Mask) -> Result<Self> {
        if ignored.shape() != self.raw.shape() {
            return Err(Error::LabelShape {
                volume: self.name,
                class: IGNORED.into(),
                found: ignored.shape(),
                expected: self.raw.shape(),
            });
        }
        self.ignored = Some(match self.ignored.take() {
            Some(without_value) => Mask::new(&ignored.view() | &without_value.view(), None),
            None => ignored,
        });
        Ok(self)
    }

    /// Returns the name for messages: usually the file of the raw volume.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the raw volume.
    pub fn raw(&self) -> &Voxels {
        &self.raw
    }

    /// Returns the shape `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.raw.shape()
    }

    /// Returns the mask of the voxels that do not count, `[z, y, x]`, if there is one.
    pub fn ignored(&self) -> Option<ArrayView3<'_, bool>> {
        self.ignored.as_ref().map(Mask::view)
    }

    /// Returns the names of the classes: in the order of the set's where the volume is part of a
    /// [`TrainingSet`], else as they were given.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.masks.iter().map(|(class, _)| class.as_str())
    }

    /// Returns the mask of class number `class`, `[z, y, x]`, in the order of [`classes`](Self::classes).
    ///
    /// # Panics
    ///
    /// If there are not so many classes.
    pub fn mask(&self, class: usize) -> ArrayView3<'_, bool> {
        self.masks[class].1.view()
    }

    /// Brings the masks into the order of `classes`, which are all different.
    fn reordered(mut self, classes: &[String]) -> Result<Self> {
        let mut found: Vec<&str> = self.classes().collect();
        let mut expected: Vec<&str> = classes.iter().map(String::as_str).collect();
        found.sort_unstable();
        expected.sort_unstable();
        if found != expected {
            let found = self.classes().map(str::to_owned).collect();
            return Err(Error::Classes { volume: self.name, found, expected: classes.to_vec() });
        }
        self.masks.sort_by_key(|(class, _)| classes.iter().position(|known| known == class));
        Ok(self)
    }
}

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

    /// Returns how many of the labelled voxels of each class are foreground within `regions`.
    pub fn foreground(&self, regions: &[Region]) -> Vec<u64> {
        let of_class = |class| regions.iter().map(|region| self.labelled(region, Some(class))).sum();
        (0..self.classes.len()).map(of_class).collect()
    }

    /// Returns the share of foreground of each class among the labelled voxels of `regions`; 0 without
    /// any.
    pub fn foreground_shares(&self, regions: &[Region]) -> Vec<f64> {
        let voxels: u64 = regions.iter().map(|region| self.labelled(region, None)).sum();
        self.foreground(regions).into_iter().map(|n| n as f64 / voxels.max(1) as f64).collect()
    }

    /// Counts the labelled voxels of a region: all, or those that are foreground of a class.
    pub(crate) fn labelled(&self, region: &Region, class: Option<usize>) -> u64 {
        let volume = &self.volumes[region.volume];
        let ignored = volume.ignored();
        let count = match (class.map(|class| volume.mask(class)), ignored) {
            (None, None) => region.roi.voxels(),
            (None, Some(ignored)) => region.slice(ignored).iter().filter(|&&out| !out).count(),
            (Some(mask), None) => region.slice(mask).iter().filter(|&&inside| inside).count(),
            (Some(mask), Some(ignored)) => {
                let both = region.slice(mask).into_iter().zip(region.slice(ignored));
                both.filter(|(inside, out)| **inside && !**out).count()
            }
        };
        count as u64
    }

    /// Returns where labelled voxel number `index` of a region lies, counted along its rows: of all, or
    /// of those that are foreground of a class. 0 where there are not so many.
    pub(crate) fn labelled_place(&self, region: &Region, class: Option<usize>, index: usize) -> usize {
        let volume = &self.volumes[region.volume];
        let mask = class.map(|class| region.slice(volume.mask(class)));
        let ignored = volume.ignored().map(|ignored| region.slice(ignored));
        let [_, height, width] = region.roi.shape;
        let area = height * width;
        let is_counted = |place: &usize| {
            let voxel = [place / area, place % area / width, place % width];
            mask.is_none_or(|mask| mask[voxel]) && ignored.is_none_or(|ignored| !ignored[voxel])
        };
        (0..region.roi.voxels()).filter(is_counted).nth(index).unwrap_or(0)
    }

    /// Tells whether anybody labelled a voxel of a region.
    pub(crate) fn has_labelled(&self, region: &Region) -> bool {
        let ignored = self.volumes[region.volume].ignored();
        ignored.is_none_or(|ignored| region.slice(ignored).iter().any(|&out| !out))
    }

    /// Returns whether any volume has voxels that do not count.
    pub fn has_ignored(&self) -> bool {
        self.volumes.iter().any(|volume| volume.ignored.is_some())
    }

    /// Returns the raw voxels of `regions`, copied.
    pub fn raw_blocks(&self, regions: &[Region]) -> Vec<Voxels> {
        regions.iter().map(|region| self.volumes[region.volume].raw.cut(region.roi)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let region = Region { volume: 1, roi: em_io::Roi { start: [1, 0, 0], shape: [2, 1, 1] } };
        assert_eq!(set.foreground(&[region]), [1, 1, 0]);
    }

    #[test]
    fn voxels_without_a_value_are_labelled_by_no_one() {
        let raw = Voxels::from(ndarray::array![[[1.0_f32, f32::NAN, 3.0, 4.0]]]);
        let mask =
            |voxels: [bool; 4]| Mask::new(Array3::from_shape_vec((1, 1, 4), voxels.to_vec()).unwrap(), None);
        let volume = LabelledVolume::new("v.tif", raw, vec![("a".into(), mask([true; 4]))]).unwrap();
        assert_eq!(volume.ignored().unwrap(), mask([false, true, false, false]).view());
        let volume = volume.with_ignored(mask([false, false, true, false])).unwrap();
        assert_eq!(volume.ignored().unwrap(), mask([false, true, true, false]).view());
        let set = TrainingSet::new(vec!["a".into()], vec![volume]).unwrap();
        let region = Region { volume: 0, roi: em_io::Roi::whole([1, 1, 4]) };
        assert_eq!((set.foreground(&[region]), set.labelled(&region, None)), (vec![2], 2));
        assert_eq!([0, 1].map(|index| set.labelled_place(&region, Some(0), index)), [0, 3]);
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
    }
}
