//! Descriptions of version 0.4 as such of 0.5: axes as letters become objects, and modes of steps their axes.
//!
//! It is what `bioimageio.spec` does, but for what that loses: `eps` of fixed statistics, and data sets as what a
//! range is of.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Place;
use crate::error::{Error, Result};

const UPDATE: &str = "bring the description to version 0.5, as the Python package bioimageio.spec does";
/// More than any network has; each gets a name.
const MOST_CHANNELS: f64 = 65_536.0;
/// As bioimageio.spec has it where a description has none.
const EPS: f64 = 1e-6;

type Fields = Map<String, Value>;

/// Turns a description of version 0.4 into one of 0.5, but for its version.
pub(super) fn update(fields: &mut Fields, place: Place<'_>) -> Result<()> {
    let updating = Updating { lengths: lengths(fields), place };
    for (group, steps) in [("inputs", "preprocessing"), ("outputs", "postprocessing")] {
        let Some(Value::Array(tensors)) = fields.get_mut(group) else {
            return Err(updating.problem(format!("has no list of {group}")));
        };
        for tensor in tensors {
            *tensor = updating.tensor(tensor, steps)?;
        }
    }
    Ok(())
}

/// How long the axes of tensors are at least, by tensor and letter.
fn lengths(fields: &Fields) -> BTreeMap<String, BTreeMap<char, f64>> {
    let groups = ["inputs", "outputs"].into_iter().filter_map(|group| fields.get(group)?.as_array());
    let of_tensor = |tensor: &Value| {
        let (name, axes) = (tensor.get("name")?.as_str()?, tensor.get("axes")?.as_str()?);
        let shape = tensor.get("shape")?;
        let lengths = shape.as_array().or_else(|| shape.get("min")?.as_array())?;
        let lengths = axes.chars().zip(lengths).filter_map(|(axis, length)| Some((axis, length.as_f64()?)));
        Some((name.to_owned(), lengths.collect()))
    };
    groups.flatten().filter_map(of_tensor).collect()
}

struct Updating<'a> {
    lengths: BTreeMap<String, BTreeMap<char, f64>>,
    place: Place<'a>,
}

