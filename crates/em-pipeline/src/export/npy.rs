//! Arrays as NumPy keeps them: `.npy`, version 1.0.

use ndarray::ArrayViewD;

/// What the header's length is a multiple of, so that numbers may be read in place.
const ALIGNMENT: usize = 64;

/// Writes an array of 32-bit floats.
pub(super) fn written(array: ArrayViewD<'_, f32>) -> Vec<u8> {
    let shape: String = array.shape().iter().map(|edge| format!("{edge}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    // A magic word of 6 bytes, a version of 2 and a length of 2 stand before it, a line break at its end.
    let whole = (10 + header.len() + 1).next_multiple_of(ALIGNMENT);
    header += &" ".repeat(whole - 11 - header.len());
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a shape of a few axes is short");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(array.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::Voxels;
    use ndarray::Array3;

    #[test]
    fn em_io_reads_what_is_written() {
        let array = Array3::from_shape_fn((2, 3, 5), |(z, y, x)| (z * 100 + y * 10 + x) as f32 / 7.0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let bytes = written(array.view().into_dyn());
        assert!((bytes.len() - 4 * 30).is_multiple_of(ALIGNMENT));
        std::fs::write(&path, bytes).unwrap();
        let Voxels::F32(found) = em_io::open(&path).unwrap().read_all().unwrap() else { panic!() };
        assert_eq!(found, array);
    }
}
