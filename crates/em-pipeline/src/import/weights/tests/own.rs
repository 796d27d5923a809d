//! torch_unet.py's weights in a network of our own.

use em_model::Norm;

use super::kernels::{added, batch_normed, concatenated, convolved, max_pooled, rectified, upsampled};
use super::*;

fn built(name: &str) -> (Architecture, BTreeMap<String, Tensor>) {
    let dict = dict(name);
    assert_eq!(Network::of(&dict), Some(Network::TorchUnet), "{name}");
    match network(&dict, Network::TorchUnet).unwrap() {
        Built::Own { architecture, tensors } => (*architecture, tensors),
        Built::Onnx(_) => panic!("it is one of ours"),
    }
}

/// As `UNet::walk` of em-model goes through the layers.
fn forward(architecture: &Architecture, tensors: &BTreeMap<String, Tensor>, input: &Tensor) -> Tensor {
    let layer = |name: &str, input: &Tensor| {
        let convolved = convolved(input, &tensors[&format!("{name}.weight")], &[1, 1], None);
        let Some(bias) = tensors.get(&format!("{name}.bias")) else {
            let norm = name.replace("conv", "norm");
            let numbers = ["weight", "bias", "running_mean", "running_var"];
            return batch_normed(
                &convolved,
                numbers.map(|number| &tensors[&format!("{norm}.{number}")].values[..]),
            );
        };
        added(&convolved, &bias.values)
    };
    let block = |name: &str, input: &Tensor| {
        let features = rectified(&layer(&format!("{name}.conv1"), input), 0.0);
        rectified(&layer(&format!("{name}.conv2"), &features), 0.0)
    };
    let mut features = block("enc1", input);
    let mut skips = Vec::new();
    for level in 1..architecture.filters.len() {
        let pooled = max_pooled(&features, &[2, 2]);
        skips.push(features);
        features = block(&format!("enc{}", level + 1), &pooled);
    }
    for (level, skip) in skips.iter().enumerate().rev() {
        let up = format!("up{}", level + 1);
        let raised = upsampled(&features, &tensors[&format!("{up}.weight")]);
        let raised = added(&raised, &tensors[&format!("{up}.bias")].values);
        features = block(&format!("dec{}", level + 1), &concatenated(&raised, skip));
    }
    layer("head", &features)
}

#[test]
fn it_computes_what_pytorch_computes() {
    for name in ["torch-unet.pt", "torch-unet-plain.pt"] {
        let (architecture, tensors) = built(name);
        let [input, output] = expected(name);
        assert_near(&forward(&architecture, &tensors, &input), &output);
    }
}

#[test]
fn its_numbers_come_from_the_shapes() {
    let (architecture, tensors) = built("torch-unet.pt");
    let Architecture { in_channels, out_channels, ref filters, norm, ref dropout, .. } = architecture;
    assert_eq!((in_channels, out_channels, norm), (1, 1, Norm::Batch));
    assert_eq!(*filters, [2, 4, 8]);
    // The middle level was made without dropout.
    assert_eq!(*dropout, [0.1, 0.0, 0.2]);
    assert!(!architecture.relu_after_up && !architecture.residual && !architecture.exclusive);
    // Ten convolutions with a norm of four tensors, two ways up and a head with a bias.
    assert_eq!(tensors.len(), 10 * 5 + 2 * 2 + 2);

    let (architecture, tensors) = built("torch-unet-plain.pt");
    let Architecture { in_channels, out_channels, ref filters, norm, ref dropout, .. } = architecture;
    assert_eq!((in_channels, out_channels, norm), (2, 3, Norm::None));
    assert_eq!((&filters[..], &dropout[..]), (&[2, 4][..], &[0.1, 0.1][..]));
    let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "dec1.conv1.bias",
            "dec1.conv1.weight",
            "dec1.conv2.bias",
            "dec1.conv2.weight",
            "enc1.conv1.bias",
            "enc1.conv1.weight",
            "enc1.conv2.bias",
            "enc1.conv2.weight",
            "enc2.conv1.bias",
            "enc2.conv1.weight",
            "enc2.conv2.bias",
            "enc2.conv2.weight",
            "head.bias",
            "head.weight",
            "up1.bias",
            "up1.weight",
        ]
    );
}

#[test]
fn the_levels_of_the_decoder_are_turned_around() {
    // As `to_torch_unet.py` maps them: place 0 of torch_unet.py is the lowest level.
    let (_, tensors) = built("torch-unet.pt");
    let theirs = dict("torch-unet.pt");
    for (ours, name) in [
        ("up2.weight", "up.0.weight"),
        ("up1.bias", "up.1.bias"),
        ("dec2.conv1.weight", "dec.0.0.weight"),
        ("dec1.norm2.running_var", "dec.1.5.running_var"),
        ("enc2.norm2.bias", "down.1.4.bias"),
        ("enc3.conv2.weight", "down.2.4.weight"),
    ] {
        assert_eq!(Some(&tensors[ours]), theirs.get(name), "{ours}");
    }
}
