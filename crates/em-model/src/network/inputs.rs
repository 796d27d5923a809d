//! What a network is fed: normalised grey values, and the neighbours of a section.

use em_data::Normalization;
use em_data::tile::mirrored_without_edge;
use tch::{Kind, Tensor};

use crate::error::Computed;

/// Numbers of the `context` sections around section `z` of `depth`, mirrored at the ends.
pub(crate) fn context_of(z: usize, depth: usize, context: usize) -> Vec<usize> {
    let around = context / 2;
    mirrored_without_edge(depth, around, around)[z..z + context].to_vec()
}

/// Mirrors `axis` of a tensor by `(before, after)` voxels.
pub(crate) fn mirrored(tensor: &Tensor, axis: i64, (before, after): (usize, usize)) -> Computed<Tensor> {
    if (before, after) == (0, 0) {
        return Ok(tensor.shallow_clone());
    }
    let places = mirrored_without_edge(tensor.size()[axis as usize] as usize, before, after);
    let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
    Ok(tensor.f_index_select(axis, &Tensor::f_from_slice(&places)?.f_to_device(tensor.device())?)?)
}

/// Normalises a section or tile `[y, x]`, or a stack of them `[n, y, x]`, of 32-bit floats.
pub(crate) fn normalized(section: &Tensor, normalization: Normalization) -> Computed<Tensor> {
    let Some(linear) = normalization.linear() else {
        let Normalization::L2Axis1 { tile_size } = normalization else {
            unreachable!("only l2-axis1 has no linear form")
        };
        let bands = section.f_split(tile_size.max(1) as i64, -2)?.into_iter().map(|band| {
            let norm = band.f_square()?.f_sum_dim_intlist([-2].as_slice(), true, Kind::Float)?.f_sqrt()?;
            let divisor = norm.f_where_self(&norm.f_gt(0.0)?, &norm.f_ones_like()?)?;
            Ok(band.f_div(&divisor)?)
        });
        return Ok(Tensor::f_cat(&bands.collect::<Computed<Vec<_>>>()?, -2)?);
    };
    let scaled = section * linear.gain + linear.shift;
    Ok(match linear.clip {
        Some((low, high)) => scaled.f_clamp(low, high)?,
        None => scaled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().view(-1)).unwrap()
    }

    #[test]
    fn normalising_on_the_device_equals_em_data() {
        let section =
            Array2::from_shape_fn((6, 5), |(y, x)| if x == 3 { 0.0 } else { (y * 31 + x * 7) as f32 });
        let flat: Vec<f32> = section.iter().copied().collect();
        for normalization in [
            Normalization::Zscore { mean: 80.0, std: 12.0 },
            Normalization::Percentile { low: 10.0, high: 90.0 },
            Normalization::L2Axis1 { tile_size: 4 },
        ] {
            let mut expected = section.clone();
            normalization.apply(expected.view_mut());
            let found = values(&normalized(&Tensor::from_slice(&flat).view([6, 5]), normalization).unwrap());
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-6, "{normalization:?}: {a} {b}");
            }
        }
    }
}
