//! A state dict whose tensors are taken one by one: each has to be there, of its shape, and none may be left.

use std::collections::HashSet;

use super::Network;
use super::state_dict::{StateDict, Tensor};
use crate::error::{Result, UserError};

/// The tensors of a network, and which of them have a layer.
pub(super) struct Checked<'a> {
    dict: &'a StateDict,
    network: Network,
    taken: HashSet<&'a str>,
}

impl<'a> Checked<'a> {
    pub fn new(dict: &'a StateDict, network: Network) -> Self {
        Self { dict, network, taken: HashSet::new() }
    }

    pub fn has(&self, name: &str) -> bool {
        self.dict.get(name).is_some()
    }

    /// How many of `name(0)`, `name(1)`, … are there.
    pub fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..self.dict.len()).take_while(|&place| self.has(&name(place))).count()
    }

    pub fn any(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.dict.iter().any(|(name, _)| is_meant(name))
    }

    /// Takes a tensor whose axes are `expected`, where `None` stands for any length but 0.
    pub fn take(&mut self, name: &str, expected: &[Option<usize>]) -> Result<&'a Tensor> {
        let Some((name, tensor)) = self.dict.entry(name) else {
            return Err(self.problem(format!("`{name}` is missing, expected {}", axes(expected))));
        };
        let fits = tensor.shape.len() == expected.len()
            && tensor
                .shape
                .iter()
                .zip(expected)
                .all(|(&found, expected)| found > 0 && expected.is_none_or(|expected| expected == found));
        if !fits {
            let (found, expected) = (&tensor.shape, axes(expected));
            return Err(self.problem(format!("`{name}` is of shape {found:?}, expected {expected}")));
        }
        self.taken.insert(name);
        Ok(tensor)
    }

    /// Lets tensors be there that prediction does not need.
    pub fn leave(&mut self, is_left: impl Fn(&str) -> bool) {
        self.taken.extend(self.dict.iter().map(|(name, _)| name).filter(|name| is_left(name)));
    }

    /// Fails where a tensor has no layer.
    pub fn finish(&self) -> Result<()> {
        let mut left = self.dict.iter().filter(|(name, _)| !self.taken.contains(name));
        let Some((name, tensor)) = left.next() else { return Ok(()) };
        let others = match left.count() {
            0 => String::new(),
            1 => ", and 1 more".into(),
            others => format!(", and {others} more"),
        };
        let found = format!("`{}` of shape {:?}{others}", name.escape_debug(), tensor.shape);
        Err(self.problem(format!("{found} belongs to no layer, expected none besides those of the network")))
    }

    /// An error about the weights of this network.
    pub fn problem(&self, problem: String) -> crate::Error {
        let network = self.network.name();
        let hint = match Network::of(self.dict) {
            Some(other) if other != self.network => {
                format!("the names are those of `{}`: try --network {}", other.name(), other.name())
            }
            _ => self.network.choices().to_owned(),
        };
        UserError::new(format!("no weights of `{network}`: {problem}"), hint).into()
    }
}

/// Axes in words, as `[16, any, 3, 3]`.
fn axes(expected: &[Option<usize>]) -> String {
    let axes = expected.iter().map(|axis| axis.map_or("any".to_owned(), |length| length.to_string()));
    format!("[{}]", axes.collect::<Vec<_>>().join(", "))
}
