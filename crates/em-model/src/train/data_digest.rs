//! What a training is trained on, as digests: a run goes on with the same data only, wherever they lie.

use std::collections::BTreeMap;

use em_data::{LabelledVolume, Region, Split};
use em_io::{hex, match_voxels};
use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Training;

/// Bytes that are digested at a time.
const BYTES_AT_ONCE: usize = 1 << 16;

/// Digests of all that a training reads, without a name of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DataDigest {
    /// In the order of the channels.
    classes: Vec<String>,
    volumes: Vec<VolumeDigest>,
    /// Which voxels train and which validate.
    split: String,
    /// In nm, `[z, y, x]`.
    voxel_size_nm: Option<[f64; 3]>,
}

/// A raw volume and its labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct VolumeDigest {
    /// `[z, y, x]`.
    shape: [usize; 3],
    voxel_type: String,
    raw: String,
    /// By class.
    labels: BTreeMap<String, String>,
    ignored: Option<String>,
}

impl DataDigest {
    /// Goes over all voxels of a training.
    pub fn of(training: &Training<'_>) -> Self {
        let classes = training.set.classes();
        Self {
            classes: classes.to_vec(),
            volumes: training.set.volumes().iter().map(|volume| VolumeDigest::of(volume, classes)).collect(),
            split: digest_of_split(training.split),
            voxel_size_nm: training.voxel_size_nm,
        }
    }

    /// Says in which way other data differ, in half a sentence about them; `None` where they do not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.classes != other.classes {
            let [before, now] = [self, other].map(|digest| digest.classes.join(", "));
            return Some(format!("the classes are {now}, and were {before}"));
        }
        let (here, there) = (self.volumes.len(), other.volumes.len());
        if here != there {
            return Some(format!("there are {there} stacks, and there were {here}"));
        }
        let pairs = (1..).zip(self.volumes.iter().zip(&other.volumes));
        if let Some(found) = pairs.into_iter().find_map(|(number, (a, b))| a.difference(b, number)) {
            return Some(found);
        }
        if self.split != other.split {
            return Some("other sections train and validate".into());
        }
        let size =
            |size: Option<[f64; 3]>| size.map_or("unknown".to_owned(), |nm| format!("{nm:?} nm [z, y, x]"));
        (self.voxel_size_nm != other.voxel_size_nm).then(|| {
            let [before, now] = [self, other].map(|digest| size(digest.voxel_size_nm));
            format!("the voxel size is {now}, and was {before}")
        })
    }
}

impl VolumeDigest {
    fn of(volume: &LabelledVolume, classes: &[String]) -> Self {
        let labels = (0..).zip(classes).map(|(n, class)| (class.clone(), digest_of_mask(volume.mask(n))));
        let mut raw = Sha256::new();
        match_voxels!(volume.raw(), array => {
            update(&mut raw, array.iter().flat_map(|voxel| voxel.to_le_bytes()));
        });
        Self {
            shape: volume.shape(),
            voxel_type: volume.raw().voxel_type().to_string(),
            raw: hex(&raw.finalize()),
            labels: labels.collect(),
            ignored: digest_of_ignored(volume, classes),
        }
    }

    fn difference(&self, other: &Self, number: usize) -> Option<String> {
        if self.shape != other.shape {
            return Some(format!(
                "stack {number} is {:?} voxels [z, y, x], and was {:?}",
                other.shape, self.shape
            ));
        }
        if self.voxel_type != other.voxel_type {
            let (now, before) = (&other.voxel_type, &self.voxel_type);
            return Some(format!("stack {number} is {now}, and was {before}"));
        }
        if self.raw != other.raw {
            return Some(format!("stack {number} has other grey values"));
        }
        let classes = self.labels.keys().chain(other.labels.keys());
        if let Some(class) = classes.into_iter().find(|&c| self.labels.get(c) != other.labels.get(c)) {
            return Some(format!("the label of `{class}` of stack {number} is another one"));
        }
        let changed = self.ignored != other.ignored;
        changed.then(|| format!("other voxels of stack {number} do not count"))
    }
}

