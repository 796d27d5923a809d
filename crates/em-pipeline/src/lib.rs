#![doc = include_str!("../README.md")]
//!
//! | module | owns |
//! |---|---|
//! | [`config`] | `run.toml`: read, overridden, written, and its schema |
//! | [`dataset`] | the stacks that a configuration names, opened and put together |
//! | [`check`] | what would make a training fail or go wrong, before it starts |
//! | [`suggested_config`] | a configuration that suits a data set, with its reasons |
//! | [`scores`] | masks against labels: per section, pooled, as a volume, as objects |
//! | [`predict`](mod@predict) | a volume in, masks and probabilities out, block by block |
//! | [`evaluate`](mod@evaluate) | a mask against a label |
//! | [`measure`](mod@measure) | the objects of masks: a table, label volumes, a summary |
//! | [`correct`] | objects corrected by a person: edits, what they make of a label volume, its table |
//! | [`convert`](mod@convert), [`extract`](mod@extract), [`tile`](mod@tile), [`inspect`](mod@inspect) | volumes into other formats, sections, tiles, numbers |
//! | [`export`](mod@export) | a network as a file of other programs, and as a package of the BioImage Model Zoo |
//! | [`import`](mod@import) | a network of another program as a run |
//! | [`phantom`] | generated stacks with labels, for trying things out |
//! | [`built_in`] | networks that are part of the program |
//! | [`view`] | a volume and its layers, to be looked at: levels, tables and surfaces of objects |
//! | [`shards`] | the parts of a prediction or a measurement that many programs work on |
//! | [`cluster`] | job files for the schedulers of clusters |
//! | [`report`] | scores, curves, pictures and the page of a run |
//! | [`voxel_size`] | the one size that the voxels of several files have |
//!
//! Long work tells an [`Observer`] how it goes on, who may end it.

pub mod adapt;
pub mod annotate;
pub mod built_in;
pub mod check;
mod class_path;
pub mod cluster;
pub mod compare;
pub mod config;
pub mod convert;
pub mod correct;
pub mod dataset;
pub mod display;
mod drawing;
mod error;
pub mod evaluate;
pub mod export;
pub mod extract;
mod fine_tuning;
mod fingerprint;
mod grey_values;
mod hints;
pub mod import;
mod inputs;
pub mod inspect;
mod journal;
mod mask_hint;
pub mod measure;
mod memory;
mod observer;
mod pairing;
pub mod phantom;
pub mod predict;
pub mod report;
mod run_path;
pub mod scales;
mod scorers;
pub mod scores;
mod sections_digest;
pub mod settings;
pub mod shards;
mod staged;
pub mod suggested_config;
mod target;
pub mod tile;
mod timeline;
pub mod train;
pub mod tune;
mod unchanged;
pub mod view;
pub mod voxel_size;
mod write;

pub use adapt::{AdaptRequest, Movement, adapt};
pub use compare::Comparison;
pub use config::RunConfig;
pub use convert::{ConvertRequest, convert};
pub use dataset::Dataset;
pub use error::{Error, Result, UserError, hint_of, with_causes};
pub use evaluate::{EvaluateRequest, evaluate};
pub use export::{ExportFormat, ExportRequest, Exported, export};
pub use extract::{ExtractRequest, extract};
pub use import::{ImportRequest, Normalizing, import};
pub use inspect::inspect;
pub use measure::{MeasureRequest, measure};
pub use observer::{Event, Observer, Stage, Unit, silent};
pub use phantom::{PhantomRequest, write_phantom};
pub use predict::{PredictRequest, predict};
pub use run_path::find_run;
pub use scales::{Scale, ScalesRequest, make_scales};
pub use tile::{TileRequest, tile};
pub use train::{Start, train, train_on_ranks};
pub use tune::tune;
pub use {em_io, em_model, em_models, em_objects};

use std::path::Path;

/// Opens a volume, and tells what should be known about it.
///
/// # Errors
///
/// Those of [`em_io::open`], and [`Error::Stopped`].
pub fn open(path: &Path, observer: &mut Observer<'_>) -> Result<em_io::Volume> {
    open_with(path, em_io::OpenOptions::default(), observer)
}

/// Opens a volume, and of several stacks in it the one that was picked; tells what should be known.
///
/// # Errors
///
/// Those of [`em_io::OpenOptions::open`], and [`Error::Stopped`].
pub fn open_with(
    path: &Path,
    options: em_io::OpenOptions,
    observer: &mut Observer<'_>,
) -> Result<em_io::Volume> {
    let volume = options.open(path)?;
    for note in volume.notes() {
        observer.note(&format!("`{}`: {note}", path.display()))?;
    }
    Ok(volume)
}

/// The programs of a page of the documentation, which are compiled with the examples.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/how-to/reuse-a-crate.md")]
struct ReusingACrate;
