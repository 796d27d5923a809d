//! Settings without problems work, whatever they are.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use em_data::{
    AugmentationConfig, LabelledVolume, Normalization, NormalizationConfig, NormalizationKind, Placement,
    Sampler, Split, SplitConfig, SplitKind, TilingConfig, TrainingSet,
};
use em_io::{Mask, Voxels};
use ndarray::Array3;
use proptest::prelude::*;

/// Large enough for every tile and gap that the strategies draw.
const SHAPE: [usize; 3] = [64, 16, 18];

/// Grey values that all differ, and masks with foreground in each section.
fn training_set() -> TrainingSet {
    let raw = Array3::from_shape_fn(SHAPE, |(z, y, x)| ((z * SHAPE[1] + y) * SHAPE[2] + x) as f32);
    let mask = Array3::from_shape_fn(SHAPE, |(_, y, x)| y < 4 && x < 4);
    let masks = vec![("mitochondria".into(), Mask::new(mask, None))];
    let volume = LabelledVolume::new("ramp", Voxels::F32(raw), masks).unwrap();
    TrainingSet::new(vec!["mitochondria".into()], vec![volume]).unwrap()
}

/// Numbers within `low..=high`, at its ends, outside, and no numbers.
fn number(low: f64, high: f64) -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => low..=high,
        2 => Just(low),
        2 => Just(high),
        1 => any::<f64>(),
    ]
}

fn tiling() -> impl Strategy<Value = TilingConfig> {
    let placement = prop_oneof![Just(Placement::Random), Just(Placement::Grid)];
    (0_usize..=16, 0_usize..=4, placement, number(0.0, 1.0), 0_usize..20).prop_map(
        |(tile_size, tile_depth, placement, foreground_fraction, tiles_per_epoch)| TilingConfig {
            tile_size,
            tile_depth,
            placement,
            foreground_fraction,
            tiles_per_epoch,
        },
    )
}

fn augmentation() -> impl Strategy<Value = AugmentationConfig> {
    let shares = prop::array::uniform5(number(0.0, 1.0));
    let sizes = prop::array::uniform4(number(0.0, 1e6));
    let others = (number(0.0, 180.0), number(0.0, 10.0), number(1.0, 8.0));
    let switches = prop::array::uniform3(any::<bool>());
    let spacing = prop_oneof![4 => 0_usize..80, 1 => any::<usize>()];
    (shares, sizes, others, switches, spacing).prop_map(|(shares, sizes, others, switches, spacing)| {
        let [warp_probability, scale, shear, contrast, defects] = shares;
        let [elastic, brightness, gamma, noise] = sizes;
        let (rotation, blur, low_resolution) = others;
        let [flips, turns, turn_cubes] = switches;
        let elastic_spacing = spacing;
        AugmentationConfig {
            flips,
            turns,
            turn_cubes,
            warp_probability,
            rotation,
            scale,
            shear,
            elastic,
            elastic_spacing,
            contrast,
            brightness,
            gamma,
            noise,
            blur,
            low_resolution,
            defects,
        }
    })
}

fn normalization() -> impl Strategy<Value = NormalizationConfig> {
    let kinds = [
        NormalizationKind::Zscore,
        NormalizationKind::MinMax,
        NormalizationKind::Percentile,
        NormalizationKind::Scale,
        NormalizationKind::L2Axis1,
    ];
    (prop::sample::select(kinds.to_vec()), number(0.0, 60.0), number(40.0, 100.0)).prop_map(
        |(kind, lower_percentile, upper_percentile)| NormalizationConfig {
            kind,
            lower_percentile,
            upper_percentile,
        },
    )
}

fn split() -> impl Strategy<Value = SplitConfig> {
    let kind = prop_oneof![Just(SplitKind::ZBlocks), Just(SplitKind::RandomTiles)];
    // 0.7 of 64 sections leave more than the largest gap and the deepest tile.
    (kind, number(0.0, 0.7), 0_usize..8).prop_map(|(kind, validation_fraction, gap)| SplitConfig {
        kind,
        validation_fraction,
        gap,
        ..Default::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn settings_without_problems_work(
        tiling in tiling(), augmentation in augmentation(), normalization in normalization(), split in split(),
    ) {
        let has_problems = !tiling.problems().is_empty()
            || !augmentation.problems().is_empty()
            || !normalization.problems().is_empty()
            || !split.problems().is_empty();
        // Some sections must train, and tiles that a split draws have a depth of 1.
        let does_fit = split.validation_fraction <= 0.7
            && (split.kind == SplitKind::ZBlocks || tiling.tile_depth == 1);
        if has_problems || !does_fit {
            return Ok(());
        }
        let set = training_set();
        let split = Split::new(&split, &[SHAPE], tiling.tile_size, 1).unwrap();
        let sampler = Sampler::new(&set, &split.train, &tiling, &augmentation, 1).unwrap();
        for tile in sampler.epoch(0) {
            let drawn = tile.augmentation;
            let numbers = [drawn.blur, drawn.low_resolution, drawn.gamma, drawn.gain, drawn.shift, drawn.noise];
            prop_assert!(numbers.iter().all(|number| number.is_finite()), "{:?}", drawn);
            if let Some(warp) = drawn.warp {
                prop_assert!(warp.matrix.as_flattened().iter().all(|number| number.is_finite()));
                let points = warp.displacements(tiling.tile_size);
                prop_assert!(points.is_none_or(|points| points.iter().all(|place| place.is_finite())));
            }
        }
        let fitted =
            Normalization::fit(&normalization, &set.raw_blocks(&split.train), tiling.tile_size).unwrap();
        let linear = fitted.linear();
        prop_assert!(linear.is_none_or(|linear| linear.gain.is_finite() && linear.shift.is_finite()));
    }

    #[test]
    fn what_has_problems_is_refused_with_the_first_of_them(tiling in tiling(), augmentation in augmentation()) {
        let Some(found) = tiling.problems().into_iter().chain(augmentation.problems()).next() else {
            return Ok(());
        };
        let set = training_set();
        let split = Split::by_volume(&[SHAPE], 1);
        let error = Sampler::new(&set, &split.train, &tiling, &augmentation, 1).unwrap_err();
        prop_assert_eq!(error.to_string(), found.to_string());
    }
}
