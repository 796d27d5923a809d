//! The tensors of a state dict by their names, from a file of PyTorch or of safetensors.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;

use super::Network;
use super::archive::Archive;
use super::kinds::{ByteOrder, Kind};
use super::pickle::{Id, Pickle, Value, View};
use crate::error::{Result, UserError};

/// Numbers of a shape, the last axis fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// How long each axis is.
    pub shape: Vec<usize>,
    /// The numbers, as many as the shape has.
    pub values: Vec<f32>,
}

/// Weights by their names, in the order of the file. Counters, which are integers, are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    tensors: Vec<(String, Arc<Tensor>)>,
    places: HashMap<String, usize>,
}

impl StateDict {
    /// Returns the tensor of a name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.entry(name).map(|(_, tensor)| tensor)
    }

    /// Returns a tensor with its name, which lives as long as the dict.
    pub(super) fn entry(&self, name: &str) -> Option<(&str, &Tensor)> {
        let (name, tensor) = &self.tensors[*self.places.get(name)?];
        Some((name, tensor))
    }

    /// Returns all names and tensors.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.as_ref()))
    }

    /// Returns how many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self::of(tensors.into_iter().map(|(name, tensor)| (name, Arc::new(tensor))))
    }
}

impl StateDict {
    /// Of equal names the last one counts, as in Python.
    fn of(tensors: impl IntoIterator<Item = (String, Arc<Tensor>)>) -> Self {
        let mut dict = Self::default();
        for (name, tensor) in tensors {
            match dict.places.get(&name) {
                Some(&place) => dict.tensors[place].1 = tensor,
                None => {
                    dict.places.insert(name.clone(), dict.tensors.len());
                    dict.tensors.push((name, tensor));
                }
            }
        }
        dict
    }
}

/// Where checkpoints keep the state dict: PyTorch Lightning, the tutorials of PyTorch, nnU-Net, and others.
const TABLES: [&str; 7] =
    ["state_dict", "model_state_dict", "model_state", "network_weights", "model", "network", "net"];

/// What wrappers put before all names: `DataParallel`, `torch.compile`, and modules that hold the network.
const PREFIXES: [&str; 5] = ["module.", "_orig_mod.", "model.", "net.", "network."];

/// How deep a state dict may lie in a checkpoint.
const MOST_DEPTH: usize = 3;

/// Reads a state dict, or a checkpoint that holds one. Nothing of the file is run.
///
/// Prefixes of wrappers (`module.`, `_orig_mod.`, `model.`, `net.`, `network.`) are taken off where all names have
/// them, and where a network that is known is behind one; what stands beside it is left out then.
///
/// # Errors
///
/// Fails where the file holds no state dict, or is damaged.
pub fn read(path: &Path) -> Result<StateDict> {
    let name = path.display();
    let found = read_file(path).map_err(|problem| {
        let hint = "write one in Python with `torch.save(model.state_dict(), \"weights.pt\")`";
        UserError::new(format!("`{name}` {problem}"), hint)
    })?;
    Ok(unwrapped(found))
}

fn read_file(path: &Path) -> Result<StateDict, String> {
    let unread = |error: std::io::Error| format!("cannot be read: {error}");
    let length = fs::metadata(path).map_err(unread)?;
    if !length.is_file() {
        return Err("is no file".into());
    }
    let length = length.len();
    let mut file = File::open(path).map_err(unread)?;
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start).map_err(unread)?;
    match start.as_slice() {
        [b'P', b'K', 3, 4, ..] => {
            // An archive is read from its end.
            of_archive(&mut Archive::open(file, length)?)
        }
        // The pickle of `MAGIC_NUMBER` in `torch/serialization.py`.
        [0x80, 2, 0x8a, 10, b'l', 0xfc, 0x9c, b'F', 0xf9, ..] => {
            Err("is of the format that PyTorch wrote before 1.6, which is not read".into())
        }
        [0x80, 2..=5, ..] => Err("is a pickle that is not PyTorch's".into()),
        _ => {
            let mut bytes = start;
            file.take(length).read_to_end(&mut bytes).map_err(unread)?;
            of_safetensors(&bytes)
        }
    }
}

