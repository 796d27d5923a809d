//! A raw volume with its labels, in memory and known to fit together.

use std::collections::BTreeMap;

use em_io::{Mask, Voxels};
use ndarray::ArrayView3;

use crate::{Error, Result, without_value};

/// The name, in place of a class, of the label whose foreground does not count.
pub const IGNORED: &str = "ignore";

/// A raw volume and one mask per class, all of one shape.
#[derive(Debug)]
pub struct LabelledVolume {
    name: String,
    raw: Voxels,
    /// Each class and its mask.
    masks: Vec<(String, Mask)>,
    /// What nobody labelled, whatever the class.
    ignored: Option<Mask>,
    /// What nobody labelled of a class, `ignored` included; a class that is not here has no more than that.
    unknown: BTreeMap<String, Mask>,
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
        let ignored = without_value(&raw).map(|voxels| Mask::new(voxels, None));
        let volume = Self { name: name.into(), raw, masks, ignored, unknown: BTreeMap::new() };
        volume.masks.iter().try_for_each(|(class, mask)| volume.expect_shape(class, mask))?;
        Ok(volume)
    }

    /// Adds a mask of the voxels that no one labelled: they count in no loss and no score.
    ///
    /// # Errors
    ///
    /// Fails if the mask has another shape.
    pub fn with_ignored(mut self, ignored: Mask) -> Result<Self> {
        self.expect_shape(IGNORED, &ignored)?;
        for unknown in self.unknown.values_mut() {
            *unknown = either(unknown, &ignored);
        }
        self.ignored = Some(match &self.ignored {
            Some(others) => either(others, &ignored),
            None => ignored,
        });
        Ok(self)
    }

    /// Adds a mask of the voxels of which no one said whether they are of a class: they count in no
    /// loss and no score of that class.
    ///
    /// # Errors
    ///
    /// Fails if the mask has another shape.
    pub fn with_unknown(mut self, class: &str, unknown: Mask) -> Result<Self> {
        self.expect_shape(class, &unknown)?;
        let known = self.unknown.get(class).or(self.ignored.as_ref());
        let unknown = known.map_or(unknown.clone(), |known| either(known, &unknown));
        self.unknown.insert(class.to_owned(), unknown);
        Ok(self)
    }

    fn expect_shape(&self, class: &str, mask: &Mask) -> Result<()> {
        if mask.shape() == self.raw.shape() {
            return Ok(());
        }
        Err(Error::LabelShape {
            volume: self.name.clone(),
            class: class.to_owned(),
            found: mask.shape(),
            expected: self.raw.shape(),
        })
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

    /// Returns the mask of the voxels that do not count for class number `class`, `[z, y, x]`, if there
    /// is one.
    ///
    /// # Panics
    ///
    /// If there are not so many classes.
    pub fn ignored(&self, class: usize) -> Option<ArrayView3<'_, bool>> {
        self.unknown.get(&self.masks[class].0).or(self.ignored.as_ref()).map(Mask::view)
    }

    /// Whether some voxels count for one class and not for another.
    pub fn differs_by_class(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// Whether some voxels count in nothing.
    pub(crate) fn has_ignored(&self) -> bool {
        self.ignored.is_some() || self.differs_by_class()
    }

    /// Returns whether nobody labelled a voxel, whatever the class; `None` where all are labelled.
    pub(crate) fn labelled_by_no_one(&self) -> Option<impl Fn([usize; 3]) -> bool + '_> {
        let masks: Vec<_> = (0..self.masks.len()).map(|class| self.ignored(class)).collect();
        let masks: Option<Vec<_>> = masks.into_iter().collect();
        masks.map(|masks| move |voxel: [usize; 3]| masks.iter().all(|mask| mask[voxel]))
    }

    /// Returns the names of the classes: in the order of the set's where the volume is part of a
    /// [`TrainingSet`](crate::TrainingSet), else as they were given.
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
    pub(crate) fn reordered(mut self, classes: &[String]) -> Result<Self> {
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

/// What is in either of two masks of one shape.
fn either(a: &Mask, b: &Mask) -> Mask {
    Mask::new(&a.view() | &b.view(), None)
}
