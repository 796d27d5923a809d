//! Views of small volumes in several formats, chunk by chunk, and what is refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use em_io::{Content, Roi, Volume, VoxelType, Voxels, WriteOptions, match_voxels};
use ndarray::Array3;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::silent;

/// Sides that no chunk, step or piece of storage divides.
const SHAPE: [usize; 3] = [37, 150, 301];
const NM: [f64; 3] = [12.0, 10.0, 10.0];

fn grey((z, y, x): (usize, usize, usize)) -> u16 {
    (z * 311 + y * 17 + (x * x) % 251) as u16
}

/// A ball of radius 15 in the middle, number 1000; others here and there, up to the border.
fn label((z, y, x): (usize, usize, usize)) -> u32 {
    let squared = |middle: [usize; 3]| {
        [z, y, x].iter().zip(middle).map(|(&along, middle)| along.abs_diff(middle).pow(2)).sum::<usize>()
    };
    match () {
        () if squared([18, 70, 150]) <= 225 => 1000,
        () if squared([36, 149, 300]) <= 900 => 70_000,
        () if (x / 20) % 3 == 0 && y < 40 => (x / 20 + 1) as u32,
        () => 0,
    }
}

/// A folder with volumes of all kinds.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, voxels: impl Into<Voxels>) -> PathBuf {
        let path = self.0.path().join(name);
        let content = if name.starts_with("raw") { Content::Intensity } else { Content::Label };
        let options = WriteOptions::default().with_content(content);
        let voxels = voxels.into();
        let spec = em_io::VolumeSpec {
            shape: voxels.shape(),
            voxel_type: voxels.voxel_type(),
            voxel_size_nm: Some(NM),
        };
        let mut writer = em_io::VolumeWriter::with_options(&path, spec, options).unwrap();
        writer.write(&voxels).unwrap();
        writer.finish().unwrap();
        path
    }

    fn open(&self, raw: &Path, overlays: Vec<OverlayFile>) -> Result<View> {
        let mut request = ViewRequest::new(raw);
        request.overlays = overlays;
        View::open(&request, &mut Observer::new(&mut silent))
    }
}

fn labels() -> Array3<u32> {
    Array3::from_shape_fn(SHAPE, label)
}

fn greys() -> Array3<u16> {
    Array3::from_shape_fn(SHAPE, grey)
}

/// All voxels of a level, put together of the chunks that are served.
fn served(layer: &Layer, level: usize) -> Array3<f64> {
    let Level { shape, chunk, .. } = layer.levels()[level];
    let mut whole = Array3::from_elem(shape, f64::NAN);
    let along = |axis: usize| (0..shape[axis]).step_by(chunk[axis]);
    for z in along(0) {
        for y in along(1) {
            for x in along(2) {
                let start = [z, y, x];
                let sides = std::array::from_fn(|axis| chunk[axis].min(shape[axis] - start[axis]));
                let bytes = layer.chunk(level, Roi { start, shape: sides }).unwrap().unwrap();
                let voxels = decoded(layer.served_type(), layer.kind, &bytes, sides);
                let end = [z + sides[0], y + sides[1], x + sides[2]];
                whole.slice_mut(ndarray::s![z..end[0], y..end[1], x..end[2]]).assign(&voxels);
            }
        }
    }
    whole
}

/// Unpacks labels by the words of Neuroglancer's specification, for each voxel by itself.
fn unpacked(bytes: &[u8], shape: [usize; 3], words_of_label: usize) -> Array3<u64> {
    let word = |at: usize| u64::from(u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap()));
    let channel = word(0) as usize;
    let [_, down, across] = shape.map(|side| side.div_ceil(8));
    Array3::from_shape_fn(shape, |(z, y, x)| {
        let header = channel + 2 * ((z / 8 * down + y / 8) * across + x / 8);
        let (table, bits) = ((word(header) & 0xff_ffff) as usize, word(header) >> 24);
        let values = word(header + 1) as usize;
        let voxel = (z % 8 * 64 + y % 8 * 8 + x % 8) as u64;
        let index = match bits {
            0 => 0,
            bits => {
                let bit = voxel * bits;
                word(channel + values + (bit / 32) as usize) >> (bit % 32) & ((1 << bits) - 1)
            }
        };
        let at = channel + table + index as usize * words_of_label;
        (0..words_of_label).map(|part| word(at + part) << (32 * part)).sum()
    })
}

fn decoded(served: ServedType, kind: Kind, bytes: &[u8], shape: [usize; 3]) -> Array3<f64> {
    if kind.is_label() {
        let words = if served == ServedType::Uint64 { 2 } else { 1 };
        return unpacked(bytes, shape, words).mapv(|label| label as f64);
    }
    let numbers: Vec<f64> = match served {
        ServedType::Uint8 => bytes.iter().map(|&byte| byte.into()).collect(),
        ServedType::Uint16 => bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]]).into()).collect(),
        _ => bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
    };
    Array3::from_shape_vec(shape, numbers).unwrap()
}

