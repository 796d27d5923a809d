//! What is found out of a network by running it on noise.

use tch::{Kind, Tensor};

use super::memory::peak_per_voxel;
use super::opened::{Opened, unsuited};
use super::reach::{Seen, common_multiple, period, reach, seam};
use super::{Lacking, Wishes};
use crate::Error;
use crate::error::Computed;
use crate::network::{ClassOutput, Raw, Sizes};

/// What was found.
#[derive(Debug)]
pub struct Found {
    pub sizes: [Sizes; 3],
    pub fewer: [usize; 3],
    /// How many of these lie before the output.
    pub before: [usize; 3],
    pub stride: [usize; 3],
    pub halo: [usize; 3],
    pub raw: Raw,
    pub classes: Vec<ClassOutput>,
    pub one_at_a_time: bool,
    pub untrained: Vec<String>,
    pub bytes_per_voxel: u64,
    pub training_bytes_per_voxel: u64,
    /// How far a tile with its halo is from the whole; `None` where no whole is wide enough to tell.
    pub seam: Option<f64>,
    pub sees_all: bool,
}

/// Edges that are tried first, in 2D and 3D: multiples of what networks pool by.
const FIRST_EDGES: [usize; 2] = [128, 32];
/// How many sizes are tried from there on; networks without padding take few of them.
const TRIED_SIZES: usize = 64;
/// What sizes, and the grid, are tried to be multiples of: powers of two first for the grid, since most are.
pub const STEPS: [usize; 21] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 48, 64];
/// Edges at which it is seen how far a network sees, and again where it sees farther.
const WIDE_EDGES: [[usize; 2]; 2] = [[384, 64], [768, 96]];
/// Edges of what the memory is measured on, in inference and training.
const MEASURED_EDGES: [[usize; 2]; 2] = [[768, 80], [256, 48]];

/// Probabilities that far from those of the whole are no seam.
const SEAM: f64 = 1e-3;

/// Runs a network a few times; `idle` is what the program held before.
pub fn probe(opened: &mut Opened, wishes: &Wishes, idle: Option<u64>) -> Computed<Found> {
    tch::manual_seed(0);
    let taken = tch::no_grad(|| channels_and_sizes(opened, wishes))?;
    let at_least = |edges: [usize; 2]| taken.at_least(edges[usize::from(opened.dimensions() == 3)], opened);
    let (raw, classes) = tch::no_grad(|| meaning(opened, wishes, taken.base))?;
    let one_at_a_time = tch::no_grad(|| takes_one(opened, taken.base))?;

    let training_size = at_least(MEASURED_EDGES[1]);
    let voxels = |size: [usize; 3]| size.iter().product::<usize>();
    let ends = (8 * (opened.in_channels + 2 * classes.len()) * size_of::<f32>()) as u64;
    let (untrained, training_bytes_per_voxel) =
        peak_per_voxel(idle, voxels(training_size), 2 * ends, || untrained(opened, training_size));
    let untrained = untrained?;

    let [wide, wider] = WIDE_EDGES.map(at_least);
    let (period, is_regular) = tch::no_grad(|| period(opened, wide))?;
    let stride = taken.grid(period);
    let Seen { halo: seen, before, sees_all } = match reach(opened, &taken, wide, period)? {
        Seen { sees_all: true, .. } => reach(opened, &taken, wider, period)?,
        seen => seen,
    };
    let (halo, sees_all) = match wishes.halo {
        Some(halo) => {
            let flat = 3 - opened.dimensions();
            let along = |axis: usize| if axis < flat { 0 } else { halo[axis].next_multiple_of(stride[axis]) };
            (std::array::from_fn(along), false)
        }
        None => (seen, sees_all || !is_regular),
    };
    let mut halo = taken.bounded(halo, stride);
    let seam_of = |halo| tch::no_grad(|| seam(opened, &taken, wider, stride, halo, raw));
    let mut seam = seam_of(halo)?;
    // Of what sees everything, as far as it makes a difference: norms over all of a tile always do.
    while sees_all && wishes.halo.is_none() && seam.is_some_and(|seam| seam > SEAM) {
        let doubled = taken.bounded(halo.map(|edge| 2 * edge), stride);
        let wider = seam_of(doubled)?;
        if wider.is_none() || wider > seam.map(|seam| seam / 2.0) {
            break;
        }
        (halo, seam) = (doubled, wider);
    }

    let size = at_least(MEASURED_EDGES[0]);
    let (given, bytes_per_voxel) =
        peak_per_voxel(idle, voxels(size), ends, || tch::no_grad(|| opened.run(&opened.noise(1, size)?)));
    drop(given?);
    let Taken { sizes, fewer, .. } = taken;
    Ok(Found {
        sizes,
        fewer,
        before,
        stride,
        halo,
        raw,
        classes,
        one_at_a_time,
        untrained,
        bytes_per_voxel,
        training_bytes_per_voxel,
        seam,
        sees_all,
    })
}

