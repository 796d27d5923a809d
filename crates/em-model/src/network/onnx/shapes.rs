//! Operators that arrange the same numbers otherwise, and those that tell shapes.

use tch::Tensor;

use super::node::{Answer, Node, axes_of, axis_of, missing};

/// `Shape`, on the processor.
pub(super) fn shape(node: &Node<'_>) -> Answer {
    let size = node.given(0)?.size();
    let rank = size.len() as i64;
    let place =
        |axis: i64| if axis < 0 { (axis.saturating_add(rank)).max(0) } else { axis.min(rank) } as usize;
    let (start, end) = (place(node.int("start", 0)), place(node.int("end", rank)));
    Ok(Tensor::f_from_slice(size.get(start..end).unwrap_or_default())?)
}

/// `Size`, on the processor.
pub(super) fn size(node: &Node<'_>) -> Answer {
    Ok(Tensor::f_from_slice(&[node.given(0)?.numel() as i64])?.f_squeeze()?)
}

/// `Reshape`: 0 keeps a length and -1 is what the others leave.
pub(super) fn reshape(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let size = input.size();
    let mut shape = node.ints_or_input("shape", 1)?.ok_or("takes a shape, which is missing")?;
    if !node.flag("allowzero", false) {
        for (axis, length) in shape.iter_mut().enumerate().filter(|(_, length)| **length == 0) {
            let kept = size.get(axis).copied();
            *length = kept
                .ok_or_else(|| format!("keeps the length of axis {axis}, of a tensor of shape {size:?}"))?;
        }
    }
    Ok(input.f_reshape(shape)?)
}

/// `Flatten`.
pub(super) fn flatten(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let size = input.size();
    let axis = node.int("axis", 1);
    let axis = if axis == size.len() as i64 { size.len() } else { axis_of(axis, size.len())? as usize };
    let (rows, columns) = size.split_at(axis);
    Ok(input.f_reshape([rows.iter().product::<i64>(), columns.iter().product()])?)
}

/// `Transpose`.
pub(super) fn transpose(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let turned: Vec<i64> = (0..input.dim() as i64).rev().collect();
    Ok(input.f_permute(node.ints("perm").unwrap_or(&turned))?)
}

/// `Squeeze`.
pub(super) fn squeeze(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let Some(axes) = node.ints_or_input("axes", 1)? else { return Ok(input.f_squeeze()?) };
    let (axes, size) = (axes_of(&axes, input.dim())?, input.size());
    if axes.iter().any(|&axis| size[axis as usize] != 1) {
        return Err(format!("takes away the axes {axes:?} of {size:?}, expected lengths of 1").into());
    }
    Ok(input.f_squeeze_dims(axes)?)
}

/// `Unsqueeze`, whose axes are those of the output.
pub(super) fn unsqueeze(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let axes = node.ints_or_input("axes", 1)?.ok_or_else(|| missing("axes"))?;
    let mut axes = axes_of(&axes, input.dim() + axes.len())?;
    axes.sort_unstable();
    Ok(axes.into_iter().try_fold(input.shallow_clone(), |tensor, axis| tensor.f_unsqueeze(axis))?)
}

/// `Expand`, to the shape that the input's and the given one are broadcast to.
pub(super) fn expand(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let shape = node.integers(1)?.ok_or("takes a shape, which is missing")?;
    let size = input.size();
    let rank = size.len().max(shape.len());
    let whole = |lengths: &[i64]| [vec![1; rank - lengths.len()], lengths.to_vec()].concat();
    let joined = whole(&size).into_iter().zip(whole(&shape));
    let joined: Vec<i64> = joined.map(|(length, other)| if other == 1 { length } else { other }).collect();
    Ok(input.f_expand(joined, false)?)
}

/// `Tile`.
pub(super) fn tile(node: &Node<'_>) -> Answer {
    let repeats = node.integers(1)?.ok_or("takes repeats, which are missing")?;
    Ok(node.given(0)?.f_repeat(repeats)?)
}

/// `Concat`.
pub(super) fn concat(node: &Node<'_>) -> Answer {
    let tensors = node.tensors()?;
    let rank = tensors.first().map_or(0, Tensor::dim);
    Ok(Tensor::f_cat(&tensors, axis_of(node.needed_int("axis")?, rank)?)?)
}

