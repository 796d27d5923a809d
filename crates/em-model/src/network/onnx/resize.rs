//! `Resize` and `Upsample`: axes made longer or shorter, by the nearest values or by interpolation.
//!
//! What libtorch computes in one step is left to it. Everything else goes axis by axis: each place of the output lies
//! somewhere between values of the input, which are taken and weighed.

use tch::{Kind, Tensor};

use super::error::Problem;
use super::node::{Answer, Node, axes_of};
use super::numbers::{at_least, at_most, counted, minus, number_like, over, plus, times};

/// An axis that gets another length, or other values.
#[derive(Clone, Copy, Debug)]
struct Axis {
    axis: i64,
    input: i64,
    output: i64,
    /// How many values of the input stand for how many of the output.
    step: (f64, f64),
}

impl Axis {
    /// An axis of the output's length.
    fn to_length(axis: i64, input: i64, output: i64) -> Self {
        Self { axis, input, output, step: (input as f64, output as f64) }
    }

    /// An axis whose length is multiplied, and rounded down.
    fn by_scale(axis: i64, input: i64, scale: f64) -> Self {
        // As 32-bit floats, which the scale is written in: 0.7 · 10 is 7 and not a little less.
        let output = (scale as f32 * input as f32).floor();
        if (f64::from(output) - scale * input as f64).abs() < 1e-5 * f64::from(output) {
            return Self::to_length(axis, input, output as i64);
        }
        Self { axis, input, output: output as i64, step: (1.0, scale) }
    }

    /// The scale, where it is not just the relation of the lengths.
    fn scale(&self) -> Option<f64> {
        (self.step.0 != self.input as f64).then_some(self.step.1)
    }

    fn is_changed(&self) -> bool {
        self.input != self.output || self.scale().is_some()
    }

    fn is_multiplied(&self) -> bool {
        self.input > 0 && self.output % self.input == 0 && self.scale().is_none()
    }
}

/// How values between others are found.
struct Method<'a> {
    mode: &'a str,
    coordinates: &'a str,
    nearest: &'a str,
    cubic: f64,
    excludes_outside: bool,
}

impl<'a> Method<'a> {
    fn of(node: &'a Node<'_>) -> Self {
        // Operators before opset 11 know only one way.
        let (coordinates, nearest) =
            if node.opset < 11 { ("asymmetric", "floor") } else { ("half_pixel", "round_prefer_floor") };
        Self {
            mode: node.text("mode", "nearest"),
            coordinates: node.text("coordinate_transformation_mode", coordinates),
            nearest: node.text("nearest_mode", nearest),
            cubic: node.float("cubic_coeff_a", -0.75),
            excludes_outside: node.flag("exclude_outside", false),
        }
    }

    /// Whether each value is only repeated along axes that are multiplied.
    fn repeats(&self) -> bool {
        let rounds = self.nearest.starts_with("round");
        match self.coordinates {
            "asymmetric" => self.nearest == "floor",
            "half_pixel" | "pytorch_half_pixel" | "half_pixel_symmetric" => rounds,
            _ => false,
        }
    }

    /// Whether libtorch calls the coordinates those of aligned corners, if it knows them.
    fn aligned(&self, axes: &[Axis]) -> Option<bool> {
        match self.coordinates {
            "align_corners" => Some(true),
            "half_pixel" => Some(false),
            "pytorch_half_pixel" => axes.iter().all(|axis| axis.output > 1).then_some(false),
            _ => None,
        }
    }
}

/// `Resize` and `Upsample`.
pub(super) fn resize(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let axes = axes_to_resize(node, &input.size())?;
    let axes: Vec<Axis> = axes.into_iter().filter(Axis::is_changed).collect();
    if let Some(axis) = axes.iter().find(|axis| axis.output < 1 || axis.input < 1) {
        return Err(format!("makes an axis of {} one of {}", axis.input, axis.output).into());
    }
    let method = Method::of(node);
    let shrinks = axes.iter().any(|axis| axis.output < axis.input);
    if node.opset < 11 && method.mode == "nearest" && shrinks {
        return Err(
            "takes nearest values of more, expected that from opset 11 on, which says which ones".into()
        );
    }
    let broken = axes.iter().find(|axis| axis.scale().is_some() && method.coordinates == "align_corners");
    if let Some(axis) = broken {
        let problem =
            format!("aligns corners of {} and {} values", axis.input, axis.step.1 * axis.input as f64);
        return Err(Problem::Refused(format!("{problem}, expected a scale that gives a whole number")));
    }
    match natively(&input, &axes, &method)? {
        Some(resized) => Ok(resized),
        None => axes.iter().try_fold(input, |input, &axis| along(&input, axis, &method)),
    }
}

