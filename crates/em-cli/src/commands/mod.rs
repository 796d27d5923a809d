//! One file per command.

pub mod adapt;
pub mod annotate;
pub mod check;
pub mod cluster;
pub mod compare;
pub mod completions;
pub mod config;
pub mod convert;
pub mod correct;
pub mod evaluate;
pub mod export;
pub mod extract;
pub mod import;
pub mod inspect;
pub mod man;
pub mod measure;
pub mod models;
pub mod phantom;
pub mod predict;
pub mod report;
pub mod scales;
pub mod shards;
pub mod tile;
pub mod train;
pub mod tune;
pub mod view;
