//! Sections of a raw stack that are no good to learn from.

use std::collections::BTreeMap;

use em_data::RawSection;

use super::facts::StackFacts;
use super::finding::{Finding, ranges};
use crate::grey_values::no_numbers;

/// A section whose grey values spread less than this share of the stack's median is blank.
const BLANK: f64 = 0.05;

/// Share of voxels at the ends of their type from which a section has lost its bright or dark parts.
const SATURATED: f64 = 0.1;

/// Neighbours more alike than this are one picture taken twice: of the EPFL stack, sections 5 nm
/// apart reach 0.9.
const SAME_PICTURE: f64 = 0.999;

/// The noisiest section has so many times the noise of the quietest before it is worth a warning.
const NOISE_LEVELS: f64 = 1.5;

/// Two kinds of sections are apart by this share of their fine detail, at least...
const LEVEL_GAP: f64 = 0.02;

/// ... and by so many times the next largest gap. The EPFL sections have 30.
const CLEAR_GAP: f64 = 5.0;

/// Neighbours that are alike by less than this share of the median are no neighbours: where the
/// annotated EPFL sections skip some, it falls from 0.88 to below 0.65.
const JUMP: f64 = 0.8;

/// Pairs of neighbours below which their median says little.
const FEWEST_NEIGHBOURS: usize = 4;

/// Looks at the sections of a raw stack.
pub fn check(stack: &StackFacts, findings: &mut Vec<Finding>) {
    let without_numbers = stack.sections_where(|section| section.grey.missing > 0);
    if !without_numbers.is_empty() {
        let missing: u64 = stack.raw.sections.iter().map(|section| section.grey.missing).sum();
        let finding = Finding::warning(no_numbers(missing));
        let hint = "they count as labelled by no one, and the network sees the mean of their section there";
        findings.push(finding.file(&stack.raw.path).sections(without_numbers).hint(hint));
    }
    if let Some(values) = values_of_a_mask(stack) {
        let finding = Finding::error(format!("the raw stack holds {values} only"));
        let finding = finding.file(&stack.raw.path).expected("grey values");
        findings.push(finding.hint("it looks like a label: check which file is which"));
        return;
    }
    let is_blank = blank(stack);
    let blank = stack.sections_where(&is_blank);
    if !blank.is_empty() {
        let finding = Finding::warning("blank: hardly any difference between voxels");
        let hint = "leave them out with `sections`, or replace them by a neighbour";
        findings.push(finding.file(&stack.raw.path).sections(blank).hint(hint));
    }
    let saturated = stack.sections_where(|section| section.saturated > SATURATED && !is_blank(section));
    if !saturated.is_empty() {
        let found = format!("over {} % of the voxels are at an end of their type", SATURATED * 100.0);
        let hint = "what is brighter or darker is lost: export the stack with a wider contrast range";
        findings.push(Finding::warning(found).file(&stack.raw.path).sections(saturated).hint(hint));
    }
    twins(stack, &is_blank, findings);
    noise_levels(stack, &is_blank, findings);
    two_levels(stack, &is_blank, findings);
    jumps(stack, findings);
}

/// Names the one or two values of a stack that has no others.
fn values_of_a_mask(stack: &StackFacts) -> Option<String> {
    let sections = &stack.raw.sections;
    let low = sections.iter().map(|section| section.grey.low).fold(f64::INFINITY, f64::min);
    let high = sections.iter().map(|section| section.grey.high).fold(f64::NEG_INFINITY, f64::max);
    let is_end = |value: f64| value == low || value == high;
    let is_mask = sections
        .iter()
        .all(|s| s.is_binary && s.grey.missing == 0 && is_end(s.grey.low) && is_end(s.grey.high));
    is_mask.then(|| {
        if low == high { format!("the value {low}") } else { format!("the values {low} and {high}") }
    })
}

fn blank(stack: &StackFacts) -> impl Fn(&RawSection) -> bool {
    let mut spreads: Vec<f64> = stack.raw.sections.iter().map(|section| section.grey.std()).collect();
    spreads.sort_by(f64::total_cmp);
    let least = spreads[spreads.len() / 2] * BLANK;
    move |section| section.grey.std() == 0.0 || section.grey.std() < least
}

