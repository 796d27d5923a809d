//! Networks as files of other programs: what such a file takes and gives, and the files.
//!
//! | file | owns |
//! |---|---|
//! | `export/network.rs` | a run that is exported: its weights, what it computes, its files |
//! | `export/interface.rs` | the axes and sizes of what goes in and comes out |
//! | `export/ends.rs` | what stands before and behind the layers: normalisation, probabilities |
//! | `export/onnx.rs` | the file of ONNX around the graph |
//! | `export/graph.rs` | layers as nodes of that graph |
//! | `export/proto.rs` | the messages that an ONNX file is made of |
//! | `export/torchscript.rs` | the archive of TorchScript around the script |
//! | `export/script.rs` | layers as lines of that script |
//! | `export/pickle.rs` | the tables of tensors in it |
//!
//! The graph and the script come from the same way through the layers as tensors do
//! (`Compute` in `network/layers.rs`), so that no layer can be there and not here.

mod ends;
mod graph;
mod interface;
mod network;
mod onnx;
mod pickle;
pub mod proto;
mod script;
#[cfg(test)]
mod tests;
mod torchscript;

pub use interface::Interface;
pub use network::{ExportedNetwork, Takes};
pub use onnx::{CARD_KEY, OPSET};
