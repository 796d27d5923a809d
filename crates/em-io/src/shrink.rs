//! What voxels become on a smaller level of a pyramid. It knows no file.

use crate::{Content, Voxel};
use ndarray::{Array2, ArrayView2, s};

/// Shrinks sections, all of one size, to one by `step`, `[y, x]`, as the content asks for: a mean, or the
/// largest value.
///
/// At the far borders, voxels that cover fewer are made of those that there are.
///
/// ```
/// use em_io::{Content, shrink};
/// use ndarray::array;
///
/// let section = array![[1_u8, 2, 7], [3, 5, 8]];
/// assert_eq!(shrink(&[section.view()], [2, 2], Content::Intensity), array![[3, 8]]);
/// assert_eq!(shrink(&[section.view()], [2, 2], Content::Label), array![[5, 8]]);
/// ```
///
/// # Panics
///
/// Panics without a section, and where a step is 0.
pub fn shrink<T: Voxel>(sections: &[ArrayView2<'_, T>], step: [usize; 2], content: Content) -> Array2<T> {
    let (height, width) = sections[0].dim();
    let shape = (height.div_ceil(step[0]), width.div_ceil(step[1]));
    Array2::from_shape_fn(shape, |(y, x)| {
        let rows = y * step[0]..height.min((y + 1) * step[0]);
        let columns = x * step[1]..width.min((x + 1) * step[1]);
        let covered = s![rows, columns];
        let covered = sections.iter().flat_map(|section| section.slice(covered.clone()).into_iter().copied());
        match content {
            Content::Label => {
                covered.fold(T::default(), |most, voxel| if voxel > most { voxel } else { most })
            }
            Content::Intensity => T::mean_of(covered),
        }
    })
}
