//! A random forest of two classes (Breiman 2001): decision trees on drawn samples, whose leaves vote.
//!
//! It is written here because a model must not depend on the number of threads and its leaves must
//! weigh both classes alike: of the crates with permissive licences, rafor joins its trees in the order
//! in which its threads end, smartcore and randomforest give no probabilities, linfa-trees has single
//! trees, and biosphere has no weights of classes.

use ndarray::ArrayView2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::bins::Binned;
use super::tree::{Growth, Tree};
use crate::settings::{self, Checks};
use crate::{Error, Result, SettingError};

/// Samples that one task predicts: their features stay in the cache while all trees pass.
const SAMPLES_PER_TASK: usize = 256;

/// How a forest is grown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForestConfig {
    /// Number of trees.
    pub trees: usize,
    /// Splits on the longest way from the root of a tree to a leaf.
    pub depth: usize,
    /// Drawn samples that a leaf has at least.
    pub min_leaf: usize,
    /// Seed of the draws of samples and features.
    pub seed: u64,
}

impl Default for ForestConfig {
    fn default() -> Self {
        Self { trees: 100, depth: 20, min_leaf: 1, seed: 0 }
    }
}

impl ForestConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("ForestConfig");
        checks.at_least_1("trees", self.trees).at_least_1("depth", self.depth);
        checks.at_least_1("min_leaf", self.min_leaf);
        checks.finish()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        Ok(settings::first(self.problems())?)
    }
}

/// A trained forest: features of a sample to its probability of foreground.
///
/// ```
/// use em_data::pixel_classifier::{ForestConfig, RandomForest};
/// use ndarray::array;
///
/// # fn main() -> Result<(), em_data::Error> {
/// let features = array![[0.1, 5.0], [0.2, 3.0], [0.8, 4.0], [0.9, 3.0]];
/// let forest =
///     RandomForest::train(features.view(), &[false, false, true, true], &ForestConfig::default())?;
/// let probabilities = forest.predict(array![[0.0, 4.0], [1.0, 4.0]].view());
/// assert!(probabilities[0] < 0.5 && probabilities[1] > 0.5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomForest {
    features: usize,
    trees: Vec<Tree>,
}

impl RandomForest {
    /// Trains a forest on the features `[sample, feature]` of samples that are foreground or not.
    ///
    /// Each tree draws, of each class, as many samples as it has, with replacement; both classes weigh
    /// the same, however many samples they have.
    /// Trees are grown in parallel on the current rayon pool, whose size does not change the result.
    ///
    /// # Errors
    ///
    /// Fails if there is no sample of foreground or none of background, or a setting is out of range.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many classes as samples.
    pub fn train(
        features: ArrayView2<'_, f32>,
        is_foreground: &[bool],
        config: &ForestConfig,
    ) -> Result<Self> {
        assert_eq!(features.nrows(), is_foreground.len(), "each sample has features and a class");
        config.check()?;
        let of_class = |class: bool| -> Vec<u32> {
            (0_u32..).zip(is_foreground).filter(|(_, is)| **is == class).map(|(number, _)| number).collect()
        };
        let classes = [of_class(false), of_class(true)];
        if let Some(class) = classes.iter().position(Vec::is_empty) {
            return Err(Error::MissingStrokes { missing: ["background", "foreground"][class] });
        }
        let growth = Growth {
            binned: &Binned::of(features),
            is_foreground,
            weights: [0, 1].map(|class| 1.0 / classes[class].len() as f64),
            depth: config.depth,
            min_leaf: config.min_leaf,
        };
        let tree = |number: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
            rng.set_stream(number as u64);
            let mut samples: Vec<u32> =
                classes.iter().flat_map(|class| drawn_with_replacement(class, &mut rng)).collect();
            growth.tree(&mut samples, &mut rng)
        };
        let trees = (0..config.trees).into_par_iter().map(tree).collect();
        Ok(Self { features: features.ncols(), trees })
    }

    /// Returns the number of features that a sample has.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Computes the probability of foreground, 0 to 1, of samples with features `[sample, feature]`.
    ///
    /// # Panics
    ///
    /// Panics if the samples have more or fewer features than those of training.
    pub fn predict(&self, features: ArrayView2<'_, f32>) -> Vec<f32> {
        assert_eq!(features.ncols(), self.features, "samples have the features of training");
        let features = features.as_standard_layout();
        let rows = features.as_slice().expect("the standard layout is contiguous");
        let mut probabilities = vec![0.0; features.nrows()];
        probabilities.par_chunks_mut(SAMPLES_PER_TASK).enumerate().for_each(|(task, probabilities)| {
            let first = task * SAMPLES_PER_TASK * self.features;
            self.predict_rows(&rows[first..], probabilities);
        });
        probabilities
    }

    /// Computes the probabilities of samples whose features stand one after the other.
    pub(super) fn predict_rows(&self, rows: &[f32], probabilities: &mut [f32]) {
        probabilities.fill(0.0);
        for tree in &self.trees {
            for (sample, sum) in probabilities.iter_mut().enumerate() {
                *sum += tree.probability(&rows[sample * self.features..][..self.features]);
            }
        }
        let trees = self.trees.len() as f32;
        probabilities.iter_mut().for_each(|sum| *sum /= trees);
    }
}

