//! A measurement that many programs share: each finds the runs of the objects in the sections of one shard; the end
//! joins them, and measures the objects as if they had been found at once.

use std::path::PathBuf;

use em_objects::{PartInput, find_part};

use super::class::OpenClass;
use super::{MeasureRequest, Measurement, ResultsFolder, open_classes, pass, results_of};
use crate::Observer;
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::shards::{Job, Marker, Shard, ShardStore, common_multiple, cuts, named, noted};
use crate::target::Target;

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
    // Later, the results may be there in part: those of an end that was killed.
    let are_free = || ResultsFolder::free(request).map(drop);
    let store = ShardStore::join(&request.folder, cuts, job, fingerprint, are_free)?;
    if store.is_done(shard)? {
        return Ok(false);
    }
    let sections = shard.sections(store.cuts());
    let mut marker = Marker::default();
    for (number, class) in classes.iter().enumerate() {
        // Of objects that are split, sums of the whole ones are of no use.
        let is_split = request.split_nm.is_some() || class.boundary.is_some();
        let probabilities = class.probabilities.as_ref().filter(|_| !is_split);
        let volumes =
            [("mask", Some(&class.mask), probabilities), ("boundary", class.boundary.as_ref(), None)];
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
    let overwrite = request.overwrite || goes_on(request, &store)?;
    let request = MeasureRequest { overwrite, ..request.clone() };
    let measurement = results_of(&request, &classes, voxel_size_nm, observer)?;
    store.remove()?;
    Ok(measurement)
}

/// Tells whether an end with the same outputs was begun before: what is in their places now is what it left there when
/// it was killed, since at its beginning they were free.
fn goes_on(request: &MeasureRequest, store: &ShardStore) -> Result<bool> {
    let labels = request.classes.iter().map(|class| request.labels_of(&class.name));
    let elsewhere: Vec<PathBuf> = labels.filter(|(_, within)| !within).map(|(path, _)| path).collect();
    let noted = elsewhere.iter().map(|path| named(&request.folder, path)).collect::<Result<Vec<_>>>()?;
    store.begin_end(&noted, || {
        ResultsFolder::free(request)?;
        if request.overwrite {
            return Ok(());
        }
        elsewhere.iter().try_for_each(|path| Target::refuse_taken([], path))
    })
}

fn job_of(request: &MeasureRequest) -> Job {
    Job::Measure { classes: request.classes.iter().map(|class| class.name.clone()).collect() }
}

/// What the runs of the objects depend on; how they are split and measured is said when they are merged.
fn fingerprint_of(request: &MeasureRequest, classes: &[OpenClass<'_>]) -> Result<Fingerprint> {
    let mut fingerprint = Fingerprint::default()
        .with("version of em-cli", env!("CARGO_PKG_VERSION"))
        .with("what an object is", format!("{:?}", request.find));
    for class in classes {
        fingerprint = fingerprint.with_input(&format!("mask of `{}`", class.name), &class.mask)?;
        if let Some(probabilities) = &class.probabilities {
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
