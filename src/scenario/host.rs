//! The constants of the simulated host that a scenario sets instead of the calibration.

use super::reader::Section;
use crate::units::Nanos;

/// Keys of `[host]`.
pub(super) const KEYS: [&str; 27] = [
    "cores",
    "ideal",
    "spread",
    "slice",
    "switch",
    "wake",
    "signal",
    "overshoot",
    "jitter",
    "base_slice",
    "kernel_tick",
    "wake_packing",
    "wake_packing_below",
    "issuers",
    "tick",
    "poll",
    "lock",
    "transfer",
    "cache",
    "touch",
    "compress",
    "push",
    "pop",
    "exclusive",
    "quota",
    "period",
    "siblings",
];

/// What a scenario says of its host beyond slices, switches and wake-ups; the names are those of a stored calibration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostConstants {
    /// Begin with a host that charges nothing, instead of the calibration.
    pub ideal: bool,
    /// Whether wake-ups, signals and ends of sleeps vary.
    pub spread: Option<bool>,
    /// What waking another thread costs the waker: the median.
    pub signal: Option<Nanos>,
    /// How much later than asked sleeps end.
    pub overshoot: Option<Nanos>,
    /// By how much that varies, up to `overshoot`.
    pub jitter: Option<Nanos>,
    /// The base slice of Linux's scheduler; zero: threads run until they block.
    pub base_slice: Option<Nanos>,
    /// The kernel's tick; zero: one queue serves all processors, first come, first served.
    pub kernel_tick: Option<Nanos>,
    /// Of a thousand woken threads, how many the kernel puts on their waker's processor.
    pub wake_packing: Option<u64>,
    /// Use of that processor, in thousandths, up to which it does.
    pub wake_packing_below: Option<u64>,
    /// Whether load is issued by threads that need a processor themselves.
    pub issuers: Option<bool>,
    /// Granularity of the asynchronous runtime's timer.
    pub tick: Option<Nanos>,
    /// Resuming a task on an asynchronous worker.
    pub poll: Option<Nanos>,
    /// Taking a free lock.
    pub lock: Option<Nanos>,
    /// Moving a line between processors.
    pub transfer: Option<Nanos>,
    /// Looking a key up in a cache.
    pub cache: Option<Nanos>,
    /// Streaming through a KiB of memory.
    pub touch: Option<Nanos>,
    /// Compressing a KiB of text.
    pub compress: Option<Nanos>,
    /// Putting a task into a queue of any kind.
    pub push: Option<Nanos>,
    /// Taking one out.
    pub pop: Option<Nanos>,
    /// How long either keeps others out.
    pub exclusive: Option<Nanos>,
}

impl HostConstants {
    /// Reads them off `[host]`.
    pub(super) fn read(host: &Section<'_>) -> Self {
        Self {
            ideal: host.flag("ideal").unwrap_or(false),
            spread: host.flag("spread"),
            issuers: host.flag("issuers"),
            wake_packing: host.count("wake_packing", 0, 1000),
            wake_packing_below: host.count("wake_packing_below", 0, 1000),
            signal: host.duration("signal"),
            overshoot: host.duration("overshoot"),
            jitter: host.duration("jitter"),
            base_slice: host.duration("base_slice"),
            kernel_tick: host.duration("kernel_tick"),
            tick: host.duration("tick"),
            poll: host.duration("poll"),
            lock: host.duration("lock"),
            transfer: host.duration("transfer"),
            cache: host.duration("cache"),
            touch: host.duration("touch"),
            compress: host.duration("compress"),
            push: host.duration("push"),
            pop: host.duration("pop"),
            exclusive: host.duration("exclusive"),
        }
    }
}
