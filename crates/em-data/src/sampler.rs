//! Which tiles an epoch shows the network.

use std::ops::Range;

use em_io::Roi;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{AugmentationConfig, Placement, Region, Result, TileAugmentation, TilingConfig, TrainingSet};

/// One tile of an epoch: a box `[tile_depth, tile_size, tile_size]` and its augmentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileSample {
    /// Number of the volume in the training set.
    pub volume: usize,
    /// Top left voxel, `[z, y, x]`.
    pub start: [usize; 3],
    /// The training region around it; context and warps read nothing outside.
    pub bounds: Roi,
    /// What is drawn for the tile.
    pub augmentation: TileAugmentation,
}

/// Where a tile lies: the number of its region, and its top left voxel `[z, y, x]`.
type Place = (usize, [usize; 3]);

/// Draws the tiles of each epoch from the training regions of a split.
#[derive(Debug)]
pub struct Sampler<'a> {
    set: &'a TrainingSet,
    regions: Vec<Region>,
    tiling: TilingConfig,
    augmentation: AugmentationConfig,
    seed: u64,
    grid: Vec<Place>,
    /// Per class, the running total of labelled foreground voxels over `sections`.
    foreground: Vec<Vec<u64>>,
    /// The same of all labelled voxels.
    labelled: Vec<u64>,
    /// Each section of each region: region number and z.
    sections: Vec<(usize, usize)>,
    /// Those of them that a tile can start at.
    starts: Vec<(usize, usize)>,
}

/// How often a place is drawn again where nobody labelled anything, before one is looked up.
const DRAWS: usize = 32;

impl<'a> Sampler<'a> {
    /// Prepares drawing tiles from `regions` of `set`.
    ///
    /// # Errors
    ///
    /// Fails if a tile does not fit into a region or a setting is out of range.
    pub fn new(
        set: &'a TrainingSet,
        regions: &[Region],
        tiling: &TilingConfig,
        augmentation: &AugmentationConfig,
        seed: u64,
    ) -> Result<Self> {
        tiling.check()?;
        tiling.check_fit(set, regions)?;
        augmentation.check()?;
        let sections: Vec<(usize, usize)> = regions
            .iter()
            .enumerate()
            .flat_map(|(number, region)| z_range(region.roi).map(move |z| (number, z)))
            .collect();
        let running = |class| running_labelled(set, regions, &sections, class);
        let foreground = (0..set.classes().len()).map(|class| running(Some(class)));
        let labelled = running(None);
        let starts = sections.iter().copied().filter(|(number, z)| {
            let roi = regions[*number].roi;
            z + tiling.tile_depth <= roi.start[0] + roi.shape[0]
        });
        let grid = regions.iter().enumerate().flat_map(|(n, region)| grid_of(n, region.roi, tiling));
        let has_labels =
            |&(number, start): &Place| set.has_labelled(&tile_at(&regions[number], start, tiling));
        Ok(Self {
            set,
            starts: starts.collect(),
            foreground: foreground.collect(),
            labelled,
            grid: grid.filter(has_labels).collect(),
            sections,
            regions: regions.to_vec(),
            tiling: tiling.clone(),
            augmentation: augmentation.clone(),
            seed,
        })
    }

    /// Returns the number of tiles in an epoch.
    pub fn tiles_per_epoch(&self) -> usize {
        match self.tiling.tiles_per_epoch {
            0 => self.grid.len(),
            tiles => tiles,
        }
    }

