//! What stands for `remote` where it is not built in: every address is an error that names the feature.

use super::failure::Failure;
use super::{Address, Span, Stat};
use std::io;

fn absent<T>() -> io::Result<T> {
    Err(Failure::NotBuiltIn.into())
}

pub(super) fn stat(_: &Address) -> io::Result<Option<Stat>> {
    absent()
}

pub(super) fn get_small(_: &Address, _: u64) -> io::Result<Option<(Vec<u8>, Stat)>> {
    absent()
}

pub(super) fn get(_: &Address, _: Span, _: u64, _: Option<&Stat>) -> io::Result<Option<(Vec<u8>, Stat)>> {
    absent()
}

pub(super) fn list(_: &Address) -> io::Result<Vec<(String, bool)>> {
    absent()
}

pub(super) fn bytes(_: &Address) -> io::Result<u64> {
    absent()
}

pub(super) fn put(_: &Address, _: Vec<u8>) -> io::Result<()> {
    absent()
}

pub(super) fn put_first(_: &Address, _: Vec<u8>) -> io::Result<bool> {
    absent()
}

pub(super) fn remove(_: &Address) -> io::Result<()> {
    absent()
}

pub(super) fn remove_all(_: &Address) -> io::Result<()> {
    absent()
}

pub(super) fn not_written(_: &Address) -> io::Error {
    Failure::NotBuiltIn.into()
}

pub(super) fn in_parallel<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    work()
}
