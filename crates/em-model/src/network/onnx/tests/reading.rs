//! What is read, what is weights, and what is said of files that are damaged or ask for more than is known.

use std::fs;

use super::super::Axis;
use super::*;
use crate::export::proto::{Dimension, FunctionProto, Length, StringStringEntryProto, TensorShapeProto};

/// `y = relu(w x + b)` on matrices, clipped at 6 by an initializer.
fn small() -> ModelProto {
    let weights = vec![
        initializer("w", &[2, 2], &[1.0, -2.0, 3.0, 4.0]),
        initializer("b", &[2], &[0.5, 0.0]),
        initializer("most", &[1], &[6.0]),
        initializer("half", &[], &[0.5]),
    ];
    let nodes = vec![
        node("MatMul", "x w", "a", &[]),
        node("Add", "a b", "c", &[]),
        node("Mul", "c half", "d", &[]),
        node("Clip", "d - most", "e", &[]),
        node("Relu", "e", "y", &[]),
    ];
    model(17, graph("x", nodes, weights, "y"))
}

fn input() -> Tensor {
    floats(&[1.0, 2.0], &[1, 2])
}

#[test]
fn weights_are_floats_along_axes_and_no_settings() {
    let (network, weights) = OnnxNetwork::read(&small().encode_to_vec(), None).unwrap();
    assert_eq!(network.weight_sizes(), [("w".into(), vec![2, 2]), ("b".into(), vec![2])]);
    assert_eq!(weights.keys().collect::<Vec<_>>(), ["b", "w"]);
    let weights = [&weights["w"], &weights["b"]].map(Tensor::shallow_clone);
    // (1 + 6 + 0.5, -2 + 8) / 2
    check(run(&network, &weights, &[input()]).map(|mut y| y.remove(0)), &[1, 2], &[3.75, 3.0]);
    let twice = weights.map(|weight| weight * 2.0);
    check(run(&network, &twice, &[input()]).map(|mut y| y.remove(0)), &[1, 2], &[6.0, 6.0]);
}

#[test]
fn the_structure_is_the_network_without_its_weights() {
    let mut file = small();
    // Half a MiB, as a node.
    let many = TensorProto { name: String::new(), ..initializer("", &[1 << 17], &vec![0.5; 1 << 17]) };
    let r#type = AttributeType::Tensor as i32;
    let many = AttributeProto { name: "value".into(), r#type, t: Some(many), ..Default::default() };
    let graph = file.graph.as_mut().unwrap();
    graph.node.insert(0, node("Constant", "", "many", &[many]));
    graph.node.push(node("ReduceMean", "many", "mean", &[int("keepdims", 0)]));
    graph.node.push(node("Add", "y mean", "z", &[]));
    graph.output = vec![value("z", DataType::Float)];
    let (network, mut weights) = OnnxNetwork::read(&file.encode_to_vec(), None).unwrap();
    let structure = network.structure();
    assert!(structure.len() < 1000, "{} bytes", structure.len());
    let again = OnnxNetwork::from_structure(&structure).unwrap();
    assert_eq!(again.weight_sizes(), network.weight_sizes());
    assert_eq!(again.structure(), structure);
    let weights: Vec<Tensor> =
        again.weight_sizes().iter().map(|(name, _)| weights.remove(name).unwrap()).collect();
    assert_eq!(weights.len(), 3);
    check(run(&again, &weights, &[input()]).map(|mut y| y.remove(0)), &[1, 2], &[4.25, 3.5]);
}

#[test]
fn ports_tell_fixed_and_free_axes_and_are_kept_to() {
    let mut file = small();
    let dim = |value| Dimension { value: Some(value) };
    let dim = vec![dim(Length::Param("batch".into())), dim(Length::Value(2))];
    let tensor_type =
        Some(TensorTypeProto { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) });
    file.graph.as_mut().unwrap().input[0].r#type = Some(TypeProto { tensor_type });
    // Older files list initializers among the inputs.
    file.graph.as_mut().unwrap().input.push(value("w", DataType::Float));
    let (network, weights) = OnnxNetwork::read(&file.encode_to_vec(), None).unwrap();
    let inputs = network.inputs();
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].axes, [Axis::Free(Some("batch".into())), Axis::Fixed(2)]);
    assert_eq!(network.outputs()[0].axes, []);
    let weights = [&weights["w"], &weights["b"]].map(Tensor::shallow_clone);
    let wrong = run(&network, &weights, &[floats(&[1.0; 3], &[1, 3])]).unwrap_err();
    assert!(wrong.contains("[1, 3] as `x`, expected Float"), "{wrong}");
    assert!(run(&network, &weights[..1], &[input()]).unwrap_err().contains("other weights than its 2"));
    assert!(run(&network, &weights, &[]).unwrap_err().contains("0 inputs, expected 1"));
}