/// What each axis becomes, by scales or by lengths.
fn axes_to_resize(node: &Node<'_>, size: &[i64]) -> Answer<Vec<Axis>> {
    let all: Vec<i64> = (0..size.len() as i64).collect();
    let axes = node.ints("axes").map_or(Ok(all), |axes| axes_of(axes, size.len()))?;
    let inputs = axes.iter().map(|&axis| (axis, size[axis as usize]));
    let scales = match node.floats("scales") {
        Some(scales) => scales.iter().map(|&scale| scale.into()).collect(),
        None => node.numbers(if node.opset < 11 { 1 } else { 2 })?.unwrap_or_default(),
    };
    let lengths = node.integers(3)?.unwrap_or_default();
    if !scales.is_empty() && scales.len() == axes.len() && lengths.is_empty() {
        if let Some(scale) = scales.iter().find(|scale| !scale.is_finite()) {
            return Err(format!("has the scale {scale}").into());
        }
        return Ok(inputs
            .zip(scales)
            .map(|((axis, input), scale)| Axis::by_scale(axis, input, scale))
            .collect());
    }
    if lengths.len() != axes.len() || !scales.is_empty() {
        let (scales, lengths) = (scales.len(), lengths.len());
        return Err(format!("has {scales} scales and {lengths} sizes for {} axes", axes.len()).into());
    }
    let ratios = inputs.clone().zip(&lengths).map(|((_, input), &length)| length as f64 / input as f64);
    let ratio = match node.text("keep_aspect_ratio_policy", "stretch") {
        "stretch" => {
            return Ok(inputs
                .zip(lengths)
                .map(|((axis, input), output)| Axis::to_length(axis, input, output))
                .collect());
        }
        "not_larger" => ratios.fold(f64::INFINITY, f64::min),
        _ => ratios.fold(0.0, f64::max),
    };
    let scaled = inputs.map(|(axis, input)| Axis {
        axis,
        input,
        output: (ratio * input as f64 + 0.5).floor() as i64,
        step: (1.0, ratio),
    });
    Ok(scaled.collect())
}

/// Resizes the axes of space at once, where libtorch has the method.
fn natively(input: &Tensor, axes: &[Axis], method: &Method<'_>) -> Answer<Option<Tensor>> {
    let rank = input.dim();
    if !(3..=5).contains(&rank) || input.f_kind()? != Kind::Float || axes.iter().any(|axis| axis.axis < 2) {
        return Ok(None);
    }
    let mut lengths = input.size()[2..].to_vec();
    let mut scales = vec![None; rank - 2];
    for axis in axes {
        lengths[axis.axis as usize - 2] = axis.output;
        scales[axis.axis as usize - 2] = axis.scale();
    }
    if method.mode == "nearest" {
        if !method.repeats() || !axes.iter().all(Axis::is_multiplied) {
            return Ok(None);
        }
        return Ok(Some(match rank {
            3 => input.f_upsample_nearest1d(lengths, None)?,
            4 => input.f_upsample_nearest2d(lengths, None, None)?,
            _ => input.f_upsample_nearest3d(lengths, None, None, None)?,
        }));
    }
    let Some(aligned) = method.aligned(axes).filter(|_| !method.excludes_outside) else { return Ok(None) };
    Ok(match (method.mode, scales[..].as_ref()) {
        ("linear", &[x]) => Some(input.f_upsample_linear1d(lengths, aligned, x)?),
        ("linear", &[y, x]) => Some(input.f_upsample_bilinear2d(lengths, aligned, y, x)?),
        ("linear", &[z, y, x]) => Some(input.f_upsample_trilinear3d(lengths, aligned, z, y, x)?),
        ("cubic", &[y, x]) if method.cubic == -0.75 => {
            Some(input.f_upsample_bicubic2d(lengths, aligned, y, x)?)
        }
        _ => None,
    })
}

