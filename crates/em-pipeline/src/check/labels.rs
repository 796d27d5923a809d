//! Labels that are no masks, or the wrong way round.

use em_data::LabelSection;
use em_io::MaskValues;

use super::facts::{FileFacts, StackFacts};
use super::finding::Finding;
use crate::config::LabelValues;
use crate::mask_hint::MaskHint;

/// A class that fills more than this is rather its background.
const MOSTLY_FOREGROUND: f64 = 0.5;

/// Looks at the labels of a stack, which may number their objects where outlines are learned.
pub fn check(stack: &StackFacts, may_be_numbered: bool, findings: &mut Vec<Finding>) {
    if let Some(labelled) = stack.partly_labelled() {
        findings.push(Finding::note(labelled).file(&stack.raw.path));
    }
    if stack.values == LabelValues::Scribbles {
        return;
    }
    for (class, label) in &stack.labels {
        let finding = no_mask(class, label, stack.used.start);
        if let Some(finding) = finding.filter(|_| !may_be_numbered || is_numbered(label).is_none()) {
            findings.push(finding);
            continue;
        }
        let foreground: u64 = label.sections.iter().map(|section| section.foreground).sum();
        let labelled: u64 = label.sections.iter().map(|section| section.labelled).sum();
        let share = foreground as f64 / labelled.max(1) as f64;
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

/// A mask that was scaled or compressed is still black or white but for its edges.
const BLACK_OR_WHITE: f64 = 0.9;

/// Tells whether a label is nearly black or white, and not much more often between both than white.
fn is_antialiased(label: &FileFacts<LabelSection>) -> bool {
    let sum = |count: fn(&LabelSection) -> u64| label.sections.iter().map(count).sum::<u64>();
    let (voxels, dark, bright) = (sum(|s| s.voxels), sum(|s| s.dark), sum(|s| s.bright));
    let between = voxels - dark - bright;
    (dark + bright) as f64 >= BLACK_OR_WHITE * voxels as f64 && 2 * bright > between
}

/// Names the values of a label that are not those of a mask.
fn no_mask(class: &str, label: &FileFacts<LabelSection>, start: usize) -> Option<Finding> {
    let mut values = MaskValues::default();
    let first = label.sections.iter().position(|section| {
        section.values.iter().for_each(|&value| values.add_value(value));
        !values.is_mask()
    })?;
    label.sections[first..].iter().flat_map(|section| &section.values).for_each(|&v| values.add_value(v));
    let kind = match MaskHint::of(values.values()) {
        two @ MaskHint::TwoValues { .. } => two,
        _ if is_antialiased(label) => MaskHint::GreyEdges,
        other => other,
    };
    let hint = kind.text(&label.path);
    let found = format!("the label `{class}` holds the values {}", values.listed().join(", "));
    let finding = Finding::error(found).file(&label.path).sections(vec![start + first]);
    Some(finding.expected(MaskValues::EXPECTED).hint(hint))
}
