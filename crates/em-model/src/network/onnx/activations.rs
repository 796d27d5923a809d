//! Functions of single numbers that stand behind layers.

use tch::{Kind, Tensor};

use super::node::{Answer, Node};
use super::numbers::{at_least, at_most, number_like, over, plus, times};

/// `LeakyRelu`.
pub(super) fn leaky_relu(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    Ok(input.f_internal_prelu_kernel(&number_like(node.float("alpha", 0.01), &input)?)?)
}

/// `PRelu`.
pub(super) fn prelu(node: &Node<'_>) -> Answer {
    Ok(node.tensor(0)?.f_internal_prelu_kernel(&node.tensor(1)?)?)
}

/// `gain · (x if x > 0, else alpha · (exp(x / width) - 1))`.
fn elu_of(input: &Tensor, gain: f64, alpha: f64, width: f64) -> Answer {
    let below = times(&over(&at_most(input, 0.0)?, width)?.f_expm1()?, alpha)?;
    times(&input.f_relu()?.f_add(&below)?, gain)
}

/// `Elu`.
pub(super) fn elu(node: &Node<'_>) -> Answer {
    let (input, alpha) = (node.tensor(0)?, node.float("alpha", 1.0));
    if alpha == 1.0 { Ok(input.f_elu()?) } else { elu_of(&input, 1.0, alpha, 1.0) }
}

/// `Selu`.
pub(super) fn selu(node: &Node<'_>) -> Answer {
    // Klambauer et al. 2017, as 32-bit floats.
    let alpha = node.float("alpha", f64::from(1.673_263_2_f32));
    let gain = node.float("gamma", f64::from(1.050_701_f32));
    elu_of(&node.tensor(0)?, gain, alpha, 1.0)
}

/// `Celu`.
pub(super) fn celu(node: &Node<'_>) -> Answer {
    let alpha = node.float("alpha", 1.0);
    elu_of(&node.tensor(0)?, 1.0, alpha, alpha)
}

/// `Gelu`.
pub(super) fn gelu(node: &Node<'_>) -> Answer {
    Ok(node.tensor(0)?.f_gelu(node.text("approximate", "none"))?)
}

/// `HardSigmoid`.
pub(super) fn hard_sigmoid(node: &Node<'_>) -> Answer {
    let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
    at_most(&at_least(&plus(&times(&node.tensor(0)?, alpha)?, beta)?, 0.0)?, 1.0)
}

/// `Softsign`.
pub(super) fn softsign(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    Ok(input.f_div(&plus(&input.f_abs()?, 1.0)?)?)
}

/// `ThresholdedRelu`.
pub(super) fn thresholded_relu(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let kept = input.f_gt_tensor(&number_like(node.float("alpha", 1.0), &input)?)?;
    Ok(input.f_where_self(&kept, &number_like(0.0, &input)?)?)
}

/// `Swish`.
pub(super) fn swish(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    Ok(input.f_mul(&times(&input, node.float("alpha", 1.0))?.f_sigmoid()?)?)
}

/// `Shrink`.
pub(super) fn shrink(node: &Node<'_>) -> Answer {
    let input = node.tensor(0)?;
    let (edge, bias) = (node.float("lambd", 0.5), node.float("bias", 0.0));
    let shrunk = input.f_sub(&times(&input.f_to_kind(Kind::Float)?.f_sign()?, bias)?)?;
    let kept = input.f_to_kind(Kind::Float)?.f_abs()?;
    let kept = kept.f_gt_tensor(&number_like(edge, &kept)?)?;
    Ok(shrunk.f_where_self(&kept, &number_like(0.0, &shrunk)?)?.f_to_kind(input.f_kind()?)?)
}

/// `Clip`. Its bounds are attributes before opset 11.
pub(super) fn clip(node: &Node<'_>) -> Answer {
    let mut clipped = node.tensor(0)?;
    let bound = |name: &str, i: usize| -> Answer<Option<f64>> {
        let attribute = node.float(name, f64::NAN);
        if attribute.is_nan() { node.number(i) } else { Ok(Some(attribute)) }
    };
    let (low, high) = (bound("min", 1)?, bound("max", 2)?);
    if clipped.f_kind()? != Kind::Float {
        return clip_integers(node, clipped);
    }
    if let Some(low) = low {
        clipped = at_least(&clipped, low)?;
    }
    if let Some(high) = high {
        clipped = at_most(&clipped, high)?;
    }
    Ok(clipped)
}

fn clip_integers(node: &Node<'_>, mut clipped: Tensor) -> Answer {
    if let Some(low) = node.integer(1)? {
        clipped = at_least(&clipped, low)?;
    }
    if let Some(high) = node.integer(2)? {
        clipped = at_most(&clipped, high)?;
    }
    Ok(clipped)
}
