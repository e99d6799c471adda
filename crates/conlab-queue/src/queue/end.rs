//! The tickets of one end of a ring: who wins the next.
//!
//! # Protocol
//!
//! At first an end is *shared*: `word` is the next ticket, which is won by a compare-exchange. A thread that won very
//! many tickets in a row, or had to win one against others, gets a *lease*: `word` then names its *seat*, the next ticket stands
//! in the seat's `cursor`, and the thread takes tickets by plain loads and stores, at a third of the cost.
//!
//! | `word`                     | next ticket | who may take it                                         |
//! |----------------------------|-------------|---------------------------------------------------------|
//! | a ticket                   | `word`      | everybody, by compare-exchange                          |
//! | `LEASED`, seat             | `cursor`    | the seat's owner                                        |
//! | `LEASED`, `WANTED`, seat   | `cursor`    | the same, who gives the end back after a handful        |
//! | `LEASED`, `RECALLED`, seat | `cursor`    | nobody for now: a recall is under way                   |
//! | `CLOSED`, a ticket         | none        | nobody                                                  |
//!
//! - The holder *claims* ticket `t` by storing the ticket after it to `cursor`, then looks at `word` again. If that still
//!   names it, `t` is its own. If not, the claim is *disputed*: it waits until the recall is over.
//! - Whoever else needs the end says so (`WANTED`) and waits while the holder gets on: at the next multiple of [`HANDFUL`]
//!   the holder *gives it back*, and the next to win it against others gets the lease. So under contention the end changes hands once
//!   in a handful of tickets, not once a ticket.
//! - Where the holder does not get on (it does something else, sleeps or has ended), the lease is *recalled*. A recall, one at a time
//!   under the lock of `places`, takes the owner's right out of `word`, looks at `cursor`, notes where the lease ended, and makes the end
//!   shared from there on. A claim that it saw stands; one that it did not see is void.
//! - A seat belongs to one thread for as long as that lives, because a void claim may reach its cursor late. When as many living threads
//!   as there are seats have one, further threads share.
//! - A lease lasts for [`QUANTUM`] tickets at most; then its holder gives it back and lets others run, so that those who
//!   wait for a processor get their share of the work.
//! - Leases that are recalled early make the next ones rarer.
//!
//! # Orderings
//!
//! - B1 (claim against recall): the holder makes a light barrier between storing `cursor` and looking at `word`; the
//!   recall a heavy one between taking the right out and looking at `cursor`. Then the holder sees the recall, or the
//!   recall sees the claim, or both.
//! - B2: if both, the note decides, and only the note.
//! - B3: the re-check before sleep (P4 of the ring) recalls a lease and then reads the shared end by a
//!   read-modify-write. So it meets the holder's claim, or the holder's next ticket is won by the compare-exchange that
//!   P4 speaks of.
//! - B4: a seat passes on only after its owner has ended, as its [life](crate::sync) says: the owner's stores to `cursor` come before.
//! - B5: the holder gives back where its cursor stands, under the lock of `places`, and only if nobody has recalled before it got that.
//! - A lease is granted between winning a ticket and filling or emptying its slot. No re-check in between finds nothing to
//!   do, so the Acquire of that win covers the pushes and pops under the lease as well, and the grant is Relaxed. `WANTED` is a hint:
//!   Relaxed, set by a compare-exchange so that it never meets a ticket.
//! - P3, P4: see the ring.

