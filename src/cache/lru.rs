//! One LRU cache for one thread at a time: an open-addressing index, a list through the nodes, values in place.
//!
//! # Memory
//!
//! - The index is a table of words, at most half full, each with the low 32 bits of the key's hash and the number of
//!   the entry.
//! - A node for each entry holds the key and the links of the LRU list, 16 bytes, packed: making an entry the most
//!   recent touches four nodes and no value.
//! - Values lie in one block of words, `stride` words apart. Packed, they follow one another and share cache
//!   lines; padded, each begins on a line pair of its own.
//!
//! # Invariants
//!
//! - R1: an entry in use is in the list once and in the index once, at or after its home bucket, with no empty
//!   bucket between (linear probing; removal shifts back).
//! - R2: entries `0..len` are in use.

/// No entry: the end of the list.
const NIL: u32 = u32::MAX;
/// An empty bucket.
const EMPTY: u64 = u64::MAX;
/// Words of a line pair.
const LINE_PAIR: usize = 128 / size_of::<u64>();

/// Where a key was found, and what finding it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    /// The entry, if the key is here.
    pub(super) entry: Option<u32>,
    /// Buckets looked at, at least 1.
    pub(super) probes: u32,
}

/// What an insertion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// The key was there already: it was only made the most recent.
    pub present: bool,
    /// The least recently used entry was thrown out for it.
    pub evicted: bool,
    /// Its home bucket was taken by another key.
    pub collided: bool,
}

/// A least-recently-used cache of fixed capacity.
#[derive(Debug)]
pub(super) struct Lru {
    index: Box<[u64]>,
    nodes: Box<[Node]>,
    values: Box<[u64]>,
    /// Words before the first value, so that padded values begin on a line pair.
    skip: usize,
    stride: usize,
    value_words: usize,
    capacity: u32,
    len: u32,
    newest: u32,
    oldest: u32,
}

/// The key of an entry and its neighbours in the list.
#[derive(Clone, Copy, Debug)]
struct Node {
    key: u64,
    newer: u32,
    older: u32,
}

impl Lru {
    /// An empty cache of `capacity` entries, at least 1 and below 2³⁰, with values of `value_bytes`.
    pub(super) fn new(capacity: usize, value_bytes: usize, padded: bool) -> Self {
        let capacity = capacity.max(1);
        assert!(capacity < 1 << 30, "a cache of {capacity} entries is beyond the index");
        #[expect(clippy::cast_possible_truncation, reason = "below 2^30")]
        let entries = capacity as u32;
        let value_words = value_bytes.div_ceil(size_of::<u64>());
        let stride = if padded { value_words.next_multiple_of(LINE_PAIR) } else { value_words };
        let slack = if padded { LINE_PAIR } else { 0 };
        // Written through now, so that no page is mapped for the first time while somebody measures.
        let values = vec![EMPTY; stride * capacity + slack].into_boxed_slice();
        let skip = if padded { values.as_ptr().align_offset(128) } else { 0 };
        Self {
            index: vec![EMPTY; (2 * capacity).next_power_of_two()].into_boxed_slice(),
            nodes: vec![Node { key: EMPTY, newer: NIL, older: NIL }; capacity].into_boxed_slice(),
            skip: if skip <= slack { skip } else { 0 },
            values,
            stride,
            value_words,
            capacity: entries,
            len: 0,
            newest: NIL,
            oldest: NIL,
        }
    }

    /// Entries in use.
    #[cfg(all(test, not(loom)))]
    const fn len(&self) -> usize {
        self.len as usize
    }

    /// Looks `key` up and makes it the most recent.
    #[inline]
    pub(super) fn find(&mut self, key: u64, hash: u64) -> Lookup {
        let (bucket, probes) = self.locate(key, hash);
        let entry = bucket.ok().map(|bucket| entry_of(self.index[bucket]));
        if let Some(entry) = entry {
            self.renew(entry);
        }
        Lookup { entry, probes }
    }

