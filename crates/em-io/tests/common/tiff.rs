//! Small TIFF files made tag by tag, in the order of bytes of Intel.

/// The values of a tag.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Long(u32),
    Fraction(u32, u32),
    Text(&'a str),
    /// The tag is left out, also where a page has it by default.
    None,
}

/// A page: its tags, with their type, number and values, and its only strip.
pub struct Page {
    tags: Vec<(u16, u16, u32, Vec<u8>)>,
    strip: Vec<u8>,
}

/// Makes an uncompressed 8-bit grey page of one strip, and replaces or adds tags.
pub fn page(width: u32, height: u32, strip: &[u8], more: &[(u16, Value<'_>)]) -> Page {
    let mut values: Vec<(u16, Value<'_>)> = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 0),
        (277, 1),
        (278, height),
        (279, strip.len() as u32),
    ]
    .map(|(tag, value)| (tag, Value::Long(value)))
    .to_vec();
    for &(tag, value) in more {
        values.retain(|(other, _)| *other != tag);
        values.push((tag, value));
    }
    values.sort_by_key(|(tag, _)| *tag);
    let tags = values.into_iter().filter_map(|(tag, value)| match value {
        Value::Long(value) => Some((tag, 4, 1, value.to_le_bytes().to_vec())),
        Value::Fraction(over, under) => Some((tag, 5, 1, [over.to_le_bytes(), under.to_le_bytes()].concat())),
        Value::Text(text) => {
            let bytes = [text.as_bytes(), &[0]].concat();
            Some((tag, 2, bytes.len() as u32, bytes))
        }
        Value::None => None,
    });
    Page { tags: tags.collect(), strip: strip.to_vec() }
}

/// Makes a file of pages: for each its strip, the long values of its tags, and its directory.
pub fn file(pages: &[Page]) -> Vec<u8> {
    let mut bytes = b"II\x2a\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in pages {
        let strip = bytes.len() as u32;
        bytes.extend(&page.strip);
        let mut directory = Vec::from((page.tags.len() as u16).to_le_bytes());
        for (tag, kind, count, values) in &page.tags {
            directory.extend(tag.to_le_bytes());
            directory.extend(kind.to_le_bytes());
            directory.extend(count.to_le_bytes());
            let mut place = values.clone();
            if *tag == 273 {
                place = strip.to_le_bytes().to_vec();
            } else if values.len() > 4 {
                place = (bytes.len() as u32).to_le_bytes().to_vec();
                bytes.extend(values);
            }
            place.resize(4, 0);
            directory.extend(place);
        }
        let start = (bytes.len() as u32).to_le_bytes();
        bytes[link..link + 4].copy_from_slice(&start);
        bytes.extend(directory);
        link = bytes.len();
        bytes.extend([0; 4]);
    }
    bytes
}