#[test]
fn all_unknown_operators_are_named_at_once() {
    let nodes = vec![
        node("Loop", "x", "a", &[]),
        node("Relu", "a", "b", &[]),
        NodeProto { domain: "com.maker".into(), ..node("Fused", "b", "c", &[]) },
        node("Loop", "c", "y", &[]),
    ];
    let error = read(&model(17, graph("x", nodes, Vec::new(), "y"))).unwrap_err().to_string();
    assert_eq!(
        error,
        "ONNX operators that are not known: Loop (first at node `the_loop`), com.maker.Fused (first at node \
         `the_fused`)"
    );
}

#[test]
fn unknown_attributes_and_opsets_are_named() {
    let of =
        |opset, node| read(&model(opset, graph("x", vec![node], Vec::new(), "y"))).unwrap_err().to_string();
    let error = of(17, node("Relu", "x", "y", &[float("slope", 0.1)]));
    assert!(error.contains("node `the_relu` (Relu) has an attribute slope, expected none but"), "{error}");
    assert!(of(6, node("Relu", "x", "y", &[])).contains("opset 6, expected 7 to"));
    assert!(of(99, node("Relu", "x", "y", &[])).contains("opset 99, expected 7 to"));
    let error = of(17, node("MaxPool", "x", "y places", &[ints("kernel_shape", &[2])]));
    assert!(error.contains("has outputs 2, expected 1"), "{error}");
    let error = of(17, node("Cast", "x", "y", &[int("to", 8)]));
    assert!(error.contains("has to 8, expected a type of floats or integers"), "{error}");
}

