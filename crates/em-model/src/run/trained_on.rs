//! What the voxels of a training were like, as far as an input can be compared with it.

use em_data::{GreyValues, Normalization};
use em_io::{VoxelSize, VoxelType};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ModelCard;

/// The voxels that a model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// Their type, by its short name; absent where it is unknown or they were of several.
    #[serde(serialize_with = "name", deserialize_with = "named")]
    pub voxel_type: Option<VoxelType>,
    /// Their grey values.
    pub grey: GreyValues,
}

fn name<S: Serializer>(voxel_type: &Option<VoxelType>, serializer: S) -> Result<S::Ok, S::Error> {
    voxel_type.map(VoxelType::name).serialize(serializer)
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VoxelType>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| name.parse().map_err(serde::de::Error::custom)).transpose()
}

impl ModelCard {
    /// Returns the voxel size of the training, where it is known.
    pub fn voxel_size(&self) -> Option<VoxelSize> {
        self.voxel_size_nm.and_then(|nm| VoxelSize::new(nm).ok())
    }

    /// Returns what the model was trained on: as the card tells, or what follows from z-scores in a
    /// card that does not.
    pub fn trained_on(&self) -> Option<TrainedOn> {
        match (self.training_voxels, self.normalization) {
            (Some(known), _) => Some(known),
            (None, Normalization::Zscore { mean, std }) => {
                let grey = GreyValues { numbers: 1, mean, squares: std * std, ..GreyValues::default() };
                Some(TrainedOn { voxel_type: None, grey })
            }
            (None, _) => None,
        }
    }
}
