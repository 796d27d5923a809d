//! What the stacks of a configuration are like: opened, compared by size, measured once.

use std::ops::Range;
use std::path::{Path, PathBuf};

use em_data::quality::per_section;
use em_data::{IGNORED, LabelSection, RawSection, ReviewedRegion, correlation};
use em_io::{Blocks, Roi, Volume, VoxelSize, VoxelType, Voxels};
use ndarray::Array3;
use rayon::prelude::*;

use super::finding::{Finding, Severity};
use super::turned;
use crate::config::{DataConfig, LabelValues, SourceConfig};
use crate::dataset::{Sources, reviewed};
use crate::error::Result;
use crate::{Error, Observer, Stage, display, pairing};

/// The voxels that are read at a time, in bytes.
const BLOCK_BYTES: usize = 32 << 20;

/// A file and measures of those of its sections that are in use.
#[derive(Clone, Debug)]
pub struct FileFacts<S> {
    /// Where it is.
    pub path: PathBuf,
    /// The type of a voxel.
    pub voxel_type: VoxelType,
    /// Where the file tells it.
    pub voxel_size: Option<VoxelSize>,
    /// Measures, from the first section in use.
    pub sections: Vec<S>,
}

/// A raw stack and its labels.
#[derive(Clone, Debug)]
pub struct StackFacts {
    /// `training`, `validation` or `test`.
    pub role: &'static str,
    /// The raw stack.
    pub raw: FileFacts<RawSection>,
    /// How alike each section and the next one are (Pearson).
    pub alike: Vec<Option<f64>>,
    /// The classes with those of their labels that could be read.
    pub labels: Vec<(String, FileFacts<LabelSection>)>,
    /// The sections in use.
    pub used: Range<usize>,
    /// Reviewed regions, outside of which nothing counts.
    pub regions: Option<Vec<ReviewedRegion>>,
    /// What the numbers of the labels mean.
    pub values: LabelValues,
    /// Their height and width.
    pub size: [usize; 2],
    /// Their height and width when the network sees them.
    pub seen: [usize; 2],
}

impl StackFacts {
    /// Measures every stack that can be read; what cannot is found.
    pub fn of_all(
        data: &DataConfig,
        sources: &Sources,
        findings: &mut Vec<Finding>,
        observer: &mut Observer<'_>,
    ) -> Result<Vec<Self>> {
        let of_role =
            [("training", &sources.train), ("validation", &sources.validation), ("test", &sources.test)];
        let named = of_role.into_iter().flat_map(|(role, sources)| sources.iter().map(move |s| (role, s)));
        let mut stacks = Vec::new();
        for (role, source) in named {
            stacks.extend(Self::of(role, source, &sources.classes, findings, observer)?);
        }
        for stack in &mut stacks {
            match data.pixels(data.voxel_size_nm.or(stack.raw.voxel_size)) {
                Ok(None) => {}
                Ok(Some(pixels)) => stack.seen = pixels.network_size(stack.seen),
                Err(error) => findings.push(Finding::of_error(&error).file(&stack.raw.path)),
            }
        }
        Ok(stacks)
    }

    fn of(
        role: &'static str,
        source: &SourceConfig,
        classes: &[String],
        findings: &mut Vec<Finding>,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Self>> {
        let raw = opened(&source.raw, findings);
        let labels: Vec<(&String, Option<Volume>)> =
            classes.iter().map(|class| (class, opened(&source.labels[class], findings))).collect();
        let ignored = source.labels.get(IGNORED).and_then(|path| opened(path, findings));
        let Some(raw) = raw else { return Ok(None) };
        let depth = raw.shape()[0];
        let [start, end] = source.sections.unwrap_or([0, depth]);
        if start >= end || end > depth {
            let found = format!("sections = [{start}, {end}] of a stack of {depth} sections");
            let hint = "sections are numbered from 0; the second number is one after the last";
            findings.push(Finding::error(found).file(&source.raw).hint(hint));
            return Ok(None);
        }
        let used = start..end;
        let measured = found(measured_raw(&raw, used.clone(), observer), findings)?;
        let Some((sections, alike)) = measured else { return Ok(None) };
        let [_, seen @ ..] = raw.shape();
        let roi = Roi::sections(raw.shape(), used.clone());
        let regions = source.regions.as_deref().map(|path| reviewed(path, raw.shape(), roi));
        let regions = match regions {
            None => None,
            Some(regions) => match found(regions, findings)? {
                None => return Ok(None),
                regions => regions,
            },
        };
        let mut stack = Self {
            role,
            raw: facts(&source.raw, &raw, sections),
            alike,
            labels: Vec::new(),
            used,
            regions,
            values: source.values,
            size: seen,
            seen,
        };
        let ignored = ignored.filter(|ignored| belongs(IGNORED, ignored, &raw, findings));
        for (class, label) in labels {
            let Some(label) = label else { continue };
            let path = &source.labels[class];
            if path == &source.raw {
                findings
                    .push(Finding::error(format!("the label `{class}` is the raw stack itself")).file(path));
                continue;
            }
            if !belongs(class, &label, &raw, findings) {
                continue;
            }
            let measured = measured_label(&label, ignored.as_ref(), stack.used.clone(), observer);
            if let Some(sections) = found(measured, findings)? {
                let turned = turned::check(class, [&raw, &label], stack.used.start, &sections);
                let turned = found(turned, findings)?.flatten();
                findings.extend(turned);
                stack.labels.push((class.clone(), facts(path, &label, sections)));
            }
        }
        Ok(Some(stack))
    }

    /// Returns the numbers of the sections whose measures satisfy a rule, as the file counts them.
    pub fn sections_where(&self, rule: impl Fn(&RawSection) -> bool) -> Vec<usize> {
        self.raw
            .sections
            .iter()
            .zip(self.used.clone())
            .filter(|(section, _)| rule(section))
            .map(|(_, z)| z)
            .collect()
    }

    /// Says what is labelled of the stack, where that is not all of it.
    pub fn partly_labelled(&self) -> Option<String> {
        let scribbles = (self.values == LabelValues::Scribbles).then(|| "labels are scribbles".to_owned());
        let regions = self.regions.as_ref().map(|regions| {
            let voxels: usize = regions.iter().map(|region| region.roi.voxels()).sum();
            let [height, width] = self.size;
            let share = 100.0 * voxels as f64 / (self.used.len() * height * width).max(1) as f64;
            let plural = if regions.len() == 1 { "" } else { "s" };
            format!("{} reviewed region{plural}, {share:.2} % of the voxels", regions.len())
        });
        regions.or(scribbles)
    }

    /// Returns the shape of the part in use when the network sees it, `[z, y, x]`.
    pub fn used_shape(&self) -> [usize; 3] {
        let [height, width] = self.seen;
        [self.used.len(), height, width]
    }
}

fn facts<S>(path: &Path, volume: &Volume, sections: Vec<S>) -> FileFacts<S> {
    FileFacts {
        path: path.to_path_buf(),
        voxel_type: volume.voxel_type(),
        voxel_size: volume.voxel_size(),
        sections,
    }
}

fn opened(path: &Path, findings: &mut Vec<Finding>) -> Option<Volume> {
    let opened = em_io::open(path).map_err(|error| findings.push(Finding::of_error(&error.into())));
    let volume = opened.ok()?;
    findings.extend(volume.notes().iter().map(|note| Finding::note(note.as_str()).file(path)));
    Some(volume)
}

/// Takes a value, or writes the error down; one that ends the work stays an error.
fn found<T>(result: Result<T>, findings: &mut Vec<Finding>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Stopped) => Err(Error::Stopped),
        Err(error) => {
            findings.push(Finding::of_error(&error));
            Ok(None)
        }
    }
}

