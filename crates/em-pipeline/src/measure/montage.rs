//! Pictures of some objects of a class: the largest, median, smallest and oddest, each in the section through
//! its middle.

use em_objects::Object;
use image::{Rgb, RgbImage};
use ndarray::{Array2, ArrayView2, s};
use serde::Serialize;

use super::class::Labelled;
use crate::Result;
use crate::display;
use crate::drawing::png;
use crate::report::page::data_url;

/// Objects of each kind.
const OF_EACH: usize = 3;

/// Longest edge of a picture, in pixels.
const EDGE: usize = 160;

/// Voxels around an object at least.
const MARGIN: usize = 8;

/// Okabe and Ito's blue for the object, greys for all else.
const FILL: Rgb<u8> = Rgb([120, 180, 220]);
const OUTLINE: Rgb<u8> = Rgb([0, 114, 178]);
const OTHERS: Rgb<u8> = Rgb([170, 170, 170]);
const BACKGROUND: Rgb<u8> = Rgb([238, 238, 238]);

/// A picture of an object.
#[derive(Debug, Serialize)]
pub struct Pictured {
    /// Why it was chosen.
    pub why: &'static str,
    /// The object.
    pub id: u32,
    /// The picture, as its address.
    pub image: String,
    /// Its height and width in pixels.
    pub size: [usize; 2],
    /// How large and where it is.
    pub caption: String,
}

/// Draws some objects of a class.
///
/// # Errors
///
/// Fails if the temporary file of the objects cannot be read.
pub fn pictures(class: &Labelled<'_>) -> Result<Vec<Pictured>> {
    let objects = &class.measured.objects;
    chosen(objects).into_iter().map(|(number, why)| pictured(class, &objects[number], why)).collect()
}

/// Objects with why they are shown, none of them twice.
fn chosen(objects: &[Object]) -> Vec<(usize, &'static str)> {
    let mut by_size: Vec<usize> = (0..objects.len()).collect();
    by_size.sort_by_key(|&number| std::cmp::Reverse(objects[number].voxels));
    // A ball is 1; what has no sphericity is too small to be odd.
    let sphericity = |number: usize| objects[number].physical.as_ref().and_then(|p| p.sphericity);
    let mut odd: Vec<(usize, f64)> =
        by_size.iter().filter_map(|&number| Some((number, sphericity(number)?))).collect();
    odd.sort_by(|a, b| a.1.total_cmp(&b.1));
    let first_of_median = (by_size.len() / 2).saturating_sub(OF_EACH / 2);
    let smallest = by_size.iter().rev().copied();
    let kinds: [(&str, Vec<usize>); 4] = [
        ("largest", by_size.iter().take(OF_EACH).copied().collect()),
        ("oddest", odd.into_iter().map(|(number, _)| number).take(OF_EACH).collect()),
        ("median", by_size.iter().skip(first_of_median).take(OF_EACH).copied().collect()),
        ("smallest", smallest.take(OF_EACH).collect()),
    ];
    let mut chosen: Vec<(usize, &str)> = Vec::new();
    for (why, numbers) in kinds {
        for number in numbers {
            if chosen.iter().all(|(taken, _)| *taken != number) {
                chosen.push((number, why));
            }
        }
    }
    chosen
}

fn pictured(class: &Labelled<'_>, object: &Object, why: &'static str) -> Result<Pictured> {
    let (z, labels) = section_through(class, object)?;
    let [rows, columns] = [1, 2].map(|axis| {
        let length = class.measured.space.shape[axis];
        let margin = MARGIN.max((object.end[axis] - object.start[axis]) / 4);
        object.start[axis].saturating_sub(margin)..(object.end[axis] + margin).min(length)
    });
    let width = object.end[2] - object.start[2];
    let drawn = draw(labels.slice(s![rows, columns]), object.id);
    let (pixels_x, pixels_y) = drawn.dimensions();
    let volume =
        object.physical.as_ref().map_or(String::new(), |p| format!(", {}", display::volume(p.volume_um3)));
    let wide = class.measured.space.voxel_size_nm.map_or_else(
        || format!("{width} voxels"),
        |[_, _, x]| format!("{} nm", display::four_digits((width as f64 * x).round())),
    );
    Ok(Pictured {
        why,
        id: object.id,
        image: data_url("png", &png(&drawn)?),
        size: [pixels_y as usize, pixels_x as usize],
        caption: format!("object {}: {} voxels{volume}; z = {z}, {wide} wide", object.id, object.voxels),
    })
}

