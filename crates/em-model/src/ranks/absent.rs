//! What stands for c10d in a build without the feature `distributed`: ranks cannot be connected.

use std::time::Duration;

use tch::Tensor;

pub(super) type Called<T> = std::result::Result<T, String>;

/// Cannot be made.
#[derive(Debug)]
pub(super) enum Store {}

/// Where the store would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoreAddress {
    pub host: String,
    pub port: u16,
    pub serves: bool,
    pub prefix: String,
}

impl Store {
    pub fn connect(_: &StoreAddress, _: usize, _: Duration) -> Called<Self> {
        Err("this program was built without the feature `distributed`".into())
    }

    pub fn set(&self, _: &str, _: &str) -> Called<()> {
        match *self {}
    }

    pub fn get(&self, _: &str) -> Called<String> {
        match *self {}
    }
}

/// Cannot be made.
#[derive(Debug)]
pub(crate) enum Group {}

impl Group {
    pub fn new(store: &Store, _: (usize, usize), _: &str, _: tch::Device) -> Called<Self> {
        match *store {}
    }

    pub fn abort(&self) {
        match *self {}
    }

    pub fn all_reduce(&self, _: &[Tensor]) -> Called<()> {
        match *self {}
    }

    pub fn broadcast(&self, _: &[Tensor]) -> Called<()> {
        match *self {}
    }

    pub fn sum_of_ranks(&self, _: &Tensor, _: bool) -> Called<Tensor> {
        match *self {}
    }

    pub fn batch_norm(&self, _: &Norm<'_>, _: bool) -> Called<Tensor> {
        match *self {}
    }
}

/// What a batch norm is computed of.
#[derive(Debug)]
pub(crate) struct Norm<'a> {
    pub input: &'a Tensor,
    pub gain: &'a Tensor,
    pub shift: &'a Tensor,
    pub mean: &'a Tensor,
    pub variance: &'a Tensor,
    pub momentum: f64,
    pub epsilon: f64,
}