/// What a level of whole steps has to be, each voxel computed by itself.
fn expected(full: &Array3<f64>, step: [usize; 3], content: Content) -> Array3<f64> {
    let (depth, height, width) = full.dim();
    let [rows, columns] = [height.div_ceil(step[1]), width.div_ceil(step[2])];
    Array3::from_shape_fn((depth.div_ceil(step[0]), rows, columns), |(z, y, x)| {
        let z = (z * step[0] + step[0] / 2).min(depth - 1);
        let covered = (y * step[1]..height.min((y + 1) * step[1]))
            .flat_map(|y| (x * step[2]..width.min((x + 1) * step[2])).map(move |x| full[[z, y, x]]));
        let covered: Vec<f64> = covered.collect();
        match content {
            Content::Label => covered.into_iter().fold(0.0, f64::max),
            _ => (covered.iter().sum::<f64>() / covered.len() as f64).round(),
        }
    })
}

fn numbers(voxels: &Voxels) -> Array3<f64> {
    match_voxels!(voxels, array => array.mapv(em_io::Voxel::to_f64))
}

#[test]
fn every_voxel_of_every_level_is_served_whatever_the_format() {
    let lab = Lab::new();
    for ending in ["tif", "mrc", "zarr"] {
        let raw = lab.write(&format!("raw.{ending}"), greys());
        let labels =
            lab.write(&format!("labels.{ending}"), Array3::from_shape_fn(SHAPE, |at| label(at) as u16));
        let mask = lab.write(&format!("mask.{ending}"), labels_mask());
        let overlays = [&labels, &mask].map(|path| OverlayFile::new(stem(path), path, None)).to_vec();
        let view = lab.open(&raw, overlays).unwrap();
        let kinds: Vec<Kind> = view.layers.iter().map(|layer| layer.kind).collect();
        assert_eq!(kinds, [Kind::Image, Kind::Objects, Kind::Mask], "{ending}");
        for layer in &view.layers {
            check_levels(layer, &OpenOptions::default().open_levels(&layer.path).unwrap());
        }
    }
}

fn labels_mask() -> Array3<u8> {
    labels().mapv(|label| u8::from(label > 0) * 255)
}

/// Compares all levels with the volume, or with the levels that its file holds.
fn check_levels(layer: &Layer, of_file: &[Volume]) {
    let full = numbers(&layer.volume().read_all().unwrap());
    let is_mask = layer.kind == Kind::Mask;
    let shown =
        |voxels: Array3<f64>| if is_mask { voxels.mapv(|value| f64::from(value > 0.0)) } else { voxels };
    assert!(layer.levels().len() >= 3, "{}", layer.levels().len());
    let base = of_file.len();
    let last = of_file.last().map_or(full.clone(), |volume| numbers(&volume.read_all().unwrap()));
    for (number, level) in layer.levels().iter().enumerate() {
        let step: [usize; 3] =
            std::array::from_fn(|axis| (level.factor[axis] / layer.levels()[base].factor[axis]) as usize);
        let expected = match number {
            0 => full.clone(),
            number if number <= base => numbers(&of_file[number - 1].read_all().unwrap()),
            _ => expected(&last, step, layer.kind.content()),
        };
        assert!(served(layer, number) == shown(expected), "{} level {number}", layer.path.display());
    }
}

#[test]
fn a_file_s_own_levels_are_taken_and_go_on() {
    let lab = Lab::new();
    let path = lab.0.path().join("raw.zarr");
    let mut options = WriteOptions::default();
    options.levels = Some(2);
    let spec =
        em_io::VolumeSpec { shape: [20, 300, 600], voxel_type: VoxelType::U8, voxel_size_nm: Some(NM) };
    let mut writer = em_io::VolumeWriter::with_options(&path, spec, options).unwrap();
    let voxels = Array3::from_shape_fn(spec.shape, |(z, y, x)| (z * 7 + y + x) as u8);
    writer.write(&Voxels::from(voxels)).unwrap();
    writer.finish().unwrap();
    let view = lab.open(&path, Vec::new()).unwrap();
    let layer = &view.layers[0];
    let of_file = OpenOptions::default().open_levels(&path).unwrap();
    assert_eq!(of_file.len(), 1);
    assert_eq!(served(layer, 1), numbers(&of_file[0].read_all().unwrap()));
    let shapes: Vec<[usize; 3]> = layer.levels().iter().map(|level| level.shape).collect();
    assert_eq!(shapes[0..2], [spec.shape, of_file[0].shape()]);
    assert!(shapes.len() > 2 && shapes.last().unwrap().iter().all(|&side| side <= 128), "{shapes:?}");
    let full_nm = |level: &Level| level.factor.map(|factor| factor.round());
    assert_eq!(full_nm(&layer.levels()[2])[1..], [4.0, 4.0]);
}

