//! Whatever the settings: what the one list of checks passes, a training takes.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use em_data::{
    Error as DataError, IGNORED, LabelledVolume, NormalizationKind, Placement, Sampler, SplitKind,
    TrainingSet,
};
use em_io::{Mask, Voxels};
use em_model::{Device, LossKind, Preset, ScheduleKind, Target};
use em_pipeline::{Dataset, Error, RunConfig, settings};
use ndarray::Array3;
use proptest::prelude::*;
use proptest::sample::select;

const SHAPE: [usize; 3] = [12, 64, 64];

/// Numbers within and outside the ranges of most settings.
fn number() -> impl Strategy<Value = f64> {
    select(vec![-1.0, 0.0, 0.05, 0.5, 0.9, 1.0, 1.5, 2.0, 99.0, f64::NAN, f64::INFINITY])
}

fn count() -> impl Strategy<Value = usize> {
    select(vec![0_usize, 1, 2, 3, 8, 16, 17, 32, 64])
}

fn tiles_and_augmentation() -> impl Strategy<Value = RunConfig> {
    let places = select(vec![Placement::Random, Placement::Grid]);
    (
        count(),
        select(vec![0_usize, 1, 1, 1, 4, 16]),
        number(),
        places,
        any::<[bool; 3]>(),
        prop::array::uniform12(number()),
    )
        .prop_map(|(tile_size, tile_depth, fraction, placement, [cubes, few, plain], n)| {
            let mut config = RunConfig::default();
            config.tiling.tile_size = tile_size;
            config.tiling.tile_depth = tile_depth;
            config.tiling.placement = placement;
            config.tiling.tiles_per_epoch = if few { 2 } else { 0 };
            config.augmentation.turn_cubes = cubes;
            if !plain {
                config.tiling.foreground_fraction = fraction;
                let a = &mut config.augmentation;
                [a.warp_probability, a.rotation, a.scale, a.shear, a.elastic, a.contrast] =
                    [n[0], n[1], n[2], n[3], n[4], n[5]];
                [a.brightness, a.gamma, a.noise, a.blur, a.low_resolution, a.defects] =
                    [n[6], n[7], n[8], n[9], n[10], n[11]];
            }
            config
        })
}

fn network() -> impl Strategy<Value = RunConfig> {
    let presets = select(vec![Preset::Unet, Preset::Residual, Preset::Unet3d, Preset::Notebook]);
    let filters = select(vec![vec![], vec![4], vec![4, 8], vec![4, 8, 0], vec![4; 9]]);
    let sections = select(vec![None, Some(0), Some(1), Some(2), Some(3)]);
    (
        tiles_and_augmentation(),
        presets,
        filters,
        sections,
        any::<[bool; 4]>(),
        count(),
        prop::option::of(count()),
    )
        .prop_map(
            |(mut config, preset, filters, sections, [exclusive, deep, outlines, own], width, channels)| {
                config.model.preset = preset;
                config.model.filters = own.then_some(filters);
                config.model.context_sections = sections;
                config.model.exclusive = exclusive;
                config.model.deep_supervision = deep;
                config.model.boundary_width = width;
                config.model.in_channels = channels;
                if outlines {
                    config.model.targets = vec![Target::Mask, Target::Boundary];
                }
                config
            },
        )
}

fn learning() -> impl Strategy<Value = RunConfig> {
    let losses =
        select(vec![LossKind::Bce, LossKind::BcePlusDice, LossKind::CrossEntropy, LossKind::Tversky]);
    let schedules = select(vec![ScheduleKind::Cosine, ScheduleKind::Poly, ScheduleKind::Plateau]);
    let kinds = select(vec![NormalizationKind::Zscore, NormalizationKind::Percentile]);
    let splits = select(vec![SplitKind::ZBlocks, SplitKind::RandomTiles]);
    let choices = (losses, schedules, kinds, splits, any::<[bool; 2]>());
    (network(), choices, prop::array::uniform12(number()), prop::array::uniform6(count())).prop_map(
        |(mut config, (loss, schedule, kind, split, [usual, named]), n, counts)| {
            config.loss.kind = loss;
            if named {
                config.loss.class_weights.insert("dots".into(), n[0]);
            }
            config.train.schedule.kind = schedule;
            config.normalization.kind = kind;
            config.data.split.kind = split;
            if !usual {
                [config.loss.smoothing, config.loss.tversky_beta] = [n[1], n[2]];
                [config.train.learning_rate, config.train.average_decay] = [n[3], n[4]];
                [config.train.schedule.warmup_fraction, config.train.optimizer.momentum] = [n[5], n[6]];
                [config.normalization.lower_percentile, config.normalization.upper_percentile] = [n[7], n[8]];
                config.data.split.validation_fraction = n[9];
                config.train.clip_gradient_norm = n[10];
                [config.train.epochs, config.train.batch_size] = [counts[0], counts[1]];
                [config.predict.tile_size, config.predict.block_voxels, config.predict.views] =
                    [counts[2], counts[3], counts[4]];
                config.data.split.gap = counts[5];
            }
            config
        },
    )
}