    /// Draws the tiles of epoch number `epoch`, from 0. The same number gives the same tiles.
    pub fn epoch(&self, epoch: usize) -> Vec<TileSample> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(epoch as u64 + 1);
        let mut places: Vec<Place> = match self.tiling.placement {
            Placement::Grid => self.grid.iter().copied().cycle().take(self.tiles_per_epoch()).collect(),
            Placement::Random => {
                (0..self.tiles_per_epoch()).map(|number| self.place(number, &mut rng)).collect()
            }
        };
        places.shuffle(&mut rng);
        places
            .into_iter()
            .map(|(region, start)| TileSample {
                volume: self.regions[region].volume,
                start,
                bounds: self.regions[region].roi,
                augmentation: TileAugmentation::draw(&self.augmentation, &mut rng),
            })
            .collect()
    }

    /// Draws the place of random tile `number` of an epoch.
    fn place(&self, number: usize, rng: &mut ChaCha8Rng) -> Place {
        // The classes take turns, so that a rare class is shown as often as a common one.
        let class = number % self.foreground.len().max(1);
        let total = self.foreground.get(class).and_then(|counts| counts.last()).copied().unwrap_or(0);
        let biased = rng.random_bool(self.tiling.foreground_fraction);
        if biased && total > 0 {
            return self.place_of_voxel(Some(class), rng.random_range(0..total), rng);
        }
        for _ in 0..DRAWS {
            let place = self.any_place(rng);
            if self.set.has_labelled(&tile_at(&self.regions[place.0], place.1, &self.tiling)) {
                return place;
            }
        }
        match self.labelled.last() {
            Some(&labelled) if labelled > 0 => self.place_of_voxel(None, rng.random_range(0..labelled), rng),
            _ => self.any_place(rng),
        }
    }

    /// Draws a place among all that a tile can have.
    fn any_place(&self, rng: &mut ChaCha8Rng) -> Place {
        let (number, z) = self.starts[rng.random_range(0..self.starts.len())];
        let region = &self.regions[number];
        let free = |axis: usize, rng: &mut ChaCha8Rng| {
            let first = region.roi.start[axis];
            rng.random_range(first..=first + region.roi.shape[axis] - self.tiling.tile_size)
        };
        (number, [z, free(1, rng), free(2, rng)])
    }

    /// Places a tile at random so that it holds labelled voxel number `index`: of all, or of those
    /// that are foreground of a class.
    fn place_of_voxel(&self, class: Option<usize>, index: u64, rng: &mut ChaCha8Rng) -> Place {
        let counts = class.map_or(&self.labelled, |class| &self.foreground[class]);
        let section = counts.partition_point(|&total| total <= index);
        let (number, z) = self.sections[section];
        let region = &self.regions[number];
        let before = section.checked_sub(1).map_or(0, |previous| counts[previous]);
        let slice = Region { volume: region.volume, roi: section_roi(region.roi, z) };
        let place = self.set.labelled_place(&slice, class, (index - before) as usize);
        let width = region.roi.shape[2];
        let voxel = [place / width, place % width];
        let [y, x] = std::array::from_fn(|axis| {
            let (length, tile) = (region.roi.shape[axis + 1], self.tiling.tile_size);
            let low = (voxel[axis] + 1).saturating_sub(tile);
            let high = voxel[axis].min(length - tile);
            region.roi.start[axis + 1] + rng.random_range(low..=high)
        });
        let depth = self.tiling.tile_depth;
        let z = if depth == 1 {
            z
        } else {
            let inner = z - region.roi.start[0];
            let (low, high) = ((inner + 1).saturating_sub(depth), inner.min(region.roi.shape[0] - depth));
            region.roi.start[0] + rng.random_range(low..=high)
        };
        (number, [z, y, x])
    }
}

/// The box of a tile that starts at a voxel of a region.
fn tile_at(region: &Region, start: [usize; 3], tiling: &TilingConfig) -> Region {
    let shape = [tiling.tile_depth, tiling.tile_size, tiling.tile_size];
    Region { volume: region.volume, roi: Roi { start, shape } }
}

fn z_range(roi: Roi) -> Range<usize> {
    roi.start[0]..roi.start[0] + roi.shape[0]
}

fn section_roi(roi: Roi, z: usize) -> Roi {
    Roi { start: [z, roi.start[1], roi.start[2]], shape: [1, roi.shape[1], roi.shape[2]] }
}

fn running_labelled(
    set: &TrainingSet,
    regions: &[Region],
    sections: &[(usize, usize)],
    class: Option<usize>,
) -> Vec<u64> {
    let mut total = 0;
    sections
        .iter()
        .map(|&(number, z)| {
            let region = &regions[number];
            let section = Region { volume: region.volume, roi: section_roi(region.roi, z) };
            total += set.labelled(&section, class);
            total
        })
        .collect()
}