impl Updating<'_> {
    fn problem(&self, problem: String) -> Error {
        self.place.problem(problem, UPDATE)
    }

    fn tensor(&self, tensor: &Value, steps: &str) -> Result<Value> {
        let text = |key: &str| tensor.get(key).and_then(Value::as_str);
        let (Some(name), Some(letters)) = (text("name"), text("axes")) else {
            return Err(self.problem("has a tensor without a name, or without axes as letters".into()));
        };
        let letters: Vec<char> = letters.chars().collect();
        let shape = Shape::of(tensor, letters.len())
            .ok_or_else(|| self.problem(format!("has the tensor `{name}` without a shape of its axes")))?;
        let mut axes = Vec::with_capacity(letters.len());
        for (number, &letter) in letters.iter().enumerate() {
            axes.push(self.axis(name, letter, number, &shape)?);
        }
        let found = tensor.get(steps).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut updated = found.iter().map(|step| self.step(step, &letters)).collect::<Result<Vec<_>>>()?;
        if steps == "preprocessing" {
            // Networks of 0.4 take no other type.
            updated.push(json!({ "id": "ensure_dtype", "kwargs": { "dtype": "float32" } }));
        }
        let data =
            json!({ "type": text("data_type").unwrap_or("float32"), "range": tensor.get("data_range") });
        Ok(json!({ "id": name, "axes": axes, "data": data, (steps): updated }))
    }

    fn axis(&self, tensor: &str, letter: char, number: usize, shape: &Shape<'_>) -> Result<Value> {
        let refused = |found: &dyn std::fmt::Display| {
            self.problem(format!("has the tensor `{tensor}` whose axis `{letter}` is as long as {found}"))
        };
        if letter == 'b' {
            return Ok(json!({ "type": "batch" }));
        }
        let size = shape.size(number).ok_or_else(|| refused(&shape.told(number)))?;
        let halo = shape.halo.and_then(|halo| halo.get(number)).filter(|halo| halo.as_u64() != Some(0));
        Ok(match (letter, size) {
            ('c', size) => {
                let channels = match size {
                    Length::Told(size) => size.as_f64().unwrap_or(f64::NAN),
                    Length::Like { tensor, axis, scale, offset } => {
                        let axis = axis.unwrap_or(letter);
                        let other = self.lengths.get(tensor).and_then(|lengths| lengths.get(&axis));
                        scale * other.copied().unwrap_or(0.0) + offset
                    }
                };
                if !(1.0..=MOST_CHANNELS).contains(&channels) {
                    return Err(refused(&format!("{channels} channels")));
                }
                // At most 65,536.
                let names: Vec<String> = (0..channels as usize).map(|n| format!("channel{n}")).collect();
                json!({ "type": "channel", "channel_names": names })
            }
            ('z' | 'y' | 'x', Length::Told(size)) => {
                json!({ "type": "space", "id": letter.to_string(), "size": size, "halo": halo })
            }
            ('z' | 'y' | 'x', Length::Like { tensor, axis, scale, offset }) => {
                // A cast keeps what is far away at the ends of the range, where it is refused.
                let size = json!({
                    "tensor_id": tensor, "axis_id": axis.unwrap_or(letter).to_string(), "offset": offset as i64,
                });
                let scale = 1.0 / scale;
                json!({ "type": "space", "id": letter.to_string(), "size": size, "scale": scale, "halo": halo })
            }
            (letter, _) => {
                let kind = match letter {
                    't' => "time".into(),
                    'i' => "index".into(),
                    other => other.to_string(),
                };
                json!({ "type": kind, "id": letter.to_string() })
            }
        })
    }

    fn step(&self, step: &Value, letters: &[char]) -> Result<Value> {
        let Some(name) = step.get("name").and_then(Value::as_str) else {
            return Err(self.problem(format!("has the step {step}, which has no name")));
        };
        let mut settings = step.get("kwargs").and_then(Value::as_object).cloned().unwrap_or_default();
        let mode = settings.remove("mode");
        let joined = settings.remove("axes");
        let joined = joined.as_ref().and_then(Value::as_str);
        let is_fixed = match mode.as_ref().and_then(Value::as_str) {
            Some("fixed") => true,
            // As long as it was the default.
            None => settings.contains_key("mean"),
            Some("per_sample" | "per_dataset") => false,
            Some(other) => {
                return Err(self.problem(format!(
                    "has the step `{name}` of mode `{other}`, expected fixed, per_sample or per_dataset"
                )));
            }
        };
        let mut id = name;
        match name {
            "zero_mean_unit_variance" if is_fixed => {
                id = "fixed_zero_mean_unit_variance";
                let eps = settings.remove("eps").and_then(|eps| eps.as_f64()).unwrap_or(EPS);
                // 0.5 has no eps there: it becomes part of what is divided by.
                if let Some(std) = settings.get_mut("std") {
                    *std = plus(std, eps);
                }
                settings.extend(self.separate(name, joined, letters)?);
            }
            "scale_linear" => settings.extend(self.separate(name, joined, letters)?),
            "zero_mean_unit_variance" | "scale_range" => {
                let is_of_all = mode.as_ref().and_then(Value::as_str) == Some("per_dataset");
                let others = letters.iter().copied().filter(|&letter| letter != 'b');
                let axes =
                    joined.map_or_else(|| others.collect(), |joined| joined.chars().collect::<Vec<_>>());
                let batch = is_of_all.then(|| "batch".to_owned());
                let axes: Vec<String> = batch.into_iter().chain(axes.into_iter().map(axis_id)).collect();
                settings.insert("axes".into(), json!(axes));
            }
            _ => {}
        }
        Ok(json!({ "id": id, "kwargs": settings }))
    }

    /// The axis along which settings are different, if there is one: the only one that is not joined.
    fn separate(
        &self,
        step: &str,
        joined: Option<&str>,
        letters: &[char],
    ) -> Result<Option<(String, Value)>> {
        let Some(joined) = joined else { return Ok(None) };
        let others: Vec<char> =
            letters.iter().copied().filter(|&letter| letter != 'b' && !joined.contains(letter)).collect();
        match others.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(("axis".into(), axis_id(*one).into()))),
            _ => Err(self.problem(format!(
                "has the step `{step}` over the axes `{joined}`, expected all but one, or all"
            ))),
        }
    }
}