use crate::sync::{
    AtomicUsize, Life, Mutex,
    Ordering::{self, AcqRel, Acquire, Relaxed},
    Padded, heavy_barrier, heavy_barriers_work, life, light_barrier, lock, step_back, tenant, thread,
    thread_token,
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
/// Beside `LEASED`: the lease is being recalled; another thread waits for the end.
const RECALLED: usize = 1 << 8;
const WANTED: usize = 1 << 9;

const CHECKED: bool = cfg!(any(loom, shuttle));
/// For comparison (`benches/many-processors.sh`): leases are recalled at once, and no lease is made for being won against others.
const PLAIN: bool = cfg!(conlab_weaken = "plain-leases");

/// Living threads that can have held a lease of one end.
const SEATS: usize = if CHECKED { 2 } else { 64 };
/// Who won is looked at where tickets pass a multiple of this.
const SAMPLED: usize = 64;
/// How many sampled tickets in a row make a lease, at first and at most: it doubles while leases are recalled early.
const RUN: usize = 16;
const LONGEST_RUN: usize = 1 << 14;
/// A lease of this many tickets was worth its recall, which costs some microseconds. Far below [`QUANTUM`], or no lease is.
const WORTH: usize = 5_000;
/// A lease that others want ends at tickets divisible by this: a few microseconds under full load, some ten times what it takes
/// to change hands.
pub(super) const HANDFUL: usize = if CHECKED { 2 } else { 256 };
/// Any lease ends at tickets divisible by this, about a third of a millisecond apart under full load.
const QUANTUM: usize = if CHECKED { 4 } else { 1 << 16 };
/// A lease for the sake of others that was recalled before this many tickets was no use.
const USEFUL: usize = HANDFUL / 4;
/// Most tickets won against others between two tries of such a lease: it doubles while they are no use.
const SHYEST: usize = 1 << 12;
/// Looks at a lease that gets on before a thread that may not block ends it, and one that may gives its processor up.
const LOOKS: u32 = if CHECKED { 1 } else { 12 };

/// One end of a ring.
#[derive(Debug)]
pub(super) struct End {
    hot: Padded<Hot>,
    places: Mutex<[Place; SEATS]>,
    /// Tickets between samples, less one; no bits of a ticket are left of it where there are no leases.
    sampled: usize,
}

#[derive(Debug)]
struct Hot {
    word: AtomicUsize,
    /// Hints about who won the sampled tickets, how many in a row, and how many it takes.
    winner: AtomicUsize,
    run: AtomicUsize,
    long_run: AtomicUsize,
    /// Hints about tickets won against others: how many until the next try of a lease, and until the one after.
    shy: AtomicUsize,
    shyness: AtomicUsize,
    seats: [Seat; SEATS],
}

/// Where a thread takes its tickets.
#[derive(Debug)]
struct Seat {
    /// The token of the thread that has it, of which only that thread needs the newest value; 0 if none had it yet.
    owner: AtomicUsize,
    cursor: AtomicUsize,
}

/// Whether a seat's owner lives, and where its last lease began and ended.
#[derive(Debug, Default)]
struct Place {
    life: Option<std::sync::Arc<Life>>,
    began: usize,
    ended: usize,
}

/// A lease of the calling thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    /// The word without `WANTED`.
    word: usize,
    /// The ticket to claim next.
    pub(super) ticket: usize,
}

/// One wait for an end that another thread has.
#[derive(Debug, Default)]
pub(super) struct Wait {
    /// The lease and the cursor at the last look.
    seen: Option<(usize, usize)>,
    looks: u32,
}

