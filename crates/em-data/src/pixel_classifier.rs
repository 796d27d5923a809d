//! A classifier of pixels that learns from a few brush strokes within seconds: a random forest on
//! filters of the section, as the pixel classification of ilastik (Berg et al. 2019).
//!
//! | file | owns |
//! |---|---|
//! | `pixel_classifier.rs` | strokes to samples, sections to probabilities |
//! | `pixel_classifier/features.rs` | what a pixel looks like, in numbers |
//! | `pixel_classifier/filter.rs` | separable filters |
//! | `pixel_classifier/forest.rs` | the random forest |
//! | `pixel_classifier/tree.rs` | one tree of it |
//! | `pixel_classifier/bins.rs` | features in bins, between which trees are split |
//!
//! The same strokes and seed give the same probabilities, whatever the number of threads.
//! Normalising sections, cutting large ones into crops, and drawing strokes are for the caller.

mod bins;
mod features;
mod filter;
mod forest;
mod tree;

use ndarray::{Array2, ArrayView2, ArrayView3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

pub use features::{FEATURE_HALO, FEATURES, pixel_features};
pub use forest::{ForestConfig, RandomForest};

use crate::settings::{self, Checks};
use crate::{Error, Paint, Result, SettingError};

/// How a pixel classifier is trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelClassifierConfig {
    /// How its forest is grown; the seed is also that of the draw of samples.
    pub forest: ForestConfig,
    /// Labelled pixels that it learns from at most: half of each class, or more of one where the other
    /// has fewer.
    pub max_samples: usize,
}

impl Default for PixelClassifierConfig {
    fn default() -> Self {
        Self { forest: ForestConfig::default(), max_samples: 20_000 }
    }
}

impl PixelClassifierConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("PixelClassifierConfig");
        let (samples, most) = (self.max_samples, u32::MAX as usize);
        checks.require("max_samples", samples, (2..=most).contains(&samples), format!("2 to {most}"));
        checks.extend(self.forest.problems());
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

/// The strokes on one section, or on a crop of it.
#[derive(Clone, Debug)]
pub struct StrokeSamples<'a> {
    /// Features `[feature, y, x]`, one block after the other: those of [`pixel_features`], and what
    /// else is known of each pixel, such as the probabilities of a network.
    pub features: &'a [ArrayView3<'a, f32>],
    /// Labels `[y, x]`: 0 is unknown, 1 background, 2 foreground.
    pub labels: ArrayView2<'a, u8>,
}

/// Tells foreground from background, pixel by pixel.
///
/// Both classes weigh the same in training, however much of them was marked: where foreground is rare,
/// a threshold above 0.5 finds less that is none.
///
/// ```
/// use em_data::pixel_classifier::{PixelClassifier, PixelClassifierConfig, StrokeSamples, pixel_features};
/// use ndarray::{Array2, s};
///
/// # fn main() -> Result<(), em_data::Error> {
/// // Bright on the left, and a stroke on each side.
/// let section = Array2::from_shape_fn((32, 48), |(_, x)| if x < 24 { 1.0 } else { -1.0 });
/// let mut labels = Array2::zeros((32, 48));
/// labels.slice_mut(s![10, 4..12]).fill(2);
/// labels.slice_mut(s![20, 36..44]).fill(1);
///
/// let features = pixel_features(section.view());
/// let strokes = StrokeSamples { features: &[features.view()], labels: labels.view() };
/// let classifier = PixelClassifier::train(&[strokes], &PixelClassifierConfig::default())?;
/// let probabilities = classifier.probabilities(&[features.view()])?;
/// assert!(probabilities[[25, 8]] > 0.5 && probabilities[[5, 40]] < 0.5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PixelClassifier {
    forest: RandomForest,
}

