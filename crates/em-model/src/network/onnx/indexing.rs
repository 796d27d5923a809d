//! Operators that take values by their places or set them, and those that add some around.

use tch::{Kind, Tensor};

use super::convolution::padded;
use super::error::Problem;
use super::node::{Answer, Node, axes_of, axis_of, missing};
use super::numbers::{at_least, at_most, counted, minus, number_like, plus};

/// Places along an axis of a length; negative ones count from its end.
fn from_first(places: &Tensor, length: i64) -> Answer {
    let places = places.f_to_kind(Kind::Int64)?;
    let later = plus(&places, length)?;
    Ok(later.f_where_self(&places.f_lt_tensor(&number_like(0_i64, &places)?)?, &places)?)
}

/// `Gather`.
pub(super) fn gather(node: &Node<'_>) -> Answer {
    let (input, places) = (node.tensor(0)?, node.tensor(1)?);
    let size = input.size();
    let axis = axis_of(node.int("axis", 0), size.len())?;
    let places = from_first(&places, size[axis as usize])?;
    let taken = input.f_index_select(axis, &places.f_reshape(-1)?)?;
    let (before, behind) = (&size[..axis as usize], &size[axis as usize + 1..]);
    Ok(taken.f_reshape([before, &places.size(), behind].concat())?)
}

/// `GatherElements`.
pub(super) fn gather_elements(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axis = axis_of(node.int("axis", 0), input.dim())?;
    Ok(input.f_gather(axis, &from_first(&node.tensor(1)?, input.size()[axis as usize])?, false)?)
}

/// The places of a `GatherND` or `ScatterND`, one tensor for each axis that they tell.
fn places_by_axis(places: &Tensor) -> Answer<Vec<Option<Tensor>>> {
    let places = places.f_to_kind(Kind::Int64)?;
    let axes = places.size().last().copied().ok_or("takes places, found a single number")?;
    (0..axes).map(|axis| Ok(Some(places.f_select(-1, axis)?))).collect()
}

/// `GatherND`.
pub(super) fn gather_nd(node: &Node<'_>) -> Answer {
    let (input, places) = (node.tensor(0)?, node.tensor(1)?);
    let (size, shape) = (input.size(), places.size());
    let batch_axes = usize::try_from(node.int("batch_dims", 0)).unwrap_or(usize::MAX);
    if batch_axes == 0 {
        return Ok(input.f_index(&places_by_axis(&places)?)?);
    }
    if batch_axes >= size.len().min(shape.len()) || size[..batch_axes] != shape[..batch_axes] {
        return Err(format!("has {batch_axes} batch_dims for shapes {size:?} and {shape:?}").into());
    }
    let (batch_shape, rest) = size.split_at(batch_axes);
    let count: i64 = batch_shape.iter().product();
    let input = input.f_reshape([&[count], rest].concat())?;
    let by_axis = places_by_axis(&places.f_reshape([&[count], &shape[batch_axes..]].concat())?)?;
    let batch = counted(count)?.f_to_device(input.device())?;
    let batch = batch.f_reshape([vec![count], vec![1; shape.len() - batch_axes - 1]].concat())?;
    let places: Vec<_> = [Some(batch)].into_iter().chain(by_axis).collect();
    let taken = input.f_index(&places)?;
    Ok(taken.f_reshape([batch_shape, &taken.size()[1..]].concat())?)
}

/// `ScatterND`.
pub(super) fn scatter_nd(node: &Node<'_>) -> Answer {
    let (input, places, updates) = (node.tensor(0)?, node.tensor(1)?, node.tensor(2)?);
    let adds = adds(node)?;
    Ok(input.f_index_put(&places_by_axis(&places)?, &updates, adds)?)
}

/// `ScatterElements`.
pub(super) fn scatter_elements(node: &Node<'_>) -> Answer {
    let (input, updates) = (node.tensor(0)?, node.tensor(2)?);
    let axis = axis_of(node.int("axis", 0), input.dim())?;
    let places = from_first(&node.tensor(1)?, input.size()[axis as usize])?;
    if adds(node)? {
        Ok(input.f_scatter_add(axis, &places, &updates)?)
    } else {
        Ok(input.f_scatter(axis, &places, &updates)?)
    }
}

