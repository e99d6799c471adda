//! The tickets of one end of a ring: who wins the next.
//!
//! # Protocol
//!
//! At first an end is *shared*: `word` is the next ticket, which is won by a compare-exchange. A thread that won very
//! many tickets in a row gets a *lease*: `word` then names it, the next ticket stands in a `cursor` of its own, and it
//! takes tickets by plain loads and stores, at a third of the cost. Whoever else needs the end *recalls* the lease.
//!
//! | `word`                    | next ticket     | who may take it                         |
//! |---------------------------|-----------------|-----------------------------------------|
//! | a ticket                  | `word`          | everybody, by compare-exchange          |
//! | `LEASED`, token, place    | `cursor[place]` | the thread with that token              |
//! | `LEASED`, no token, place | `cursor[place]` | nobody for now: a recall is under way   |
//! | `CLOSED`, a ticket        | none            | nobody                                  |
//!
//! - The holder *claims* ticket `t` by storing the ticket after it to `cursor`, then looks at `word` again. If that still
//!   names it, `t` is its own. If not, the claim is *disputed*: it waits until the recall is over.
//! - A recall, one at a time under the lock of `places`, takes the name out of `word`, looks at `cursor`, notes where the
//!   lease ended, and makes the end shared from there on. A claim that it saw stands; one that it did not see is void.
//! - A place belongs to one thread for ever, because a void claim may reach its cursor late. When all are given away,
//!   further threads share.
//! - A lease lasts for [`QUANTUM`] tickets at most; then its holder gives it back and lets others run, so that those who
//!   wait for a processor get their share of the work.
//!
//! # Orderings
//!
//! - B1 (claim against recall): the holder makes a light barrier between storing `cursor` and looking at `word`; the
//!   recall a heavy one between taking the name out and looking at `cursor`. Then the holder sees the recall, or the
//!   recall sees the claim, or both.
//! - B2: if both, the note decides, and only the note.
//! - B3: the re-check before sleep (P4 of the ring) recalls a lease and then reads the shared end by a
//!   read-modify-write. So it meets the holder's claim, or the holder's next ticket is won by the compare-exchange that
//!   P4 speaks of.
//! - A lease is granted between winning a ticket and filling or emptying its slot. No re-check in between finds nothing to
//!   do, so the Acquire of that win covers the pushes and pops under the lease as well, and the grant is Relaxed.
//! - P3, P4: see the ring.

use crate::sync::{
    AtomicUsize, Mutex,
    Ordering::{self, AcqRel, Acquire, Relaxed},
    Padded, heavy_barrier, heavy_barriers_work, light_barrier, lock, thread_token,
};

/// The orderings of the rules, by name; the variants of the loom tests weaken one each.
const WIN: Ordering = if cfg!(conlab_weaken = "P4-win") { Relaxed } else { Acquire };
const RECHECK: Ordering = if cfg!(conlab_weaken = "P4-recheck") { Relaxed } else { AcqRel };

/// No ticket is won any more.
pub(super) const CLOSED: usize = !(usize::MAX >> 1);
/// One thread has the end to itself.
const LEASED: usize = CLOSED >> 1;
/// The bits of a ticket.
pub(super) const TICKET: usize = LEASED - 1;

/// Threads that can ever hold a lease of one end.
const PLACES: usize = if cfg!(any(loom, shuttle)) { 2 } else { 64 };
/// Which tickets are looked at for their winner: those with these bits all set.
const SAMPLED: usize = 63;
/// How many sampled tickets in a row make a lease, at first and at most: it doubles while leases are recalled early.
const RUN: usize = 16;
const LONGEST_RUN: usize = 1 << 14;
/// A lease of this many tickets was worth its recall, which costs some microseconds. Far below [`QUANTUM`], or no lease is.
const WORTH: usize = 5_000;
/// A lease ends at tickets divisible by this, about a third of a millisecond apart under full load.
const QUANTUM: usize = 1 << 16;