impl PixelClassifier {
    /// Trains a classifier on the strokes of one or several sections.
    ///
    /// # Errors
    ///
    /// Fails if no pixel is foreground or none is background, a label has another value than 0 to 2,
    /// features and labels do not fit together, or a setting is out of range.
    pub fn train(samples: &[StrokeSamples<'_>], config: &PixelClassifierConfig) -> Result<Self> {
        config.check()?;
        let count = samples.first().map_or(0, |section| feature_count(section.features));
        let drawn = draw_samples(marked_pixels(samples, count)?, config);
        let is_foreground: Vec<bool> =
            [false, true].iter().zip(&drawn).flat_map(|(class, drawn)| vec![*class; drawn.len()]).collect();
        let mut features = Array2::zeros((is_foreground.len(), count));
        for (mut row, (number, at)) in features.rows_mut().into_iter().zip(drawn.iter().flatten()) {
            let values = features_at(samples[*number].features, *at);
            row.iter_mut().zip(values).for_each(|(place, value)| *place = value);
        }
        Ok(Self { forest: RandomForest::train(features.view(), &is_foreground, &config.forest)? })
    }

    /// Returns the number of features that a pixel has, in all blocks together.
    pub fn features(&self) -> usize {
        self.forest.features()
    }

    /// Computes the probability of foreground `[y, x]` of each pixel, 0 to 1, from the same blocks of
    /// features `[feature, y, x]` as in training.
    ///
    /// Rows are computed in parallel on the current rayon pool, whose size does not change the result.
    ///
    /// # Errors
    ///
    /// Fails if there are more or fewer features than in training, or blocks differ in height or width.
    pub fn probabilities(&self, features: &[ArrayView3<'_, f32>]) -> Result<Array2<f32>> {
        let (height, width) = features.first().map_or((0, 0), |block| (block.dim().1, block.dim().2));
        check_features(features, [self.features(), height, width])?;
        let mut values = vec![0.0; height * width];
        // A row without pixels is none.
        values.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, values)| {
            let pixels: Vec<f32> = (0..width).flat_map(|x| features_at(features, [y, x])).collect();
            self.forest.predict_rows(&pixels, values);
        });
        Ok(Array2::from_shape_vec((height, width), values).expect("as many values as pixels"))
    }
}

