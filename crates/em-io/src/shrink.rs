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
    // Sums of 64-bit integers are exact in no float.
    let is_wide = T::TYPE.bytes() == size_of::<u64>();
    match content {
        Content::Label => {
            let larger = |most, voxel| if voxel > most { voxel } else { most };
            folded(sections, step, T::default(), larger)
        }
        Content::Intensity if is_wide => {
            Array2::from_shape_fn((height.div_ceil(step[0]), width.div_ceil(step[1])), |(y, x)| {
                let rows = y * step[0]..height.min((y + 1) * step[0]);
                let columns = x * step[1]..width.min((x + 1) * step[1]);
                let part = s![rows, columns];
                T::mean_of(sections.iter().flat_map(|section| section.slice(part).into_iter().copied()))
            })
        }
        Content::Intensity => {
            let sums = folded(sections, step, 0.0, |sum, voxel: T| sum + voxel.to_f64());
            let covered = |at: usize, step: usize, side: usize| side.min((at + 1) * step) - at * step;
            Array2::from_shape_fn(sums.dim(), |(y, x)| {
                let count = sections.len() * covered(y, step[0], height) * covered(x, step[1], width);
                // Of far fewer voxels than 2^53.
                T::from_f64(sums[[y, x]] / count as f64)
            })
        }
    }
}

/// Goes over all rows, and adds each voxel to what stands for it.
fn folded<T: Voxel, S: Copy>(
    sections: &[ArrayView2<'_, T>],
    step: [usize; 2],
    start: S,
    add: impl Fn(S, T) -> S,
) -> Array2<S> {
    let (height, width) = sections[0].dim();
    let mut all = Array2::from_elem((height.div_ceil(step[0]), width.div_ceil(step[1])), start);
    for section in sections {
        for (y, row) in section.rows().into_iter().enumerate() {
            let mut sums = all.row_mut(y / step[0]);
            match row.as_slice() {
                Some(row) => sums.iter_mut().zip(row.chunks(step[1])).for_each(|(sum, voxels)| {
                    *sum = voxels.iter().fold(*sum, |sum, &voxel| add(sum, voxel));
                }),
                None => row.iter().enumerate().for_each(|(x, &voxel)| {
                    sums[x / step[1]] = add(sums[x / step[1]], voxel);
                }),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_types_and_layouts_shrink_to_the_mean_of_what_is_covered(
            shape in (1_usize..9, 1_usize..9), step in [1_usize..5, 1_usize..5], is_turned in any::<bool>(),
        ) {
            let value = |(y, x): (usize, usize)| (y * 37 + x * x * 11) % 200;
            let array = Array2::from_shape_fn(shape, value);
            let array = if is_turned { array.reversed_axes() } else { array };
            let sections = [array.mapv(|value| value as u8), array.mapv(|value| 200 - value as u8)];
            let wide = sections.each_ref().map(|section| section.mapv(u64::from));
            let (small, wide) = (sections.each_ref().map(|s| s.view()), wide.each_ref().map(|s| s.view()));
            for content in [Content::Intensity, Content::Label] {
                let expected = shrink(&wide, step, content).mapv(|value| value as u8);
                prop_assert_eq!(shrink(&small, step, content), expected);
            }
        }
    }
}
