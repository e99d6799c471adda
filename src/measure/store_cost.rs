//! What the accesses of a store take on a host: processor time, and waiting for the disk with its spread.
//!
//! A durable write is some processor time (the engine's pages, the system calls) and some waiting for the disk, in one or
//! more waits; writers follow one another. A read is processor time alone: the engine's cache or the system's
//! has the page. Both grow with the size of the value, so two sizes are known and others lie on the line through
//! them.

use crate::units::Nanos;
use serde_json::{Map, Value, json};

/// Where the groups of the waits' spread begin and end, in ten-thousandths of all waits: fine at the tail, so that a rare
/// wait of many times the mean is as rare in the model.
const EDGES: [u64; GROUPS + 1] =
    [0, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 9500, 9750, 9900, 9950, 9990, 10_000];
/// Groups of the waits' spread.
const GROUPS: usize = 16;
/// Parts of all waits that [`EDGES`] counts.
const ALL: u64 = EDGES[GROUPS];
/// What a store's engine caches by itself.
const ENGINE_CACHE: f64 = 4_194_304.0;

/// The times of one size of value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreTimes {
    /// Reading a value that the engine caches.
    pub read: Nanos,
    /// Reading a value that only the system caches.
    pub fetch: Nanos,
    /// Processor time of a write that need not be on the disk.
    pub write: Nanos,
    /// Processor time of a durable write, all of it.
    pub commit: Nanos,
    /// Waiting for the disk, all of a durable write's, at the mean.
    pub wait: Nanos,
}

impl StoreTimes {
    /// Nanoseconds in the order of the fields.
    const fn of([read, fetch, write, commit, wait]: [u64; 5]) -> Self {
        Self {
            read: Nanos(read),
            fetch: Nanos(fetch),
            write: Nanos(write),
            commit: Nanos(commit),
            wait: Nanos(wait),
        }
    }

    const fn each(&self) -> [(&'static str, Nanos); 5] {
        [
            ("read", self.read),
            ("fetch", self.fetch),
            ("write", self.write),
            ("commit", self.commit),
            ("wait", self.wait),
        ]
    }

    fn from_json(value: &Value) -> Option<Self> {
        let time = |name: &str| value.get(name)?.as_u64();
        Some(Self::of([time("read")?, time("fetch")?, time("write")?, time("commit")?, time("wait")?]))
    }
}

/// How a durable write's waiting for the disk spreads: the mean of each group of `EDGES`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waits([Nanos; GROUPS]);

impl Waits {
    /// The spread of these waits, in nanoseconds; all zero when there are none.
    #[must_use]
    pub fn of(mut waits: Vec<f64>) -> Self {
        waits.sort_by(f64::total_cmp);
        let mut groups = [Nanos::ZERO; GROUPS];
        if waits.is_empty() {
            return Self(groups);
        }
        let at = |edge: u64| {
            usize::try_from(waits.len() as u64 * edge / ALL).unwrap_or(waits.len()).min(waits.len() - 1)
        };
        for (group, pair) in groups.iter_mut().zip(EDGES.windows(2)) {
            // A group of few waits has at least the one at its beginning.
            let part = &waits[at(pair[0])..=at(pair[1] - 1).max(at(pair[0]))];
            #[expect(clippy::cast_precision_loss, reason = "numbers of trials")]
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            *group = Nanos(1).scaled(mean);
        }
        Self(groups)
    }

    /// The same wait always.
    #[must_use]
    pub const fn constant(wait: Nanos) -> Self {
        Self([wait; GROUPS])
    }

    /// The mean of all waits.
    #[must_use]
    pub fn mean(&self) -> Nanos {
        let sum: u64 =
            self.0.iter().zip(EDGES.windows(2)).map(|(wait, pair)| wait.0 * (pair[1] - pair[0])).sum();
        Nanos(sum / ALL)
    }

    /// A wait; `draw` gives a number below the one it is asked for.
    pub fn sample(&self, draw: impl FnOnce(u64) -> u64) -> Nanos {
        let part = draw(ALL);
        let group = EDGES[1..GROUPS].partition_point(|edge| *edge <= part);
        self.0[group]
    }

    /// Each wait changed by `change`.
    #[must_use]
    pub fn map(self, change: impl FnMut(Nanos) -> Nanos) -> Self {
        Self(self.0.map(change))
    }
}

/// What the accesses of a store take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreCost {
    /// Of values of [`StoreCost::SMALL`] bytes.
    pub small: StoreTimes,
    /// Of values of [`StoreCost::LARGE`] bytes.
    pub large: StoreTimes,
    /// In how many waits a durable write waits for the disk.
    pub waits: u64,
    /// The spread of all its waiting together, of a small value.
    pub spread: Waits,
}

/// What one store's accesses take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreCharge {
    /// Processor time of a read.
    pub read: Nanos,
    /// Processor time of a write.
    pub write: Nanos,
    /// In how many waits a write waits for the disk; 0 when it need not be there.
    pub waits: u64,
    /// All its waiting together.
    pub waiting: Waits,
}

impl StoreCost {
    /// Bytes of a small value.
    pub const SMALL: usize = 1 << 10;
    /// Bytes of a large value.
    pub const LARGE: usize = 64 << 10;

    /// A host on which stores take no time.
    #[must_use]
    pub fn free() -> Self {
        Self::default()
    }