/// `Split`, by sizes or into equal parts, of which the last one may be shorter.
pub(super) fn split(node: &Node<'_>) -> Answer<Vec<Tensor>> {
    let input = node.given(0)?;
    let axis = axis_of(node.int("axis", 0), input.dim())?;
    if let Some(sizes) = node.ints_or_input("split", 1)? {
        return Ok(input.f_split_with_sizes(sizes, axis)?);
    }
    let length = input.size()[axis as usize];
    let parts = node.int("num_outputs", node.outputs as i64);
    if parts < 1 || (node.opset < 18 && length % parts != 0) {
        return Err(format!("splits {length} into {parts} parts").into());
    }
    let part = length / parts + i64::from(length % parts > 0);
    let mut sizes = vec![part; node.outputs];
    if let Some(last) = sizes.last_mut() {
        *last = length - part * (parts - 1);
    }
    Ok(input.f_split_with_sizes(sizes, axis)?)
}

/// `Slice`. What it cuts are attributes before opset 10.
pub(super) fn slice(node: &Node<'_>) -> Answer {
    let mut cut = node.given(0)?.shallow_clone();
    let starts = node.ints_or_input("starts", 1)?.ok_or("takes starts, which are missing")?;
    let ends = node.ints_or_input("ends", 2)?.ok_or("takes ends, which are missing")?;
    let axes = match node.ints_or_input("axes", 3)? {
        Some(axes) => axes_of(&axes, cut.dim())?,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = node.integers(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] || starts.len() > cut.dim() {
        return Err(format!("has starts {starts:?}, ends {ends:?}, axes {axes:?} and steps {steps:?}").into());
    }
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        cut = cut_axis(&cut, axis, (start, end), step)?;
    }
    Ok(cut)
}

/// Cuts each `step`th value out of an axis, backwards where the step is negative.
fn cut_axis(input: &Tensor, axis: i64, (start, end): (i64, i64), step: i64) -> Answer {
    let length = input.size()[axis as usize];
    let from_first = |place: i64| if place < 0 { place.saturating_add(length) } else { place };
    let (start, end) = (from_first(start), from_first(end));
    // A step beyond the end takes the first value alone.
    match step {
        0 => Err("has a step of 0".into()),
        1.. => {
            let (start, end) = (start.clamp(0, length), end.clamp(0, length));
            Ok(input.f_slice(axis, start, end, step.min(length.max(1)))?)
        }
        ..0 => {
            let backwards = |place: i64| length - 1 - place.clamp(-1, length - 1);
            let step = step.saturating_neg().min(length.max(1));
            Ok(input.f_flip(axis)?.f_slice(axis, backwards(start), backwards(end), step)?)
        }
    }
}

/// `DepthToSpace`.
pub(super) fn depth_to_space(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let block = block_of(node)?;
    let (batch, channels, height, width) = input.size4()?;
    let depth = channels / (block * block);
    let (parts, order) = match node.text("mode", "DCR") {
        "CRD" => ([batch, depth, block, block, height, width], [0, 1, 4, 2, 5, 3]),
        _ => ([batch, block, block, depth, height, width], [0, 3, 4, 1, 5, 2]),
    };
    Ok(input.f_reshape(parts)?.f_permute(order)?.f_reshape([batch, depth, height * block, width * block])?)
}

/// `SpaceToDepth`.
pub(super) fn space_to_depth(node: &Node<'_>) -> Answer {
    let input = node.given(0)?;
    let block = block_of(node)?;
    let (batch, channels, height, width) = input.size4()?;
    let (rows, columns) = (height / block, width / block);
    let order = if node.text("mode", "DCR") == "CRD" { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
    let parts = input.f_reshape([batch, channels, rows, block, columns, block])?.f_permute(order)?;
    Ok(parts.f_reshape([batch, channels * block * block, rows, columns])?)
}

fn block_of(node: &Node<'_>) -> Answer<i64> {
    let block = node.needed_int("blocksize")?;
    // More channels than that no tensor has.
    if (1..1 << 20).contains(&block) { Ok(block) } else { Err(format!("has the blocksize {block}").into()) }
}
