//! The event file of a run, from which TensorBoard draws its curves.
//!
//! ```text
//! record   length: u64 | its checksum: u32 | bytes | their checksum: u32     little-endian
//! bytes    a protobuf `Event`: wall_time = 1, step = 2, file_version = 3, summary = 5
//! ```
//!
//! The first record names the version, and each further one is an epoch with all of its scores, so that an
//! epoch is there whole or not at all, and its number is that of its record.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use super::{EpochRecord, HistoryRow, RunFolder};
use crate::{Error, Result};

/// TensorBoard takes files whose name holds `tfevents`.
const NAME: &str = "events.out.tfevents.em-model";

/// The version of the layout, as TensorFlow's `event.proto` names it.
const VERSION: &str = "brain.Event:2";

/// What a record has around its bytes: length, and two checksums.
const FRAME: [usize; 2] = [12, 4];

/// The event file of a training, to which epochs are added.
pub(crate) struct EventFile {
    path: PathBuf,
    classes: Vec<String>,
}

impl EventFile {
    /// Has the file of a run hold these epochs: what a kill left half-written, and epochs that come again,
    /// are cut off; those that are missing are added. Without an epoch there is no file.
    pub fn of_epochs(run: &RunFolder, records: &[EpochRecord], classes: &[String]) -> Result<Self> {
        let events = Self { path: run.tensorboard().join(NAME), classes: classes.to_vec() };
        let mut ends = ends_of_records(&std::fs::read(&events.path).unwrap_or_default());
        ends.truncate(records.len() + 1);
        if events.path.exists() {
            // A length fits 64 bits.
            let length = ends.last().copied().unwrap_or_default() as u64;
            let cut = OpenOptions::new().write(true).open(&events.path).and_then(|file| file.set_len(length));
            cut.map_err(|error| events.failed(&error))?;
        }
        let known = ends.len().saturating_sub(1);
        records[known..].iter().try_for_each(|record| events.add(record))?;
        Ok(events)
    }

    /// Adds an epoch, in one piece.
    pub fn add(&self, record: &EpochRecord) -> Result<()> {
        let row = HistoryRow::of_record(record, &self.classes);
        let values = scalars(&row).into_iter().map(|(tag, value)| {
            // Curves are drawn from 32-bit numbers.
            let value = message(&[(1, Value::Bytes(tag.into())), (2, Value::Float(value as f32))]);
            (1, Value::Bytes(value))
        });
        let summary = message(&values.collect::<Vec<_>>());
        let epoch = event(&[(2, Value::Number(row.epoch as u64)), (5, Value::Bytes(summary))]);
        self.append(&epoch).map_err(|error| self.failed(&error))
    }

    /// Appends a record, behind that of the version in a new file.
    fn append(&self, record: &[u8]) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        let is_new = file.metadata()?.len() == 0;
        let version = if is_new { event(&[(3, Value::Bytes(VERSION.into()))]) } else { Vec::new() };
        file.write_all(&[&version, record].concat())
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::RunFile { path: self.path.clone(), problem: format!("cannot be written: {error}") }
    }
}

/// The record of an event that happens now.
fn event(fields: &[(u8, Value)]) -> Vec<u8> {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
    framed(&[message(&[(1, Value::Double(now))]), message(fields)].concat())
}

/// The curves of an epoch; what is before the first `/` is a group of TensorBoard's page.
fn scalars(row: &HistoryRow) -> Vec<(String, f64)> {
    let mut all = vec![
        ("learning_rate".to_owned(), row.learning_rate),
        ("time/seconds".to_owned(), row.seconds),
        ("time/tiles_per_second".to_owned(), row.tiles_per_second),
    ];
    for (side, scores) in [("train", &row.train), ("validation", &row.validation)] {
        let of_side = [
            ("loss", scores.loss),
            ("accuracy", scores.accuracy),
            ("iou", scores.iou),
            ("dice", scores.dice),
        ];
        all.extend(of_side.map(|(score, value)| (format!("{score}/{side}"), value)));
        all.extend(scores.class_iou.iter().map(|(class, iou)| (format!("iou/{side}/{class}"), Some(*iou))));
    }
    all.into_iter().filter_map(|(tag, value)| Some((tag, value?))).collect()
}

/// A value of a field of a protobuf message.
enum Value {
    Number(u64),
    Double(f64),
    Bytes(Vec<u8>),
    Float(f32),
}

/// Writes fields with their numbers, which are below 16 here.
fn message(fields: &[(u8, Value)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in fields {
        let kind = match value {
            Value::Number(_) => 0,
            Value::Double(_) => 1,
            Value::Bytes(_) => 2,
            Value::Float(_) => 5,
        };
        bytes.push(number << 3 | kind);
        match value {
            Value::Number(number) => push_number(&mut bytes, *number),
            Value::Double(number) => bytes.extend(number.to_le_bytes()),
            Value::Bytes(text) => {
                push_number(&mut bytes, text.len() as u64);
                bytes.extend(text);
            }
            Value::Float(number) => bytes.extend(number.to_le_bytes()),
        }
    }
    bytes
}

/// Writes a number in groups of seven bits, the lowest first.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        // `as` takes the lowest byte.
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), bytes, &checksum(bytes)].concat()
}

