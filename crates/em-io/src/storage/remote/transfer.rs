//! Moves bytes: what comes is what was asked for, of one version and as long as was said, or it is an error.

use super::service::REFUSAL;
use super::stores::wait_before;
use super::{refusal, service};
use crate::storage::address::Address;
use crate::storage::failure::Failure;
use crate::storage::{Span, Stat};
use flate2::read::MultiGzDecoder;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, Error, GetOptions, GetRange, GetResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutPayload,
};
use std::io::{self, ErrorKind, Read};
use std::time::SystemTime;

/// The bytes of an object from which on it is written in parts, and those of a part.
const PARTS_FROM: usize = 1 << 26;
const PART_BYTES: usize = 1 << 24;

/// What is read of an object.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub span: Span,
    pub limit: u64,
    /// The version that it has to be of.
    pub pinned: Option<Stat>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Fetched {
    pub bytes: Vec<u8>,
    pub stat: Stat,
    /// All of the object, where its server sends no parts.
    pub whole: Option<Vec<u8>>,
}

/// One object, and how often it is asked for.
pub(super) struct Transfer<'a> {
    pub store: &'a dyn ObjectStore,
    pub address: &'a Address,
    pub retries: usize,
}

/// Why a try failed: for good, or such that another may succeed.
enum Broken {
    ForGood(io::Error),
    Underway(io::Error),
}

impl Transfer<'_> {
    /// Reads a part of an object, `None` where there is none. Of a server that sends whole objects only, one
    /// of at most `most_whole` bytes is read whole.
    pub(super) async fn get(&self, wanted: Wanted, most_whole: u64) -> io::Result<Option<Fetched>> {
        match self.get_span(wanted.clone()).await {
            Err(error) if error.kind() == ErrorKind::Unsupported && wanted.span != Span::All => {}
            found => {
                let found = found?;
                return Ok(found.map(|(bytes, stat)| Fetched { bytes, stat, whole: None }));
            }
        }
        let all = Wanted { span: Span::All, limit: most_whole, pinned: wanted.pinned };
        let whole = self.get_span(all).await.map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => no_parts(),
            _ => error,
        })?;
        let Some((whole, stat)) = whole else { return Ok(None) };
        let len = whole.len() as u64;
        let (start, count) = match wanted.span {
            Span::All => (0, len),
            Span::From(start, count) => (start, count),
            Span::Last(count) => (len.checked_sub(count).ok_or(ErrorKind::UnexpectedEof)?, count),
        };
        let end = start.checked_add(count).filter(|&end| end <= len).ok_or(ErrorKind::UnexpectedEof)?;
        // Both are within what is in memory.
        let bytes = whole[start as usize..end as usize].to_vec();
        Ok(Some(Fetched { bytes, stat, whole: Some(whole) }))
    }

    /// Asks again where an answer broke off, for the same version.
    async fn get_span(&self, mut wanted: Wanted) -> io::Result<Option<(Vec<u8>, Stat)>> {
        let mut attempt = 0;
        loop {
            match self.try_once(&mut wanted).await {
                Ok(found) => return Ok(found),
                Err(Broken::ForGood(error)) => return Err(error),
                Err(Broken::Underway(error)) if attempt >= self.retries => return Err(error),
                Err(Broken::Underway(_)) => {
                    tokio::time::sleep(wait_before(u32::try_from(attempt).unwrap_or(u32::MAX))).await;
                    attempt += 1;
                }
            }
        }
    }

    async fn try_once(&self, wanted: &mut Wanted) -> Result<Option<(Vec<u8>, Stat)>, Broken> {
        let path = key(self.address).map_err(Broken::ForGood)?;
        let options = GetOptions {
            range: match wanted.span {
                Span::All => None,
                Span::From(start, len) => Some(GetRange::Bounded(start..start.saturating_add(len))),
                Span::Last(len) => Some(GetRange::Suffix(len)),
            },
            if_match: wanted.pinned.as_ref().and_then(strong_tag),
            ..GetOptions::default()
        };
        let result = match self.store.get_opts(&path, options).await {
            Ok(result) => result,
            Err(error) => return self.without(&error, wanted.pinned.is_some()),
        };
        let stat = stat_of(&result.meta);
        if wanted.pinned.as_ref().is_some_and(|pinned| !pinned.is_same_as(&stat)) {
            return Err(Broken::ForGood(Failure::Changed.into()));
        }
        check_span(wanted, &result, &stat).map_err(Broken::ForGood)?;
        // What is asked for again has to be of this version.
        wanted.pinned = Some(stat.clone());
        let is_packed =
            result.attributes.get(&Attribute::ContentEncoding).is_some_and(|of| of.as_ref() == "gzip");
        let bytes = self.body(result).await?;
        if is_packed && wanted.span == Span::All {
            return unpacked(&bytes, wanted.limit).map(|bytes| Some((bytes, stat))).map_err(Broken::ForGood);
        }
        Ok(Some((bytes, stat)))
    }

    /// Sorts an answer without an object: there is none, which for one that was opened is a change.
    fn without(&self, error: &Error, is_open: bool) -> Result<Option<(Vec<u8>, Stat)>, Broken> {
        if let Error::NotSupported { .. } = error {
            return Err(Broken::ForGood(ErrorKind::Unsupported.into()));
        }
        let error = refused(self.address, error);
        match error.kind() {
            ErrorKind::NotFound if error.get_ref().is_none() && is_open => {
                Err(Broken::ForGood(Failure::Changed.into()))
            }
            ErrorKind::NotFound if error.get_ref().is_none() => Ok(None),
            _ => Err(Broken::ForGood(error)),
        }
    }

    /// Reads the bytes of an answer, which are as many as it says.
    async fn body(&self, result: GetResult) -> Result<Vec<u8>, Broken> {
        let len = result.range.end - result.range.start;
        let mut bytes = Vec::new();
        let reserved = usize::try_from(len).map(|len| bytes.try_reserve_exact(len));
        if !matches!(reserved, Ok(Ok(()))) {
            return Err(Broken::ForGood(ErrorKind::OutOfMemory.into()));
        }
        let mut stream = result.into_stream();
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| Broken::Underway(refused(self.address, &error)))?;
            if (bytes.len() + part.len()) as u64 > len {
                return Err(Broken::Underway(wrong_length(format!("more than the {len} bytes"))));
            }
            bytes.extend_from_slice(&part);
        }
        if (bytes.len() as u64) < len {
            return Err(Broken::Underway(wrong_length(format!("{} of the {len} bytes", bytes.len()))));
        }
        Ok(bytes)
    }
}

