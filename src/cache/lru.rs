//! One LRU cache for one thread at a time: an open-addressing index, a list through the nodes, values in place.
//!
//! # Policy
//!
//! LRU with a grace: an entry that was made the most recent not long ago, so that it is still among the first quarter
//! of the list, is left where it is by a further hit. Such a hit writes nothing but the lock; an exact LRU writes
//! four nodes, which two processors then take from one another for the keys that both of them use most. What is given
//! up is bounded (R3), and below four entries nothing is: there the list is the exact LRU's.
//!
//! # Memory
//!
//! - The index is a table of words, at most an eighth full, so that most searches end in their first bucket; each
//!   word has the low 32 bits of the key's hash and the number of the entry.
//! - A node for each entry holds the key, its hash and the links of the list, 24 bytes, packed: making an entry the
//!   most recent touches four nodes and no value.
//! - Values lie in one block of words, `stride` words apart. Packed, they follow one another and share cache
//!   lines; padded, each begins on a line of its own.
//! - The head has what every access reads and what a renewal writes first, so that it shares a line with the lock
//!   that stands before it; what an insertion writes comes last.
//!
//! # Invariants
//!
//! - R1: an entry in use is in the list once and in the index once, at or after its home bucket, with no empty
//!   bucket between (linear probing; removal shifts back).
//! - R2: entries `0..len` are in use.
//! - R3: each renewal and each insertion is a tick and puts its entry first, so at most as many entries stand before
//!   another as ticks passed since its stamp. A hit renews unless that is at most a quarter of the capacity. So an
//!   entry is thrown out only when at least 3/4 of the capacity in other keys were used since its last use.

/// No entry: the end of the list.
const NIL: u32 = u32::MAX;
/// An empty bucket.
const EMPTY: u64 = u64::MAX;
/// Words of a cache line.
const LINE: usize = 64 / size_of::<u64>();
/// Part of the capacity within which a hit leaves an entry where it is.
const GRACE: u32 = 4;

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
#[repr(C)] // in the order of use, as the module's documentation says
pub(super) struct Lru {
    index: Box<[u64]>,
    nodes: Box<[Node]>,
    newest: u32,
    /// Renewals and insertions so far.
    ticks: u32,
    values: Box<[u64]>,
    /// Words before the first value, so that padded values begin on a line.
    skip: usize,
    stride: usize,
    value_words: usize,
    grace: u32,
    capacity: u32,
    len: u32,
    oldest: u32,
}

