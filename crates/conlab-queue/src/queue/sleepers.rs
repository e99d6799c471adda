//! Threads asleep, and how each is woken: what the parking of every queue is made of.
//!
//! A sleeper parks on a flag of its own, so waking one thread touches no other, and nobody has to take the lock
//! of the list again to find out whether it was meant.
//!
//! # Orderings
//!
//! - W1: `woken` carries no data, since the woken thread takes the lock of its list next: Relaxed.

use crate::sync::{Arc, AtomicBool, AtomicU32, Ordering::Relaxed, spin, thread};
use std::collections::VecDeque;

/// How often a thread looks again before it sleeps, and for how many spins it lets the others work in between.
///
/// Sleeping and being woken cost some 10 µs, in which a thousand items can pass, so a thread stays up for about as
/// long. It looks seldom on purpose: looking takes the cache line away from the thread that is about to fill it, and
/// what has gathered meanwhile comes in one go.
const LOOKS: u32 = 10;
const SPINS_PER_LOOK: u32 = 60;

/// How long waiting threads of one kind linger before they sleep: as long as that has lately been worth it.
///
/// A hint that any thread may overwrite with an older value; it changes when a thread sleeps, never whether it wakes.
#[derive(Debug)]
pub(super) struct Patience(AtomicU32);

impl Patience {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(LOOKS))
    }

    /// Waits a little before the next look, or says that it is time to sleep. `looks` starts at 0.
    ///
    /// Where others of its kind sleep already, a thread looks only once more: work goes round among those in line,
    /// and no processor is held by threads that wait while others would work.
    pub(super) fn linger(&self, looks: &mut u32, others_sleep: bool) -> bool {
        if CHECKED {
            return false;
        }
        let patience = self.0.load(Relaxed);
        if *looks >= if others_sleep { patience.min(1) } else { patience } {
            self.0.store(patience / 2, Relaxed);
            return false;
        }
        *looks += 1;
        for _ in 0..SPINS_PER_LOOK {
            spin();
        }
        true
    }

    /// Work came while a thread lingered, or in heaps while it slept: the next wait will be short.
    pub(super) fn restore(&self) {
        if !CHECKED {
            self.0.store(LOOKS, Relaxed);
        }
    }
}

/// The model checkers have no time to linger in.
pub(super) const CHECKED: bool = cfg!(any(loom, shuttle));

/// A thread that sleeps, or is about to.
#[derive(Debug)]
pub(super) struct Sleeper {
    woken: AtomicBool,
    thread: thread::Thread,
}

impl Sleeper {
    /// The calling thread. An allocation, which costs little beside the sleep that follows.
    pub(super) fn current() -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(false), thread: thread::current() })
    }

    /// Sleeps until [`wake`](Self::wake). A stray unpark of the thread does not end it.
    pub(super) fn sleep(&self) {
        // W1
        while !self.woken.load(Relaxed) {
            thread::park();
        }
    }

    /// Ends the sleep.
    pub(super) fn wake(&self) {
        self.woken.store(true, Relaxed); // W1
        self.thread.unpark();
    }
}

/// Who sleeps, first come first woken, and whether a wake-up is under way.
///
/// Plain data: whoever owns it guards it with a lock. While `waking`, nobody else is chosen; the woken thread
/// ends that with [`arrived`](Self::arrived) and is then bound to look at the queue again and to pass the wake-up
/// on if there is more to do. So at most one thread is between "chosen" and "running", however many items come.
#[derive(Debug, Default)]
pub(super) struct WaitList {
    sleepers: VecDeque<Arc<Sleeper>>,
    waking: bool,
}

impl WaitList {
    /// Puts the calling thread at the end, or at the front if it was woken in vain and keeps its place.
    pub(super) fn enlist(&mut self, keeps_place: bool) -> Arc<Sleeper> {
        let sleeper = Sleeper::current();
        if keeps_place {
            self.sleepers.push_front(Arc::clone(&sleeper));
        } else {
            self.sleepers.push_back(Arc::clone(&sleeper));
        }
        sleeper
    }

    /// Chooses the thread to wake, unless a wake-up is under way already. The caller wakes it, best after
    /// unlocking.
    pub(super) fn choose(&mut self) -> Option<Arc<Sleeper>> {
        if self.waking {
            return None;
        }
        let chosen = self.sleepers.pop_front()?;
        self.waking = true;
        Some(chosen)
    }

    /// Whether [`choose`](Self::choose) would find somebody.
    #[inline]
    pub(super) fn has_choice(&self) -> bool {
        !self.waking && !self.sleepers.is_empty()
    }

    /// The chosen thread is running.
    pub(super) fn arrived(&mut self) {
        self.waking = false;
    }

    /// Takes `sleeper` off the list. Says whether it was there; if not, it has been chosen.
    pub(super) fn remove(&mut self, sleeper: &Arc<Sleeper>) -> bool {
        let place = self.sleepers.iter().position(|other| Arc::ptr_eq(other, sleeper));
        place.is_some_and(|place| self.sleepers.remove(place).is_some())
    }

    /// Everybody, to be woken at once; no wake-up is pending afterwards.
    pub(super) fn take_all(&mut self) -> VecDeque<Arc<Sleeper>> {
        std::mem::take(&mut self.sleepers)
    }

    /// How many threads are on the list.
    pub(super) fn len(&self) -> usize {
        self.sleepers.len()
    }

    /// Whether a wake-up is under way.
    pub(super) fn is_waking(&self) -> bool {
        self.waking
    }
}
