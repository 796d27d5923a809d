//! A network in a file, and what the file tells of it.

use std::path::Path;

use em_io::{ScratchFolder, VoxelSize, hex};
use em_model::{
    Architecture, ClassOutput, Engine, NamedTensors, NetworkWeights, PredictConfig, Raw, Sizes, Wishes,
};
use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::file::FileKind;
use super::package::{
    self, Activation, LayoutAxis, LayoutSize, OutputKind, Package, TensorLayout, WeightsFormat,
};
use super::weights::{self, Built};
use super::{ImportRequest, Normalizing};
use crate::Observer;
use crate::error::{Context, Result, UserError};

/// A network, and what its file tells; what is asked for goes before it.
#[derive(Debug)]
pub struct Source {
    pub network: Given,
    /// What is written beside the run: where it comes from.
    pub told: Value,
    axes: Option<String>,
    output_axes: Option<String>,
    /// The number of the output that is meant, where the file's own names are others than those of its network.
    tensor: Option<String>,
    raw: Option<Raw>,
    sizes: Option<[Sizes; 3]>,
    classes: Vec<(String, Option<ClassOutput>)>,
    normalizing: Option<Normalizing>,
    voxel_size: Option<VoxelSize>,
    /// The folder of weights beside an ONNX file that came out of an archive.
    _unpacked: Option<ScratchFolder>,
}

/// A network.
#[derive(Debug)]
pub enum Given {
    /// A file that is run.
    File(NetworkWeights),
    /// Weights of one of our own.
    Own(Architecture, NamedTensors),
}

impl Source {
    /// Reads a file.
    pub fn read(request: &ImportRequest, observer: &mut Observer<'_>) -> Result<Self> {
        let kind = FileKind::of(&request.file)?;
        if let (Some(network), false) = (request.network, kind == FileKind::Weights) {
            let message = format!(
                "`{}` holds its network, and --network {} names one",
                request.file.display(),
                network.name()
            );
            return Err(UserError::new(message, "leave --network out: it is for weights alone").into());
        }
        match kind {
            FileKind::Onnx => Self::of_file(&request.file, Engine::Onnx),
            FileKind::Torchscript => Self::of_file(&request.file, Engine::Torchscript),
            FileKind::Package => Self::of_package(package::read(&request.file)?, request, observer),
            FileKind::Weights => Self::of_weights(request, observer),
        }
    }

    fn new(network: Given, told: Value) -> Self {
        Self {
            network,
            told,
            axes: None,
            output_axes: None,
            tensor: None,
            raw: None,
            sizes: None,
            classes: Vec::new(),
            normalizing: None,
            voxel_size: None,
            _unpacked: None,
        }
    }

