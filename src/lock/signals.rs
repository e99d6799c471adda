//! A condition's signals, and who may take them: what the C library's two groups of waiters come to.
//!
//! A signal is for one of those who wait when it is posted, never for one who comes later. Whoever looks first takes it.
//! That is the sleeper that was woken for it, unless a waiter has just joined and is not asleep yet: the latter is
//! quicker. The sleeper then finds nothing, and its wait goes on as if it had not been woken. Rust's own condition
//! would let it return.
//!
//! Plain values, guarded by the mutex of the condition.

/// Who waits, and which signals are on their way.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Waiters that ever joined; their numbers are tickets.
    joined: u64,
    /// Those that have not left.
    waiting: usize,
    /// Signals that nobody has taken; at most one for each waiter with a ticket below `reach`.
    posted: usize,
    /// Tickets below this one may take a signal.
    reach: u64,
}

impl Signals {
    /// Joins the waiters, before the first sleep; the ticket is for [`take`](Self::take).
    pub(super) const fn join(&mut self) -> u64 {
        self.waiting += 1;
        self.joined += 1;
        self.joined - 1
    }

    /// Posts a signal for one of those who wait now; not if there is one for each already. Tells whether to wake a
    /// sleeper.
    pub(super) const fn post(&mut self) -> bool {
        if self.posted == self.waiting {
            return false;
        }
        self.posted += 1;
        if !cfg!(conlab_weaken = "G6") {
            self.reach = self.joined; // G6
        }
        true
    }

    /// Takes a signal, if there is one for this ticket.
    pub(super) const fn take(&mut self, ticket: u64) -> bool {
        let takes = self.posted > 0 && ticket < self.reach; // G6
        if takes {
            self.posted -= 1;
        }
        takes
    }

    /// Leaves the waiters, right after having looked for a signal for the last time.
    pub(super) fn leave(&mut self) {
        self.waiting -= 1;
        debug_assert!(self.posted <= self.waiting, "a signal without a waiter");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Signals;

    #[test]
    fn a_signal_is_for_those_who_waited_and_for_one_of_them() {
        let mut signals = Signals::default();
        assert!(!signals.post(), "nobody waits");
        let (first, second) = (signals.join(), signals.join());
        assert!(signals.post());
        let late = signals.join();
        assert!(!signals.take(late), "it came after the signal");
        assert!(signals.take(second), "whoever looks first");
        signals.leave();
        assert!(!signals.take(first), "it is gone");
        assert!(signals.post());
        assert!(signals.take(late) || signals.take(first), "both waited for this one");
    }

    #[test]
    fn there_are_never_more_signals_than_waiters() {
        let mut signals = Signals::default();
        let ticket = signals.join();
        assert!(signals.post());
        assert!(!signals.post(), "its signal is still on its way");
        assert!(signals.take(ticket));
        signals.leave();
        let next = signals.join();
        assert!(!signals.take(next), "no signal was left behind");
    }
}