/// The masked CRC-32C of TensorFlow's `record_writer.h`.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Where each record ends, up to the first that is not whole.
fn ends_of_records(bytes: &[u8]) -> Vec<usize> {
    let [before, after] = FRAME;
    let mut ends = Vec::new();
    let mut rest = bytes;
    while let Some((length, _)) = rest.split_first_chunk() {
        let end = usize::try_from(u64::from_le_bytes(*length)).ok().and_then(|n| n.checked_add(before));
        let record = end.and_then(|end| rest.get(before..end));
        let Some(record) = record.filter(|record| rest.starts_with(&framed(record))) else { break };
        rest = &rest[before + record.len() + after..];
        ends.push(bytes.len() - rest.len());
    }
    ends
}

#[cfg(test)]
mod tests {
    use em_metrics::ConfusionCounts;

    use super::*;
    use crate::EpochScores;

    fn record(epoch: usize) -> EpochRecord {
        let counts = ConfusionCounts { true_positives: 3, false_positives: 1, ..Default::default() };
        let scores = |loss| EpochScores { loss, counts: vec![counts, ConfusionCounts::default()] };
        EpochRecord {
            epoch,
            learning_rate: 0.001,
            train: scores(1.0 / epoch as f64),
            validation: scores(0.25),
            seconds: 200.5,
            tiles_per_second: 2.0,
        }
    }

    fn classes() -> Vec<String> {
        ["mitochondria", "synapses"].map(str::to_owned).to_vec()
    }

    /// The fields of a message: their numbers, and their bytes, which of a number are those of the varint.
    fn fields(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let varint = |bytes: &mut &[u8]| {
            let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let (groups, rest) = bytes.split_at(length);
            *bytes = rest;
            groups.to_vec()
        };
        let mut found = Vec::new();
        while let Some((key, rest)) = bytes.split_first() {
            bytes = rest;
            let length = match key & 7 {
                0 => {
                    found.push((key >> 3, varint(&mut bytes)));
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes).iter().rev().fold(0, |n, group| n << 7 | usize::from(group & 0x7f)),
                5 => 4,
                other => panic!("wire type {other}"),
            };
            let (value, rest) = bytes.split_at(length);
            found.push((key >> 3, value.to_vec()));
            bytes = rest;
        }
        found
    }

    /// The events of a run: steps with their curves.
    fn read(run: &RunFolder) -> Vec<(u8, Vec<(String, f32)>)> {
        let bytes = std::fs::read(run.tensorboard().join(NAME)).unwrap();
        let ends = ends_of_records(&bytes);
        assert_eq!(ends.last(), Some(&bytes.len()), "all records are whole");
        let records = ends.windows(2).map(|ends| &bytes[ends[0] + FRAME[0]..ends[1] - FRAME[1]]);
        let value = |(_, value): (u8, Vec<u8>)| match &fields(&value)[..] {
            [(1, tag), (2, number)] => (
                String::from_utf8(tag.clone()).unwrap(),
                f32::from_le_bytes(number.as_slice().try_into().unwrap()),
            ),
            other => panic!("{other:?}"),
        };
        let of_record = |record: &[u8]| match &fields(record)[..] {
            [(1, time), (2, step), (5, summary)] => {
                assert!(f64::from_le_bytes(time.as_slice().try_into().unwrap()) > 1.6e9);
                (step[0], fields(summary).into_iter().map(value).collect())
            }
            other => panic!("{other:?}"),
        };
        records.map(of_record).collect()
    }

    #[test]
    fn an_epoch_is_a_record_of_its_scores() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        let events = EventFile::of_epochs(&run, &[], &classes()).unwrap();
        assert!(!run.tensorboard().exists(), "nothing is there before the first epoch");
        events.add(&record(1)).unwrap();
        events.add(&record(2)).unwrap();
        let found = read(&run);
        assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 2]);
        let of_side = |side: &str, loss: f32| {
            let all = [("loss", loss), ("accuracy", 0.75), ("iou", 0.75), ("dice", 6.0 / 7.0)];
            let mut all = all.map(|(score, value)| (format!("{score}/{side}"), value)).to_vec();
            all.push((format!("iou/{side}/mitochondria"), 0.75));
            all
        };
        let mut expected = vec![
            ("learning_rate".to_owned(), 0.001),
            ("time/seconds".to_owned(), 200.5),
            ("time/tiles_per_second".to_owned(), 2.0),
        ];
        expected.extend(of_side("train", 0.5));
        expected.extend(of_side("validation", 0.25));
        assert_eq!(found[1].1, expected, "a class that is nowhere has no curve");
    }

    #[test]
    fn wherever_a_file_is_cut_each_epoch_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        let records = [1, 2, 3].map(record);
        drop(EventFile::of_epochs(&run, &records, &classes()).unwrap());
        let path = run.tensorboard().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        for length in (0..=whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..length]).unwrap();
            // The state knows of two epochs, and the third one comes again.
            let events = EventFile::of_epochs(&run, &records[..2], &classes()).unwrap();
            events.add(&records[2]).unwrap();
            let steps: Vec<u8> = read(&run).iter().map(|(step, _)| *step).collect();
            assert_eq!(steps, [1, 2, 3], "cut at {length}");
        }
        let mut changed = whole.clone();
        changed[whole.len() - 30] ^= 1;
        assert_eq!(ends_of_records(&changed).len(), 3, "the last of four is damaged");
    }

    /// Of `crc32c.crc32c(b"123456789")`, whose CRC-32C is 0xe3069283 (RFC 3720), with TensorFlow's mask.
    #[test]
    fn checksums_are_masked_as_tensorflow_does() {
        let known = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(checksum(b"123456789"), known.to_le_bytes());
    }
}
