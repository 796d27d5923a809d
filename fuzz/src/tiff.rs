//! A small sound TIFF around any description, so that a fuzzer spends its time on the text.

/// The side of a page, in voxels.
const SIDE: u32 = 4;

/// The bytes of an 8-bit page.
const PAGE: u32 = SIDE * SIDE;

/// The entries of a directory, in bytes: the count, nine tags, the place of the next directory.
const DIRECTORY: u32 = 2 + 12 * 9 + 4;

/// Makes an 8-bit TIFF of 1 to 8 pages with this text in the first directory.
///
/// `layout` has the number of directories less one in its lowest three bits. Behind them are as
/// many sections of voxels again as its next three bits say, which only the text tells of.
pub fn with_description(text: &[u8], layout: u8) -> Vec<u8> {
    let directories = u32::from(layout & 7) + 1;
    let sections = directories + u32::from(layout >> 3 & 7);
    let first_voxel = 8 + directories * DIRECTORY;
    let first_letter = first_voxel + sections * PAGE;
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    for page in 0..directories {
        let letters = if page == 0 { text.len() as u32 + 1 } else { 1 };
        // A text of up to four bytes stands in the tag itself.
        let place = match text {
            short if letters <= 4 && page == 0 => {
                let mut inline = [0; 4];
                inline[..short.len()].copy_from_slice(short);
                u32::from_le_bytes(inline)
            }
            _ if page == 0 => first_letter,
            _ => 0,
        };
        bytes.extend(9_u16.to_le_bytes());
        for (tag, kind, count, value) in [
            (256_u16, 3_u16, 1, SIDE),
            (257, 3, 1, SIDE),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (270, 2, letters, place),
            (273, 4, 1, first_voxel + page * PAGE),
            (278, 3, 1, SIDE),
            (279, 4, 1, PAGE),
        ] {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        let next = if page + 1 < directories { 8 + (page + 1) * DIRECTORY } else { 0 };
        bytes.extend(next.to_le_bytes());
    }
    bytes.extend((0..sections * PAGE).map(|at| at as u8));
    bytes.extend(text);
    bytes.push(0);
    bytes
}

/// Returns the description of a TIFF that the tools wrote, as far as it is one run of text.
pub fn description_of<'a>(tiff: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let from = tiff.windows(start.len()).position(|window| window == start)?;
    let text = &tiff[from..];
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    Some(&text[..end])
}
