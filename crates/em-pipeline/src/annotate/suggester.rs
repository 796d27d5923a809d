//! What is suggested, tile by tile: kept while nothing changes, made on the fly.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use em_data::Paint;
use em_io::Roi;
use em_metrics::ConfusionCounts;
use ndarray::{Array1, Array2, Array3, Axis, s};
use serde::Serialize;

use super::action::{Request, SourceName};
use super::network_source::NetworkSource;
use super::pictures::{Canvas, TILE, Tile, painted};
use super::project::{Suggested, chunks_of, sections_of};
use super::proposals::{self, Candidate, Proposal};
use super::shapes::{Frame, Runs, connected, copy_common};
use super::strokes_source::{StrokesPlan, StrokesSource, THRESHOLD};
use crate::error::{Result, UserError};

/// Tiles that are kept: of two classes 128 MB.
const KEPT: usize = 256;
/// Sections and tiles that are accepted at once.
const MOST_TILES: usize = 256;
/// An object is looked for in tiles that are at most this far from the one that was pointed at.
const OBJECT_REACH: usize = 1;

/// A tile of full resolution: section, row and column.
type Place = [usize; 3];
/// Probabilities `[class, y, x]`, 255 for 1.
type Bytes = Arc<Array3<u8>>;

/// A source, as people choose it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceInfo {
    /// Which it is.
    pub name: SourceName,
    /// What people call it.
    pub title: String,
    /// Changes when its suggestions do.
    pub version: String,
    /// The classes that it knows, each with the threshold to begin with.
    pub thresholds: BTreeMap<String, f32>,
}

/// Suggests for the tiles of a project.
#[derive(Debug)]
pub struct Suggester {
    canvas: Arc<Canvas>,
    classes: Vec<String>,
    network: Option<NetworkSource>,
    strokes: StrokesPlan,
    /// What was learned from the strokes, and from which version of them.
    learned: Option<(usize, StrokesSource)>,
    /// Each with when it was asked for last.
    kept: HashMap<(SourceName, Place), (u64, Bytes)>,
    /// Counts what was asked for, so that the oldest tile goes first.
    clock: u64,
}

impl Suggester {
    /// Starts without a source.
    pub fn new(canvas: Arc<Canvas>, classes: Vec<String>) -> Self {
        Self {
            canvas,
            classes,
            network: None,
            strokes: StrokesPlan::default(),
            learned: None,
            kept: HashMap::new(),
            clock: 0,
        }
    }

    /// Takes another network, or none.
    pub fn set_network(&mut self, network: Option<NetworkSource>) {
        self.network = network;
        self.forget(SourceName::Network);
        self.learned = None;
        self.forget(SourceName::Strokes);
    }

    /// Hears of what was painted; it is learned when somebody asks for it.
    pub fn set_strokes(&mut self, strokes: StrokesPlan) {
        self.strokes = strokes;
    }

