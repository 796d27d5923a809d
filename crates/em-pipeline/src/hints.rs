//! What can be done about errors of the crates below, in the words of `run.toml` and `em-cli`.

use crate::mask_hint::MaskHint;

/// Returns what can be done about files that are not read or written.
pub fn of_io(error: &em_io::Error) -> Option<String> {
    use em_io::{Error, Part};
    Some(match error {
        Error::NotAMask { path: Some(path), values, .. } => {
            MaskHint::of(values.iter().filter_map(|value| value.parse().ok())).text(path)
        }
        Error::SeveralParts { path, part, .. } => {
            let option = match part {
                Part::Channel => "channel",
                Part::Time => "time",
                Part::Volume => "volume",
            };
            format!(
                "`em-cli convert {} one.tif --{option} 0` takes the first one, 1 the next",
                path.display()
            )
        }
        Error::NoSuchPart { .. } => {
            "`em-cli inspect` shows what is in a file; parts are counted from 0".into()
        }
        other => return other.hint(),
    })
}

/// Returns what can be done about volumes and labels that do not fit together.
pub fn of_data(error: &em_data::Error) -> Option<String> {
    use em_data::Error;
    Some(match error {
        Error::TileTooLarge { height, width, .. } => {
            format!("set tiling.tile_size to at most {}", height.min(width))
        }
        Error::TileTooDeep { sections, .. } => {
            format!("set tiling.tile_depth to at most {sections}, or train on more sections")
        }
        Error::EmptySplit { .. } => {
            "lower data.split.gap, change data.split.validation_fraction, or name validation files in [data.validation]"
                .into()
        }
        Error::Regions { .. } => format!("a list of regions is {}", em_data::regions::EXPECTED),
        Error::Normalization { .. } => "check that the raw file of [data.train] holds a picture".into(),
        other => return other.hint(),
    })
}

/// Returns what has to be told of a network that is imported.
fn of_import(lacking: em_model::Lacking) -> String {
    use em_model::Lacking;
    match lacking {
        Lacking::Normalization => {
            "tell it as the network was trained: --normalization zscore, or --mean and --std, or --scale 255"
        }
        Lacking::Classes => "name what its channels are: --class mitochondria=0",
        Lacking::Channels => "tell them for each class, from 0: --class mitochondria=1 --class synapses=2",
        Lacking::Values => {
            "say what they are: logits whose channels exclude each other, --values softmax, or not, --values sigmoid; from -1 to 1, --values tanh; or from 0 to 1, --values probabilities"
        }
        Lacking::Axes => "name each axis of its input: --axes bcyx; b is batch, c channel",
        Lacking::OutputAxes => "name each axis of its output: --output-axes bcyx; b is batch, c channel",
        Lacking::Output => "say which of its outputs has the size of the input: --tensor 1, from 0, or its name",
        Lacking::OneInput => "export it with the picture as its only input, in 32-bit floats",
        Lacking::Sections => "leave --sections out where the grey value is repeated in its channels",
        Lacking::Halo => "leave --halo out: it is found out",
        Lacking::Operators => "export it as TorchScript, which runs whatever PyTorch does",
        Lacking::Network => {
            "expected what `torch.jit.save` writes; of weights alone, say which network they are of: --network"
        }
        Lacking::Size => "a network of one size needs it told, as --size 96,96,96; other axes too, as --axes bcxyz",
        Lacking::Weights => "look whether its weights are whole, and those of this network",
        Lacking::Whole => "export it or copy it again: the file is damaged, or not all of it is here",
        _ => "see docs/how-to/import.md",
    }
    .into()
}

/// Returns what can be done about networks, trainings and the files of runs.
pub fn of_model(error: &em_model::Error) -> Option<String> {
    use em_model::Error;
    Some(match error {
        Error::Device { .. } => {
            "use --device cpu; a GPU needs the driver of NVIDIA and an em-cli with CUDA (docs/how-to/install.md)".into()
        }
        Error::EmptyClass { class } => {
            format!("check the label file of `{class}`, or take the class out of data.classes")
        }
        Error::Diverged { .. } => {
            "lower train.learning_rate, set train.clip_gradient_norm = 1.0, or check the raw files for damaged sections"
                .into()
        }
        Error::Collapsed { .. } => {
            "use loss.kind = \"bce+dice\", raise tiling.foreground_fraction or loss.class_weights, or lower train.learning_rate"
                .into()
        }
        Error::OtherArchitecture { .. } => {
            "weights and model.json must come from one training: copy the run's folder again; to resume, use the run's own config.toml"
                .into()
        }
        Error::OtherData { .. } => {
            "resume with the data that the run was started with; or start anew with --overwrite, or in another folder with --set output.folder=DIR"
                .into()
        }
        Error::RunFile { .. } => {
            "give a folder that `em-cli train` wrote; if its files are damaged, copy them again or train again"
                .into()
        }
        Error::Import { lacking, .. } => of_import(*lacking),
        Error::Checksum { .. } => {
            "the file was changed, or a training was killed while it wrote: copy the run's folder again, or go on with `em-cli train --resume`"
                .into()
        }
        Error::Locked { .. } => {
            "wait until it is done, or take another folder with --set output.folder=DIR".into()
        }
        Error::Launch { .. } => {
            "start all ranks with torchrun --no-python, srun or mpirun; for one process alone, unset RANK and WORLD_SIZE"
                .into()
        }
        Error::RanksDiffer { .. } => {
            "start all ranks with the same em-cli, configuration and data files".into()
        }
        Error::RankLost { .. } => {
            "`em-cli train --resume` goes on after them, with any number of ranks".into()
        }
        Error::Torch(message) if message.contains("alloc") || message.contains("out of memory") => {
            "lower train.batch_size or predict.tile_size".into()
        }
        Error::PixelsTooFarApart { .. } => {
            "tell the right size (--voxel-size Z,Y,X, in nm), or take pixels as they are (--set predict.match_voxel_size=false)"
                .into()
        }
        Error::Tiles(error) => return of_data(error),
        Error::Objects(error) => return of_objects(error),
        other => return other.hint(),
    })
}

/// Returns what can be done about masks without objects to measure.
pub fn of_objects(error: &em_objects::Error) -> Option<String> {
    match error {
        em_objects::Error::Volume(error) => of_io(error),
        other => other.hint(),
    }
}
