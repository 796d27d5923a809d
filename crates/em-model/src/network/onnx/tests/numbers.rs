//! Operators on shapes, places and single numbers. Expected are the numbers of NumPy for the same.

use super::*;

fn range(count: i64) -> Tensor {
    Tensor::arange(count, (Kind::Float, tch::Device::Cpu))
}

#[test]
fn pad_repeats_what_the_mode_says() {
    let padded = |before, behind, mode| {
        let inputs = [floats(&[1.0, 2.0, 3.0], &[3]), integers(&[before, behind])];
        applied("Pad", 19, &inputs.map(Some), &[text("mode", mode)])
    };
    check(padded(2, 1, "reflect"), &[6], &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
    check(padded(2, 1, "edge"), &[6], &[1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
    check(padded(4, 5, "wrap"), &[12], &[3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
    check(padded(1, -1, "edge"), &[3], &[1.0, 1.0, 2.0]);
}

#[test]
fn pad_of_a_value_knows_axes_and_the_attributes_of_older_files() {
    let input = floats(&[1.0, 2.0, 3.0, 4.0], &[2, 2]);
    let inputs = [input.shallow_clone(), integers(&[1, -1]), floats(&[9.0], &[]), integers(&[-1])];
    check(applied("Pad", 19, &inputs.map(Some), &[]), &[2, 2], &[9.0, 1.0, 9.0, 3.0]);
    let older = [ints("pads", &[0, 1, 0, 0]), float("value", 7.0)];
    check(applied("Pad", 9, &[Some(input)], &older), &[2, 3], &[7.0, 1.0, 2.0, 7.0, 3.0, 4.0]);
}

#[test]
fn slice_goes_backwards_and_beyond_the_ends() {
    let sliced = |start, end, step| {
        let inputs = [range(10), integers(&[start]), integers(&[end]), integers(&[0]), integers(&[step])];
        applied("Slice", 13, &inputs.map(Some), &[])
    };
    check(sliced(8, 1, -3), &[3], &[8.0, 5.0, 2.0]);
    check(sliced(-1, -100, -4), &[3], &[9.0, 5.0, 1.0]);
    check(sliced(2, 100, 3), &[3], &[2.0, 5.0, 8.0]);
    check(sliced(-3, -1, 1), &[2], &[7.0, 8.0]);
    check(sliced(100, i64::MIN, -5), &[2], &[9.0, 4.0]);
    check(sliced(4, i64::MAX, i64::MAX), &[1], &[4.0]);
    check(sliced(4, i64::MIN, i64::MIN), &[1], &[4.0]);
    assert!(sliced(0, 5, 0).unwrap_err().contains("has a step of 0"));
    let older = [ints("starts", &[1]), ints("ends", &[3])];
    check(applied("Slice", 9, &[Some(range(4))], &older), &[2], &[1.0, 2.0]);
}

#[test]
fn reshape_keeps_lengths_and_finds_one() {
    let shaped = |shape: &[i64], attributes: &[AttributeProto]| {
        let inputs = [range(6).reshape([2, 3]), integers(shape)];
        applied("Reshape", 14, &inputs.map(Some), attributes).map(|tensor| tensor.size())
    };
    assert_eq!(shaped(&[0, -1, 1], &[]).unwrap(), [2, 3, 1]);
    assert_eq!(shaped(&[-1], &[]).unwrap(), [6]);
    assert!(shaped(&[6, 1, 0], &[]).unwrap_err().contains("keeps the length of axis 2"));
    assert!(shaped(&[0, 6], &[int("allowzero", 1)]).unwrap_err().contains("Reshape"));
}

#[test]
fn integers_divide_towards_zero_and_remainders_have_the_sign_of_the_divisor() {
    let inputs = || [integers(&[-7, 7]), integers(&[3, -3])].map(Some);
    check(applied("Div", 13, &inputs(), &[]), &[2], &[-2.0, -2.0]);
    check(applied("Mod", 13, &inputs(), &[]), &[2], &[2.0, -2.0]);
    check(applied("Mod", 13, &inputs(), &[int("fmod", 1)]), &[2], &[-1.0, 1.0]);
    let by_zero = [integers(&[1]), integers(&[0])].map(Some);
    assert!(applied("Div", 13, &by_zero, &[]).unwrap_err().contains("the_div"));
}

#[test]
fn places_count_from_the_end_and_may_not_lie_outside() {
    let taken = |place| applied("Gather", 13, &[range(5), integers(&[place])].map(Some), &[]);
    check(taken(-1), &[1], &[4.0]);
    assert!(taken(5).unwrap_err().contains("Gather"));
    assert!(taken(-6).unwrap_err().contains("Gather"));
}

#[test]
fn sums_run_without_the_value_itself_and_backwards() {
    let axis = Tensor::from(0_i64);
    let attributes = [int("exclusive", 1), int("reverse", 1)];
    check(applied("CumSum", 14, &[range(4), axis].map(Some), &attributes), &[4], &[6.0, 5.0, 3.0, 0.0]);
}

#[test]
fn axes_of_reductions_are_attributes_or_an_input() {
    let input = range(6).reshape([2, 3]);
    let older = applied("ReduceMean", 13, &[Some(input.shallow_clone())], &[ints("axes", &[1])]);
    check(older, &[2, 1], &[1.0, 4.0]);
    let newer = [input.shallow_clone(), integers(&[-1])].map(Some);
    check(applied("ReduceMean", 18, &newer, &[int("keepdims", 0)]), &[2], &[1.0, 4.0]);
    let kept = applied("ReduceMean", 18, &[Some(input)], &[int("noop_with_empty_axes", 1)]);
    check(kept, &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn what_no_memory_holds_is_an_error() {
    let huge = || Some(integers(&[i64::MAX / 4]));
    let refused = |operator: &str, inputs: &[Option<Tensor>], attributes: &[AttributeProto]| {
        let error = applied(operator, 19, inputs, attributes).unwrap_err();
        assert!(error.contains(operator), "{error}");
    };
    refused("Resize", &[Some(range(4)), None, None, huge()], &[text("mode", "linear")]);
    let [one, two] = [integers(&[1]), integers(&[2])].map(Some);
    refused("Range", &[one, huge(), two], &[]);
    refused("Pad", &[Some(range(4)), Some(integers(&[i64::MAX / 4, i64::MAX]))], &[text("mode", "edge")]);
    refused("ConstantOfShape", &[huge()], &[]);
    refused("OneHot", &[Some(integers(&[1])), huge(), Some(range(2))], &[]);
}

#[test]
fn norms_of_all_axes_have_gradients_at_zero() {
    let nodes = vec![node("ReduceL2", "x", "y", &[int("keepdims", 0)])];
    let network = read(&model(17, graph("x", nodes, Vec::new(), "y"))).unwrap();
    let norm = |x: &[f32]| {
        let x = floats(x, &[1, 2, 1, 2]).set_requires_grad(true);
        let y = run(&network, &[], &[x.shallow_clone()]).unwrap().remove(0);
        y.backward();
        (y.detach(), x.grad())
    };
    let (size, slope) = norm(&[1.0, -2.0, 2.0, 4.0]);
    check(Ok(size), &[], &[5.0]);
    check(Ok(slope), &[1, 2, 1, 2], &[0.2, -0.4, 0.4, 0.8]);
    check(Ok(norm(&[0.0; 4]).1), &[1, 2, 1, 2], &[0.0; 4]);
}
