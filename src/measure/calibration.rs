//! The constants of a host that the virtual engine charges: what they are, and their built-in values.

use super::{Shape, StoreCost, host};
use crate::files;
use crate::queue::QueueKind;
use crate::units::Nanos;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What one operation of a task queue costs when nobody is in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueCost {
    /// Adding an item.
    pub push: Nanos,
    /// Taking an item.
    pub pop: Nanos,
    /// How long an operation keeps others out of the queue: the critical section with its line transfers.
    pub exclusive: Nanos,
}

/// The constants of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Where they come from, as records say it: `built-in defaults`, or when and on what they were measured.
    pub origin: String,
    /// The time a thread gets before its turn is over, as seen at the next tick: the base slice of Linux's scheduler. Measured
    /// as how long a thread that has just begun to run is safe from a thread that it wakes on its own processor. Zero:
    /// threads run until they block.
    pub base_slice: Nanos,
    /// The kernel's tick, at which it looks for slices that are over, and moves threads that wait for a busy processor to idle
    /// ones. Zero: slices end exactly, and one queue serves all processors.
    pub kernel_tick: Nanos,
    /// Direct cost of a context switch.
    pub switch: Nanos,
    /// Made runnable by another thread to running, on an idle core.
    pub wake: Nanos,
    /// How that spreads.
    pub wake_shape: Shape,
    /// What waking another thread costs the waker.
    pub signal: Nanos,
    /// How that spreads.
    pub signal_shape: Shape,
    /// How much later than asked a sleep ends, before the wake-up itself.
    pub overshoot: Nanos,
    /// By how much that varies: sleeps end up to so much earlier or later than `overshoot` says, evenly.
    pub jitter: Nanos,
    /// Of a thousand threads that a computing thread wakes, how many the kernel puts on that thread's processor although
    /// another is idle, while its use is below `wake_packing_below`. Linux as it is published: none.
    pub wake_packing: u64,
    /// Use of the waker's processor over the last tens of milliseconds, per mille, at which half as many are put there.
    pub wake_packing_below: u64,
    /// Whether load is issued by threads that need a processor themselves, as the real engine's is.
    pub issuers: bool,
    /// Granularity of the asynchronous runtime's timer; zero: exact.
    pub tick: Nanos,
    /// Resuming a task on an asynchronous worker.
    pub poll: Nanos,
    /// Taking a free lock.
    pub lock: Nanos,
    /// Moving a line between processors.
    pub transfer: Nanos,
    /// Looking a key up in a cache, besides the work that the scenario gives to a hit.
    pub cache: Nanos,
    /// Streaming through a KiB of memory.
    pub touch: f64,
    /// Compressing a KiB of text.
    pub compress: f64,
    /// Stores, where the scenario does not say what they take.
    pub store: StoreCost,
    /// Queues, in the order of [`QueueKind::ALL`].
    pub queues: [QueueCost; QueueKind::ALL.len()],
}

impl Default for Calibration {
    /// Values of an ordinary server of 2025; good for shapes, not for this host's figures.
    fn default() -> Self {
        let cost = |push, pop, exclusive| QueueCost {
            push: Nanos(push),
            pop: Nanos(pop),
            exclusive: Nanos(exclusive),
        };
        Self {
            origin: "built-in defaults (run `conlab calibrate` to measure this host)".into(),
            // Linux's on two processors; it grows with their number, to 2.8 ms from eight on.
            base_slice: Nanos::from_micros(1_400),
            kernel_tick: Nanos::from_millis(4),
            switch: Nanos(2_000),
            wake: Nanos::from_micros(20),
            wake_shape: Shape::WAKE_UP,
            signal: Nanos(2_000),
            signal_shape: Shape::SIGNAL,
            overshoot: Nanos::from_micros(60),
            jitter: Nanos::from_micros(20),
            wake_packing: 0,
            wake_packing_below: 1000,
            issuers: true,
            tick: Nanos::from_millis(1),
            poll: Nanos(150),
            lock: Nanos(15),
            transfer: Nanos(80),
            cache: Nanos(60),
            touch: 60.0,
            compress: 25_000.0,
            store: StoreCost::ordinary(),
            queues: [cost(20, 20, 60), cost(8, 8, 15), cost(30, 30, 60), cost(8, 8, 30), cost(12, 12, 30)],
        }
    }
}

/// Most bytes of a stored calibration that are read.
const LARGEST: u64 = 16 << 20;

