//! Bytes of objects behind addresses that were read before: those used last, up to a limit.

use super::{Span, Stat};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A part of an object, by the text of its address.
type Key = (Arc<str>, Span);

/// What is remembered of a part: its bytes, or that there is no such object.
type Found = Option<(Arc<[u8]>, Stat)>;

/// The bytes that an entry takes beside those of its object, about.
const OVERHEAD: u64 = 256;

/// Parts of objects, of which those that were not used for longest go first.
#[derive(Debug)]
pub(super) struct Cache {
    limit: u64,
    bytes: u64,
    entries: HashMap<Key, Entry>,
    /// The parts by when they were used.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    found: Found,
    read: Instant,
    used: u64,
}

impl Entry {
    fn cost(&self) -> u64 {
        OVERHEAD + self.found.as_ref().map_or(0, |(bytes, _)| bytes.len() as u64)
    }
}

impl Cache {
    /// Makes a cache of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, bytes: 0, entries: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// Finds a part that was read within the last `age`, on its own or within the whole object.
    pub(super) fn get(
        &mut self,
        address: &str,
        span: Span,
        age: Duration,
    ) -> Option<Option<(Vec<u8>, Stat)>> {
        if let Some(found) = self.used(address, span, age) {
            return Some(found.map(|(bytes, stat)| (bytes.to_vec(), stat)));
        }
        let (bytes, stat) = match self.used(address, Span::All, age)? {
            None => return Some(None),
            Some(whole) => whole,
        };
        let len = bytes.len() as u64;
        let (start, end) = match span {
            Span::All => (0, len),
            Span::From(start, count) => (start, start.checked_add(count)?),
            Span::Last(count) => (len.checked_sub(count)?, len),
        };
        // What is not within is for the server to refuse.
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        Some(Some((bytes.get(range)?.to_vec(), stat)))
    }

    fn used(&mut self, address: &str, span: Span, age: Duration) -> Option<Found> {
        let key: Key = (Arc::from(address), span);
        let entry = self.entries.get_mut(&key)?;
        if entry.read.elapsed() > age {
            self.remove(&key);
            return None;
        }
        self.uses += 1;
        self.by_use.remove(&entry.used);
        entry.used = self.uses;
        self.by_use.insert(self.uses, key);
        Some(entry.found.clone())
    }

    /// Remembers a part; one that is more than an eighth of the limit would push out too much else.
    pub(super) fn put(&mut self, address: &str, span: Span, found: Option<(&[u8], &Stat)>) {
        let len = found.map_or(0, |(bytes, _)| bytes.len() as u64);
        if len > self.limit / 8 {
            return;
        }
        let key: Key = (Arc::from(address), span);
        self.remove(&key);
        self.uses += 1;
        let found = found.map(|(bytes, stat)| (Arc::from(bytes), stat.clone()));
        let entry = Entry { found, read: Instant::now(), used: self.uses };
        self.bytes += entry.cost();
        self.by_use.insert(self.uses, key.clone());
        self.entries.insert(key, entry);
        while self.bytes > self.limit
            && let Some((_, oldest)) = self.by_use.first_key_value()
        {
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    /// Forgets all parts of an object.
    pub(super) fn forget(&mut self, address: &str) {
        let keys: Vec<Key> = self.entries.keys().filter(|key| &*key.0 == address).cloned().collect();
        keys.iter().for_each(|key| self.remove(key));
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.cost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn stat(bytes: u64) -> Stat {
        Stat { bytes, modified: None, tag: None }
    }

    #[test]
    fn parts_are_found_within_the_whole() {
        let mut cache = Cache::new(1 << 20);
        cache.put("s3://a/b", Span::All, Some((&[0, 1, 2, 3, 4], &stat(5))));
        let part = |cache: &mut Cache, span| cache.get("s3://a/b", span, LONG).map(|found| found.unwrap().0);
        assert_eq!(part(&mut cache, Span::From(1, 3)), Some(vec![1, 2, 3]));
        assert_eq!(part(&mut cache, Span::Last(2)), Some(vec![3, 4]));
        assert_eq!(part(&mut cache, Span::From(3, 3)), None);
        assert_eq!(part(&mut cache, Span::Last(6)), None);
        cache.put("s3://a/none", Span::All, None);
        assert_eq!(cache.get("s3://a/none", Span::From(0, 9), LONG), Some(None));
        assert_eq!(cache.get("s3://a/other", Span::All, LONG), None);
    }

    #[test]
    fn what_was_used_last_stays_within_the_limit() {
        let mut cache = Cache::new(8 * (1000 + OVERHEAD));
        let block = vec![7; 1000];
        for index in 0..20 {
            cache.put("s3://a/b", Span::From(1000 * index, 1000), Some((&block, &stat(20_000))));
            assert!(cache.get("s3://a/b", Span::From(0, 1000), LONG).is_some(), "the one in use stays");
            assert!(cache.bytes <= cache.limit);
        }
        let kept =
            (0..20).filter(|index| cache.get("s3://a/b", Span::From(1000 * index, 1000), LONG).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [0, 13, 14, 15, 16, 17, 18, 19]);
        cache.put("s3://a/large", Span::All, Some((&vec![0; 2000], &stat(2000))));
        assert_eq!(cache.get("s3://a/large", Span::All, LONG), None, "one that is too large is not kept");
        cache.forget("s3://a/b");
        assert_eq!((cache.bytes, cache.entries.len(), cache.by_use.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_old_is_read_again() {
        let mut cache = Cache::new(1 << 20);
        cache.put("s3://a/b", Span::All, Some((&[1], &stat(1))));
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(cache.get("s3://a/b", Span::All, Duration::from_millis(1)), None);
        assert_eq!(cache.entries.len(), 0);
    }
}
