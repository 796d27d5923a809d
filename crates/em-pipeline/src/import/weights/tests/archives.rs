//! What files keep tensors in: strides, kinds of numbers, checkpoints and prefixes.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::archive::Archive;
use super::super::state_dict::of_archive;
use super::*;

/// A pickle in the making, in the opcodes that `torch.save` writes.
#[derive(Clone, Default)]
pub(super) struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    pub fn integer(self, value: i64) -> Self {
        self.raw(&[0x8a, 8]).raw(&value.to_le_bytes())
    }

    pub fn integers(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw(b"("), |pickle, &value| pickle.integer(value)).raw(b"t")
    }

    pub fn tensor(
        self,
        class: &str,
        key: &str,
        count: i64,
        [offset, axes]: [&[i64]; 2],
        strides: &[i64],
    ) -> Self {
        self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .raw(format!("ctorch\n{class}\n").as_bytes())
            .text(key)
            .text("cpu")
            .integer(count)
            .raw(b"tQ")
            .integer(offset[0])
            .integers(axes)
            .integers(strides)
            .raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    /// A file with this value under a name.
    pub fn named(name: &str, value: impl FnOnce(Self) -> Self) -> Vec<u8> {
        value(Self::default().raw(b"\x80\x02}").text(name)).raw(b"s.").0
    }
}

/// An archive of files.
pub(super) fn archive(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Reads an archive that lies in memory.
pub(super) fn read_bytes(bytes: &[u8]) -> Result<StateDict, String> {
    of_archive(&mut Archive::of(Cursor::new(bytes), bytes.len() as u64)?)
}

/// Reads one tensor of four 32-bit floats 1, 2, 3, 4.
fn one_tensor(offset: i64, shape: &[i64], strides: &[i64]) -> Result<Tensor, String> {
    let table =
        Pickle::named("w", |pickle| pickle.tensor("FloatStorage", "0", 4, [&[offset], shape], strides));
    let numbers: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let files = [("a/data.pkl", &table[..]), ("a/data/0", &numbers)];
    let dict = read_bytes(&archive(&files, CompressionMethod::Stored))?;
    Ok(dict.get("w").unwrap().clone())
}

#[test]
fn tensors_lie_in_the_order_of_their_axes() {
    let dict = dict("strided.pt");
    let check = |name: &str, shape: &[usize], values: &[f32]| {
        let found = dict.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((&found.shape[..], &found.values[..]), (shape, values), "{name}");
    };
    let counted: Vec<f32> = (0..24_u8).map(f32::from).collect();
    check("plain", &[2, 3, 4], &counted);
    let turned: Vec<f32> = (0..4)
        .flat_map(|x| (0..2).flat_map(move |z| (0..3).map(move |y| (z * 12 + y * 4 + x) as f32)))
        .collect();
    check("turned", &[4, 2, 3], &turned);
    check("part", &[2, 2], &[16.0, 18.0, 20.0, 22.0]);
    check("repeated", &[2, 3], &[5.0, 5.0, 5.0, 6.0, 6.0, 6.0]);
    check("last", &[1, 2, 3, 4], &counted);
    check("scalar", &[], &[2.5]);
    check("none", &[0, 3], &[]);
    check("parameter", &[2], &[0.25, -4.0]);
    check("f16", &[5], &[1.5, -2.0, 5.960_464_5e-8, 65504.0, f32::INFINITY]);
    check("bf16", &[3], &[1.5, -2.0, 3.004_055_3e38]);
    check("f64", &[3], &[1.5, -2.0, 0.1]);
    // Counters are no weights.
    assert_eq!(dict.get("count").or(dict.get("flags")), None);
    assert_eq!(dict.len(), 11);
    let names: Vec<&str> = dict.iter().map(|(name, _)| name).take(3).collect();
    assert_eq!(names, ["plain", "turned", "part"]);
}

#[test]
fn checkpoints_and_wrappers_are_unpacked() {
    // `module.` of several GPUs, under `model_state_dict`, beside an optimizer; `network_weights` of nnU-Net.
    assert!(dict("torch-unet-plain.pt").get("down.0.0.weight").is_some());
    assert!(dict("nnunet.pt").get("encoder.stages.0.0.convs.0.conv.weight").is_some());
    let value = Pickle::named("state_dict", |pickle| {
        pickle
            .raw(b"}")
            .text("model._orig_mod.a")
            .tensor("FloatStorage", "0", 1, [&[0], &[1]], &[1])
            .raw(b"s")
    });
    let files = [("data.pkl", &value[..]), ("data/0", &[0, 0, 128, 63][..])];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.ckpt");
    std::fs::write(&path, archive(&files, CompressionMethod::Stored)).unwrap();
    let dict = read(&path).unwrap();
    assert_eq!(dict.get("a").unwrap().values, [1.0]);
}

#[test]
fn what_a_training_keeps_beside_a_network_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.ckpt");
    let read_with = |names: &[&str]| {
        let table = names.iter().fold(Pickle::default().raw(b"\x80\x02}("), |table, name| {
            table.text(name).tensor("FloatStorage", "0", 1, [&[0], &[1]], &[1])
        });
        let files = [("data.pkl", &table.raw(b"u.").0[..]), ("data/0", &[0, 0, 128, 63][..])];
        std::fs::write(&path, archive(&files, CompressionMethod::Stored)).unwrap();
        read(&path).unwrap().iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let names = ["loss.weight", "net.module.down.0.0.weight", "net.module.head.weight"];
    assert_eq!(read_with(&names), ["down.0.0.weight", "head.weight"]);
    let names = ["loss.weight", "net.module.other.weight"];
    assert_eq!(read_with(&names), names);
}

#[test]
fn big_endian_numbers_are_turned() {
    let table = Pickle::named("w", |pickle| pickle.tensor("FloatStorage", "0", 2, [&[0], &[2]], &[1]));
    let numbers: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|value| value.to_be_bytes()).collect();
    let files = [("a/data.pkl", &table[..]), ("a/data/0", &numbers), ("a/byteorder", b"big")];
    let dict = read_bytes(&archive(&files, CompressionMethod::Stored)).unwrap();
    assert_eq!(dict.get("w").unwrap().values, [1.5, -2.0]);
}