/// Writes down what says that a label is not that of a raw stack; tells whether it can be one.
fn belongs(class: &str, label: &Volume, raw: &Volume, findings: &mut Vec<Finding>) -> bool {
    let pairing = pairing::findings(&format!("the label `{class}`"), raw, label);
    let mut can_be = pairing.iter().all(|finding| finding.severity != Severity::Error);
    findings.extend(pairing);
    if can_be && label.shape() != raw.shape() {
        findings.push(other_shape(class, label, raw));
        can_be = false;
    }
    can_be
}

fn other_shape(class: &str, label: &Volume, raw: &Volume) -> Finding {
    let ([z, y, x], shape) = (raw.shape(), display::shape(label.shape()));
    let finding = Finding::error(format!("the label `{class}` has {shape} voxels [z, y, x]"))
        .file(label.path().unwrap_or(Path::new("memory")))
        .expected(format!("{} as its raw stack", display::shape([z, y, x])));
    finding.hint(if label.shape() == [z, x, y] {
        "height and width are swapped: turn one of the two"
    } else {
        "check that the two files belong together, and that both have the same crop"
    })
}

/// Calls `take` for each block of sections in use.
fn for_blocks(
    volume: &Volume,
    used: Range<usize>,
    observer: &mut Observer<'_>,
    mut take: impl FnMut(Roi, Voxels),
) -> Result<()> {
    let part = Roi::sections(volume.shape(), used);
    observer.stage(Stage::sections(part.shape), |observer| {
        for block in volume.blocks(Blocks::of_voxels(part, BLOCK_BYTES / volume.voxel_type().bytes())) {
            let (place, voxels) = block?;
            take(place, voxels);
            observer.advance(place.shape[0] as u64)?;
        }
        Ok(())
    })
}

fn measured_raw(
    volume: &Volume,
    used: Range<usize>,
    observer: &mut Observer<'_>,
) -> Result<(Vec<RawSection>, Vec<Option<f64>>)> {
    let (mut measures, mut alike) = (Vec::new(), Vec::new());
    let mut last: Option<Array3<f32>> = None;
    for_blocks(volume, used, observer, |_, block| {
        measures.extend(per_section(&block, RawSection::of));
        let mut floats: Vec<Array3<f32>> = last.take().into_iter().collect();
        floats.extend(per_section(&block, Voxels::to_f32));
        alike.par_extend(floats.par_windows(2).map(|pair| correlation(&pair[0], &pair[1])));
        last = floats.pop();
    })?;
    Ok((measures, alike))
}

/// Measures a label; voxels that are not 0 in `ignored` count as labelled by no one.
fn measured_label(
    volume: &Volume,
    ignored: Option<&Volume>,
    used: Range<usize>,
    observer: &mut Observer<'_>,
) -> Result<Vec<LabelSection>> {
    let mut measures = Vec::new();
    let mut failure = None;
    for_blocks(volume, used, observer, |place, block| {
        let sections = per_section(&block, LabelSection::of);
        match ignored.map(|ignored| ignored.read(place)).transpose() {
            Ok(None) => measures.extend(sections),
            Ok(Some(out)) => {
                let pairs =
                    per_section(&block, Voxels::clone).into_iter().zip(per_section(&out, Voxels::clone));
                let without =
                    |(section, (label, out)): (LabelSection, (Voxels, Voxels))| section.without(&label, &out);
                measures.extend(sections.into_iter().zip(pairs).map(without));
            }
            Err(error) => failure = failure.take().or(Some(error)),
        }
    })?;
    failure.map_or(Ok(measures), |error| Err(error.into()))
}
