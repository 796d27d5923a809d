//! One stack as a section `[data.train]`, or several as `[[data.train]]`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SourceConfig;

/// What a schema says of it.
#[derive(JsonSchema)]
#[schemars(inline, untagged)]
#[expect(dead_code, reason = "it is there for its schema")]
pub enum OneOrSeveral {
    One(SourceConfig),
    Several(Vec<SourceConfig>),
}

/// Writes one stack as a section, so that `--set data.train.raw=FILE` can change it.
pub fn serialize<S: Serializer>(sources: &[SourceConfig], serializer: S) -> Result<S::Ok, S::Error> {
    match sources {
        [one] => one.serialize(serializer),
        several => several.serialize(serializer),
    }
}

/// Reads one stack or several.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SourceConfig>, D::Error> {
    // Not an untagged enum: its errors name no key.
    deserializer.deserialize_any(Sources)
}

struct Sources;

impl<'de> Visitor<'de> for Sources {
    type Value = Vec<SourceConfig>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stack (a section with raw and labels), or several")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(vec![SourceConfig::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence))
    }
}
