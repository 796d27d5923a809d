//! Batches of training tiles: cut and changed on the device, by numbers that em-data drew.

mod batch;
mod defects;
mod geometry;
mod intensity;
mod targets;
mod volumes;

pub(crate) use batch::BatchConfig;
pub(crate) use targets::{Labels, Targets};
pub(crate) use volumes::DeviceVolumes;