fn axis_id(letter: char) -> String {
    match letter {
        'b' => "batch".into(),
        'c' => "channel".into(),
        letter => letter.to_string(),
    }
}

/// Adds to a number or to each of a list; what is none stays, and is refused where it is used.
fn plus(value: &Value, more: f64) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| plus(item, more)).collect(),
        value => value.as_f64().map_or_else(|| value.clone(), |number| json!(number + more)),
    }
}

/// How long the axes of a tensor are.
struct Shape<'a> {
    kind: ShapeKind<'a>,
    halo: Option<&'a Vec<Value>>,
}

enum ShapeKind<'a> {
    Fixed(&'a [Value]),
    AtLeast { min: &'a [Value], step: &'a [Value] },
    Like { tensor: &'a str, scale: &'a [Value], offset: &'a [Value] },
}

enum Length<'a> {
    /// As 0.5 has it.
    Told(Value),
    Like {
        tensor: &'a str,
        axis: Option<char>,
        scale: f64,
        offset: f64,
    },
}

impl<'a> Shape<'a> {
    /// Returns it if it has so many axes.
    fn of(tensor: &'a Value, axes: usize) -> Option<Self> {
        let shape = tensor.get("shape")?;
        let list =
            |key: &str| shape.get(key)?.as_array().map(Vec::as_slice).filter(|list| list.len() == axes);
        let kind = if let Some(lengths) = shape.as_array() {
            ShapeKind::Fixed(Some(lengths.as_slice()).filter(|lengths| lengths.len() == axes)?)
        } else if let Some(min) = list("min") {
            ShapeKind::AtLeast { min, step: list("step")? }
        } else {
            let tensor = shape.get("reference_tensor").or_else(|| shape.get("reference_input"))?.as_str()?;
            ShapeKind::Like { tensor, scale: list("scale")?, offset: list("offset")? }
        };
        Some(Self { kind, halo: tensor.get("halo").and_then(Value::as_array) })
    }

    fn size(&self, number: usize) -> Option<Length<'a>> {
        Some(match self.kind {
            ShapeKind::Fixed(lengths) => Length::Told(lengths.get(number)?.as_u64()?.into()),
            ShapeKind::AtLeast { min, step } => {
                let (min, step) = (min.get(number)?.as_u64()?, step.get(number)?.as_u64()?);
                Length::Told(if step == 0 { min.into() } else { json!({ "min": min, "step": step }) })
            }
            ShapeKind::Like { tensor, scale, offset } => {
                let offset = 2.0 * offset.get(number)?.as_f64()?;
                // An axis of its own where there is no scale.
                match scale.get(number)?.as_f64().filter(|&scale| scale != 0.0) {
                    None => Length::Told((offset as u64).into()),
                    Some(scale) => match tensor.split_once('.') {
                        Some((tensor, axis)) => {
                            Length::Like { tensor, axis: axis.chars().next(), scale, offset }
                        }
                        None => Length::Like { tensor, axis: None, scale, offset },
                    },
                }
            }
        })
    }

    /// What is told of one axis, to be shown.
    fn told(&self, number: usize) -> String {
        let show = |list: &[Value]| list.get(number).map_or_else(String::new, Value::to_string);
        match self.kind {
            ShapeKind::Fixed(lengths) => show(lengths),
            ShapeKind::AtLeast { min, step } => format!("{} and {} more", show(min), show(step)),
            ShapeKind::Like { scale, offset, .. } => format!("{} and {} more", show(scale), show(offset)),
        }
    }
}
