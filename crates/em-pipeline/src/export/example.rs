//! What goes into a network and comes out, as an example to test with and to look at.

use std::path::Path;

use em_data::GreyValues;
use em_data::phantom::{PhantomConfig, phantom};
use em_io::{Roi, Voxels};
use em_model::ExportedNetwork;
use ndarray::{Array2, Array3, ArrayD, Axis, Ix3, s};

use super::ExportRequest;
use super::normalizing::Normalizing;
use crate::drawing::{cover, png};
use crate::error::{Context, Result, UserError};
use crate::{Observer, open_with};

/// Voxels of an example along y and x, or more where the network takes no fewer.
const EDGE: usize = 256;

/// The same for networks of volumes, and their sections.
const VOLUME: [usize; 3] = [16, 64, 64];

/// The voxel size of generated tissue for networks that do not know theirs, in nm.
const USUAL_NM: f64 = 8.0;

/// Grey values, and what the network makes of them.
pub(super) struct Example {
    /// `[1, section, (z,) y, x]`.
    pub grey: ArrayD<f32>,
    /// `[1, class, (z,) y, x]`.
    pub probabilities: ArrayD<f32>,
    /// Where the grey values come from, in a sentence.
    pub told: String,
}

impl Example {
    /// Cuts one out of the stack that was named, or generates tissue; and predicts it.
    pub fn new(
        network: &ExportedNetwork,
        normalizing: &Normalizing,
        request: &ExportRequest,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        let interface = network.interface();
        let shortest = smallest(network);
        let wished = if interface.dimensions == 3 { VOLUME } else { [1, EDGE, EDGE] };
        let shape = interface.fitting(std::array::from_fn(|axis| wished[axis].max(shortest[axis])));
        // Sections of a context lie along z as well.
        let voxels = [shape[0].max(interface.sections), shape[1], shape[2]];
        let (grey, told) = match &request.example {
            Some(path) => (cut(path, request, voxels, observer)?, cut_told(path)),
            None => (generated(network, voxels), "The example is of generated tissue.".into()),
        };
        let shape = interface.input_shape(shape);
        let grey = grey.into_shape_with_order(shape).expect("the example has as many voxels");
        let input = normalizing.applied(&grey)?;
        let probabilities = network.probabilities(input.view(), normalizing.takes())?;
        Ok(Self { grey, probabilities, told })
    }

    /// The grey values as a stack `[section or z, y, x]`.
    pub fn stack_of_grey(&self) -> Array3<f32> {
        stacked(&self.grey)
    }

    /// The probabilities as a stack, that of each class behind the one before.
    pub fn stack_of_probabilities(&self) -> Array3<f32> {
        stacked(&self.probabilities)
    }

    /// A picture of the middle section and what is found in it, as PNG.
    pub fn cover(&self, network: &ExportedNetwork) -> Result<Vec<u8>> {
        let (grey, probabilities) = (self.stack_of_grey(), self.stack_of_probabilities());
        let classes = network.card().classes.len();
        let depth = probabilities.len_of(Axis(0)) / classes;
        let section = grey.index_axis(Axis(0), grey.len_of(Axis(0)) / 2);
        let [_, y, x] = network.interface().margin;
        let (height, width) = section.dim();
        let section = section.slice(s![y..height - y, x..width - x]);
        let rules = network.rules().iter().enumerate();
        let masks: Vec<Array2<bool>> = rules
            .map(|(class, rule)| {
                let found = probabilities.index_axis(Axis(0), class * depth + depth / 2);
                found.mapv(|probability| probability > rule.threshold)
            })
            .collect();
        png(&cover(section, &masks))
    }
}

/// The least that goes into the network where its halo is cut off what comes out, `[z, y, x]` in voxels.
pub(super) fn smallest(network: &ExportedNetwork) -> [usize; 3] {
    let interface = network.interface();
    interface.fitting(interface.halo.map(|halo| 2 * halo + 1))
}

/// `[1, n, (z,) y, x]` as `[n * z, y, x]`.
fn stacked(array: &ArrayD<f32>) -> Array3<f32> {
    let [height, width] = [2, 1].map(|behind| array.shape()[array.ndim() - behind]);
    let sections = array.len() / (height * width).max(1);
    let stack = array.to_shape((sections, height, width)).expect("the same number of voxels");
    stack.to_owned().into_dimensionality::<Ix3>().expect("three axes")
}

/// Cuts the middle out of a stack.
fn cut(
    path: &Path,
    request: &ExportRequest,
    shape: [usize; 3],
    observer: &mut Observer<'_>,
) -> Result<Array3<f32>> {
    let volume = open_with(path, request.reading, observer)?;
    let found = volume.shape();
    if (0..3).any(|axis| found[axis] < shape[axis]) {
        let [[z, y, x], [depth, height, width]] = [found, shape];
        let message = format!(
            "`{}` is {z} x {y} x {x} voxels, expected at least {depth} x {height} x {width} for an example",
            path.display()
        );
        return Err(UserError::new(message, "name a larger stack with --example, or none").into());
    }
    let first = (found[0] - shape[0]) / 2;
    let middle = Roi::middle(found, first..first + shape[0], [shape[1], shape[2]]);
    let grey = volume.read(middle)?.to_f32();
    if grey.iter().any(|value| !value.is_finite()) {
        let message = format!("the middle of `{}` has voxels without a value", path.display());
        return Err(UserError::new(message, "name another stack with --example, or none").into());
    }
    Ok(grey)
}

fn cut_told(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("The example is the middle of `{name}`.")
}

/// Generates tissue as dark and as rich in contrast as that of the training.
fn generated(network: &ExportedNetwork, shape: [usize; 3]) -> Array3<f32> {
    let card = network.card();
    let voxel_size_nm = card.voxel_size_nm.unwrap_or([USUAL_NM; 3]);
    let made = phantom(&PhantomConfig { shape, voxel_size_nm, ..Default::default() }).raw;
    let Some(trained) = card.trained_on() else { return made.mapv(f32::from) };
    let grey = GreyValues::of(&Voxels::U8(made.clone()));
    let factor = if grey.std() > 0.0 { trained.grey.std() / grey.std() } else { 1.0 };
    let (low, high) = trained.voxel_type.map_or((f64::MIN, f64::MAX), |voxel_type| voxel_type.range());
    made.mapv(|value| {
        let alike = (f64::from(value) - grey.mean) * factor + trained.grey.mean;
        alike.clamp(low, high) as f32
    })
}

/// A stack as a TIFF file.
pub(super) fn tiff(voxels: Array3<f32>, voxel_size_nm: Option<[f64; 3]>) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("no room for temporary files")?;
    let path = folder.path().join("sample.tif");
    em_io::write_volume(&path, &Voxels::F32(voxels), voxel_size_nm)?;
    std::fs::read(&path).context("a temporary file cannot be read")
}