/// A volume with dots, and the outlines of each where they are learned.
fn labelled(config: &RunConfig) -> TrainingSet {
    let raw = Array3::from_shape_fn(SHAPE, |(z, y, x)| (z * 31 + y * 7 + x * 13) as u8);
    let learned = config.model.learned(&["dots".to_owned()]);
    let masks = learned.iter().map(|class| {
        let dots = Array3::from_shape_fn(SHAPE, |(_, y, x)| y % 16 < 6 && x % 16 < 6);
        (class.clone(), Mask::new(dots, None))
    });
    assert!(learned.iter().all(|class| class != IGNORED));
    let volume = LabelledVolume::new("dots.tif", Voxels::from(raw), masks.collect()).unwrap();
    TrainingSet::new(learned, vec![volume]).unwrap()
}

/// Whether an error is about these volumes, and not about the settings alone.
fn is_about_data(error: &Error) -> bool {
    matches!(
        error,
        Error::Data(
            DataError::TileTooLarge { .. } | DataError::TileTooDeep { .. } | DataError::EmptySplit { .. }
        )
    )
}

/// Goes through all that a training does before its first step.
fn begin(config: &RunConfig) -> Result<(), Error> {
    let set = labelled(config);
    let (tile_size, seed) = (config.tiling.tile_size, config.train.seed);
    let split = em_data::Split::new(&config.data.split, &[SHAPE], tile_size, seed)?;
    let architecture = config.model.architecture(set.classes().len())?;
    let dataset = Dataset {
        labelled: set.volumes().len(),
        set,
        split,
        folds: Vec::new(),
        regions: None,
        unlabelled: None,
        voxel_size: None,
        is_generated: false,
    };
    let training = dataset.training(config, &dataset.split, &architecture, Device::Cpu)?;
    training.check()?;
    let sampler = Sampler::new(
        &dataset.set,
        &dataset.split.train,
        &config.tiling,
        &config.augmentation,
        config.train.seed,
    )?;
    assert!(!sampler.epoch(0).is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]
    #[test]
    fn what_the_checks_pass_a_training_takes(config in learning()) {
        let learned = config.model.learned(&["dots".to_owned()]);
        let problems = settings::problems(&config, &learned);
        match begin(&config) {
            Ok(()) => {}
            Err(error) if is_about_data(&error) => {}
            Err(error) => prop_assert!(!problems.is_empty(), "no problem, but {error}"),
        }
    }
}

#[test]
fn the_settings_that_were_overlooked_are_problems_with_their_keys() {
    let keys = |change: fn(&mut RunConfig)| {
        let mut config = RunConfig::default();
        change(&mut config);
        let problems = settings::problems(&config, &["dots".to_owned()]);
        problems.iter().map(settings::key).collect::<Vec<_>>()
    };
    assert_eq!(keys(|_| ()), [""; 0]);
    assert_eq!(keys(|config| config.tiling.foreground_fraction = 2.0), ["tiling.foreground_fraction"]);
    assert_eq!(keys(|config| config.augmentation.turn_cubes = true), ["augmentation.turn_cubes"]);
    let percentiles = keys(|config| {
        config.normalization.kind = NormalizationKind::Percentile;
        config.normalization.lower_percentile = 99.9;
    });
    assert!(percentiles[0].starts_with("normalization."), "{percentiles:?}");
    assert_eq!(
        keys(|config| config.train.schedule.warmup_fraction = 2.0),
        ["train.schedule.warmup_fraction"]
    );
}
