//! Splits that a person asks for, and objects that are measured anew after corrections.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::{BTreeMap, HashSet};

use em_io::{Roi, Volume, Voxels};
use em_objects::{
    Extent, FindConfig, Foreground, Object, Objects, Space, measure, remeasure, split_at_points,
    split_from_parts, unwatched,
};
use ndarray::{Array3, s};

/// Balls of voxels, joined.
fn balls(shape: [usize; 3], middles: &[([f64; 3], f64)]) -> Array3<bool> {
    Array3::from_shape_fn(shape, |(z, y, x)| {
        let place = [z as f64, y as f64, x as f64];
        let within = |(middle, radius): &([f64; 3], f64)| {
            (0..3).map(|axis| (place[axis] - middle[axis]).powi(2)).sum::<f64>() <= radius * radius
        };
        middles.iter().any(within)
    })
}

fn count(labels: &Array3<u32>, label: u32) -> usize {
    labels.iter().filter(|&&found| found == label).count()
}

#[test]
fn a_dumbbell_is_split_at_its_neck_wherever_the_points_lie() {
    let object = balls([25, 25, 55], &[([12.0, 12.0, 14.0], 11.0), ([12.0, 12.0, 36.0], 12.5)]);
    // The balls meet between x = 24 and 25; points at the rim, at the neck and in the middles.
    for points in [[[12, 12, 14], [12, 12, 36]], [[12, 12, 3], [12, 12, 27]], [[12, 3, 15], [12, 12, 48]]] {
        let labels = split_at_points(object.view(), None, &points, [1.0; 3]).unwrap();
        assert_eq!(count(&labels, 1) + count(&labels, 2), object.iter().filter(|&&inside| inside).count());
        for ((z, y, x), &label) in labels.indexed_iter() {
            let expected = match (object[[z, y, x]], x) {
                (false, _) => 0,
                (true, ..23) => 1,
                (true, 26..) => 2,
                // Within a voxel of the neck both are right.
                _ => label,
            };
            assert_eq!(label, expected, "{points:?} at {:?}", [z, y, x]);
        }
    }
}

#[test]
fn what_has_no_neck_is_split_halfway_between_the_points() {
    let bar = Array3::from_elem((5, 5, 41), true);
    let mut object = Array3::from_elem((9, 9, 45), false);
    object.slice_mut(s![2..7, 2..7, 2..43]).assign(&bar);
    let labels = split_at_points(object.view(), None, &[[4, 4, 5], [4, 4, 39]], [1.0; 3]).unwrap();
    let [one, other] = [count(&labels, 1), count(&labels, 2)];
    assert_eq!(one + other, 5 * 5 * 41);
    assert!(one > 0 && other > 0 && labels[[4, 4, 3]] == 1 && labels[[4, 4, 41]] == 2);
    // Two points on the slope of one summit.
    let ball = balls([21, 21, 21], &[([10.0; 3], 9.0)]);
    let halves = split_at_points(ball.view(), None, &[[10, 10, 6], [10, 10, 14]], [1.0; 3]).unwrap();
    for ((_, _, x), &label) in halves.indexed_iter().filter(|(_, label)| **label > 0) {
        assert!(x == 10 || (label == 1) == (x < 10), "{label} at x = {x}");
    }
}

#[test]
fn a_valley_of_the_probability_splits_what_the_shape_does_not() {
    let mut object = Array3::from_elem((7, 9, 40), false);
    object.slice_mut(s![1..6, 1..8, 1..39]).fill(true);
    let probabilities = Array3::from_shape_fn(object.dim(), |(_, _, x)| if x == 12 { 0.2 } else { 0.9_f32 });
    let points = [[3, 4, 6], [3, 4, 30]];
    let labels = split_at_points(object.view(), Some(probabilities.view()), &points, [1.0; 3]).unwrap();
    for ((_, _, x), &label) in labels.indexed_iter().filter(|(_, label)| **label > 0) {
        assert!(x == 12 || (label == 1) == (x < 12), "{label} at x = {x}");
    }
}

#[test]
fn three_points_make_three_parts_and_senseless_points_are_refused() {
    let object =
        balls([11, 11, 50], &[([5.0, 5.0, 8.0], 5.0), ([5.0, 5.0, 17.0], 5.0), ([5.0, 5.0, 26.0], 5.0)]);
    let points = [[5, 5, 8], [5, 5, 17], [5, 5, 26]];
    let labels = split_at_points(object.view(), None, &points, [1.0; 3]).unwrap();
    assert!(
        [1, 2, 3].iter().all(|&label| count(&labels, label) > 300),
        "{:?}",
        [1, 2, 3].map(|l| count(&labels, l))
    );
    for points in
        [vec![[5, 5, 8]], vec![[5, 5, 8], [5, 5, 8]], vec![[5, 5, 8], [0, 0, 0]], vec![[5, 5, 8], [99, 0, 0]]]
    {
        let error = split_at_points(object.view(), None, &points, [1.0; 3]).unwrap_err();
        assert!(error.to_string().contains("expected at least 2 different ones"), "{error}");
    }
}

#[test]
fn parts_of_a_section_grow_through_the_others() {
    let object = balls([25, 25, 55], &[([12.0, 12.0, 14.0], 11.0), ([12.0, 12.0, 36.0], 12.5)]);
    let mut parts = Array3::zeros(object.dim());
    parts.slice_mut(s![12, .., ..20]).fill(1);
    parts.slice_mut(s![12, .., 30..]).fill(2);
    let labels = split_from_parts(object.view(), None, parts.view(), [1.0; 3]).unwrap();
    assert_eq!(labels[[0, 12, 12]], 0, "outside");
    assert_eq!((labels[[4, 12, 14]], labels[[22, 12, 36]]), (1, 2));
    let alone = parts.mapv(|label: u32| u32::from(label == 1));
    split_from_parts(object.view(), None, alone.view(), [1.0; 3]).unwrap_err();
}