    fn of_file(path: &Path, engine: Engine) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let told = json!({ "file": name_of(path), "sha256": hex(&Sha256::digest(&bytes)) });
        let folder = path.parent().map(Path::to_owned);
        Ok(Self::new(Given::File(NetworkWeights { engine, bytes, folder }), told))
    }

    fn of_weights(request: &ImportRequest, observer: &mut Observer<'_>) -> Result<Self> {
        let path = &request.file;
        let dict = weights::read(path)?;
        let kind = match (request.network, weights::Network::of(&dict)) {
            (Some(network), _) => network,
            (None, Some(network)) => {
                observer.note(&format!(
                    "`{}`: weights of `{}`, as the names of its tensors tell",
                    path.display(),
                    network.name()
                ))?;
                network
            }
            (None, None) => {
                let message =
                    format!("`{}` holds weights of a network that their names do not tell", path.display());
                let known = weights::Network::ALL.map(weights::Network::name).join(", ");
                let hint =
                    format!("say which it is, --network {known}; or export it with its network, as ONNX");
                return Err(UserError::new(message, hint).into());
            }
        };
        let told = json!({ "file": name_of(path), "network": kind.name() });
        Ok(match weights::network_with(&dict, kind, request.choices)? {
            Built::Own { architecture, tensors } => {
                refuse_what_is_known(request, kind)?;
                let tensors = tensors.into_iter().map(|(name, tensor)| (name, (tensor.shape, tensor.values)));
                Self::new(Given::Own(*architecture, tensors.collect()), told)
            }
            Built::Onnx(model) => {
                let step = model.metadata_props.iter().find(|entry| entry.key == "step");
                let step = step.and_then(|entry| serde_json::from_str::<[usize; 3]>(&entry.value).ok());
                let bytes = model.encode_to_vec();
                let file = NetworkWeights { engine: Engine::Onnx, bytes, folder: None };
                let sizes = step.map(|step| step.map(|step| Sizes { smallest: 2 * step, step }));
                // nnU-Net's classes exclude each other, but for its regions; MONAI's may do either.
                let raw = (kind == weights::Network::Nnunet).then_some(Raw::Softmax);
                Self { sizes, raw, ..Self::new(Given::File(file), told) }
            }
        })
    }

    fn of_package(package: Package, request: &ImportRequest, observer: &mut Observer<'_>) -> Result<Self> {
        let number = picked(&package, request.tensor.as_deref())?;
        let output = &package.outputs[number];
        let engine = match package.weights.format {
            WeightsFormat::Onnx => Engine::Onnx,
            WeightsFormat::TorchScript => Engine::Torchscript,
        };
        let unpacked = match &package.weights.external {
            None => None,
            Some(external) => {
                let folder = ScratchFolder::new()?;
                let name = Path::new(&external.name).file_name().unwrap_or_default();
                std::fs::write(folder.path().join(name), &external.bytes)
                    .context("cannot unpack the weights of the package")?;
                Some(folder)
            }
        };
        let normalizing = match &package.normalizing {
            package::Normalizing::None => {
                Some(Normalizing::Fixed(em_data::Normalization::Scale { divisor: 1.0 }))
            }
            package::Normalizing::Fixed(normalization) => Some(Normalizing::Fixed(*normalization)),
            package::Normalizing::FixedPerChannel(channels) => {
                let first = channels.first().copied();
                if request.normalizing.is_none() && channels.iter().any(|other| Some(*other) != first) {
                    let message = format!(
                        "`{}` normalises each of its channels otherwise, and grey values are one",
                        request.file.display()
                    );
                    let hint = "say how grey values are normalised: --mean and --std";
                    return Err(UserError::new(message, hint).into());
                }
                first.map(Normalizing::Fixed)
            }
            package::Normalizing::Fitted(fitting) => Some(Normalizing::OfEachStack(fitting.as_fitted())),
        };
        for note in &package.notes {
            observer.note(&format!("`{}`: {note}", request.file.display()))?;
        }
        if let Some(threshold) = output.thresholds.iter().find(|threshold| **threshold != 0.5) {
            observer.note(&format!(
                "`{}`: the package calls foreground what is above {threshold}; `predict --threshold {threshold}` does so",
                request.file.display()
            ))?;
        }
        let told = json!({
            "file": name_of(&request.file),
            "name": package.name,
            "description": package.description,
            "format_version": package.format_version,
            "license": package.license,
            "authors": package.authors,
            "cite": package.citations,
            "weights": package.weights.name,
            "weights_sha256": hex(&Sha256::digest(&package.weights.bytes)),
        });
        let raw = match output.kind {
            OutputKind::Logits(Activation::Sigmoid) => Some(Raw::Sigmoid),
            OutputKind::Logits(Activation::Softmax) => Some(Raw::Softmax),
            OutputKind::Probabilities => Some(Raw::Probabilities),
            OutputKind::Unknown => None,
        };
        let folder = unpacked.as_ref().map(|folder| folder.path().to_owned());
        let told_size = package.input.voxel_size_nm();
        let voxel_size = match told_size {
            [z, Some(y), Some(x)] => VoxelSize::new([z.unwrap_or(y), y, x]).ok(),
            _ => None,
        };
        Ok(Self {
            axes: Some(letters(&package.input)),
            output_axes: Some(letters(&output.layout)),
            tensor: Some(number.to_string()),
            raw,
            sizes: sizes_of(&package.input),
            classes: classes_of(&output.layout),
            normalizing,
            voxel_size,
            _unpacked: unpacked,
            ..Self::new(Given::File(NetworkWeights { engine, bytes: package.weights.bytes, folder }), told)
        })
    }

    /// What is asked for, and where nothing is, what the file tells.
    pub fn wishes(&self, request: &ImportRequest) -> Wishes {
        let mut wishes = Wishes::default();
        wishes.axes = request.axes.clone().or_else(|| self.axes.clone());
        wishes.output_axes = request.output_axes.clone().or_else(|| self.output_axes.clone());
        wishes.output = self.tensor.clone().or_else(|| request.tensor.clone());
        wishes.in_channels = request.in_channels;
        wishes.raw = request.values.or(self.raw);
        wishes.classes = if request.classes.is_empty() { &self.classes } else { &request.classes }.clone();
        wishes.sees_sections = request.sees_sections;
        let fixed = |size: [usize; 3]| size.map(|edge| Sizes { smallest: edge, step: 0 });
        wishes.sizes = request.size.map(fixed).or(self.sizes);
        wishes.halo = request.halo;
        wishes.voxel_size_nm = request.voxel_size.or(self.voxel_size).map(VoxelSize::nm);
        let normalizing = request.normalizing.as_ref().or(self.normalizing.as_ref());
        wishes.normalization = normalizing.map(Normalizing::of_card);
        wishes.fitting = normalizing.and_then(Normalizing::fitting);
        let tile_size = request.tile_size.unwrap_or(PredictConfig::default().tile_size);
        let refit_normalization = wishes.fitting.is_some();
        wishes.predict = PredictConfig { tile_size, refit_normalization, ..Default::default() };
        wishes
    }
}

