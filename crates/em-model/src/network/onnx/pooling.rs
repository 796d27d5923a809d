//! The largest value or the mean of windows, and of all axes of space.

use tch::{Device, Kind, Tensor};

use super::convolution::{Window, padded, space_of};
use super::node::{Answer, Node, missing};

/// The window of a pooling, and the length that each axis of its output has.
struct Pooling {
    window: Window,
    space: Vec<i64>,
    lengths: Vec<i64>,
    ceil: bool,
}

impl Pooling {
    fn of(node: &Node<'_>, input: &Tensor) -> Answer<Self> {
        let size = node.ints("kernel_shape").ok_or_else(|| missing("kernel_shape"))?;
        let window = Window::of(node, input, size.to_vec())?;
        let space = space_of(input)?;
        let ceil = node.flag("ceil_mode", false);
        let lengths =
            (0..space.len()).map(|axis| length(&window, &space, axis, ceil)).collect::<Answer<_>>()?;
        Ok(Self { window, space, lengths, ceil })
    }

    /// Whether libtorch's own pooling does the same: it knows one pad for both ends, at most half of a window.
    fn is_native(&self) -> bool {
        let window = &self.window;
        window.is_symmetric() && window.before.iter().zip(&window.size).all(|(&pad, &size)| pad <= size / 2)
    }

    /// What is to be added behind each axis, so that the last window is whole.
    fn behind(&self) -> Vec<i64> {
        let window = &self.window;
        let whole = |axis: usize| (self.lengths[axis] - 1) * window.strides[axis] + window.extent(axis);
        (0..self.space.len()).map(|axis| whole(axis) - self.space[axis] - window.before[axis]).collect()
    }
}

/// How often the window fits. A last one that is not whole counts too with `ceil`, if it begins before the pad.
fn length(window: &Window, space: &[i64], axis: usize, ceil: bool) -> Answer<i64> {
    let stride = window.strides[axis];
    let begin = window.before[axis].saturating_add(space[axis]);
    let room = begin.saturating_add(window.behind[axis]).saturating_sub(window.extent(axis));
    if room < 0 {
        return Err(format!("has a window {:?} for an input of {space:?}", window.size).into());
    }
    let rounded_up = room / stride + i64::from(room % stride > 0);
    if ceil && rounded_up.saturating_mul(stride) < begin { Ok(rounded_up + 1) } else { Ok(room / stride + 1) }
}

/// `MaxPool`.
pub(super) fn max_pool(node: &Node<'_>) -> Answer {
    let mut input = node.tensor(0)?;
    let pooling = Pooling::of(node, &input)?;
    let Window { size, strides, dilations, before, .. } = &pooling.window;
    let (mut padding, mut ceil) = (before.clone(), pooling.ceil);
    if !pooling.is_native() {
        input = padded(&input, before, &pooling.behind(), f64::NEG_INFINITY)?;
        padding.fill(0);
        ceil = false;
    }
    Ok(match size.len() {
        1 => input.f_max_pool1d(size, strides, padding, dilations, ceil)?,
        2 => input.f_max_pool2d(size, strides, padding, dilations, ceil)?,
        _ => input.f_max_pool3d(size, strides, padding, dilations, ceil)?,
    })
}

/// `AveragePool`.
pub(super) fn average_pool(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let pooling = Pooling::of(node, &input)?;
    let window = &pooling.window;
    let counts_pads = node.flag("count_include_pad", false);
    if window.dilations.iter().any(|&dilation| dilation != 1) {
        return Err(format!("has dilations {:?}, expected 1", window.dilations).into());
    }
    if pooling.is_native() {
        return means(&input, window, &window.before, pooling.ceil, counts_pads);
    }
    // The mean of whole windows, divided by that of ones where values count and zeros elsewhere.
    let (none, behind) = (vec![0; window.size.len()], pooling.behind());
    let ones = Tensor::f_ones([vec![1, 1], pooling.space.clone()].concat(), (Kind::Float, Device::Cpu))?;
    let ones = ones.f_to_device(input.device())?;
    let ones = if counts_pads {
        let rest: Vec<i64> = behind.iter().zip(&window.behind).map(|(behind, pad)| behind - pad).collect();
        padded(&padded(&ones, &window.before, &window.behind, 1.0)?, &none, &rest, 0.0)?
    } else {
        padded(&ones, &window.before, &behind, 0.0)?
    };
    let mean = |values: &Tensor| means(values, window, &none, false, true);
    Ok(mean(&padded(&input, &window.before, &behind, 0.0)?)?.f_div(&mean(&ones)?)?)
}

/// The means of windows, as libtorch has them.
fn means(input: &Tensor, window: &Window, padding: &[i64], ceil: bool, counts_pads: bool) -> Answer {
    let (size, strides) = (&window.size, &window.strides);
    Ok(match size.len() {
        1 => input.f_avg_pool1d(size, strides, padding, ceil, counts_pads)?,
        2 => input.f_avg_pool2d(size, strides, padding, ceil, counts_pads, None)?,
        _ => input.f_avg_pool3d(size, strides, padding, ceil, counts_pads, None)?,
    })
}

/// `GlobalAveragePool`.
pub(super) fn global_average_pool(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axes: Vec<i64> = (2..input.dim() as i64).collect();
    Ok(input.f_mean_dim(axes, true, None)?)
}

/// `GlobalMaxPool`.
pub(super) fn global_max_pool(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axes: Vec<i64> = (2..input.dim() as i64).collect();
    Ok(input.f_amax(axes, true)?)
}
