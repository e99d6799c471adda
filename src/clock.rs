//! Real time: the only place that reads a clock of the system.
//!
//! Instants are [`Nanos`] since the process first asked. The time-stamp counter is read where it is invariant
//! (through `quanta`, which calibrates it against the monotonic clock), the monotonic clock elsewhere.

use crate::units::Nanos;
use std::{sync::OnceLock, time::SystemTime};

static CLOCK: OnceLock<Clock> = OnceLock::new();

/// A clock that a worker keeps for itself, so that reading it costs no look-up.
#[derive(Clone, Debug)]
pub struct Clock {
    counter: quanta::Clock,
    origin: u64,
}

impl Clock {
    /// The process's clock; the first call calibrates it.
    #[must_use]
    pub fn get() -> Self {
        CLOCK
            .get_or_init(|| {
                let counter = quanta::Clock::new();
                let origin = counter.raw();
                Self { counter, origin }
            })
            .clone()
    }

    /// The time since the clock was made.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Nanos {
        Nanos(self.counter.delta_as_nanos(self.origin, self.counter.raw()))
    }
}

/// The time since the process first asked for it.
#[must_use]
pub fn now() -> Nanos {
    CLOCK.get().cloned().unwrap_or_else(Clock::get).now()
}

/// The calendar's time, for manifests and folder names: RFC 3339 in UTC, whole seconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the door to the calendar")]
pub fn utc() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// What [`Clock::now`] reads.
#[must_use]
pub fn source() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "time-stamp counter where invariant, else monotonic (quanta)"
    } else {
        "monotonic (quanta)"
    }
}
