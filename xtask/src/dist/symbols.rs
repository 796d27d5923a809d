//! How new a system's libraries have to be: the versions of symbols that a program or library asks for.
//!
//! It reads `.gnu.version_r` of 64-bit little-endian ELF (Linux Standard Base, "Symbol Versioning").

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The section type of versions that are needed, `SHT_GNU_verneed`.
const NEEDED: u32 = 0x6fff_fffe;

/// The oldest glibc of each manylinux policy with the newest `GLIBCXX` that such a system has: a distribution with
/// that glibc has a libstdc++ from the same years (PEP 600; auditwheel's `manylinux-policy.json`).
const POLICIES: [(u32, u32); 7] = [(17, 19), (24, 22), (28, 24), (31, 28), (34, 29), (35, 30), (39, 33)];

/// The version of glibc 2 of the tag `manylinux_2_N`, which systems have to have for all of some files.
pub fn manylinux(files: &[&Path]) -> Result<u32> {
    let mut glibc = 0;
    for file in files {
        let failed = || format!("cannot read what `{}` needs", file.display());
        let names = needed(&std::fs::read(file).with_context(failed)?).with_context(failed)?;
        glibc = glibc.max(policy(&names).with_context(failed)?);
    }
    Ok(glibc)
}

/// The policy that covers symbols of these versions.
fn policy(names: &BTreeSet<String>) -> Result<u32> {
    let newest = |prefix: &str| {
        names.iter().filter_map(|name| name.strip_prefix(prefix)?.split('.').next()?.parse().ok()).max()
    };
    let glibc: u32 = newest("GLIBC_2.").context("no version of glibc, expected one")?;
    let Some(glibcxx) = newest("GLIBCXX_3.4.") else { return Ok(glibc) };
    match POLICIES.iter().find(|(_, known)| glibcxx <= *known) {
        Some((least, _)) => Ok(glibc.max(*least)),
        None => bail!("it needs GLIBCXX_3.4.{glibcxx}, which no manylinux policy known here has"),
    }
}

/// Reads the names of the versions of symbols that a file needs.
fn needed(elf: &[u8]) -> Result<BTreeSet<String>> {
    ensure!(elf.starts_with(b"\x7fELF\x02\x01"), "no 64-bit little-endian ELF file");
    let (sections, size, count) = (long(elf, 0x28)?, short(elf, 0x3a)?, short(elf, 0x3c)?);
    let header = |number: usize| sections + number * size;
    let mut names = BTreeSet::new();
    for number in 0..count {
        let at = header(number);
        if word(elf, at + 4)? != NEEDED as usize {
            continue;
        }
        // Its names are in the section that it links to.
        let (start, files, strings) =
            (long(elf, at + 0x18)?, word(elf, at + 0x2c)?, long(elf, header(word(elf, at + 0x28)?) + 0x18)?);
        let mut file = start;
        for _ in 0..files {
            let mut version = file + word(elf, file + 8)?;
            for _ in 0..short(elf, file + 2)? {
                names.insert(text(elf, strings + word(elf, version + 8)?)?);
                version += word(elf, version + 12)?;
            }
            file += word(elf, file + 12)?;
        }
    }
    Ok(names)
}

fn bytes<const N: usize>(elf: &[u8], at: usize) -> Result<[u8; N]> {
    let found = at.checked_add(N).and_then(|end| elf.get(at..end)).context("the file ends early")?;
    Ok(found.try_into().expect("it has N bytes"))
}

fn short(elf: &[u8], at: usize) -> Result<usize> {
    Ok(u16::from_le_bytes(bytes(elf, at)?).into())
}

fn word(elf: &[u8], at: usize) -> Result<usize> {
    Ok(u32::from_le_bytes(bytes(elf, at)?).try_into()?)
}

fn long(elf: &[u8], at: usize) -> Result<usize> {
    Ok(u64::from_le_bytes(bytes(elf, at)?).try_into()?)
}

fn text(elf: &[u8], at: usize) -> Result<String> {
    let rest = elf.get(at..).context("the file ends early")?;
    let end = rest.iter().position(|&byte| byte == 0).context("the file ends early")?;
    Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_newest_symbol_decides_and_versions_are_numbers() {
        assert_eq!(policy(&names(&["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.34", "GCC_3.0"])).unwrap(), 34);
        assert_eq!(policy(&names(&["GLIBC_2.17", "GLIBCXX_3.4", "GLIBCXX_3.4.21"])).unwrap(), 24);
        assert_eq!(policy(&names(&["GLIBC_2.36", "GLIBCXX_3.4.29"])).unwrap(), 36);
        assert!(policy(&names(&["GLIBC_2.36", "GLIBCXX_3.4.99"])).is_err());
        assert!(policy(&names(&["GCC_3.0"])).is_err());
    }

    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn this_program_needs_glibc_and_a_damaged_copy_is_an_error() {
        let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = needed(&elf).unwrap();
        assert!(found.iter().any(|name| name.starts_with("GLIBC_2.")), "{found:?}");
        assert!(needed(&elf[..elf.len() / 2]).is_err());
        assert!(needed(b"MZ").is_err());
    }
}