/// Places of tiles side by side in region number `region`, the last of each axis shifted inwards.
fn grid_of(region: usize, roi: Roi, tiling: &TilingConfig) -> Vec<Place> {
    let tile = [tiling.tile_depth, tiling.tile_size, tiling.tile_size];
    let starts = |axis: usize| {
        let (first, length, edge) = (roi.start[axis], roi.shape[axis], tile[axis]);
        (0..length.div_ceil(edge)).map(move |n| first + (n * edge).min(length - edge))
    };
    starts(0).flat_map(|z| starts(1).flat_map(move |y| starts(2).map(move |x| (region, [z, y, x])))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelledVolume;
    use em_io::{Mask, Voxels};
    use ndarray::Array3;

    const SHAPE: [usize; 3] = [3, 40, 50];

    /// One volume whose only foreground voxel is at `[2, 39, 0]`, a corner.
    fn corner_set() -> TrainingSet {
        let mut mask = Array3::from_elem(SHAPE, false);
        mask[[2, 39, 0]] = true;
        let volume = LabelledVolume::new(
            "corner",
            Voxels::U8(Array3::zeros(SHAPE)),
            vec![("mitochondria".into(), Mask::new(mask, None))],
        );
        TrainingSet::new(vec!["mitochondria".into()], vec![volume.unwrap()]).unwrap()
    }

    fn sampler<'a>(set: &'a TrainingSet, tiling: &TilingConfig) -> Sampler<'a> {
        let regions = [Region { volume: 0, roi: Roi::whole(SHAPE) }];
        Sampler::new(set, &regions, tiling, &AugmentationConfig::default(), 7).unwrap()
    }

    #[test]
    fn biased_tiles_hold_the_foreground_voxel() {
        let set = corner_set();
        let tiling = TilingConfig { tile_size: 16, foreground_fraction: 1.0, ..Default::default() };
        for tile in sampler(&set, &tiling).epoch(0) {
            assert_eq!(tile.start, [2, 24, 0], "only this tile holds the corner");
        }
    }

    #[test]
    fn random_tiles_stay_inside_and_differ_between_epochs() {
        let set = corner_set();
        let tiling = TilingConfig {
            tile_size: 32,
            foreground_fraction: 0.0,
            tiles_per_epoch: 200,
            ..Default::default()
        };
        let sampler = sampler(&set, &tiling);
        let first = sampler.epoch(0);
        assert!(first.iter().all(|t| t.start[0] < 3 && t.start[1] <= 8 && t.start[2] <= 18));
        assert!(first.iter().any(|t| t.start[1] == 8) && first.iter().any(|t| t.start[2] == 0));
        assert_eq!(first, sampler.epoch(0));
        assert_ne!(first, sampler.epoch(1));
    }

    #[test]
    fn the_grid_shows_each_tile_once() {
        let set = corner_set();
        let tiling = TilingConfig { tile_size: 16, placement: Placement::Grid, ..Default::default() };
        let sampler = sampler(&set, &tiling);
        let mut starts: Vec<_> = sampler.epoch(0).iter().map(|t| t.start).collect();
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), 3 * 3 * 4);
        assert_eq!(sampler.tiles_per_epoch(), 36);
        assert!(starts.contains(&[0, 24, 34]), "the last tile is shifted inwards");
    }

    #[test]
    fn deep_tiles_lie_within_their_region_and_hold_the_foreground() {
        let set = corner_set();
        let regions = [Region { volume: 0, roi: Roi { start: [1, 0, 0], shape: [2, 40, 50] } }];
        let deep = |placement, foreground_fraction| {
            let tiling = TilingConfig {
                tile_size: 16,
                tile_depth: 2,
                placement,
                foreground_fraction,
                tiles_per_epoch: 50,
            };
            let sampler = Sampler::new(&set, &regions, &tiling, &AugmentationConfig::default(), 7).unwrap();
            sampler.epoch(0)
        };
        // The foreground voxel is in the second section, and only one pair of sections fits.
        assert!(deep(Placement::Random, 1.0).iter().all(|tile| tile.start == [1, 24, 0]));
        assert!(deep(Placement::Random, 0.0).iter().all(|tile| tile.start[0] == 1));
        assert!(deep(Placement::Grid, 0.0).iter().all(|tile| tile.start[0] == 1));
        let tiling = TilingConfig { tile_size: 16, tile_depth: 4, ..Default::default() };
        let error = tiling.check_fit(&set, &regions).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tiles of 4 sections do not fit into a training region of `corner`, which has 2 sections"
        );
    }

    /// 24 sections of which two have labels: foreground in the left half of section 5, and a corner of
    /// section 17 that nobody marked.
    fn sparse_set() -> TrainingSet {
        let shape = (24, 40, 50);
        let raw = Voxels::U8(Array3::zeros(shape));
        let inside = Array3::from_shape_fn(shape, |(z, _, x)| z == 9 || z == 5 && x < 25);
        let ignored = Array3::from_shape_fn(shape, |(z, y, x)| z != 5 && (z != 17 || y < 36 || x < 46));
        let masks = vec![("m".to_owned(), Mask::new(inside, None))];
        let volume = LabelledVolume::new("sparse", raw, masks).unwrap();
        let volume = volume.with_ignored(Mask::new(ignored, None)).unwrap();
        TrainingSet::new(vec!["m".into()], vec![volume]).unwrap()
    }

    #[test]
    fn tiles_without_a_labelled_voxel_are_not_drawn() {
        let set = sparse_set();
        let regions = [Region { volume: 0, roi: Roi::whole([24, 40, 50]) }];
        assert_eq!(set.foreground(&regions), [1000], "section 9 is foreground that nobody labelled");
        assert!((set.foreground_shares(&regions)[0] - 1000.0 / 2016.0).abs() < 1e-12);
        for (placement, tile_depth, foreground_fraction) in [
            (Placement::Random, 1, 0.0),
            (Placement::Random, 1, 0.5),
            (Placement::Random, 3, 0.0),
            (Placement::Grid, 1, 0.0),
            (Placement::Grid, 2, 0.0),
        ] {
            let tiling = TilingConfig {
                tile_size: 16,
                tile_depth,
                placement,
                foreground_fraction,
                tiles_per_epoch: 300,
            };
            let sampler = Sampler::new(&set, &regions, &tiling, &AugmentationConfig::default(), 7).unwrap();
            let tiles = sampler.epoch(0);
            for tile in &tiles {
                let tile = tile_at(&regions[0], tile.start, &tiling);
                assert!(set.has_labelled(&tile), "{tile:?}");
            }
            let holds =
                |z: usize| tiles.iter().any(|tile| (tile.start[0]..tile.start[0] + tile_depth).contains(&z));
            assert!(holds(5) && (holds(17) || placement == Placement::Random), "{tiling:?}");
        }
    }

    #[test]
    fn an_epoch_as_long_as_the_grid_counts_places_with_labels() {
        let set = sparse_set();
        let regions = [Region { volume: 0, roi: Roi::whole([24, 40, 50]) }];
        let tiling = TilingConfig { tile_size: 16, ..Default::default() };
        let sampler = Sampler::new(&set, &regions, &tiling, &AugmentationConfig::default(), 7).unwrap();
        // 3 x 4 places in section 5, and the last two, of which one is shifted inwards, of section 17.
        assert_eq!(sampler.tiles_per_epoch(), 14);
    }

    #[test]
    fn a_tile_larger_than_the_section_is_refused() {
        let set = corner_set();
        let regions = [Region { volume: 0, roi: Roi::whole(SHAPE) }];
        let tiling = TilingConfig { tile_size: 64, ..Default::default() };
        let error = Sampler::new(&set, &regions, &tiling, &AugmentationConfig::default(), 7).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tiles of 64 x 64 do not fit into the sections of `corner`, which are 40 x 50 (height x width)"
        );
    }
}
