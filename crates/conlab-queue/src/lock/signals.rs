//! A condition's signals, and who may take them: the C library's two groups of waiters.
//!
//! A signal is for the elder group until there has been one for each of its waiters; then the newcomers become that group.
//! Within the group whoever looks first takes it. That is the sleeper that was woken for it, unless a waiter has
//! just joined and is not asleep yet: the latter is quicker. The sleeper then finds nothing, and its wait goes on as if it had not been
//! woken. Rust's own condition would let it return. A waiter whose time is over belongs to its group until it looks; while
//! one is late, newcomers cannot take the signal.
//!
//! Plain values, guarded by the mutex of the condition. The groups sleep apart, so that a sleeper of the right one is woken.

/// Who waits, and which signals are on their way.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Waiters that ever joined; their numbers are tickets.
    joined: u64,
    /// Tickets from this one on, and below `boundary`, are the elder group. For each one before, there has been a signal.
    start: u64,
    /// Tickets from this one on are newcomers.
    boundary: u64,
    /// Signals for the elder group that nobody has taken.
    posted: usize,
    /// Waiters of the elder group beyond those.
    unsignalled: usize,
    /// Waiters that came after it.
    newcomers: usize,
    /// Where newcomers sleep, 0 or 1; the elder group sleeps in the other place.
    place: usize,
}

impl Signals {
    /// Joins the waiters, before the first sleep: the ticket for [`take`](Self::take), and where to sleep.
    pub(super) const fn join(&mut self) -> (u64, usize) {
        self.newcomers += 1;
        self.joined += 1;
        (self.joined - 1, self.place)
    }

    /// Posts a signal, unless there is one for each waiter already. Tells where to wake a sleeper.
    pub(super) const fn post(&mut self) -> Option<usize> {
        if self.unsignalled == 0 {
            if self.newcomers == 0 {
                return None;
            }
            self.start = self.boundary; // G6
            if !cfg!(conlab_weaken = "G6") {
                self.boundary = self.joined; // G6
            }
            self.unsignalled = self.newcomers;
            self.newcomers = 0;
            self.posted = 0;
            self.place = 1 - self.place;
        }
        self.unsignalled -= 1;
        self.posted += 1;
        Some(1 - self.place)
    }

    /// Takes a signal, if there is one for this ticket.
    pub(super) const fn take(&mut self, ticket: u64) -> bool {
        if ticket < self.start {
            return true;
        }
        let takes = self.posted > 0 && ticket < self.boundary; // G6
        if takes {
            self.posted -= 1;
        }
        takes
    }

    /// Leaves the waiters, right after having looked in vain for a signal for the last time.
    pub(super) const fn leave(&mut self, ticket: u64) {
        if ticket < self.boundary {
            self.unsignalled -= 1;
        } else {
            self.newcomers -= 1;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Signals;

    #[test]
    fn a_signal_is_for_the_elder_group_and_for_one_of_it() {
        let mut signals = Signals::default();
        assert!(signals.post().is_none(), "nobody waits");
        let ((first, place), (second, _)) = (signals.join(), signals.join());
        assert_eq!(signals.post(), Some(place));
        let (late, elsewhere) = signals.join();
        assert_ne!(place, elsewhere, "the groups sleep apart");
        assert!(!signals.take(late), "it came after the signal");
        assert!(signals.take(second), "whoever looks first");
        assert!(!signals.take(first), "it is gone");
        assert_eq!(signals.post(), Some(place), "the elder group is not through");
        assert!(!signals.take(late), "a newcomer still");
        assert_eq!(signals.post(), Some(elsewhere));
        assert!(signals.take(first), "there has been one for each of its group");
        assert!(signals.take(late));
        assert!(signals.post().is_none(), "everybody has left");
    }

    #[test]
    fn who_leaves_without_a_signal_is_not_waited_for() {
        let mut signals = Signals::default();
        let ((first, place), (second, _)) = (signals.join(), signals.join());
        assert_eq!(signals.post(), Some(place));
        assert!(signals.take(first));
        let (late, elsewhere) = signals.join();
        assert!(!signals.take(second));
        signals.leave(second);
        assert_eq!(signals.post(), Some(elsewhere));
        assert!(signals.take(late));
        let (alone, _) = signals.join();
        assert!(!signals.take(alone));
        signals.leave(alone);
        assert!(signals.post().is_none(), "nobody waits");
    }
}