/// One end of a ring.
#[derive(Debug)]
pub(super) struct End {
    hot: Padded<Hot>,
    places: Mutex<[Place; PLACES]>,
    sampled: usize,
}

#[derive(Debug)]
struct Hot {
    word: AtomicUsize,
    /// Hints about who won the sampled tickets, how many in a row, and how many it takes.
    winner: AtomicUsize,
    run: AtomicUsize,
    long_run: AtomicUsize,
    cursors: [AtomicUsize; PLACES],
}

/// Whose place it is (0: nobody's yet), and where its last lease began and ended.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    owner: usize,
    began: usize,
    ended: usize,
}

/// A lease of the calling thread, as it saw it last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    word: usize,
    /// The ticket to claim next.
    pub(super) ticket: usize,
}

impl End {
    /// Ticket 0 is next. Under the model checkers there are no leases, unless they are `eager`: then the winner of any
    /// ticket gets one at once.
    pub(super) fn new(eager: bool) -> Self {
        let sampled = match (eager, cfg!(any(loom, shuttle))) {
            (true, _) => 0,
            (false, true) => usize::MAX,
            (false, false) => SAMPLED,
        };
        heavy_barriers_work(); // from the start, so that light barriers are free
        let number = AtomicUsize::new;
        Self {
            hot: Padded(Hot {
                word: number(0),
                winner: number(0),
                run: number(0),
                long_run: number(if eager { 0 } else { RUN }),
                cursors: std::array::from_fn(|_| number(0)),
            }),
            places: Mutex::new([Place::default(); PLACES]),
            sampled,
        }
    }

    /// The next ticket if the end is shared; else a value with a bit that no ticket has.
    #[inline]
    pub(super) fn word(&self) -> usize {
        self.hot.word.load(Relaxed) // P3
    }

    /// The next ticket, with `CLOSED` if it is; a hint, unless closed.
    #[inline]
    pub(super) fn position(&self) -> usize {
        let word = self.hot.word.load(Acquire);
        if word & LEASED == 0 { word } else { self.hot.cursors[word % PLACES].load(Relaxed) }
    }

    /// The lease of the calling thread, if it holds one. When its quantum is over it ends, and if the thread may block,
    /// it lets others run.
    #[inline]
    pub(super) fn lease<const MAY_BLOCK: bool>(&self) -> Option<Lease> {
        let word = self.hot.word.load(Relaxed);
        if word & LEASED == 0 || holder(word) != thread_token() {
            return None;
        }
        let ticket = self.hot.cursors[word % PLACES].load(Relaxed);
        if ticket.is_multiple_of(QUANTUM) {
            self.give_back();
            if MAY_BLOCK {
                crate::sync::thread::yield_now();
            }
            return None;
        }
        Some(Lease { word, ticket })
    }

    /// Whether `lease` was not recalled yet.
    #[inline]
    pub(super) fn holds(&self, lease: Lease) -> bool {
        self.hot.word.load(Relaxed) == lease.word
    }

    /// Claims the ticket of `lease`, after which `next` follows. Says whether it is the caller's.
    #[inline]
    pub(super) fn claim(&self, lease: Lease, next: usize) -> bool {
        self.hot.cursors[lease.word % PLACES].store(next, Relaxed);
        if !cfg!(conlab_weaken = "B1-light") {
            light_barrier(); // B1
        }
        self.holds(lease) || self.stands(lease)
    }

    /// Whether the recall that came between saw the claim.
    #[cold]
    fn stands(&self, lease: Lease) -> bool {
        if cfg!(conlab_weaken = "B2-stands") || cfg!(conlab_weaken = "B2-void") {
            return cfg!(conlab_weaken = "B2-stands");
        }
        lock(&self.places)[lease.word % PLACES].ended != lease.ticket // B2
    }

