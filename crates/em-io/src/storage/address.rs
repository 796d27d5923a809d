//! What an address is: a scheme, a bucket or server, and a key. It asks no server.
//!
//! An address travels as a path, `s3://bucket/a.zarr`, to which names are joined as to any folder.

use super::failure::Failure;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
    S3,
    Gs,
}

impl Scheme {
    /// Tells whether it is a web server, which can be read, but neither listed nor written.
    pub(crate) fn is_web(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::S3 => "s3",
            Self::Gs => "gs",
        }
    }
}

/// An object on a server, or a folder of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub scheme: Scheme,
    /// The bucket, or the server with its port.
    pub place: String,
    /// What follows, without slashes at its ends: empty for all of the place.
    pub key: String,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// To a file or folder of this machine; `file://` is taken off.
    Local(Cow<'a, Path>),
    Remote(Address),
}

/// The schemes that are read, for error messages.
const READABLE: &str = "https://, http://, s3://, gs:// or file://";

/// Tells whether a path is an address of any scheme.
pub(crate) fn is_address(path: &Path) -> bool {
    split(path).is_some()
}

/// Finds where a path leads.
///
/// # Errors
///
/// Fails for a scheme that is not read, and for an address in which there may be a secret: a name and
/// password, or a query. What is said then has neither.
pub(crate) fn locate(path: &Path) -> Result<Location<'_>, Failure> {
    let Some((scheme, rest)) = split(path) else { return Ok(Location::Local(Cow::Borrowed(path))) };
    let bad = |found: &str, expected: &str| Failure::BadAddress {
        shown: without_secrets(path),
        found: found.into(),
        expected: expected.into(),
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "file" => return Ok(Location::Local(Cow::Owned(PathBuf::from(local(rest))))),
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        "s3" => Scheme::S3,
        "gs" => Scheme::Gs,
        other => return Err(bad(&format!("the scheme `{other}://`"), READABLE)),
    };
    let (place, key) = rest.split_once('/').unwrap_or((rest, ""));
    if place.contains('@') {
        return Err(bad("a name or password", "one without: secrets belong into the environment"));
    }
    if rest.contains('?') || scheme.is_web() && rest.contains('#') {
        return Err(bad("a query", "one without: queries carry keys, and parts of a volume have none"));
    }
    if place.is_empty() {
        return Err(bad("no bucket or server", "such as `s3://bucket/a.zarr`"));
    }
    let parts: Vec<_> = key.trim_matches('/').split('/').filter(|part| *part != ".").collect();
    if parts.contains(&"..") || parts.len() > 1 && parts.contains(&"") {
        return Err(bad("an empty part or `..`", "the path of an object"));
    }
    Ok(Location::Remote(Address { scheme, place: place.into(), key: parts.join("/") }))
}

impl Address {
    /// Returns the address as text, which has no secret.
    pub(crate) fn text(&self) -> String {
        format!("{}://{}/{}", self.scheme.name(), self.place, self.key)
    }
}

/// Returns an address as it may be shown: without a name, a password and a query.
pub(crate) fn without_secrets(path: &Path) -> PathBuf {
    let Some((scheme, rest)) = split(path) else { return path.to_path_buf() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (place, key) =
        rest.split_once('/').map_or((rest, String::new()), |(place, key)| (place, format!("/{key}")));
    let place = place.rsplit('@').next().unwrap_or_default();
    PathBuf::from(format!("{scheme}://{place}{key}"))
}

/// Cuts an address behind its scheme; `None` where the path is none.
fn split(path: &Path) -> Option<(&str, &str)> {
    let (scheme, rest) = path.to_str()?.split_once("://")?;
    let mut letters = scheme.chars();
    // A single letter is a drive of Windows.
    let is_scheme = scheme.len() > 1
        && letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

/// Takes the path out of what follows `file://`, in which spaces and the like may be written as `%20`.
fn local(rest: &str) -> String {
    let rest = rest.strip_prefix("localhost/").map_or(rest.to_owned(), |path| format!("/{path}"));
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.as_bytes();
    while let [first, others @ ..] = left {
        let code = others.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        left = if code.is_some() { &others[2..] } else { others };
    }
    String::from_utf8(bytes).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(text: &str) -> Option<(Scheme, String, String)> {
        match locate(Path::new(text)) {
            Ok(Location::Remote(address)) => Some((address.scheme, address.place, address.key)),
            _ => None,
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let expected = |scheme, place: &str, key: &str| Some((scheme, place.to_owned(), key.to_owned()));
        assert_eq!(remote("s3://bucket/a/b.zarr/"), expected(Scheme::S3, "bucket", "a/b.zarr"));
        assert_eq!(remote("HTTPS://host:81/a.tif"), expected(Scheme::Https, "host:81", "a.tif"));
        assert_eq!(remote("gs://bucket"), expected(Scheme::Gs, "bucket", ""));
        let joined = Path::new("https://host/a.zarr").join("./s0").join("c/0");
        assert_eq!(remote(joined.to_str().unwrap()), expected(Scheme::Https, "host", "a.zarr/s0/c/0"));
    }

    #[test]
    fn what_is_no_address_stays_a_path() {
        for text in ["a.tif", "/a/b.zarr", "C:/data", "c://data", "a b://c", "."] {
            assert_eq!(locate(Path::new(text)).unwrap(), Location::Local(Path::new(text).into()), "{text}");
        }
        for (text, path) in [
            ("file:///a/b.tif", "/a/b.tif"),
            ("file://localhost/a", "/a"),
            ("file:///a%20b%", "/a b%"),
            ("file:///gr%C3%B6%C3%9Fe", "/größe"),
        ] {
            assert_eq!(locate(Path::new(text)).unwrap(), Location::Local(Path::new(path).into()), "{text}");
        }
    }

    #[test]
    fn an_address_with_a_secret_is_refused_without_saying_it() {
        for text in [
            "https://me:hunter2@host/a.tif",
            "s3://hunter2@bucket/a",
            "https://host/a.tif?token=hunter2",
            "https://host?X-Amz-Signature=hunter2",
            "https://host/a.tif#hunter2",
            "ftp://me:hunter2@host/a.tif",
        ] {
            let failure = locate(Path::new(text)).unwrap_err();
            assert!(!format!("{failure} {failure:?}").contains("hunter2"), "{failure:?}");
            assert!(!without_secrets(Path::new(text)).to_string_lossy().contains("hunter2"), "{text}");
        }
        assert!(locate(Path::new("s3://bucket/a/../b")).is_err() && locate(Path::new("s3:///a")).is_err());
    }
}
