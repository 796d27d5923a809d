use super::*;
use crate::{Object, measure, unwatched};
use em_io::{VoxelType, Voxels};
use ndarray::Array3;
use proptest::prelude::*;
use std::fs;

fn volume(seed: u32, modulus: u32, instances: bool) -> Volume {
    let voxels = Array3::from_shape_fn([9, 7, 8], |(z, y, x)| {
        let place = (z * 56 + y * 8 + x) as u32;
        let value = place.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 24;
        if instances { value % modulus } else { 255 * u32::from(value.is_multiple_of(modulus)) }
    });
    Volume::from_voxels(voxels.into(), Some([30.0, 5.0, 5.0]))
}

fn parts(volume: &Volume, config: FindConfig, cuts: &[usize], folder: &Path) -> Vec<PathBuf> {
    parts_with(volume, [None; 2], config, cuts, folder)
}

/// Parts of a volume, of which the first and the others have these probabilities.
fn parts_with(
    volume: &Volume,
    probabilities: [Option<&Volume>; 2],
    config: FindConfig,
    cuts: &[usize],
    folder: &Path,
) -> Vec<PathBuf> {
    let find = |(index, pair): (usize, &[usize])| {
        let file = folder.join(format!("{index}.part"));
        let input =
            PartInput { volume, probabilities: probabilities[index.min(1)], sections: pair[0]..pair[1] };
        find_part(&input, config, &file, unwatched).unwrap();
        file
    };
    cuts.windows(2).enumerate().map(find).collect()
}

type Found = (Vec<Object>, Array3<u32>);

fn all(objects: &Objects) -> Found {
    (measure(objects, None, unwatched).unwrap(), objects.paint(0..9).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn parts_join_to_the_objects_of_the_whole(
        seed in any::<u32>(), modulus in 2_u32..7, kind in 0..6_usize, mut middle in prop::collection::vec(0_usize..=9, 0..5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let foreground = if kind == 0 { Foreground::Instances } else { Foreground::Mask };
        let volume = volume(seed, modulus, kind == 0);
        let config = FindConfig {
            foreground,
            extent: if kind == 1 { Extent::Section } else { Extent::Volume },
            fill_holes: kind == 2,
            connectivity: [Connectivity::Faces, Connectivity::Edges, Connectivity::Corners][kind % 3],
        };
        middle.extend([0, 9]);
        middle.sort_unstable();
        let files = parts(&volume, config, &middle, folder.path());
        let joined = join_parts(&files, folder.path(), unwatched).unwrap();
        let whole = Objects::find(&volume, config, folder.path(), unwatched).unwrap();
        prop_assert_eq!(joined.names(), whole.names());
        prop_assert_eq!(all(&joined), all(&whole));
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files.len(), "nothing else is left");
    }
}

/// Probabilities of three types, by number.
fn probabilities(kind: usize) -> Volume {
    let value = |(z, y, x): (usize, usize, usize)| ((z * 56 + y * 8 + x) * 2_654_435_761) >> 8;
    let shape = (9, 7, 8);
    let voxels: Voxels = match kind {
        0 => Array3::from_shape_fn(shape, |at| value(at) as u8).into(),
        1 => Array3::from_shape_fn(shape, |at| value(at) as u16).into(),
        _ => Array3::from_shape_fn(shape, |at| (value(at) % 1000) as f32 / 1000.0).into(),
    };
    Volume::from_voxels(voxels, None)
}

#[test]
fn sums_of_parts_are_those_of_one_pass() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let nothing = Volume::from_voxels(Array3::<u8>::zeros((9, 7, 8)).into(), None);
    for (kind, instances) in [(0, false), (0, true), (1, false), (1, true), (2, false)] {
        let (volume, probabilities) = (volume(3, 7, instances), probabilities(kind));
        let foreground = if instances { Foreground::Instances } else { Foreground::Mask };
        let config = FindConfig { foreground, ..Default::default() };
        let mut whole = Objects::find(&volume, config, at, unwatched).unwrap();
        let files = parts_with(&volume, [Some(&probabilities); 2], config, &[0, 0, 4, 5, 9], at);
        let mut joined = join_parts(&files, at, unwatched).unwrap();
        assert_eq!(joined.probability_sums(probabilities.voxel_type()).is_some(), kind < 2);
        let measured = |objects: &Objects, of: &Volume| measure(objects, Some(of), unwatched).unwrap();
        assert_eq!(measured(&joined, &probabilities), measured(&whole, &probabilities));
        // Where objects go, the sums of the others stay with them.
        let before = whole.count();
        for objects in [&mut joined, &mut whole] {
            objects.retain(|number| number % 3 != 2);
        }
        assert!(whole.count() > 3 && whole.count() < before);
        assert_eq!(measured(&joined, &probabilities), measured(&whole, &probabilities));
        if kind == 0 {
            let unread = measured(&joined, &nothing);
            assert_eq!(unread, measured(&whole, &probabilities), "the volume is not read");
        }
        // Parts of objects have sums of their own.
        let [joined, whole] = [joined, whole].map(|objects| objects.split(20.0, at, unwatched).unwrap().0);
        assert_eq!(measured(&joined, &probabilities), measured(&whole, &probabilities));
    }
}