/// Holds what a server offers against what was asked for.
fn check_span(wanted: &Wanted, result: &GetResult, stat: &Stat) -> io::Result<()> {
    let offered = result.range.end - result.range.start;
    let is_short = match wanted.span {
        Span::All => false,
        Span::From(start, len) => start.saturating_add(len) > stat.bytes,
        Span::Last(len) => len > stat.bytes,
    };
    if is_short {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if offered > wanted.limit {
        let reason = format!("{offered} bytes, expected at most {}", wanted.limit);
        return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(())
}

/// Unpacks an object that lies packed on its server, as those of Neuroglancer do, of at most `limit` bytes.
fn unpacked(bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > limit {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(unpacked)
}

pub(super) async fn stat(store: &dyn ObjectStore, address: &Address) -> io::Result<Option<Stat>> {
    let path = key(address)?;
    let head = |range, head| GetOptions { range, head, ..GetOptions::default() };
    let error = match store.get_opts(&path, head(None, true)).await {
        Ok(found) => return Ok(Some(stat_of(&found.meta))),
        Err(error) => error,
    };
    // Some servers answer only who wants bytes, and only then a store says that there is no such bucket.
    let status = REFUSAL.with(|last| last.borrow().as_ref().map(|refusal| refusal.status));
    let mut error = refused(address, &error);
    if matches!(status, Some(403 | 405 | 501)) || status == Some(404) && !address.scheme.is_web() {
        match store.get_opts(&path, head(Some(GetRange::Bounded(0..1)), false)).await {
            Ok(found) => return Ok(Some(stat_of(&found.meta))),
            Err(other) => error = refused(address, &other),
        }
    }
    if error.kind() == ErrorKind::NotFound && error.get_ref().is_none() { Ok(None) } else { Err(error) }
}

pub(super) async fn list(store: &dyn ObjectStore, address: &Address) -> io::Result<Vec<(String, bool)>> {
    let prefix = key(address)?;
    let found = store.list_with_delimiter(Some(&prefix)).await.map_err(|error| refused(address, &error))?;
    let entry = |path: &Path, is_folder| Some((path.filename()?.to_owned(), is_folder));
    let folders = found.common_prefixes.iter().filter_map(|path| entry(path, true));
    let objects = found.objects.iter().filter(|object| object.location != prefix);
    let mut entries: Vec<_> =
        folders.chain(objects.filter_map(|object| entry(&object.location, false))).collect();
    entries.sort();
    Ok(entries)
}

pub(super) async fn put(store: &dyn ObjectStore, address: &Address, bytes: Vec<u8>) -> io::Result<()> {
    let path = key(address)?;
    let failed = |error: Error| refused(address, &error);
    if bytes.len() < PARTS_FROM {
        return store.put(&path, PutPayload::from(bytes)).await.map(drop).map_err(failed);
    }
    let mut upload = store.put_multipart(&path).await.map_err(failed)?;
    match put_parts(upload.as_mut(), &bytes).await {
        Ok(()) => Ok(()),
        Err(error) => {
            // What was sent stays unseen, and costs; the error is the first one.
            let _ = upload.abort().await;
            Err(failed(error))
        }
    }
}

/// Writes an object where none is, and tells whether it did. A store that knows no such request gets one that
/// replaces what is there.
pub(super) async fn put_first(
    store: &dyn ObjectStore,
    address: &Address,
    bytes: Vec<u8>,
) -> io::Result<bool> {
    let path = key(address)?;
    let payload = PutPayload::from(bytes);
    match store.put_opts(&path, payload.clone(), PutMode::Create.into()).await {
        Ok(_) => Ok(true),
        Err(Error::AlreadyExists { .. }) => Ok(false),
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            store.put(&path, payload).await.map(|_| true).map_err(|error| refused(address, &error))
        }
        Err(error) => Err(refused(address, &error)),
    }
}

async fn put_parts(upload: &mut dyn MultipartUpload, bytes: &[u8]) -> object_store::Result<()> {
    for part in bytes.chunks(PART_BYTES) {
        upload.put_part(PutPayload::from(part.to_vec())).await?;
    }
    upload.complete().await.map(drop)
}

pub(super) async fn remove(store: &dyn ObjectStore, address: &Address) -> io::Result<()> {
    match store.delete(&key(address)?).await {
        Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(refused(address, &error)),
    }
}

/// Sums up the bytes of all below an address.
pub(super) async fn bytes_below(store: &dyn ObjectStore, address: &Address) -> io::Result<u64> {
    let found = store.list(Some(&key(address)?));
    let sum = found.try_fold(0, async |sum: u64, object| Ok(sum.saturating_add(object.size))).await;
    sum.map_err(|error| refused(address, &error))
}

/// Removes all below an address, and returns the keys.
pub(super) async fn remove_all(store: &dyn ObjectStore, address: &Address) -> io::Result<Vec<String>> {
    let failed = |error: Error| refused(address, &error);
    let prefix = key(address)?;
    let found = store.list(Some(&prefix)).map_ok(|object| object.location);
    let paths: Vec<Path> = found.try_collect().await.map_err(failed)?;
    let keys = paths.iter().map(ToString::to_string).collect();
    let paths = futures_util::stream::iter(paths.into_iter().map(Ok)).boxed();
    store.delete_stream(paths).try_for_each(async |_| Ok(())).await.map_err(failed)?;
    Ok(keys)
}

/// Returns the path of an address within its store. Web addresses are written in percents, keys as they are.
fn key(address: &Address) -> io::Result<Path> {
    let path =
        if address.scheme.is_web() { Path::from_url_path(&address.key) } else { Path::parse(&address.key) };
    path.map_err(|error| refusal::error(address, &error.into(), None))
}

fn refused(address: &Address, error: &Error) -> io::Error {
    let last: Option<service::Refusal> = REFUSAL.with(|last| last.take());
    refusal::error(address, error, last.as_ref())
}

fn stat_of(meta: &ObjectMeta) -> Stat {
    let modified = SystemTime::from(meta.last_modified);
    // object_store has the beginning of time where a server says nothing.
    let modified = (modified != SystemTime::UNIX_EPOCH).then_some(modified);
    Stat { bytes: meta.size, modified, tag: meta.e_tag.clone() }
}

/// Returns a version that a server compares; weak ones are equal to none (RFC 9110, 13.1.1).
fn strong_tag(stat: &Stat) -> Option<String> {
    stat.tag.clone().filter(|tag| !tag.starts_with("W/"))
}

fn wrong_length(found: String) -> io::Error {
    let reason = format!("the server sent {found} that it said, after several tries");
    Failure::Server { kind: ErrorKind::InvalidData, reason, hint: Some("try again later".into()) }.into()
}

fn no_parts() -> io::Error {
    Failure::Server {
        kind: ErrorKind::Unsupported,
        reason: "its server sends whole files only, no parts of them".into(),
        hint: Some("download it, and name the file".into()),
    }
    .into()
}
