//! The interpreter lock of `CPython` 3.2 to 3.13, with its algorithm and for real threads.
//!
//! Source: the comment that opens `CPython`'s `Python/ceval_gil.c` (A. Pitrou, 2009), which describes the protocol;
//! this is an implementation of that description.
//!
//! # Protocol
//!
//! - **Take**: while the lock is held, remember the number of switches and wait for at most one interval. When
//!   that round timed out, the lock is still held and nobody switched meanwhile, ask the holder to drop it; wait
//!   again, in a fresh round at the tail. A thread that finds the lock free takes it at once, whoever waits
//!   (barging). Taking withdraws the request: it was addressed to another holder.
//! - **Drop**: free the lock and signal one waiter. If a drop was requested, sleep until another thread has taken the
//!   lock (forced hand-over): without that the holder, which is running, would win it back nearly always.
//! - **Check**: the holder looks at the request between pieces of work, one relaxed load. How soon it obeys decides who
//!   is next: a waiter that has just asked is on its feet for half a microsecond, and takes the signal if the lock falls
//!   free within that time; later, the head of the condition does. The head that was woken for a signal taken by
//!   another sleeps on, in the same round, as in the C library's condition. So it does not ask for the lock
//!   next; whoever dropped it last does.
//!
//! # Rules
//!
//! - G1 (exclusion): `held` is read and written under `state`, and a woken waiter looks again, as a barging thread
//!   may have come first. `state` also publishes what was written under the lock.
//! - G2 (wake-up): a waiter counts itself under `state` before it sleeps, and a drop posts a signal under `state`
//!   unless there is one for each waiter already. Whoever takes it looks at `held` before it sleeps again. Liveness needs no
//!   timeout.
//! - G3 (hand-over): a drop that was requested returns only after another thread has taken the lock. It must
//!   happen: the requester sits in its loop and leaves it only by taking, and every take withdraws the request. So a
//!   request that is still set when the holder has freed the lock means that somebody will take it.
//! - G4 (hand-over's signal): `last_holder` changes under `hand_over`, and the dropper compares and falls asleep
//!   in one step under it, so it cannot miss the taker's signal.
//! - G5: `drop_request` is a hint and publishes nothing: Relaxed. It is set under `state` while the lock is
//!   held, cleared by a taker under both mutexes before the lock counts as held, or by the dropper under
//!   `hand_over` before any taker can have come.
//!
//! - G6 (signals): a signal is for the elder group of waiters until there has been one for each of them; then the newcomers are that
//!   group. A waiter whose round is over takes its signal along, so that none is left behind. The groups sleep apart, so
//!   that the one woken may take it.
//! - G7 (closing): `closed` is set before `state` and `hand_over` are locked to wake everybody; waiters and droppers look at it
//!   under these before they sleep. A waiter that gives up takes nothing along: its signal, if it had one, is lost, and so is
//!   the hand-over that it asked for. Both matter only to others that give up as well.
//!
//! Lock order: `state` before `hand_over`. `loom_tests/gil.rs` fails when G1 to G4 or G6 are weakened.
//!
//! # Progress
//!
//! Blocking, and unfair: the waiter that requested the drop is on its feet when the lock falls free and often wins;
//! otherwise the head of the condition does. Condition signals are system calls in std, so none is sent when nobody
//! waits; this changes no outcome.

use super::signals::Signals;
use crate::sync;
use crate::sync::Ordering::Relaxed;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// No thread: what `last_holder` says before the first take.
const NOBODY: u64 = u64::MAX;

/// The interpreter lock.
#[derive(Debug)]
pub struct Gil {
    /// How long a waiter waits before it asks.
    interval: Duration,
    /// Set by a waiter, polled by the holder.
    drop_request: AtomicBool,
    state: Mutex<State>,
    /// Signalled when the lock falls free; one for each group of waiters.
    freed: [Condvar; 2],
    hand_over: Mutex<HandOver>,
    /// Signalled when the lock is taken while a dropper waits for that.
    taken: Condvar,
    /// Nobody is to wait any more.
    closed: AtomicBool,
}

/// Guarded by the first mutex.
#[derive(Debug)]
struct State {
    held: bool,
    /// Threads in a round of waiting, and signals for them.
    signals: Signals,
    counts: GilCounts,
}

/// Guarded by the second mutex.
#[derive(Debug)]
struct HandOver {
    /// Who took the lock last; changes only while both mutexes are held.
    last_holder: u64,
    /// Droppers that sleep until `last_holder` is somebody else. At most one of them has not been signalled yet:
    /// the last holder itself. But an earlier one may still be on its way out, so a flag would not do.
    droppers: usize,
}

