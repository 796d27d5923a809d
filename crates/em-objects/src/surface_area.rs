//! Surface areas by Crofton's formula: how often straight lines pass through a surface tells its area.
//!
//! Lines run in the 13 directions of the neighbours of a voxel, so all that has to be counted are
//! the pairs of neighbours of which both are inside. With the voxel's volume V, the distance |d|
//! between the two voxels of a pair, the number of voxels N and of pairs P(d), and the share c(d) of
//! all directions that are closer to d than to the 12 others:
//!
//! ```text
//! area = 4 V Σ c(d) / |d| (N - P(d))
//! ```
//!
//! Legland, Kiêu and Devaux 2007, Image Anal. Stereol. 26; the shares follow from the voxel's sides.

/// The steps to the 13 neighbours that follow in z, y, x; the others are their opposites.
pub(crate) const DIRECTIONS: [[i32; 3]; 13] = [
    [0, 0, 1],
    [0, 1, -1],
    [0, 1, 0],
    [0, 1, 1],
    [1, -1, -1],
    [1, -1, 0],
    [1, -1, 1],
    [1, 0, -1],
    [1, 0, 0],
    [1, 0, 1],
    [1, 1, -1],
    [1, 1, 0],
    [1, 1, 1],
];

/// What a missing pair in each direction adds to the area.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairAreas([f64; 13]);

impl PairAreas {
    /// Computes the areas for voxels with these sides, `[z, y, x]`.
    pub fn of(spacing: [f64; 3]) -> Self {
        let volume: f64 = spacing.iter().product();
        let shares = shares(spacing);
        Self(std::array::from_fn(|d| 4.0 * volume * shares[d] / norm(step(DIRECTIONS[d], spacing))))
    }

    /// Returns the area of an object of so many voxels and pairs.
    pub fn area(&self, voxels: u64, pairs: &[u64; 13]) -> f64 {
        self.0.iter().zip(pairs).map(|(area, &pairs)| area * (voxels - pairs) as f64).sum()
    }
}

/// Directions that are tried on each of three faces of a cube.
const TRIED: usize = 200_000;

/// Steps of Roberts' R2 sequence, which fills a square evenly without lines that the borders
/// between directions could follow.
const R2: [f64; 2] = [0.754_877_666_246_692_8, 0.569_840_290_998_053_3];

/// Returns the share of all directions that are closest to each of the 13.
fn shares(spacing: [f64; 3]) -> [f64; 13] {
    let units = DIRECTIONS.map(|direction| {
        let step = step(direction, spacing);
        step.map(|side| side / norm(step))
    });
    // Directions are symmetric, so three faces of the cube stand for all six.
    let mut shares = [0.0; 13];
    for face in 0..3 {
        for tried in 0..TRIED {
            let side = |step: f64| 2.0 * (0.5 + tried as f64 * step).fract() - 1.0;
            let mut point = [1.0; 3];
            (point[(face + 1) % 3], point[(face + 2) % 3]) = (side(R2[0]), side(R2[1]));
            let cosine = |unit: &[f64; 3]| (0..3).map(|i| unit[i] * point[i]).sum::<f64>().abs();
            let mut closest = (0, f64::NEG_INFINITY);
            for (d, cosine) in units.iter().map(cosine).enumerate() {
                if cosine > closest.1 {
                    closest = (d, cosine);
                }
            }
            // The solid angle of a small piece of a cube's face.
            shares[closest.0] += norm(point).powi(-3);
        }
    }
    let total: f64 = shares.iter().sum();
    shares.map(|share| share / total)
}

fn step(direction: [i32; 3], spacing: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| f64::from(direction[axis]) * spacing[axis])
}

fn norm(vector: [f64; 3]) -> f64 {
    vector.iter().map(|side| side * side).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_legland_for_cubes() {
        // Half of what MorphoLibJ's IntrinsicVolumes3D uses, which counts both ways of a line.
        let expected = |direction: [i32; 3]| match direction.iter().map(|d| d.abs()).sum::<i32>() {
            1 => 2.0 * 0.045_777_891_204_76,
            2 => 2.0 * 0.036_980_627_876_08,
            _ => 2.0 * 0.035_195_639_782_32,
        };
        for (direction, share) in DIRECTIONS.iter().zip(shares([5.0; 3])) {
            let expected = expected(*direction);
            assert!((share - expected).abs() < 1e-3 * expected, "{direction:?}: {share} {expected}");
        }
    }

    #[test]
    fn flat_directions_take_more_of_the_sphere_in_flat_voxels() {
        let shares = shares([50.0, 5.0, 5.0]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let in_plane: f64 = shares[..4].iter().sum();
        assert!(in_plane > 0.6 && shares[8] < 0.01, "{shares:?}");
    }
}
