//! A measurement that many programs share: each finds the runs of the objects in the sections of one shard; the end
//! joins them, and measures the objects as if they had been found at once.

use std::path::PathBuf;

use em_io::Volume;
use em_objects::{PartInput, find_part};

use super::class::OpenClass;
use super::{MeasureRequest, Measurement, ResultsFolder, open_classes, pass, results_of};
use crate::Observer;
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::shards::{Job, Marker, Shard, ShardStore, common_multiple, cuts, named, noted};

/// The files in which the parts of a class are, in order of z.
pub struct ClassParts {
    pub mask: Vec<PathBuf>,
    pub boundary: Vec<PathBuf>,
}

/// Finds the runs of the objects in the sections of one shard, and keeps them beside the folder of the results, in
/// `{folder}.shards`, for [`measure_merged`].
///
/// It returns `false`, and does nothing, where the shard was done before.
///
/// # Errors
///
/// Those of [`measure`](super::measure), and where other shards were begun with other files or settings.
pub fn measure_shard(request: &MeasureRequest, shard: Shard, observer: &mut Observer<'_>) -> Result<bool> {
    let (classes, _) = open_classes(request, observer)?;
    let depth = classes[0].mask.shape()[0];
    // A chunk is unpacked by one shard, where it has less than a shard's sections.
    let pieces = classes.iter().map(|class| class.mask.piece()[0]);
    let unit = pieces.fold(1, common_multiple);
    let unit = if unit.saturating_mul(shard.count) > depth { 1 } else { unit };
    let cuts = cuts(depth, unit, shard.count);
    let (job, fingerprint) = (job_of(request), fingerprint_of(request, &classes)?);
    // Later, results may be there in part, of a merge that was killed; the shards are none the less done.
    let are_free = || ResultsFolder::free(request).map(drop);
    let store = ShardStore::join(&request.folder, cuts, job, fingerprint, are_free)?;
    if store.is_done(shard)? {
        return Ok(false);
    }
    let sections = shard.sections(store.cuts());
    let mut marker = Marker::default();
    for (number, class) in classes.iter().enumerate() {
        let volumes = [
            ("mask", Some(&class.mask), summed(request, class)),
            ("boundary", class.boundary.as_ref(), None),
        ];
        for (role, volume, probabilities) in volumes {
            let Some(volume) = volume else { continue };
            let file = store.file(shard.index, &name(number, role));
            let [_, height, width] = volume.shape();
            pass([sections.len(), height, width], observer, |advance| {
                let input = PartInput { volume, probabilities, sections: sections.clone() };
                find_part(&input, request.find, &file, advance)
            })?;
            marker.files.push(noted(&file, named(&request.folder, &file)?)?);
        }
    }
    store.mark(shard.index, &marker)?;
    Ok(true)
}

/// Joins what shards have found and measures it: the results are those of [`measure`](super::measure), byte by byte.
/// The notes of the shards go.
///
/// # Errors
///
/// Those of [`measure`](super::measure); and where shards are missing or broken, or were begun with other files or
/// settings than the request's.
pub fn measure_merged(request: &MeasureRequest, observer: &mut Observer<'_>) -> Result<Measurement> {
    let store = ShardStore::open(&request.folder)?;
    let (mut classes, voxel_size_nm) = open_classes(request, observer)?;
    store.check(&request.folder, &job_of(request), &fingerprint_of(request, &classes)?)?;
    store.all_done(&request.folder)?;
    for (number, class) in classes.iter_mut().enumerate() {
        let of =
            |role: &str| (0..store.count()).map(|index| store.file(index, &name(number, role))).collect();
        let boundary = class.boundary.as_ref().map_or(Vec::new(), |_| of("boundary"));
        class.parts = Some(ClassParts { mask: of("mask"), boundary });
    }
    let measurement = results_of(request, &classes, voxel_size_nm, observer)?;
    store.remove()?;
    Ok(measurement)
}

fn job_of(request: &MeasureRequest) -> Job {
    Job::Measure { classes: request.classes.iter().map(|class| class.name.clone()).collect() }
}

/// The probabilities whose sums shards keep: of objects that are split, those of the whole ones are of no use.
fn summed<'a>(request: &MeasureRequest, class: &'a OpenClass<'_>) -> Option<&'a Volume> {
    let is_split = request.split_nm.is_some() || class.boundary.is_some();
    class.probabilities.as_ref().filter(|_| !is_split)
}

/// What the shards keep depends on; all else is said when they are merged.
fn fingerprint_of(request: &MeasureRequest, classes: &[OpenClass<'_>]) -> Result<Fingerprint> {
    let mut fingerprint = Fingerprint::default()
        .with("version of em-cli", env!("CARGO_PKG_VERSION"))
        .with("what an object is", format!("{:?}", request.find));
    for class in classes {
        fingerprint = fingerprint.with_input(&format!("mask of `{}`", class.name), &class.mask)?;
        if let Some(probabilities) = summed(request, class) {
            let role = format!("probabilities of `{}`", class.name);
            fingerprint = fingerprint.with_input(&role, probabilities)?;
        }
        if let Some(boundary) = &class.boundary {
            fingerprint = fingerprint.with_input(&format!("boundary of `{}`", class.name), boundary)?;
        }
    }
    Ok(fingerprint)
}

/// The name of the file of a class among those of a shard.
fn name(class: usize, role: &str) -> String {
    format!("{class}.{role}")
}
