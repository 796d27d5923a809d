//! Work on volumes that need not fit into memory: a bounded pipeline over blocks of sections, and
//! the finished blocks of a prediction that can be resumed. It knows no network.

pub mod blocks;
pub mod pipeline;
pub mod request;
pub mod store;