    /// Wins `ticket` of a shared end, after which `next` follows, or says what stands there instead.
    #[inline]
    pub(super) fn win(&self, ticket: usize, next: usize) -> Result<(), usize> {
        self.hot.word.compare_exchange_weak(ticket, next, WIN, Relaxed)?; // P4
        if ticket & self.sampled == self.sampled {
            self.sample();
        }
        Ok(())
    }

    /// The caller won a sampled ticket: has it won many in a row?
    #[cold]
    fn sample(&self) {
        let me = thread_token();
        let again = self.hot.winner.load(Relaxed) == me;
        let run = if again { self.hot.run.load(Relaxed) + 1 } else { 0 };
        self.hot.winner.store(me, Relaxed);
        self.hot.run.store(run, Relaxed);
        if run >= self.hot.long_run.load(Relaxed) && heavy_barriers_work() {
            self.grant(me);
        }
    }

    /// Gives the end to the calling thread, if it is shared and there is a place.
    fn grant(&self, me: usize) {
        let mut places = lock(&self.places);
        self.hot.run.store(0, Relaxed);
        let Some(place) = places.iter().position(|place| place.owner == me || place.owner == 0) else {
            return;
        };
        let ticket = self.hot.word.load(Relaxed);
        if ticket & !TICKET != 0 {
            return;
        }
        self.hot.cursors[place].store(ticket, Relaxed);
        let lease = LEASED | (me * PLACES + place);
        if self.hot.word.compare_exchange(ticket, lease, Relaxed, Relaxed).is_ok() {
            places[place] = Place { owner: me, began: ticket, ended: ticket };
        }
    }

    /// Ends the lease, if there is one: the end is shared afterwards.
    #[cold]
    pub(super) fn recall(&self) {
        let mut places = lock(&self.places);
        self.recall_under(&mut places);
    }

    fn recall_under(&self, places: &mut [Place; PLACES]) {
        let word = self.hot.word.load(Relaxed);
        if word & LEASED == 0 {
            return;
        }
        let place = word % PLACES;
        self.hot.word.store(LEASED | place, Relaxed);
        if !cfg!(conlab_weaken = "B1-heavy") {
            heavy_barrier(); // B1
        }
        let ended = self.hot.cursors[place].load(Relaxed);
        places[place].ended = ended; // B2
        let short = (ended.wrapping_sub(places[place].began) & TICKET) < WORTH;
        let long_run = self.hot.long_run.load(Relaxed);
        let long_run = if short { (long_run * 2).min(LONGEST_RUN) } else { long_run.min(RUN) };
        self.hot.long_run.store(long_run, Relaxed);
        self.hot.run.store(0, Relaxed);
        self.hot.word.store(ended, Relaxed);
    }

    /// The calling thread's lease is over.
    #[cold]
    fn give_back(&self) {
        let places = lock(&self.places);
        let word = self.hot.word.load(Relaxed);
        // A recall may have come first.
        if word & LEASED != 0 && holder(word) == thread_token() {
            self.hot.run.store(0, Relaxed);
            self.hot.word.store(self.hot.cursors[word % PLACES].load(Relaxed), Relaxed);
        }
        drop(places);
    }

    /// Reads the end by a read-modify-write, as P4 asks, after ending a lease (B3).
    pub(super) fn recheck(&self) -> usize {
        if cfg!(conlab_weaken = "P4-plain") {
            return self.position();
        }
        loop {
            let word = self.hot.word.fetch_add(0, RECHECK);
            if word & LEASED == 0 {
                return word;
            }
            if cfg!(conlab_weaken = "B3") {
                return self.position();
            }
            self.recall();
        }
    }

    /// Lets no further ticket be won.
    pub(super) fn close(&self) {
        let mut places = lock(&self.places);
        self.recall_under(&mut places);
        self.hot.word.fetch_or(CLOSED, AcqRel);
    }
}

/// The token in a leased `word`; no thread's while a recall is under way.
#[inline]
fn holder(word: usize) -> usize {
    (word & TICKET) / PLACES
}
