//! Groups of regions that are left out in turn, so that each is scored by a network that never saw it.

use em_io::Roi;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Region, Split, SplitConfig};
use crate::{Result, TilingConfig, TrainingSet};

/// Voxels along y and x that are left out between the parts of a region that is cut in two.
pub const GAP: usize = 32;

/// The least share of a region that validates where there is no other.
const SHARE_OF_ONE: f64 = 1.0 / 3.0;

/// Returns the splits of networks that are trained to be scored: each leaves out some groups of
/// regions, and trains on the others.
///
/// `config.folds` at most, and never more than there are groups, of which each is left out once; of
/// a single fold, `config.validation_fraction` of the groups, at least one, and one that holds all
/// classes where there is such a one. A lone group is cut in two behind a gap: between sections where
/// it is deep enough, else along y or x. A split that could train no class or fit no tile is left
/// out, so that there may be none.
///
/// # Errors
///
/// Fails if `config` or `tiling` are out of range.
pub fn folds(
    set: &TrainingSet,
    groups: &[Vec<Region>],
    config: &SplitConfig,
    tiling: &TilingConfig,
    seed: u64,
) -> Result<Vec<Split>> {
    config.check()?;
    tiling.check()?;
    let mut order: Vec<&Vec<Region>> = groups.iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let count = config.folds.min(order.len());
    let mut candidates = match (&order[..], count) {
        (_, 0) => Vec::new(),
        ([lone], _) => cut_in_two(lone, config),
        (_, 1) => {
            let left_out = (order.len() as f64 * config.validation_fraction).round() as usize;
            let left_out = left_out.clamp(1, order.len() - 1);
            let turned =
                |first: usize| split_of(&order, |n| (n + order.len() - first) % order.len() < left_out);
            (0..order.len()).map(turned).collect()
        }
        _ => {
            let folds = (0..count).map(|fold| split_of(&order, |n| n % count == fold));
            return Ok(folds.filter(|split| can_train(set, split, tiling)).collect());
        }
    };
    candidates.retain(|split| can_train(set, split, tiling));
    // Of one fold, the first that scores as many classes as can be.
    let scored =
        |split: &Split| set.foreground(&split.validation).iter().filter(|&&voxels| voxels > 0).count();
    candidates.reverse();
    Ok(candidates.into_iter().max_by_key(scored).into_iter().collect())
}

fn split_of(groups: &[&Vec<Region>], is_left_out: impl Fn(usize) -> bool) -> Split {
    let side = |validates: bool| {
        let of_side = groups.iter().enumerate().filter(|(number, _)| is_left_out(*number) == validates);
        of_side.flat_map(|(_, group)| group.iter().copied()).collect()
    };
    Split { train: side(false), validation: side(true), leaks: false }
}

fn can_train(set: &TrainingSet, split: &Split, tiling: &TilingConfig) -> bool {
    !split.validation.is_empty()
        && tiling.check_fit(set, &split.train).is_ok()
        && set.foreground(&split.train).iter().all(|&voxels| voxels > 0)
}