/// The key of an entry and its neighbours in the list.
#[derive(Clone, Copy, Debug)]
struct Node {
    key: u64,
    fingerprint: u32,
    /// The tick that made it the most recent. It wraps around; an entry that is taken for young by that is renewed one
    /// tick later.
    stamp: u32,
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
        let stride = if padded { value_words.next_multiple_of(LINE) } else { value_words };
        let slack = if padded { LINE } else { 0 };
        // Written through now, so that no page is mapped for the first time while somebody measures.
        let values = vec![EMPTY; stride * capacity + slack].into_boxed_slice();
        let skip = if padded { values.as_ptr().align_offset(64) } else { 0 };
        let unused = Node { key: EMPTY, fingerprint: 0, stamp: 0, newer: NIL, older: NIL };
        Self {
            index: vec![EMPTY; (8 * capacity).next_power_of_two()].into_boxed_slice(),
            nodes: vec![unused; capacity].into_boxed_slice(),
            newest: NIL,
            ticks: 0,
            values,
            skip: if skip <= slack { skip } else { 0 },
            stride,
            value_words,
            grace: entries / GRACE,
            capacity: entries,
            len: 0,
            oldest: NIL,
        }
    }

    /// Entries in use.
    #[cfg(all(test, not(loom)))]
    const fn len(&self) -> usize {
        self.len as usize
    }

    /// Looks `key` up and renews it if it is not young (R3).
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
        let mut bucket = match self.locate(key, hash).0 {
            Ok(bucket) => {
                self.renew(entry_of(self.index[bucket]));
                return Inserted { present: true, ..Inserted::default() };
            }
            Err(bucket) => bucket,
        };
        let mask = self.index.len() - 1;
        let home = home(fingerprint(hash), mask);
        let evicted = self.len == self.capacity;
        let entry = if evicted {
            let (entry, hole) = self.evict_oldest();
            // The eviction may have made room nearer to the home (R1).
            if hole.wrapping_sub(home) & mask < bucket.wrapping_sub(home) & mask {
                bucket = hole;
            }
            entry
        } else {
            self.len += 1;
            self.len - 1
        };
        self.index[bucket] = u64::from(entry) << 32 | u64::from(fingerprint(hash));
        let value = self.value(entry);
        for (word, place) in self.values[value].iter_mut().zip(0..) {
            *word = value_word(key, place);
        }
        let node = &mut self.nodes[entry as usize];
        (node.key, node.fingerprint) = (key, fingerprint(hash));
        self.link_newest(entry);
        Inserted { present: false, evicted, collided: bucket != home }
    }

    /// The bucket of `key`, or else the empty bucket where it belongs; and how many buckets were looked at.
    #[inline]
    fn locate(&self, key: u64, hash: u64) -> (Result<usize, usize>, u32) {
        let mask = self.index.len() - 1;
        let wanted = fingerprint(hash);
        let mut bucket = home(wanted, mask);
        let mut probes = 1;
        // The index is at most an eighth full, so an empty bucket ends the loop.
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

    /// Takes the least recent entry out of list and index, and returns it for reuse, with the bucket that fell empty.
    fn evict_oldest(&mut self) -> (u32, usize) {
        let entry = self.oldest;
        let Node { fingerprint, newer, .. } = self.nodes[entry as usize];
        self.oldest = newer;
        match newer {
            NIL => self.newest = NIL,
            _ => self.nodes[newer as usize].older = NIL,
        }
        let mask = self.index.len() - 1;
        let mut bucket = home(fingerprint, mask);
        // Ends by R1: the entry is in the index.
        while entry_of(self.index[bucket]) != entry {
            bucket = (bucket + 1) & mask;
        }
        (entry, self.empty(bucket))
    }

    /// Empties `hole` and moves later buckets of the run back, so that R1 holds without tombstones. Returns the bucket
    /// that is empty in the end.
    fn empty(&mut self, mut hole: usize) -> usize {
        let mask = self.index.len() - 1;
        let mut bucket = hole;
        // An empty bucket ends the run; there is one, as the index is at most an eighth full.
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
        hole
    }

    /// Where the value of `entry` lies.
    #[inline]
    const fn value(&self, entry: u32) -> std::ops::Range<usize> {
        let start = self.skip + entry as usize * self.stride;
        start..start + self.value_words
    }

    /// Makes `entry` the most recent, unless it is young (R3).
    #[inline]
    fn renew(&mut self, entry: u32) {
        if self.ticks.wrapping_sub(self.nodes[entry as usize].stamp) > self.grace {
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
        self.ticks = self.ticks.wrapping_add(1);
        let node = &mut self.nodes[entry as usize];
        node.stamp = self.ticks;
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
#[expect(clippy::cast_possible_truncation, reason = "the other half chooses the shard")]
const fn fingerprint(hash: u64) -> u32 {
    hash as u32
}

/// The bucket where a search begins.
const fn home(fingerprint: u32, mask: usize) -> usize {
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

    /// The obvious LRU: a list, newest first. Returns whether the key was there.
    fn oracle_access(list: &mut Vec<u64>, key: u64, capacity: usize) -> bool {
        let place = list.iter().position(|other| *other == key);
        if let Some(place) = place {
            list.remove(place);
        }
        list.insert(0, key);
        list.truncate(capacity);
        place.is_some()
    }

    /// Accesses `key`, and inserts it on a miss; checks the value, and that a full cache throws something out.
    fn access(lru: &mut Lru, key: u64) -> bool {
        let full = lru.len() == lru.capacity as usize;
        match lru.find(key, hash(key)).entry {
            Some(entry) => {
                assert_eq!(lru.read(entry), value_digest(key, 24));
                true
            }
            None => {
                assert_eq!(lru.insert(key, hash(key)).evicted, full);
                false
            }
        }
    }

    #[test]
    fn agrees_with_the_obvious_list_where_no_entry_is_young() {
        for (capacity, keys, padded) in [(1, 3, false), (2, 5, true), (3, 9, false)] {
            let mut lru = Lru::new(capacity, 24, padded);
            let mut list = Vec::new();
            let mut stream = Stream::new(5, Source::History, capacity as u64, keys);
            for _ in 0..20_000 {
                let key = stream.below(keys);
                let hit = oracle_access(&mut list, key, capacity);
                assert_eq!(access(&mut lru, key), hit, "seed 5, capacity {capacity}, key {key}");
                assert_eq!(lru.len(), list.len());
            }
        }
    }

    /// R3: whatever an exact LRU of 3/4 of the capacity still has is here. A cache that never renews fails this.
    #[test]
    fn keeps_what_an_lru_of_three_quarters_keeps() {
        for (capacity, keys) in [(8, 20), (64, 150), (200, 1000)] {
            let mut lru = Lru::new(capacity, 24, false);
            let (mut list, mut exact) = (Vec::new(), Vec::new());
            let (mut hits, mut hits_of_exact) = (0, 0_u32);
            let mut stream = Stream::new(7, Source::History, capacity as u64, keys);
            for _ in 0..50_000 {
                // Squared, so that some keys are much likelier than others.
                let key = stream.below(keys) * stream.below(keys) / keys;
                let kept = oracle_access(&mut list, key, capacity - capacity / 4);
                let hit = access(&mut lru, key);
                assert!(hit || !kept, "seed 7, capacity {capacity}, key {key}");
                hits += u32::from(hit);
                hits_of_exact += u32::from(oracle_access(&mut exact, key, capacity));
            }
            // And as a whole it hits as an exact LRU does, within one per cent of the accesses.
            assert!(hits.abs_diff(hits_of_exact) < 500, "{hits} {hits_of_exact}");
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
    fn padded_values_begin_on_lines_of_their_own() {
        let lru = Lru::new(5, 40, true);
        for entry in 0..5 {
            assert_eq!(lru.values[lru.value(entry)].as_ptr().addr() % 64, 0);
        }
        assert_eq!(Lru::new(5, 40, false).stride, 5);
    }
}
