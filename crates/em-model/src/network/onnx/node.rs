//! One node at work: what it takes, and how it is to be applied.

use tch::{Device, Kind, Tensor};

use super::error::Problem;
use crate::export::proto::{AttributeProto, TensorProto};

/// What an operator gives, or why it cannot.
pub(super) type Answer<T = Tensor> = Result<T, Problem>;

/// A node with the tensors that it is applied to.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// How it is applied.
    pub attributes: &'a [AttributeProto],
    /// The version of ONNX's operators that it is of.
    pub opset: i64,
    /// What it takes; nothing for what is left out.
    pub inputs: Vec<Option<&'a Tensor>>,
    /// How many values are asked of it.
    pub outputs: usize,
}

impl Node<'_> {
    /// Where the node computes: on the device of what it takes, if not all of that is on the processor.
    pub fn device(&self) -> Device {
        let devices = self.inputs.iter().flatten().map(|input| input.device());
        devices.into_iter().find(|&device| device != Device::Cpu).unwrap_or(Device::Cpu)
    }

    /// Whether input `i` is there.
    pub fn has(&self, i: usize) -> bool {
        self.inputs.get(i).is_some_and(Option::is_some)
    }

    /// Input `i` as it is.
    pub fn given(&self, i: usize) -> Answer<&Tensor> {
        let input = self.inputs.get(i).copied().flatten();
        input.ok_or_else(|| Problem::Refused(format!("takes an input {i}, which is missing")))
    }

    /// Input `i` on the device of the node.
    pub fn tensor(&self, i: usize) -> Answer {
        Ok(self.given(i)?.f_to_device(self.device())?)
    }

    /// Input `i` on the device of the node, if it is there.
    pub fn optional(&self, i: usize) -> Answer<Option<Tensor>> {
        if self.has(i) { self.tensor(i).map(Some) } else { Ok(None) }
    }

    /// All inputs on the device of the node.
    pub fn tensors(&self) -> Answer<Vec<Tensor>> {
        (0..self.inputs.len()).map(|i| self.tensor(i)).collect()
    }

    /// The integers of input `i`, if it is there.
    pub fn integers(&self, i: usize) -> Answer<Option<Vec<i64>>> {
        if self.has(i) { integers_of(self.given(i)?).map(Some) } else { Ok(None) }
    }

    /// The numbers of input `i`, if it is there.
    pub fn numbers(&self, i: usize) -> Answer<Option<Vec<f64>>> {
        if self.has(i) { numbers_of(self.given(i)?).map(Some) } else { Ok(None) }
    }

    /// The one integer of input `i`, if it is there.
    pub fn integer(&self, i: usize) -> Answer<Option<i64>> {
        self.integers(i)?.map(single).transpose()
    }

    /// The one number of input `i`, if it is there.
    pub fn number(&self, i: usize) -> Answer<Option<f64>> {
        self.numbers(i)?.map(single).transpose()
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The integer of an attribute, or its default.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// Whether an attribute that is 0 or 1 is 1.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.attribute(name).map_or(default, |attribute| attribute.i != 0)
    }

    /// The integer of an attribute that has no default.
    pub fn needed_int(&self, name: &str) -> Answer<i64> {
        self.attribute(name).map(|attribute| attribute.i).ok_or_else(|| missing(name))
    }

    /// The integers of an attribute.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// The number of an attribute, or its default.
    pub fn float(&self, name: &str, default: f64) -> f64 {
        self.attribute(name).map_or(default, |attribute| attribute.f.into())
    }

    /// The numbers of an attribute.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    /// The text of an attribute, or its default.
    pub fn text<'n>(&'n self, name: &str, default: &'n str) -> &'n str {
        let text = self.attribute(name).map(|attribute| str::from_utf8(&attribute.s).unwrap_or_default());
        text.unwrap_or(default)
    }

    /// The tensor of an attribute.
    pub fn value(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name).and_then(|attribute| attribute.t.as_ref())
    }

    /// Integers that are an attribute in older operators and input `i` in newer ones.
    pub fn ints_or_input(&self, name: &str, i: usize) -> Answer<Option<Vec<i64>>> {
        match self.ints(name) {
            Some(ints) => Ok(Some(ints.to_vec())),
            None => self.integers(i),
        }
    }

    /// An attribute with one integer for each axis of space, or a default for all.
    pub fn per_axis(&self, name: &str, axes: usize, default: i64) -> Answer<Vec<i64>> {
        let Some(ints) = self.ints(name) else { return Ok(vec![default; axes]) };
        if ints.len() == axes {
            Ok(ints.to_vec())
        } else {
            Err(format!("has {} {name}, expected {axes}", ints.len()).into())
        }
    }
}

/// The integers of a tensor.
pub(super) fn integers_of(tensor: &Tensor) -> Answer<Vec<i64>> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Int64)?.f_reshape(-1)?;
    Ok(Vec::try_from(flat.f_contiguous()?)?)
}

/// The numbers of a tensor.
pub(super) fn numbers_of(tensor: &Tensor) -> Answer<Vec<f64>> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_reshape(-1)?;
    Ok(Vec::try_from(flat.f_contiguous()?)?)
}

/// The only one of some numbers.
fn single<T: Copy>(numbers: Vec<T>) -> Answer<T> {
    match numbers[..] {
        [number] => Ok(number),
        _ => Err(format!("takes one number, found {}", numbers.len()).into()),
    }
}

/// The problem of an attribute that is not there.
pub(super) fn missing(attribute: &str) -> Problem {
    Problem::Refused(format!("has no attribute {attribute}"))
}

/// An axis of a tensor of so many axes, counted from the first one.
pub(super) fn axis_of(axis: i64, rank: usize) -> Answer<i64> {
    let rank = i64::try_from(rank).unwrap_or(i64::MAX);
    match axis {
        0.. if axis < rank => Ok(axis),
        ..0 if axis >= -rank => Ok(axis + rank),
        _ => Err(format!("has the axis {axis} of {rank}").into()),
    }
}

/// Axes of a tensor of so many axes, counted from the first one, each only once.
pub(super) fn axes_of(axes: &[i64], rank: usize) -> Answer<Vec<i64>> {
    let axes = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Answer<Vec<_>>>()?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() == axes.len() { Ok(axes) } else { Err(format!("has an axis twice: {axes:?}").into()) }
}
