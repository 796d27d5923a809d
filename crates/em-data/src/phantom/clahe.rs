//! Contrast-limited adaptive histogram equalisation, as laboratories apply it to their sections.
//!
//! Zuiderveld 1994, "Contrast limited adaptive histogram equalization", Graphics Gems IV.

/// Rows and columns of tiles, each with a histogram of its own.
const TILES: usize = 4;
/// A bin holds at most this many times its even share; the rest is spread over all bins.
const CLIP: u32 = 3;

/// Equalises a section `[y, x]` locally; `share` of the result is the equalised picture.
pub(super) fn clahe(raw: &mut [u8], [height, width]: [usize; 2], share: f32) {
    let edges = |size: usize, tile: usize| tile * size / TILES..(tile + 1) * size / TILES;
    let maps: Vec<[f32; 256]> = (0..TILES * TILES)
        .map(|tile| {
            let columns = edges(width, tile % TILES);
            let rows = edges(height, tile / TILES);
            mapping(rows.flat_map(|y| columns.clone().map(move |x| y * width + x)).map(|index| raw[index]))
        })
        .collect();
    for (index, value) in raw.iter_mut().enumerate() {
        let [y, x] =
            [(index / width, height), (index % width, width)].map(|(place, size)| between(place, size));
        let at = |row: usize, column: usize| maps[row * TILES + column][usize::from(*value)];
        let row = |row: usize| at(row, x.0) * (1.0 - x.2) + at(row, x.1) * x.2;
        let equalised = row(y.0) * (1.0 - y.2) + row(y.1) * y.2;
        *value = (f32::from(*value) * (1.0 - share) + equalised * share + 0.5) as u8;
    }
}

/// The two tiles between whose centres a place lies, and how far it is on the way to the second.
fn between(place: usize, size: usize) -> (usize, usize, f32) {
    let position = ((place as f32 + 0.5) * TILES as f32 / size as f32 - 0.5).clamp(0.0, TILES as f32 - 1.0);
    let first = position.floor() as usize;
    (first, (first + 1).min(TILES - 1), position - first as f32)
}

/// The grey value that each of 256 becomes.
fn mapping(values: impl Iterator<Item = u8>) -> [f32; 256] {
    let mut counts = [0u32; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let total: u32 = counts.iter().sum();
    let limit = (CLIP * total / 256).max(1);
    let above: u32 = counts.iter().map(|count| count.saturating_sub(limit)).sum();
    let mut sum = 0.0;
    counts.map(|count| {
        sum += count.min(limit) as f32 + above as f32 / 256.0;
        255.0 * sum / total.max(1) as f32
    })
}
