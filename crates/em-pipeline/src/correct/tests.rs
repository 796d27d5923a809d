use std::collections::BTreeMap;
use std::path::Path;

use em_io::{Roi, Volume, Voxels, write_volume};
use em_objects::read_labels;
use ndarray::Array3;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::measure::{ClassFiles, MeasureRequest, measure};
use crate::{Observer, silent};

const SIZE: [f64; 3] = [20.0, 5.0, 5.0];

/// Balls that overlap here and there, each of a value of its own.
fn blobs(shape: [usize; 3], count: usize, seed: u64) -> Array3<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut labels = Array3::zeros(shape);
    for value in 1..=count as u32 {
        let middle = shape.map(|side| rng.next_u64() as usize % side);
        let radius = 3 + rng.next_u64() as usize % 6;
        for ((z, y, x), voxel) in labels.indexed_iter_mut() {
            // Sections are thick.
            let far = 9 * z.abs_diff(middle[0]).pow(2)
                + y.abs_diff(middle[1]).pow(2)
                + x.abs_diff(middle[2]).pow(2);
            if far <= radius * radius && far >= radius {
                *voxel = 2 * value;
            }
        }
    }
    labels
}

struct Lab {
    folder: tempfile::TempDir,
    files: ClassFiles,
}

impl Lab {
    fn new(labels: &Array3<u32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write_volume(at("labels.tif"), &Voxels::from(labels.clone()), Some(SIZE)).unwrap();
        let grey = Array3::from_shape_fn(labels.dim(), |(z, y, x)| (z * 37 + y * 5 + x * 3) as u8);
        write_volume(at("p.tif"), &Voxels::from(grey), Some(SIZE)).unwrap();
        let mut files = ClassFiles::new("mitochondria", at("labels.tif"));
        files.probabilities = Some(at("p.tif"));
        Self { folder, files }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn open(&self) -> Corrections {
        let journal = self.path().join("edits.jsonl");
        let mut hear = silent;
        let observer = &mut Observer::new(&mut hear);
        Corrections::open_journal(&self.files, None, &journal, self.path(), observer).unwrap()
    }
}

fn labels_of(corrections: &Corrections) -> Array3<u32> {
    let volume = corrections.volume().unwrap();
    read_labels(&volume, Roi::whole(volume.shape())).unwrap()
}

/// What edits come to when each is done to all voxels, one after the other.
fn done_one_by_one(base: &Array3<u32>, corrections: &Corrections) -> Array3<u32> {
    let mut labels = base.clone();
    for (line, counts) in corrections.edits() {
        if !counts {
            continue;
        }
        match &line.edit {
            Edit::Delete { object } => labels.mapv_inplace(|v| if v == *object { 0 } else { v }),
            Edit::Merge { objects: [one, other] } => {
                labels.mapv_inplace(|v| if v == *other { *one } else { v });
            }
            _ => {}
        }
        for part in &line.parts {
            let from = if matches!(line.edit, Edit::Fill { .. }) { 0 } else { line.edit.objects()[0] };
            for runs in &part.runs {
                let (mut at, [top, left]) = (0, runs.start);
                for (number, &length) in runs.runs.iter().enumerate() {
                    for place in at..at + length as usize {
                        let voxel =
                            &mut labels[[runs.z, top + place / runs.shape[1], left + place % runs.shape[1]]];
                        if number % 2 == 1 {
                            assert_eq!(*voxel, from, "a part is of its object");
                            *voxel = part.object;
                        }
                    }
                    at += length as usize;
                }
            }
        }
    }
    labels
}

/// An edit that may or may not make sense.
fn drawn(rng: &mut ChaCha8Rng, corrections: &Corrections) -> Edit {
    let objects = corrections.objects();
    let mut below = |count: usize| rng.next_u64() as usize % count.max(1);
    let values: Vec<u32> = objects.keys().copied().collect();
    let object = values.get(below(values.len())).copied().unwrap_or(1);
    let voxels = |object: u32| -> Vec<[usize; 3]> {
        let Some(of) = objects.get(&object) else { return Vec::new() };
        let part = bounds_of(of);
        let labels = read_labels(&corrections.volume().unwrap(), part).unwrap();
        let of = labels.indexed_iter().filter(move |(_, value)| **value == object);
        of.map(|((z, y, x), _)| [part.start[0] + z, part.start[1] + y, part.start[2] + x]).collect()
    };
    match below(12) {
        0 => Edit::Delete { object },
        1 => Edit::Keep { object },
        2 | 3 => Edit::Merge { objects: [object, values.get(below(values.len())).copied().unwrap_or(1)] },
        4..=6 => {
            let voxels = voxels(object);
            let points = (0..2 + below(2)).filter_map(|_| voxels.get(below(voxels.len())).copied());
            Edit::Split { object, points: points.collect() }
        }
        7 => {
            let Some(of) = objects.get(&object) else { return Edit::Undo };
            let [z, y, x] = of.centroid;
            let (top, bottom) = (of.start[1] as f64 - 1.0, of.end[1] as f64 + 1.0);
            Edit::Cut {
                object,
                z: z as usize,
                radius: 0.8,
                points: vec![[top, x], [y, x + 0.5], [bottom, x]],
            }
        }
        8 => Edit::Fill { object },
        9 | 10 => Edit::Undo,
        _ => Edit::Redo,
    }
}

#[test]
fn five_hundred_edits_replayed_are_a_recomputation_from_scratch() {
    let base = blobs([10, 60, 70], 40, 1);
    let lab = Lab::new(&base);
    let mut corrections = lab.open();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    while corrections.edits().count() < 501 {
        let edit = drawn(&mut rng, &corrections);
        let before = corrections.objects().clone();
        let id = format!("edit {}", corrections.edits().count());
        match corrections.edit(&id, edit.clone()) {
            Ok(change) => {
                let kind = format!("{edit:?}");
                *kinds.entry(kind.split(' ').next().unwrap().to_owned()).or_default() += 1;
                let after = corrections.objects();
                let differ = |id: &&u32| before.get(id) != after.get(id);
                let told = |id: &u32| change.removed.contains(id) || change.changed.contains(id);
                assert!(before.keys().chain(after.keys()).filter(differ).all(told), "{edit:?} {change:?}");
                assert!(change.removed.iter().all(|id| !after.contains_key(id)), "{edit:?} {change:?}");
            }
            Err(Refusal::Senseless(_)) => {
                assert_eq!(&before, corrections.objects(), "{edit:?}");
            }
            Err(Refusal::Unwritten(reason)) => panic!("{edit:?}: {reason}"),
        }
    }
    assert!(kinds.len() == 8 && kinds.values().all(|&count| count >= 5), "{kinds:?}");

    let labels = labels_of(&corrections);
    assert_eq!(labels, done_one_by_one(&base, &corrections));
    let mut hear = silent;
    let observer = &mut Observer::new(&mut hear);
    let out = lab.path().join("out");
    save(&SaveRequest::new(vec![lab.files.clone()], &out), &[&corrections], observer).unwrap();
    let saved = em_io::open(out.join("labels.tif")).unwrap();
    assert_eq!(saved.read_as::<u32>(Roi::whole(saved.shape())).unwrap(), labels);

    // Measured from scratch.
    let mut files = ClassFiles::new("mitochondria", out.join("labels.tif"));
    files.probabilities.clone_from(&lab.files.probabilities);
    let mut request = MeasureRequest::new([files], lab.path().join("again"));
    request.find.foreground = em_objects::Foreground::Instances;
    measure(&request, observer).unwrap();
    let read = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
    for name in ["objects.csv", "objects.parquet", "histograms.png"] {
        assert_eq!(read(&out, name), read(&request.folder, name), "{name}");
    }
    let summary = |folder: &Path| -> serde_json::Value {
        serde_json::from_slice(&read(folder, "summary.json")).unwrap()
    };
    assert_eq!(summary(&out)["classes"], summary(&request.folder)["classes"]);
    assert_eq!(summary(&out)["settings"]["corrections"], corrections.count());

    // Replayed by another process.
    let objects = corrections.objects().clone();
    let kept = corrections.kept();
    drop(corrections);
    let again = lab.open();
    assert_eq!((labels_of(&again), again.objects(), again.kept()), (labels, &objects, kept));
}

#[test]
fn blocks_are_corrected_by_themselves() {
    let base = blobs([10, 60, 70], 40, 3);
    let lab = Lab::new(&base);
    let mut corrections = lab.open();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for number in 0..60 {
        let edit = drawn(&mut rng, &corrections);
        let _ = corrections.edit(&number.to_string(), edit);
    }
    let (whole, volume) = (labels_of(&corrections), corrections.volume().unwrap());
    for roi in [[0..3, 5..30, 0..70], [9..10, 59..60, 69..70], [2..9, 20..21, 30..60]].map(Roi::from) {
        let [z, y, x] = roi.ranges();
        assert_eq!(read_labels(&volume, roi).unwrap(), whole.slice(ndarray::s![z, y, x]), "{roi:?}");
    }
    // A level of every second section and third voxel.
    let (step, roi) = ([2, 3, 3], Roi::from([1..4, 2..19, 5..24]));
    let taken = |of: &Array3<u32>| {
        let [z, y, x] = roi.ranges();
        of.slice(ndarray::s![..;2, ..;3, ..;3]).slice(ndarray::s![z, y, x]).to_owned()
    };
    let mut level = taken(&base);
    corrections.effective().apply_sampled(roi, |axis, place| place * step[axis], &mut level);
    assert_eq!(level, taken(&whole));
    assert_ne!(level, taken(&base), "the volume is no test");
}

fn refused(result: Result<Change, Refusal>) -> String {
    match result {
        Err(Refusal::Senseless(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_not_written() {
    let mut base = Array3::zeros([3, 20, 20]);
    base.slice_mut(ndarray::s![.., 2..8, 2..18]).fill(5);
    base.slice_mut(ndarray::s![.., 12..18, 2..18]).fill(9);
    let lab = Lab::new(&base);
    let mut corrections = lab.open();
    let mut ask = |edit| refused(corrections.edit("a", edit));
    assert_eq!(ask(Edit::Delete { object: 7 }), "there is no object 7");
    assert_eq!(ask(Edit::Merge { objects: [5, 5] }), "5 cannot be merged with itself");
    assert_eq!(ask(Edit::Merge { objects: [5, 0] }), "there is no object 0");
    assert_eq!(ask(Edit::Undo), "there is nothing to take back");
    assert_eq!(ask(Edit::Redo), "there is nothing to do again");
    assert_eq!(ask(Edit::Fill { object: 5 }), "5 encloses no background in any section");
    let away = Edit::Split { object: 5, points: vec![[1, 4, 4], [1, 14, 4]] };
    assert!(ask(away).contains("2 places are given and 1 of them lie in the object"));
    let outside = Edit::Split { object: 5, points: vec![[1, 4, 4], [1, 99, 4]] };
    assert!(ask(outside).contains("1 of them"));
    let short = Edit::Cut { object: 5, z: 1, radius: 1.0, points: vec![[0.0, 9.0], [4.0, 9.0]] };
    assert!(ask(short).contains("does not part 5 in section 1"));
    let wide = Edit::Cut { object: 5, z: 1, radius: f64::NAN, points: vec![[0.0, 9.0]] };
    assert!(ask(wide).contains("a line of 1 points"));
    assert!(ask(Edit::Opened { sections_sha256: String::new() }).contains("only the program"));
    assert!(refused(corrections.edit("", Edit::Undo)).contains("1 to 100 characters"));
    assert!(!lab.path().join("edits.jsonl").exists());
}

#[test]
fn an_edit_is_done_once_however_often_it_is_sent() {
    let mut base = Array3::zeros([3, 20, 20]);
    base.slice_mut(ndarray::s![.., 2..8, 2..18]).fill(5);
    let mut lab = Lab::new(&base);
    // Made-up ones would draw the parts up their slope.
    lab.files.probabilities = None;
    let mut corrections = lab.open();
    let cut = Edit::Cut { object: 5, z: 1, radius: 1.0, points: vec![[0.0, 7.0], [10.0, 7.0]] };
    let first = corrections.edit("a", cut.clone()).unwrap();
    assert_eq!(corrections.objects().keys().copied().collect::<Vec<_>>(), [5, 6]);
    assert_eq!(corrections.edit("a", cut).unwrap(), first);
    assert_eq!((corrections.revision(), corrections.edits().count()), (1, 2), "one line names the labels");
    let [large, small] = [5, 6].map(|id| corrections.objects()[&id].voxels);
    assert!(large > small && large + small == 3 * 6 * 16, "{large} {small}");
    let faces = [5, 6].map(|id| corrections.objects()[&id].contact_faces);
    assert_eq!(faces, [3 * 6; 2], "the cut is a wall through three sections");
    corrections.edit("b", Edit::Undo).unwrap();
    assert_eq!(labels_of(&corrections), base);
    corrections.edit("c", Edit::Redo).unwrap();
    // A value that was given once is never given again.
    corrections.edit("d", Edit::Undo).unwrap();
    let again = Edit::Split { object: 5, points: vec![[1, 4, 4], [1, 4, 15]] };
    corrections.edit("e", again).unwrap();
    assert_eq!(corrections.objects().keys().copied().collect::<Vec<_>>(), [5, 7]);
}

#[test]
fn an_edit_that_cannot_be_written_or_measured_changes_nothing() {
    let base = blobs([4, 30, 30], 5, 7);
    let lab = Lab::new(&base);
    let mut corrections = lab.open();
    let objects = corrections.objects().clone();
    let object = *objects.keys().next().unwrap();
    let journal = lab.path().join("edits.jsonl");
    // A folder in its place.
    std::fs::create_dir(&journal).unwrap();
    let refused = corrections.edit("a", Edit::Delete { object });
    assert!(matches!(refused, Err(Refusal::Unwritten(_))), "{refused:?}");
    std::fs::remove_dir(&journal).unwrap();
    let probabilities = lab.files.probabilities.clone().unwrap();
    let kept = std::fs::read(&probabilities).unwrap();
    let written = std::fs::metadata(&probabilities).unwrap().modified().unwrap();
    std::fs::write(&probabilities, &kept[..8]).unwrap();
    let refused = corrections.edit("a", Edit::Delete { object });
    assert!(matches!(refused, Err(Refusal::Unwritten(_))), "{refused:?}");
    assert_eq!((corrections.objects(), labels_of(&corrections)), (&objects, base));
    std::fs::write(&probabilities, kept).unwrap();
    // A file of another time would be another file.
    let file = std::fs::File::options().write(true).open(&probabilities).unwrap();
    file.set_modified(written).unwrap();
    let done = corrections.edit("a", Edit::Delete { object }).unwrap();
    assert!(done.removed.contains(&object) && !corrections.objects().contains_key(&object));
    assert_eq!(std::fs::read_to_string(&journal).unwrap().lines().count(), 2);
}

#[test]
fn edits_of_other_labels_are_refused() {
    let base = blobs([4, 30, 30], 5, 5);
    let lab = Lab::new(&base);
    let mut corrections = lab.open();
    let object = *corrections.objects().keys().next().unwrap();
    corrections.edit("a", Edit::Delete { object }).unwrap();
    let journal = lab.path().join("edits.jsonl");
    let mut hear = silent;
    let observer = &mut Observer::new(&mut hear);
    let open = |observer: &mut Observer<'_>| {
        Corrections::open_journal(&lab.files, None, &journal, lab.path(), observer).unwrap_err().to_string()
    };
    assert!(open(observer).contains("is open in another program"));
    drop(corrections);
    let other = Voxels::from(blobs([4, 30, 30], 5, 6));
    write_volume(&lab.files.mask, &other, Some(SIZE)).unwrap();
    assert!(open(observer).contains("holds edits of other labels than"));
    let text = std::fs::read_to_string(&journal)
        .unwrap()
        .replace("\"shape\":[", "\"shape\":[99,")
        .replace(",99", "");
    std::fs::write(&journal, text).unwrap();
    assert!(open(observer).contains("is no edit"));
}

#[test]
fn a_file_of_edits_is_a_journal_or_what_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edits.jsonl");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read_edits(&path)
    };
    let asked = read("{\"kind\": \"delete\", \"object\": 7}\n\n{\"kind\": \"undo\"}").unwrap();
    let EditFile::Asked(edits) = asked else { panic!("{asked:?}") };
    assert_eq!(edits, [Edit::Delete { object: 7 }, Edit::Undo]);
    let error = read("{\"kind\": \"delete\", \"object\": 7}\n{\"kind\": \"eat\"}\n").unwrap_err().to_string();
    assert!(error.contains("line 2 of") && error.contains("is no edit"), "{error}");
    let line = "{\"number\":1,\"id\":\"a\",\"time\":0,\"edit\":{\"kind\":\"delete\",\"object\":7}}\n";
    assert!(matches!(read(line).unwrap(), EditFile::Journal(lines) if lines.len() == 1));
    let error = read(&line.repeat(2)).unwrap_err().to_string();
    assert!(error.contains("is edit 1, expected 2"), "{error}");
    assert!(matches!(read("").unwrap(), EditFile::Asked(edits) if edits.is_empty()));
}

#[test]
fn a_large_box_is_split_on_a_coarser_grid() {
    // Two bars that touch, in a box of more voxels than are split at once.
    let mut base = Array3::zeros([6, 1700, 1800]);
    base.slice_mut(ndarray::s![.., 10..850, 20..1780]).fill(3);
    base.slice_mut(ndarray::s![2..4, 850..860, 800..820]).fill(3);
    base.slice_mut(ndarray::s![.., 860..1690, 20..1780]).fill(3);
    let volume = Volume::from_voxels(Voxels::from(base.clone()), Some(SIZE));
    let within = Roi::from([0..6, 10..1690, 20..1780]);
    let subject = parts::Subject { labels: &volume, probabilities: None, object: 3, within };
    let points = [[3, 200, 300], [3, 1500, 1500]];
    let found = subject.split(&parts::Seeds::Points(&points), 4).unwrap();
    let [part] = &found[..] else { panic!("{} parts", found.len()) };
    for runs in &part.runs {
        assert!(runs.start[0] >= 848, "the lower bar is the smaller part, and starts at its neck");
    }
    let voxels: u64 = part
        .runs
        .iter()
        .flat_map(|runs| runs.runs.iter().skip(1).step_by(2))
        .map(|&run| u64::from(run))
        .sum();
    let expected = (6 * 830 * 1760) as f64;
    assert!((voxels as f64 / expected - 1.0).abs() < 1e-3, "{voxels}");
}
