//! One tree of a forest: grown on drawn samples, and asked for the probability of a sample.

use rand::{Rng, RngExt};

use super::bins::{BINS, Binned};

/// A binary decision tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Node {
    /// Values of the feature up to the threshold go to the node `below`, all others to the one after it.
    Split { feature: u32, threshold: f32, below: u32 },
    /// Probability of foreground.
    Leaf(f32),
}

impl Tree {
    /// Finds the probability of foreground for the features of a sample.
    pub fn probability(&self, features: &[f32]) -> f32 {
        let mut place = 0;
        loop {
            match self.nodes[place] {
                Node::Leaf(probability) => return probability,
                Node::Split { feature, threshold, below } => {
                    let is_below = features[feature as usize] <= threshold;
                    place = below as usize + usize::from(!is_below);
                }
            }
        }
    }
}

/// Background and foreground.
type Counts = [u32; 2];

/// What a tree is grown from.
pub(super) struct Growth<'a> {
    /// The features of all samples.
    pub binned: &'a Binned,
    /// The class of all samples.
    pub is_foreground: &'a [bool],
    /// The weight of a sample of background and of one of foreground.
    pub weights: [f64; 2],
    /// Splits on the longest way from the root to a leaf.
    pub depth: usize,
    /// Samples that a leaf has at least.
    pub min_leaf: usize,
}

impl Growth<'_> {
    /// Grows a tree from the samples of these numbers; one that is drawn twice counts twice.
    pub fn tree(&self, samples: &mut [u32], rng: &mut impl Rng) -> Tree {
        let mut tree = Tree { nodes: vec![Node::Leaf(0.0)] };
        let mut features: Vec<u32> = (0..self.binned.features() as u32).collect();
        let mut open = vec![(0, self.depth, samples)];
        while let Some((place, depth, samples)) = open.pop() {
            let counts = self.counts(samples);
            let split = (depth > 0).then(|| self.best_split(samples, counts, &mut features, rng)).flatten();
            let Some(Cut { feature, bin, .. }) = split else {
                tree.nodes[place] = Node::Leaf(self.share(counts));
                continue;
            };
            let below = tree.nodes.len();
            let threshold = self.binned.threshold(feature as usize, bin);
            tree.nodes[place] = Node::Split { feature, threshold, below: below as u32 };
            tree.nodes.extend([Node::Leaf(0.0); 2]);
            let bins = self.binned.bins(feature as usize);
            let (low, high) = partition(samples, |sample| bins[sample as usize] <= bin);
            open.extend([(below + 1, depth - 1, high), (below, depth - 1, low)]);
        }
        tree
    }

    fn counts(&self, samples: &[u32]) -> Counts {
        let foreground = samples.iter().filter(|&&sample| self.is_foreground[sample as usize]).count();
        [samples.len() - foreground, foreground].map(|count| count as u32)
    }

    /// The share of foreground in the weight of samples.
    fn share(&self, counts: Counts) -> f32 {
        let [background, foreground] = self.weighted(counts);
        (foreground / (background + foreground)) as f32
    }

    fn weighted(&self, counts: Counts) -> [f64; 2] {
        [0, 1].map(|class| f64::from(counts[class]) * self.weights[class])
    }

    /// The weight of samples times the sum of their classes' squared shares, which is largest where
    /// the Gini impurity is smallest (Breiman et al. 1984).
    fn purity(&self, counts: Counts) -> f64 {
        let [background, foreground] = self.weighted(counts);
        (background * background + foreground * foreground) / (background + foreground)
    }

    /// Finds the best cut among those of as many random features as the square root of their number,
    /// and of further ones as long as there is none.
    fn best_split(
        &self,
        samples: &[u32],
        counts: Counts,
        features: &mut [u32],
        rng: &mut impl Rng,
    ) -> Option<Cut> {
        if counts.contains(&0) || samples.len() < 2 * self.min_leaf {
            return None;
        }
        // Rounded to a whole number of features.
        let tries = (features.len() as f64).sqrt().round() as usize;
        let mut best: Option<Cut> = None;
        for number in 0..features.len() {
            if number >= tries && best.is_some() {
                break;
            }
            // 32 bits, so that all machines draw the same.
            let other = rng.random_range(number as u32..features.len() as u32) as usize;
            features.swap(number, other);
            let cut = self.best_cut(samples, counts, features[number]);
            best = match (best, cut) {
                (Some(best), Some(cut)) if cut.purity <= best.purity => Some(best),
                (best, cut) => cut.or(best),
            };
        }
        best
    }

    /// Finds the best cut of one feature.
    fn best_cut(&self, samples: &[u32], counts: Counts, feature: u32) -> Option<Cut> {
        let bins = self.binned.bins(feature as usize);
        let mut histogram = [[0_u32; 2]; BINS];
        for &sample in samples {
            let sample = sample as usize;
            histogram[usize::from(bins[sample])][usize::from(self.is_foreground[sample])] += 1;
        }
        let filled = (0..BINS).filter(|bin| histogram[*bin] != [0, 0]);
        let (mut below, mut last) = ([0, 0], None);
        let mut best: Option<Cut> = None;
        for bin in filled {
            if let Some(last) = last {
                let above = [0, 1].map(|class| counts[class] - below[class]);
                let is_leaf = |counts: Counts| (counts[0] + counts[1]) as usize >= self.min_leaf;
                let purity = self.purity(below) + self.purity(above);
                if is_leaf(below) && is_leaf(above) && best.as_ref().is_none_or(|best| purity > best.purity) {
                    // Between the two bins; a bin fits into a byte.
                    best = Some(Cut { feature, bin: ((last + bin - 1) / 2) as u8, purity });
                }
            }
            below = [0, 1].map(|class| below[class] + histogram[bin][class]);
            last = Some(bin);
        }
        best
    }
}

/// A feature is cut above a bin.
struct Cut {
    feature: u32,
    bin: u8,
    /// Of the samples below and above together.
    purity: f64,
}

/// Brings the samples that are `low` before the others.
fn partition(samples: &mut [u32], is_low: impl Fn(u32) -> bool) -> (&mut [u32], &mut [u32]) {
    let mut low = 0;
    for place in 0..samples.len() {
        if is_low(samples[place]) {
            samples.swap(low, place);
            low += 1;
        }
    }
    samples.split_at_mut(low)
}
