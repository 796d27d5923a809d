//! One number of many: sums, means, norms and extremes along axes.

use tch::{Kind, TchError, Tensor};

use super::node::{Answer, Node, axes_of, axis_of};
use super::numbers::plus;

/// Reduces the axes of a node by a function of the input, the axes, and whether they stay with length 1.
pub(super) fn reduce(
    node: &Node<'_>,
    along: fn(&Tensor, &[i64], bool) -> Result<Tensor, TchError>,
) -> Answer {
    let input = node.tensor(0)?;
    let axes = node.ints_or_input("axes", 1)?.unwrap_or_default();
    if axes.is_empty() && node.flag("noop_with_empty_axes", false) {
        return Ok(input);
    }
    let all: Vec<i64> = (0..input.dim() as i64).collect();
    let axes = if axes.is_empty() { all } else { axes_of(&axes, input.dim())? };
    Ok(along(&input, &axes, node.flag("keepdims", true))?.f_to_kind(input.f_kind()?)?)
}

pub(super) fn sum(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    input.f_sum_dim_intlist(axes, keep, None)
}

pub(super) fn mean(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    input.f_mean_dim(axes, keep, None)
}

/// Reduces one axis after another, from the last one on, so that the others keep their numbers where axes go.
fn one_by_one(
    input: Tensor,
    axes: &[i64],
    along: impl Fn(&Tensor, i64) -> Result<Tensor, TchError>,
) -> Result<Tensor, TchError> {
    let mut axes = axes.to_vec();
    axes.sort_unstable();
    axes.iter().rev().try_fold(input, |reduced, &axis| along(&reduced, axis))
}

pub(super) fn product(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    one_by_one(input.shallow_clone(), axes, |input, axis| input.f_prod_dim_int(axis, keep, None))
}

pub(super) fn norm_1(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    sum(&input.f_abs()?, axes, keep)
}

pub(super) fn norm_2(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    // The norm of norms is that of all; unlike a root of a sum, it has a gradient at 0.
    let size = input.f_abs()?.f_to_kind(Kind::Float)?;
    one_by_one(size, axes, |input, axis| input.f_frobenius_norm(axis, keep))
}

pub(super) fn sum_of_squares(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    sum(&input.f_square()?, axes, keep)
}

pub(super) fn log_of_sum(input: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    sum(input, axes, keep)?.f_log()
}

/// Finds the place of an extreme along one axis, by libtorch's function that finds the first one.
pub(super) fn place(node: &Node<'_>, first: fn(&Tensor, i64, bool) -> Result<Tensor, TchError>) -> Answer {
    let input = node.tensor(0)?;
    let axis = axis_of(node.int("axis", 0), input.dim())?;
    let keep = node.flag("keepdims", true);
    if !node.flag("select_last_index", false) {
        return Ok(first(&input, axis, keep)?);
    }
    let last = input.size()[axis as usize] - 1;
    plus(&first(&input.f_flip(axis)?, axis, keep)?.f_neg()?, last)
}

/// `CumSum`.
pub(super) fn running_sum(node: &Node<'_>) -> Answer {
    let mut input = node.tensor(0)?;
    let kind = input.f_kind()?;
    let axis = axis_of(node.integer(1)?.ok_or("takes an axis, which is missing")?, input.dim())?;
    let backwards = node.flag("reverse", false);
    if backwards {
        input = input.f_flip(axis)?;
    }
    if node.flag("exclusive", false) {
        // One zero before the first number, and without the last one.
        let inner = vec![0; 2 * (input.dim() - 1 - axis as usize)];
        input = input.f_constant_pad_nd([inner, vec![1, -1]].concat())?;
    }
    let sum = input.f_cumsum(axis, kind)?;
    if backwards { Ok(sum.f_flip(axis)?) } else { Ok(sum) }
}

/// `TopK`: the largest or smallest numbers along an axis, and their places; of equal ones, the first.
pub(super) fn top(node: &Node<'_>) -> Answer<Vec<Tensor>> {
    let input = node.tensor(0)?;
    let axis = axis_of(node.int("axis", -1), input.dim())?;
    let count = match node.integer(1)? {
        Some(count) => count,
        None => node.needed_int("k")?,
    };
    let (values, places) = input.f_sort_stable(true, axis, node.flag("largest", true))?;
    Ok(vec![values.f_narrow(axis, 0, count)?, places.f_narrow(axis, 0, count)?])
}
