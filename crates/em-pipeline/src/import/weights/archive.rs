//! The archive that `torch.save` writes: a pickle of tables, and a file of numbers for each storage.
//!
//! ```text
//! name/data.pkl     tables, with storages by the names of their files
//! name/byteorder    `little` or `big`; little-endian without it
//! name/data/0       numbers of a storage, as they lie in memory
//! ```
//!
//! Written by `torch/serialization.py`, `_save`. Nothing in it is packed, so that a file of the archive never takes
//! more memory than the archive takes of the disk.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use super::kinds::{ByteOrder, Kind};
use super::pickle::{self, Id, Pickle, Storage, Value, View};
use super::state_dict::Tensor;

/// Numbers that may be there beyond one for each byte of the file, for tensors that repeat a few numbers.
const MORE_NUMBERS: u64 = 1 << 20;

/// An archive whose tables were read.
pub(super) struct Archive<R> {
    archive: ZipArchive<R>,
    /// What stands before the names of all files.
    prefix: String,
    order: ByteOrder,
    pub pickle: Pickle,
    /// How many bytes of storages may still be read.
    bytes_left: u64,
    /// How many numbers may still be made.
    numbers_left: u64,
}

impl Archive<BufReader<File>> {
    /// Opens an archive of a length.
    pub fn open(file: File, length: u64) -> Result<Self, String> {
        Self::of(BufReader::new(file), length)
    }
}

impl<R: Read + Seek> Archive<R> {
    pub fn of(reader: R, length: u64) -> Result<Self, String> {
        let mut archive = ZipArchive::new(reader).map_err(|error| format!("is no whole archive: {error}"))?;
        let names = archive.file_names().filter_map(Result::ok);
        let tables = names.filter(|name| name == "data.pkl" || name.ends_with("/data.pkl"));
        let tables = tables.min_by_key(|name| name.len()).map(Cow::into_owned);
        let tables = tables.ok_or("is an archive without `data.pkl`, as `torch.save` writes it")?;
        let prefix = tables.trim_end_matches("data.pkl").to_owned();
        if archive.index_for_name(&format!("{prefix}constants.pkl")).is_some() {
            return Err("is a TorchScript program, expected a state dict".into());
        }
        let order = match file_of(&mut archive, &format!("{prefix}byteorder"), 16) {
            Ok(name) if name == b"big" => ByteOrder::Big,
            _ => ByteOrder::Little,
        };
        let bytes = file_of(&mut archive, &tables, pickle::MOST_BYTES)?;
        let pickle = pickle::read(&bytes).map_err(|problem| format!("cannot be read: {problem}"))?;
        let numbers_left = length.saturating_add(MORE_NUMBERS);
        Ok(Self { archive, prefix, order, pickle, bytes_left: length, numbers_left })
    }

    /// The tensors of views, as they are ordered; `None` for integers. Equal views share one tensor: modules that are
    /// reached by two ways are named twice.
    pub fn tensors(&mut self, views: &[View]) -> Result<Vec<Option<Arc<Tensor>>>, String> {
        let mut tensors: Vec<Option<Arc<Tensor>>> = vec![None; views.len()];
        // Views of one file one after the other, so that each file is read once.
        let mut order = Vec::with_capacity(views.len());
        for (place, view) in views.iter().enumerate() {
            let storage = self.storage(view.storage)?;
            let class = self.pickle.text(storage.class).unwrap_or_default();
            let kind = Kind::of_storage(class)
                .ok_or_else(|| format!("has tensors of `{}`", class.escape_debug()))?;
            let key = self.pickle.text(storage.key).unwrap_or_default().to_owned();
            order.push((key, kind, view.offset, &view.shape, &view.strides, storage.count, place));
        }
        order.sort();
        let mut known: Option<(&str, Vec<u8>)> = None;
        let mut last: Option<(_, Arc<Tensor>)> = None;
        for (key, kind, offset, shape, strides, count, place) in &order {
            if !kind.is_float() {
                continue;
            }
            let view = (key, kind, offset, shape, strides);
            if let Some((_, tensor)) = last.as_ref().filter(|(other, _)| *other == view) {
                tensors[*place] = Some(Arc::clone(tensor));
                continue;
            }
            let bytes = match known.take() {
                Some((name, bytes)) if name == key => bytes,
                _ => self.numbers(key)?,
            };
            let tensor = Arc::new(self.contiguous(&views[*place], *count, *kind, &bytes)?);
            tensors[*place] = Some(Arc::clone(&tensor));
            known = Some((key, bytes));
            last = Some((view, tensor));
        }
        Ok(tensors)
    }