/// Boxes of labels that touch and overlap, by a generator of Marsaglia (xorshift, 2003).
fn labels(shape: [usize; 3], boxes: usize) -> Array3<u32> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut labels = Array3::zeros(shape);
    for number in 1..=boxes {
        let start = shape.map(&mut draw);
        let end: [usize; 3] = std::array::from_fn(|axis| (start[axis] + 1 + draw(9)).min(shape[axis]));
        labels
            .slice_mut(s![start[0]..end[0], start[1]..end[1], start[2]..end[2]])
            // Values are not numbers in a row.
            .fill(3 * number as u32);
    }
    labels
}

const SPACING: [f64; 3] = [30.0, 5.0, 4.0];

fn measured(labels: &Array3<u32>, probabilities: &Volume) -> Vec<Object> {
    let volume = Volume::from_voxels(Voxels::from(labels.clone()), Some(SPACING));
    let config = FindConfig { foreground: Foreground::Instances, ..FindConfig::default() };
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::find(&volume, config, folder.path(), unwatched).unwrap();
    measure(&objects, Some(probabilities), unwatched).unwrap()
}

/// Faces between two labels, voxel by voxel.
fn faces(labels: &Array3<u32>) -> BTreeMap<[u32; 2], u64> {
    let mut faces = BTreeMap::new();
    for ((z, y, x), &here) in labels.indexed_iter() {
        for next in [[z + 1, y, x], [z, y + 1, x], [z, y, x + 1]] {
            let Some(&there) = labels.get(next) else { continue };
            if here != there && here > 0 && there > 0 {
                *faces.entry([here.min(there), here.max(there)]).or_default() += 1;
            }
        }
    }
    faces
}

fn of_sections(labels: &Array3<u32>, id: u32) -> Vec<Array3<bool>> {
    let sections = labels.axis_chunks_iter(ndarray::Axis(0), 1);
    sections.map(|section| section.mapv(|label| label == id)).collect()
}

#[test]
fn contacts_and_changes_between_sections_are_those_of_the_voxels() {
    let labels = labels([12, 30, 40], 60);
    let probabilities = Volume::from_voxels(Voxels::from(Array3::from_elem(labels.dim(), 128_u8)), None);
    let faces = faces(&labels);
    let objects = measured(&labels, &probabilities);
    assert!(faces.len() > 20 && objects.len() > 30, "the volume is no test");
    for object in &objects {
        let shared: u64 = faces.iter().filter(|(pair, _)| pair.contains(&object.id)).map(|(_, n)| n).sum();
        assert_eq!(object.contact_faces, shared, "{}", object.id);
        let sections = &of_sections(&labels, object.id)[object.start[0]..object.end[0]];
        let voxels = |mask: &Array3<bool>| mask.iter().filter(|&&inside| inside).count() as f64;
        let (mut both, mut all) = (0.0, 0.0);
        for pair in sections.windows(2) {
            both += voxels(&(&pair[0] & &pair[1]));
            all += voxels(&pair[0]) + voxels(&pair[1]);
        }
        let expected = (sections.len() > 1).then(|| 1.0 - 2.0 * both / all);
        assert_eq!(object.section_change, expected, "{}", object.id);
    }
}

#[test]
fn objects_measured_anew_are_the_same_to_the_last_bit() {
    let labels = labels([12, 30, 40], 60);
    let grey =
        Array3::from_shape_fn(labels.dim(), |(z, y, x)| ((z * 131 + y * 31 + x * 7) % 251) as f32 / 251.0);
    let probabilities = Volume::from_voxels(Voxels::from(grey), Some(SPACING));
    let all = measured(&labels, &probabilities);
    let faces = faces(&labels);
    let space = Space { shape: [12, 30, 40], extent: Extent::Volume, voxel_size_nm: Some(SPACING) };
    let read = |roi: Roi| {
        let [z, y, x] = roi.ranges();
        Ok(labels.slice(s![z, y, x]).to_owned())
    };
    for chosen in all.windows(3) {
        let ids: HashSet<u32> = chosen.iter().map(|object| object.id).collect();
        let start = [0, 1, 2].map(|axis| chosen.iter().map(|o| o.start[axis]).min().unwrap());
        let end: [usize; 3] = [0, 1, 2].map(|axis| chosen.iter().map(|o| o.end[axis]).max().unwrap());
        let part = Roi { start, shape: std::array::from_fn(|axis| end[axis] - start[axis]) };
        let anew = remeasure(read, part, &ids, space, Some(&probabilities)).unwrap();
        assert_eq!(anew.objects, chosen);
        for (pair, &count) in &faces {
            let outer =
                pair.iter().find(|id| !ids.contains(id)).filter(|_| pair.iter().any(|id| ids.contains(id)));
            if let Some(outer) = outer {
                assert!(anew.contacts[outer] >= count, "{pair:?}");
            }
        }
        let shared = faces.iter().filter(|(pair, _)| ids.contains(&pair[0]) != ids.contains(&pair[1]));
        assert_eq!(anew.contacts.values().sum::<u64>(), shared.map(|(_, count)| count).sum::<u64>());
    }
    let none = remeasure(read, Roi::whole([12, 30, 40]), &HashSet::from([7]), space, None).unwrap();
    assert_eq!(none, em_objects::Remeasured::default());
}