impl End {
    /// Ticket 0 is next. Under the model checkers there are no leases, unless they are `eager`: then the winner of any
    /// ticket gets one at once.
    pub(super) fn new(eager: bool) -> Self {
        let sampled = match (eager, CHECKED) {
            (true, _) => 0,
            (false, true) => usize::MAX,
            (false, false) => SAMPLED - 1,
        };
        heavy_barriers_work(); // from the start, so that light barriers are free
        let number = AtomicUsize::new;
        Self {
            hot: Padded(Hot {
                word: number(0),
                winner: number(0),
                run: number(0),
                long_run: number(if eager { 0 } else { RUN }),
                shy: number(0),
                shyness: number(0),
                seats: std::array::from_fn(|_| Seat { owner: number(0), cursor: number(0) }),
            }),
            places: Mutex::new(std::array::from_fn(|_| Place::default())),
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
        if word & LEASED == 0 { word } else { self.seat(word).cursor.load(Relaxed) }
    }

    /// The next ticket of a leased end, or the one after it while a claim is disputed; `None` when the end is shared.
    pub(super) fn cursor(&self) -> Option<usize> {
        let word = self.hot.word.load(Relaxed);
        (word & LEASED != 0).then(|| self.seat(word).cursor.load(Relaxed))
    }

    #[inline]
    fn seat(&self, word: usize) -> &Seat {
        &self.hot.seats[word % SEATS]
    }

    /// Whether the calling thread has the lease that `word` speaks of.
    #[inline]
    fn is_mine(&self, word: usize) -> bool {
        word & (LEASED | RECALLED) == LEASED && self.seat(word).owner.load(Relaxed) == tenant()
    }

    /// The lease of the calling thread, if it holds one. When others want the end, or its quantum is over, it ends, and if the
    /// thread may block, it lets others run.
    #[inline]
    pub(super) fn lease<const MAY_BLOCK: bool>(&self) -> Option<Lease> {
        let word = self.hot.word.load(Relaxed);
        if !self.is_mine(word) {
            return None;
        }
        let ticket = self.seat(word).cursor.load(Relaxed);
        if ticket.is_multiple_of(HANDFUL) && (word & WANTED != 0 || ticket.is_multiple_of(QUANTUM)) {
            self.give_back::<MAY_BLOCK>();
            return None;
        }
        Some(Lease { word: word & !WANTED, ticket })
    }

    /// Whether `lease` was not recalled yet.
    #[inline]
    pub(super) fn holds(&self, lease: Lease) -> bool {
        self.hot.word.load(Relaxed) & !WANTED == lease.word
    }

    /// Claims the tickets of `lease` up to `next`, which must not lie beyond a multiple of [`HANDFUL`]. Says whether they are the
    /// caller's.
    #[inline]
    pub(super) fn claim(&self, lease: Lease, next: usize) -> bool {
        self.seat(lease.word).cursor.store(next, Relaxed);
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
        lock(&self.places)[lease.word % SEATS].ended != lease.ticket // B2
    }

    /// Wins the tickets from `ticket` up to `next` of a shared end, or says what stands there instead. `contended`: the caller lost
    /// one to another thread before.
    #[inline]
    pub(super) fn win(&self, ticket: usize, next: usize, contended: bool) -> Result<(), usize> {
        self.hot.word.compare_exchange_weak(ticket, next, WIN, Relaxed)?; // P4
        if (ticket ^ next) & !self.sampled != 0 {
            self.sample();
        } else if contended {
            self.won_against_others();
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
        if run >= self.hot.long_run.load(Relaxed) {
            self.grant(me);
        }
    }

    /// The caller won a ticket that others wanted at the same time: a lease spares them all most of that.
    #[cold]
    fn won_against_others(&self) {
        match self.hot.shy.load(Relaxed) {
            0 if self.sampled != usize::MAX && !PLAIN => self.grant(thread_token()),
            0 => {}
            shy => self.hot.shy.store(shy - 1, Relaxed),
        }
    }

    /// Gives the end to the calling thread, if it is shared and there is a seat.
    fn grant(&self, me: usize) {
        if !heavy_barriers_work() {
            return;
        }
        let Some(life) = life() else { return };
        let mut places = lock(&self.places);
        self.hot.run.store(0, Relaxed);
        let ticket = self.hot.word.load(Relaxed);
        if ticket & !TICKET != 0 {
            return;
        }
        let Some(number) = self.seat_for(me, &places) else { return };
        let (seat, place) = (&self.hot.seats[number], &mut places[number]);
        seat.owner.store(me, Relaxed);
        seat.cursor.store(ticket, Relaxed);
        place.life = Some(life);
        let lease = LEASED | number;
        if self.hot.word.compare_exchange(ticket, lease, Relaxed, Relaxed).is_ok() {
            (place.began, place.ended) = (ticket, ticket);
        }
    }

    /// The seat of the thread with the token `me`, or one that it may have.
    fn seat_for(&self, me: usize, places: &[Place; SEATS]) -> Option<usize> {
        let mine = self.hot.seats.iter().position(|seat| seat.owner.load(Relaxed) == me);
        let free = |place: &Place| {
            let ended = place.life.as_ref().is_none_or(|life| life.has_ended()); // B4
            ended || cfg!(conlab_weaken = "B4")
        };
        mine.or_else(|| places.iter().position(free))
    }

    /// The end was seen leased to another thread: waits a little while the holder gets on, else ends the lease.
    #[cold]
    pub(super) fn await_turn<const MAY_BLOCK: bool>(&self, wait: &mut Wait) {
        let word = self.hot.word.load(Relaxed);
        if word & LEASED == 0 {
            return;
        }
        let (lease, cursor) = (word & !WANTED, self.seat(word).cursor.load(Relaxed));
        let patient = !PLAIN && (wait.looks < LOOKS || (MAY_BLOCK && !CHECKED));
        if word & RECALLED != 0 || wait.seen == Some((lease, cursor)) || !patient {
            self.recall();
            return;
        }
        wait.seen = Some((lease, cursor));
        if word & WANTED == 0 {
            // Fails when the lease is over or another said so first.
            let _ = self.hot.word.compare_exchange(word, word | WANTED, Relaxed, Relaxed);
        }
        // Only the word is watched, which the holder reads; a look at its cursor costs it a crossing.
        for _ in 0..1 << wait.looks.min(3) {
            step_back();
            if self.hot.word.load(Relaxed) & !WANTED != lease {
                return;
            }
        }
        if wait.looks >= LOOKS {
            thread::yield_now();
        } else {
            wait.looks += 1;
        }
    }

    /// Ends the lease, if there is one: the end is shared afterwards.
    #[cold]
    fn recall(&self) {
        let mut places = lock(&self.places);
        self.recall_under(&mut places);
    }

    fn recall_under(&self, places: &mut [Place; SEATS]) {
        let word = self.hot.word.load(Relaxed);
        if word & LEASED == 0 {
            return;
        }
        let number = word % SEATS;
        self.hot.word.store(LEASED | RECALLED | number, Relaxed);
        if !cfg!(conlab_weaken = "B1-heavy") {
            heavy_barrier(); // B1
        }
        let ended = self.hot.seats[number].cursor.load(Relaxed);
        places[number].ended = ended; // B2
        self.learn(ended.wrapping_sub(places[number].began) & TICKET);
        self.hot.word.store(ended, Relaxed);
    }

    /// A lease was recalled after about so many tickets: the shorter, the rarer are the next ones.
    fn learn(&self, lasted: usize) {
        let hot = &self.hot;
        let long_run = hot.long_run.load(Relaxed);
        let long_run = if lasted < WORTH { (long_run * 2).min(LONGEST_RUN) } else { long_run.min(RUN) };
        hot.long_run.store(long_run, Relaxed);
        hot.run.store(0, Relaxed);
        let shyness = hot.shyness.load(Relaxed);
        let shyness = if lasted < USEFUL { (shyness * 2).clamp(1, SHYEST) } else { 0 };
        hot.shyness.store(shyness, Relaxed);
        hot.shy.store(shyness, Relaxed);
    }

    /// The calling thread's lease is over.
    #[cold]
    fn give_back<const MAY_BLOCK: bool>(&self) {
        let places = lock(&self.places);
        let word = self.hot.word.load(Relaxed);
        // B5: a recall may have come first.
        if self.is_mine(word) || cfg!(conlab_weaken = "B5") {
            self.hot.run.store(0, Relaxed);
            self.hot.word.store(self.seat(word).cursor.load(Relaxed), Relaxed);
        }
        if word & WANTED != 0 {
            self.hot.shyness.store(0, Relaxed);
            self.hot.shy.store(0, Relaxed);
        }
        drop(places);
        if word & WANTED != 0 {
            // Whoever waits is on its feet: this thread would win the next ticket before they notice.
            step_back();
            step_back();
        } else if MAY_BLOCK {
            thread::yield_now();
        }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Whether `end` is leased.
    fn is_leased(end: &End) -> bool {
        end.word() & LEASED != 0
    }

    /// Wins tickets from `end` until one makes a lease, at most `most`.
    fn win_a_lease(end: &End, most: usize) -> bool {
        (0..most).any(|_| {
            let ticket = end.word();
            end.win(ticket, ticket + 1, false).is_ok() && is_leased(end)
        })
    }

    #[test]
    fn no_token_reaches_the_bits_of_the_word() {
        for token in [1 << 24, 1 << 25, usize::MAX / 2, usize::MAX - 1] {
            let end = End::new(false);
            end.grant(token);
            assert_eq!(end.word() & (CLOSED | LEASED), LEASED, "token {token:#x}");
            end.recall();
            assert_eq!(end.word(), 0, "token {token:#x}");
        }
    }

    #[test]
    fn holders_that_have_ended_leave_their_seats_to_others() {
        let end = End::new(false);
        for holder in 0..3 * SEATS {
            let leased = std::thread::scope(|scope| {
                scope.spawn(|| win_a_lease(&end, SAMPLED * LONGEST_RUN * 2)).join().unwrap()
            });
            assert!(leased, "holder {holder} got no lease");
            end.recall();
        }
    }

    #[test]
    fn living_holders_keep_their_seats() {
        let end = &End::new(true);
        let gate = &std::sync::Barrier::new(SEATS + 1);
        let turn = &std::sync::Mutex::new(()); // no grant finds another thread's lease
        let late = std::thread::scope(|scope| {
            for _ in 0..SEATS {
                scope.spawn(move || {
                    let held = turn.lock().unwrap();
                    end.grant(thread_token());
                    end.recall();
                    drop(held);
                    gate.wait(); // everybody had a lease
                    gate.wait(); // and lives until the other thread has asked
                });
            }
            gate.wait();
            let late = scope.spawn(|| {
                end.grant(thread_token());
                is_leased(end)
            });
            let late = late.join();
            gate.wait(); // before any assertion: a failed one would leave the others waiting
            late
        });
        assert!(!late.unwrap(), "a seat was taken from a living thread");
        end.grant(thread_token());
        assert!(is_leased(end), "the others have ended");
    }

    /// Another thread looks at `end` once.
    fn look(end: &End, wait: &mut Wait) {
        std::thread::scope(|scope| {
            scope.spawn(|| end.await_turn::<true>(wait));
        });
    }

    #[test]
    fn a_wanted_lease_is_given_back_after_a_handful() {
        let end = End::new(true);
        end.win(0, 1, false).unwrap(); // leased to this thread now
        look(&end, &mut Wait::default());
        assert!(is_leased(&end), "the first look ends no lease");
        let mut taken = 0;
        while let Some(lease) = end.lease::<false>() {
            assert!(end.claim(lease, lease.ticket + 1));
            taken += 1;
        }
        assert_eq!((taken, end.word()), (HANDFUL - 1, HANDFUL));
    }

    #[test]
    fn a_lease_whose_holder_does_not_get_on_is_recalled() {
        let end = End::new(true);
        end.win(0, 1, false).unwrap();
        let mut wait = Wait::default();
        look(&end, &mut wait);
        look(&end, &mut wait);
        assert_eq!(end.word(), 1);
        assert!(end.lease::<false>().is_none());
    }

    #[test]
    fn an_unwanted_lease_lasts_for_a_quantum() {
        let end = End::new(true);
        end.win(0, 1, false).unwrap();
        while let Some(lease) = end.lease::<false>() {
            assert!(end.claim(lease, lease.ticket + 1));
        }
        assert_eq!(end.word(), QUANTUM);
    }

    #[test]
    fn leases_won_against_others_get_rare_when_they_are_no_use() {
        let end = End::new(false);
        let mut wins_between = Vec::new();
        let mut wins = 0;
        for ticket in 0.. {
            if wins_between.len() == 6 {
                break;
            }
            // Recalled at once: the holder did nothing with it.
            end.recall();
            let ticket = ticket * 1_000 % SAMPLED; // never sampled
            end.hot.word.store(ticket, Relaxed);
            end.win(ticket, ticket | 1, true).unwrap();
            wins += 1;
            if is_leased(&end) {
                wins_between.push(wins);
                wins = 0;
            }
        }
        assert_eq!(wins_between, [1, 2, 3, 5, 9, 17]);
    }
}
