//! Builds a network from weights, for `weights.py`: `import_weights WEIGHTS NETWORK OUTPUT [SLOPE|-] [GROUPS|-]`.
//!
//! Writes ONNX, or the tensors of a network of our own as safetensors, with its numbers as the entry
//! `architecture`.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use em_pipeline::import::weights::{Built, Choices, Network, network_with, read};
use prost::Message;
use safetensors::tensor::{Dtype, TensorView};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, name, output, choices @ ..] = arguments.as_slice() else {
        return Err("usage: import_weights WEIGHTS NETWORK OUTPUT [SLOPE|-] [GROUPS|-]".into());
    };
    let given = |place: usize| choices.get(place).filter(|choice| *choice != "-");
    let mut chosen = Choices::default();
    chosen.negative_slope = given(0).map(|slope| slope.parse()).transpose()?;
    chosen.groups = given(1).map(|groups| groups.parse()).transpose()?;
    let dict = read(Path::new(weights))?;
    let kind: Network = name.parse()?;
    if Network::of(&dict) != Some(kind) {
        return Err(format!("guessed {:?}, expected {kind:?}", Network::of(&dict)).into());
    }
    match network_with(&dict, kind, chosen)? {
        Built::Onnx(model) => std::fs::write(output, model.encode_to_vec())?,
        Built::Own { architecture, tensors } => {
            let bytes =
                |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
            let tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = tensors
                .iter()
                .map(|(name, tensor)| (name.as_str(), tensor.shape.clone(), bytes(&tensor.values)))
                .collect();
            let views = tensors
                .iter()
                .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
                .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
            let metadata = HashMap::from([("architecture".to_owned(), format!("{architecture:?}"))]);
            std::fs::write(output, safetensors::serialize(views, Some(metadata))?)?;
        }
    }
    Ok(())
}
