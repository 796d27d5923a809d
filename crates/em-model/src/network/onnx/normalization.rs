//! Features of mean 0 and variance 1.

use tch::Tensor;

use super::node::{Answer, Node, axes_of, axis_of};
use super::numbers::{number_like, plus};

/// `BatchNormalization`, by the mean and variance of the training.
pub(super) fn batch_normalization(node: &Node<'_>) -> Answer {
    let epsilon = node.float("epsilon", 1e-5);
    let (mean, variance) = (node.tensor(3)?.f_detach()?, node.tensor(4)?.f_detach()?);
    let (gain, shift) = (node.tensor(1)?, node.tensor(2)?);
    let tensors = [gain, shift, mean, variance].map(Some);
    let [gain, shift, mean, variance] = tensors;
    Ok(node.tensor(0)?.f_batch_norm(gain, shift, mean, variance, false, 0.0, epsilon, true)?)
}

/// `InstanceNormalization`.
pub(super) fn instance_normalization(node: &Node<'_>) -> Answer {
    let epsilon = node.float("epsilon", 1e-5);
    let (gain, shift) = (Some(node.tensor(1)?), Some(node.tensor(2)?));
    Ok(node.tensor(0)?.f_instance_norm(gain, shift, None, None, true, 0.0, epsilon, true)?)
}

/// `GroupNormalization`: gain and shift are one for each group before opset 21, then one for each channel.
pub(super) fn group_normalization(node: &Node<'_>) -> Answer {
    let (input, mut gain, mut shift) = (node.tensor(0)?, node.tensor(1)?, node.tensor(2)?);
    let groups = node.needed_int("num_groups")?;
    let channels = input.size().get(1).copied().unwrap_or_default();
    if groups < 1 || channels % groups != 0 {
        return Err(format!("has {groups} groups for {channels} channels").into());
    }
    if node.opset < 21 {
        gain = gain.f_repeat_interleave_self_int(channels / groups, 0, None)?;
        shift = shift.f_repeat_interleave_self_int(channels / groups, 0, None)?;
    }
    let epsilon = node.float("epsilon", 1e-5);
    Ok(input.f_group_norm(groups, Some(gain), Some(shift), epsilon, true)?)
}

/// `LayerNormalization`: the features, and where they are asked for, the mean and one by the deviation.
pub(super) fn layer_normalization(node: &Node<'_>) -> Answer<Vec<Tensor>> {
    let (input, gain, shift) = (node.tensor(0)?, node.tensor(1)?, node.optional(2)?);
    let size = input.size();
    let axis = axis_of(node.int("axis", -1), size.len())?;
    let shape = &size[axis as usize..];
    let epsilon = node.float("epsilon", 1e-5);
    let normed = if gain.size() == shape && shift.as_ref().is_none_or(|shift| shift.size() == shape) {
        input.f_layer_norm(shape, Some(gain), shift, epsilon, true)?
    } else {
        let normed = input.f_layer_norm(shape, None::<Tensor>, None, epsilon, true)?.f_mul(&gain)?;
        shift.map_or(Ok(normed.shallow_clone()), |shift| normed.f_add(&shift))?
    };
    if node.outputs == 1 {
        return Ok(vec![normed]);
    }
    let axes: Vec<i64> = (axis..size.len() as i64).collect();
    let mean = input.f_mean_dim(axes.as_slice(), true, None)?;
    let variance = input.f_sub(&mean)?.f_square()?.f_mean_dim(axes, true, None)?;
    Ok(vec![normed, mean, plus(&variance, epsilon)?.f_rsqrt()?])
}

/// `RMSNormalization`.
pub(super) fn rms_normalization(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axis = axis_of(node.int("axis", -1), input.dim())?;
    let axes: Vec<i64> = (axis..input.dim() as i64).collect();
    let square = input.f_square()?.f_mean_dim(axes, true, None)?;
    let scale = plus(&square, node.float("epsilon", 1e-5))?.f_rsqrt()?;
    Ok(input.f_mul(&scale)?.f_mul(&node.tensor(1)?)?)
}

/// `MeanVarianceNormalization`.
pub(super) fn mean_variance_normalization(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axes = axes_of(node.ints("axes").unwrap_or(&[0, 2, 3]), input.dim())?;
    let centred = input.f_sub(&input.f_mean_dim(axes.as_slice(), true, None)?)?;
    let deviation = centred.f_square()?.f_mean_dim(axes, true, None)?.f_sqrt()?;
    // The number that the definition of the operator adds.
    Ok(centred.f_div(&plus(&deviation, 1e-9)?)?)
}

/// `LpNormalization`. Zeros stay zeros.
pub(super) fn lp_normalization(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axis = axis_of(node.int("axis", -1), input.dim())?;
    let norm = match node.int("p", 2) {
        1 => input.f_abs()?.f_sum_dim_intlist(axis, true, None)?,
        _ => input.f_frobenius_norm(axis, true)?,
    };
    let is_zero = norm.f_eq_tensor(&number_like(0.0, &norm)?)?;
    let norm = norm.f_masked_fill_tensor(&is_zero, &number_like(1.0, &norm)?)?;
    Ok(input.f_div(&norm)?)
}

/// `Softmax` and `LogSoftmax`, by libtorch's function of an axis.
fn shares(node: &Node<'_>, along: fn(&Tensor, i64) -> Result<Tensor, tch::TchError>) -> Answer {
    let input = node.tensor(0)?;
    if node.opset >= 13 {
        return Ok(along(&input, axis_of(node.int("axis", -1), input.dim())?)?);
    }
    // Older operators take all axes from the given one on together.
    let size = input.size();
    let axis = axis_of(node.int("axis", 1), size.len())?;
    let rows = size[..axis as usize].iter().product::<i64>();
    let columns = size[axis as usize..].iter().product::<i64>();
    Ok(along(&input.f_reshape([rows, columns])?, 1)?.f_reshape(size)?)
}

/// `Softmax`.
pub(super) fn softmax(node: &Node<'_>) -> Answer {
    shares(node, |input, axis| input.f_softmax(axis, None))
}

/// `LogSoftmax`.
pub(super) fn log_softmax(node: &Node<'_>) -> Answer {
    shares(node, |input, axis| input.f_log_softmax(axis, None))
}
