//! The normalisation of a run as steps of a description, or inside the network where no step can say it.

use em_data::{Normalization, NormalizationConfig, NormalizationKind};
use em_io::Voxels;
use em_model::{ExportedNetwork, Takes};
use ndarray::{ArrayD, ArrayViewMut2, Ix3};
use serde_json::json;

use super::rdf::Step;
use crate::error::Result;

/// The smallest deviation that a step of fixed mean and deviation may have.
const LEAST_DEVIATION: f64 = 1e-6;

/// How grey values become what the weights of a package take.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Normalizing {
    /// Inside the network.
    Inside,
    /// By steps with the statistics of the training.
    Fixed(Normalization),
    /// By steps with the statistics of each sample, as predictions of the run do it.
    Fitted(NormalizationConfig),
}

impl Normalizing {
    /// Finds it for a network, inside where that is asked for.
    pub fn of(network: &ExportedNetwork, inside: bool) -> Self {
        let card = network.card();
        let kind = card.normalization.kind();
        let refits = card.predict.as_ref().is_some_and(|predict| predict.refit_normalization);
        match kind {
            _ if inside => Self::Inside,
            NormalizationKind::L2Axis1 => Self::Inside,
            // The type of the voxels decides, and not their values.
            NormalizationKind::Scale => Self::Fixed(card.normalization),
            // No step has statistics of tiles; those of all voxels come nearest.
            NormalizationKind::Robust if refits => {
                Self::Fitted(NormalizationConfig { kind: NormalizationKind::Zscore, ..Default::default() })
            }
            _ if refits => Self::Fitted(NormalizationConfig { kind, ..Default::default() }),
            _ => Self::Fixed(card.normalization),
        }
    }

    pub fn is_inside(&self) -> bool {
        *self == Self::Inside
    }

    /// What the weights take.
    pub fn takes(&self) -> Takes {
        if self.is_inside() { Takes::GreyValues } else { Takes::Normalized }
    }

    /// The steps of a description, for statistics over all axes but that of the batch.
    pub fn steps(&self, axes: &[&str]) -> Vec<Step> {
        let to_float = Step::new("ensure_dtype", json!({ "dtype": "float32" }));
        let clip = Step::new("clip", json!({ "min": 0.0, "max": 1.0 }));
        let mut steps = vec![to_float.clone()];
        match self {
            Self::Inside => return steps,
            Self::Fixed(Normalization::Zscore { mean, std } | Normalization::Robust { mean, std })
                if *std >= LEAST_DEVIATION =>
            {
                let kwargs = json!({ "mean": mean, "std": std });
                steps.push(Step::new("fixed_zero_mean_unit_variance", kwargs));
            }
            Self::Fixed(normalization) => {
                let linear = normalization.linear().expect("what is not linear is inside");
                let kwargs = json!({ "gain": linear.gain, "offset": linear.shift });
                steps.push(Step::new("scale_linear", kwargs));
                steps.extend(linear.clip.map(|_| clip));
            }
            Self::Fitted(config) => match config.kind {
                NormalizationKind::MinMax => {
                    let kwargs = json!({ "axes": axes, "min_percentile": 0.0, "max_percentile": 100.0 });
                    steps.push(Step::new("scale_range", kwargs));
                }
                NormalizationKind::Percentile => {
                    let (low, high) = (config.lower_percentile, config.upper_percentile);
                    let kwargs = json!({ "axes": axes, "min_percentile": low, "max_percentile": high });
                    steps.extend([Step::new("scale_range", kwargs), clip]);
                }
                _ => steps.push(Step::new("zero_mean_unit_variance", json!({ "axes": axes, "eps": 1e-6 }))),
            },
        }
        steps.push(to_float);
        steps
    }

    /// What it does, in a sentence for a README.
    pub fn told(&self) -> String {
        match self {
            Self::Inside => "They go in as they are: the network normalises them.".into(),
            Self::Fixed(_) => "They are normalised by the statistics of the training's voxels.".into(),
            Self::Fitted(_) => "They are normalised by their own statistics.".into(),
        }
    }

    /// Normalises an example as the steps do.
    ///
    /// # Errors
    ///
    /// Fails if all voxels are alike and their statistics are asked for.
    pub fn applied(&self, grey: &ArrayD<f32>) -> Result<ArrayD<f32>> {
        let mut normalized = grey.clone();
        let normalization = match self {
            Self::Inside => return Ok(normalized),
            Self::Fixed(normalization) => *normalization,
            Self::Fitted(config) => {
                let [height, width] = [2, 1].map(|behind| grey.shape()[grey.ndim() - behind]);
                let sections = grey.len() / (height * width).max(1);
                let voxels = grey.to_shape((sections, height, width)).expect("the same number of voxels");
                Normalization::fit(config, &[Voxels::F32(voxels.to_owned())], height)?
            }
        };
        each_section(&mut normalized, |section| normalization.apply(section));
        Ok(normalized)
    }
}

/// Does something to each section of an array whose last axes are y and x.
fn each_section(array: &mut ArrayD<f32>, mut work: impl FnMut(ArrayViewMut2<'_, f32>)) {
    let [height, width] = [2, 1].map(|behind| array.shape()[array.ndim() - behind]);
    let sections = array.len() / (height * width).max(1);
    let flat = array.view_mut().into_shape_with_order((sections, height, width));
    let mut flat =
        flat.expect("an array of its own is contiguous").into_dimensionality::<Ix3>().expect("three axes");
    flat.outer_iter_mut().for_each(&mut work);
}
