//! The phantom is reproducible, looks like EM by its statistics, and cannot be segmented by a threshold.

use em_data::phantom::{Phantom, PhantomConfig, phantom};
use ndarray::{Array3, ArrayView2, Axis};

fn config(shape: [usize; 3], seed: u64) -> PhantomConfig {
    PhantomConfig { shape, seed, ..Default::default() }
}

fn share(mask: &Array3<bool>) -> f64 {
    mask.iter().filter(|&&inside| inside).count() as f64 / mask.len() as f64
}

fn correlation(a: ArrayView2<'_, u8>, b: ArrayView2<'_, u8>) -> f64 {
    let mean = |section: &ArrayView2<'_, u8>| {
        section.iter().map(|&v| f64::from(v)).sum::<f64>() / section.len() as f64
    };
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let [mut covariance, mut variance_a, mut variance_b] = [0.0; 3];
    for (&a, &b) in a.iter().zip(&b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        covariance += a * b;
        variance_a += a * a;
        variance_b += b * b;
    }
    covariance / (variance_a * variance_b).sqrt()
}

/// The best IoU of `grey < t` and of `grey >= t` over all thresholds t.
fn best_threshold_iou(raw: &Array3<u8>, label: &Array3<bool>) -> [f64; 2] {
    let mut foreground = [0u64; 256];
    let mut background = [0u64; 256];
    for (&grey, &inside) in raw.iter().zip(label) {
        if inside {
            foreground[usize::from(grey)] += 1;
        } else {
            background[usize::from(grey)] += 1;
        }
    }
    let positives: u64 = foreground.iter().sum();
    let negatives: u64 = background.iter().sum();
    let mut best = [0.0f64; 2];
    let (mut hits, mut false_alarms) = (0, 0);
    for threshold in 0..256 {
        hits += foreground[threshold];
        false_alarms += background[threshold];
        best[0] = best[0].max(hits as f64 / (positives + false_alarms) as f64);
        let (above, others) = (positives - hits, negatives - false_alarms);
        best[1] = best[1].max(above as f64 / (positives + others) as f64);
    }
    best
}

/// Means of `(2 radius + 1)²` pixels, cut at the borders.
fn box_blur(raw: &Array3<u8>, radius: usize) -> Array3<u8> {
    let blur_along = |volume: &Array3<u8>, axis: usize| {
        let length = volume.shape()[axis];
        let mut blurred = volume.clone();
        for (source, mut target) in volume.lanes(Axis(axis)).into_iter().zip(blurred.lanes_mut(Axis(axis))) {
            for index in 0..length {
                let window = index.saturating_sub(radius)..(index + radius + 1).min(length);
                let count = window.len() as u32;
                let sum: u32 = window.map(|k| u32::from(source[k])).sum();
                target[index] = ((sum + count / 2) / count) as u8;
            }
        }
        blurred
    };
    blur_along(&blur_along(raw, 1), 2)
}

#[test]
fn same_config_gives_the_same_bytes() {
    let config = config([3, 96, 80], 11);
    assert_eq!(phantom(&config), phantom(&config));
}

#[test]
fn another_seed_gives_another_volume() {
    let (a, b) = (phantom(&config([2, 96, 96], 1)), phantom(&config([2, 96, 96], 2)));
    let equal = a.raw.iter().zip(&b.raw).filter(|(a, b)| a == b).count();
    assert!(equal < a.raw.len() / 10, "{equal} of {} voxels are equal", a.raw.len());
}

/// FNV-1a over the three arrays, recorded on x86-64: a change here changes every published phantom.
#[test]
fn bytes_are_those_recorded() {
    let volume = phantom(&config([2, 128, 128], 3));
    let labels = volume.mitochondria.iter().chain(&volume.synapses).map(|&inside| u8::from(inside));
    let digest = volume.raw.iter().copied().chain(labels).fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(format!("{digest:016x}"), "dfbe796b2429ce4f");
}

#[test]
fn thread_count_does_not_change_the_bytes() {
    let config = config([5, 96, 96], 5);
    let on = |threads: usize| -> Phantom {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of a few threads");
        pool.install(|| phantom(&config))
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn a_smaller_volume_is_the_corner_of_a_larger_one() {
    let (small, large) = (phantom(&config([2, 64, 48], 9)), phantom(&config([4, 96, 96], 9)));
    let corner = ndarray::s![..2, ..64, ..48];
    assert_eq!(small.mitochondria, large.mitochondria.slice(corner));
    assert_eq!(small.synapses, large.synapses.slice(corner));
}

#[test]
fn foreground_shares_are_as_documented() {
    for seed in 0..3 {
        // Thick steps in z: many different places in few sections.
        let config = PhantomConfig { voxel_size_nm: [150.0, 5.0, 5.0], ..config([12, 512, 512], seed) };
        let volume = phantom(&config);
        let (mitochondria, synapses) = (share(&volume.mitochondria), share(&volume.synapses));
        assert!((0.08..0.14).contains(&mitochondria), "seed {seed}: mitochondria {mitochondria}");
        assert!((0.004..0.013).contains(&synapses), "seed {seed}: synapses {synapses}");
    }
}

#[test]
fn grey_values_use_the_range_without_clipping() {
    let volume = phantom(&config([4, 256, 256], 4));
    let mean = volume.raw.iter().map(|&v| f64::from(v)).sum::<f64>() / volume.raw.len() as f64;
    let clipped = volume.raw.iter().filter(|&&v| v == 0 || v == 255).count();
    assert!((115.0..155.0).contains(&mean), "mean {mean}");
    assert!(clipped * 1000 < volume.raw.len(), "{clipped} clipped voxels");
}

#[test]
fn neighbouring_sections_are_alike_but_not_equal() {
    let volume = phantom(&config([8, 256, 256], 0));
    for z in 0..7 {
        let value = correlation(volume.raw.index_axis(Axis(0), z), volume.raw.index_axis(Axis(0), z + 1));
        assert!((0.7..0.95).contains(&value), "sections {z} and {}: {value}", z + 1);
    }
}

#[test]
fn no_threshold_finds_mitochondria_even_after_a_5_x_5_blur() {
    for seed in 0..6 {
        // Thick steps in z: more different places in few sections.
        let config = PhantomConfig { voxel_size_nm: [30.0, 5.0, 5.0], ..config([6, 512, 512], seed) };
        let volume = phantom(&config);
        for radius in [0, 2] {
            let best = best_threshold_iou(&box_blur(&volume.raw, radius), &volume.mitochondria);
            assert!(best.iter().all(|&iou| iou < 0.4), "seed {seed}, blur radius {radius}: {best:?}");
        }
    }
}

#[test]
fn any_shape_and_voxel_size_can_be_drawn() {
    for shape in [[1, 7, 5], [3, 64, 64], [2, 1, 1], [1, 1, 300], [0, 8, 8], [2, 0, 8], [2, 8, 0]] {
        for voxel_size_nm in [[5.0; 3], [40.0, 4.0, 4.0], [1.0, 0.5, 2.0], [3000.0; 3]] {
            let volume = phantom(&PhantomConfig { voxel_size_nm, ..config(shape, 1) });
            assert_eq!(volume.raw.shape(), shape);
            assert_eq!(volume.mitochondria.shape(), shape);
            assert_eq!(volume.synapses.shape(), shape);
        }
    }
}

#[test]
#[should_panic(expected = "voxel size must be finite and above 0")]
fn a_voxel_size_of_zero_is_refused() {
    phantom(&PhantomConfig { voxel_size_nm: [5.0, 0.0, 5.0], ..Default::default() });
}