    /// Reads the whole value of `entry`; the digest is the same for every read of one key.
    #[inline]
    pub(super) fn read(&self, entry: u32) -> u64 {
        self.values[self.value(entry)].iter().fold(0, |digest, word| digest.wrapping_add(*word))
    }

    /// Puts `key` in as the most recent, with a value made from it; throws the least recent out when full.
    pub(super) fn insert(&mut self, key: u64, hash: u64) -> Inserted {
        if let Ok(bucket) = self.locate(key, hash).0 {
            self.renew(entry_of(self.index[bucket]));
            return Inserted { present: true, ..Inserted::default() };
        }
        let evicted = self.len == self.capacity;
        let entry = if evicted { self.evict_oldest() } else { self.len };
        self.len += 1;
        self.nodes[entry as usize].key = key;
        let value = self.value(entry);
        for (word, place) in self.values[value].iter_mut().zip(0..) {
            *word = value_word(key, place);
        }
        self.link_newest(entry);
        // The eviction may have moved buckets, so the place is looked for now.
        let (bucket, collided) = self.empty_bucket_for(hash);
        self.index[bucket] = u64::from(entry) << 32 | fingerprint(hash);
        Inserted { present: false, evicted, collided }
    }

    /// The bucket of `key`, or else the empty bucket where it belongs; and how many buckets were looked at.
    #[inline]
    fn locate(&self, key: u64, hash: u64) -> (Result<usize, usize>, u32) {
        let mask = self.index.len() - 1;
        let wanted = fingerprint(hash);
        let mut bucket = home(wanted, mask);
        let mut probes = 1;
        // The index is at most half full, so an empty bucket ends the loop.
        loop {
            let word = self.index[bucket];
            if word == EMPTY {
                return (Err(bucket), probes);
            }
            if fingerprint(word) == wanted && self.nodes[entry_of(word) as usize].key == key {
                return (Ok(bucket), probes);
            }
            bucket = (bucket + 1) & mask;
            probes += 1;
        }
    }

    /// The first empty bucket at or after the home of `hash`, and whether it is another than the home.
    fn empty_bucket_for(&self, hash: u64) -> (usize, bool) {
        let mask = self.index.len() - 1;
        let first = home(fingerprint(hash), mask);
        let mut bucket = first;
        // The index is at most half full.
        while self.index[bucket] != EMPTY {
            bucket = (bucket + 1) & mask;
        }
        (bucket, bucket != first)
    }

    /// Takes the least recent entry out of list and index, and returns it for reuse.
    fn evict_oldest(&mut self) -> u32 {
        let entry = self.oldest;
        self.unlink(entry);
        let mask = self.index.len() - 1;
        let mut bucket = home(fingerprint(super::hash(self.nodes[entry as usize].key)), mask);
        // Ends by R1: the entry is in the index.
        while entry_of(self.index[bucket]) != entry {
            bucket = (bucket + 1) & mask;
        }
        self.empty(bucket);
        self.len -= 1;
        entry
    }

    /// Empties `hole` and moves later buckets of the run back, so that R1 holds without tombstones.
    fn empty(&mut self, mut hole: usize) {
        let mask = self.index.len() - 1;
        let mut bucket = hole;
        // An empty bucket ends the run; there is one, as the index is at most half full.
        loop {
            bucket = (bucket + 1) & mask;
            let word = self.index[bucket];
            if word == EMPTY {
                break;
            }
            let distance = bucket.wrapping_sub(home(fingerprint(word), mask)) & mask;
            if distance >= bucket.wrapping_sub(hole) & mask {
                self.index[hole] = word;
                hole = bucket;
            }
        }
        self.index[hole] = EMPTY;
    }

    /// Where the value of `entry` lies.
    #[inline]
    const fn value(&self, entry: u32) -> std::ops::Range<usize> {
        let start = self.skip + entry as usize * self.stride;
        start..start + self.value_words
    }

    /// Makes `entry` the most recent.
    #[inline]
    fn renew(&mut self, entry: u32) {
        if self.newest != entry {
            self.unlink(entry);
            self.link_newest(entry);
        }
    }

