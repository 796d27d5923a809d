//! The training that a project asks for: the recipe for few labels, on its reviewed regions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use em_data::Paint;
use em_io::{Roi, SparseLabels, VoxelSize};
use em_model::{ModelCard, ModelConfig, PixelMatch};

use super::network_source::network_of;
use super::pictures::painted;
use super::project::{Project, sections_of};
use crate::config::{DataConfig, LabelValues, SourceConfig};
use crate::error::{Context, Result, UserError};
use crate::fine_tuning::TILE_SIZE;
use crate::suggested_config::{Facts, KnownNetwork, Suggestion};
use crate::{Observer, RunConfig, find_run};

/// Sections of a tile for an imported network of volumes.
const IMPORTED_DEPTH: usize = 16;

/// Writes down the next training of a project: from the network that suggests, on what is reviewed.
///
/// Returns the number of the run and its configuration, of which nothing is on the disk yet.
///
/// # Errors
///
/// Fails without a reviewed region, without foreground in one, or if the network's pixels are too far from
/// those of the stack.
pub fn next_training(project: &Project, observer: &mut Observer<'_>) -> Result<(usize, RunConfig)> {
    if project.regions().is_empty() {
        let hint = "mark a box in which all labels are complete (R)";
        return Err(UserError::new("no region is reviewed yet", hint).into());
    }
    let number = (1..).find(|&number| !project.run(number).path().exists()).unwrap_or(1);
    let data = data_of(project, observer)?;
    let facts = Facts::of_data(&data, observer)?;
    let (network, imported) = start_of(project)?;
    let size = VoxelSize::new(project.description().voxel_size_nm)?;
    let trained = VoxelSize::new([size.nm()[0], network.pixel_nm, network.pixel_nm])?;
    let pixels = PixelMatch::new(size, trained)?.unwrap_or(PixelMatch::by([1.0; 2]));
    let text = Suggestion::from_network(&facts, &network, pixels).to_toml();
    let mut config: RunConfig = toml::from_str(&text).context("the recipe is no configuration")?;
    if let Some((run, [depth, edge])) = imported {
        (config.tiling.tile_depth, config.tiling.tile_size) = (depth, edge);
        config.model = ModelConfig { imported: Some(run), ..Default::default() };
    }
    config.data = DataConfig { pixel_nm: config.data.pixel_nm, split: config.data.split, ..data };
    config.output.folder = project.run(number).path().to_owned();
    Ok((number, config))
}

/// The stack with the labels of all classes that have foreground in a reviewed region.
fn data_of(project: &Project, observer: &mut Observer<'_>) -> Result<DataConfig> {
    let description = project.description();
    let regions = project.regions();
    let (mut classes, mut missing) = (Vec::new(), Vec::new());
    for (class, labels) in description.classes.iter().zip(&project.canvas().labels) {
        let holds = regions.iter().map(|region| holds_foreground(labels, region.roi));
        let holds = holds.collect::<Result<Vec<bool>>>()?.contains(&true);
        if holds { classes.push(class.clone()) } else { missing.push(class.as_str()) }
    }
    if classes.is_empty() {
        let message = "no reviewed region holds foreground";
        return Err(UserError::new(message, "accept or paint some, or review another region").into());
    }
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        observer.note(&format!("no reviewed region holds {missing}: the training leaves that out"))?;
    }
    let path = |class: &String| project.folder().join("labels").join(format!("{class}.zarr"));
    let labels: BTreeMap<String, PathBuf> =
        classes.iter().map(|class| (class.clone(), path(class))).collect();
    Ok(DataConfig {
        classes,
        voxel_size_nm: Some(VoxelSize::new(description.voxel_size_nm)?),
        train: vec![SourceConfig {
            raw: description.stack.clone(),
            labels,
            sections: None,
            regions: Some(project.regions_file()),
            values: LabelValues::Scribbles,
        }],
        ..Default::default()
    })
}

/// The folder of an imported network, and a tile to train it with: sections and edge.
type ImportedRun = (PathBuf, [usize; 2]);

/// The network to go on from: the one that suggests, else a built-in one, whose features are a better start
/// than random weights for other classes, too.
///
/// Of one that was imported also the run, and a tile to train with.
fn start_of(project: &Project) -> Result<(KnownNetwork, Option<ImportedRun>)> {
    let path = network_of(project).map_or_else(|| em_models::BUILT_IN[0].name.into(), |(path, _)| path);
    let run = find_run(&path)?;
    let card = ModelCard::read(&run)?;
    let Some([_, _, pixel_nm]) = card.voxel_size_nm else {
        let message = format!("the network `{}` tells no voxel size", path.display());
        return Err(UserError::new(message, "start the project with another one: --model").into());
    };
    let depth = if card.architecture.dimensions == 3 { IMPORTED_DEPTH } else { 1 };
    let imported = card.architecture.imported.as_ref();
    let imported = imported.map(|net| (run.path().to_owned(), net.training_tile(depth, TILE_SIZE)));
    let (name, filters) = (path.display().to_string(), card.architecture.filters);
    Ok((KnownNetwork { name, pixel_nm, filters }, imported))
}

fn holds_foreground(labels: &SparseLabels, roi: Roi) -> Result<bool> {
    for section in sections_of(roi) {
        if painted(labels, section)?.iter().any(|&paint| paint == Paint::Foreground as u8) {
            return Ok(true);
        }
    }
    Ok(false)
}