fn of_safetensors(bytes: &[u8]) -> Result<StateDict, String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("is neither a file of `torch.save` nor safetensors: {error}"))?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter() {
        let kind = view.dtype();
        let kind = Kind::of_safetensors(kind).ok_or_else(|| {
            format!("has `{}` as {kind:?}, expected floats of 16 to 64 bits", name.escape_debug())
        })?;
        if kind.is_float() {
            let numbers = view.data().chunks_exact(kind.bytes());
            let values = numbers.map(|number| kind.number(number, ByteOrder::Little)).collect();
            tensors.push((name.to_owned(), Tensor { shape: view.shape().to_vec(), values }));
        }
    }
    // The file has no order of its own.
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(tensors.into_iter().collect())
}

/// The state dict in the tables of an archive.
pub(super) fn of_archive<R: Read + std::io::Seek>(archive: &mut Archive<R>) -> Result<StateDict, String> {
    let pickle = &archive.pickle;
    let table = table_of(pickle, pickle.root, MOST_DEPTH).ok_or_else(|| no_table(pickle))?;
    let mut names = Vec::new();
    let mut views = Vec::new();
    for &(key, value) in table {
        if let (Some(name), Value::Tensor(view)) = (pickle.text(key), pickle.get(value)) {
            names.push(name.to_owned());
            views.push(View::clone(view));
        }
    }
    let tensors = archive.tensors(&views)?;
    let named = names.into_iter().zip(tensors);
    Ok(StateDict::of(named.filter_map(|(name, tensor)| Some((name, tensor?)))))
}

/// The table with tensors: below the name that a checkpoint gives it, or the value itself.
fn table_of(pickle: &Pickle, id: Id, depth: usize) -> Option<&[(Id, Id)]> {
    let Value::Dict(pairs) = pickle.get(id) else { return None };
    let below = |name: &str| {
        let (_, value) = pairs.iter().rev().find(|(key, _)| pickle.text(*key) == Some(name))?;
        table_of(pickle, *value, depth.checked_sub(1)?)
    };
    let is_tensor = |&(_, value): &(Id, Id)| matches!(pickle.get(value), Value::Tensor(_));
    TABLES.iter().find_map(|name| below(name)).or_else(|| pairs.iter().any(is_tensor).then_some(pairs))
}

/// Says what is there where no state dict is.
fn no_table(pickle: &Pickle) -> String {
    match pickle.get(pickle.root) {
        Value::Object(class) => {
            let class = pickle.text(*class).unwrap_or("a class").escape_debug();
            format!(
                "holds an object of `{class}`, expected a state dict: objects are programs, and not loaded"
            )
        }
        Value::Dict(pairs) => {
            let keys = pairs.iter().filter_map(|(key, _)| pickle.text(*key)).take(8);
            let keys: Vec<String> = keys.map(|key| format!("`{}`", key.escape_debug())).collect();
            let tables = TABLES.map(|name| format!("`{name}`")).join(", ");
            format!("holds no tensors but {}, expected a state dict, or one under {tables}", keys.join(", "))
        }
        _ => "holds no state dict".into(),
    }
}

/// Takes prefixes off that all names have, and leaves out what a training keeps beside a network that is known, as
/// the weights of a loss.
fn unwrapped(dict: StateDict) -> StateDict {
    let dict = without_prefixes(dict);
    if Network::of(&dict).is_some() {
        return dict;
    }
    let network = |prefix: &&str| {
        let inside = |(name, tensor): &(String, Arc<Tensor>)| {
            Some((name.strip_prefix(*prefix)?.to_owned(), Arc::clone(tensor)))
        };
        let part = without_prefixes(StateDict::of(dict.tensors.iter().filter_map(inside)));
        Network::of(&part).map(|_| part)
    };
    PREFIXES.iter().find_map(network).unwrap_or(dict)
}

fn without_prefixes(dict: StateDict) -> StateDict {
    let mut tensors = dict.tensors;
    let shared = |tensors: &[(String, Arc<Tensor>)]| {
        PREFIXES.into_iter().find(|prefix| tensors.iter().all(|(name, _)| name.starts_with(prefix)))
    };
    while let Some(prefix) = shared(&tensors).filter(|_| !tensors.is_empty()) {
        tensors.iter_mut().for_each(|(name, _)| drop(name.drain(..prefix.len())));
    }
    StateDict::of(tensors)
}