/// Resizes one axis: the sum of values of the input, each with its weight.
fn along(input: &Tensor, axis: Axis, method: &Method<'_>) -> Answer {
    let places = places(axis, method.coordinates)?;
    if method.mode == "nearest" {
        let nearest = match method.nearest {
            "floor" => places.f_floor()?,
            "ceil" => places.f_ceil()?,
            "round_prefer_ceil" => plus(&places, 0.5)?.f_floor()?,
            _ => minus(&places, 0.5)?.f_ceil()?,
        };
        return taken(input, axis, &nearest);
    }
    if input.f_kind()? != Kind::Float {
        return Err("interpolates integers, expected floats".into());
    }
    let shape: Vec<i64> =
        (0..input.dim() as i64).map(|other| if other == axis.axis { -1 } else { 1 }).collect();
    let mut sum: Option<Tensor> = None;
    for (place, weight) in weighed(&places, axis, method)? {
        let weight = weight.f_to_kind(Kind::Float)?.f_to_device(input.device())?.f_reshape(&shape)?;
        let part = taken(input, axis, &place)?.f_mul(&weight)?;
        sum = Some(match sum {
            Some(sum) => sum.f_add(&part)?,
            None => part,
        });
    }
    sum.ok_or_else(|| "takes no values".into())
}

/// The values at places along an axis; beyond the ends, those of the ends.
fn taken(input: &Tensor, axis: Axis, places: &Tensor) -> Answer {
    let places = at_most(&at_least(places, 0_i64)?, axis.input - 1)?.f_to_kind(Kind::Int64)?;
    Ok(input.f_index_select(axis.axis, &places.f_to_device(input.device())?)?)
}

/// Where the values of the output lie in the input.
fn places(axis: Axis, coordinates: &str) -> Answer {
    let Axis { input, output, step: (from, to), .. } = axis;
    let index = counted(output)?.f_to_kind(Kind::Double)?;
    let by_centre = |index: &Tensor| -> Answer { over(&times(&plus(index, 0.5)?, from)?, to) };
    Ok(match coordinates {
        "align_corners" | "pytorch_half_pixel" if output == 1 => index,
        "half_pixel" | "pytorch_half_pixel" => minus(&by_centre(&index)?, 0.5)?,
        "half_pixel_symmetric" => {
            let whole = input as f64 * to / from;
            let inset = input as f64 / 2.0 * (1.0 - output as f64 / whole);
            plus(&by_centre(&index)?, inset - 0.5)?
        }
        "align_corners" => over(&times(&index, input - 1)?, output - 1)?,
        "asymmetric" => over(&times(&index, from)?, to)?,
        "tf_half_pixel_for_nn" => by_centre(&index)?,
        other => return Err(format!("has the coordinate_transformation_mode {other}").into()),
    })
}

/// The values around each place, with their weights.
fn weighed(places: &Tensor, axis: Axis, method: &Method<'_>) -> Answer<Vec<(Tensor, Tensor)>> {
    let first = places.f_floor()?;
    let behind = places.f_sub(&first)?;
    let ahead = plus(&behind.f_neg()?, 1.0)?;
    let mut parts = match method.mode {
        "linear" => vec![(first.shallow_clone(), ahead), (plus(&first, 1.0)?, behind)],
        _ => {
            let (near, far) = (|x: &Tensor| near(x, method.cubic), |x: &Tensor| far(x, method.cubic));
            vec![
                (minus(&first, 1.0)?, far(&plus(&behind, 1.0)?)?),
                (first.shallow_clone(), near(&behind)?),
                (plus(&first, 1.0)?, near(&ahead)?),
                (plus(&first, 2.0)?, far(&plus(&ahead, 1.0)?)?),
            ]
        }
    };
    if !method.excludes_outside {
        return Ok(parts);
    }
    let mut sum = places.f_zeros_like()?;
    for (place, weight) in &mut parts {
        let (zero, end) = (number_like(0.0, place)?, number_like(axis.input, place)?);
        let inside = place.f_ge_tensor(&zero)?.f_logical_and(&place.f_lt_tensor(&end)?)?;
        *weight = weight.f_mul(&inside)?;
        sum = sum.f_add(weight)?;
    }
    parts.into_iter().map(|(place, weight)| Ok((place, weight.f_div(&sum)?))).collect()
}

/// Keys 1981: the weight of a value at most one away, `(a + 2) x³ - (a + 3) x² + 1`.
fn near(x: &Tensor, a: f64) -> Answer {
    plus(&minus(&times(x, a + 2.0)?, a + 3.0)?.f_mul(x)?.f_mul(x)?, 1.0)
}

/// Keys 1981: the weight of a value one to two away, `a x³ - 5 a x² + 8 a x - 4 a`.
fn far(x: &Tensor, a: f64) -> Answer {
    let slope = plus(&minus(x, 5.0)?.f_mul(x)?, 8.0)?;
    times(&minus(&slope.f_mul(x)?, 4.0)?, a)
}