    /// An ordinary disk behind a file system: two milliseconds until a write is there.
    #[must_use]
    pub const fn ordinary() -> Self {
        Self {
            small: StoreTimes::of([1_000, 3_000, 10_000, 100_000, 1_900_000]),
            large: StoreTimes::of([6_000, 15_000, 70_000, 160_000, 2_400_000]),
            waits: 1,
            spread: Waits::constant(Nanos(1_900_000)),
        }
    }

    /// The share of `count` values of `bytes` that a store's engine caches by itself.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sizes")]
    pub fn engine_caches(bytes: usize, count: u64) -> f64 {
        (ENGINE_CACHE / (bytes.max(1) as f64 * count as f64)).min(1.0)
    }

    /// What a store of `count` values of `bytes` takes, on the disk when it is `durable`.
    ///
    /// Keys are taken to be asked for evenly, so that the engine caches the share of them that fits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sizes")]
    pub fn charge(&self, bytes: usize, count: u64, durable: bool) -> StoreCharge {
        let (small, large) = (self.small, self.large);
        let span = (Self::LARGE - Self::SMALL) as f64;
        let part = bytes.saturating_sub(Self::SMALL) as f64 / span;
        let at = |small: Nanos, large: Nanos| {
            Nanos(1).scaled((small.0 as f64 + part * (large.0 as f64 - small.0 as f64)).max(0.0))
        };
        let cached = Self::engine_caches(bytes, count);
        let (read, fetch) = (at(small.read, large.read), at(small.fetch, large.fetch));
        let read = read.scaled(cached) + fetch.scaled(1.0 - cached);
        if !durable {
            let write = at(small.write, large.write);
            return StoreCharge { read, write, waits: 0, waiting: Waits::default() };
        }
        let longer = if small.wait == Nanos::ZERO {
            1.0
        } else {
            at(small.wait, large.wait).0 as f64 / small.wait.0 as f64
        };
        StoreCharge {
            read,
            write: at(small.commit, large.commit),
            waits: self.waits,
            waiting: self.spread.map(|wait| wait.scaled(longer)),
        }
    }

    /// The times by name, in nanoseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let times = |times: &StoreTimes| {
            let each = times.each().into_iter().map(|(name, time)| (name.to_owned(), json!(time.0)));
            Value::Object(each.collect::<Map<_, _>>())
        };
        json!({
            "small": times(&self.small),
            "large": times(&self.large),
            "waits": self.waits,
            "spread": self.spread.0.map(|wait| wait.0),
        })
    }

    /// What was stored; `None` where something is missing.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let stored = value.get("spread")?.as_array()?;
        let groups: Option<Vec<Nanos>> = stored.iter().map(|wait| wait.as_u64().map(Nanos)).collect();
        Some(Self {
            small: StoreTimes::from_json(value.get("small")?)?,
            large: StoreTimes::from_json(value.get("large")?)?,
            waits: value.get("waits")?.as_u64()?,
            spread: Waits(groups?.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_keeps_the_mean_and_the_rarity_of_the_tail() {
        // One in a thousand takes a hundred times as long.
        let waits: Vec<f64> = (0..10_000).map(|trial| if trial % 1000 == 0 { 1e7 } else { 1e5 }).collect();
        let spread = Waits::of(waits.clone());
        let mean = waits.iter().sum::<f64>() / 10_000.0;
        let found = spread.mean().0 as f64;
        assert!((found - mean).abs() < 1e-3 * mean, "{found} instead of {mean}");
        let rare = (0..10_000).filter(|part| spread.sample(|_| *part) > Nanos(200_000)).count();
        assert_eq!(rare, 10);
        assert_eq!(Waits::of(Vec::new()), Waits::default());
        assert_eq!(Waits::of(vec![5.0]).mean(), Nanos(5));
    }

    #[test]
    fn sizes_lie_on_the_line_through_the_two_that_are_known() {
        let cost = StoreCost::ordinary();
        let charge = |bytes, count, durable| cost.charge(bytes, count, durable);
        assert_eq!(charge(1 << 10, 1000, true).write, cost.small.commit);
        assert_eq!(charge(64 << 10, 10, true).write, cost.large.commit);
        assert_eq!(charge(1 << 10, 1000, true).waiting.mean(), cost.small.wait);
        assert_eq!(charge(64 << 10, 10, true).waiting.mean(), cost.large.wait);
        // Below the small size there is nothing to save.
        assert_eq!(charge(1, 1000, true), charge(1 << 10, 1000, true));
        let loose = charge(1 << 10, 1000, false);
        assert_eq!((loose.write, loose.waits), (cost.small.write, 0));
        // All of a small store is cached, and next to nothing of a large one.
        assert_eq!(loose.read, cost.small.read);
        let large = charge(1 << 10, 4_000_000, true).read;
        assert!(large > cost.small.fetch.scaled(0.99) && large < cost.small.fetch);
    }

    #[test]
    fn a_stored_cost_comes_back() {
        let mut cost = StoreCost { waits: 3, ..StoreCost::ordinary() };
        cost.spread.0[15] = Nanos(7);
        let mut stored = cost.to_json();
        assert_eq!(StoreCost::from_json(&stored), Some(cost));
        stored["spread"] = json!([1, 2]);
        assert_eq!(StoreCost::from_json(&stored), None);
    }
}
