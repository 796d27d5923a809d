//! The sides of a split: what trains, what validates, and what must not be on both.

use std::collections::BTreeMap;
use std::ops::Range;

use em_data::{GreyValues, Region, Split, SplitKind};
use em_io::place;

use super::facts::StackFacts;
use super::finding::{Finding, ranges};
use crate::config::RunConfig;
use crate::dataset::Sources;
use crate::grey_values;

/// Foreground in at most this share of the sections, each alone, is rather labels that are missing.
const SPARSE: f64 = 0.34;

/// Sections below which their labels tell nothing of a pattern.
const FEWEST_SECTIONS: usize = 6;

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
        if train.iter().any(|&stack| stacks[stack].regions.is_some()) {
            // Some regions are left out by networks beside the run, and all train the run itself.
            let named = [("training", whole(&train)), ("validation", Vec::new()), ("test", test)];
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
        other_stacks(train, stacks, findings);
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
            let [a, b] = [earlier, stack].map(|stack| place::identity(&stack.raw.path));
            let both = stack.used.start.max(earlier.used.start)..stack.used.end.min(earlier.used.end);
            if a.is_some() && a == b && !both.is_empty() {
                let found = format!("{} and {} use the same file and sections", earlier.role, stack.role);
                let hint =
                    "its scores would be too good: give each sections of its own, with a gap between them";
                findings
                    .push(Finding::error(found).file(&stack.raw.path).sections(both.collect()).hint(hint));
            } else if a.is_some() && a == b && stack.role != earlier.role && both.start == both.end {
                let touching = vec![both.start - 1, both.start];
                let found = format!(
                    "{} and {} sections touch, and are nearly the same picture",
                    earlier.role, stack.role
                );
                let finding = Finding::warning(found).file(&stack.raw.path).sections(touching);
                findings
                    .push(finding.hint("leave some between their `sections`, 4 or more where they are thin"));
            }
        }
    }
}

fn tile_size(config: &RunConfig, stack: &StackFacts, findings: &mut Vec<Finding>) -> Option<()> {
    let [height, width] = stack.seen;
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
    stack.seen[0] * stack.seen[1]
}

/// Tells the share of each class among the labelled voxels, and finds classes without any.
fn classes(name: &str, side: &Side, stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    if side.iter().any(|(stack, _)| stacks[*stack].partly_labelled().is_some()) {
        // What is background there, and what is unknown, is not told by sections.
        return;
    }
    let mut shares = Vec::new();
    for (class, _) in stacks[side[0].0].labels.iter() {
        let (mut foreground, mut labelled, mut with, mut of) = (0, 0, 0, 0);
        for (stack, part) in side {
            let Some((_, label)) = stacks[*stack].labels.iter().find(|(other, _)| other == class) else {
                continue;
            };
            let sections = label.sections[part.clone()].iter().filter(|section| section.labelled > 0);
            for section in sections {
                foreground += section.foreground;
                labelled += section.labelled;
                with += usize::from(section.foreground > 0);
                of += 1;
            }
        }
        let share = foreground as f64 / labelled.max(1) as f64;
        shares.push(format!("{class} {:.2} % (in {with} of {of} sections)", share * 100.0));
        if foreground == 0 {
            findings.push(empty_class(name, class));
        }
    }
    // Labels that could not be read have their errors.
    if !shares.is_empty() {
        findings.push(Finding::note(format!("{name}: {}", shares.join(", "))));
    }
    for (stack, part) in side {
        findings.extend(missing_labels(&stacks[*stack], part.clone()));
    }
}

/// Finds stacks that were labelled in single sections only, without a label `ignore` that says so.
fn missing_labels(stack: &StackFacts, part: Range<usize>) -> Option<Finding> {
    let has_foreground = |n: &usize| stack.labels.iter().any(|(_, label)| label.sections[*n].foreground > 0);
    let is_labelled = |n: &usize| stack.labels.iter().all(|(_, label)| label.sections[*n].labelled > 0);
    let labelled: Vec<usize> = part.filter(is_labelled).collect();
    let with: Vec<usize> = labelled.iter().copied().filter(has_foreground).collect();
    let are_single = with.windows(2).all(|pair| pair[0] + 1 < pair[1]);
    let is_sparse = with.len() as f64 <= SPARSE * labelled.len() as f64;
    if labelled.len() < FEWEST_SECTIONS || with.is_empty() || !is_sparse || !are_single {
        return None;
    }
    let steps: Vec<usize> = with.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let apart = match steps.split_first() {
        Some((step, others)) if others.iter().all(|other| other == step) => format!(", {step} apart"),
        _ => String::new(),
    };
    let (count, of) = (with.len(), labelled.len());
    let found = format!("foreground in {count} of {of} sections only{apart}: were the others labelled?");
    let sections = with.into_iter().map(|n| stack.used.start + n).collect();
    Some(Finding::warning(found).file(&stack.labels[0].1.path).sections(sections).hint(
        "if not, mark what nobody labelled with 255 in a label `ignore` beside the others; it would count as background",
    ))
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
    let not_blank = |hash: &u64| {
        stacks.iter().flat_map(|s| &s.raw.sections).any(|s| s.hash == *hash && s.grey.std() > 0.0)
    };
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
    let type_of = |side: &Side| stacks[side[0].0].raw.voxel_type;
    let grey = sides.map(|side| grey_of(side.iter().cloned(), stacks));
    if let Some(text) = grey_values::unlike([&grey[0], &grey[1]], sides.map(type_of)) {
        findings.push(unlike(format!("{name} {text}"), &stacks[sides[1][0].0]));
    }
}

/// Finds training stacks that are unlike the first of them.
fn other_stacks(train: &Side, stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    let of = |stack: usize| grey_of(train.iter().filter(|(other, _)| *other == stack).cloned(), stacks);
    let mut numbers: Vec<usize> = train.iter().map(|(stack, _)| *stack).collect();
    numbers.dedup();
    let Some((&first, others)) = numbers.split_first() else { return };
    for &other in others {
        let types = [first, other].map(|stack| stacks[stack].raw.voxel_type);
        if let Some(text) = grey_values::unlike([&of(first), &of(other)], types) {
            let text = format!("this training stack {text}, as in `{}`", stacks[first].raw.path.display());
            findings.push(unlike(text, &stacks[other]));
        }
    }
}

fn unlike(text: String, stack: &StackFacts) -> Finding {
    let finding = Finding::warning(text).file(&stack.raw.path);
    finding.hint("match type and contrast, or turn on the intensity changes of [augmentation]")
}

fn grey_of(side: impl Iterator<Item = (usize, Range<usize>)>, stacks: &[StackFacts]) -> GreyValues {
    let mut grey = GreyValues::default();
    for (stack, part) in side {
        stacks[stack].raw.sections[part].iter().for_each(|section| grey.merge(&section.grey));
    }
    grey
}