#[test]
fn sections_stay_until_voxels_are_about_as_long_as_they_are_thick() {
    let volume = |shape| Volume::from_voxels(Voxels::zeros(VoxelType::U8, shape), Some([50.0, 5.0, 5.0]));
    let pyramid = |shape| {
        let bricks = Arc::new(Bricks::new(0));
        pyramid::Pyramid::new(0, Content::Intensity, volume(shape), Vec::new(), [50.0, 5.0, 5.0], bricks)
    };
    let factors: Vec<[f64; 3]> =
        pyramid([40, 2048, 2100]).levels().iter().map(|level| level.factor).collect();
    let expected = [
        [1.0, 1.0, 1.0],
        [1.0, 2.0, 2.0],
        [1.0, 4.0, 4.0],
        [1.0, 8.0, 8.0],
        [2.0, 16.0, 16.0],
        [4.0, 32.0, 32.0],
    ];
    assert_eq!(factors, expected);
    assert_eq!(pyramid([1, 100, 128]).levels().len(), 1);
    assert_eq!(pyramid([1, 4096, 1]).levels().len(), 6, "an axis of one voxel is never halved");
}

#[test]
fn only_the_chunks_of_the_grid_are_served() {
    let lab = Lab::new();
    let view = lab.open(&lab.write("raw.tif", greys()), Vec::new()).unwrap();
    let layer = &view.layers[0];
    let [depth, height, width] = layer.levels()[0].chunk;
    assert!(layer.chunk(0, Roi::from([0..depth, 0..height, 0..width])).unwrap().is_some());
    for (level, roi) in [
        (0, Roi::from([0..1, 0..height, 0..width])),
        (0, Roi::from([1..1 + depth, 0..height, 0..width])),
        (0, Roi::from([0..depth, 0..height, 256..320])),
        (0, Roi::from([0..0, 0..height, 0..width])),
        (99, Roi::from([0..depth, 0..height, 0..width])),
        (0, Roi { start: [usize::MAX - 3, 0, 0], shape: [16, 64, 64] }),
    ] {
        assert_eq!(layer.chunk(level, roi).unwrap(), None, "{level} {roi:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_block_of_any_pyramid_is_read(
        shape in [1_usize..50, 1_usize..200, 1_usize..300], level in 0_usize..4, nm in 1_u32..40,
        corners in prop::array::uniform3((0.0_f64..1.0, 0.0_f64..1.0)),
    ) {
        let voxels = Array3::from_shape_fn(shape, grey);
        let size = [f64::from(nm), 10.0, 10.0];
        let volume = Volume::from_voxels(voxels.clone().into(), Some(size));
        let bricks = Arc::new(Bricks::new(1 << 20));
        let pyramid = pyramid::Pyramid::new(0, Content::Intensity, volume, Vec::new(), size, bricks);
        let level = level % pyramid.levels().len();
        let Level { factor, shape, .. } = pyramid.levels()[level];
        let whole = expected(&voxels.mapv(f64::from), factor.map(|factor| factor as usize), Content::Intensity);
        let block = Roi::from(std::array::from_fn(|axis| {
            let along = |share: f64| (share * shape[axis] as f64) as usize;
            let (one, other) = (along(corners[axis].0), along(corners[axis].1));
            one.min(other)..one.max(other) + 1
        }));
        let found = numbers(&pyramid.read(level, block).unwrap());
        let [z, y, x] = block.ranges();
        prop_assert_eq!(found, whole.slice(ndarray::s![z, y, x]).to_owned());
    }
}

/// Waits for the table of a layer.
fn table(layer: &Layer) -> Arc<ObjectTable> {
    for _ in 0..600 {
        match layer.measuring.as_ref().unwrap().state() {
            TableState::Measuring(..) => std::thread::sleep(Duration::from_millis(50)),
            TableState::Ready(table) => return table,
            TableState::Failed(message) => panic!("{message}"),
        }
    }
    panic!("it is never done");
}

#[test]
fn a_table_is_measured_as_measure_does_and_read_where_there_is_one() {
    let lab = Lab::new();
    let raw = lab.write("raw.tif", greys());
    let (path, mask) = (lab.write("labels.tif", labels()), lab.write("mask.tif", labels_mask()));
    let overlays = || vec![OverlayFile::new("cells", &path, None), OverlayFile::new("mask", &mask, None)];
    let view = lab.open(&raw, overlays()).unwrap();
    let measured = table(&view.layers[1]);
    let ids: Vec<u64> = measured.rows.iter().map(|row| row[1].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 4, 7, 10, 13, 16, 1000, 70_000]);
    assert_eq!(table(&view.layers[2]).rows.len(), 8);

    let result = lab.0.path().join("result");
    let mut request = crate::MeasureRequest::new([crate::measure::ClassFiles::new("cells", &path)], &result);
    request.find.foreground = em_objects::Foreground::Instances;
    crate::measure(&request, &mut Observer::new(&mut silent)).unwrap();
    let folder = vec![OverlayFile::new("cells", &result, None)];
    let read = table(&lab.open(&raw, folder).unwrap().layers[1]);
    assert_eq!(read.columns, measured.columns);
    let rounded = |row: &Vec<Value>| -> Vec<Value> {
        let seven = |value: &Value| match value.as_f64() {
            Some(number) => display::seven_digits(number).into(),
            None => value.clone(),
        };
        row.iter().map(seven).collect()
    };
    assert_eq!(
        read.rows.iter().map(rounded).collect::<Vec<_>>(),
        measured.rows.iter().map(rounded).collect::<Vec<_>>()
    );
}

