//! Labels of any values and types: a mask comes of 0 and 255, or of 0 and 1, and of nothing else.
#![no_main]

use em_io::{Error, Mask, Roi, Volume, Voxels};
use ndarray::Array3;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [kind, width, bytes @ ..] = bytes else { return };
    let width = usize::from(*width % 16) + 1;
    let voxels = match kind % 4 {
        0 => array(bytes, width, |[byte]: [u8; 1]| byte),
        1 => array(bytes, width, i16::from_le_bytes),
        2 => array(bytes, width, u32::from_le_bytes),
        _ => array(bytes, width, f32::from_le_bytes),
    };
    let values: Vec<f64> = voxels.to_f32().iter().map(|&value| f64::from(value)).collect();
    let volume = Volume::from_voxels(voxels, None);
    let only = |foreground| values.iter().all(|&value| value == 0.0 || value == foreground);
    match Mask::from_volume(&volume, Roi::whole(volume.shape())) {
        Ok(mask) => {
            assert!(only(1.0) || only(255.0));
            assert!(mask.view().iter().zip(&values).all(|(&inside, &value)| inside == (value != 0.0)));
            assert_eq!(mask.foreground(), values.iter().filter(|&&value| value != 0.0).count());
        }
        Err(Error::NotAMask { page, values: listed, .. }) => {
            assert!(!(only(1.0) || only(255.0)));
            assert!(page < volume.shape()[0] && (1..=9).contains(&listed.len()), "{page} {listed:?}");
        }
        Err(other) => panic!("not what is wrong with it: {other}"),
    }
});

/// Sections of two rows each; bytes that fill no section are left out.
fn array<T, const N: usize>(bytes: &[u8], width: usize, voxel: impl Fn([u8; N]) -> T) -> Voxels
where
    Voxels: From<Array3<T>>,
{
    let depth = bytes.len() / (N * 2 * width);
    let all = bytes.as_chunks::<N>().0.iter().map(|&bytes| voxel(bytes));
    let voxels: Vec<T> = all.take(depth * 2 * width).collect();
    Array3::from_shape_vec((depth, 2, width), voxels).expect("as many as the shape has").into()
}
