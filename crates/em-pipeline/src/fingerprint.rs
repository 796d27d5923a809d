//! What a work was asked to do, so that an interrupted one goes on, and shards come together, only with the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use em_io::{Volume, hex, place};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Context, Result};
use crate::sections_digest::sections_digest;
use crate::unchanged::Seen;

/// Named facts, each as text: the input, the model, and the settings that the result depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// Adds a fact.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.into(), value.to_string());
        self
    }

    /// Adds what tells a volume from another one: size and time of its files, and the voxels of its
    /// first, middle and last section. A terabyte is not read twice for this. `role` is what it is, such as `input`.
    pub fn with_input(self, role: &str, volume: &Volume) -> Result<Self> {
        let path = volume.path().unwrap_or(Path::new("memory"));
        let known = self
            .with(role, path.display())
            .with(&format!("shape of the {role}"), format!("{:?}", volume.shape()))
            .with(&format!("voxel size of the {role}"), format!("{:?}", volume.voxel_size_nm()));
        let known = if place::is_address(path) {
            known.with(&format!("version of the {role}"), place::version(path)?)
        } else {
            let files = Seen::of(path);
            let newest = files.newest.and_then(|newest| newest.duration_since(UNIX_EPOCH).ok());
            known
                .with(
                    &format!("size of the {role}"),
                    format!("{} bytes in {} files", files.bytes, files.count),
                )
                .with(&format!("time of the {role}"), format!("{:?}", newest.unwrap_or_default()))
        };
        Ok(known.with(&format!("sections of the {role}"), sections_digest(volume)?))
    }

    /// Adds the content of a file, as its checksum.
    pub fn with_file(self, name: &str, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(self.with(name, hex(&Sha256::digest(bytes))))
    }

    /// Returns the first fact that differs: its name, and its value here and in `other`.
    pub fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let none = "none".to_owned();
        self.0.keys().chain(other.0.keys()).find_map(|name| {
            let value = |fingerprint: &Self| fingerprint.0.get(name).unwrap_or(&none).clone();
            (value(self) != value(other)).then(|| (name.clone(), value(self), value(other)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::Voxels;
    use ndarray::Array3;

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        let first = Fingerprint::default().with("a", 1).with("threshold", 0.5);
        assert_eq!(first.difference(&first.clone()), None);
        let second = Fingerprint::default().with("a", 1).with("threshold", 0.4);
        let expected = ("threshold".to_owned(), "0.5".to_owned(), "0.4".to_owned());
        assert_eq!(first.difference(&second), Some(expected));
        let missing = Fingerprint::default().with("a", 1);
        assert_eq!(missing.difference(&first).unwrap().1, "none");
    }

    #[test]
    fn an_input_with_one_other_voxel_is_another_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let mut voxels = Array3::<u8>::zeros((5, 6, 7));
        let fingerprint = |voxels: &Array3<u8>| {
            em_io::write_volume(&path, &Voxels::from(voxels.clone()), None).unwrap();
            Fingerprint::default().with_input("input", &em_io::open(&path).unwrap()).unwrap()
        };
        let first = fingerprint(&voxels);
        voxels[[4, 3, 3]] = 9;
        assert!(first.difference(&fingerprint(&voxels)).is_some());
    }
}