    fn storage(&self, id: Id) -> Result<Storage, String> {
        match self.pickle.get(id) {
            Value::Storage(storage) => Ok(storage.clone()),
            _ => Err("has a tensor without numbers".into()),
        }
    }

    /// The file of a storage.
    fn numbers(&mut self, key: &str) -> Result<Vec<u8>, String> {
        let name = format!("{}data/{key}", self.prefix);
        let bytes = file_of(&mut self.archive, &name, self.bytes_left)?;
        self.bytes_left -= (bytes.len() as u64).min(self.bytes_left);
        Ok(bytes)
    }

    /// The numbers of a view in the order of its axes, the last one fastest.
    fn contiguous(
        &mut self,
        view: &View,
        count_of_storage: usize,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<Tensor, String> {
        let beyond = || format!("has a tensor of shape {:?} that goes beyond its numbers", view.shape);
        let count = view.shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
        let count = count.ok_or_else(beyond)?;
        let left = self.numbers_left.checked_sub(count as u64);
        self.numbers_left = left.ok_or("has tensors with far more numbers than it has bytes")?;
        let shape = view.shape.clone();
        if count == 0 {
            return Ok(Tensor { shape, values: Vec::new() });
        }
        let last = view.shape.iter().zip(&view.strides).try_fold(view.offset, |last, (&length, &stride)| {
            (length - 1).checked_mul(stride).and_then(|steps| last.checked_add(steps))
        });
        let kept = count_of_storage.min(bytes.len() / kind.bytes());
        last.filter(|&last| last < kept).ok_or_else(beyond)?;
        let mut values = Vec::with_capacity(count);
        if strides_are_contiguous(view) {
            let numbers = bytes[view.offset * kind.bytes()..].chunks_exact(kind.bytes()).take(count);
            values.extend(numbers.map(|number| kind.number(number, self.order)));
            return Ok(Tensor { shape, values });
        }
        let mut index = vec![0; shape.len()];
        let mut at = view.offset;
        for _ in 0..count {
            let start = at * kind.bytes();
            values.push(kind.number(&bytes[start..start + kind.bytes()], self.order));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                at += view.strides[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                at -= shape[axis] * view.strides[axis];
                index[axis] = 0;
            }
        }
        Ok(Tensor { shape, values })
    }
}

fn strides_are_contiguous(view: &View) -> bool {
    let mut expected = 1;
    view.shape.iter().zip(&view.strides).rev().all(|(&length, &stride)| {
        let fits = length == 1 || stride == expected;
        // All lengths together fit.
        expected *= length;
        fits
    })
}

/// The bytes of a file of an archive, if they are there as they are and not more than `most`.
fn file_of<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let file = archive.by_name(name).map_err(|error| format!("lacks `{}`: {error}", name.escape_debug()))?;
    if file.compression() != CompressionMethod::Stored {
        return Err(format!("has `{}` packed, which `torch.save` does not do", name.escape_debug()));
    }
    if file.size() > most {
        return Err(format!(
            "has {} bytes in `{}`, expected at most {most}",
            file.size(),
            name.escape_debug()
        ));
    }
    let mut bytes = Vec::new();
    let read = file.take(most).read_to_end(&mut bytes);
    read.map_err(|error| format!("has a damaged `{}`: {error}", name.escape_debug()))?;
    Ok(bytes)
}
