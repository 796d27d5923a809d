//! Numbers of onnxruntime 1.32 for `f(1, 3, 4, 8)` and the like, most of them checked by hand.

use super::*;

/// Resizes the four values 1, 3, 4, 8 to `length`, with all of them on the last of four axes.
fn resized(length: i64, mode: &str, coordinates: &str, more: &[AttributeProto]) -> Result<Tensor, String> {
    let input = floats(&[1.0, 3.0, 4.0, 8.0], &[1, 1, 1, 4]);
    let inputs = [Some(input), None, None, Some(integers(&[1, 1, 1, length]))];
    let attributes = [text("mode", mode), text("coordinate_transformation_mode", coordinates)];
    applied("Resize", 19, &inputs, &[&attributes, more].concat())
}

#[track_caller]
fn check_resized(length: i64, mode: &str, coordinates: &str, numbers: &[f64]) {
    check(resized(length, mode, coordinates, &[]), &[1, 1, 1, length], numbers);
}

#[test]
fn resize_takes_nearest_values_by_each_transformation() {
    check_resized(6, "nearest", "half_pixel", &[1.0, 1.0, 3.0, 4.0, 4.0, 8.0]);
    check_resized(6, "nearest", "align_corners", &[1.0, 3.0, 3.0, 4.0, 4.0, 8.0]);
    check_resized(6, "nearest", "asymmetric", &[1.0, 3.0, 3.0, 4.0, 8.0, 8.0]);
    check_resized(3, "nearest", "half_pixel", &[1.0, 3.0, 8.0]);
    check_resized(8, "nearest", "half_pixel", &[1.0, 1.0, 3.0, 3.0, 4.0, 4.0, 8.0, 8.0]);
    let rounded = |nearest| resized(6, "nearest", "half_pixel", &[text("nearest_mode", nearest)]);
    check(rounded("round_prefer_ceil"), &[1, 1, 1, 6], &[1.0, 3.0, 3.0, 4.0, 8.0, 8.0]);
    check(rounded("floor"), &[1, 1, 1, 6], &[1.0, 1.0, 3.0, 3.0, 4.0, 8.0]);
    check(rounded("ceil"), &[1, 1, 1, 6], &[1.0, 3.0, 4.0, 4.0, 8.0, 8.0]);
}

#[test]
fn resize_interpolates_by_each_transformation() {
    check_resized(6, "linear", "half_pixel", &[1.0, 2.0, 3.166667, 3.833333, 6.0, 8.0]);
    check_resized(6, "linear", "align_corners", &[1.0, 2.2, 3.2, 3.8, 5.6, 8.0]);
    check_resized(6, "linear", "asymmetric", &[1.0, 2.333333, 3.333333, 4.0, 6.666667, 8.0]);
    check_resized(3, "linear", "pytorch_half_pixel", &[1.333333, 3.5, 7.333333]);
    check_resized(6, "cubic", "half_pixel", &[0.826389, 1.90625, 3.247689, 3.543983, 6.09375, 8.347222]);
    check_resized(6, "cubic", "align_corners", &[1.0, 2.116, 3.272003, 3.488001, 5.66, 8.0]);
    check_resized(6, "cubic", "asymmetric", &[1.0, 2.259259, 3.314813, 4.0, 6.796297, 8.444448]);
    let inside =
        resized(6, "cubic", "half_pixel", &[int("exclude_outside", 1), float("cubic_coeff_a", -0.5)]);
    check(inside, &[1, 1, 1, 6], &[0.868422, 1.882353, 3.189813, 3.671297, 6.176471, 8.263158]);
}

#[test]
fn resize_goes_by_the_scale_where_it_gives_no_whole_length() {
    let by_scale = |coordinates: &str| {
        let input = floats(&[1.0, 3.0, 4.0, 8.0], &[1, 1, 1, 4]);
        let scales = floats(&[1.0, 1.0, 1.0, 1.7], &[4]);
        let attributes = [text("mode", "linear"), text("coordinate_transformation_mode", coordinates)];
        applied("Resize", 19, &[Some(input), None, Some(scales)], &attributes)
    };
    check(by_scale("half_pixel"), &[1, 1, 1, 6], &[1.0, 1.764706, 2.941176, 3.558824, 4.588235, 6.941176]);
    let symmetric = [1.058824, 2.235294, 3.205883, 3.794118, 5.529412, 7.882353];
    check(by_scale("half_pixel_symmetric"), &[1, 1, 1, 6], &symmetric);
    assert!(by_scale("align_corners").unwrap_err().contains("expected a scale that gives a whole number"));
    let crop = by_scale("tf_crop_and_resize").unwrap_err();
    assert!(crop.contains("`the_resize` (Resize) has coordinate_transformation_mode tf_crop_and_resize"));
}

