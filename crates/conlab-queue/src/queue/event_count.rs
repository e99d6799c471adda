//! Parking for queues that do not block by themselves.
//!
//! # Protocol
//!
//! `state` mirrors the list of sleepers: their number, shifted, and a *waking* bit while a wake-up is under way.
//! It is written only under the lock of the list and read without it.
//!
//! - A thread that finds nothing to do *announces* its sleep (it enters the list), *re-checks*, and only then
//!   sleeps. A thread that makes work does so first and then reads `state`.
//! - While the waking bit is set nobody else is woken. The woken thread clears it, looks at the queue again, and
//!   *passes on* the wake-up if it leaves work behind.
//!
//! # Orderings
//!
//! - E1 (announce against work): between making work and reading `state`, and between announcing and re-checking,
//!   each side must do a read-modify-write of one common atomic (Acquire in the former, `AcqRel` in the latter),
//!   or each a `fence(SeqCst)`. Then either the re-check sees the work, or the maker of work sees the sleeper.
//!   The queue does this, because it has an atomic at hand that it must modify anyway.
//! - E2 (clear against work): the same between clearing the waking bit and the look before passing on. Then
//!   either the woken thread sees the work, or its maker sees that no wake-up is under way.
//! - E3: `state` itself carries no data; with E1 and E2 it is read Relaxed.

use super::sleepers::{Patience, Sleeper, WaitList};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering::Relaxed, Padded, lock};

/// The waking bit of `state`; the rest counts sleepers.
const WAKING: usize = 1;
const ONE_SLEEPER: usize = 2;

/// Where threads sleep that wait for a condition of some queue.
///
/// [`Parked`](super::Parked) does what the example does; take an event count by itself when your queue has an atomic at hand that
/// replaces the fences.
///
/// # Examples
///
/// ```
/// # #[cfg(not(loom))] {
/// use conlab_queue::queue::EventCount;
/// use conlab_queue::sync::{AtomicBool, Ordering::{Relaxed, SeqCst}, fence};
///
/// let (work, sleepers) = (AtomicBool::new(false), EventCount::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         // Ends: whoever makes work wakes this thread, or the re-check sees the work.
///         while !work.load(Relaxed) {
///             let _woken = sleepers.sleep_unless(false, || {
///                 fence(SeqCst); // E1
///                 work.load(Relaxed)
///             });
///         }
///     });
///     work.store(true, Relaxed);
///     fence(SeqCst); // E1
///     sleepers.notify_one();
/// });
/// # }
/// ```
#[derive(Debug)]
pub struct EventCount {
    /// Alone on its lines: read by every push or pop, written only around sleep.
    state: Padded<AtomicUsize>,
    list: Mutex<WaitList>,
    patience: Patience,
}

impl Default for EventCount {
    fn default() -> Self {
        Self::new()
    }
}

impl EventCount {
    /// Nobody sleeps.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Padded(AtomicUsize::new(0)),
            list: Mutex::new(WaitList::default()),
            patience: Patience::new(),
        }
    }

    /// Wakes one sleeper for one piece of work, unless nobody sleeps or a wake-up is under way.
    ///
    /// The caller has made the work and then done its half of E1. One load when there is nobody to wake.
    #[inline]
    pub fn notify_one(&self) {
        let state = self.state.load(Relaxed); // E3
        if state >= ONE_SLEEPER && state & WAKING == 0 {
            self.wake_one();
        }
    }

    /// Wakes everybody: the queue is closed.
    pub fn notify_all(&self) {
        let everybody = {
            let mut list = lock(&self.list);
            let everybody = list.take_all();
            self.mirror(&list);
            everybody
        };
        for sleeper in everybody {
            sleeper.wake();
        }
    }

    /// Waits a little before the caller's next look, or says that it is time to sleep; `looks` starts at 0.
    #[must_use]
    pub fn linger(&self, looks: &mut u32) -> bool {
        self.patience.linger(looks, self.sleepers() > 0)
    }

    /// Work came while the caller lingered, or in heaps while it slept: the next wait will be short.
    pub fn stay_awake(&self) {
        self.patience.restore();
    }

    /// Sleeps until woken, unless `ready` (the re-check, with its half of E1) says that there is something to do.
    ///
    /// `woken_in_vain`: the caller was woken, found nothing, and keeps its place at the head of the list. Says
    /// whether the caller was woken: it must then call [`notify_one`](Self::notify_one) if it leaves work behind,
    /// having looked with its half of E2.
    #[must_use]
    pub fn sleep_unless(&self, woken_in_vain: bool, ready: impl FnOnce() -> bool) -> bool {
        let me = {
            let mut list = lock(&self.list);
            let me = list.enlist(woken_in_vain);
            self.mirror(&list);
            me
        };
        let announced = Announced { events: self, sleeper: &me };
        let ready = !cfg!(conlab_weaken = "E-recheck") && ready();
        std::mem::forget(announced); // `ready` did not panic
        if ready {
            return self.cancel(&me);
        }
        me.sleep();
        let mut list = lock(&self.list);
        if !cfg!(conlab_weaken = "E-clear") {
            list.arrived();
        }
        self.mirror(&list);
        true
    }

    /// Takes the announcement back. Says whether the caller was chosen meanwhile: then the wake-up is its own to pass on.
    fn cancel(&self, me: &Arc<Sleeper>) -> bool {
        let mut list = lock(&self.list);
        let chosen = !list.remove(me);
        if chosen && !cfg!(conlab_weaken = "E-cancel") {
            list.arrived();
        }
        self.mirror(&list);
        chosen
    }

    /// How many threads sleep now; a hint.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.state.load(Relaxed) / ONE_SLEEPER // E3
    }

    #[cold]
    fn wake_one(&self) {
        let chosen = {
            let mut list = lock(&self.list);
            let chosen = list.choose();
            self.mirror(&list);
            chosen
        };
        if let Some(sleeper) = chosen {
            sleeper.wake();
        }
    }

    /// Brings `state` up to date; the lock of the list is held.
    fn mirror(&self, list: &WaitList) {
        let waking = if list.is_waking() { WAKING } else { 0 };
        self.state.store((list.len() * ONE_SLEEPER) | waking, Relaxed); // E3
    }
}

/// Between announcing sleep and the re-check: a panic there must not leave a sleeper behind that nobody can wake, nor keep a wake-up.
struct Announced<'a> {
    events: &'a EventCount,
    sleeper: &'a Arc<Sleeper>,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if self.events.cancel(self.sleeper) {
            self.events.notify_one(); // nobody knows what the wake-up was for
        }
    }
}