/// The ways to cut the largest region of a group in two; the others, which are near it, are left out.
fn cut_in_two(group: &[Region], config: &SplitConfig) -> Vec<Split> {
    let Some(region) = group.iter().max_by_key(|region| region.roi.voxels()) else { return Vec::new() };
    let cut = |axis: usize, gap: usize, share: f64, at_end: bool| -> Option<Split> {
        let (start, length) = (region.roi.start[axis], region.roi.shape[axis]);
        let validation = ((length as f64 * share).round() as usize).max(1);
        let train = length.checked_sub(validation)?.checked_sub(gap).filter(|&train| train > 0)?;
        let part = |first: usize, length: usize| {
            let Roi { start: mut place, mut shape } = region.roi;
            (place[axis], shape[axis]) = (first, length);
            vec![Region { volume: region.volume, roi: Roi { start: place, shape } }]
        };
        let (train, validation) = if at_end {
            (part(start, train), part(start + length - validation, validation))
        } else {
            (part(start + length - train, train), part(start, validation))
        };
        Some(Split { train, validation, leaks: false })
    };
    let share = config.validation_fraction;
    let through = [true, false].map(|at_end| cut(0, config.gap, share, at_end).filter(|_| config.gap > 0));
    let across = [(1, true), (2, true), (1, false), (2, false)]
        .map(|(axis, at_end)| cut(axis, GAP, share.max(SHARE_OF_ONE), at_end));
    through.into_iter().chain(across).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelledVolume;
    use em_io::{Mask, Voxels};
    use ndarray::Array3;

    /// Volumes of this shape; those whose numbers are in `with` hold the second class as well.
    fn set(shape: [usize; 3], volumes: usize, with: &[usize]) -> (TrainingSet, Vec<Vec<Region>>) {
        let volume = |number: usize| {
            let everywhere = Mask::new(Array3::from_elem(shape, true), None);
            let second = Mask::new(Array3::from_elem(shape, with.contains(&number)), None);
            let masks = vec![("a".to_owned(), everywhere), ("b".to_owned(), second)];
            LabelledVolume::new(number.to_string(), Voxels::U8(Array3::zeros(shape)), masks).unwrap()
        };
        let volumes: Vec<_> = (0..volumes).map(volume).collect();
        let groups = (0..volumes.len()).map(|volume| vec![Region { volume, roi: Roi::whole(shape) }]);
        let groups = groups.collect();
        (TrainingSet::new(vec!["a".into(), "b".into()], volumes).unwrap(), groups)
    }

    fn with(folds: usize) -> SplitConfig {
        SplitConfig { folds, ..Default::default() }
    }

    const TILES: TilingConfig = TilingConfig {
        tile_size: 16,
        tile_depth: 1,
        placement: crate::Placement::Random,
        tiles_per_epoch: 0,
        foreground_fraction: 0.5,
    };

    fn volumes(regions: &[Region]) -> Vec<usize> {
        let mut volumes: Vec<usize> = regions.iter().map(|region| region.volume).collect();
        volumes.sort_unstable();
        volumes
    }

    #[test]
    fn each_group_is_left_out_once() {
        let (set, mut groups) = set([1, 64, 64], 5, &[0, 1, 2, 3, 4]);
        let near = groups.remove(4);
        groups[0].extend(near);
        for count in 2..=6 {
            let splits = folds(&set, &groups, &with(count), &TILES, 3).unwrap();
            assert_eq!(splits.len(), count.min(4));
            let mut left_out = Vec::new();
            for split in &splits {
                assert_eq!(split.train.len() + split.validation.len(), 5);
                assert!(split.train.iter().all(|region| !split.validation.contains(region)) && !split.leaks);
                let validation = volumes(&split.validation);
                assert_eq!(validation.contains(&0), validation.contains(&4), "a group stays together");
                left_out.extend(validation);
            }
            left_out.sort_unstable();
            assert_eq!(left_out, [0, 1, 2, 3, 4]);
        }
        assert!(folds(&set, &groups, &with(0), &TILES, 3).unwrap().is_empty());
    }

    #[test]
    fn a_single_fold_leaves_out_what_scores_all_classes() {
        for seed in 0..8 {
            let (set, groups) = set([1, 64, 64], 4, &[1, 2]);
            let splits = folds(&set, &groups, &with(1), &TILES, seed).unwrap();
            let [split] = &splits[..] else { panic!("{splits:?}") };
            assert_eq!(split.validation.len(), 1);
            assert!([1, 2].contains(&split.validation[0].volume), "{split:?}");
        }
        let (set, groups) = set([1, 64, 64], 10, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let splits = folds(&set, &groups, &with(1), &TILES, 0).unwrap();
        assert_eq!(splits[0].validation.len(), 2, "a fifth of ten");
    }

    #[test]
    fn what_could_not_be_learned_is_not_left_out() {
        let (set, groups) = set([1, 64, 64], 3, &[2]);
        for seed in 0..5 {
            let [one, all] = [1, 3].map(|count| folds(&set, &groups, &with(count), &TILES, seed).unwrap());
            assert!(one.iter().chain(&all).all(|split| split.train.iter().any(|region| region.volume == 2)));
            assert_eq!((one.len(), all.len()), (1, 2));
        }
    }

    #[test]
    fn a_lone_region_is_cut_behind_a_gap() {
        let rois = |shape, tiles: &TilingConfig, with: &[usize]| {
            let (set, groups) = set(shape, 1, with);
            let splits = folds(&set, &groups, &super::tests::with(3), tiles, 0).unwrap();
            splits.first().map(|split| [split.train[0].roi, split.validation[0].roi])
        };
        let [train, validation] = rois([20, 64, 64], &TILES, &[0]).unwrap();
        assert_eq!(train, Roi::sections([20, 64, 64], 0..12));
        assert_eq!(validation, Roi::sections([20, 64, 64], 16..20));
        let [train, validation] = rois([1, 120, 100], &TILES, &[0]).unwrap();
        assert_eq!(train, Roi::from([0..1, 0..48, 0..100]));
        assert_eq!(validation, Roi::from([0..1, 80..120, 0..100]));
        let wide = TilingConfig { tile_size: 50, ..TILES };
        let [train, validation] = rois([1, 100, 150], &wide, &[0]).unwrap();
        assert_eq!(
            (train, validation),
            (Roi::from([0..1, 0..100, 0..68]), Roi::from([0..1, 0..100, 100..150]))
        );
        assert!(rois([1, 64, 64], &wide, &[0]).is_none(), "no tile fits into a part");
        assert!(rois([1, 120, 100], &TILES, &[]).is_none(), "a class has no foreground");
    }

    #[test]
    fn a_lone_region_is_cut_where_both_sides_hold_the_class() {
        let shape = [1, 120, 120];
        // In the first rows only, so that a cut along y leaves one side without.
        let mask = Array3::from_shape_fn(shape, |(_, y, _)| y < 10);
        let masks = vec![("a".to_owned(), Mask::new(mask, None))];
        let volume = LabelledVolume::new("v", Voxels::U8(Array3::zeros(shape)), masks).unwrap();
        let set = TrainingSet::new(vec!["a".into()], vec![volume]).unwrap();
        let groups = [vec![Region { volume: 0, roi: Roi::whole(shape) }]];
        let splits = folds(&set, &groups, &with(1), &TILES, 0).unwrap();
        assert_eq!(splits[0].train[0].roi, Roi::from([0..1, 0..120, 0..48]));
    }
}