impl Calibration {
    /// A host that charges nothing: only what a scenario says takes time. Closed forms hold on it exactly.
    #[must_use]
    pub fn ideal() -> Self {
        Self {
            origin: "ideal host: nothing is charged".into(),
            base_slice: Nanos::ZERO,
            kernel_tick: Nanos::ZERO,
            switch: Nanos::ZERO,
            wake: Nanos::ZERO,
            wake_shape: Shape::EXACT,
            signal: Nanos::ZERO,
            signal_shape: Shape::EXACT,
            overshoot: Nanos::ZERO,
            jitter: Nanos::ZERO,
            wake_packing: 0,
            wake_packing_below: 1000,
            issuers: false,
            tick: Nanos::ZERO,
            poll: Nanos::ZERO,
            lock: Nanos::ZERO,
            transfer: Nanos::ZERO,
            cache: Nanos::ZERO,
            touch: 0.0,
            compress: 0.0,
            store: StoreCost::free(),
            queues: [QueueCost::default(); QueueKind::ALL.len()],
        }
    }

    /// What tells this host from others: processor, how many, kernel.
    #[must_use]
    pub fn fingerprint() -> String {
        format!("{} x {}, {}", host::cores(), host::cpu_model(), host::kernel())
    }

    /// Where this host's calibration is stored: under `$XDG_CACHE_HOME`, else `~/.cache`. `None` without a home.
    #[must_use]
    pub fn path() -> Option<PathBuf> {
        let cache = env::var_os("XDG_CACHE_HOME")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
        let word: String = Self::fingerprint()
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
            .collect();
        Some(cache.join("conlab").join(format!("calibration-{word}.json")))
    }

    /// This host's stored calibration, where there is one that can be read.
    #[must_use]
    pub fn of_this_host() -> Option<Self> {
        let text = Self::path().and_then(|path| files::read_text(&path, LARGEST).ok());
        let value = text.and_then(|text| serde_json::from_str(&text).ok());
        value.and_then(|value| Self::from_json(&value))
    }

    /// Stores the calibration, whole or not at all.
    ///
    /// # Errors
    ///
    /// What the file system said.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        files::replace(path, format!("{:#}\n", self.to_json()).as_bytes())
    }

    /// The constants by name, in nanoseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("schema".into(), json!(1));
        all.insert("origin".into(), json!(self.origin));
        all.insert("host".into(), json!(Self::fingerprint()));
        let mut copy = self.clone();
        for (name, time) in copy.times() {
            all.insert(name.into(), json!(time.0));
        }
        all.insert("wake_shape_per_mille".into(), json!(self.wake_shape.quantiles()));
        all.insert("signal_shape_per_mille".into(), json!(self.signal_shape.quantiles()));
        all.insert("wake_packing_per_mille".into(), json!(self.wake_packing));
        all.insert("wake_packing_below_per_mille".into(), json!(self.wake_packing_below));
        all.insert("touch_per_kib".into(), json!(self.touch));
        all.insert("compress_per_kib".into(), json!(self.compress));
        let queues = QueueKind::ALL.iter().zip(&self.queues).map(|(kind, cost)| {
            let cost = json!({"push": cost.push.0, "pop": cost.pop.0, "exclusive": cost.exclusive.0});
            (kind.name().to_owned(), cost)
        });
        all.insert("store".into(), self.store.to_json());
        all.insert("queues".into(), Value::Object(queues.collect()));
        Value::Object(all)
    }

    /// The constants of a stored calibration of this host; `None` for another host's or another schema's.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        if value.get("host")? == &json!(Self::fingerprint()) { Self::of_any_host(value) } else { None }
    }

    /// The constants of a stored calibration, whichever host's it is; `None` for another schema's, and where a constant is
    /// negative or above an hour.
    #[must_use]
    pub fn of_any_host(value: &Value) -> Option<Self> {
        if value.get("schema")? != 1 || !are_plausible(value) {
            return None;
        }
        let mut found = Self { origin: value.get("origin")?.as_str()?.into(), ..Self::default() };
        for (name, time) in found.times() {
            *time = Nanos(value.get(name)?.as_u64()?);
        }
        // Calibrations of earlier versions have none.
        let shape = |name: &str, builtin: Shape| value.get(name).map_or(Some(builtin), shape_of);
        found.wake_shape = shape("wake_shape_per_mille", Shape::WAKE_UP)?;
        found.signal_shape = shape("signal_shape_per_mille", Shape::SIGNAL)?;
        found.wake_packing = value.get("wake_packing_per_mille")?.as_u64()?;
        found.wake_packing_below = value.get("wake_packing_below_per_mille")?.as_u64()?;
        found.touch = value.get("touch_per_kib")?.as_f64()?;
        found.compress = value.get("compress_per_kib")?.as_f64()?;
        found.store = StoreCost::from_json(value.get("store")?)?;
        for (kind, cost) in QueueKind::ALL.iter().zip(&mut found.queues) {
            let stored = value.get("queues")?.get(kind.name())?;
            let part = |name: &str| stored.get(name)?.as_u64().map(Nanos);
            *cost = QueueCost { push: part("push")?, pop: part("pop")?, exclusive: part("exclusive")? };
        }
        Some(found)
    }

    /// The constants that are times, by name.
    fn times(&mut self) -> [(&'static str, &mut Nanos); 12] {
        [
            ("base_slice", &mut self.base_slice),
            ("kernel_tick", &mut self.kernel_tick),
            ("switch", &mut self.switch),
            ("wake", &mut self.wake),
            ("signal", &mut self.signal),
            ("overshoot", &mut self.overshoot),
            ("jitter", &mut self.jitter),
            ("tick", &mut self.tick),
            ("poll", &mut self.poll),
            ("lock", &mut self.lock),
            ("transfer", &mut self.transfer),
            ("cache", &mut self.cache),
        ]
    }

    /// 16 hexadecimal digits over every constant: equal where the virtual engine charges the same, wherever it was measured.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut constants = self.to_json();
        if let Some(all) = constants.as_object_mut() {
            // When and where they were measured is not charged.
            all.remove("origin");
            all.remove("host");
        }
        // FNV-1a over 64 bits: not against forgery, only against mix-ups.
        let hash = constants.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    /// The cost of a queue's operations.
    #[must_use]
    pub fn queue(&self, kind: QueueKind) -> QueueCost {
        self.queues[QueueKind::ALL.iter().position(|other| *other == kind).unwrap_or(0)]
    }
}