/// What does not count: for all classes alike, or for each.
fn digest_of_ignored(volume: &LabelledVolume, classes: &[String]) -> Option<String> {
    if !volume.differs_by_class() {
        return volume.ignored(0).map(digest_of_mask);
    }
    let of_class = |class| volume.ignored(class).map_or_else(String::new, digest_of_mask);
    Some((0..classes.len()).map(of_class).collect::<Vec<_>>().join(" "))
}

fn digest_of_mask(mask: ArrayView3<'_, bool>) -> String {
    let mut digest = Sha256::new();
    update(&mut digest, mask.iter().map(|&inside| u8::from(inside)));
    hex(&digest.finalize())
}

fn digest_of_split(split: &Split) -> String {
    let mut digest = Sha256::new();
    for (side, regions) in [("train", &split.train), ("validation", &split.validation)] {
        digest.update(side);
        for Region { volume, roi } in regions {
            digest.update(format!(" {volume} {:?} {:?}", roi.start, roi.shape));
        }
    }
    hex(&digest.finalize())
}

/// Digests bytes as one sequence, some at a time.
fn update(digest: &mut Sha256, mut bytes: impl Iterator<Item = u8>) {
    let mut some = Vec::with_capacity(BYTES_AT_ONCE);
    loop {
        some.clear();
        some.extend(bytes.by_ref().take(BYTES_AT_ONCE));
        if some.is_empty() {
            return;
        }
        digest.update(&some);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelConfig;
    use em_data::TrainingSet;
    use em_io::{Mask, Roi, Voxels};
    use ndarray::Array3;

    const SHAPE: [usize; 3] = [4, 8, 8];

    fn digest_of(raw: Array3<u8>, label: Array3<bool>, train: usize, nm: Option<[f64; 3]>) -> DataDigest {
        let masks = vec![("a".into(), Mask::new(label, None))];
        let volume = LabelledVolume::new("raw.tif", Voxels::from(raw), masks).unwrap();
        let set = TrainingSet::new(vec!["a".into()], vec![volume]).unwrap();
        let region = |z| Region { volume: 0, roi: Roi::sections(SHAPE, z) };
        let split = Split { train: vec![region(0..train)], validation: vec![region(3..4)], leaks: false };
        let architecture = ModelConfig::default().architecture(1).unwrap();
        let mut training = Training::new(&set, &split, architecture).unwrap();
        training.voxel_size_nm = nm;
        DataDigest::of(&training)
    }

    #[test]
    fn each_difference_of_the_data_is_named() {
        let raw = Array3::from_shape_fn(SHAPE, |(z, y, x)| (z * 64 + y * 8 + x) as u8);
        let label = Array3::from_shape_fn(SHAPE, |(_, y, _)| y > 3);
        let first = digest_of(raw.clone(), label.clone(), 2, None);
        assert_eq!(first.difference(&digest_of(raw.clone(), label.clone(), 2, None)), None);
        let told = |other: DataDigest| first.difference(&other).unwrap();
        let mut other = raw.clone();
        other[[3, 7, 7]] ^= 1;
        assert_eq!(told(digest_of(other, label.clone(), 2, None)), "stack 1 has other grey values");
        let mut other = label.clone();
        other[[0, 0, 0]] = true;
        assert_eq!(
            told(digest_of(raw.clone(), other, 2, None)),
            "the label of `a` of stack 1 is another one"
        );
        assert_eq!(told(digest_of(raw.clone(), label.clone(), 3, None)), "other sections train and validate");
        let size = told(digest_of(raw, label, 2, Some([5.0; 3])));
        assert_eq!(size, "the voxel size is [5.0, 5.0, 5.0] nm [z, y, x], and was unknown");
    }
}
