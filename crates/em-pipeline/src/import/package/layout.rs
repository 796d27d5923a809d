//! What goes in and comes out: axes in their order, how long they are, and how large a voxel is.

use em_io::limits::MAX_SIDE;
use serde_json::Value;

use super::Place;
use crate::error::Result;
use crate::export::rdf::{Axis, ModelDescription, Size};

/// The names of the axes of space, by their numbers.
pub(super) const SPACE: [&str; 3] = ["z", "y", "x"];
const SUPPORTED: &str =
    "networks with one grey image in, of the axes batch, channel, z, y and x, can be imported";

/// A tensor that goes in or comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorLayout {
    /// Its name.
    pub name: String,
    /// Its axes, in order: y and x, and at most one of each other kind.
    pub axes: Vec<LayoutAxis>,
    /// The type of its numbers before all preprocessing or behind all postprocessing, as `uint8` or `float32`.
    pub data_type: String,
}

/// An axis of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LayoutAxis {
    /// Images that have nothing to do with each other.
    Batch {
        /// 1 where there can be no more of them.
        size: Option<usize>,
    },
    /// Channels, or classes.
    Channel {
        /// Their names: as many as there are channels.
        names: Vec<String>,
    },
    /// z, y or x.
    Space(SpaceAxis),
}

/// An axis of space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpaceAxis {
    /// Its number among z, y and x.
    pub axis: usize,
    /// How long it is.
    pub size: LayoutSize,
    /// The edge of a voxel, where it is told in a unit of length.
    pub voxel_size_nm: Option<f64>,
    /// Voxels of an output at each end that are not as good as the others, and should be cut off.
    pub halo: usize,
}

/// How long an axis is, in voxels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LayoutSize {
    /// So long.
    Fixed(usize),
    /// `min + n * step` for any `n` from 0.
    AtLeast {
        /// The least, at least 1.
        min: usize,
        /// What longer ones are longer by, at least 1.
        step: usize,
    },
    /// `factor * length + offset`, rounded down, of another axis.
    Like {
        /// The tensor of that axis.
        tensor: String,
        /// The axis: its number among z, y and x.
        axis: usize,
        /// Voxels of this axis for one of the other: 1 for a segmentation.
        factor: f64,
        /// Voxels that are added: less than 0 where a network without padding cuts its borders off.
        offset: i64,
    },
}

impl TensorLayout {
    /// Returns the number of channels, which is 1 where there is no axis of them.
    pub fn channels(&self) -> usize {
        let channels = self.axes.iter().find_map(|axis| match axis {
            LayoutAxis::Channel { names } => Some(names.len()),
            _ => None,
        });
        channels.unwrap_or(1)
    }

    /// Returns an axis of space by its number among z, y and x.
    pub fn space(&self, number: usize) -> Option<&SpaceAxis> {
        self.axes.iter().find_map(|axis| match axis {
            LayoutAxis::Space(space) if space.axis == number => Some(space),
            _ => None,
        })
    }

    /// Returns the edges of a voxel along z, y and x as far as they are told.
    pub fn voxel_size_nm(&self) -> [Option<f64>; 3] {
        [0, 1, 2].map(|axis| self.space(axis).and_then(|space| space.voxel_size_nm))
    }
}

