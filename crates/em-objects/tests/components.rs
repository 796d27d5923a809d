//! Components against SciPy and cc3d, on noise that Python makes from the same formula.

use em_objects::{Components, Connectivity, Extent};
use ndarray::Array3;

/// Noise that Python makes too: the finaliser of MurmurHash3 on the place of a voxel.
fn noise([depth, height, width]: [usize; 3], density: f64) -> Array3<bool> {
    let below = (density * f64::from(1 << 24)) as u32;
    Array3::from_shape_fn((depth, height, width), |(z, y, x)| {
        let mut h = ((z * height + y) * width + x) as u32;
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        ((h ^ (h >> 16)) >> 8) < below
    })
}

fn checksum(labels: &Array3<u32>) -> u64 {
    labels.iter().zip(0_u64..).map(|(&label, i)| u64::from(label) * (i % 251 + 1)).sum()
}

// numpy 2.4.6, scipy 1.17.1, connected-components-3d 4.1.1
//
// def noise(shape, density):
//     h = np.arange(np.prod(shape), dtype=np.uint32)
//     h ^= h >> np.uint32(16); h *= np.uint32(0x85EBCA6B)
//     h ^= h >> np.uint32(13); h *= np.uint32(0xC2B2AE35)
//     h ^= h >> np.uint32(16)
//     return (h.reshape(shape) >> np.uint32(8)) < int(density * 2**24)
// def checksum(l):
//     return int((l.ravel().astype(np.uint64) * (np.arange(l.size, dtype=np.uint64) % 251 + 1)).sum())
// for n, rank, density in [(6, 1, .3), (18, 2, .13), (26, 3, .09), (6, 1, .55)]:
//     m = noise((11, 37, 53), density)
//     l, count = scipy.ndimage.label(m, generate_binary_structure(3, rank))
//     # cc3d.connected_components(m, connectivity=n), renumbered by first voxel, is the same array
//     print(n, density, count, checksum(l), np.bincount(l.ravel())[1:].max())
// for n, rank, density in [(4, 1, .45), (8, 2, .3)]:
//     s = np.zeros((3, 3, 3), bool); s[1] = generate_binary_structure(2, rank)   # ... as above
#[test]
fn labels_agree_with_scipy_and_cc3d() {
    use Connectivity::{Corners, Edges, Faces};
    use Extent::{Section, Volume};
    for (extent, connectivity, density, count, sum, size) in [
        (Volume, Faces, 0.30, 1457, 413_897_082, 455),
        (Volume, Edges, 0.13, 629, 84_528_292, 77),
        (Volume, Corners, 0.09, 428, 38_177_671, 105),
        (Volume, Faces, 0.55, 161, 3_459_815, 11_613),
        (Section, Faces, 0.45, 2070, 1_233_637_795, 126),
        (Section, Edges, 0.30, 1202, 481_680_159, 91),
    ] {
        let mask = noise([11, 37, 53], density);
        let found = Components::of(mask.view(), extent, connectivity);
        assert_eq!(found.count(), count);
        assert_eq!(checksum(&found.labels()), sum);
        assert_eq!(found.sizes().iter().max(), Some(&size));
    }
}