#[test]
fn upsample_of_older_files_begins_at_the_first_value() {
    let scaled = |operator, opset, scale, mode| {
        let input = floats(&[1.0, 3.0, 4.0, 8.0], &[1, 1, 1, 4]);
        let scales = floats(&[1.0, 1.0, 1.0, scale], &[4]);
        applied(operator, opset, &[Some(input), Some(scales)], &[text("mode", mode)])
    };
    let raised = [1.0, 2.333333, 3.333333, 4.0, 6.666667, 8.0];
    check(scaled("Upsample", 9, 1.5, "linear"), &[1, 1, 1, 6], &raised);
    check(scaled("Resize", 10, 1.5, "linear"), &[1, 1, 1, 6], &raised);
    check(scaled("Resize", 10, 1.5, "nearest"), &[1, 1, 1, 6], &[1.0, 1.0, 3.0, 4.0, 4.0, 8.0]);
    assert!(scaled("Resize", 10, 0.5, "nearest").unwrap_err().contains("expected that from opset 11 on"));
}

/// Pools 1, 7, 3, 4, 5.
fn pooled(operator: &str, attributes: &[AttributeProto]) -> Result<Tensor, String> {
    applied(operator, 19, &[Some(floats(&[1.0, 7.0, 3.0, 4.0, 5.0], &[1, 1, 5]))], attributes)
}

#[test]
fn pooling_counts_windows_that_are_not_whole_only_where_asked() {
    let window = [ints("kernel_shape", &[2]), ints("strides", &[2])];
    check(pooled("MaxPool", &window), &[1, 1, 2], &[7.0, 4.0]);
    let ceil = [&window[..], &[int("ceil_mode", 1)]].concat();
    check(pooled("MaxPool", &ceil), &[1, 1, 3], &[7.0, 4.0, 5.0]);
    check(pooled("AveragePool", &ceil), &[1, 1, 3], &[4.0, 3.5, 5.0]);
    // The third window would begin behind the input.
    let strides =
        [ints("kernel_shape", &[2]), ints("strides", &[3]), ints("pads", &[1, 1]), int("ceil_mode", 1)];
    check(pooled("MaxPool", &strides), &[1, 1, 2], &[1.0, 4.0]);
}

#[test]
fn pooling_pads_more_before_than_behind() {
    let window = [ints("kernel_shape", &[3]), ints("strides", &[2]), ints("pads", &[2, 0])];
    check(pooled("MaxPool", &window), &[1, 1, 3], &[1.0, 7.0, 5.0]);
    check(pooled("AveragePool", &window), &[1, 1, 3], &[1.0, 3.666667, 4.0]);
    let all = [&window[..], &[int("count_include_pad", 1)]].concat();
    check(pooled("AveragePool", &all), &[1, 1, 3], &[0.333333, 3.666667, 4.0]);
}

#[test]
fn convolutions_pad_more_at_one_end() {
    let convolved = |length: i64, attributes: &[AttributeProto]| {
        let input = floats(&[1.0, 7.0, 3.0, 4.0, 5.0], &[1, 1, 5]).narrow(2, 0, length);
        let weight = floats(&[1.0, 10.0, 100.0], &[1, 1, 3]);
        applied("Conv", 13, &[Some(input), Some(weight)], attributes)
    };
    check(convolved(5, &[ints("pads", &[2, 0])]), &[1, 1, 5], &[100.0, 710.0, 371.0, 437.0, 543.0]);
    let same = |side| [text("auto_pad", side), ints("strides", &[2])];
    check(convolved(5, &same("SAME_UPPER")), &[1, 1, 3], &[710.0, 437.0, 54.0]);
    check(convolved(4, &same("SAME_UPPER")), &[1, 1, 2], &[371.0, 43.0]);
    check(convolved(4, &same("SAME_LOWER")), &[1, 1, 2], &[710.0, 437.0]);
}