/// Refuses options that say of one of our own networks what is known of it.
fn refuse_what_is_known(request: &ImportRequest, network: weights::Network) -> Result<()> {
    let told = [
        ("--axes", request.axes.is_some()),
        ("--output-axes", request.output_axes.is_some()),
        ("--tensor", request.tensor.is_some()),
        ("--channels", request.in_channels.is_some()),
        ("--size", request.size.is_some()),
        ("--halo", request.halo.is_some()),
    ];
    let Some((option, _)) = told.into_iter().find(|(_, is_told)| *is_told) else { return Ok(()) };
    let message = format!("{option} tells of a network what is known of `{}`", network.name());
    Err(UserError::new(message, format!("leave {option} out")).into())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The number of the output that is asked for, by its name or number; the first without a wish.
fn picked(package: &Package, tensor: Option<&str>) -> Result<usize> {
    let Some(tensor) = tensor else { return Ok(0) };
    let names = || package.outputs.iter().map(|output| output.layout.name.as_str());
    let named = names().position(|name| name == tensor);
    let numbered = tensor.parse().ok().filter(|number| *number < package.outputs.len());
    named.or(numbered).ok_or_else(|| {
        let names: Vec<&str> = names().collect();
        let message = format!("the package has no output `{tensor}`, but {}", names.join(", "));
        UserError::new(message, "name one of them, or count from 0: --tensor 0").into()
    })
}

fn letters(layout: &TensorLayout) -> String {
    let letter = |axis: &LayoutAxis| match axis {
        LayoutAxis::Batch { .. } => 'b',
        LayoutAxis::Channel { .. } => 'c',
        LayoutAxis::Space(space) => ['z', 'y', 'x'][space.axis],
    };
    layout.axes.iter().map(letter).collect()
}

/// The sizes that an input takes, where the package tells them all.
fn sizes_of(input: &TensorLayout) -> Option<[Sizes; 3]> {
    let mut sizes = [Sizes { smallest: 1, step: 1 }; 3];
    for (axis, sizes) in sizes.iter_mut().enumerate() {
        *sizes = match input.space(axis).map(|space| &space.size) {
            None if axis == 0 => continue,
            Some(LayoutSize::Fixed(size)) => Sizes { smallest: *size, step: 0 },
            Some(LayoutSize::AtLeast { min, step }) => Sizes { smallest: *min, step: *step },
            _ => return None,
        };
    }
    Some(sizes)
}

/// Classes by the names of channels, unless those say nothing.
fn classes_of(output: &TensorLayout) -> Vec<(String, Option<ClassOutput>)> {
    let names = output.axes.iter().find_map(|axis| match axis {
        LayoutAxis::Channel { names } => Some(names.as_slice()),
        _ => None,
    });
    let says_something = |name: &String| {
        let rest = name.trim_start_matches("channel").trim_start_matches(['_', '-']);
        !rest.is_empty() && rest.parse::<usize>().is_err()
    };
    let is_background = |name: &str| ["background", "bg"].contains(&name.to_lowercase().as_str());
    let names = names.filter(|names| names.iter().all(says_something)).unwrap_or_default();
    let classes = names.iter().enumerate().filter(|(_, name)| !is_background(name));
    classes
        .map(|(channel, name)| (name.replace(['/', '\\', ' '], "_"), Some(ClassOutput::channel(channel))))
        .collect()
}
