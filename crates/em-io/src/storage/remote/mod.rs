//! Bytes behind addresses, by object_store on a runtime of its own, which starts with the first address.
//!
//! `stores` says who is asked, `profile` with which keys, `service` watches the answers, `refusal` puts
//! into words why there are none, and `transfer` moves bytes. Here is what the caller's thread does: it
//! looks into the cache, and waits.

mod profile;
mod refusal;
mod service;
mod stores;
mod transfer;

use super::address::Scheme;
use super::cache::Cache;
use super::failure::Failure;
use super::{Address, Span, Stat};
use object_store::ObjectStore;
use rayon::{ThreadPool, ThreadPoolBuilder};
use service::REFUSAL;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// How servers behind addresses are asked.
///
/// ```
/// let options = em_io::RemoteOptions { requests: 4, ..em_io::RemoteOptions::default() };
/// assert!(em_io::set_remote_options(options), "nothing was read behind an address before");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteOptions {
    /// The most bytes that are kept of what was read.
    pub cache_bytes: u64,
    /// The most requests at a time.
    pub requests: usize,
    /// How often a request is made again where a server is busy or a connection breaks.
    pub retries: usize,
    /// How long one request may take, with all of its answer.
    pub timeout: Duration,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, requests: 16, retries: 10, timeout: Duration::from_secs(120) }
    }
}

static OPTIONS: OnceLock<RemoteOptions> = OnceLock::new();
static REMOTE: OnceLock<Result<Remote, String>> = OnceLock::new();

/// Sets how servers are asked, for the whole process; `false` where one was asked, or this was set, before.
pub fn set_remote_options(options: RemoteOptions) -> bool {
    OPTIONS.set(options).is_ok()
}

/// How long data is believed to be as it was read, and how long metadata and its absence are.
const DATA_AGE: Duration = Duration::from_secs(600);
const METADATA_AGE: Duration = Duration::from_secs(5);

/// The threads of the runtime: they wait for the network, and compute next to nothing.
const RUNTIME_THREADS: usize = 2;

struct Remote {
    options: RemoteOptions,
    runtime: Runtime,
    pool: ThreadPool,
    requests: Arc<Semaphore>,
    cache: Mutex<Cache>,
    stores: Mutex<HashMap<(Scheme, String), Arc<dyn ObjectStore>>>,
}

impl Remote {
    fn start() -> io::Result<Self> {
        // Whoever was first has chosen what encrypts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = *OPTIONS.get_or_init(RemoteOptions::default);
        let runtime = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("em-io-remote")
            .enable_all()
            .build()?;
        let pool = ThreadPoolBuilder::new().num_threads(options.requests.max(1)).build();
        Ok(Self {
            options,
            runtime,
            pool: pool.map_err(io::Error::other)?,
            requests: Arc::new(Semaphore::new(options.requests.max(1))),
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            stores: Mutex::default(),
        })
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // A thread that panicked has left it as it was.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the store of an address, making it at the first one.
    async fn store(&self, address: &Address) -> io::Result<Arc<dyn ObjectStore>> {
        let key = (address.scheme, address.place.clone());
        let stores = || self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stores().get(&key).cloned();
        match found {
            Some(store) => Ok(store),
            None => {
                let store = stores::build(address, &self.options).await?;
                // Of two that were made at the same time either will do.
                stores().insert(key, Arc::clone(&store));
                Ok(store)
            }
        }
    }
}

fn remote() -> io::Result<&'static Remote> {
    REMOTE
        .get_or_init(|| Remote::start().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|reason| io::Error::other(reason.as_str()))
}

/// Does one thing with a store and waits for it, on whatever thread the caller is.
fn run<T, F>(
    address: &Address,
    work: impl FnOnce(Arc<dyn ObjectStore>, Address) -> F + Send + 'static,
) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send,
{
    let remote = remote()?;
    let address = address.clone();
    let (sender, receiver) = mpsc::sync_channel(1);
    let task = async move {
        let _permit = remote.requests.acquire().await.map_err(io::Error::other)?;
        let store = remote.store(&address).await?;
        work(store, address).await
    };
    remote.runtime.spawn(async move {
        let result = REFUSAL.scope(RefCell::default(), task).await;
        // Nobody waits any more where the caller's thread ended.
        let _ = sender.send(result);
    });
    receiver.recv().map_err(|_| io::Error::other("the request was given up"))?
}

pub(super) fn stat(address: &Address) -> io::Result<Option<Stat>> {
    run(address, async |store, address| transfer::stat(&*store, &address).await)
}

/// Reads a small object whole; it is believed for a few seconds, as is that there is none.
pub(super) fn get_small(address: &Address, limit: u64) -> io::Result<Option<(Vec<u8>, Stat)>> {
    get_within(address, Span::All, limit, None, METADATA_AGE)
}

