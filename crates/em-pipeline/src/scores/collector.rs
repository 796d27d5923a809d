//! Counts of a class, gathered block by block.

use crate::error::Result;
use em_metrics::{BoundaryCounts, Calibration, ConfusionCounts, InstanceCounts, Overlaps, SurfaceDistances};
use em_objects::{Components, Connectivity, Extent};
use ndarray::{Array1, Array3, ArrayView, ArrayView3, Axis, Dimension, Zip};
use rayon::prelude::*;

use super::intervals::{self, Evidence};
use super::units::{self, Unit};
use super::{ClassScores, ObjectScores, Ruler, Scores, SectionScores, VolumeScores};

/// Voxels of one class that are scored together, all of one shape `[z, y, x]`.
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    /// What was predicted.
    pub prediction: ArrayView3<'a, bool>,
    /// What is true.
    pub label: ArrayView3<'a, bool>,
    /// How sure the network was, where that is known.
    pub probabilities: Option<ArrayView3<'a, f32>>,
    /// Voxels that do not count; to objects and boundaries they are background on both sides.
    pub ignored: Option<ArrayView3<'a, bool>>,
}

/// Gathers the counts of one class; sections are numbered as they come.
pub struct Collector {
    ruler: Ruler,
    sections: Vec<Evidence>,
    /// The blocks of all sections, where intervals are wanted of few sections, too.
    blocks: Option<Vec<ConfusionCounts>>,
    calibration: Option<Calibration>,
    /// Objects at an IoU of 0.5 and 0.75.
    objects: [InstanceCounts; 2],
    dimensions: u8,
    boundary: BoundaryCounts,
    distances: Vec<SurfaceDistances>,
}

impl Collector {
    /// Starts with nothing.
    pub fn new(ruler: Ruler) -> Self {
        Self {
            ruler,
            sections: Vec::new(),
            blocks: None,
            calibration: None,
            objects: [InstanceCounts::default(); 2],
            dimensions: 2,
            boundary: BoundaryCounts::default(),
            distances: Vec::new(),
        }
    }

    /// Takes intervals from blocks of sections where there are too few sections for them.
    #[must_use]
    pub fn or_over_blocks(mut self) -> Self {
        self.blocks = Some(Vec::new());
        self
    }

    /// Counts a block: its sections, its objects, and, where it is deeper than a section, its boundaries in 3D.
    ///
    /// Memory: about 20 bytes per voxel of the block.
    pub fn add(&mut self, block: Labelled<'_>) -> Result<()> {
        match block.ignored {
            None => self.add_cleared(block),
            Some(ignored) => {
                let [prediction, label] = [block.prediction, block.label].map(|mask| outside(mask, ignored));
                let Labelled { probabilities, ignored, .. } = block;
                self.add_cleared(Labelled {
                    prediction: prediction.view(),
                    label: label.view(),
                    probabilities,
                    ignored,
                })
            }
        }
    }

    /// Counts a block whose ignored voxels are background.
    fn add_cleared(&mut self, block: Labelled<'_>) -> Result<()> {
        let depth = block.label.len_of(Axis(0));
        let found: Vec<(Evidence, Option<Calibration>)> =
            (0..depth).into_par_iter().map(|z| section(block, z, &self.ruler)).collect::<Result<_>>()?;
        for (evidence, calibration) in found {
            self.sections.push(evidence);
            if let Some(counts) = calibration {
                *self.calibration.get_or_insert_default() += counts;
            }
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.extend(Unit::Block.counts(block.prediction, block.label, block.ignored)?);
        }
        let [prediction, label] = [block.prediction, block.label]
            .map(|mask| Components::of(mask, Extent::Volume, Connectivity::Corners).labels());
        let overlaps = Overlaps::of(prediction.view(), label.view())?;
        for (counts, threshold) in self.objects.iter_mut().zip([0.5, 0.75]) {
            *counts += overlaps.matched(threshold)?;
        }
        if depth > 1 {
            self.dimensions = 3;
            let Ruler { voxel, tolerance, .. } = self.ruler;
            self.boundary += BoundaryCounts::of(block.prediction, block.label, &voxel, tolerance)?;
            self.distances.extend(SurfaceDistances::of(block.prediction, block.label, &voxel)?);
        }
        Ok(())
    }

