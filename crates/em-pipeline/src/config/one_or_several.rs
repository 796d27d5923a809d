//! One value where there is one, a list where there are several: a stack as a section `[data.train]` or
//! stacks as `[[data.train]]`, a path as a text or paths as a list.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SourceConfig;

/// What there may be one or several of.
pub trait Entry {
    /// What is expected of a configuration, in words.
    const EXPECTED: &'static str;
}

impl Entry for SourceConfig {
    const EXPECTED: &'static str = "a stack (a section with raw and labels), or several";
}

impl Entry for PathBuf {
    const EXPECTED: &'static str = "a path, or a list of paths";
}

/// What a schema says of it.
#[derive(JsonSchema)]
#[schemars(inline, untagged)]
#[expect(dead_code, reason = "it is there for its schema")]
pub enum OneOrSeveral<T> {
    One(T),
    Several(Vec<T>),
}

/// Writes one value by itself, so that `--set data.train.raw=FILE` can change it.
pub fn serialize<T: Serialize, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match values {
        [one] => one.serialize(serializer),
        several => several.serialize(serializer),
    }
}

/// Reads one value or several.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Entry + Deserialize<'de>,
    D: Deserializer<'de>,
{
    // Not an untagged enum: its errors name no key.
    deserializer.deserialize_any(Values(PhantomData))
}

struct Values<T>(PhantomData<T>);

impl<'de, T: Entry + Deserialize<'de>> Visitor<'de> for Values<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![T::deserialize(StrDeserializer::new(text))?])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(vec![T::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence))
    }
}
