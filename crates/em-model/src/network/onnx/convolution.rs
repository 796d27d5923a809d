//! Convolutions, and what they have in common with pooling: windows that move along axes of space.

use tch::Tensor;

use super::node::{Answer, Node};

/// A window that moves along the axes of space; lists have one number for each.
#[derive(Debug)]
pub(super) struct Window {
    pub size: Vec<i64>,
    pub strides: Vec<i64>,
    pub dilations: Vec<i64>,
    /// What is added before each axis, and behind it.
    pub before: Vec<i64>,
    pub behind: Vec<i64>,
}

impl Window {
    /// The window of a node, of the given size, on an input `[batch, channel, space…]`.
    pub fn of(node: &Node<'_>, input: &Tensor, size: Vec<i64>) -> Answer<Self> {
        let space = space_of(input)?;
        let axes = space.len();
        if size.len() != axes || size.iter().any(|&size| size < 1) {
            return Err(format!("has a window {size:?} for {axes} axes").into());
        }
        let strides = node.per_axis("strides", axes, 1)?;
        let dilations = node.per_axis("dilations", axes, 1)?;
        if strides.iter().chain(&dilations).any(|&step| step < 1) {
            return Err(
                format!("has strides {strides:?} and dilations {dilations:?}, expected 1 or more").into()
            );
        }
        let (before, behind) = pads_of(node, axes)?;
        let mut window = Self { size, strides, dilations, before, behind };
        window.pad_automatically(node.text("auto_pad", "NOTSET"), &space)?;
        Ok(window)
    }

    /// How much of an axis the window covers, with the gaps.
    pub fn extent(&self, axis: usize) -> i64 {
        (self.size[axis] - 1).saturating_mul(self.dilations[axis]).saturating_add(1)
    }

    /// Whether as much is added before all axes as behind them, and nothing is cut off.
    pub fn is_symmetric(&self) -> bool {
        self.before == self.behind && self.before.iter().all(|&pad| pad >= 0)
    }

    /// Adds as much as makes the output as long as the input, divided by the strides.
    fn pad_automatically(&mut self, auto_pad: &str, space: &[i64]) -> Answer<()> {
        let more_behind = match auto_pad {
            "NOTSET" | "" => return Ok(()),
            "VALID" => {
                (self.before, self.behind) = (vec![0; space.len()], vec![0; space.len()]);
                return Ok(());
            }
            "SAME_UPPER" => true,
            "SAME_LOWER" => false,
            other => return Err(format!("has auto_pad {other}").into()),
        };
        for (axis, &length) in space.iter().enumerate() {
            let stride = self.strides[axis];
            let covered =
                (length - 1).div_euclid(stride).saturating_mul(stride).saturating_add(self.extent(axis));
            let total = covered.saturating_sub(length).max(0);
            let (less, more) = (total / 2, total - total / 2);
            (self.before[axis], self.behind[axis]) = if more_behind { (less, more) } else { (more, less) };
        }
        Ok(())
    }
}

/// The axes of space of an input `[batch, channel, space…]`.
pub(super) fn space_of(input: &Tensor) -> Answer<Vec<i64>> {
    let size = input.size();
    match size.get(2..) {
        Some(space) if (1..=3).contains(&space.len()) => Ok(space.to_vec()),
        _ => {
            Err(format!("takes an input of shape {size:?}, expected batch, channels and 1 to 3 axes").into())
        }
    }
}

/// What the attribute `pads` adds before axes, and behind them.
fn pads_of(node: &Node<'_>, axes: usize) -> Answer<(Vec<i64>, Vec<i64>)> {
    let Some(pads) = node.ints("pads").filter(|pads| !pads.is_empty()) else {
        return Ok((vec![0; axes], vec![0; axes]));
    };
    if pads.len() != 2 * axes {
        return Err(format!("has {} pads, expected {}", pads.len(), 2 * axes).into());
    }
    let (before, behind) = pads.split_at(axes);
    Ok((before.to_vec(), behind.to_vec()))
}

/// Pads the axes of space, the way libtorch counts them: from the last one on. What is negative is cut off.
pub(super) fn padded(input: &Tensor, before: &[i64], behind: &[i64], value: f64) -> Answer {
    let pads: Vec<i64> =
        before.iter().zip(behind).rev().flat_map(|(&before, &behind)| [before, behind]).collect();
    Ok(input.f_pad(pads, "constant", value)?)
}

/// `Conv`.
pub(super) fn convolution(node: &Node<'_>) -> Answer {
    let (mut input, weight, bias) = (node.tensor(0)?, node.tensor(1)?, node.optional(2)?);
    let window = Window::of(node, &input, weight.size().get(2..).unwrap_or_default().to_vec())?;
    let mut padding = window.before.clone();
    if !window.is_symmetric() {
        input = padded(&input, &window.before, &window.behind, 0.0)?;
        padding.fill(0);
    }
    let none = vec![0; padding.len()];
    let groups = node.int("group", 1);
    Ok(input.f_convolution(
        &weight,
        bias,
        &window.strides,
        padding,
        &window.dilations,
        false,
        none,
        groups,
    )?)
}

/// `ConvTranspose`.
pub(super) fn transposed_convolution(node: &Node<'_>) -> Answer {
    let (input, weight, bias) = (node.tensor(0)?, node.tensor(1)?, node.optional(2)?);
    let space = space_of(&input)?;
    let axes = space.len();
    let mut window = Window::of(node, &input, weight.size().get(2..).unwrap_or_default().to_vec())?;
    let longer = node.per_axis("output_padding", axes, 0)?;
    let whole = |axis: usize| {
        let steps = space[axis].saturating_sub(1).saturating_mul(window.strides[axis]);
        steps.saturating_add(window.extent(axis)).saturating_add(longer[axis])
    };
    let auto_pad = node.text("auto_pad", "NOTSET");
    let same = auto_pad.starts_with("SAME");
    let asked = match node.ints("output_shape") {
        Some(shape) if shape.len() >= axes => Some(shape[shape.len() - axes..].to_vec()),
        Some(shape) => return Err(format!("has the output_shape {shape:?} for {axes} axes").into()),
        None if same => {
            Some(space.iter().zip(&window.strides).map(|(&l, &stride)| l.saturating_mul(stride)).collect())
        }
        None => None,
    };
    if let Some(asked) = asked {
        let total: Vec<i64> = (0..axes).map(|axis| whole(axis).saturating_sub(asked[axis])).collect();
        let less: Vec<i64> = total.iter().map(|total| total.div_euclid(2)).collect();
        let more: Vec<i64> = total.iter().zip(&less).map(|(total, less)| total - less).collect();
        (window.before, window.behind) = if auto_pad == "SAME_UPPER" { (less, more) } else { (more, less) };
    }
    let raised = |bias: Option<&Tensor>, padding: &[i64]| {
        let groups = node.int("group", 1);
        input.f_convolution(&weight, bias, &window.strides, padding, &window.dilations, true, &longer, groups)
    };
    if window.is_symmetric() {
        return Ok(raised(bias.as_ref(), &window.before)?);
    }
    let negative = |pads: &[i64]| pads.iter().map(|pad| pad.saturating_neg()).collect::<Vec<_>>();
    let raised = raised(None, &vec![0; axes])?;
    let cut = padded(&raised, &negative(&window.before), &negative(&window.behind), 0.0)?;
    match bias {
        Some(bias) => Ok(cut.f_add(&bias.f_reshape([vec![-1], vec![1; axes]].concat())?)?),
        None => Ok(cut),
    }
}
