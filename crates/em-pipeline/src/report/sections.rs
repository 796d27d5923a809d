//! The sections that a page holds for its browser: grey values as JPEG, masks as runs, within a budget.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;

use super::page::data_url;
use crate::drawing::Contrast;
use crate::error::{Error, Result};

/// Bytes that all sections of a page may take, of the 15 MB that it may have.
pub const BUDGET: usize = 12_000_000;

/// Sections that are embedded at most: more of them could be seen less well.
pub const MOST_SECTIONS: usize = 40;

/// Qualities of JPEG that are tried, best first; below the last one the picture is made smaller.
const QUALITIES: [u8; 4] = [85, 70, 55, 40];

/// Longest edge of a section in the page, in pixels.
const LONGEST_EDGE: usize = 2048;

/// What the script needs to browse sections.
#[derive(Debug, Serialize)]
pub struct Browser {
    /// Size of a pixel in nm, `[y, x]`, where it is known.
    pub pixel_nm: Option<[f64; 2]>,
    /// The classes, in the order of the layers of each section.
    pub classes: Vec<String>,
    /// How many sections there are; not all of them may be here.
    pub total: usize,
    /// Those that are here, in their order.
    pub sections: Vec<Embedded>,
}

/// A section in the page.
#[derive(Debug, Serialize)]
pub struct Embedded {
    /// Its number among all sections.
    pub number: usize,
    /// Where it is from.
    pub name: String,
    /// Its first pixel within the volume, `[y, x]`.
    pub start: [usize; 2],
    /// Its size in pixels of the picture, `[y, x]`.
    pub size: [usize; 2],
    /// Voxels along the edge of a pixel.
    pub factor: usize,
    /// Grey values, as the address of a picture.
    pub picture: String,
    /// Masks of each class.
    pub layers: Vec<Layers>,
}

/// What is known of a class in a section.
#[derive(Debug, Serialize)]
pub struct Layers {
    /// The label, as runs.
    pub label: String,
    /// The prediction, as runs.
    pub prediction: String,
    /// What does not count, as runs, where there is any.
    pub ignored: Option<String>,
    /// IoU in this section.
    pub iou: Option<f64>,
}

/// A section as it is, `[y, x]`.
pub struct Source<'a> {
    pub number: usize,
    pub name: String,
    /// The number of the volume that it is from.
    pub volume: usize,
    pub start: [usize; 2],
    pub grey: Array2<f32>,
    pub classes: Vec<SourceLayers<'a>>,
}

/// The masks of a class in a section, `[y, x]`.
pub struct SourceLayers<'a> {
    pub label: ArrayView2<'a, bool>,
    pub prediction: ArrayView2<'a, bool>,
    pub ignored: Option<ArrayView2<'a, bool>>,
    pub iou: Option<f64>,
}

/// The sections that a page needs most, those of all classes in turn, so that none takes the room of another:
/// of the worst places, then of the scores by rank.
pub fn first(places: &[Vec<usize>], ranked: &[Vec<usize>]) -> Vec<usize> {
    let of_ranked: usize = ranked.iter().map(Vec::len).sum();
    // Each class has as many places as leave room for the scores of all.
    let most = (MOST_SECTIONS.saturating_sub(of_ranked) / places.len().max(1)).max(1);
    let places: Vec<Vec<usize>> =
        places.iter().map(|of_class| of_class.iter().take(most).copied().collect()).collect();
    [in_turn(&places), in_turn(ranked)].concat()
}

fn in_turn(of_classes: &[Vec<usize>]) -> Vec<usize> {
    let longest = of_classes.iter().map(Vec::len).max().unwrap_or(0);
    let of_rank = |rank: usize| of_classes.iter().filter_map(move |of_class| of_class.get(rank).copied());
    (0..longest).flat_map(of_rank).collect()
}

