//! Operators on single numbers, on two or several numbers, and on matrices.

use tch::{Kind, TchError, Tensor};

use super::data::{kind_of, tensor_of};
use super::error::Problem;
use super::node::{Answer, Node, missing};
use super::numbers::{counted, number_like, over, plus, times};

/// Folds all inputs into one.
pub(super) fn fold(node: &Node<'_>, join: fn(&Tensor, &Tensor) -> Result<Tensor, TchError>) -> Answer {
    let mut inputs = node.tensors()?.into_iter();
    let first = inputs.next().ok_or("takes at least one input")?;
    Ok(inputs.try_fold(first, |joined, input| join(&joined, &input))?)
}

/// `Mean`.
pub(super) fn mean(node: &Node<'_>) -> Answer {
    over(&fold(node, Tensor::f_add)?, node.inputs.len() as f64)
}

/// `Div`, whose quotients of integers are integers, nearer to zero.
pub(super) fn divide(node: &Node<'_>) -> Answer {
    let (left, right) = (node.tensor(0)?, node.tensor(1)?);
    if left.f_kind()? == Kind::Float {
        Ok(left.f_div(&right)?)
    } else {
        Ok(left.f_div_tensor_mode(&right, "trunc")?)
    }
}

/// `Pow`, whose result is of the kind of the base.
pub(super) fn power(node: &Node<'_>) -> Answer {
    let (base, exponent) = (node.tensor(0)?, node.tensor(1)?);
    Ok(base.f_pow(&exponent)?.f_to_kind(base.f_kind()?)?)
}

/// `Mod`: the sign is that of the divisor, or with `fmod`, that of what is divided.
pub(super) fn modulo(node: &Node<'_>) -> Answer {
    let (left, right) = (node.tensor(0)?, node.tensor(1)?);
    if node.flag("fmod", false) {
        return Ok(left.f_fmod_tensor(&right)?);
    }
    if left.f_kind()? == Kind::Float {
        return Err("has fmod 0 for floats, expected 1".into());
    }
    Ok(left.f_remainder_tensor(&right)?)
}

/// `IsInf`.
pub(super) fn is_infinite(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let (infinite, zero) = (input.f_isinf()?, number_like(0.0, &input)?);
    Ok(match (node.flag("detect_positive", true), node.flag("detect_negative", true)) {
        (true, true) => infinite,
        (true, false) => infinite.f_logical_and(&input.f_gt_tensor(&zero)?)?,
        (false, true) => infinite.f_logical_and(&input.f_lt_tensor(&zero)?)?,
        (false, false) => infinite.f_logical_and(&infinite.f_logical_not()?)?,
    })
}

/// `Where`.
pub(super) fn choose(node: &Node<'_>) -> Answer {
    let (condition, yes, no) = (node.tensor(0)?, node.tensor(1)?, node.tensor(2)?);
    Ok(yes.f_where_self(&condition, &no)?)
}

/// `Cast`. All floats are 32-bit ones here.
pub(super) fn cast(node: &Node<'_>) -> Answer {
    let to = node.needed_int("to")?;
    let kind = i32::try_from(to).ok().and_then(kind_of);
    let kind =
        kind.ok_or_else(|| Problem::Refused(format!("has the type {to}, expected floats or integers")))?;
    Ok(node.given(0)?.f_to_kind(kind)?)
}

/// `CastLike`.
pub(super) fn cast_like(node: &Node<'_>) -> Answer {
    Ok(node.given(0)?.f_to_kind(node.given(1)?.f_kind()?)?)
}

/// `Identity`.
pub(super) fn identity(node: &Node<'_>) -> Answer {
    Ok(node.given(0)?.shallow_clone())
}

/// `Dropout`, which drops nothing: what it gives, and that it gives all.
pub(super) fn dropout(node: &Node<'_>) -> Answer<Vec<Tensor>> {
    if node.integer(2)?.is_some_and(|training| training != 0) {
        return Err("is exported for training, expected an export of a network in evaluation mode".into());
    }
    let input = node.given(0)?;
    Ok(vec![input.shallow_clone(), input.f_detach()?.f_to_kind(Kind::Bool)?.f_ones_like()?])
}

/// `MatMul`.
pub(super) fn matrix_product(node: &Node<'_>) -> Answer {
    Ok(node.tensor(0)?.f_matmul(&node.tensor(1)?)?)
}

/// `Gemm`.
pub(super) fn general_product(node: &Node<'_>) -> Answer {
    let turned = |i: usize, name: &str| -> Answer {
        let matrix = node.tensor(i)?;
        if node.flag(name, false) { Ok(matrix.f_transpose(0, 1)?) } else { Ok(matrix) }
    };
    let scaled = |tensor: Tensor, name: &str| -> Answer {
        let factor = node.float(name, 1.0);
        if factor == 1.0 { Ok(tensor) } else { times(&tensor, factor) }
    };
    let product = scaled(turned(0, "transA")?.f_matmul(&turned(1, "transB")?)?, "alpha")?;
    match node.optional(2)? {
        Some(summand) => Ok(product.f_add(&scaled(summand, "beta")?)?),
        None => Ok(product),
    }
}

/// `Einsum`.
pub(super) fn einsum(node: &Node<'_>) -> Answer {
    Ok(Tensor::f_einsum(node.text("equation", ""), &node.tensors()?, None::<&[i64]>)?)
}

/// `Constant`.
pub(super) fn constant(node: &Node<'_>) -> Answer {
    if let Some(value) = node.value("value") {
        return tensor_of(value, None).map_err(|error| Problem::Refused(error.to_string()));
    }
    let [attribute] = node.attributes else { return Err("has no value, or several ones".into()) };
    let tensor = match attribute.name.as_str() {
        "value_float" => Tensor::f_from_slice(&[attribute.f])?.f_squeeze()?,
        "value_floats" => Tensor::f_from_slice(&attribute.floats)?,
        "value_int" => Tensor::f_from_slice(&[attribute.i])?.f_squeeze()?,
        "value_ints" => Tensor::f_from_slice(&attribute.ints)?,
        _ => return Err(missing("value")),
    };
    Ok(tensor)
}

/// `ConstantOfShape`.
pub(super) fn constant_of_shape(node: &Node<'_>) -> Answer {
    let shape = node.integers(0)?.unwrap_or_default();
    let value = match node.value("value") {
        Some(value) => tensor_of(value, None).map_err(|error| Problem::Refused(error.to_string()))?,
        None => Tensor::f_from_slice(&[0.0_f32])?,
    };
    Ok(value.f_reshape([1_i64; 0])?.f_expand(shape, false)?.f_contiguous()?)
}

/// `Range`.
pub(super) fn range(node: &Node<'_>) -> Answer {
    let kind = node.given(0)?.f_kind()?;
    let missing = || Problem::Refused("takes a start, a limit and a step".into());
    let part = |i| node.number(i)?.ok_or_else(missing);
    let (start, limit, step) = (part(0)?, part(1)?, part(2)?);
    // Saturates where the step is 0, and no tensor has as many numbers.
    let count = ((limit - start) / step).ceil().max(0.0) as i64;
    if kind == Kind::Float {
        return plus(&times(&counted(count)?.f_to_kind(kind)?, step)?, start);
    }
    let integer = |i| node.integer(i)?.ok_or_else(missing);
    Ok(plus(&times(&counted(count)?, integer(2)?)?, integer(0)?)?.f_to_kind(kind)?)
}
