//! Digests of files, in hexadecimal.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Returns the SHA-256 of a file's bytes.
pub fn sha256(path: &Path) -> Result<[u8; 32]> {
    let read = || -> io::Result<[u8; 32]> {
        let mut hasher = Sha256::new();
        let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut block = vec![0; 1 << 20];
        loop {
            match reader.read(&mut block)? {
                0 => return Ok(hasher.finalize().into()),
                length => hasher.update(&block[..length]),
            }
        }
    };
    read().with_context(|| format!("cannot read `{}`", path.display()))
}

/// Writes bytes as lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_abc_is_the_standard_test_vector() {
        // FIPS 180-4, appendix B.1.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(
            to_hex(&sha256(file.path()).unwrap()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