#[test]
fn sums_that_some_parts_lack_are_left_to_one_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (volume, bytes, words) = (volume(3, 4, false), probabilities(0), probabilities(1));
    let whole = Objects::find(&volume, FindConfig::default(), folder.path(), unwatched).unwrap();
    for pair in [[Some(&bytes), None], [None, Some(&bytes)], [Some(&words), Some(&bytes)]] {
        let files = parts_with(&volume, pair, FindConfig::default(), &[0, 4, 5, 9], folder.path());
        let joined = join_parts(&files, folder.path(), unwatched).unwrap();
        assert!(joined.probability_sums(VoxelType::U8).is_none());
        let measured = |objects: &Objects| measure(objects, Some(&bytes), unwatched).unwrap();
        assert_eq!(measured(&joined), measured(&whole));
    }
}

fn message(files: &[PathBuf], folder: &Path) -> String {
    join_parts(files, folder, unwatched).unwrap_err().to_string()
}

#[test]
fn parts_that_make_no_volume_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let config = FindConfig::default();
    let files = parts(&volume(1, 3, false), config, &[0, 4, 9], at);
    assert!(message(&files[..1], at).ends_with("expected parts up to section 9"));
    assert!(message(&files[1..], at).ends_with("holds the sections 4..9, expected those from 0 on"));
    assert!(message(&[], at).contains("no part"));
    let other = at.join("other");
    fs::create_dir(&other).unwrap();
    let flat = FindConfig { extent: Extent::Section, ..config };
    let others = parts(&volume(1, 3, false), flat, &[0, 4, 9], &other);
    assert!(message(&[files[0].clone(), others[1].clone()], at).contains("other settings"));
    assert!(message(&[at.join("none")], at).starts_with("cannot read"));
}

#[test]
fn the_values_of_all_parts_make_a_mask_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut voxels = Array3::<u8>::zeros((4, 2, 2));
    (voxels[[0, 0, 0]], voxels[[3, 1, 1]]) = (255, 1);
    let volume = Volume::from_voxels(Voxels::from(voxels), None);
    let files = parts(&volume, FindConfig::default(), &[0, 2, 4], folder.path());
    let error = message(&files, folder.path());
    assert_eq!(
        error,
        "the label volume holds the values 0, 1, 255 (page 2), expected only 0 and 255, or only 0 and 1"
    );
}

#[test]
fn damaged_files_are_refused_and_none_makes_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let config = FindConfig { foreground: Foreground::Instances, ..Default::default() };
    let probabilities = probabilities(1);
    let files = parts_with(&volume(5, 3, true), [Some(&probabilities); 2], config, &[0, 9], folder.path());
    let whole = fs::read(&files[0]).unwrap();
    for cut in [0, 7, 15, 16, whole.len() / 2, whole.len() - 1] {
        fs::write(&files[0], &whole[..cut]).unwrap();
        assert!(join_parts(&files, folder.path(), unwatched).is_err(), "{cut}");
    }
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x81;
        fs::write(&files[0], damaged).unwrap();
        // A name or a run may be another one that makes sense.
        let _ = join_parts(&files, folder.path(), unwatched)
            .map(|objects| (all(&objects), measure(&objects, Some(&probabilities), unwatched).unwrap()));
    }
}
