//! Bytes as text.

use std::fmt::Write;

/// Writes bytes as hexadecimal digits, in lower case, as checksums are shown.
///
/// ```
/// assert_eq!(em_io::hex(&[0, 0xab, 7]), "00ab07");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
