//! Eigenvalues and eigenvectors of a symmetric 3 x 3 matrix, for the principal axes of objects.

/// Returns the eigenvalues in falling order, and the unit vector of each.
///
/// Jacobi's method (Golub and Van Loan, Matrix Computations, 8.5). Of a vector and its opposite, the
/// one whose largest part is positive is returned.
pub(crate) fn eigen(mut matrix: [[f64; 3]; 3]) -> ([f64; 3], [[f64; 3]; 3]) {
    const SWEEPS: usize = 50;
    let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..SWEEPS {
        let off: f64 = matrix[0][1].abs() + matrix[0][2].abs() + matrix[1][2].abs();
        let diagonal: f64 = (0..3).map(|i| matrix[i][i].abs()).sum();
        if off <= f64::EPSILON * 1e-3 * diagonal || off == 0.0 {
            break;
        }
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            rotate(&mut matrix, &mut vectors, p, q);
        }
    }
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]));
    let vector = |column: usize| {
        let vector: [f64; 3] = std::array::from_fn(|row| vectors[row][column]);
        let largest = vector.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
        vector.map(|part| part * largest.signum())
    };
    (order.map(|column| matrix[column][column]), order.map(vector))
}

/// Turns the plane of axes p and q so that the matrix loses its element there.
fn rotate(matrix: &mut [[f64; 3]; 3], vectors: &mut [[f64; 3]; 3], p: usize, q: usize) {
    if matrix[p][q] == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    let (above, below) = (matrix[p], matrix[q]);
    for (column, (a, b)) in above.into_iter().zip(below).enumerate() {
        (matrix[p][column], matrix[q][column]) = (c * a - s * b, s * a + c * b);
    }
    for row in vectors.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn matrix_times_vector_is_value_times_vector(
            [a, b, c, d, e, f] in prop::array::uniform6(-100.0_f64..100.0),
        ) {
            let matrix = [[a, b, c], [b, d, e], [c, e, f]];
            let (values, vectors) = eigen(matrix);
            prop_assert!(values[0] >= values[1] && values[1] >= values[2]);
            for (value, vector) in values.iter().zip(vectors) {
                let length: f64 = vector.iter().map(|v| v * v).sum();
                prop_assert!((length - 1.0).abs() < 1e-12);
                for row in 0..3 {
                    let product: f64 = (0..3).map(|i| matrix[row][i] * vector[i]).sum();
                    prop_assert!((product - value * vector[row]).abs() < 1e-10);
                }
            }
        }
    }
}