/// The section nearest to the middle of an object that holds a part of it, and the names in its voxels.
fn section_through(class: &Labelled<'_>, object: &Object) -> Result<(usize, Array2<u32>)> {
    let middle = object.centroid[0];
    let mut sections: Vec<usize> = (object.start[0]..object.end[0]).collect();
    sections.sort_by(|a, b| (*a as f64 - middle).abs().total_cmp(&(*b as f64 - middle).abs()));
    let mut last = (0, Array2::zeros((0, 0)));
    for z in sections {
        last = (z, (class.section)(z)?);
        if last.1.iter().any(|&name| name == object.id) {
            break;
        }
    }
    Ok(last)
}

/// Draws an object among others, enlarged by whole factors where it is small, else one voxel of several.
fn draw(labels: ArrayView2<'_, u32>, id: u32) -> RgbImage {
    let (height, width) = labels.dim();
    let longest = height.max(width).max(1);
    let (enlarged, step) = ((EDGE / longest).max(1), longest.div_ceil(EDGE));
    let edge = |length: usize| length.div_ceil(step) * enlarged;
    let at = |y: usize, x: usize| labels.get([y, x]).copied();
    RgbImage::from_fn(edge(width) as u32, edge(height) as u32, |x, y| {
        let [y, x] = [y, x].map(|place| place as usize / enlarged * step);
        let beside =
            [at(y + step, x), at(y.wrapping_sub(step), x), at(y, x + step), at(y, x.wrapping_sub(step))];
        match labels[[y, x]] {
            0 => BACKGROUND,
            name if name != id => OTHERS,
            _ if beside.iter().flatten().any(|&name| name != id) => OUTLINE,
            _ => FILL,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn object(id: u32, voxels: u64) -> Object {
        Object {
            id,
            voxels,
            centroid: [0.0; 3],
            start: [0; 3],
            end: [1; 3],
            touches_border: false,
            mean_probability: None,
            section_change: None,
            contact_faces: 0,
            physical: None,
        }
    }

    #[test]
    fn large_median_and_small_objects_are_shown_once() {
        let objects: Vec<Object> = (1..=20).map(|id| object(id, u64::from(id) * 10)).collect();
        let chosen = chosen(&objects);
        let of = |kind: &str| -> Vec<u32> {
            chosen.iter().filter(|(_, why)| *why == kind).map(|(number, _)| objects[*number].id).collect()
        };
        assert_eq!([of("largest"), of("median"), of("smallest")], [[20, 19, 18], [11, 10, 9], [1, 2, 3]]);
        assert_eq!(super::chosen(&objects[..2]).len(), 2);
        assert!(super::chosen(&[]).is_empty());
    }

    #[test]
    fn an_object_is_outlined_among_others() {
        let mut labels = Array2::zeros((20, 20));
        labels.slice_mut(s![2..10, 2..10]).fill(7);
        labels.slice_mut(s![12..18, 12..18]).fill(8);
        let picture = draw(labels.view(), 7);
        assert_eq!(picture.dimensions(), (160, 160));
        let count = |colour: Rgb<u8>| picture.pixels().filter(|&&pixel| pixel == colour).count() / 64;
        assert_eq!([FILL, OUTLINE, OTHERS, BACKGROUND].map(count), [36, 28, 36, 300]);
        let large = draw(Array2::from_elem((1000, 500), 3).view(), 3);
        assert_eq!(large.dimensions(), (72, 143));
    }
}
