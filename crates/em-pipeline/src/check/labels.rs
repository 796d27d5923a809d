//! Labels that are no masks, or the wrong way round.

use em_data::LabelSection;
use em_io::MaskValues;

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
    let mut values = MaskValues::default();
    let first = label.sections.iter().position(|section| {
        section.values.iter().for_each(|&value| values.add_value(value));
        !values.is_mask()
    })?;
    label.sections[first..].iter().flat_map(|section| &section.values).for_each(|&v| values.add_value(v));
    let hint = if values.values().any(|value| value.fract() != 0.0) {
        "it looks like probabilities: threshold it and save it as 8-bit"
    } else if values.values().count() == 2 {
        "write 255 where the class is, and 0 elsewhere"
    } else {
        "it looks like several classes or numbered objects: write one file per class, 255 where it is"
    };
    let found = format!("the label `{class}` holds the values {}", values.listed().join(", "));
    let finding = Finding::error(found).file(&label.path).sections(vec![start + first]);
    Some(finding.expected(MaskValues::EXPECTED).hint(hint))
}