    /// Tells whether there is a network.
    pub fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// Returns the shape of the stack, `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.canvas.stack.shape()
    }

    /// Returns what suggests.
    pub fn sources(&self) -> Vec<SourceInfo> {
        let of_network = self.network.as_ref().map(|network| SourceInfo {
            name: SourceName::Network,
            title: network.title().to_owned(),
            version: network.digest().to_owned(),
            thresholds: self.thresholds(&network.knows(), network.thresholds()),
        });
        let can_learn = self.strokes.classes.contains(&true);
        let of_strokes = can_learn.then(|| SourceInfo {
            name: SourceName::Strokes,
            title: "learned from paint".to_owned(),
            // What the network says is a part of what is learned from.
            version: format!("{} {}", self.strokes.version, self.network.as_ref().map_or("", |n| n.digest())),
            thresholds: self.thresholds(&self.strokes.classes, &vec![THRESHOLD; self.classes.len()]),
        });
        of_network.into_iter().chain(of_strokes).collect()
    }

    fn thresholds(&self, knows: &[bool], thresholds: &[f32]) -> BTreeMap<String, f32> {
        let all = self.classes.iter().zip(knows).zip(thresholds);
        all.filter(|((_, knows), _)| **knows)
            .map(|((class, _), &threshold)| (class.clone(), threshold))
            .collect()
    }

    /// Chooses among places that were looked at: see [`proposals::choose`].
    ///
    /// # Errors
    ///
    /// As [`proposals::choose`].
    pub fn choose(&self, seen: &[Candidate], regions: &[Roi], visited: &[Roi]) -> Result<Option<Proposal>> {
        proposals::choose(&self.canvas, seen, regions, visited)
    }

    /// Scores the network against the labels in regions: the Dice coefficient of each class, at its
    /// threshold, without cleaning; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Fails if labels are damaged, and as [`tile`](Self::tile).
    pub fn dice(&mut self, regions: &[Roi]) -> Result<Vec<Option<f64>>> {
        let Some(network) = &self.network else { return Ok(vec![None; self.classes.len()]) };
        let (knows, thresholds) = (network.knows(), network.thresholds().to_vec());
        let mut counts = vec![ConfusionCounts::default(); self.classes.len()];
        for &roi in regions {
            for part in sections_of(roi) {
                for class in (0..counts.len()).filter(|&class| knows[class]) {
                    let threshold = f64::from(thresholds[class]);
                    let found = self.above(SourceName::Network, class, threshold, part)?;
                    let painted = painted(&self.canvas.labels[class], part)?;
                    counts[class] += counts_of(&found, &painted)?;
                }
            }
        }
        Ok(counts.iter().map(ConfusionCounts::dice).collect())
    }

    fn forget(&mut self, source: SourceName) {
        self.kept.retain(|(of, _), _| *of != source);
    }

    /// Returns the probabilities `[class, y, x]` of a tile as bytes, 255 for 1; `None` where there is no such
    /// source or tile.
    ///
    /// # Errors
    ///
    /// Fails if the stack cannot be read or memory runs out.
    pub fn tile(&mut self, source: SourceName, place: Place) -> Result<Option<Arc<Array3<u8>>>> {
        self.clock += 1;
        if source == SourceName::Strokes {
            self.learn()?;
        }
        if let Some((used, tile)) = self.kept.get_mut(&(source, place)) {
            *used = self.clock;
            return Ok(Some(Arc::clone(tile)));
        }
        let [index, row, column] = place;
        let tile = Tile { level: 0, index, row, column };
        let Some(part) = tile.roi(self.canvas.stack.shape()) else { return Ok(None) };
        let Some(probabilities) = self.probabilities(source, part)? else { return Ok(None) };
        // A probability is at most 1.
        let bytes = Arc::new(probabilities.mapv(|probability| (probability * 255.0).round() as u8));
        if self.kept.len() >= KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            oldest.and_then(|oldest| self.kept.remove(&oldest));
        }
        self.kept.insert((source, place), (self.clock, Arc::clone(&bytes)));
        Ok(Some(bytes))
    }

    /// Learns from what is painted by now, unless that is known already.
    fn learn(&mut self) -> Result<()> {
        let version = self.strokes.version;
        if self.learned.as_ref().is_none_or(|(of, _)| *of != version) && self.strokes.classes.contains(&true)
        {
            let source = StrokesSource::learn(&self.canvas, self.network.as_ref(), &self.strokes.tiles)?;
            self.learned = Some((version, source));
            self.forget(SourceName::Strokes);
        }
        Ok(())
    }

    fn probabilities(&self, source: SourceName, part: Roi) -> Result<Option<Array3<f32>>> {
        let suggested = match (source, &self.network, &self.learned) {
            (SourceName::Network, Some(network), _) => network.suggest(&self.canvas.stack, part)?,
            (SourceName::Strokes, network, Some((_, strokes))) => {
                strokes.suggest(&self.canvas, network.as_ref(), part)?
            }
            _ => return Ok(None),
        };
        Ok(Some(suggested))
    }

    /// Looks at a place, to propose it or another one; `None` without a network.
    ///
    /// # Errors
    ///
    /// As [`tile`](Self::tile).
    pub fn look(&self, roi: Roi) -> Result<Option<Candidate>> {
        self.network.as_ref().map(|network| Candidate::look(&self.canvas, network, roi)).transpose()
    }

    /// Returns what an action accepts or rejects.
    ///
    /// # Errors
    ///
    /// Fails if there is no such source or class, if the box is too large, and as [`tile`](Self::tile).
    pub fn suggested(&mut self, request: &Request) -> Result<Suggested> {
        let (source, class, threshold, within, object) = match request {
            Request::Accept { source, class, threshold, within, object } => {
                (*source, class, *threshold, *within, *object)
            }
            Request::Reject { source, class, threshold, object } => {
                (*source, class, *threshold, None, Some(*object))
            }
            _ => return Ok(Suggested::default()),
        };
        let class = self.classes.iter().position(|known| known == class).unwrap_or(usize::MAX);
        let painted = match (within, object) {
            (Some(roi), _) => self.within(source, class, threshold, roi)?,
            (None, Some(object)) => self.object(source, class, threshold, object)?.into_iter().collect(),
            (None, None) => Vec::new(),
        };
        let digest = match source {
            SourceName::Network => self.network.as_ref().map(|network| network.digest().to_owned()),
            SourceName::Strokes => None,
        };
        Ok(Suggested { painted, digest })
    }

    fn within(&mut self, source: SourceName, class: usize, threshold: f64, roi: Roi) -> Result<Vec<Runs>> {
        let roi =
            roi.intersection(Roi::whole(self.canvas.stack.shape())).unwrap_or(Roi { shape: [0; 3], ..roi });
        let tiles = chunks_of(roi).take(MOST_TILES + 1).count();
        if tiles > MOST_TILES {
            let hint = format!("take a box of at most {MOST_TILES} tiles of {TILE} x {TILE} voxels");
            return Err(UserError::new("the box is too large to be accepted at once", hint).into());
        }
        let mut painted = Vec::new();
        for part in sections_of(roi) {
            let mask = self.above(source, class, threshold, part)?;
            let [z, y, x] = part.start;
            painted.extend(Runs::of(z, [y, x], mask.view()));
        }
        Ok(painted)
    }

    /// The object under a voxel, within its section and the tiles around.
    fn object(
        &mut self,
        source: SourceName,
        class: usize,
        threshold: f64,
        [z, y, x]: [usize; 3],
    ) -> Result<Option<Runs>> {
        let shape = self.canvas.stack.shape();
        let side = |at: usize, axis: usize| {
            let from = (at / TILE).saturating_sub(OBJECT_REACH) * TILE;
            (from, ((at / TILE + OBJECT_REACH + 1) * TILE).min(shape[axis]) - from)
        };
        let ((top, height), (left, width)) = (side(y, 1), side(x, 2));
        let part = Roi { start: [z, top, left], shape: [1, height, width] };
        let mask = self.above(source, class, threshold, part)?;
        let seed = [y - top, x - left];
        if mask.get(seed) != Some(&true) {
            return Ok(None);
        }
        let object = connected(seed, [height, width], |voxel| mask[voxel]);
        Ok(object.and_then(|object| Runs::of(z, [top, left], object.view())))
    }

    /// Where a class reaches its threshold in a part of a section, as the page shows it.
    fn above(&mut self, source: SourceName, class: usize, threshold: f64, part: Roi) -> Result<Array2<bool>> {
        let frame = Frame::from(part);
        let mut probabilities = Array2::<u8>::zeros(frame.shape);
        for place in chunks_of(part) {
            let Some(tile) = self.tile(source, place)? else {
                let hint = "paint both foreground and background, or give a network with --model";
                return Err(UserError::new("there is nothing that suggests", hint).into());
            };
            if class >= tile.len_of(Axis(0)) {
                return Err(UserError::new("there is no such class", "name one of the project").into());
            }
            let tile = tile.slice(s![class, .., ..]);
            let at = Frame {
                start: [place[1] * TILE, place[2] * TILE],
                shape: [tile.len_of(Axis(0)), tile.len_of(Axis(1))],
            };
            copy_common(tile, at, probabilities.view_mut(), frame);
        }
        // What nothing says is nowhere suggested, whatever the threshold.
        Ok(probabilities.mapv(|byte| byte > 0 && f64::from(byte) >= threshold * 255.0))
    }
}

/// Counts voxels of which something is known.
fn counts_of(found: &Array2<bool>, painted: &Array2<u8>) -> Result<ConfusionCounts> {
    let known = || found.iter().zip(painted).filter(|(_, paint)| **paint != Paint::Unknown as u8);
    let found: Array1<bool> = known().map(|(&found, _)| found).collect();
    let label: Array1<bool> = known().map(|(_, &paint)| paint == Paint::Foreground as u8).collect();
    Ok(ConfusionCounts::of(found.view(), label.view())?)
}
