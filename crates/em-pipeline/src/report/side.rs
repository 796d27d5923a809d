//! One side of a run, scored: which sections there are, what was predicted, and how good each is.

use std::collections::BTreeMap;
use std::path::Path;

use em_data::{LabelledVolume, Region, TrainingSet};
use em_io::Roi;
use em_model::Predictor;
use em_objects::{Components, Connectivity, Extent};
use ndarray::{Array2, Array3, Axis, s};

use super::SideScores;
use super::places::{self, Place};
use super::sections::{Source, SourceLayers};
use super::threshold_curve::ThresholdCurve;
use crate::dataset::region_probabilities;
use crate::error::Result;
use crate::scores::{Collector, Labelled, Ruler, outside};

/// Places of a class that are listed.
const MOST_PLACES: usize = 12;

/// A side: validation or test.
pub struct ScoredSide {
    pub sections: Vec<Section>,
    /// The masks of each region, one per class.
    masks: Vec<Vec<Array3<bool>>>,
    /// The regions, in the order of their numbers.
    regions: Vec<Region>,
    pub scores: SideScores,
    /// Of each class.
    pub thresholds: BTreeMap<String, ThresholdCurve>,
}

/// One section of a side.
pub struct Section {
    /// The section as a region of depth 1.
    pub region: Region,
    /// Number of the region that it is from, and its place there.
    pub place: (usize, usize),
    /// Where it is from, for people.
    pub name: String,
}

/// A place of a side, in the section of which number.
pub struct PlaceOfSide {
    pub class: usize,
    pub section: usize,
    pub place: Place,
}

impl ScoredSide {
    /// Scores what each network has not seen, with the thresholds and the cleaning of `run`; few sections
    /// have intervals over their blocks where that is asked for.
    pub fn score(
        run: &Predictor,
        parts: &[(&Predictor, &[Region])],
        set: &TrainingSet,
        over_blocks: bool,
    ) -> Result<Self> {
        let classes = set.classes();
        let ruler = Ruler::new(run.card().voxel_size_nm, None);
        let collector = || match over_blocks {
            true => Collector::new(ruler).or_over_blocks(),
            false => Collector::new(ruler),
        };
        let mut collectors: Vec<Collector> = classes.iter().map(|_| collector()).collect();
        let mut side = Self {
            sections: Vec::new(),
            masks: Vec::new(),
            regions: Vec::new(),
            scores: SideScores::new(),
            thresholds: BTreeMap::new(),
        };
        let all = parts.iter().flat_map(|(predictor, regions)| regions.iter().map(move |r| (predictor, r)));
        for (predictor, region) in all {
            let volume = &set.volumes()[region.volume];
            let probabilities = region_probabilities(predictor, set, region)?;
            let mut masks = Vec::with_capacity(classes.len());
            for (class, (name, collector)) in classes.iter().zip(&mut collectors).enumerate() {
                let probabilities = probabilities.index_axis(Axis(0), class);
                let (label, ignored) = (region.slice(volume.mask(class)), volume.ignored(class));
                let ignored = ignored.map(|ignored| region.slice(ignored));
                let mask = run.rule(name)?.mask(probabilities)?;
                collector.add(Labelled {
                    prediction: mask.view(),
                    label,
                    probabilities: Some(probabilities),
                    ignored,
                })?;
                side.thresholds.entry(name.clone()).or_default().add(probabilities, label, ignored);
                masks.push(mask);
            }
            side.masks.push(masks);
            side.regions.push(*region);
        }
        side.sections = named_sections(set, &side.regions);
        for (name, collector) in classes.iter().zip(collectors) {
            side.scores.insert(name.clone(), collector.finish()?);
        }
        Ok(side)
    }

    /// The worst, the median and the best section of a class by IoU: its number, its rank and its score.
    pub fn ranked(&self, class: &str) -> Vec<(usize, &'static str, f64)> {
        let sections = self.scores.get(class).map_or(&[][..], |scores| &scores.sections);
        let mut ranked: Vec<(usize, f64)> =
            sections.iter().filter_map(|section| Some((section.z, section.scores.iou?))).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let Some(last) = ranked.len().checked_sub(1) else { return Vec::new() };
        let ranks = [("worst", last), ("median", last / 2), ("best", 0)];
        ranks.map(|(rank, place)| (ranked[place].0, rank, ranked[place].1)).to_vec()
    }

    /// A label and a prediction of a region and class, in which voxels that do not count are background.
    fn compared(&self, set: &TrainingSet, number: usize, class: usize) -> [Array3<bool>; 2] {
        let region = &self.regions[number];
        let volume = &set.volumes()[region.volume];
        let both = [region.slice(volume.mask(class)), self.masks[number][class].view()];
        match volume.ignored(class) {
            Some(ignored) => both.map(|mask| outside(mask, region.slice(ignored))),
            None => both.map(|mask| mask.to_owned()),
        }
    }

