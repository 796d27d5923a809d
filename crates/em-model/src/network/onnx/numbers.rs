//! Arithmetic of tensors with single numbers.
//!
//! Functions of tch that take a `Scalar` panic where libtorch refuses, for lack of memory too: the number is dropped
//! while the error is still to be fetched. Here numbers are tensors, so that what is refused is an error.

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use super::node::Answer;

/// A tensor of one number and no axes, of the kind and on the device of another one.
pub(super) fn number_like<T: Element>(number: T, like: &Tensor) -> Answer {
    let number = Tensor::f_from_slice(&[number])?.f_squeeze()?;
    Ok(Tensor::f_zeros([0_i64; 0], (like.f_kind()?, like.device()))?.f_fill_tensor(&number)?)
}

pub(super) fn plus<T: Element>(tensor: &Tensor, number: T) -> Answer {
    Ok(tensor.f_add(&number_like(number, tensor)?)?)
}

pub(super) fn minus<T: Element>(tensor: &Tensor, number: T) -> Answer {
    Ok(tensor.f_sub(&number_like(number, tensor)?)?)
}

pub(super) fn times<T: Element>(tensor: &Tensor, number: T) -> Answer {
    Ok(tensor.f_mul(&number_like(number, tensor)?)?)
}

pub(super) fn over<T: Element>(tensor: &Tensor, number: T) -> Answer {
    Ok(tensor.f_div(&number_like(number, tensor)?)?)
}

pub(super) fn at_least<T: Element>(tensor: &Tensor, number: T) -> Answer {
    Ok(tensor.f_clamp_min_tensor(&number_like(number, tensor)?)?)
}

pub(super) fn at_most<T: Element>(tensor: &Tensor, number: T) -> Answer {
    Ok(tensor.f_clamp_max_tensor(&number_like(number, tensor)?)?)
}

/// The integers from 0 on, on the processor.
pub(super) fn counted(count: i64) -> Answer {
    minus(&Tensor::f_ones(count, (Kind::Int64, Device::Cpu))?.f_cumsum(0, Kind::Int64)?, 1_i64)
}
