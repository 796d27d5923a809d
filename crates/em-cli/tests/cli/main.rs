//! `em-cli` as its users meet it: whole commands, run in a folder of their own.

mod lab;
mod mistakes;
mod pipeline;
mod resume;
