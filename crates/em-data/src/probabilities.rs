//! Per-class probabilities and the masks that follow from them.

use em_io::Mask;
use ndarray::{Array3, Array4, ArrayView3, Axis};

use crate::{Error, Result};

/// Probabilities `[class, z, y, x]` in 0..=1 with the names of the classes.
#[derive(Clone, Debug)]
pub struct Probabilities {
    classes: Vec<String>,
    values: Array4<f32>,
    voxel_size_nm: Option<[f64; 3]>,
}

impl Probabilities {
    /// Puts probabilities `[class, z, y, x]` and their class names together.
    ///
    /// # Errors
    ///
    /// Fails if there are more or fewer names than classes in `values`.
    pub fn new(classes: Vec<String>, values: Array4<f32>, voxel_size_nm: Option<[f64; 3]>) -> Result<Self> {
        if classes.len() != values.len_of(Axis(0)) {
            return Err(Error::Channels { found: values.len_of(Axis(0)), expected: classes });
        }
        Ok(Self { classes, values, voxel_size_nm })
    }

    /// Returns the names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns the probabilities of one class, `[z, y, x]`.
    ///
    /// # Errors
    ///
    /// Fails if there is no class of that name.
    pub fn class(&self, name: &str) -> Result<ClassProbabilities<'_>> {
        let index = self
            .classes
            .iter()
            .position(|class| class == name)
            .ok_or_else(|| Error::UnknownClass { found: name.into(), expected: self.classes.clone() })?;
        let values = self.values.index_axis(Axis(0), index);
        Ok(ClassProbabilities { values, voxel_size_nm: self.voxel_size_nm })
    }
}

/// The probabilities of one class.
#[derive(Clone, Copy, Debug)]
pub struct ClassProbabilities<'a> {
    values: ArrayView3<'a, f32>,
    voxel_size_nm: Option<[f64; 3]>,
}

impl ClassProbabilities<'_> {
    /// Returns the values, `[z, y, x]`.
    pub fn view(&self) -> ArrayView3<'_, f32> {
        self.values
    }

    /// Returns the voxels whose probability is more than `threshold`.
    pub fn threshold(&self, threshold: f32) -> Mask {
        Mask::new(self.values.mapv(|p| p > threshold), self.voxel_size_nm)
    }
}

/// Maps probabilities in 0..=1 to 0..=255, rounded: the 8-bit form that files hold.
pub fn to_u8(probabilities: ArrayView3<'_, f32>) -> Array3<u8> {
    probabilities.mapv(byte)
}

/// Maps a probability in 0..=1 to 0..=255, rounded.
pub fn byte(probability: f32) -> u8 {
    // `as` saturates, so that a value slightly outside 0..=1 stays at the end of the range.
    (probability * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_name_and_thresholded() {
        let mut values = Array4::zeros((2, 1, 1, 2));
        values[[1, 0, 0, 1]] = 0.6;
        let names = vec!["mitochondria".to_owned(), "synapses".to_owned()];
        let probabilities = Probabilities::new(names, values, Some([5.0; 3])).unwrap();
        let mask = probabilities.class("synapses").unwrap().threshold(0.5);
        assert_eq!(mask.foreground(), 1);
        assert_eq!(mask.voxel_size_nm(), Some([5.0; 3]));
        let error = probabilities.class("synapse").unwrap_err();
        assert_eq!(error.to_string(), r#"no class `synapse`, expected one of ["mitochondria", "synapses"]"#);
    }
    #[test]
    fn each_channel_has_a_name() {
        let names = vec!["mitochondria".to_owned()];
        let error = Probabilities::new(names, Array4::zeros((2, 1, 1, 1)), None).unwrap_err();
        assert_eq!(error.to_string(), r#"probabilities of 2 channels for the classes ["mitochondria"]"#);
    }
}