/// The sizes that a network takes, one of them, and what comes out of it.
pub struct Taken {
    pub sizes: [Sizes; 3],
    pub fewer: [usize; 3],
    base: [usize; 3],
}

impl Taken {
    /// The size from these edges on, or the only one.
    fn at_least(&self, edge: usize, opened: &Opened) -> [usize; 3] {
        let depth = if opened.dimensions() == 3 { edge } else { 1 };
        let wanted = [depth, edge, edge];
        std::array::from_fn(|axis| self.sizes[axis].from(wanted[axis]).unwrap_or(self.sizes[axis].smallest))
    }

    /// What tiles have to start at multiples of.
    pub fn grid(&self, period: [usize; 3]) -> [usize; 3] {
        let of_axis = |axis: usize| common_multiple(period[axis], self.sizes[axis].step.max(1));
        // Tiles are cut alike along y and x.
        let plane = common_multiple(of_axis(1), of_axis(2));
        [of_axis(0), plane, plane]
    }

    /// Halos of which two leave half of a fixed size.
    fn bounded(&self, halo: [usize; 3], stride: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| match self.sizes[axis] {
            Sizes { smallest, step: 0 } => {
                let (left, stride) = (smallest.saturating_sub(self.fewer[axis]), stride[axis]);
                // At least a step of the grid, where as much is left between.
                let least = if left >= 3 * stride { stride } else { 0 };
                halo[axis].min((left / 4 / stride * stride).max(least))
            }
            _ => halo[axis],
        })
    }
}

/// How many voxels fewer come out along each axis, where a size goes through.
fn fewer(opened: &Opened, size: [usize; 3]) -> Computed<[usize; 3]> {
    let given = opened.run(&opened.noise(1, size)?)?.size();
    let flat = 5 - given.len();
    let mut fewer = [0; 3];
    for axis in flat..3 {
        let edge = given[2 + axis - flat] as usize;
        fewer[axis] = size[axis].checked_sub(edge).ok_or_else(|| {
            unsuited(
                format!(
                    "the network gives {edge} voxels where {} go in, expected as many or a border less",
                    size[axis]
                ),
                Lacking::Output,
            )
        })?;
    }
    Ok(fewer)
}