/// As many of a class's samples as there are, each drawn from all.
fn drawn_with_replacement(class: &[u32], rng: &mut ChaCha8Rng) -> Vec<u32> {
    // 32 bits, so that all machines draw the same.
    let count = class.len() as u32;
    (0..count).map(|_| class[rng.random_range(0..count) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Two features that mean nothing alone: foreground is where both are above or both below 0.5.
    fn corners(count: usize, seed: u64) -> (Array2<f32>, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let features = Array2::from_shape_simple_fn((count, 5), || rng.random_range(0.0..1.0_f32));
        let is_foreground = features.rows().into_iter().map(|row| (row[1] > 0.5) == (row[3] > 0.5)).collect();
        (features, is_foreground)
    }

    fn share_right(forest: &RandomForest, features: &Array2<f32>, is_foreground: &[bool]) -> f64 {
        let probabilities = forest.predict(features.view());
        let right = probabilities.iter().zip(is_foreground).filter(|(p, is)| (**p > 0.5) == **is).count();
        right as f64 / is_foreground.len() as f64
    }

    // from sklearn.ensemble import RandomForestClassifier; import numpy as np
    // def corners(count, seed):
    //     a = np.random.default_rng(seed).random((count, 5)); return a, (a[:, 1] > .5) == (a[:, 3] > .5)
    // f = RandomForestClassifier(100, max_depth=20, random_state=0).fit(*corners(1000, 1))
    // print(f.score(*corners(4000, 2)))  # 0.9945
    #[test]
    fn features_that_mean_nothing_alone_are_learned_together() {
        let (features, is_foreground) = corners(1000, 1);
        let forest = RandomForest::train(features.view(), &is_foreground, &ForestConfig::default()).unwrap();
        assert!(share_right(&forest, &features, &is_foreground) > 0.99);
        let (unseen, is_foreground) = corners(4000, 2);
        let share = share_right(&forest, &unseen, &is_foreground);
        assert!(share > 0.985, "{share}");
    }

    #[test]
    fn the_seed_decides() {
        let (features, is_foreground) = corners(200, 1);
        let of_seed = |seed| {
            let config = ForestConfig { trees: 5, seed, ..Default::default() };
            RandomForest::train(features.view(), &is_foreground, &config).unwrap()
        };
        assert_eq!(of_seed(4), of_seed(4));
        assert_ne!(of_seed(4), of_seed(5));
    }

    #[test]
    fn a_rare_class_weighs_as_much_as_a_common_one() {
        // Nothing tells the classes apart.
        let features = Array2::zeros((100, 3));
        let is_foreground: Vec<bool> = (0..100).map(|number| number < 4).collect();
        let forest = RandomForest::train(features.view(), &is_foreground, &ForestConfig::default()).unwrap();
        assert_eq!(forest.predict(Array2::zeros((2, 3)).view()), [0.5, 0.5]);
    }

    #[test]
    fn depth_and_leaves_are_limited() {
        let (features, is_foreground) = corners(1000, 1);
        let values = |depth, min_leaf| {
            let config = ForestConfig { trees: 1, depth, min_leaf, seed: 0 };
            let forest = RandomForest::train(features.view(), &is_foreground, &config).unwrap();
            let mut values = forest.predict(features.view());
            values.sort_unstable_by(f32::total_cmp);
            values.dedup();
            values.len()
        };
        assert!(values(1, 1) == 2 && values(2, 1) <= 4 && values(20, 501) == 1);
        assert_eq!(values(40, 1), 2, "leaves are pure");
    }

    #[test]
    fn samples_may_lie_in_any_order_in_memory_and_lack_values() {
        let (mut features, is_foreground) = corners(300, 1);
        features.column_mut(0).fill(f32::NAN);
        let forest = RandomForest::train(features.view(), &is_foreground, &ForestConfig::default()).unwrap();
        let other_order = features.t().as_standard_layout().to_owned().reversed_axes();
        assert_eq!(forest.predict(features.view()), forest.predict(other_order.view()));
        assert!(share_right(&forest, &features, &is_foreground) > 0.99);
    }
}
