//! Batches of training tiles: cut and changed on the device, by numbers that em-data drew.

mod batch;
mod defects;
mod geometry;
mod intensity;
mod volumes;

pub(crate) use batch::BatchConfig;
pub(crate) use volumes::DeviceVolumes;