/// What happened to an interpreter lock so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GilCounts {
    /// Times taken.
    pub acquisitions: u64,
    /// Times not free at the first look.
    pub contended: u64,
    /// Times taken by another thread than the last holder.
    pub switches: u64,
    /// Times a waiter asked for the lock.
    pub requests: u64,
    /// Holds ended because a waiter asked: drops with a request set, each with a forced hand-over.
    pub forced_drops: u64,
}

impl GilCounts {
    /// What happened since `earlier`.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            acquisitions: self.acquisitions - earlier.acquisitions,
            contended: self.contended - earlier.contended,
            switches: self.switches - earlier.switches,
            requests: self.requests - earlier.requests,
            forced_drops: self.forced_drops - earlier.forced_drops,
        }
    }
}

/// How the lock was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// It was held at the first look.
    pub contended: bool,
    /// The last holder was another thread.
    pub switched: bool,
    /// Rounds of waiting.
    pub rounds: u32,
    /// Rounds after which this thread asked for the lock.
    pub requests: u32,
}

impl Gil {
    /// A free lock whose waiters ask for it after `interval` (at least 1 µs; `CPython`: 5 ms).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::lock::Gil;
    /// use std::time::Duration;
    ///
    /// let gil = Gil::new(Duration::from_millis(5));
    /// gil.take(1); // by thread 1
    /// assert!(!gil.requested()); // the holder's check between pieces of work: nobody asks for the lock
    /// gil.drop_lock(1);
    /// assert_eq!(gil.counts().acquisitions, 1);
    /// # }
    /// ```
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval: interval.max(Duration::from_micros(1)),
            drop_request: AtomicBool::new(false),
            state: Mutex::new(State {
                held: false,
                signals: Signals::default(),
                counts: GilCounts::default(),
            }),
            freed: [Condvar::new(), Condvar::new()],
            hand_over: Mutex::new(HandOver { last_holder: NOBODY, droppers: 0 }),
            taken: Condvar::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes the lock for `thread`, waiting while another holds it.
    ///
    /// `thread` is any number that no other thread uses, below `u64::MAX`.
    pub fn take(&self, thread: u64) -> Taken {
        let (state, taken) = self.wait(|| false);
        self.have(state, thread, taken)
    }

    /// Takes the lock as [`take`](Self::take) does, or gives up once it is [closed](Self::close).
    pub fn take_unless_closed(&self, thread: u64) -> Option<Taken> {
        let (state, taken) = self.wait(|| self.closed.load(Relaxed)); // G7
        if state.held { None } else { Some(self.have(state, thread, taken)) }
    }

    /// From now on nobody waits in [`take_unless_closed`](Self::take_unless_closed) or for a hand-over: whoever does gives
    /// up. It is for good. A lock that is free can still be taken.
    pub fn close(&self) {
        self.closed.store(true, Relaxed); // G7
        let state = (!cfg!(conlab_weaken = "G7")).then(|| sync::lock(&self.state)); // G7
        self.freed.iter().for_each(Condvar::notify_all);
        let hand_over = sync::lock(&self.hand_over); // G7
        self.taken.notify_all();
        drop((state, hand_over));
    }

    /// Waits until the lock is free, or until it is told to give up and the lock is not.
    fn wait(&self, gives_up: impl Fn() -> bool) -> (MutexGuard<'_, State>, Taken) {
        let mut taken = Taken::default();
        let mut state = sync::lock(&self.state);
        // Ends when this thread finds the lock free; each round lasts at most one interval.
        // G1
        while state.held && !gives_up() {
            taken.contended = true;
            state = self.wait_a_round(state, &mut taken, &gives_up);
            if cfg!(conlab_weaken = "G1") {
                break;
            }
        }
        (state, taken)
    }

    /// Makes the lock, which is free, that of `thread`.
    fn have(&self, mut state: MutexGuard<'_, State>, thread: u64, mut taken: Taken) -> Taken {
        let mut hand_over = sync::lock(&self.hand_over); // G4
        state.held = true;
        if hand_over.last_holder != thread {
            hand_over.last_holder = thread;
            taken.switched = true;
            state.counts.switches += 1;
        }
        if hand_over.droppers > 0 {
            self.taken.notify_one(); // G4
        }
        drop(hand_over);
        if self.drop_request.load(Relaxed) {
            self.drop_request.store(false, Relaxed); // G5
        }
        state.counts.acquisitions += 1;
        state.counts.contended += u64::from(taken.contended);
        taken
    }

