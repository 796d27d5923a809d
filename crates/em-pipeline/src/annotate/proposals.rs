//! Where another minute of a person helps most.
//!
//! Places are drawn at random from the whole stack. Each is shown to the network twice, as it is and as its
//! mirror image: where the answers differ, or are neither yes nor no, there is most to learn (Lewis and
//! Gale 1994, uncertainty sampling). What looks unlike the regions so far weighs more.

use em_io::Roi;
use ndarray::{Array3, Zip};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::network_source::NetworkSource;
use super::pictures::{Canvas, TILE};
use crate::error::Result;

/// Bins of the histogram that tells how a place looks.
const BINS: usize = 16;
/// What a place that looks like the regions so far counts, beside one that looks like none.
const LEAST_NOVELTY: f64 = 0.25;

/// A place that was looked at.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it is: one section deep.
    pub roi: Roi,
    /// Of each class of the project: share of voxels about which answers differ, and doubt.
    uncertainty: Vec<[f64; 2]>,
    looks: [f64; BINS],
}

/// What is proposed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Where.
    pub roi: Roi,
    /// A sentence for people.
    pub why: String,
}

/// Draws the `number`-th place of a stack: always the same.
pub fn place(shape: [usize; 3], number: u64) -> Roi {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let sides = [1, TILE.min(shape[1]), TILE.min(shape[2])];
    // The remainder favours early places by less than one in 2^40.
    let mut draw = |axis: usize| (random.next_u64() % (shape[axis] - sides[axis] + 1) as u64) as usize;
    Roi { start: [draw(0), draw(1), draw(2)], shape: sides }
}

impl Candidate {
    /// Looks at a place.
    ///
    /// # Errors
    ///
    /// Those of [`NetworkSource::suggest`].
    pub fn look(canvas: &Canvas, network: &NetworkSource, roi: Roi) -> Result<Self> {
        let [straight, mirrored] = network.suggest_twice(&canvas.stack, roi)?;
        let uncertainty = straight.outer_iter().zip(mirrored.outer_iter()).map(|(a, b)| {
            let mut sums = [0.0; 2];
            Zip::from(a).and(b).for_each(|&a, &b| {
                let mean = f64::from(a + b) / 2.0;
                sums[0] += f64::from(u8::from((a > 0.5) != (b > 0.5)));
                sums[1] += 4.0 * mean * (1.0 - mean);
            });
            sums.map(|sum| sum / a.len() as f64)
        });
        Ok(Self { roi, uncertainty: uncertainty.collect(), looks: looks(canvas, roi)? })
    }
}

/// How the grey values of a place are spread.
fn looks(canvas: &Canvas, roi: Roi) -> Result<[f64; BINS]> {
    let shown: Array3<u8> = canvas.greys.shown(&canvas.stack.read(roi)?);
    let mut bins = [0.0; BINS];
    shown.iter().for_each(|&value| bins[usize::from(value) * BINS / 256] += 1.0 / shown.len() as f64);
    Ok(bins)
}

