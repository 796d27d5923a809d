//! What can be wrong with the arrays and constants given to a measure.

/// The result of a measure.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Describes why a measure could not be computed.
///
/// A class that is absent is no error: it gives `None`, see [`ConfusionCounts`](crate::ConfusionCounts).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The two arrays do not cover the same voxels.
    #[error("label has shape {label:?}, expected {prediction:?}, the shape of the prediction")]
    ShapeMismatch {
        /// Shape of the prediction (a mask or probabilities), in voxels.
        prediction: Vec<usize>,
        /// Shape of the label, in voxels.
        label: Vec<usize>,
    },

    /// A prediction is not a probability: not finite, or outside 0 to 1.
    #[error("prediction is {value} at {index:?}, expected a probability from 0 to 1 (is it a logit?)")]
    InvalidProbability {
        /// Position of the first such voxel.
        index: Vec<usize>,
        /// The value found there.
        value: f64,
    },

    /// A label is not a membership: not finite, or outside 0 to 1.
    #[error("label is {value} at {index:?}, expected a value from 0 to 1 (is it a mask of 0 and 255?)")]
    InvalidLabel {
        /// Position of the first such voxel.
        index: Vec<usize>,
        /// The value found there.
        value: f64,
    },

    /// The arrays are too flat to hold batch, class and space.
    #[error("array has shape {shape:?}, expected [batch, class, ...spatial]")]
    MissingAxes {
        /// The shape found.
        shape: Vec<usize>,
    },

    /// The arrays hold no voxel, so that there is nothing to average.
    #[error("array has shape {shape:?} and holds no voxel, expected at least one")]
    NoVoxels {
        /// The shape found.
        shape: Vec<usize>,
    },

    /// A spacing is not one positive number for each axis.
    #[error("spacing is {found:?}, expected {axes} positive, finite numbers, one for each axis")]
    Spacing {
        /// The spacing found.
        found: Vec<f64>,
        /// How many axes the array has.
        axes: usize,
    },

    /// A constant is outside its range, as a negative smoothing.
    #[error("{name} is {value}, expected {}", range_of(name))]
    InvalidConstant {
        /// The argument's name.
        name: &'static str,
        /// The value found.
        value: f64,
    },

    /// Prediction and label are both 0 everywhere, and the constant that would give the ratio a value is 0.
    #[error("prediction and label are both empty, so the ratio is 0/0, expected {name} above 0")]
    ZeroDenominator {
        /// The name of the constant.
        name: &'static str,
    },
}

fn range_of(name: &str) -> &'static str {
    match name {
        "confidence" => "a number between 0 and 1",
        "threshold" => "a number above 0 and at most 1",
        "resamples" => "at least 1",
        _ => "a finite number that is 0 or more",
    }
}