/// Whether updates are added to what is there, or replace it.
fn adds(node: &Node<'_>) -> Answer<bool> {
    match node.text("reduction", "none") {
        "none" => Ok(false),
        "add" => Ok(true),
        other => Err(format!("has the reduction {other}, expected none or add").into()),
    }
}

/// `NonZero`.
pub(super) fn non_zero(node: &Node<'_>) -> Answer {
    Ok(node.tensor(0)?.f_nonzero()?.f_transpose(0, 1)?)
}

/// `OneHot`. Places out of range have no one.
pub(super) fn one_hot(node: &Node<'_>) -> Answer {
    let places = node.tensor(0)?;
    let depth = node.integer(1)?.ok_or("takes a depth, which is missing")?;
    let values = node.tensor(2)?;
    let rank = places.dim();
    let axis = axis_of(node.int("axis", -1), rank + 1)?;
    let classes = counted(depth)?.f_to_device(places.device())?;
    let classes = classes.f_reshape([vec![-1], vec![1; rank - axis as usize]].concat())?;
    let is_class = from_first(&places, depth)?.f_unsqueeze(axis)?.f_eq_tensor(&classes)?;
    Ok(values.f_select(0, 1)?.f_where_self(&is_class, &values.f_select(0, 0)?)?)
}

/// `Trilu`.
pub(super) fn triangle(node: &Node<'_>) -> Answer {
    let (input, diagonal) = (node.tensor(0)?, node.integer(1)?.unwrap_or_default());
    if node.flag("upper", true) { Ok(input.f_triu(diagonal)?) } else { Ok(input.f_tril(diagonal)?) }
}

/// `Pad`. What it adds are attributes before opset 11.
pub(super) fn pad(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let rank = input.dim();
    let pads = node.ints_or_input("pads", 1)?.ok_or_else(|| missing("pads"))?;
    let axes = match node.integers(3)? {
        Some(axes) => axes_of(&axes, rank)?,
        None => (0..rank as i64).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("has {} pads for {} axes", pads.len(), axes.len()).into());
    }
    let (mut before, mut behind) = (vec![0; rank], vec![0; rank]);
    for (i, &axis) in axes.iter().enumerate() {
        (before[axis as usize], behind[axis as usize]) = (pads[i], pads[axes.len() + i]);
    }
    match node.text("mode", "constant") {
        "constant" => {
            let value = node.number(2)?.unwrap_or_else(|| node.float("value", 0.0));
            padded(&input, &before, &behind, value)
        }
        mode => (0..rank)
            .try_fold(input, |input, axis| pad_axis(&input, axis, (before[axis], behind[axis]), mode)),
    }
}

/// Pads an axis with values of its own.
fn pad_axis(input: &Tensor, axis: usize, (before, behind): (i64, i64), mode: &str) -> Answer {
    let length = input.size()[axis];
    if (before, behind) == (0, 0) {
        return Ok(input.shallow_clone());
    }
    if length < 1 {
        return Err(format!("pads an empty axis by {mode}").into());
    }
    let places = plus(
        &counted(length.saturating_add(before).saturating_add(behind).max(0))?,
        before.saturating_neg(),
    )?;
    let last = length - 1;
    let places = match mode {
        "edge" => at_most(&at_least(&places, 0_i64)?, last)?,
        "wrap" => places.f_remainder_tensor(&number_like(length, &places)?)?,
        // Back and forth between the ends.
        "reflect" => {
            let period = number_like((2 * last).max(1), &places)?;
            minus(&minus(&places.f_remainder_tensor(&period)?, last)?.f_abs()?, last)?.f_neg()?
        }
        other => return Err(Problem::Refused(format!("has the mode {other}"))),
    };
    Ok(input.f_index_select(axis as i64, &places.f_to_device(input.device())?)?)
}