#[test]
fn views_beyond_their_numbers_are_refused() {
    assert_eq!(one_tensor(1, &[3], &[1]).unwrap().values, [2.0, 3.0, 4.0]);
    assert_eq!(one_tensor(0, &[2, 2], &[1, 2]).unwrap().values, [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(one_tensor(0, &[2, 1, 2], &[1, i64::MAX, 2]).unwrap().values, [1.0, 3.0, 2.0, 4.0]);
    for (offset, shape, strides) in [
        (2, &[3][..], &[1][..]),
        (0, &[2, 2], &[3, 1]),
        (i64::MAX, &[1], &[1]),
        (0, &[2], &[i64::MAX]),
        (0, &[i64::MAX, i64::MAX], &[0, 0]),
        (0, &[1], &[1, 1]),
        (-1, &[1], &[1]),
        (0, &[-1], &[1]),
        (0, &[1; 17], &[1; 17]),
    ] {
        one_tensor(offset, shape, strides).unwrap_err();
    }
    let error = one_tensor(0, &[1 << 40], &[0]).unwrap_err();
    assert_eq!(error, "has tensors with far more numbers than it has bytes");
}

#[test]
fn names_of_one_tensor_share_its_numbers() {
    // As nnU-Net names its encoder four times: each alone is within what a file may take, all together are not.
    let count = 3 << 18;
    let mut table = Pickle::default().raw(b"\x80\x02}(");
    for name in ["a", "b", "c", "d"] {
        table = table.text(name).tensor("HalfStorage", "0", 1, [&[0], &[count]], &[0]);
    }
    let table = table.raw(b"u.").0;
    let files = [("a/data.pkl", &table[..]), ("a/data/0", &[0, 60][..])];
    let dict = read_bytes(&archive(&files, CompressionMethod::Stored)).unwrap();
    assert_eq!(dict.len(), 4);
    assert_eq!(dict.get("d").unwrap().values, vec![1.0; count as usize]);
}

#[test]
fn what_is_no_state_dict_is_told() {
    let error = |name: &str| read(&fixture(name)).unwrap_err().to_string();
    let object = error("object.pt");
    assert!(object.contains("holds an object of `torch.nn.modules.container.Sequential`"), "{object}");
    assert!(error("").contains("is no file") && error("none.pt").contains("cannot be read"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pt");
    let told = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.hint().unwrap().contains("torch.save(model.state_dict()"));
        error.to_string()
    };
    // As `torch.save(…, _use_new_zipfile_serialization=False)` of PyTorch 2.11 begins.
    let legacy = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    assert!(told(legacy).ends_with("is of the format that PyTorch wrote before 1.6, which is not read"));
    assert!(told(b"\x80\x04}.").ends_with("is a pickle that is not PyTorch's"));
    assert!(told(b"weights").contains("is neither a file of `torch.save` nor safetensors"));
    assert!(told(b"").contains("is neither a file of `torch.save` nor safetensors"));
    let script =
        archive(&[("a/data.pkl", b"\x80\x02N."), ("a/constants.pkl", b"")], CompressionMethod::Stored);
    assert!(told(&script).ends_with("is a TorchScript program, expected a state dict"));
    let words = Pickle::named("epoch", |pickle| pickle.integer(3));
    let words = archive(&[("a/data.pkl", &words)], CompressionMethod::Stored);
    assert!(
        told(&words)
            .contains("holds no tensors but `epoch`, expected a state dict, or one under `state_dict`")
    );
}

#[test]
fn kinds_that_are_no_weights_are_told() {
    let table = Pickle::named("w", |pickle| pickle.tensor("ComplexFloatStorage", "0", 1, [&[0], &[1]], &[1]));
    let files = [("a/data.pkl", &table[..]), ("a/data/0", &[0; 8][..])];
    let error = read_bytes(&archive(&files, CompressionMethod::Stored)).unwrap_err();
    assert_eq!(error, "has tensors of `torch.ComplexFloatStorage`");
}