    /// The places of each class in which most went wrong, worst first; one class after the other.
    pub fn places(&self, set: &TrainingSet) -> Result<Vec<PlaceOfSide>> {
        let mut all = Vec::new();
        for (class, name) in set.classes().iter().enumerate() {
            let mut of_class = Vec::new();
            let mut first = 0;
            for number in 0..self.regions.len() {
                let [label, prediction] = self.compared(set, number, class);
                let ruler = &self.scores[name].ruler;
                for place in places::worst(prediction.view(), label.view(), ruler, MOST_PLACES)? {
                    of_class.push(PlaceOfSide { class, section: first + place.z, place });
                }
                first += self.regions[number].roi.shape[0];
            }
            of_class.sort_by_key(|found| std::cmp::Reverse(found.place.voxels));
            of_class.truncate(MOST_PLACES);
            all.extend(of_class);
        }
        Ok(all)
    }

    /// The voxels of each object of a class, labelled and predicted.
    pub fn object_voxels(&self, set: &TrainingSet, class: usize) -> [Vec<u64>; 2] {
        let mut sizes = [Vec::new(), Vec::new()];
        for number in 0..self.regions.len() {
            for (sizes, mask) in sizes.iter_mut().zip(self.compared(set, number, class)) {
                let found = Components::of(mask.view(), Extent::Volume, Connectivity::Corners);
                sizes.extend_from_slice(found.sizes());
            }
        }
        sizes
    }

    /// A section as the browser shows it.
    pub fn source<'a>(&'a self, set: &'a TrainingSet, number: usize) -> Source<'a> {
        let Section { region, place: (block, z), name: of_section } = &self.sections[number];
        let volume = &set.volumes()[region.volume];
        let classes = set.classes().iter().enumerate().map(|(class, name)| SourceLayers {
            label: region.slice(volume.mask(class)).index_axis_move(Axis(0), 0),
            prediction: self.masks[*block][class].index_axis(Axis(0), *z),
            ignored: volume.ignored(class).map(|mask| region.slice(mask).index_axis_move(Axis(0), 0)),
            iou: self.scores[name].sections.get(number).and_then(|section| section.scores.iou),
        });
        let [_, y, x] = region.roi.start;
        Source {
            number,
            name: of_section.clone(),
            volume: region.volume,
            start: [y, x],
            grey: grey(set, region),
            classes: classes.collect(),
        }
    }
}

/// The names of volumes without their folders, unless two of them would be called alike.
pub fn short_names(set: &TrainingSet) -> Vec<String> {
    let short = |name: &str| {
        Path::new(name).file_name().map_or(name.to_owned(), |last| last.to_string_lossy().into_owned())
    };
    let names: Vec<&str> = set.volumes().iter().map(LabelledVolume::name).collect();
    let is_alone = |name: &str| names.iter().all(|other| *other == name || short(other) != short(name));
    names.iter().map(|name| if is_alone(name) { short(name) } else { (*name).to_owned() }).collect()
}

/// The sections of regions in their order, named by where they are from.
fn named_sections(set: &TrainingSet, regions: &[Region]) -> Vec<Section> {
    let all: Vec<(Region, (usize, usize))> = regions
        .iter()
        .enumerate()
        .flat_map(|(number, region)| {
            sections_of(region).enumerate().map(move |(z, section)| (section, (number, z)))
        })
        .collect();
    let parts: Vec<Region> = all.iter().map(|(section, _)| *section).collect();
    let names = section_names(&short_names(set), &parts);
    all.into_iter().zip(names).map(|((region, place), name)| Section { region, place, name }).collect()
}

/// What sections are called: by z, by their first voxel where several are parts of one, and by their volume
/// where there are several.
fn section_names(volumes: &[String], sections: &[Region]) -> Vec<String> {
    let mut parts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for Region { volume, roi } in sections {
        *parts.entry((*volume, roi.start[0])).or_default() += 1;
    }
    let name = |Region { volume, roi }: &Region| {
        let [z, y, x] = roi.start;
        let part = if parts[&(*volume, z)] > 1 { format!(", y {y}, x {x}") } else { String::new() };
        let of_volume = if volumes.len() > 1 { format!(" of {}", volumes[*volume]) } else { String::new() };
        format!("z = {z}{part}{of_volume}")
    };
    sections.iter().map(name).collect()
}

fn sections_of(region: &Region) -> impl Iterator<Item = Region> + use<> {
    let Region { volume, roi } = *region;
    (0..roi.shape[0]).map(move |z| Region {
        volume,
        roi: Roi {
            start: [roi.start[0] + z, roi.start[1], roi.start[2]],
            shape: [1, roi.shape[1], roi.shape[2]],
        },
    })
}

/// Grey values of one section, `[y, x]`.
fn grey(set: &TrainingSet, section: &Region) -> Array2<f32> {
    set.volumes()[section.volume].raw().cut(section.roi).to_f32().slice_move(s![0, .., ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_section_are_told_apart() {
        let section = |volume, start| Region { volume, roi: Roi { start, shape: [1, 8, 8] } };
        let sections = [section(0, [12, 0, 0]), section(0, [12, 0, 64]), section(0, [13, 0, 0])];
        let one = ["a.tif".to_owned()];
        assert_eq!(section_names(&one, &sections), ["z = 12, y 0, x 0", "z = 12, y 0, x 64", "z = 13"]);
        let two = ["a.tif".to_owned(), "b.tif".to_owned()];
        let sections = [section(0, [12, 0, 0]), section(1, [12, 0, 0])];
        assert_eq!(section_names(&two, &sections), ["z = 12 of a.tif", "z = 12 of b.tif"]);
    }
}