/// Vertices in nm, x first, and triangles.
fn parts(mesh: &[u8]) -> (Vec<[f64; 3]>, Vec<[usize; 3]>) {
    let (words, _) = mesh.as_chunks::<4>();
    let count = u32::from_le_bytes(words[0]) as usize;
    let place = |word: &[u8; 4]| f64::from(f32::from_le_bytes(*word));
    let (vertices, triangles) = words[1..].split_at(3 * count);
    let (vertices, _) = vertices.as_chunks::<3>();
    let (triangles, _) = triangles.as_chunks::<3>();
    let number = |word: &[u8; 4]| u32::from_le_bytes(*word) as usize;
    (
        vertices.iter().map(|vertex| vertex.each_ref().map(place)).collect(),
        triangles.iter().map(|triangle| triangle.each_ref().map(number)).collect(),
    )
}

#[test]
fn the_surface_of_an_object_lies_around_it_in_nm() {
    let lab = Lab::new();
    let (raw, path) = (lab.write("raw.tif", greys()), lab.write("labels.tif", labels()));
    let view = lab.open(&raw, vec![OverlayFile::new("cells", &path, None)]).unwrap();
    let layer = &view.layers[1];
    let (vertices, triangles) = parts(&layer.mesh(1000).unwrap().unwrap());
    let volume: f64 = triangles
        .iter()
        .map(|triangle| {
            let [[ax, ay, az], [bx, by, bz], [cx, cy, cz]] = triangle.map(|vertex| vertices[vertex]);
            (ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)) / 6.0
        })
        .sum();
    let voxels = labels().iter().filter(|&&label| label == 1000).count() as f64;
    assert!((volume / (voxels * NM.iter().product::<f64>()) - 1.0).abs() < 0.03, "{volume}");
    for (axis, (middle, nm)) in [(150.5, 10.0), (70.5, 10.0), (18.5, 12.0)].into_iter().enumerate() {
        let along: Vec<f64> = vertices.iter().map(|vertex| vertex[axis] / nm).collect();
        let [low, high] =
            [along.iter().copied().fold(f64::MAX, f64::min), along.iter().copied().fold(0.0, f64::max)];
        assert!(
            (low - (middle - 15.5)).abs() < 0.7 && (high - (middle + 15.5)).abs() < 0.7,
            "{axis}: {low} {high}"
        );
    }
    // With the table, its box is exact; without it, it was searched for.
    table(layer);
    assert_eq!(parts(&layer.mesh(1000).unwrap().unwrap()).1.len(), triangles.len());
    assert!(layer.mesh(70_000).unwrap().is_some(), "an object at the corner has a surface");
    assert_eq!((layer.mesh(0).unwrap(), layer.mesh(6).unwrap()), (None, None));
    assert_eq!(view.layers[0].mesh(1000).unwrap(), None);
}

#[test]
fn other_shapes_and_names_twice_are_refused_with_both() {
    let lab = Lab::new();
    let raw = lab.write("raw.tif", Array3::<u8>::zeros((4, 20, 30)));
    let small = lab.write("small.tif", Array3::<u8>::zeros((4, 20, 31)));
    let message = lab.open(&raw, vec![OverlayFile::new("a", &small, None)]).unwrap_err().to_string();
    assert!(message.contains("is 4 x 20 x 31 voxels") && message.contains("is 4 x 20 x 30"), "{message}");
    let mask = lab.write("mask.tif", Array3::<u8>::zeros((4, 20, 30)));
    let twice = ["a/b", "a b"].map(|name| OverlayFile::new(name, &mask, None)).to_vec();
    let message = lab.open(&raw, twice).unwrap_err().to_string();
    assert_eq!(message, "two layers are called `a_b`");
}