/// Reads a part of an object, which has to be of the version that was `pinned`.
pub(super) fn get(
    address: &Address,
    span: Span,
    limit: u64,
    pinned: Option<&Stat>,
) -> io::Result<Option<(Vec<u8>, Stat)>> {
    get_within(address, span, limit, pinned, DATA_AGE)
}

fn get_within(
    address: &Address,
    span: Span,
    limit: u64,
    pinned: Option<&Stat>,
    age: Duration,
) -> io::Result<Option<(Vec<u8>, Stat)>> {
    let remote = remote()?;
    let text = address.text();
    let cached = remote.cache().get(&text, span, age);
    match cached {
        Some(Some((bytes, stat))) if pinned.is_none_or(|pinned| pinned.is_same_as(&stat)) => {
            return Ok(Some((bytes, stat)));
        }
        Some(None) if pinned.is_none() => return Ok(None),
        _ => {}
    }
    let wanted = transfer::Wanted { span, limit, pinned: pinned.cloned() };
    let (retries, most_whole) = (remote.options.retries, remote.options.cache_bytes / 8);
    let fetched = run(address, async move |store, address| {
        transfer::Transfer { store: &*store, address: &address, retries }.get(wanted, most_whole).await
    });
    match &fetched {
        Ok(Some(transfer::Fetched { bytes, stat, whole: Some(whole) })) => {
            remote.cache().put(&text, Span::All, Some((whole, stat)));
            Ok(Some((bytes.clone(), stat.clone())))
        }
        Ok(Some(transfer::Fetched { bytes, stat, whole: None })) => {
            remote.cache().put(&text, span, Some((bytes, stat)));
            Ok(Some((bytes.clone(), stat.clone())))
        }
        Ok(None) => {
            remote.cache().put(&text, Span::All, None);
            Ok(None)
        }
        Err(error) => {
            if matches!(Failure::of(error), Some(Failure::Changed)) {
                remote.cache().forget(&text);
            }
            fetched.map(|_| None)
        }
    }
}

/// Lists the names below an address, and whether each is that of a folder.
pub(super) fn list(address: &Address) -> io::Result<Vec<(String, bool)>> {
    if address.scheme.is_web() {
        return Err(Failure::Server {
            kind: ErrorKind::Unsupported,
            reason: "a web server does not list what it has".into(),
            hint: Some("name an image, an array or a file, not a folder of them".into()),
        }
        .into());
    }
    run(address, async |store, address| transfer::list(&*store, &address).await)
}

pub(super) fn put(address: &Address, bytes: Vec<u8>) -> io::Result<()> {
    if address.scheme.is_web() {
        return Err(not_written(address));
    }
    remote()?.cache().forget(&address.text());
    let done = run(address, async |store, address| transfer::put(&*store, &address, bytes).await);
    remote()?.cache().forget(&address.text());
    done
}

/// Writes a small object where none is; tells whether it was written, or one was there.
pub(super) fn put_first(address: &Address, bytes: Vec<u8>) -> io::Result<bool> {
    if address.scheme.is_web() {
        return Err(not_written(address));
    }
    let done = run(address, async |store, address| transfer::put_first(&*store, &address, bytes).await);
    remote()?.cache().forget(&address.text());
    done
}

pub(super) fn remove(address: &Address) -> io::Result<()> {
    if address.scheme.is_web() {
        return Err(not_written(address));
    }
    let done = run(address, async |store, address| transfer::remove(&*store, &address).await);
    remote()?.cache().forget(&address.text());
    done
}

/// Sums up the bytes of an object, or of all objects below an address.
pub(super) fn bytes(address: &Address) -> io::Result<u64> {
    match stat(address)? {
        Some(stat) => Ok(stat.bytes),
        None if address.scheme.is_web() => Err(ErrorKind::NotFound.into()),
        None => run(address, async |store, address| transfer::bytes_below(&*store, &address).await),
    }
}

/// Removes all objects below an address.
pub(super) fn remove_all(address: &Address) -> io::Result<()> {
    if address.scheme.is_web() || address.key.is_empty() {
        return Err(not_written(address));
    }
    let removed = run(address, async |store, address| transfer::remove_all(&*store, &address).await)?;
    let mut cache = remote()?.cache();
    removed.into_iter().for_each(|key| cache.forget(&Address { key, ..address.clone() }.text()));
    Ok(())
}

/// Says that nothing is written to a web server.
pub(super) fn not_written(address: &Address) -> io::Error {
    let reason = match address.scheme.is_web() {
        true => "a web server is read only".to_owned(),
        false => "a bucket as a whole is not written".to_owned(),
    };
    let hint = Some("write to a folder, to s3://BUCKET/NAME.zarr or to gs://BUCKET/NAME.zarr".into());
    Failure::Server { kind: ErrorKind::Unsupported, reason, hint }.into()
}

pub(super) fn in_parallel<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match remote() {
        Ok(remote) => remote.pool.install(work),
        // The work will tell.
        Err(_) => work(),
    }
}
