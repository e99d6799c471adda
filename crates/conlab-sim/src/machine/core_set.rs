//! A set of cores that finds its lowest member, and the next ones behind a core.

use super::processors::NONE;

/// A set of cores.
#[derive(Debug)]
pub(super) struct CoreSet {
    words: Vec<u64>,
    count: u32,
    /// No word before this one has a bit.
    first: usize,
}

impl CoreSet {
    pub(super) fn none(cores: u32) -> Self {
        Self { words: vec![0; cores.div_ceil(64) as usize], count: 0, first: 0 }
    }

    pub(super) fn all(cores: u32) -> Self {
        let mut set = Self::none(cores);
        (0..cores).for_each(|core| set.insert(core));
        set
    }

    /// Whether there is one.
    #[inline]
    pub(super) const fn any(&self) -> bool {
        self.count > 0
    }

    /// Adds a core that is not in it.
    #[inline]
    pub(super) fn insert(&mut self, core: u32) {
        debug_assert!(!self.contains(core), "core {core} is in the set");
        let word = core as usize / 64;
        self.words[word] |= 1 << (core % 64);
        self.count += 1;
        self.first = self.first.min(word);
    }

    /// Takes out a core that is in it.
    #[inline]
    pub(super) fn remove(&mut self, core: u32) {
        debug_assert!(self.contains(core), "core {core} is not in the set");
        self.words[core as usize / 64] &= !(1 << (core % 64));
        self.count -= 1;
    }

    /// Whether `core` is in it.
    #[inline]
    pub(super) const fn contains(&self, core: u32) -> bool {
        self.words.as_slice()[core as usize / 64] >> (core % 64) & 1 == 1
    }

    /// Its cores in rising order, beginning behind `core` and going around.
    #[inline]
    pub(super) fn after(&self, core: u32) -> impl Iterator<Item = u32> + '_ {
        let here = core as usize / 64;
        let low = u64::MAX >> (63 - core % 64);
        let words = self.words.len();
        // The word of `core` comes twice: its part behind the core first, the rest at the end.
        (0..=words).flat_map(move |offset| {
            let word = (here + offset) % words;
            let mask = if offset == 0 {
                !low
            } else if offset == words {
                low
            } else {
                u64::MAX
            };
            Bits(if self.count == 0 { 0 } else { self.words[word] & mask })
                .map(move |bit| u32::try_from(word * 64).unwrap_or(0) + bit)
        })
    }

    /// `preferred` if it is in it, else its lowest core.
    #[inline]
    pub(super) fn peek(&mut self, preferred: u32) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        if preferred != NONE && self.contains(preferred) {
            return Some(preferred);
        }
        while self.words[self.first] == 0 {
            self.first += 1;
        }
        Some(u32::try_from(self.first * 64).unwrap_or(0) + self.words[self.first].trailing_zeros())
    }
}

/// The bits of a word that are set, from the lowest.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros())?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}
