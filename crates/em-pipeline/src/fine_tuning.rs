//! What trainings that go on from another network for a minute or two have in common: small tiles, few
//! steps, an average of the weights, and few sections shown in many ways (docs/results.md).

/// Edge of a tile, in pixels of the network.
pub const TILE_SIZE: usize = 128;
/// Tiles of an epoch.
pub const TILES_PER_EPOCH: usize = 160;
/// Tiles of a step.
pub const BATCH_SIZE: usize = 8;
/// About fifty steps are averaged.
pub const AVERAGE_DECAY: f64 = 0.98;
/// Keys of `[augmentation]`.
pub const AUGMENTATION: [(&str, f64); 7] = [
    ("gamma", 0.3),
    ("noise", 0.15),
    ("blur", 0.5),
    ("warp_probability", 0.4),
    ("rotation", 45.0),
    ("scale", 0.15),
    ("elastic", 2.0),
];
