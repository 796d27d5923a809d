//! Which objects a person should look at first.
//!
//! Five signs are compared with those of the other objects: a low mean probability, an unusual size, a
//! rough surface, change from section to section, and faces shared with others. How far a sign lies on its
//! doubtful side of the median is counted in robust standard deviations of all objects (1.4826 times the
//! median absolute deviation; Rousseeuw and Croux 1993), so that what is common in a volume is no reason for
//! doubt. Probabilities are compared with the upper quartile instead: a network is sure of what it knows, and
//! where it is not, half of the objects may be wrong.

use em_metrics::quantile;

use crate::measure::Object;

/// How doubtful an object is among its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubt {
    /// From 0 to below 1, the larger the more doubtful.
    pub score: f64,
    /// What sets it apart most, where anything does.
    pub reason: Option<DoubtReason>,
}

/// A sign of doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtReason {
    /// Its mean probability is low.
    Probability,
    /// It is smaller than the others.
    Small,
    /// It is larger than the others.
    Large,
    /// Its surface is rough for its volume.
    Rough,
    /// It changes much from section to section.
    Sections,
    /// It shares much of its surface with other objects.
    Touching,
}

impl DoubtReason {
    /// Returns the reason in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probability => "low probability",
            Self::Small => "small",
            Self::Large => "large",
            Self::Rough => "rough",
            Self::Sections => "changes between sections",
            Self::Touching => "touches others",
        }
    }
}

/// The deviation from the others at which the score is 1 less 1/e.
const SCALE: f64 = 4.0;

/// A sign: its value in an object, what is usual, and the least spread that is told from none.
struct Sign {
    of: fn(&Object) -> Option<f64>,
    /// The share of objects below the value that is compared with.
    usual: f64,
    least_spread: f64,
    /// The reason where the value is high, and where it is low.
    reasons: [Option<DoubtReason>; 2],
}

const SIGNS: [Sign; 5] = [
    Sign {
        of: |object| object.mean_probability,
        usual: 0.75,
        least_spread: 0.02,
        reasons: [None, Some(DoubtReason::Probability)],
    },
    Sign {
        of: |object| Some((object.voxels as f64).ln()),
        usual: 0.5,
        least_spread: 0.25,
        reasons: [Some(DoubtReason::Large), Some(DoubtReason::Small)],
    },
    Sign {
        of: |object| object.physical.as_ref()?.sphericity,
        usual: 0.5,
        least_spread: 0.05,
        reasons: [None, Some(DoubtReason::Rough)],
    },
    Sign {
        of: |object| object.section_change,
        usual: 0.5,
        least_spread: 0.03,
        reasons: [Some(DoubtReason::Sections), None],
    },
    Sign {
        of: |object| Some(object.contact_faces as f64 / (object.voxels as f64).powf(2.0 / 3.0)),
        usual: 0.5,
        least_spread: 0.1,
        reasons: [Some(DoubtReason::Touching), None],
    },
];

/// Tells how doubtful each object is among all, in their order.
pub fn doubts(objects: &[Object]) -> Vec<Doubt> {
    let mut squares = vec![0.0; objects.len()];
    let mut strongest: Vec<(f64, Option<DoubtReason>)> = vec![(1.0, None); objects.len()];
    for sign in &SIGNS {
        let values: Vec<Option<f64>> = objects.iter().map(sign.of).collect();
        let mut known: Vec<f64> = values.iter().copied().flatten().collect();
        let Some(middle) = median(&mut known) else { continue };
        let usual = quantile(&known, sign.usual).unwrap_or(middle);
        let mut away: Vec<f64> = known.iter().map(|value| (value - middle).abs()).collect();
        let spread = (1.4826 * median(&mut away).unwrap_or(0.0)).max(sign.least_spread);
        for (place, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let deviation = (value - usual) / spread;
            let reason = sign.reasons[usize::from(deviation < 0.0)];
            if reason.is_none() {
                continue;
            }
            squares[place] += deviation * deviation;
            // Less than a standard deviation is no reason.
            if deviation.abs() > strongest[place].0 {
                strongest[place] = (deviation.abs(), reason);
            }
        }
    }
    let score = |square: f64| 1.0 - (-square.sqrt() / SCALE).exp();
    squares
        .iter()
        .zip(strongest)
        .map(|(&square, (_, reason))| Doubt { score: score(square), reason })
        .collect()
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(voxels: u64) -> Object {
        Object {
            id: 1,
            voxels,
            centroid: [0.0; 3],
            start: [0; 3],
            end: [1; 3],
            touches_border: false,
            mean_probability: Some(0.9),
            section_change: Some(0.1),
            contact_faces: 0,
            physical: None,
        }
    }

    #[test]
    fn what_differs_from_the_others_is_doubtful_for_that_reason() {
        let mut objects: Vec<Object> = (0..20).map(|n| object(1000 + 10 * n)).collect();
        objects[3].mean_probability = Some(0.5);
        objects[5].voxels = 20;
        objects[7].voxels = 50_000;
        objects[9].section_change = Some(0.6);
        objects[11].contact_faces = 200;
        let doubts = doubts(&objects);
        let reason = |place: usize| doubts[place].reason;
        assert_eq!(reason(3), Some(DoubtReason::Probability));
        assert_eq!(reason(5), Some(DoubtReason::Small));
        assert_eq!(reason(7), Some(DoubtReason::Large));
        assert_eq!(reason(9), Some(DoubtReason::Sections));
        assert_eq!(reason(11), Some(DoubtReason::Touching));
        let usual = [0, 1, 2, 4, 6, 8].map(|place| doubts[place]);
        let odd = [3, 5, 7, 9, 11].map(|place| doubts[place].score);
        assert!(usual.iter().all(|doubt| doubt.reason.is_none()), "{usual:?}");
        let most = usual.iter().map(|doubt| doubt.score).fold(0.0, f64::max);
        assert!(odd.iter().all(|&score| score > 2.0 * most && score < 1.0), "{odd:?} {most}");
    }

    #[test]
    fn what_a_network_is_unsure_of_is_doubtful_even_where_that_is_half_of_all() {
        let mut objects: Vec<Object> = (0..12).map(|_| object(1000)).collect();
        for (place, object) in objects.iter_mut().enumerate() {
            object.mean_probability = Some(if place % 2 == 0 { 0.95 } else { 0.7 });
        }
        let doubts = doubts(&objects);
        assert!(doubts.iter().step_by(2).all(|doubt| doubt.score == 0.0));
        let unsure = doubts.iter().skip(1).step_by(2);
        assert!(
            unsure.clone().count() == 6
                && unsure.into_iter().all(|doubt| doubt.reason == Some(DoubtReason::Probability))
        );
    }

    #[test]
    fn a_high_probability_and_a_smooth_course_are_no_reasons() {
        let mut objects: Vec<Object> = (0..9).map(|_| object(1000)).collect();
        objects[0].mean_probability = Some(1.0);
        objects[1].section_change = Some(0.0);
        let doubts = doubts(&objects);
        assert!(doubts.iter().all(|doubt| doubt.score == 0.0 && doubt.reason.is_none()), "{doubts:?}");
        assert!(super::doubts(&[]).is_empty());
    }
}
