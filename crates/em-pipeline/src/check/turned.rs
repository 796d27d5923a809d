//! Labels that were mirrored or turned against their raw stack, told by the edges that they miss.

use em_data::LabelSection;
use em_data::mirrored::{TURNS, outline_contrast};
use em_io::{Volume, Voxel, match_voxels};
use ndarray::Axis;

use super::finding::Finding;
use crate::error::Result;

/// The sections that are looked at, evenly over those with foreground.
const SECTIONS: usize = 12;

/// Sections below which chance may decide.
const FEWEST_SECTIONS: usize = 5;

/// Outlines whose edges are so many times as strong as the section's are on something: those of
/// mitochondria of three data sets have 1.29 to 1.40, and turned ones at most 1.04.
const ON_EDGES: f64 = 1.15;

/// The turn has to be better in the mean over the sections by so many times the error of that mean.
/// The right way up is 9 to 26 of them better for mitochondria.
const CLEARLY: f64 = 6.0;

/// Finds that a label fits its raw stack better when it is turned.
///
/// `sections` are the measures of the label from section `start` on.
pub fn check(
    class: &str,
    [raw, label]: [&Volume; 2],
    start: usize,
    sections: &[LabelSection],
) -> Result<Option<Finding>> {
    let with: Vec<usize> = (0..sections.len()).filter(|&n| sections[n].foreground > 0).collect();
    let mut measured = Vec::new();
    for n in with.iter().step_by(with.len().div_ceil(SECTIONS).max(1)) {
        let (grey, mask) = (raw.read_section(start + n)?.to_f32(), label.read_section(start + n)?);
        let mask = match_voxels!(&mask, array => array.mapv(|v| v.to_f64() != 0.0));
        let plane = grey.index_axis(Axis(0), 0);
        measured.extend(outline_contrast(plane, mask.index_axis(Axis(0), 0)));
    }
    let Some(turn) = better_turn(&measured) else { return Ok(None) };
    let found =
        format!("the label `{class}` follows the edges of its raw stack only if it is {}", TURNS[turn]);
    let finding = Finding::warning(found).file(label.path().unwrap_or("memory".as_ref()));
    Ok(Some(
        finding.hint("one of the two was perhaps turned on export: look at both, and turn the label back"),
    ))
}

/// The turn in which outlines lie on edges, where they do not as they are.
fn better_turn(measured: &[[Option<f64>; 8]]) -> Option<usize> {
    let count = measured.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let of = |turn: usize| measured.iter().map(|section| section[turn]).collect::<Option<Vec<f64>>>();
    let plain = of(0).filter(|plain| plain.len() >= FEWEST_SECTIONS)?;
    let best = (1..TURNS.len()).filter_map(|turn| Some((turn, of(turn)?)));
    let (turn, best) = best.max_by(|(_, a), (_, b)| mean(a).total_cmp(&mean(b)))?;
    let gains: Vec<f64> = best.iter().zip(&plain).map(|(best, plain)| best - plain).collect();
    let gain = mean(&gains);
    let variance = gains.iter().map(|each| (each - gain).powi(2)).sum::<f64>() / (count - 1.0);
    let is_on_edges = mean(&best) >= ON_EDGES && gain > 0.5 * (mean(&best) - 1.0);
    (is_on_edges && gain > CLEARLY * (variance / count).sqrt()).then_some(turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(count: usize, plain: f64, along_x: f64) -> Vec<[Option<f64>; 8]> {
        let noise = |n: usize| if n.is_multiple_of(2) { 0.02 } else { -0.02 };
        let of = |n| [Some(plain), Some(along_x + noise(n)), Some(1.0), Some(0.98), None, None, None, None];
        (0..count).map(of).collect()
    }

    #[test]
    fn only_a_clearly_better_turn_is_told() {
        assert_eq!(better_turn(&sections(8, 0.99, 1.35)), Some(1));
        assert_eq!(better_turn(&sections(8, 1.35, 0.99)), None);
        assert_eq!(better_turn(&sections(4, 0.99, 1.35)), None, "too few sections");
        assert_eq!(better_turn(&sections(8, 0.95, 1.1)), None, "nothing lies on edges");
        assert_eq!(better_turn(&sections(8, 1.3, 1.4)), None, "as it is, it lies on edges, too");
        let mut noisy = sections(8, 0.99, 1.35);
        (0..4).for_each(|n| noisy[n][1] = Some(0.5 + n as f64));
        assert_eq!(better_turn(&noisy), None);
        assert_eq!(better_turn(&[]), None);
    }
}