    fn unlink(&mut self, entry: u32) {
        let Node { newer, older, .. } = self.nodes[entry as usize];
        match newer {
            NIL => self.newest = older,
            _ => self.nodes[newer as usize].older = older,
        }
        match older {
            NIL => self.oldest = newer,
            _ => self.nodes[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, entry: u32) {
        let older = self.newest;
        let node = &mut self.nodes[entry as usize];
        node.newer = NIL;
        node.older = older;
        match older {
            NIL => self.oldest = entry,
            _ => self.nodes[older as usize].newer = entry,
        }
        self.newest = entry;
    }
}

/// The half of a hash, or of a bucket, that tells keys apart.
const fn fingerprint(hash: u64) -> u64 {
    hash & 0xffff_ffff
}

/// The bucket where a search begins.
#[expect(clippy::cast_possible_truncation, reason = "a fingerprint has 32 bits")]
const fn home(fingerprint: u64, mask: usize) -> usize {
    fingerprint as usize & mask
}

/// The entry that a bucket names.
const fn entry_of(word: u64) -> u32 {
    (word >> 32) as u32
}

/// The word number `place` of the value of `key`.
pub(super) const fn value_word(key: u64, place: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(place)
}

/// The digest of a correct read of the value of `key`: what an [`Access`](super::Access) that hits carries.
#[must_use]
pub fn value_digest(key: u64, value_bytes: usize) -> u64 {
    let words = value_bytes.div_ceil(size_of::<u64>()) as u64;
    (0..words).fold(0, |digest: u64, place| digest.wrapping_add(value_word(key, place)))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::hash;
    use super::*;
    use crate::random::{Source, Stream};

    /// The obvious LRU: a list, newest first.
    fn oracle_access(list: &mut Vec<u64>, key: u64, capacity: usize) -> (bool, bool) {
        if let Some(place) = list.iter().position(|other| *other == key) {
            list.remove(place);
            list.insert(0, key);
            return (true, false);
        }
        list.insert(0, key);
        list.truncate(capacity);
        (false, list.len() == capacity)
    }

    #[test]
    fn agrees_with_the_obvious_list_on_random_keys() {
        for (capacity, keys, padded) in [(1, 3, false), (2, 5, true), (8, 20, false), (37, 90, true)] {
            let mut lru = Lru::new(capacity, 24, padded);
            let mut list = Vec::new();
            let mut stream = Stream::new(5, Source::History, capacity as u64, keys);
            let mut full = false;
            for _ in 0..20_000 {
                let key = stream.below(keys);
                let lookup = lru.find(key, hash(key));
                let (hit, _) = oracle_access(&mut list, key, capacity);
                assert_eq!(lookup.entry.is_some(), hit, "seed 5, capacity {capacity}, key {key}");
                match lookup.entry {
                    Some(entry) => assert_eq!(lru.read(entry), value_digest(key, 24)),
                    None => assert_eq!(lru.insert(key, hash(key)).evicted, full),
                }
                full = lru.len() == capacity;
                assert_eq!(lru.len(), list.len());
            }
        }
    }

    #[test]
    fn keeps_the_list_and_the_index_in_step() {
        let mut lru = Lru::new(64, 8, false);
        let mut stream = Stream::new(6, Source::History, 0, 0);
        for _ in 0..5_000 {
            let key = stream.below(200);
            lru.insert(key, hash(key));
            let mut seen = Vec::new();
            let mut entry = lru.newest;
            while entry != NIL {
                seen.push(lru.nodes[entry as usize].key);
                entry = lru.nodes[entry as usize].older;
            }
            assert_eq!(seen.len(), lru.len());
            assert!(seen.iter().all(|key| lru.locate(*key, hash(*key)).0.is_ok()));
            assert_eq!(lru.index.iter().filter(|word| **word != EMPTY).count(), lru.len());
        }
    }

    #[test]
    fn padded_values_begin_on_line_pairs_of_their_own() {
        let lru = Lru::new(5, 40, true);
        for entry in 0..5 {
            assert_eq!(lru.values[lru.value(entry)].as_ptr().addr() % 128, 0);
        }
        assert_eq!(Lru::new(5, 40, false).stride, 5);
    }
}
