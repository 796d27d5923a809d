//! What is suggested by what was learned from strokes within seconds, for structures that no network knows.

use em_data::pixel_classifier::{FEATURE_HALO, pixel_features};
use em_data::{Paint, PixelClassifier, PixelClassifierConfig, StrokeSamples};
use em_io::Roi;
use ndarray::{Array2, Array3, ArrayView3, Axis, s};

use super::network_source::NetworkSource;
use super::pictures::Canvas;
use crate::error::Result;

/// Painted tiles that are learned from: those painted last.
pub const MOST_TILES: usize = 24;
/// Grey levels of the page by which they are divided, so that features are of about one.
const GREY_SCALE: f32 = 64.0;
/// A pixel that strokes alone tell of is suggested where it is likelier than this: both kinds of paint weigh
/// the same, however rare the class is, which calls too much foreground at a half.
pub const THRESHOLD: f32 = 0.7;

/// One classifier for each class of which background and foreground are painted.
#[derive(Debug)]
pub struct StrokesSource {
    classifiers: Vec<Option<PixelClassifier>>,
}

/// A painted tile: what a pixel looks like there, and the labels of all classes.
struct Painted {
    features: Array3<f32>,
    labels: Vec<Array2<u8>>,
}

impl StrokesSource {
    /// Learns from the tiles `[z, row, column]` that were painted, the last one painted first.
    ///
    /// # Errors
    ///
    /// Fails if the stack or the labels cannot be read.
    pub fn learn(canvas: &Canvas, network: Option<&NetworkSource>, tiles: &[[usize; 3]]) -> Result<Self> {
        let painted =
            tiles.iter().map(|&tile| Painted::read(canvas, network, tile)).collect::<Result<Vec<_>>>()?;
        let classifier = |class: usize| {
            let holds = |paint: Paint| {
                painted.iter().any(|tile| tile.labels[class].iter().any(|&is| is == paint as u8))
            };
            if !(holds(Paint::Background) && holds(Paint::Foreground)) {
                return Ok(None);
            }
            let views: Vec<[ArrayView3<'_, f32>; 1]> =
                painted.iter().map(|tile| [tile.features.view()]).collect();
            let samples: Vec<StrokeSamples<'_>> = painted
                .iter()
                .zip(&views)
                .map(|(tile, features)| StrokeSamples { features, labels: tile.labels[class].view() })
                .collect();
            Ok(Some(PixelClassifier::train(&samples, &PixelClassifierConfig::default())?))
        };
        let classifiers = (0..canvas.labels.len()).map(classifier).collect::<Result<_>>()?;
        Ok(Self { classifiers })
    }

    /// Returns the probabilities `[class, y, x]` of a part of a section, 0 for classes that it does not know.
    ///
    /// # Errors
    ///
    /// Fails if the stack cannot be read.
    pub fn suggest(
        &self,
        canvas: &Canvas,
        network: Option<&NetworkSource>,
        part: Roi,
    ) -> Result<Array3<f32>> {
        let features = features(canvas, network, part)?;
        let [_, height, width] = part.shape;
        let mut suggested = Array3::zeros((self.classifiers.len(), height, width));
        for (classifier, mut suggested) in self.classifiers.iter().zip(suggested.outer_iter_mut()) {
            if let Some(classifier) = classifier {
                suggested.assign(&classifier.probabilities(&[features.view()])?);
            }
        }
        Ok(suggested)
    }
}

impl Painted {
    fn read(canvas: &Canvas, network: Option<&NetworkSource>, tile: [usize; 3]) -> Result<Self> {
        let part = canvas.labels[0].roi(tile);
        let labels = canvas.labels.iter().map(|labels| {
            Ok(labels.read(tile)?.unwrap_or_else(|| Array2::zeros([part.shape[1], part.shape[2]])))
        });
        let labels = labels.collect::<Result<Vec<_>>>()?;
        Ok(Self { features: features(canvas, network, part)?, labels })
    }
}

/// What pixels of a part of a section look like: filters of the grey values, and what a network says.
fn features(canvas: &Canvas, network: Option<&NetworkSource>, part: Roi) -> Result<Array3<f32>> {
    let shape = canvas.stack.shape();
    let [z, y, x] = part.start;
    let start = [z, y.saturating_sub(FEATURE_HALO), x.saturating_sub(FEATURE_HALO)];
    let end = |axis: usize| (part.end()[axis] + FEATURE_HALO).min(shape[axis]);
    let seen = Roi { start, shape: [1, end(1) - start[1], end(2) - start[2]] };
    let grey = canvas.greys.shown(&canvas.stack.read(seen)?).mapv(|grey| f32::from(grey) / GREY_SCALE);
    let all = pixel_features(grey.index_axis(Axis(0), 0));
    let (top, left) = (y - start[1], x - start[2]);
    let own = all.slice(s![.., top..top + part.shape[1], left..left + part.shape[2]]);
    let Some(network) = network else { return Ok(own.to_owned()) };
    let said = network.suggest(&canvas.stack, part)?;
    Ok(ndarray::concatenate(Axis(0), &[own, said.view()]).expect("both are of one part of a section"))
}

/// What there is to learn from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StrokesPlan {
    /// The tiles `[z, row, column]` that hold paint, the last one painted first.
    pub tiles: Vec<[usize; 3]>,
    /// Of each class, whether both background and foreground are painted.
    pub classes: Vec<bool>,
    /// Changes with what is painted.
    pub version: usize,
}