#[test]
fn numbers_are_read_from_files_beside_the_network_only() {
    let folder = tempfile::tempdir().unwrap();
    let numbers: Vec<u8> =
        [9.0_f32, 1.0, -2.0, 3.0, 4.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    fs::write(folder.path().join("weights.bin"), numbers).unwrap();
    let external = |location: &str, offset: &str, length: &str| {
        let entry = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
        let mut file = small();
        let weight = &mut file.graph.as_mut().unwrap().initializer[0];
        weight.float_data.clear();
        weight.data_location = 1;
        weight.external_data =
            vec![entry("location", location), entry("offset", offset), entry("length", length)];
        let read = OnnxNetwork::read(&file.encode_to_vec(), Some(folder.path()));
        read.map(|(_, weights)| weights["w"].shallow_clone()).map_err(|error| error.to_string())
    };
    check(external("weights.bin", "4", "16"), &[2, 2], &[1.0, -2.0, 3.0, 4.0]);
    assert!(external("weights.bin", "8", "16").unwrap_err().contains("tensor `w` has 12 bytes in"));
    assert!(
        external("weights.bin", "4", "12")
            .unwrap_err()
            .contains("has 12 bytes in `weights.bin`, expected 16")
    );
    assert!(external("weights.bin", "four", "16").unwrap_err().contains("at an offset that is no number"));
    for outside in ["../weights.bin", "/etc/passwd", "a/../../b"] {
        assert!(external(outside, "0", "16").unwrap_err().contains("expected one beside the network's file"));
    }
    assert!(external("missing.bin", "0", "16").unwrap_err().contains("missing.bin"));
}

#[test]
fn numbers_are_as_many_as_the_shape_tells() {
    let with = |dims: &[i64]| {
        let mut file = small();
        file.graph.as_mut().unwrap().initializer[0].dims = dims.into();
        read(&file).unwrap_err().to_string()
    };
    assert!(with(&[2, 3]).contains("tensor `w` has 16 bytes, expected 24 for its shape [2, 3]"));
    assert!(with(&[1 << 40]).contains("has 16 bytes"));
    assert!(with(&[1 << 40, 1 << 40]).contains("expected lengths"));
    assert!(with(&[i64::MAX]).contains("too large"));
    assert!(with(&[-1, 4]).contains("expected lengths"));
}

#[test]
fn graphs_that_cannot_be_computed_are_refused() {
    let of =
        |nodes: Vec<NodeProto>| read(&model(17, graph("x", nodes, Vec::new(), "y"))).unwrap_err().to_string();
    let missing = of(vec![node("Add", "x z", "y", &[])]);
    assert!(
        missing.contains("node `the_add` (Add) takes a value `z` that no node before it gives"),
        "{missing}"
    );
    let cycle =
        of(vec![node("Add", "x b", "a", &[]), node("Relu", "a", "b", &[]), node("Relu", "b", "y", &[])]);
    assert!(cycle.contains("takes a value `b`"), "{cycle}");
    assert!(of(vec![node("Relu", "x", "a", &[])]).contains("gives a value `y` that no node gives"));
    assert!(of(vec![node("Relu", "x", "x", &[])]).contains("two values `x`"));
    let twice = of(vec![node("Relu", "x", "y", &[]), node("Relu", "x", "y", &[])]);
    assert!(twice.contains("two values `y`"));
    assert!(read(&ModelProto::default()).unwrap_err().to_string().contains("no graph"));
    assert!(read(&ModelProto { opset_import: Vec::new(), ..small() }).is_err());
    let nothing = applied("Add", 17, &[None, None], &[]).unwrap_err();
    assert!(nothing.contains("takes an input 0, which is missing"), "{nothing}");
}

#[test]
fn damaged_bytes_are_errors() {
    let bytes = small().encode_to_vec();
    for length in 0..bytes.len() {
        let _ = OnnxNetwork::read(&bytes[..length], None).map(|_| ());
    }
    for (place, flip) in (0..bytes.len()).flat_map(|place| [1, 0x80, 0xff].map(|flip| (place, flip))) {
        let mut damaged = bytes.clone();
        damaged[place] ^= flip;
        let Ok((network, weights)) = OnnxNetwork::read(&damaged, None) else { continue };
        let weights: Vec<Tensor> =
            network.weight_sizes().iter().map(|(name, _)| weights[name].shallow_clone()).collect();
        let _ = run(&network, &weights, &[input()]);
    }
    assert!(OnnxNetwork::read(b"no network", None).unwrap_err().to_string().contains("no ONNX network"));
}

#[test]
fn one_branch_is_run_by_the_condition() {
    let double = graph("", vec![node("Add", "x x", "d", &[])], Vec::new(), "d");
    let negative = graph("", vec![node("Neg", "x", "n", &[])], Vec::new(), "n");
    let branches = [graph_attribute("then_branch", double), graph_attribute("else_branch", negative)];
    let nodes = vec![
        node("ReduceSum", "x", "sum", &[int("keepdims", 0)]),
        node("Greater", "sum zero", "positive", &[]),
        node("If", "positive", "y", &branches),
    ];
    let network = read(&model(17, graph("x", nodes, vec![initializer("zero", &[], &[0.0])], "y"))).unwrap();
    let of = |x: &[f32]| run(&network, &[], &[floats(x, &[2])]).map(|mut outputs| outputs.remove(0));
    check(of(&[1.0, 2.0]), &[2], &[2.0, 4.0]);
    check(of(&[-1.0, -2.0]), &[2], &[1.0, 2.0]);
}

/// A function `f(x) = leaky(x)` by its attribute `slope`, and a node that stands for it.
fn with_function(body: Vec<NodeProto>, attributes: &[AttributeProto]) -> ModelProto {
    let function = FunctionProto {
        name: "leaky".into(),
        domain: "own".into(),
        input: vec!["v".into(), "unused".into()],
        output: vec!["w".into()],
        node: body,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        attribute_proto: vec![float("slope", 0.5)],
        ..Default::default()
    };
    let stands = NodeProto { domain: "own".into(), ..node("leaky", "x", "y", attributes) };
    ModelProto { functions: vec![function], ..model(17, graph("x", vec![stands], Vec::new(), "y")) }
}

#[test]
fn functions_are_written_out_with_their_attributes() {
    let body = || {
        let slope = AttributeProto { ref_attr_name: "slope".into(), ..float("alpha", 0.0) };
        vec![node("LeakyRelu", "v", "w", &[slope])]
    };
    let of = |attributes: &[AttributeProto]| {
        let network = read(&with_function(body(), attributes)).unwrap();
        run(&network, &[], &[floats(&[-2.0, 2.0], &[2])]).map(|mut outputs| outputs.remove(0))
    };
    check(of(&[]), &[2], &[-1.0, 2.0]);
    check(of(&[float("slope", 0.25)]), &[2], &[-0.5, 2.0]);
}

#[test]
fn functions_within_themselves_are_refused() {
    let itself = || NodeProto { domain: "own".into(), ..node("leaky", "v", "w", &[]) };
    let error = read(&with_function(vec![itself()], &[])).unwrap_err().to_string();
    assert!(error.contains("inside each other"), "{error}");
    // Twice as many nodes at each depth.
    let twice = vec![NodeProto { output: vec!["a".into()], ..itself() }, itself()];
    assert!(read(&with_function(twice, &[])).unwrap_err().to_string().contains("inside each other"));
}

#[test]
fn values_are_let_go_after_their_last_use() {
    let network = read(&small()).unwrap();
    let let_go: Vec<usize> = network.plan.steps.iter().map(|step| step.done_with.len()).collect();
    // x and w, a and b, c and half, d and most, e.
    assert_eq!(let_go, [2, 2, 2, 2, 1]);
}

#[test]
fn functions_may_not_repeat_numbers_without_end() {
    // A MiB in the file, 2048 times.
    let many = TensorProto { raw_data: vec![0; 1 << 18], ..initializer("", &[1 << 18], &[]) };
    let r#type = AttributeType::Tensor as i32;
    let many = TensorProto { data_type: DataType::Int8 as i32, ..many };
    let many = AttributeProto { name: "value".into(), r#type, t: Some(many), ..Default::default() };
    let mut file =
        with_function(vec![node("Constant", "", "many", &[many]), node("Relu", "v", "w", &[])], &[]);
    let call = |i: usize| {
        let (from, to) = (if i == 0 { "x".into() } else { format!("v{i}") }, format!("v{}", i + 1));
        NodeProto { domain: "own".into(), ..node("leaky", &from, &to, &[]) }
    };
    let graph = file.graph.as_mut().unwrap();
    graph.node = (0..2048).map(call).collect();
    graph.output = vec![value("v2048", DataType::Float)];
    assert!(read(&file).unwrap_err().to_string().contains("numbers in its nodes"));
}