/// Returns what goes in, and all that comes out.
pub(super) fn of(rdf: &ModelDescription, place: Place<'_>) -> Result<(TensorLayout, Vec<TensorLayout>)> {
    let inputs = rdf.inputs.iter().map(|input| (input.id.as_str(), input.axes.as_slice()));
    let outputs = rdf.outputs.iter().map(|output| (output.id.as_str(), output.axes.as_slice()));
    let tensors: Vec<_> = inputs.chain(outputs).collect();
    let layout = |id: &str, axes: &[Axis], data_type: &str| -> Result<TensorLayout> {
        let reader = Reader { id, tensors: &tensors, place };
        let axes = axes.iter().map(|axis| reader.axis(axis)).collect::<Result<Vec<_>>>()?;
        reader.check_kinds(&axes)?;
        Ok(TensorLayout { name: id.into(), axes, data_type: data_type.into() })
    };
    let [input] = rdf.inputs.as_slice() else {
        let names: Vec<&str> = rdf.inputs.iter().map(|input| input.id.as_str()).collect();
        let problem = format!("has {} inputs ({}), expected one", names.len(), names.join(", "));
        return Err(place.problem(problem, SUPPORTED));
    };
    if rdf.outputs.is_empty() {
        return Err(place.problem("has no outputs, expected at least one", SUPPORTED));
    }
    let outputs = rdf.outputs.iter().map(|output| layout(&output.id, &output.axes, &output.data.r#type));
    Ok((layout(&input.id, &input.axes, &input.data.r#type)?, outputs.collect::<Result<_>>()?))
}

/// Reads the axes of one tensor.
struct Reader<'a> {
    id: &'a str,
    /// All tensors, which lengths may refer to.
    tensors: &'a [(&'a str, &'a [Axis])],
    place: Place<'a>,
}

impl Reader<'_> {
    fn problem(&self, problem: String) -> crate::error::Error {
        self.place.problem(format!("the tensor `{}` {problem}", self.id), SUPPORTED)
    }

    fn axis(&self, axis: &Axis) -> Result<LayoutAxis> {
        Ok(match axis {
            Axis::Batch { size, .. } => {
                if let Some(size) = size.filter(|&size| size != 1) {
                    return Err(self.problem(format!("has a batch of {size}, expected 1 or any")));
                }
                LayoutAxis::Batch { size: *size }
            }
            Axis::Channel { channel_names, .. } if channel_names.is_empty() => {
                return Err(self.problem("has no channels, expected at least one".into()));
            }
            Axis::Channel { channel_names, .. } => LayoutAxis::Channel { names: channel_names.clone() },
            Axis::Space { id, size, unit, scale, halo } => {
                let number = self.number(id)?;
                if !(*scale > 0.0 && scale.is_finite()) {
                    let found = format!("has the scale {scale} along {id}, expected more than 0");
                    return Err(self.problem(found));
                }
                let halo = self.bounded(id, "a halo", halo.unwrap_or(0))?;
                let size = self.size(id, size, unit.as_deref(), *scale)?;
                let voxel_size_nm = unit.as_deref().and_then(nanometers).map(|nm| nm * scale);
                LayoutAxis::Space(SpaceAxis { axis: number, size, voxel_size_nm, halo })
            }
            Axis::Other(fields) => {
                let kind = fields.get("type").and_then(Value::as_str).unwrap_or("no type");
                let found = if ["batch", "channel", "space"].contains(&kind) {
                    let text = serde_json::to_string(fields).unwrap_or_default();
                    format!("has an axis that cannot be read, {text}")
                } else {
                    format!("has an axis of `{kind}`, expected batch, channel and space")
                };
                return Err(self.problem(found));
            }
        })
    }

    fn number(&self, id: &str) -> Result<usize> {
        let number = SPACE.iter().position(|name| name.eq_ignore_ascii_case(id));
        number.ok_or_else(|| self.problem(format!("has the axis `{id}` of space, expected z, y and x")))
    }

    fn size(&self, id: &str, size: &Size, unit: Option<&str>, scale: f64) -> Result<LayoutSize> {
        let at_least_1 = |what: &str, size: usize| match size {
            0 => Err(self.problem(format!("has {what} of 0 along {id}, expected at least 1"))),
            size => self.bounded(id, what, size),
        };
        Ok(match size {
            Size::Fixed(size) => LayoutSize::Fixed(at_least_1("a length", *size)?),
            Size::Parameterized { min, step } => {
                LayoutSize::AtLeast { min: at_least_1("a length", *min)?, step: at_least_1("a step", *step)? }
            }
            Size::Reference { tensor_id, axis_id, offset } => {
                let (axis, factor) = self.referred(id, tensor_id, axis_id, unit, scale)?;
                let bytes = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
                self.bounded(id, "an offset", bytes)?;
                LayoutSize::Like { tensor: tensor_id.clone(), axis, factor, offset: *offset }
            }
        })
    }

    /// Returns the number of an axis that is referred to, and how many voxels there are for one of it.
    fn referred(
        &self,
        id: &str,
        tensor: &str,
        axis: &str,
        unit: Option<&str>,
        scale: f64,
    ) -> Result<(usize, f64)> {
        let axes = self.tensors.iter().find(|(name, _)| *name == tensor).map(|(_, axes)| *axes);
        let found = axes.unwrap_or_default().iter().find_map(|other| match other {
            Axis::Space { id, unit, scale, size, .. } if id == axis => Some((unit.as_deref(), *scale, size)),
            _ => None,
        });
        let refers = format!("is as long along {id} as `{axis}` of `{tensor}`");
        let Some((other_unit, other_scale, size)) = found else {
            return Err(self.problem(format!("{refers}, which is no axis of space of any tensor")));
        };
        if matches!(size, Size::Reference { .. }) {
            return Err(self.problem(format!("{refers}, which is as long as another, expected a length")));
        }
        if other_unit != unit {
            let name = |unit: Option<&str>| unit.unwrap_or("none").to_owned();
            let (found, expected) = (name(unit), name(other_unit));
            return Err(self.problem(format!("{refers}, but its unit is {found}, expected {expected}")));
        }
        let factor = other_scale / scale;
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(self.problem(format!("{refers} times {factor}, expected a number above 0")));
        }
        Ok((self.number(axis)?, factor))
    }

    /// No side of a volume is longer.
    fn bounded(&self, id: &str, what: &str, size: usize) -> Result<usize> {
        if size <= MAX_SIDE {
            return Ok(size);
        }
        Err(self.problem(format!("has {what} of {size} along {id}, expected at most {MAX_SIDE}")))
    }

    fn check_kinds(&self, axes: &[LayoutAxis]) -> Result<()> {
        let count = |kind: &dyn Fn(&LayoutAxis) -> bool| axes.iter().filter(|axis| kind(axis)).count();
        let of_space =
            |number: usize| count(&|axis| matches!(axis, LayoutAxis::Space(space) if space.axis == number));
        let batches = count(&|axis| matches!(axis, LayoutAxis::Batch { .. }));
        let channels = count(&|axis| matches!(axis, LayoutAxis::Channel { .. }));
        let is_right =
            batches <= 1 && channels <= 1 && of_space(0) <= 1 && of_space(1) == 1 && of_space(2) == 1;
        if is_right {
            return Ok(());
        }
        let names: Vec<&str> = axes.iter().map(name).collect();
        let expected = "expected y and x, and at most one each of batch, channel and z";
        Err(self.problem(format!("has the axes {}, {expected}", names.join(", "))))
    }
}

fn name(axis: &LayoutAxis) -> &'static str {
    match axis {
        LayoutAxis::Batch { .. } => "batch",
        LayoutAxis::Channel { .. } => "channel",
        LayoutAxis::Space(space) => SPACE[space.axis],
    }
}

/// Returns a unit of length in nanometres, if micrographs have it.
fn nanometers(unit: &str) -> Option<f64> {
    Some(match unit {
        "picometer" => 1e-3,
        "angstrom" => 0.1,
        "nanometer" => 1.0,
        "micrometer" => 1e3,
        "millimeter" => 1e6,
        "centimeter" => 1e7,
        "decimeter" => 1e8,
        "meter" => 1e9,
        _ => return None,
    })
}
