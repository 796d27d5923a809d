//! The directions in which the axes of a NIfTI volume rise: right or left, front or back, up or down.

/// What a header says of how voxels lie in space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    /// The first three columns of `srow_x`, `srow_y` and `srow_z`, where `sform_code` says that they hold.
    pub matrix: Option<[[f64; 3]; 3]>,
    /// `quatern_b`, `_c` and `_d`, where `qform_code` says that they hold.
    pub quaternion: Option<[f64; 3]>,
    /// `pixdim[0]`, which is negative where z is turned round after the quaternion.
    pub handedness: f64,
}

/// The ends of the axes of space, from the negative to the positive one.
const ENDS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];

/// Steps towards the nearest rotation; each doubles the digits that are right.
const STEPS: usize = 60;

/// Names the directions of x, y and z, as `nibabel.aff2axcodes` does.
///
/// The matrix goes before the quaternion. Without both, nothing is known; nor where the matrix is flat.
pub(super) fn of(affine: Affine) -> Option<[char; 3]> {
    let matrix = match (affine.matrix, affine.quaternion) {
        (Some(matrix), _) => matrix,
        (None, Some(quaternion)) => turned(quaternion, affine.handedness),
        (None, None) => return None,
    };
    named(nearest_rotation(matrix)?)
}

/// The matrix of a unit quaternion (`nifti1.h`, method 2), but for the size of voxels.
fn turned([b, c, d]: [f64; 3], handedness: f64) -> [[f64; 3]; 3] {
    let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
    let z = if handedness < 0.0 { -1.0 } else { 1.0 };
    [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), z * 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, z * 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), z * (a * a + d * d - b * b - c * c)],
    ]
}

/// The rotation, mirrored or not, that is nearest to a matrix of columns brought to length 1: what a
/// singular value decomposition gives, found by Newton's iteration (Higham 1986, SIAM J. Sci. Stat. Comput. 7).
fn nearest_rotation(matrix: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let length = |column: usize| matrix.iter().map(|row| row[column].powi(2)).sum::<f64>().sqrt();
    let lengths = [0, 1, 2].map(length);
    let mut rotation: [[f64; 3]; 3] =
        matrix.map(|row| std::array::from_fn(|column| row[column] / lengths[column]));
    for _ in 0..STEPS {
        let inverse = inverse_transposed(rotation)?;
        let next: [[f64; 3]; 3] = std::array::from_fn(|row| {
            std::array::from_fn(|column| (rotation[row][column] + inverse[row][column]) / 2.0)
        });
        rotation = next;
    }
    rotation.iter().flatten().all(|value| value.is_finite()).then_some(rotation)
}

/// The cofactors over the determinant.
fn inverse_transposed(m: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let cofactor = |row: usize, column: usize| {
        let at = |down: usize, right: usize| m[(row + down) % 3][(column + right) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let determinant: f64 = (0..3).map(|column| m[0][column] * cofactor(0, column)).sum();
    // A flat matrix has no directions; the comparison is false for NaN.
    (determinant.abs() > 1e-9)
        .then(|| std::array::from_fn(|row| std::array::from_fn(|column| cofactor(row, column) / determinant)))
}

/// Gives each axis of the voxels an axis of space, the most aligned one first.
fn named(rotation: [[f64; 3]; 3]) -> Option<[char; 3]> {
    let largest = |column: usize| rotation.iter().map(|row| row[column].abs()).fold(0.0, f64::max);
    let mut columns = [0, 1, 2];
    columns.sort_by(|&a, &b| largest(b).total_cmp(&largest(a)));
    let (mut names, mut free) = ([None; 3], vec![0, 1, 2]);
    for column in columns {
        let (index, &row) = free
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| rotation[**a][column].abs().total_cmp(&rotation[**b][column].abs()))?;
        names[column] = Some(ENDS[row][usize::from(rotation[row][column] > 0.0)]);
        free.remove(index);
    }
    let [Some(x), Some(y), Some(z)] = names else { return None };
    Some([x, y, z])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_matrix(matrix: [[f64; 3]; 3]) -> Option<String> {
        of(Affine { matrix: Some(matrix), quaternion: None, handedness: 1.0 })
            .map(|name| name.iter().collect())
    }

    /// All 48 ways in which axes can lie; the name follows from where each column has its number.
    #[test]
    fn every_order_and_direction_of_axes_has_its_name() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..8_usize {
                let mut matrix = [[0.0; 3]; 3];
                let mut expected = String::new();
                for (column, &row) in order.iter().enumerate() {
                    let is_positive = signs >> column & 1;
                    matrix[row][column] = [-4.6, 4.6][is_positive] * (1.0 + column as f64);
                    expected.push(ENDS[row][is_positive]);
                }
                assert_eq!(of_matrix(matrix), Some(expected));
            }
        }
    }

    // nibabel.aff2axcodes(np.array([[..., 0], [..., 0], [..., 0], [0, 0, 0, 1]])), nibabel 5.4.2
    #[test]
    fn oblique_and_sheared_axes_are_named_as_nibabel_does() {
        for (matrix, expected) in [
            ([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], "ALS"),
            ([[-1.0, 0.9, 0.1], [0.3, 1.0, 0.0], [0.0, 0.2, -50.0]], "LAI"),
            ([[0.0, 0.5, 9.0], [-3.0, 0.5, 0.1], [0.2, 0.9, 0.4]], "PSR"),
        ] {
            assert_eq!(of_matrix(matrix).as_deref(), Some(expected), "{matrix:?}");
        }
    }

    #[test]
    fn a_quaternion_turns_and_its_sign_mirrors() {
        let name =
            |quaternion, handedness| of(Affine { matrix: None, quaternion: Some(quaternion), handedness });
        assert_eq!(name([0.0, 0.0, 0.0], 1.0), Some(['R', 'A', 'S']));
        assert_eq!(name([0.0, 0.0, 0.0], -1.0), Some(['R', 'A', 'I']));
        assert_eq!(name([0.0, 0.0, 1.0], 1.0), Some(['L', 'P', 'S']));
        assert_eq!(name([0.0, 1.0, 0.0], -1.0), Some(['L', 'A', 'S']));
    }

    #[test]
    fn what_tells_no_directions_has_none() {
        assert_eq!(of(Affine { matrix: None, quaternion: None, handedness: 1.0 }), None);
        assert_eq!(of_matrix([[0.0; 3]; 3]), None);
        assert_eq!(of_matrix([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), None);
        assert_eq!(of_matrix([[f64::NAN; 3]; 3]), None);
    }
}