    /// Waits once, for at most one interval, and asks for the lock if that changed nothing.
    fn wait_a_round<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        taken: &mut Taken,
        gives_up: impl Fn() -> bool,
    ) -> MutexGuard<'a, State> {
        let switches = state.counts.switches;
        taken.rounds += 1;
        let (ticket, place) = state.signals.join(); // G2
        // Woken up for a signal that another has taken, it sleeps on in the same round.
        let mut signalled = false;
        let sleeps_on = |state: &mut State| {
            signalled = state.signals.take(ticket); // G6
            !signalled && !gives_up()
        };
        let (mut state, timed_out) =
            sync::wait_while_for(&self.freed[place], &self.state, state, self.interval, sleeps_on);
        if !signalled {
            state.signals.leave(ticket); // G6
        }
        if asks(timed_out, &state, switches) {
            self.drop_request.store(true, Relaxed); // G5
            state.counts.requests += 1;
            taken.requests += 1;
        }
        state
    }

    /// Drops the lock before a wait or at the end of work. When somebody had asked for the lock, returns
    /// only after it was taken by another thread.
    ///
    /// # Panics
    ///
    /// When nobody holds the lock.
    pub fn drop_lock(&self, thread: u64) {
        if self.release(thread) && !cfg!(conlab_weaken = "G3") {
            self.await_hand_over(thread); // G3
        }
    }

    /// The first half of a drop: frees the lock and signals one waiter. Tells whether somebody had asked for the lock;
    /// then the caller owes the second half, [`await_hand_over`](Self::await_hand_over), before it takes the lock again.
    ///
    /// # Panics
    ///
    /// When nobody holds the lock.
    #[must_use]
    pub fn release(&self, thread: u64) -> bool {
        let mut state = sync::lock(&self.state);
        assert!(state.held, "thread {thread} dropped an interpreter lock that nobody held");
        state.held = false;
        let requested = self.requested(); // G5: stays set until the next take
        state.counts.forced_drops += u64::from(requested);
        if let Some(place) = state.signals.post()
            && !cfg!(conlab_weaken = "G2")
        {
            self.freed[place].notify_one(); // G2
        }
        requested
    }

    /// The second half of a drop that was asked for: sleeps until another thread than `thread` has taken the lock, or it is
    /// closed.
    pub fn await_hand_over(&self, thread: u64) {
        let mut hand_over = sync::lock(&self.hand_over); // G4
        if hand_over.last_holder == thread {
            // Nobody has taken it yet, so this is still the request that was addressed to us.
            self.drop_request.store(false, Relaxed); // G5
        }
        // Ends by G3. A wake-up for no reason goes round again.
        while hand_over.last_holder == thread && !self.closed.load(Relaxed) {
            // G7
            if cfg!(conlab_weaken = "G4") {
                drop(hand_over);
                hand_over = sync::lock(&self.hand_over);
            }
            hand_over.droppers += 1;
            hand_over = sync::wait(&self.taken, hand_over);
            let left = if cfg!(conlab_weaken = "G4-flag") { 0 } else { hand_over.droppers - 1 };
            hand_over.droppers = left;
        }
    }

    /// Whether a waiter asks for the lock: the holder's check, one relaxed load.
    #[inline]
    #[must_use]
    pub fn requested(&self) -> bool {
        self.drop_request.load(Relaxed) // G5
    }

    /// Drops the lock and takes it again: what the holder does when its check says so.
    #[cold]
    pub fn yield_to_request(&self, thread: u64) -> Taken {
        self.drop_lock(thread);
        self.take(thread)
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> GilCounts {
        sync::lock(&self.state).counts
    }

    /// How long a waiter waits before it asks.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }
}

/// Whether a waiter asks for the lock after a round that began at `switches`: the round is over, the lock held, and by the same thread as
/// then. A thread that took it meanwhile has a whole round first.
fn asks(timed_out: bool, state: &State, switches: u64) -> bool {
    timed_out && state.held && state.counts.switches == switches
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_asks_only_the_holder_it_has_waited_for() {
        let state = |held, switches| State {
            held,
            signals: Signals::default(),
            counts: GilCounts { switches, ..GilCounts::default() },
        };
        assert!(asks(true, &state(true, 3), 3));
        assert!(!asks(false, &state(true, 3), 3), "it was signalled");
        assert!(!asks(true, &state(false, 3), 3), "it is free");
        assert!(!asks(true, &state(true, 4), 3), "another thread has taken it meanwhile");
    }
}
