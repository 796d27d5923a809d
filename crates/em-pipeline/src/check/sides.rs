//! The sides of a split: what trains, what validates, and what must not be on both.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;

use em_data::{Region, Split, SplitKind};

use super::facts::StackFacts;
use super::finding::{Finding, ranges};
use crate::config::RunConfig;
use crate::dataset::Sources;

/// Means that differ by more than this share of the training's spread are another brightness.
const OTHER_MEAN: f64 = 0.5;

/// Spreads of which one is so many times the other are another contrast.
const OTHER_SPREAD: f64 = 1.5;

/// One side: ranges of sections in use, per stack.
type Side = Vec<(usize, Range<usize>)>;

/// What trains, what validates, and what is scored at the end.
pub struct Sides {
    /// By name, in that order; `test` is empty where there is none.
    pub named: [(&'static str, Side); 3],
    /// Whether whole sections are on both sides.
    leaks: bool,
}

impl Sides {
    /// Splits as a training would; `None` where it would fail, or a stack could not be read.
    pub fn of(
        config: &RunConfig,
        sources: &Sources,
        stacks: &[StackFacts],
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let of_role = |role: &str| -> Vec<usize> {
            (0..stacks.len()).filter(|&stack| stacks[stack].role == role).collect()
        };
        let [train, validation, test] = ["training", "validation", "test"].map(of_role);
        // A stack that could not be read has its error already.
        if train.len() < sources.train.len() || validation.len() < sources.validation.len() {
            return None;
        }
        for &stack in &train {
            tile_size(config, &stacks[stack], findings)?;
        }
        let whole = |stacks_of: &[usize]| -> Side {
            stacks_of.iter().map(|&stack| (stack, 0..stacks[stack].used.len())).collect()
        };
        let test = whole(&test);
        if !validation.is_empty() {
            let named = [("training", whole(&train)), ("validation", whole(&validation)), ("test", test)];
            return Some(Self { named, leaks: false });
        }
        let shapes: Vec<[usize; 3]> = train.iter().map(|&stack| stacks[stack].used_shape()).collect();
        let split = Split::new(&config.data.split, &shapes, config.tiling.tile_size, config.train.seed);
        let split = split.map_err(|error| findings.push(Finding::of_error(&error.into()))).ok()?;
        warn_of_split(config, findings);
        let side = |regions: &[Region]| if split.leaks { whole(&train) } else { of_regions(&train, regions) };
        let named =
            [("training", side(&split.train)), ("validation", side(&split.validation)), ("test", test)];
        Some(Self { named, leaks: split.leaks })
    }

    /// Looks at classes, at sections on two sides, and at the grey values of the sides.
    pub fn check(&self, config: &RunConfig, stacks: &[StackFacts], findings: &mut Vec<Finding>) {
        tile_depth(config, &self.named[0].1, stacks, findings);
        for (name, side) in self.named.iter().filter(|(_, side)| !side.is_empty()) {
            classes(name, side, stacks, findings);
        }
        let [(_, train), others @ ..] = &self.named;
        for (name, other) in others.iter().filter(|(_, side)| !side.is_empty()) {
            // Where they leak by request, all sections are on both sides.
            if !self.leaks {
                shared_sections(name, [train, other], stacks, findings);
                other_grey_values(name, [train, other], stacks, findings);
            }
        }
    }

    /// Returns the voxels of a side.
    pub fn voxels(&self, number: usize, stacks: &[StackFacts]) -> usize {
        self.named[number].1.iter().map(|(stack, part)| part.len() * section_voxels(&stacks[*stack])).sum()
    }
}

/// Finds stacks of two roles that are one file and share sections.
pub fn check_overlap(stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    for (index, stack) in stacks.iter().enumerate() {
        for earlier in &stacks[..index] {
            let [a, b] = [earlier, stack].map(|stack| fs::canonicalize(&stack.raw.path).ok());
            let both = stack.used.start.max(earlier.used.start)..stack.used.end.min(earlier.used.end);
            if a.is_some() && a == b && !both.is_empty() {
                let found = format!("{} and {} use the same file and sections", earlier.role, stack.role);
                let hint =
                    "its scores would be too good: give each sections of its own, with a gap between them";
                findings
                    .push(Finding::error(found).file(&stack.raw.path).sections(both.collect()).hint(hint));
            }
        }
    }
}

fn tile_size(config: &RunConfig, stack: &StackFacts, findings: &mut Vec<Finding>) -> Option<()> {
    let [_, height, width] = stack.raw.shape;
    let tile_size = config.tiling.tile_size;
    if tile_size == 0 || height.min(width) >= tile_size {
        return (tile_size > 0).then_some(());
    }
    let volume = stack.raw.path.display().to_string();
    let error = em_data::Error::TileTooLarge { volume, tile_size, height, width };
    findings.push(Finding::of_error(&error.into()));
    None
}

/// A tile must fit into each part of the training sections.
fn tile_depth(config: &RunConfig, train: &Side, stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    let tile_depth = config.tiling.tile_depth;
    let Some((stack, part)) = train.iter().find(|(_, part)| part.len() < tile_depth) else { return };
    let volume = stacks[*stack].raw.path.display().to_string();
    let error = em_data::Error::TileTooDeep { volume, tile_depth, sections: part.len() };
    findings.push(Finding::of_error(&error.into()));
}

fn of_regions(train: &[usize], regions: &[Region]) -> Side {
    let range = |region: &Region| region.roi.start[0]..region.roi.end()[0];
    regions.iter().map(|region| (train[region.volume], range(region))).collect()
}

fn warn_of_split(config: &RunConfig, findings: &mut Vec<Finding>) {
    let split = &config.data.split;
    if split.kind == SplitKind::RandomTiles {
        let found = "the split `random-tiles` leaks: validation tiles have training neighbours";
        let hint = "take data.split.kind = \"z-blocks\", or validation files of their own";
        findings.push(Finding::warning(found).hint(hint));
    } else if split.gap == 0 {
        let found = "no gap between training and validation sections, which are nearly the same picture";
        findings.push(Finding::warning(found).hint("set data.split.gap, to 4 or more for thin sections"));
    }
}

fn section_voxels(stack: &StackFacts) -> usize {
    stack.raw.shape[1] * stack.raw.shape[2]
}

/// Tells the share of each class, and finds classes without any voxel.
fn classes(name: &str, side: &Side, stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    let mut shares = Vec::new();
    for (class, _) in stacks[side[0].0].labels.iter() {
        let (mut foreground, mut voxels, mut with, mut of) = (0, 0, 0, 0);
        for (stack, part) in side {
            let Some((_, label)) = stacks[*stack].labels.iter().find(|(other, _)| other == class) else {
                continue;
            };
            let sections = &label.sections[part.clone()];
            foreground += sections.iter().map(|section| section.foreground).sum::<u64>();
            with += sections.iter().filter(|section| section.foreground > 0).count();
            of += sections.len();
            voxels += part.len() * section_voxels(&stacks[*stack]);
        }
        let share = foreground as f64 / voxels.max(1) as f64;
        shares.push(format!("{class} {:.2} % (in {with} of {of} sections)", share * 100.0));
        if foreground == 0 {
            findings.push(empty_class(name, class));
        }
    }
    findings.push(Finding::note(format!("{name}: {}", shares.join(", "))));
}

fn empty_class(name: &str, class: &str) -> Finding {
    let found = format!("no foreground of `{class}` in {name}");
    if name == "training" {
        return Finding::error(found).hint("check the label, or leave the class out of data.classes");
    }
    Finding::warning(found).hint("its scores will not exist: choose sections that hold the class")
}

/// Finds equal sections on both sides, by their voxels.
fn shared_sections(
    name: &str,
    [train, other]: [&Side; 2],
    stacks: &[StackFacts],
    findings: &mut Vec<Finding>,
) {
    let listed = |side: &Side| -> Vec<(u64, usize, usize)> {
        let of = |(stack, part): &(usize, Range<usize>)| {
            let (stack, part) = (*stack, part.clone());
            part.map(move |n| (stacks[stack].raw.sections[n].hash, stack, stacks[stack].used.start + n))
                .collect::<Vec<_>>()
        };
        side.iter().flat_map(of).collect()
    };
    let not_blank =
        |hash: &u64| stacks.iter().flat_map(|s| &s.raw.sections).any(|s| s.hash == *hash && s.std > 0.0);
    let trained: BTreeMap<u64, (usize, usize)> =
        listed(train).into_iter().map(|(hash, stack, z)| (hash, (stack, z))).collect();
    let shared: Vec<_> = listed(other)
        .into_iter()
        .filter(|(hash, ..)| trained.contains_key(hash) && not_blank(hash))
        .collect();
    let Some((_, stack, _)) = shared.first() else { return };
    let mut copies: Vec<usize> = shared.iter().map(|(hash, ..)| trained[hash].1).collect();
    copies.sort_unstable();
    let origin = stacks[trained[&shared[0].0].0].raw.path.display();
    let found = format!("{name} sections that are training sections too: {} of `{origin}`", ranges(&copies));
    let finding = Finding::error(found)
        .file(&stacks[*stack].raw.path)
        .sections(shared.iter().map(|(_, _, z)| *z).collect());
    findings.push(finding.hint("its scores would be too good: leave the copies out"));
}

/// Finds sides that are brighter or have more contrast than the training.
fn other_grey_values(name: &str, sides: [&Side; 2], stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    let [(mean, std), (other_mean, other_std)] = sides.map(|side| mean_and_std(side, stacks));
    let ratio = other_std.max(std) / other_std.min(std);
    if (mean - other_mean).abs() <= OTHER_MEAN * std && ratio <= OTHER_SPREAD {
        return;
    }
    let found = format!("the grey values of {name} have mean {other_mean:.1} and deviation {other_std:.1}");
    let finding = Finding::warning(found).file(&stacks[sides[1][0].0].raw.path);
    let finding = finding.expected(format!("about {mean:.1} and {std:.1}, as in training"));
    findings.push(finding.hint("match the contrast, or turn on the intensity changes of [augmentation]"));
}

fn mean_and_std(side: &Side, stacks: &[StackFacts]) -> (f64, f64) {
    let sections: Vec<_> =
        side.iter().flat_map(|(stack, part)| &stacks[*stack].raw.sections[part.clone()]).collect();
    let count = sections.len().max(1) as f64;
    let mean = sections.iter().map(|section| section.mean).sum::<f64>() / count;
    let squares = sections.iter().map(|section| section.std.powi(2) + (section.mean - mean).powi(2));
    (mean, (squares.sum::<f64>() / count).sqrt())
}
