//! What is looked at of an input before it is predicted: the middles of some sections.

use em_io::{Roi, Volume, Voxels};

use crate::Result;

/// The sections that are looked at, evenly over the depth.
const SECTIONS: usize = 16;

/// The edge, in the network's pixels, of what is looked at in the middle of each, so that memory is bounded.
const EDGE: f64 = 1024.0;

/// Reads the middles of up to 16 sections, of up to 1024 x 1024 of the network's pixels, of which there
/// are `magnified` times as many as the input's along y and x.
pub(super) fn middles(volume: &Volume, magnified: [f64; 2]) -> Result<Vec<Voxels>> {
    let (shape, depth) = (volume.shape(), volume.shape()[0]);
    // A cast from float saturates.
    let edges = magnified.map(|factor| (EDGE / factor).ceil() as usize);
    let sections = (0..depth).step_by(depth.div_ceil(SECTIONS).max(1));
    let middles = sections.map(|z| Roi::middle(shape, z..z + 1, edges));
    Ok(middles.map(|middle| volume.read(middle)).collect::<em_io::Result<_>>()?)
}