    /// Computes the scores of what was counted.
    pub fn finish(self) -> Result<ClassScores> {
        let everything: Vec<usize> = (0..self.sections.len()).collect();
        let distances = SurfaceDistances::pooled(&self.distances);
        let volume = (self.dimensions == 3).then(|| VolumeScores {
            boundary_f1: self.boundary.f1(),
            hausdorff_95: distances.as_ref().map(SurfaceDistances::hausdorff95),
            surface_distance: distances.as_ref().map(SurfaceDistances::mean),
            boundary: self.boundary,
        });
        let [at_50, at_75] = self.objects.map(Into::into);
        let labelled: Vec<Evidence> =
            self.sections.iter().filter(|section| section.counts.total() > 0).cloned().collect();
        let mut no_intervals = intervals::missing(labelled.len());
        let blocks = self.blocks.filter(|_| no_intervals.is_some());
        let of_blocks = blocks.map(|blocks| intervals::of_blocks(&blocks)).transpose()?.flatten();
        let over_blocks = of_blocks.is_some();
        if over_blocks {
            no_intervals = None;
        }
        let section = |(z, evidence): (usize, &Evidence)| SectionScores { z, scores: evidence.scores() };
        Ok(ClassScores {
            pooled: intervals::pooled(&self.sections, &everything, true),
            intervals: of_blocks.map_or_else(|| intervals::of(&labelled), |found| Ok(Some(found)))?,
            no_intervals,
            over_blocks,
            ruler: self.ruler,
            volume,
            objects: ObjectScores { dimensions: self.dimensions, at_50, at_75 },
            calibration: self.calibration.map(Into::into),
            sections: self.sections.iter().enumerate().map(section).collect(),
        })
    }
}

impl Evidence {
    fn scores(&self) -> Scores {
        Scores::new(self.counts, self.boundary, self.distances.as_ref())
    }
}

/// A mask without the voxels that do not count.
pub fn outside(mask: ArrayView3<'_, bool>, ignored: ArrayView3<'_, bool>) -> Array3<bool> {
    Zip::from(mask).and(ignored).map_collect(|&inside, &ignored| inside && !ignored)
}

/// Counts one section of a block whose ignored voxels are background.
fn section(block: Labelled<'_>, z: usize, ruler: &Ruler) -> Result<(Evidence, Option<Calibration>)> {
    let [prediction, label] = [block.prediction, block.label].map(|mask| mask.index_axis_move(Axis(0), z));
    let ignored = block.ignored.map(|ignored| ignored.index_axis_move(Axis(0), z));
    let pixel = &ruler.voxel[1..];
    let evidence = Evidence {
        counts: units::counts_of(prediction, label, ignored)?,
        boundary: BoundaryCounts::of(prediction, label, pixel, ruler.tolerance)?,
        distances: SurfaceDistances::of(prediction, label, pixel)?,
    };
    let calibration = block.probabilities.map(|probabilities| {
        let probabilities = probabilities.index_axis_move(Axis(0), z);
        match ignored {
            None => Calibration::of(probabilities, label),
            Some(ignored) => {
                Calibration::of(counted(probabilities, ignored).view(), counted(label, ignored).view())
            }
        }
    });
    Ok((evidence, calibration.transpose()?))
}

/// The values that are not ignored, in a row.
fn counted<T: Copy, D: Dimension>(values: ArrayView<'_, T, D>, ignored: ArrayView<'_, bool, D>) -> Array1<T> {
    values.iter().zip(ignored).filter(|(_, ignored)| !**ignored).map(|(value, _)| *value).collect()
}