/// Finds the sizes, with the number of channels that the network runs with.
fn channels_and_sizes(opened: &mut Opened, wishes: &Wishes) -> Computed<Taken> {
    let mut first_error = None;
    for channels in opened.likely_channels(wishes.in_channels) {
        opened.in_channels = channels;
        match sizes(opened, wishes) {
            Ok(taken) => return Ok(taken),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    Err(first_error.expect("there is at least one number of channels"))
}

/// Whether a batch of two is refused, or does not give what each of them gives.
fn takes_one(opened: &Opened, size: [usize; 3]) -> Computed<bool> {
    let pair = opened.noise(2, size)?;
    let Ok(given) = opened.run(&pair) else { return Ok(true) };
    let single = [0, 1].map(|n| opened.run(&pair.f_narrow(0, n, 1)?));
    let [first, second] = single;
    let single = Tensor::f_cat(&[first?, second?], 0)?;
    if given.size() != single.size() {
        return Ok(true);
    }
    let apart = (given - &single).f_abs()?.f_max()?.f_double_value(&[])?;
    Ok(apart > 1e-3 * single.f_abs()?.f_max()?.f_double_value(&[])?.max(f64::MIN_POSITIVE))
}

fn sizes(opened: &Opened, wishes: &Wishes) -> Computed<Taken> {
    let is_3d = opened.dimensions() == 3;
    let first = FIRST_EDGES[usize::from(is_3d)];
    let mut base = [if is_3d { first } else { 1 }, first, first];
    for axis in 0..3 {
        if let Some(sizes) = wishes.sizes {
            base[axis] = sizes[axis].from(base[axis]).unwrap_or(sizes[axis].smallest);
        } else if let Some(declared) = opened.declared[axis] {
            base[axis] = declared;
        }
    }
    let free: Vec<usize> =
        (0..3).filter(|&axis| opened.declared[axis].is_none() && (axis > 0 || is_3d)).collect();
    let larger = |more: usize| {
        let mut size = base;
        free.iter().for_each(|&axis| size[axis] += more);
        size
    };
    let mut first_error = None;
    let found = (0..TRIED_SIZES).find_map(|more| match fewer(opened, larger(more)) {
        Ok(fewer) => Some((larger(more), fewer)),
        Err(error) => {
            first_error.get_or_insert(error);
            None
        }
    });
    let Some((base, fewer)) = found else {
        let error = first_error.map(Error::from).expect("each size that was tried failed");
        if matches!(error, Error::Import { .. }) {
            return Err(error.into());
        }
        return Err(unsuited(
            format!("the network runs at no size from {base:?} [z, y, x] on: {error}"),
            Lacking::Size,
        ));
    };
    // A network has kept a border or not: half of what is there in voxels would be a smaller picture.
    if let Some(axis) = (1..3).find(|&axis| 2 * fewer[axis] >= base[axis] && fewer[axis] > 0) {
        return Err(unsuited(
            format!("the network gives {} voxels where {} go in", base[axis] - fewer[axis], base[axis]),
            Lacking::Output,
        ));
    }
    if let Some(mut sizes) = wishes.sizes {
        if !is_3d {
            sizes[0] = Sizes { smallest: 1, step: 1 };
        }
        return Ok(Taken { sizes, fewer, base });
    }
    let goes = |size: [usize; 3]| self::fewer(opened, size).is_ok_and(|found| found == fewer);
    let mut sizes = [Sizes { smallest: 1, step: 1 }; 3];
    for axis in if is_3d { 0..3 } else { 1..3 } {
        let with = |edge: usize| {
            let mut size = base;
            size[axis] = edge;
            size
        };
        let step = STEPS.into_iter().find(|step| (1..=2).all(|times| goes(with(base[axis] + times * step))));
        let mut smallest = base[axis];
        if let Some(step) = step {
            // Down by halves, as long as it goes.
            let mut less = smallest / 2 / step * step;
            while less > 0 {
                if smallest > less + fewer[axis] && goes(with(smallest - less)) {
                    smallest -= less;
                    less = less.min(smallest);
                } else {
                    less = less / 2 / step * step;
                }
            }
        }
        sizes[axis] = Sizes { smallest, step: step.unwrap_or(0) };
    }
    Ok(Taken { sizes, fewer, base })
}

/// What the numbers are, and what each class is made of.
fn meaning(opened: &Opened, wishes: &Wishes, base: [usize; 3]) -> Computed<(Raw, Vec<ClassOutput>)> {
    let given = opened.run(&opened.noise(1, base)?)?;
    let channels = given.size()[1] as usize;
    let lies_within = |low: f64, high: f64| -> Computed<bool> {
        let (least, most) = (given.f_min()?.f_double_value(&[])?, given.f_max()?.f_double_value(&[])?);
        Ok(least >= low && most <= high)
    };
    if !given.f_isfinite()?.f_all()?.f_int64_value(&[]).is_ok_and(|all| all == 1) {
        return Err(unsuited("the network gives NaN or an infinity for ordinary noise", Lacking::Weights));
    }
    let raw = match wishes.raw {
        Some(raw) => raw,
        None if lies_within(0.0, 1.0)? => Raw::Probabilities,
        None if channels == 1 => {
            if let Some(problem) = no_logits(&given)? {
                return Err(unsuited(problem, Lacking::Values));
            }
            Raw::Sigmoid
        }
        None => {
            return Err(unsuited(
                format!("the network gives logits in {channels} channels, and nothing says what they are"),
                Lacking::Values,
            ));
        }
    };
    if raw == Raw::Probabilities && !lies_within(-1e-4, 1.0 + 1e-4)? {
        return Err(unsuited(
            "the network gives numbers beyond 0 and 1, expected probabilities",
            Lacking::Values,
        ));
    }
    let names: Vec<&str> = wishes.classes.iter().map(|(name, _)| name.as_str()).collect();
    let named = names.len();
    let untold = wishes.classes.iter().filter(|(_, output)| output.is_none()).count();
    if untold > 0 && untold < named {
        return Err(unsuited("some classes are told their channels and some are not", Lacking::Channels));
    }
    let sums_to_1 = raw == Raw::Softmax || (raw == Raw::Probabilities && sums_to_1(&given)?);
    let first = match channels.checked_sub(named) {
        Some(0) => 0,
        Some(1) if sums_to_1 => 1,
        _ if untold == 0 => 0,
        _ => {
            return Err(unsuited(
                format!("the network has {channels} channels, and the classes are {}", names.join(", ")),
                Lacking::Channels,
            ));
        }
    };
    let classes: Vec<ClassOutput> = wishes
        .classes
        .iter()
        .enumerate()
        .map(|(number, (_, output))| output.clone().unwrap_or(ClassOutput::channel(first + number)))
        .collect();
    let beyond = wishes.classes.iter().zip(&classes).find_map(|((name, _), class)| {
        class.channels.iter().find(|channel| **channel >= channels).map(|channel| (name, *channel))
    });
    if let Some((name, channel)) = beyond {
        return Err(unsuited(
            format!("`{name}` is channel {channel}, and the network has {channels}, counted from 0"),
            Lacking::Channels,
        ));
    }
    Ok((raw, classes))
}

/// Says why numbers are hardly logits.
fn no_logits(given: &Tensor) -> Computed<Option<String>> {
    let (least, most) = (given.f_min()?.f_double_value(&[])?, given.f_max()?.f_double_value(&[])?);
    let are_whole = given.f_eq_tensor(&given.f_round()?)?.f_all()?.f_int64_value(&[])? == 1;
    Ok(if are_whole {
        Some("the network gives whole numbers, as labels are, expected logits or probabilities".into())
    } else if least >= 0.0 {
        Some(format!("the network gives numbers from {least:.3} to {most:.3}, which are hardly logits"))
    } else if least >= -1.0 && most <= 1.0 {
        let range = format!("{least:.3} to {most:.3}");
        Some(format!("the network gives numbers from {range}, which may be logits, or those of a tanh"))
    } else {
        None
    })
}

fn sums_to_1(probabilities: &Tensor) -> Computed<bool> {
    let sums = probabilities.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Float)?;
    Ok((sums - 1.0).f_abs()?.f_max()?.f_double_value(&[])? < 1e-3)
}

/// The weights that no gradient reaches, in a pass forth and back.
fn untrained(opened: &Opened, size: [usize; 3]) -> Computed<Vec<String>> {
    let named = opened.named();
    let mut unreached = Vec::new();
    let weights: Vec<&(String, Tensor)> = named.iter().filter(|(_, tensor)| tensor.numel() > 1).collect();
    for (_, weight) in &weights {
        let _ = weight.shallow_clone().f_requires_grad_(true)?;
    }
    // A network of operators that have no gradient is one that is used as it is.
    let trains = (|| -> Computed<()> {
        let output = opened.run(&opened.noise(1, size)?)?;
        Ok(output.f_square()?.f_mean(Kind::Float)?.f_backward()?)
    })();
    for (name, weight) in weights {
        let mut weight = weight.shallow_clone();
        let gradient = weight.grad();
        if trains.is_err() || !gradient.defined() {
            unreached.push(name.clone());
        } else {
            weight.zero_grad();
        }
        let _ = weight.f_requires_grad_(false)?;
    }
    Ok(unreached)
}