/// Finds sections that are there twice, and neighbours that are nearly one picture.
fn twins(stack: &StackFacts, is_blank: impl Fn(&RawSection) -> bool, findings: &mut Vec<Finding>) {
    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (section, z) in stack.raw.sections.iter().zip(stack.used.clone()) {
        if !is_blank(section) {
            places.entry(section.hash).or_default().push(z);
        }
    }
    let mut equal: Vec<Vec<usize>> = places.into_values().filter(|places| places.len() > 1).collect();
    equal.sort();
    let hint = "a section that is there twice counts twice, and leaks if its copy validates";
    if !equal.is_empty() {
        let listed: Vec<String> = equal.iter().take(4).map(|places| ranges(places)).collect();
        let found = format!("equal sections: {}", listed.join("; "));
        findings.push(Finding::warning(found).file(&stack.raw.path).sections(sorted(equal)).hint(hint));
    }
    let sections = &stack.raw.sections;
    let alike: Vec<Vec<usize>> = (0..stack.alike.len())
        .filter(|&n| {
            stack.alike[n].is_some_and(|r| r > SAME_PICTURE) && sections[n].hash != sections[n + 1].hash
        })
        .map(|n| vec![stack.used.start + n, stack.used.start + n + 1])
        .collect();
    if !alike.is_empty() {
        let found = format!("neighbouring sections are nearly equal (correlation over {SAME_PICTURE})");
        findings.push(Finding::warning(found).file(&stack.raw.path).sections(sorted(alike)).hint(hint));
    }
}

fn sorted(places: Vec<Vec<usize>>) -> Vec<usize> {
    let mut places: Vec<usize> = places.concat();
    places.sort_unstable();
    places.dedup();
    places
}

fn noise_levels(stack: &StackFacts, is_blank: impl Fn(&RawSection) -> bool, findings: &mut Vec<Finding>) {
    let noise = stack.raw.sections.iter().filter(|section| !is_blank(section)).map(|section| section.noise);
    let (low, high) = noise.fold((f64::INFINITY, 0.0_f64), |(low, high), n| (low.min(n), high.max(n)));
    if !(low > 0.0 && high > NOISE_LEVELS * low) {
        return;
    }
    let middle = (low * high).sqrt();
    let is_noisy = |section: &RawSection| section.noise > middle && !is_blank(section);
    let noisy = stack.sections_where(is_noisy);
    let quiet = stack.sections_where(|section| !is_noisy(section) && !is_blank(section));
    let (name, odd) = if noisy.len() <= quiet.len() { ("most", noisy) } else { ("least", quiet) };
    let found = format!(
        "the noise of the sections differs, {low:.1} to {high:.1} grey values; these have the {name}"
    );
    let hint = "have sections of each kind in training; augmentation.noise helps";
    findings.push(Finding::warning(found).file(&stack.raw.path).sections(odd).hint(hint));
}

/// Finds sections of two kinds, by a gap in how fine their detail is.
fn two_levels(stack: &StackFacts, is_blank: impl Fn(&RawSection) -> bool, findings: &mut Vec<Finding>) {
    let detail = stack.raw.sections.iter().filter(|section| !is_blank(section)).map(|section| section.detail);
    let mut detail: Vec<f64> = detail.collect();
    detail.sort_by(f64::total_cmp);
    let gaps = detail.windows(2).map(|pair| pair[1] - pair[0]).enumerate();
    let Some((place, gap)) = gaps.clone().max_by(|a, b| a.1.total_cmp(&b.1)) else { return };
    let next = gaps.filter(|(other, _)| *other != place).map(|(_, gap)| gap).fold(0.0, f64::max);
    let smaller_group = (place + 1).min(detail.len() - place - 1);
    if gap < LEVEL_GAP * detail[place] || gap < CLEAR_GAP * next || smaller_group < 2 {
        return;
    }
    let middle = detail[place] + gap / 2.0;
    let soft = stack.sections_where(|section| section.detail < middle && !is_blank(section));
    let share = gap / (detail[place] + gap) * 100.0;
    let found =
        format!("two kinds of sections: these have {share:.0} % less noise and fine detail than the others");
    let hint = "they were perhaps taken or denoised differently: have both kinds in training and validation";
    findings.push(Finding::note(found).file(&stack.raw.path).sections(soft).hint(hint));
}

/// Finds places where the stack jumps: a section is missing, moved, or from elsewhere.
fn jumps(stack: &StackFacts, findings: &mut Vec<Finding>) {
    let mut known: Vec<f64> = stack.alike.iter().copied().flatten().collect();
    known.sort_by(f64::total_cmp);
    let Some(&median) = known.get(known.len() / 2).filter(|_| known.len() >= FEWEST_NEIGHBOURS) else {
        return;
    };
    let behind: Vec<usize> = (0..stack.alike.len())
        .filter(|&n| stack.alike[n].is_some_and(|r| r < JUMP * median))
        .map(|n| stack.used.start + n + 1)
        .collect();
    if behind.is_empty() || median <= 0.0 {
        return;
    }
    let found = format!("these sections are unlike the one before (the median correlation is {median:.2})");
    let hint = "sections may be missing or moved: it matters to networks that look at several sections";
    findings.push(Finding::note(found).file(&stack.raw.path).sections(behind).hint(hint));
}