/// Largest constant of a file: an hour in nanoseconds. The virtual engine adds charges without looking for an overflow.
const MAX_CONSTANT: f64 = 3.6e12;

/// Whether every number in `value` lies between 0 and [`MAX_CONSTANT`].
fn are_plausible(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| (0.0..=MAX_CONSTANT).contains(&number)),
        Value::Array(values) => values.iter().all(are_plausible),
        Value::Object(values) => values.values().all(are_plausible),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// The quantiles of a stored calibration; `None` unless they are as many as there should be, and rise.
fn shape_of(value: &Value) -> Option<Shape> {
    let part = |part: &Value| u32::try_from(part.as_u64()?).ok();
    Shape::from_quantiles(&value.as_array()?.iter().map(part).collect::<Option<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_below_zero_or_above_an_hour_are_no_calibration() {
        let stored = Calibration::default().to_json();
        assert!(Calibration::of_any_host(&stored).is_some());
        for (path, wrong) in [
            ("/switch", json!(u64::MAX)),
            ("/touch_per_kib", json!(-1.0)),
            ("/compress_per_kib", json!(1e300)),
            ("/queues/mutex/pop", json!(3_600_000_000_001_u64)),
            ("/store/small/read", json!(1_u64 << 62)),
        ] {
            let mut damaged = stored.clone();
            *damaged.pointer_mut(path).unwrap() = wrong;
            assert_eq!(Calibration::of_any_host(&damaged), None, "{path}");
        }
    }

    #[test]
    fn a_stored_calibration_comes_back_and_that_of_another_host_does_not() {
        let mut mine = Calibration { origin: "test".into(), ..Calibration::default() };
        mine.switch = Nanos(1234);
        mine.queues[1].pop = Nanos(77);
        mine.store.large.fetch = Nanos(99);
        mine.wake_shape = Shape::of(&(0..100).map(f64::from).collect::<Vec<_>>());
        (mine.wake_packing, mine.wake_packing_below) = (801, 702);
        let digest = mine.digest();
        let mut stored = mine.to_json();
        let elsewhere = Calibration { origin: "another day".into(), ..mine.clone() };
        assert_eq!(elsewhere.digest(), digest, "the same constants");
        let slower = Calibration { switch: Nanos(1235), ..mine.clone() };
        assert_ne!(slower.digest(), digest);
        assert_eq!(Calibration::from_json(&stored), Some(mine));
        stored["host"] = json!("another");
        assert_eq!(Calibration::from_json(&stored), None);
    }
}