#[test]
fn transposed_convolutions_cut_more_at_one_end() {
    let raised = |attributes: &[AttributeProto]| {
        let weight = floats(&[1.0, 10.0, 100.0], &[1, 1, 3]);
        let inputs = [floats(&[1.0, 2.0, 3.0], &[1, 1, 3]), weight, floats(&[0.5], &[1])];
        let attributes = [&[ints("strides", &[2])], attributes].concat();
        applied("ConvTranspose", 13, &inputs.map(Some), &attributes)
    };
    let whole = [1.5, 10.5, 102.5, 20.5, 203.5, 30.5, 300.5];
    check(raised(&[]), &[1, 1, 7], &whole);
    check(raised(&[ints("pads", &[1, 0])]), &[1, 1, 6], &whole[1..]);
    check(raised(&[ints("pads", &[1, 1]), ints("output_padding", &[1])]), &[1, 1, 6], &whole[1..]);
    check(raised(&[ints("output_shape", &[5])]), &[1, 1, 5], &whole[1..6]);
    check(raised(&[ints("output_shape", &[6])]), &[1, 1, 6], &whole[1..]);
    check(raised(&[text("auto_pad", "SAME_UPPER")]), &[1, 1, 6], &whole[..6]);
}

#[test]
fn softmax_took_the_last_axes_together_before_opset_13() {
    let shares = |opset, attributes: &[AttributeProto]| {
        let input = floats(&[0.0, 1.0, 2.0, 3.0, 1.0, 1.0, 2.0, 5.0], &[2, 2, 2]);
        applied("Softmax", opset, &[Some(input)], attributes)
    };
    let together = [0.032059, 0.087144, 0.236883, 0.643914, 0.016859, 0.016859, 0.045827, 0.920456];
    check(shares(11, &[]), &[2, 2, 2], &together);
    let last = [0.268941, 0.731059, 0.268941, 0.731059, 0.5, 0.5, 0.047426, 0.952574];
    check(shares(13, &[]), &[2, 2, 2], &last);
    check(shares(11, &[int("axis", 2)]), &[2, 2, 2], &last);
}

#[test]
fn group_norm_has_a_gain_for_each_group_before_opset_21() {
    let normed = |opset, gain: &[f32], shift: &[f32]| {
        let input = floats(&[0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0], &[1, 4, 2]);
        let channels = [gain.len() as i64];
        let inputs = [input, floats(gain, &channels), floats(shift, &channels)];
        applied("GroupNormalization", opset, &inputs.map(Some), &[int("num_groups", 2)])
    };
    let by_channel = [-1.0, -0.714285, 1.285714, 4.142856, -3.76855, -1.58036, 2.458794, 6.673086];
    check(normed(21, &[1.0, 2.0, 3.0, 4.0], &[0.0, 1.0, 0.0, 1.0]), &[1, 4, 2], &by_channel);
    let by_group = normed(18, &[1.0, 3.0], &[0.0, 0.0]).unwrap();
    let same = normed(21, &[1.0, 1.0, 3.0, 3.0], &[0.0; 4]).unwrap();
    assert!(by_group.equal(&same));
}

#[test]
fn networks_that_are_exported_for_training_are_refused() {
    let inputs = || [2, 1, 1, 1, 1].map(|axes| floats(&[1.0], &vec![1; axes])).map(Some);
    check(applied("BatchNormalization", 15, &inputs(), &[float("epsilon", 0.0)]), &[1, 1], &[1.0]);
    let error = applied("BatchNormalization", 15, &inputs(), &[int("training_mode", 1)]).unwrap_err();
    assert!(error.contains("has training_mode 1, expected 0"), "{error}");
}

#[test]
fn gradients_reach_weights_and_inputs() {
    // y = sum(relu(w x + b)), where the first of two is below zero.
    let weights = vec![initializer("w", &[2, 1, 1], &[-1.0, 2.0]), initializer("b", &[2], &[0.5, 0.25])];
    let nodes = vec![node("Conv", "x w b", "c", &[]), node("Relu", "c", "r", &[]), {
        node("ReduceSum", "r", "y", &[int("keepdims", 0)])
    }];
    let file = model(13, graph("x", nodes, weights, "y"));
    let (network, mut weights) = OnnxNetwork::read(&file.encode_to_vec(), None).unwrap();
    let learned = |name| weights.remove(name).unwrap().set_requires_grad(true);
    let weights = ["w", "b"].map(learned);
    let input = floats(&[1.0, 3.0], &[1, 1, 2]).set_requires_grad(true);
    let loss = run(&network, &weights, &[input.shallow_clone()]).unwrap().remove(0);
    loss.backward();
    check(Ok(loss.detach()), &[], &[8.5]);
    check(Ok(weights[0].grad()), &[2, 1, 1], &[0.0, 4.0]);
    check(Ok(weights[1].grad()), &[2], &[0.0, 2.0]);
    check(Ok(input.grad()), &[1, 1, 2], &[2.0, 2.0]);
}