/// The features of one pixel, in all blocks.
fn features_at<'a>(blocks: &'a [ArrayView3<'_, f32>], [y, x]: [usize; 2]) -> impl Iterator<Item = f32> + 'a {
    blocks.iter().flat_map(move |block| (0..block.dim().0).map(move |feature| block[[feature, y, x]]))
}

fn feature_count(blocks: &[ArrayView3<'_, f32>]) -> usize {
    blocks.iter().map(|block| block.dim().0).sum()
}

/// Checks that blocks have so many features together, and each the height and the width.
fn check_features(blocks: &[ArrayView3<'_, f32>], expected: [usize; 3]) -> Result<()> {
    let features = feature_count(blocks);
    let sizes = blocks.iter().map(|block| [block.dim().1, block.dim().2]);
    // Without a block there is no feature, of whatever size.
    for [height, width] in sizes.chain(blocks.is_empty().then_some([expected[1], expected[2]])) {
        let found = [features, height, width];
        if found != expected {
            return Err(Error::FeatureShape { found, expected });
        }
    }
    Ok(())
}

/// A pixel of a section.
type Place = (usize, [usize; 2]);

/// Finds the pixels that are marked as background and as foreground, and checks what belongs to them.
fn marked_pixels(samples: &[StrokeSamples<'_>], features: usize) -> Result<[Vec<Place>; 2]> {
    let mut classes = [Vec::new(), Vec::new()];
    for (number, section) in samples.iter().enumerate() {
        let (height, width) = section.labels.dim();
        check_features(section.features, [features, height, width])?;
        for ((y, x), &label) in section.labels.indexed_iter() {
            match Paint::try_from(label) {
                Ok(Paint::Unknown) => {}
                Ok(Paint::Background) => classes[0].push((number, [y, x])),
                Ok(Paint::Foreground) => classes[1].push((number, [y, x])),
                Err(_) => return Err(Error::StrokeLabel { found: label, at: [y, x] }),
            }
        }
    }
    Ok(classes)
}

/// Draws as many of the labelled pixels as the configuration allows, of background and of foreground.
fn draw_samples(classes: [Vec<Place>; 2], config: &PixelClassifierConfig) -> [Vec<Place>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(config.forest.seed);
    // The streams from 0 are those of the trees.
    rng.set_stream(u64::MAX);
    let [background, foreground] = classes;
    let most = config.max_samples;
    let allowed = |other: &[Place]| (most / 2).max(most.saturating_sub(other.len()));
    let counts = [allowed(&foreground), allowed(&background)];
    [evenly_drawn(background, counts[0], &mut rng), evenly_drawn(foreground, counts[1], &mut rng)]
}

/// Draws one pixel from each of `count` parts of equal length, which follow each other through the
/// sections and their rows; all where there are no more than that.
fn evenly_drawn(places: Vec<Place>, count: usize, rng: &mut ChaCha8Rng) -> Vec<Place> {
    if places.len() <= count {
        return places;
    }
    let start = |part: usize| part * places.len() / count;
    // 64 bits, so that all machines draw the same.
    let draw = |part| places[rng.random_range(start(part) as u64..start(part + 1) as u64) as usize];
    (0..count).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: u8 = Paint::Unknown as u8;
    const BACKGROUND: u8 = Paint::Background as u8;
    const FOREGROUND: u8 = Paint::Foreground as u8;
    use ndarray::{Array3, s};

    const SIZE: (usize, usize) = (64, 96);

    /// Fine stripes on the left and coarse ones on the right: the same grey values on both sides.
    fn stripes() -> Array2<f32> {
        let stripe = |y: usize, x: usize| (x + y / 3) / if x < 48 { 2 } else { 6 };
        let is_bright = |y, x| stripe(y, x).is_multiple_of(2);
        Array2::from_shape_fn(SIZE, |(y, x)| if is_bright(y, x) { 1.0 } else { -1.0 })
    }

    /// A stroke on the left, which is foreground, and one on the right.
    fn strokes() -> Array2<u8> {
        let mut labels = Array2::zeros(SIZE);
        labels.slice_mut(s![20..23, 10..40]).fill(FOREGROUND);
        labels.slice_mut(s![40..43, 60..90]).fill(BACKGROUND);
        labels
    }

    fn train(features: &Array3<f32>, labels: &Array2<u8>) -> Result<PixelClassifier> {
        let config = PixelClassifierConfig {
            forest: ForestConfig { trees: 20, seed: 3, ..Default::default() },
            ..Default::default()
        };
        let strokes = StrokeSamples { features: &[features.view()], labels: labels.view() };
        PixelClassifier::train(&[strokes], &config)
    }

    #[test]
    fn two_strokes_tell_textures_of_equal_brightness_apart() {
        let features = pixel_features(stripes().view());
        let classifier = train(&features, &strokes()).unwrap();
        let probabilities = classifier.probabilities(&[features.view()]).unwrap();
        // Wide filters see both sides near the middle.
        for (columns, is_foreground) in [(s![.., ..36], true), (s![.., 60..], false)] {
            let side = probabilities.slice(columns);
            let right = side.iter().filter(|probability| (**probability > 0.5) == is_foreground).count();
            assert!(right as f64 > 0.9 * side.len() as f64, "{right} of {}", side.len());
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_byte() {
        let of_threads = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let features = pixel_features(stripes().view());
                let classifier = train(&features, &strokes()).unwrap();
                let probabilities = classifier.probabilities(&[features.view()]).unwrap();
                (features.mapv(f32::to_bits), classifier, probabilities.mapv(f32::to_bits))
            })
        };
        let one = of_threads(1);
        assert_eq!(one, of_threads(2));
        assert_eq!(one, of_threads(5));
    }

    #[test]
    fn further_features_are_learned_from() {
        let flat = Array3::zeros((1, 64, 96));
        let network = Array3::from_shape_fn((1, 64, 96), |(_, _, x)| if x < 48 { 0.9 } else { 0.2 });
        let (labels, blocks) = (strokes(), [flat.view(), network.view()]);
        let strokes = StrokeSamples { features: &blocks, labels: labels.view() };
        let classifier = PixelClassifier::train(&[strokes], &PixelClassifierConfig::default()).unwrap();
        let probabilities = classifier.probabilities(&blocks).unwrap();
        assert!(probabilities.indexed_iter().all(|((_, x), p)| *p == if x < 48 { 1.0 } else { 0.0 }));
    }

    #[test]
    fn both_classes_must_be_marked() {
        let features = pixel_features(stripes().view());
        for (value, missing) in [(FOREGROUND, "foreground"), (BACKGROUND, "background")] {
            let labels = strokes().mapv(|label| if label == value { UNKNOWN } else { label });
            let error = train(&features, &labels).unwrap_err();
            let expected =
                format!("no pixel is marked as {missing}, expected strokes of foreground and of background");
            assert_eq!(error.to_string(), expected);
        }
        assert!(matches!(
            PixelClassifier::train(&[], &PixelClassifierConfig::default()),
            Err(Error::MissingStrokes { missing: "background" })
        ));
    }

    #[test]
    fn labels_and_features_must_fit_together() {
        let features = pixel_features(stripes().view());
        let mut labels = strokes();
        labels[[7, 9]] = 3;
        assert_eq!(
            train(&features, &labels).unwrap_err().to_string(),
            "the stroke label at [7, 9] [y, x] is 3, expected 0 (unknown), 1 (background) or 2 (foreground)"
        );
        let narrow = labels.slice(s![.., ..90]).to_owned();
        assert_eq!(
            train(&features, &narrow).unwrap_err().to_string(),
            "features of shape [29, 64, 96] [feature, y, x], expected [29, 64, 90]"
        );
        let classifier = train(&features, &strokes()).unwrap();
        for blocks in
            [vec![], vec![features.view(); 2], vec![features.view(), features.slice(s![.., 1.., ..])]]
        {
            let error = classifier.probabilities(&blocks).unwrap_err();
            assert!(matches!(error, Error::FeatureShape { .. }), "{error}");
        }
    }

    #[test]
    fn settings_must_be_in_range() {
        let forest = ForestConfig { trees: 0, ..Default::default() };
        let config = PixelClassifierConfig { forest, max_samples: 1 };
        let problems: Vec<String> = config.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "`PixelClassifierConfig::max_samples` is 1, expected 2 to 4294967295",
                "`ForestConfig::trees` is 0, expected at least 1"
            ]
        );
    }

    #[test]
    fn samples_are_balanced_and_drawn_from_all_over() {
        let places = |count: usize| (0..count).map(|x| (0, [0, x])).collect::<Vec<Place>>();
        let drawn = |background, foreground, max_samples| {
            let config = PixelClassifierConfig { max_samples, ..Default::default() };
            draw_samples([places(background), places(foreground)], &config).map(|places| places.len())
        };
        assert_eq!(drawn(900, 800, 100), [50, 50]);
        assert_eq!(drawn(900, 10, 100), [90, 10]);
        assert_eq!(drawn(20, 30, 100), [20, 30]);
        let config = PixelClassifierConfig { max_samples: 200, ..Default::default() };
        let [background, _] = draw_samples([places(1000), places(1000)], &config);
        let parts: Vec<usize> = background.iter().map(|(_, [_, x])| x / 10).collect();
        assert_eq!(parts, (0..100).collect::<Vec<_>>());
    }
}