/// Chooses the sections of a page: `first` by rank, and others evenly spread; in their order.
pub fn chosen(total: usize, first: impl IntoIterator<Item = usize>) -> Vec<usize> {
    if total <= MOST_SECTIONS {
        return (0..total).collect();
    }
    let mut chosen: Vec<usize> = Vec::new();
    for number in first {
        if chosen.len() < MOST_SECTIONS && !chosen.contains(&number) {
            chosen.push(number);
        }
    }
    let others = MOST_SECTIONS - chosen.len();
    for place in 0..others {
        let number = place * (total - 1) / others.saturating_sub(1).max(1);
        if !chosen.contains(&number) {
            chosen.push(number);
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Encodes sections so that all of them together stay within [`BUDGET`].
///
/// # Errors
///
/// Fails if a picture cannot be encoded.
pub fn embedded(sources: &[Source<'_>]) -> Result<Vec<Embedded>> {
    let share = BUDGET / sources.len().max(1);
    let contrasts = contrasts(sources);
    sources.par_iter().map(|source| within(source, contrasts[&source.volume], share)).collect()
}

/// The contrast of each volume: the same in all of its sections, so that they can be compared.
fn contrasts(sources: &[Source<'_>]) -> BTreeMap<usize, Contrast> {
    let mut volumes: BTreeMap<usize, Vec<ArrayView2<'_, f32>>> = BTreeMap::new();
    for source in sources {
        volumes.entry(source.volume).or_default().push(source.grey.view());
    }
    volumes.into_iter().map(|(volume, sections)| (volume, Contrast::of(&sections))).collect()
}

/// Encodes a section as well as so many bytes allow, smaller where it has to be.
fn within(source: &Source<'_>, contrast: Contrast, share: usize) -> Result<Embedded> {
    let (height, width) = source.grey.dim();
    let largest = height.max(width);
    let mut factor = largest.div_ceil(LONGEST_EDGE).max(1);
    loop {
        let mut section = at(source, factor);
        let grey = shrunk(&source.grey, factor, contrast);
        let masks: usize = section.layers.iter().map(Layers::bytes).sum();
        for quality in QUALITIES {
            section.picture = data_url("jpeg", &jpeg(&grey, quality)?);
            if masks + section.picture.len() <= share {
                return Ok(section);
            }
        }
        // A section of one pixel fits any share.
        if factor >= largest {
            return Ok(section);
        }
        factor += 1;
    }
}

impl Layers {
    fn bytes(&self) -> usize {
        self.label.len() + self.prediction.len() + self.ignored.as_ref().map_or(0, String::len)
    }
}

/// A section without its picture, in pixels of `factor` x `factor` voxels.
fn at(source: &Source<'_>, factor: usize) -> Embedded {
    let (height, width) = source.grey.dim();
    let layers = source.classes.iter().map(|class| Layers {
        label: runs(class.label, factor),
        prediction: runs(class.prediction, factor),
        ignored: class.ignored.filter(|out| out.iter().any(|&out| out)).map(|out| runs(out, factor)),
        iou: class.iou,
    });
    Embedded {
        number: source.number,
        name: source.name.clone(),
        start: source.start,
        size: [height.div_ceil(factor), width.div_ceil(factor)],
        factor,
        picture: String::new(),
        layers: layers.collect(),
    }
}

/// Means of `factor` x `factor` grey values, as bytes.
fn shrunk(grey: &Array2<f32>, factor: usize, contrast: Contrast) -> Array2<u8> {
    let (height, width) = grey.dim();
    Array2::from_shape_fn((height.div_ceil(factor), width.div_ceil(factor)), |(y, x)| {
        let square = part(grey.view(), y, x, factor);
        contrast.shade(square.iter().sum::<f32>() / square.len() as f32)
    })
}

/// The voxels of a pixel, fewer at the far borders.
fn part<T>(section: ArrayView2<'_, T>, y: usize, x: usize, factor: usize) -> ArrayView2<'_, T> {
    let (height, width) = section.dim();
    let range = |place: usize, length: usize| place * factor..((place + 1) * factor).min(length);
    section.slice_move(ndarray::s![range(y, height), range(x, width)])
}

fn jpeg(grey: &Array2<u8>, quality: u8) -> Result<Vec<u8>> {
    let (height, width) = grey.dim();
    let mut bytes = Vec::new();
    let pixels = grey.as_slice().expect("a new array is contiguous");
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(pixels, width as u32, height as u32, ExtendedColorType::L8)
        .map_err(|error| Error::Drawing(error.to_string()))?;
    Ok(bytes)
}

/// A mask as lengths of runs, row by row, background first: each in seven bits of a byte from the lowest up,
/// the eighth set where more follow (LEB128), in base64. A pixel belongs to the mask where half of its voxels do.
fn runs(mask: ArrayView2<'_, bool>, factor: usize) -> String {
    let (height, width) = mask.dim();
    let mut bytes = Vec::new();
    let (mut inside, mut length) = (false, 0_usize);
    for y in 0..height.div_ceil(factor) {
        for x in 0..width.div_ceil(factor) {
            let here = match factor {
                1 => mask[[y, x]],
                _ => {
                    let square = part(mask, y, x, factor);
                    2 * square.iter().filter(|&&inside| inside).count() >= square.len()
                }
            };
            if here != inside {
                push(&mut bytes, length);
                (inside, length) = (here, 0);
            }
            length += 1;
        }
    }
    push(&mut bytes, length);
    STANDARD.encode(bytes)
}

fn push(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        // The lowest seven bits.
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn section(grey: Array2<f32>, volume: usize) -> Source<'static> {
        Source { number: 4, name: "z = 4".into(), volume, start: [0, 0], grey, classes: Vec::new() }
    }

    #[test]
    fn a_wide_section_with_a_black_column_and_a_dark_volume_are_seen_each_in_its_range() {
        let wide = |low: f32| {
            Array2::from_shape_fn(
                (4096, 4096),
                |(y, x)| if x == 0 { 0.0 } else { low + ((y + x) % 50) as f32 },
            )
        };
        let contrasts = contrasts(&[section(wide(100.0), 0), section(wide(10.0), 3)]);
        for (volume, low) in [(0, 100.0), (3, 10.0)] {
            let [dark, bright] = [low + 1.0, low + 48.0].map(|grey| contrasts[&volume].shade(grey));
            assert!(dark < 16 && bright > 239, "{contrasts:?}");
        }
    }

    #[test]
    fn the_places_of_four_classes_have_their_sections_and_so_have_the_ranked_ones() {
        let places: Vec<Vec<usize>> =
            (0..4).map(|class| (0..12).map(|rank| 100 + 12 * class + rank).collect()).collect();
        let ranked: Vec<Vec<usize>> =
            (0..4).map(|class| (0..3).map(|n| 500 + 3 * class + n).collect()).collect();
        let chosen = chosen(1000, first(&places, &ranked));
        assert_eq!(chosen.len(), MOST_SECTIONS);
        for (places, ranked) in places.iter().zip(&ranked) {
            assert!(places[..7].iter().chain(ranked).all(|number| chosen.contains(number)), "{chosen:?}");
        }
        assert_eq!(first(&places[..1], &ranked[..1])[..12], places[0]);
        assert_eq!(first(&[vec![1, 2], vec![5]], &[vec![7], vec![8, 9]]), [1, 5, 2, 7, 8, 9]);
    }

    #[test]
    fn runs_are_counted_row_by_row_from_the_background() {
        let bytes = |mask: &Array2<bool>, factor| STANDARD.decode(runs(mask.view(), factor)).unwrap();
        assert_eq!(bytes(&array![[true, true, false], [false, true, true]], 1), [0, 2, 2, 2]);
        let mut long = Array2::from_elem((1, 400), false);
        long[[0, 300]] = true;
        assert_eq!(bytes(&long, 1), [0b1010_1100, 2, 1, 99]);
        let half = array![[true, true, false], [false, false, true], [true, false, false]];
        assert_eq!(bytes(&half, 2), [0, 3, 1], "half, half and half of the voxels, then none");
    }

    #[test]
    fn the_worst_come_first_and_the_others_are_spread_evenly() {
        assert_eq!(chosen(3, [2]), [0, 1, 2]);
        let of_many = chosen(1000, [500, 7, 500, 8]);
        assert!(of_many.len() > 30 && of_many.len() <= MOST_SECTIONS);
        assert!([0, 7, 8, 500, 999].iter().all(|number| of_many.contains(number)), "{of_many:?}");
        assert!(of_many.is_sorted() && of_many.windows(2).all(|pair| pair[1] - pair[0] < 30));
        assert_eq!(chosen(1000, 100..200), (100..140).collect::<Vec<_>>());
    }

    #[test]
    fn forty_sections_of_noise_in_three_classes_stay_within_the_budget() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let noise = Array2::from_shape_simple_fn((768, 1024), || (rng.next_u32() % 256) as f32);
        // Edges everywhere, as of a network that has learned nothing.
        let mask = noise.mapv(|value| value > 200.0);
        let sources: Vec<Source<'_>> = (0..40)
            .map(|number| Source {
                number,
                name: format!("z = {number}"),
                volume: 0,
                start: [0, 0],
                grey: noise.clone(),
                classes: (0..3)
                    .map(|_| SourceLayers {
                        label: mask.view(),
                        prediction: mask.view(),
                        ignored: None,
                        iou: Some(0.5),
                    })
                    .collect(),
            })
            .collect();
        let sections = embedded(&sources).unwrap();
        let bytes = serde_json::to_string(&sections).unwrap().len();
        assert!(bytes < BUDGET + 40 * 1000, "{bytes}");
        assert!(bytes > BUDGET / 4, "more could be shown in {bytes}");
        assert_eq!(
            sections[0].size,
            [768_usize.div_ceil(sections[0].factor), 1024_usize.div_ceil(sections[0].factor)]
        );
    }

    #[test]
    fn what_fits_is_shown_as_it_is() {
        let grey = Array2::from_shape_fn((60, 80), |(y, x)| (y * 3 + x) as f32);
        let source = section(grey, 0);
        let contrast = contrasts(std::slice::from_ref(&source))[&0];
        let section = within(&source, contrast, 100_000).unwrap();
        assert_eq!((section.factor, section.size), (1, [60, 80]));
        let bytes =
            STANDARD.decode(section.picture.strip_prefix("data:image/jpeg;base64,").unwrap()).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap().into_luma8();
        let off =
            picture.enumerate_pixels().map(|(x, y, p)| p.0[0].abs_diff(contrast.shade((y * 3 + x) as f32)));
        assert!(off.max().unwrap() < 12);
        let small = within(&source, contrast, 700).unwrap();
        assert!(small.factor > 1 && small.picture.len() <= 700, "{}", small.picture.len());
    }
}
