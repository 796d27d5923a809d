//! ONNX's own tests of operators: folders `NAME/model.onnx` with inputs and outputs in `NAME/test_data_set_N`.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use tch::{Kind, Tensor};

use super::data::tensor_of;
use super::{OnnxError, OnnxNetwork};
use crate::Error;
use crate::export::proto::{DataType, TensorProto};

/// The folder of the tests; without it, there is nothing to test.
const FOLDER: &str = "EM_ONNX_NODE_TESTS";

#[derive(Debug)]
enum Outcome {
    Passed,
    /// It is refused with a message.
    Unknown(String),
    Wrong(String),
}

#[test]
fn operators_compute_what_the_tests_of_onnx_expect() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let outcomes: Vec<(String, Outcome)> =
        cases.iter().map(|case| (case.file_name().unwrap().display().to_string(), outcome(case))).collect();
    let count =
        |matching: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| matching(outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let wrong = count(|outcome| matches!(outcome, Outcome::Wrong(_)));
    for (name, outcome) in &outcomes {
        match outcome {
            Outcome::Passed => {}
            Outcome::Unknown(problem) => println!("unknown {name}: {problem}"),
            Outcome::Wrong(problem) => println!("WRONG {name}: {problem}"),
        }
    }
    println!("{passed} passed, {wrong} wrong, {} unknown", outcomes.len() - passed - wrong);
    assert_eq!(wrong, 0);
    assert!(passed > 0, "no test was found");
}

fn outcome(case: &Path) -> Outcome {
    let Ok(bytes) = fs::read(case.join("model.onnx")) else {
        return Outcome::Unknown("no model.onnx".into());
    };
    let (network, mut weights) = match OnnxNetwork::read(&bytes, Some(case)) {
        Ok(read) => read,
        Err(error) => return Outcome::Unknown(error.to_string()),
    };
    let network = match OnnxNetwork::from_structure(&network.structure()) {
        Ok(network) => network,
        Err(error) => return Outcome::Wrong(format!("structure: {error}")),
    };
    let weights: Vec<Tensor> =
        network.weight_sizes().iter().map(|(name, _)| weights.remove(name).unwrap()).collect();
    for set in (0..).map(|i| case.join(format!("test_data_set_{i}"))).take_while(|set| set.is_dir()) {
        let (inputs, expected) = match (tensors(&set, "input"), tensors(&set, "output")) {
            (Ok(inputs), Ok(expected)) => (inputs, expected),
            (Err(error), _) | (_, Err(error)) => return Outcome::Unknown(error.to_string()),
        };
        let inputs: Vec<Tensor> = inputs.into_iter().map(|(input, _)| input).collect();
        let outputs = match network.run(&weights, &inputs).map_err(Error::from) {
            Ok(outputs) => outputs,
            Err(error) => return Outcome::Unknown(error.to_string()),
        };
        if outputs.len() != expected.len() {
            return Outcome::Wrong(format!("{} outputs, expected {}", outputs.len(), expected.len()));
        }
        for (output, (expected, data_type)) in outputs.iter().zip(&expected) {
            if let Some(difference) = difference(output, expected, *data_type) {
                return Outcome::Wrong(difference);
            }
        }
    }
    Outcome::Passed
}

/// Tensors with the types that their numbers are written in.
fn tensors(set: &Path, what: &str) -> Result<Vec<(Tensor, DataType)>, OnnxError> {
    let files = (0..).map(|i| set.join(format!("{what}_{i}.pb"))).take_while(|path| path.is_file());
    let tensors = files.map(|path| {
        let tensor = TensorProto::decode(fs::read(path).unwrap().as_slice());
        let tensor = tensor.map_err(|error| OnnxError::Bytes(error.to_string()))?;
        Ok((tensor_of(&tensor, None)?, tensor.data_type()))
    });
    tensors.collect()
}

/// How an output differs by more than rounding, to the type of what is expected.
fn difference(output: &Tensor, expected: &Tensor, data_type: DataType) -> Option<String> {
    let found = (output.size(), output.kind());
    if found != (expected.size(), expected.kind()) {
        return Some(format!("{found:?}, expected {:?}", (expected.size(), expected.kind())));
    }
    // Floats of 16 bits are computed with as many elsewhere, and one expectation is written with 4 digits.
    let (kind, relative, absolute) = match (data_type, expected.kind()) {
        (DataType::Float16, _) => (Kind::Half, 2e-3, 1e-3),
        (DataType::Bfloat16, _) => (Kind::BFloat16, 2e-2, 1e-2),
        (_, Kind::Float) => (Kind::Float, 1e-4, 6e-5),
        (_, kind) => (kind, 0.0, 0.0),
    };
    let rounded = |tensor: &Tensor| tensor.to_kind(kind).to_kind(Kind::Double);
    let (output, expected) = (rounded(output), rounded(expected));
    let finite = expected.abs().nan_to_num(0.0, 0.0, 0.0);
    let scale = if finite.numel() == 0 { 1.0 } else { f64::try_from(finite.max()).unwrap().max(1.0) };
    if output.allclose(&expected, relative, absolute * scale, true) {
        return None;
    }
    let largest = (output - &expected).abs().max();
    Some(format!("differs by {largest:?} from numbers up to {:?}", expected.abs().max()))
}
