//! What is known of a data set, read from its files.

use std::path::Path;

use em_data::{LabelledVolume, Split, TrainingSet};
use em_io::VoxelSize;
use em_model::{Device, ModelConfig, PixelMatch};

use crate::config::DataConfig;
use crate::dataset::{Reading, Sources, Stack};
use crate::error::{Result, UserError};
use crate::{Observer, built_in, memory, voxel_size};

/// With fewer labelled sections than this, a built-in network is a better start than random weights:
/// measured with one to six regions in docs/results.md.
pub(super) const FEW_SECTIONS: usize = 10;

/// What is known of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Shapes of the training volumes, `[z, y, x]`.
    pub shapes: Vec<[usize; 3]>,
    /// Sections of them that are labelled.
    pub labelled_sections: usize,
    /// Reviewed regions; 0 where all sections are labelled.
    pub regions: usize,
    /// Where the files or the user tell it.
    pub voxel_size: Option<VoxelSize>,
    /// Classes with their share of the training voxels.
    pub classes: Vec<(String, f64)>,
    /// Whether there are validation stacks of their own.
    pub has_validation: bool,
    /// Bytes of memory of the device to train on, where that is known.
    pub device_bytes: Option<u64>,
    /// A built-in network that knows one of the classes.
    pub built_in: Option<KnownNetwork>,
}

/// A network to start with.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownNetwork {
    /// The name that it is asked for by.
    pub name: String,
    /// Edge of the pixels that it knows, in nm.
    pub pixel_nm: f64,
    /// Filters of its levels.
    pub filters: Vec<usize>,
}

impl KnownNetwork {
    /// Finds the first built-in network that is named after one of the classes.
    pub(super) fn of(classes: &[String]) -> Result<Option<Self>> {
        let Some(network) = classes.iter().find_map(|class| em_models::named(class)) else { return Ok(None) };
        let card = built_in::card(network)?;
        let (name, filters) = (network.name.to_owned(), card.architecture.filters);
        Ok(card.voxel_size_nm.map(|[_, _, pixel_nm]| Self { name, pixel_nm, filters }))
    }
}

impl Facts {
    /// Reads what a folder holds.
    pub fn of(folder: &Path, observer: &mut Observer<'_>) -> Result<Self> {
        if !folder.is_dir() {
            let hint = "give the folder that holds train.tif and train_<class>.tif";
            return Err(UserError::new(format!("`{}` is no folder", folder.display()), hint).into());
        }
        Self::of_data(&DataConfig { folder: Some(folder.to_path_buf()), ..Default::default() }, observer)
    }

    /// Reads what a section `[data]` names.
    pub(crate) fn of_data(data: &DataConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let (sources, model) = (Sources::find(data)?, ModelConfig::default());
        let all = sources.train.iter().chain(&sources.validation);
        let stacks = all.map(|source| Stack::open(source, observer)).collect::<Result<Vec<_>>>()?;
        let voxel_size = match voxel_size::common(stacks.iter().flat_map(Stack::files), "data.voxel_size_nm")
        {
            Ok(common) => common.map(|(_, size)| size),
            Err(error) => {
                observer.warn(&format!("{error}; data.voxel_size_nm decides"))?;
                None
            }
        };
        let train = stacks[..sources.train.len()].iter();
        let reading = Reading { classes: &sources.classes, model: &model, least: [1; 3], around: 0 };
        let (mut volumes, mut areas) = (Vec::new(), Vec::new());
        for stack in train {
            let [_, height, width] = stack.raw.shape();
            let of_stack = stack.read(&reading, None)?;
            areas.extend(of_stack.iter().map(|_| (height * width) as u64));
            volumes.extend(of_stack);
        }
        let regions = stacks[..sources.train.len()].iter().filter_map(|stack| stack.regions.as_ref());
        let regions = regions.map(Vec::len).sum();
        let shapes: Vec<[usize; 3]> = volumes.iter().map(LabelledVolume::shape).collect();
        let set = TrainingSet::new(model.learned(&sources.classes), volumes)?;
        // All sections, since there is no split before there is a configuration.
        let whole = Split::by_volume(&shapes, shapes.len()).train;
        let shares = set.foreground_shares(&whole);
        // Of regions, strokes and the like, as many sections as they would fill.
        let filled = whole.iter().zip(&areas).map(|(region, &area)| {
            let voxels = set.labelled_voxels(&[*region]).into_iter().max().unwrap_or(0);
            voxels as f64 / area.max(1) as f64
        });
        // There are far fewer than 2^52.
        let labelled_sections = filled.sum::<f64>().ceil() as usize;
        Ok(Self {
            shapes,
            labelled_sections,
            regions,
            voxel_size,
            classes: set.classes().iter().cloned().zip(shares).collect(),
            device_bytes: memory::device_bytes(Device::auto()),
            built_in: KnownNetwork::of(set.classes())?,
            has_validation: !sources.validation.is_empty(),
        })
    }

    /// Sections of the thinnest stack.
    pub(super) fn sections(&self) -> usize {
        self.shapes.iter().map(|shape| shape[0]).min().unwrap_or(0)
    }

    /// The network to start with, where labels are few and pixels can be brought to its size.
    pub(super) fn start(&self) -> Option<(&KnownNetwork, PixelMatch)> {
        let (network, size) = (self.built_in.as_ref()?, self.voxel_size?);
        let trained = VoxelSize::new([size.nm()[0], network.pixel_nm, network.pixel_nm]).ok()?;
        // Pixels that are too far apart are no error here: the network does not suit them.
        let pixels = PixelMatch::new(size, trained).ok()?.unwrap_or(PixelMatch::by([1.0; 2]));
        (self.labelled_sections < FEW_SECTIONS).then_some((network, pixels))
    }

    /// Whether a single section has to validate itself.
    pub(super) fn is_one_section(&self) -> bool {
        !self.has_validation && self.regions == 0 && self.sections() == 1
    }
}
