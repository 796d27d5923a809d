//! `em-cli` as its users meet it: whole commands, run in a folder of their own.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod addresses;
mod annotate;
#[path = "../../src/docs/blocks.rs"]
mod blocks;
mod check;
mod choosing;
mod configuring;
mod correct;
mod docs;
mod evaluate;
mod export;
mod following;
mod import;
mod lab;
mod measure;
mod merging;
mod mistakes;
mod pipeline;
mod predict;
mod ranks;
mod readers;
mod regions;
mod resume;
#[path = "../../../em-io/tests/common/server.rs"]
mod server;
mod shards;
mod shells;
mod sources;
mod suitability;
mod together;
mod tutorial;
mod view;
mod volumes;
mod without_labels;
