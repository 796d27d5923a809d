//! Labels that are no masks, or the wrong way round.

use em_data::LabelSection;
use em_data::quality::LISTED_VALUES;

use super::facts::{FileFacts, StackFacts};
use super::finding::Finding;

/// A class that fills more than this is rather its background.
const MOSTLY_FOREGROUND: f64 = 0.5;

/// Looks at the labels of a stack, which may number their objects where outlines are learned.
pub fn check(stack: &StackFacts, may_be_numbered: bool, findings: &mut Vec<Finding>) {
    for (class, label) in &stack.labels {
        let finding = no_mask(class, label, stack.used.start);
        if let Some(finding) = finding.filter(|_| !may_be_numbered || is_numbered(label).is_none()) {
            findings.push(finding);
            continue;
        }
        let foreground: u64 = label.sections.iter().map(|section| section.foreground).sum();
        let share = foreground as f64 / stack.used_shape().iter().product::<usize>().max(1) as f64;
        if share > MOSTLY_FOREGROUND {
            let found = format!("the label `{class}` is foreground in {:.1} % of the voxels", share * 100.0);
            let hint = "it may be inverted: 255 (or 1) stands for the class, 0 for the rest";
            findings.push(Finding::warning(found).file(&label.path).hint(hint));
        }
    }
    for (index, (class, label)) in stack.labels.iter().enumerate() {
        let same = stack.labels[..index].iter().find(|(_, other)| has_same_voxels(label, other));
        if let Some((other, _)) = same {
            let found = format!("the labels `{other}` and `{class}` are equal");
            findings.push(Finding::warning(found).file(&label.path).hint("check which file is which"));
        }
    }
}

fn has_same_voxels(a: &FileFacts<LabelSection>, b: &FileFacts<LabelSection>) -> bool {
    let has_foreground = a.sections.iter().any(|section| section.foreground > 0);
    has_foreground && a.sections.iter().map(|s| s.hash).eq(b.sections.iter().map(|s| s.hash))
}

/// The largest of the values that were kept, where all are whole.
fn is_numbered(label: &FileFacts<LabelSection>) -> Option<f64> {
    let values = || label.sections.iter().flat_map(|section| &section.values);
    values().all(|value| value.fract() == 0.0 && *value >= 0.0).then(|| values().copied().fold(0.0, f64::max))
}

/// Names the values of a label that are not those of a mask.
fn no_mask(class: &str, label: &FileFacts<LabelSection>, start: usize) -> Option<Finding> {
    let mut values: Vec<f64> = Vec::new();
    let is_mask = |values: &[f64]| {
        [255.0, 1.0].iter().any(|foreground| values.iter().all(|v| v == &0.0 || v == foreground))
    };
    let first = label.sections.iter().position(|section| {
        values.extend(&section.values);
        !is_mask(&values)
    })?;
    label.sections[first..].iter().for_each(|section| values.extend(&section.values));
    values.sort_by(f64::total_cmp);
    values.dedup();
    let listed: Vec<String> = values.iter().take(LISTED_VALUES - 1).map(f64::to_string).collect();
    let more = if values.len() > listed.len() { ", ..." } else { "" };
    let hint = if values.iter().any(|value| value.fract() != 0.0) {
        "it looks like probabilities: threshold it and save it as 8-bit"
    } else if values.len() == 2 {
        "write 255 where the class is, and 0 elsewhere"
    } else {
        "it looks like several classes or numbered objects: write one file per class, 255 where it is"
    };
    let found = format!("the label `{class}` holds the values {}{more}", listed.join(", "));
    let finding = Finding::error(found).file(&label.path).sections(vec![start + first]);
    Some(finding.expected("only 0 and 255, or only 0 and 1").hint(hint))
}