/// Chooses among places that were looked at: none that touches a region, or what was proposed before.
///
/// # Errors
///
/// Fails if the stack cannot be read.
pub fn choose(
    canvas: &Canvas,
    candidates: &[Candidate],
    regions: &[Roi],
    before: &[Roi],
) -> Result<Option<Proposal>> {
    let is_new = |candidate: &&Candidate| {
        regions.iter().chain(before).all(|roi| roi.intersection(candidate.roi).is_none())
    };
    let candidates: Vec<&Candidate> = candidates.iter().filter(is_new).collect();
    let known = regions.iter().map(|roi| looks(canvas, middle_section(*roi))).collect::<Result<Vec<_>>>()?;
    let scores = scores(&candidates, &known);
    let best = (0..candidates.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    Ok(best.map(|best| Proposal {
        roi: candidates[best].roi,
        why: why(&candidates, best, !known.is_empty(), novelty(candidates[best], &known)),
    }))
}

/// A region may be several sections deep, which look alike.
fn middle_section(roi: Roi) -> Roi {
    let [z, y, x] = roi.start;
    let [depth, height, width] = roi.shape;
    Roi { start: [z + depth / 2, y, x], shape: [1, height, width] }
}

/// How much each place is worth: the classes count alike, whatever their share of the voxels.
fn scores(candidates: &[&Candidate], known: &[[f64; BINS]]) -> Vec<f64> {
    let classes = candidates.first().map_or(0, |candidate| candidate.uncertainty.len());
    let mean = |class: usize, kind: usize| {
        let sum: f64 = candidates.iter().map(|candidate| candidate.uncertainty[class][kind]).sum();
        (sum / candidates.len() as f64).max(f64::MIN_POSITIVE)
    };
    let means: Vec<[f64; 2]> = (0..classes).map(|class| [mean(class, 0), mean(class, 1)]).collect();
    let worth = |candidate: &&Candidate| {
        let of_class = candidate.uncertainty.iter().zip(&means);
        let sum: f64 = of_class.map(|(found, mean)| found[0] / mean[0] + found[1] / mean[1]).sum();
        sum * (LEAST_NOVELTY + novelty(candidate, known))
    };
    candidates.iter().map(worth).collect()
}

/// How unlike the regions so far a place looks, from 0 to 1: half the sum of differences of histograms, to
/// the most similar region.
fn novelty(candidate: &Candidate, known: &[[f64; BINS]]) -> f64 {
    let distance = |looks: &[f64; BINS]| {
        looks.iter().zip(&candidate.looks).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
    };
    known.iter().map(distance).fold(1.0, f64::min)
}

fn why(candidates: &[&Candidate], best: usize, has_regions: bool, novelty: f64) -> String {
    let differs = |candidate: &Candidate| candidate.uncertainty.iter().map(|found| found[0]).sum::<f64>();
    let here = differs(candidates[best]);
    let fewer = candidates.iter().filter(|candidate| differs(candidate) < here).count();
    let mut why = format!("The network contradicts itself on {:.1} % of the voxels here", here * 100.0);
    if candidates.len() > 1 {
        why += &format!(", more than in {fewer} of {} other places", candidates.len() - 1);
    }
    if has_regions {
        why += &format!("; the grey values differ by {:.0} % from the most similar region", novelty * 100.0);
    }
    why + "."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(z: usize, differs: f64, doubt: f64, bright: f64) -> Candidate {
        let mut looks = [0.0; BINS];
        (looks[0], looks[15]) = (1.0 - bright, bright);
        let roi = Roi { start: [z, 0, 0], shape: [1, 8, 8] };
        Candidate { roi, uncertainty: vec![[differs, doubt]], looks }
    }

    #[test]
    fn places_are_drawn_within_the_stack_and_again_alike() {
        let shape = [7, 600, 300];
        let places: Vec<Roi> = (0..50).map(|number| place(shape, number)).collect();
        assert!(places.iter().all(|roi| roi.is_within(shape) && roi.shape == [1, 512, 300]));
        assert_eq!(places[3], place(shape, 3));
        let sections: std::collections::BTreeSet<usize> = places.iter().map(|roi| roi.start[0]).collect();
        assert_eq!(sections.len(), 7);
    }

    #[test]
    fn what_is_doubted_and_unlike_the_regions_is_worth_most() {
        let all = [candidate(0, 0.1, 0.2, 0.5), candidate(1, 0.3, 0.2, 0.5), candidate(2, 0.1, 0.2, 1.0)];
        let all: Vec<&Candidate> = all.iter().collect();
        let best = |known: &[[f64; BINS]]| {
            let scores = scores(&all, known);
            (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        };
        assert_eq!(best(&[]), Some(1));
        assert_eq!(best(&[all[1].looks]), Some(2));
        assert_eq!(novelty(all[2], &[all[1].looks]), 0.5);
        let why = why(&all, 1, true, 0.5);
        assert_eq!(
            why,
            "The network contradicts itself on 30.0 % of the voxels here, more than in 2 of 2 other places; the grey values differ by 50 % from the most similar region."
        );
    }
}
