//! What metrics count, with the scores that follow: counts of sections and volumes are added, then scored.

use em_metrics::calibration::BINS;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Makes a class of Python of counts that add up, also by `sum`, which starts with 0.
macro_rules! counts {
    ($name:ident, $doc:literal, { $($field:ident: $type:ty),* }, { $($score:ident),* } $(, $more:item)*) => {
        #[doc = $doc]
        #[pyclass(frozen, eq, module = "em_cli._native")]
        #[derive(Clone, PartialEq)]
        pub struct $name {
            pub inner: em_metrics::$name,
        }

        impl From<em_metrics::$name> for $name {
            fn from(inner: em_metrics::$name) -> Self {
                Self { inner }
            }
        }

        #[pymethods]
        impl $name {
            $(
                #[getter]
                fn $field(&self) -> $type {
                    self.inner.$field
                }
            )*
            $(
                #[getter]
                fn $score(&self) -> Option<f64> {
                    self.inner.$score()
                }
            )*

            $($more)*

            fn __add__(&self, other: &Self) -> Self {
                (self.inner.clone() + other.inner.clone()).into()
            }

            fn __radd__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
                if other.extract::<u64>().is_ok_and(|zero| zero == 0) {
                    return Ok(self.clone());
                }
                Err(PyValueError::new_err(concat!("expected ", stringify!($name), " or the 0 that sum() starts with")))
            }

            fn __repr__(&self) -> String {
                let fields: Vec<String> = vec![$(format!("{}={}", stringify!($field), self.inner.$field)),*];
                format!("{}({})", stringify!($name), fields.join(", "))
            }
        }
    };
}

counts!(
    ConfusionCounts,
    "Voxels of a mask by what was predicted and what is true.",
    { true_positives: u64, false_positives: u64, false_negatives: u64, true_negatives: u64 },
    { iou, dice, accuracy, precision, recall, specificity, balanced_accuracy }
);

counts!(
    BoundaryCounts,
    "Boundary voxels of two masks, and those near the other's boundary.",
    { predicted: u64, predicted_near: u64, labelled: u64, labelled_near: u64 },
    { precision, recall, f1, surface_dice }
);

counts!(
    InstanceCounts,
    "Objects by whether they found a partner.",
    { true_positives: u64, false_positives: u64, false_negatives: u64, iou_sum: f64 },
    { average_precision, precision, recall, f1, mean_matched_iou, panoptic_quality }
);

counts!(
    Calibration,
    "Probabilities against a label, in bins of equal width.",
    { squared_error_sum: f64 },
    { expected_error, brier },
    /// Returns voxels, mean probability and share of foreground of each bin.
    #[getter]
    fn bins(&self) -> [(u64, Option<f64>, Option<f64>); BINS] {
        self.inner.bins.map(|bin| (bin.voxels, bin.probability(), bin.foreground_share()))
    }
);

/// Distances between the surfaces of two masks.
#[pyclass(frozen, eq, module = "em_cli._native")]
#[derive(Clone, PartialEq)]
pub struct SurfaceDistances {
    pub inner: em_metrics::SurfaceDistances,
}

#[pymethods]
impl SurfaceDistances {
    #[getter]
    fn hausdorff(&self) -> f64 {
        self.inner.hausdorff()
    }

    #[getter]
    fn hausdorff95(&self) -> f64 {
        self.inner.hausdorff95()
    }

    #[getter]
    fn mean(&self) -> f64 {
        self.inner.mean()
    }

    /// Puts distances of several sections or volumes together; `None` of none.
    #[staticmethod]
    fn pooled(parts: Vec<PyRef<'_, Self>>) -> Option<Self> {
        let inner = em_metrics::SurfaceDistances::pooled(parts.iter().map(|part| &part.inner));
        inner.map(|inner| Self { inner })
    }

    fn __repr__(&self) -> String {
        format!("SurfaceDistances(mean={}, hausdorff={})", self.inner.mean(), self.inner.hausdorff())
    }
}
