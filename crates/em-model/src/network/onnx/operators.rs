//! The table of operators: what computes each, and the attributes that it knows.

use tch::{TchError, Tensor};

use super::node::{Answer, Node};
use super::{
    activations, arithmetic, convolution, indexing, normalization, pooling, reduction, resize, shapes,
};

/// What computes an operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Apply {
    /// It gives one value.
    One(fn(&Node<'_>) -> Answer),
    /// It gives several values, of which the first ones may be asked for alone.
    Several(fn(&Node<'_>) -> Answer<Vec<Tensor>>),
}

use Apply::{One, Several};

/// An operator, and the names of its attributes with spaces between.
pub(super) type Operator = (Apply, &'static str);

/// Finds one of ONNX's own operators.
pub(super) fn operator(name: &str) -> Option<Operator> {
    let kinds = [of_layers, of_activations, of_numbers, of_comparisons, of_shapes, of_places, of_reductions];
    kinds.into_iter().find_map(|kind| kind(name))
}

fn of_layers(name: &str) -> Option<Operator> {
    Some(match name {
        "Conv" => (One(convolution::convolution), "auto_pad dilations group kernel_shape pads strides"),
        "ConvTranspose" => (
            One(convolution::transposed_convolution),
            "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
        ),
        "MaxPool" => {
            (One(pooling::max_pool), "auto_pad ceil_mode dilations kernel_shape pads storage_order strides")
        }
        "AveragePool" => (
            One(pooling::average_pool),
            "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
        ),
        "GlobalAveragePool" => (One(pooling::global_average_pool), ""),
        "GlobalMaxPool" => (One(pooling::global_max_pool), ""),
        "Resize" => (
            One(resize::resize),
            "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value \
             keep_aspect_ratio_policy mode nearest_mode",
        ),
        "Upsample" => (One(resize::resize), "mode scales"),
        "BatchNormalization" => {
            (One(normalization::batch_normalization), "epsilon momentum spatial training_mode")
        }
        "InstanceNormalization" => (One(normalization::instance_normalization), "epsilon"),
        "GroupNormalization" => (One(normalization::group_normalization), "epsilon num_groups stash_type"),
        "LayerNormalization" => (Several(normalization::layer_normalization), "axis epsilon stash_type"),
        "RMSNormalization" => (One(normalization::rms_normalization), "axis epsilon stash_type"),
        "MeanVarianceNormalization" => (One(normalization::mean_variance_normalization), "axes"),
        "LpNormalization" => (One(normalization::lp_normalization), "axis p"),
        "Softmax" => (One(normalization::softmax), "axis"),
        "LogSoftmax" => (One(normalization::log_softmax), "axis"),
        "Dropout" => (Several(arithmetic::dropout), "ratio seed"),
        "MatMul" => (One(arithmetic::matrix_product), ""),
        "Gemm" => (One(arithmetic::general_product), "alpha beta transA transB"),
        "Einsum" => (One(arithmetic::einsum), "equation"),
        _ => return None,
    })
}

/// Applies a function of libtorch to the one input.
fn map(node: &Node<'_>, function: fn(&Tensor) -> Result<Tensor, TchError>) -> Answer {
    Ok(function(&node.tensor(0)?)?)
}

fn of_activations(name: &str) -> Option<Operator> {
    Some(match name {
        "Relu" => (One(|node| map(node, Tensor::f_relu)), ""),
        "LeakyRelu" => (One(activations::leaky_relu), "alpha"),
        "PRelu" => (One(activations::prelu), ""),
        "Elu" => (One(activations::elu), "alpha"),
        "Selu" => (One(activations::selu), "alpha gamma"),
        "Celu" => (One(activations::celu), "alpha"),
        "Gelu" => (One(activations::gelu), "approximate"),
        "Sigmoid" => (One(|node| map(node, Tensor::f_sigmoid)), ""),
        "HardSigmoid" => (One(activations::hard_sigmoid), "alpha beta"),
        "HardSwish" => (One(|node| map(node, Tensor::f_hardswish)), ""),
        "Swish" => (One(activations::swish), "alpha"),
        "Mish" => (One(|node| map(node, Tensor::f_mish)), ""),
        "Tanh" => (One(|node| map(node, Tensor::f_tanh)), ""),
        "Softplus" => (One(|node| map(node, Tensor::f_softplus)), ""),
        "Softsign" => (One(activations::softsign), ""),
        "ThresholdedRelu" => (One(activations::thresholded_relu), "alpha"),
        "Shrink" => (One(activations::shrink), "bias lambd"),
        "Clip" => (One(activations::clip), "max min"),
        _ => return None,
    })
}

fn of_numbers(name: &str) -> Option<Operator> {
    Some(match name {
        "Add" => (One(|node| arithmetic::fold(node, Tensor::f_add)), ""),
        "Sub" => (One(|node| arithmetic::fold(node, Tensor::f_sub)), ""),
        "Mul" => (One(|node| arithmetic::fold(node, Tensor::f_mul)), ""),
        "Div" => (One(arithmetic::divide), ""),
        "Mod" => (One(arithmetic::modulo), "fmod"),
        "Pow" => (One(arithmetic::power), ""),
        "Sum" => (One(|node| arithmetic::fold(node, Tensor::f_add)), ""),
        "Mean" => (One(arithmetic::mean), ""),
        "Min" => (One(|node| arithmetic::fold(node, Tensor::f_minimum)), ""),
        "Max" => (One(|node| arithmetic::fold(node, Tensor::f_maximum)), ""),
        "Abs" => (One(|node| map(node, Tensor::f_abs)), ""),
        "Neg" => (One(|node| map(node, Tensor::f_neg)), ""),
        "Sign" => (One(|node| map(node, Tensor::f_sign)), ""),
        "Floor" => (One(|node| map(node, Tensor::f_floor)), ""),
        "Ceil" => (One(|node| map(node, Tensor::f_ceil)), ""),
        "Round" => (One(|node| map(node, Tensor::f_round)), ""),
        "Sqrt" => (One(|node| map(node, Tensor::f_sqrt)), ""),
        "Reciprocal" => (One(|node| map(node, Tensor::f_reciprocal)), ""),
        "Exp" => (One(|node| map(node, Tensor::f_exp)), ""),
        "Log" => (One(|node| map(node, Tensor::f_log)), ""),
        "Erf" => (One(|node| map(node, Tensor::f_erf)), ""),
        "Sin" => (One(|node| map(node, Tensor::f_sin)), ""),
        "Cos" => (One(|node| map(node, Tensor::f_cos)), ""),
        "Tan" => (One(|node| map(node, Tensor::f_tan)), ""),
        "Atan" => (One(|node| map(node, Tensor::f_atan)), ""),
        "Cast" => (One(arithmetic::cast), "round_mode saturate to"),
        "CastLike" => (One(arithmetic::cast_like), "round_mode saturate"),
        "Identity" => (One(arithmetic::identity), ""),
        "Constant" => (One(arithmetic::constant), "value value_float value_floats value_int value_ints"),
        "ConstantOfShape" => (One(arithmetic::constant_of_shape), "value"),
        "Range" => (One(arithmetic::range), ""),
        _ => return None,
    })
}

fn of_comparisons(name: &str) -> Option<Operator> {
    Some(match name {
        "Equal" => (One(|node| arithmetic::fold(node, Tensor::f_eq_tensor)), ""),
        "Greater" => (One(|node| arithmetic::fold(node, Tensor::f_gt_tensor)), ""),
        "GreaterOrEqual" => (One(|node| arithmetic::fold(node, Tensor::f_ge_tensor)), ""),
        "Less" => (One(|node| arithmetic::fold(node, Tensor::f_lt_tensor)), ""),
        "LessOrEqual" => (One(|node| arithmetic::fold(node, Tensor::f_le_tensor)), ""),
        "And" => (One(|node| arithmetic::fold(node, Tensor::f_logical_and)), ""),
        "Or" => (One(|node| arithmetic::fold(node, Tensor::f_logical_or)), ""),
        "Xor" => (One(|node| arithmetic::fold(node, Tensor::f_logical_xor)), ""),
        "Not" => (One(|node| map(node, Tensor::f_logical_not)), ""),
        "IsNaN" => (One(|node| map(node, Tensor::f_isnan)), ""),
        "IsInf" => (One(arithmetic::is_infinite), "detect_negative detect_positive"),
        "Where" => (One(arithmetic::choose), ""),
        _ => return None,
    })
}

fn of_shapes(name: &str) -> Option<Operator> {
    Some(match name {
        "Shape" => (One(shapes::shape), "end start"),
        "Size" => (One(shapes::size), ""),
        "Reshape" => (One(shapes::reshape), "allowzero"),
        "Flatten" => (One(shapes::flatten), "axis"),
        "Transpose" => (One(shapes::transpose), "perm"),
        "Squeeze" => (One(shapes::squeeze), "axes"),
        "Unsqueeze" => (One(shapes::unsqueeze), "axes"),
        "Expand" => (One(shapes::expand), ""),
        "Tile" => (One(shapes::tile), ""),
        "Concat" => (One(shapes::concat), "axis"),
        "Split" => (Several(shapes::split), "axis num_outputs split"),
        "Slice" => (One(shapes::slice), "axes ends starts"),
        "DepthToSpace" => (One(shapes::depth_to_space), "blocksize mode"),
        "SpaceToDepth" => (One(shapes::space_to_depth), "blocksize mode"),
        _ => return None,
    })
}

fn of_places(name: &str) -> Option<Operator> {
    Some(match name {
        "Gather" => (One(indexing::gather), "axis"),
        "GatherElements" => (One(indexing::gather_elements), "axis"),
        "GatherND" => (One(indexing::gather_nd), "batch_dims"),
        "ScatterElements" => (One(indexing::scatter_elements), "axis reduction"),
        "ScatterND" => (One(indexing::scatter_nd), "reduction"),
        "NonZero" => (One(indexing::non_zero), ""),
        "OneHot" => (One(indexing::one_hot), "axis"),
        "Trilu" => (One(indexing::triangle), "upper"),
        "Pad" => (One(indexing::pad), "mode pads value"),
        _ => return None,
    })
}

fn of_reductions(name: &str) -> Option<Operator> {
    let axes = "axes keepdims noop_with_empty_axes";
    let place = "axis keepdims select_last_index";
    Some(match name {
        "ReduceSum" => (One(|node| reduction::reduce(node, reduction::sum)), axes),
        "ReduceMean" => (One(|node| reduction::reduce(node, reduction::mean)), axes),
        "ReduceMax" => (One(|node| reduction::reduce(node, |x, axes, keep| x.f_amax(axes, keep))), axes),
        "ReduceMin" => (One(|node| reduction::reduce(node, |x, axes, keep| x.f_amin(axes, keep))), axes),
        "ReduceProd" => (One(|node| reduction::reduce(node, reduction::product)), axes),
        "ReduceL1" => (One(|node| reduction::reduce(node, reduction::norm_1)), axes),
        "ReduceL2" => (One(|node| reduction::reduce(node, reduction::norm_2)), axes),
        "ReduceSumSquare" => (One(|node| reduction::reduce(node, reduction::sum_of_squares)), axes),
        "ReduceLogSum" => (One(|node| reduction::reduce(node, reduction::log_of_sum)), axes),
        "ReduceLogSumExp" => {
            (One(|node| reduction::reduce(node, |x, axes, keep| x.f_logsumexp(axes, keep))), axes)
        }
        "ArgMax" => (One(|node| reduction::place(node, |x, axis, keep| x.f_argmax(axis, keep))), place),
        "ArgMin" => (One(|node| reduction::place(node, |x, axis, keep| x.f_argmin(axis, keep))), place),
        "CumSum" => (One(reduction::running_sum), "exclusive reverse"),
        "TopK" => (Several(reduction::top), "axis k largest sorted"),
        _ => return None,
    })
}
