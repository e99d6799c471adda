//! Cores, the run queue, slices and preemption.
//!
//! # Model
//!
//! One run queue in order of becoming runnable serves all cores while none is idle. A thread that becomes runnable takes
//! an idle core at once (the one it was on last, if that is idle) and starts after the wake-up latency; else it
//! queues. A core whose thread blocks takes the head of the queue and starts it after the switch cost. A thread that
//! has run for a slice while others wait goes to the tail. A thread that wakes up and has slept for longer than it ran
//! before preempts a running one which has had its `grain`; this is what is left here of EEVDF's virtual times.
//!
//! Placement: where more than half of the cores' time is in use, the kernel hardly looks for an idle core. A thread that
//! wakes up then stays on its own, busy one most of the time (`stays`), before or behind the thread there. Those who
//! wait so are *bound*: nobody else's idle core takes them until the kernel's tick (`balance`). Who has just lost the
//! interpreter lock to a thread on its own core waits for that thread like this.
//!
//! Tickless: while nobody waits, a slice's end is not scheduled; it is when somebody starts to wait.

use super::world::{Kind, NONE, State, World};
use crate::measure::Cause;

/// Cores that are looked at when one has to be chosen; on larger hosts a sample of the next ones.
const LOOKED_AT: u32 = 8;
/// How recently a thread must have run for the kernel not to move it: Linux's `sched_migration_cost`.
const CACHE_HOT: u64 = 500_000;

/// The set of idle cores.
#[derive(Debug)]
pub(super) struct IdleCores {
    words: Vec<u64>,
    count: u32,
    /// No word before this one has a bit.
    first: usize,
}

impl IdleCores {
    pub(super) fn all(cores: u32) -> Self {
        let mut set = Self { words: vec![0; cores.div_ceil(64) as usize], count: 0, first: 0 };
        (0..cores).for_each(|core| set.insert(core));
        set
    }

    /// Whether there is one.
    pub(super) const fn any(&self) -> bool {
        self.count > 0
    }

    fn insert(&mut self, core: u32) {
        let word = core as usize / 64;
        self.words[word] |= 1 << (core % 64);
        self.count += 1;
        self.first = self.first.min(word);
    }

    fn remove(&mut self, core: u32) {
        self.words[core as usize / 64] &= !(1 << (core % 64));
        self.count -= 1;
    }

    /// Whether `core` is idle.
    const fn contains(&self, core: u32) -> bool {
        self.words.as_slice()[core as usize / 64] >> (core % 64) & 1 == 1
    }

    /// Takes `preferred` if it is idle, else the lowest idle core.
    fn take(&mut self, preferred: u32) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        let core = if preferred != NONE && self.words[preferred as usize / 64] >> (preferred % 64) & 1 == 1 {
            preferred
        } else {
            while self.words[self.first] == 0 {
                self.first += 1;
            }
            u32::try_from(self.first * 64).unwrap_or(0) + self.words[self.first].trailing_zeros()
        };
        self.remove(core);
        Some(core)
    }
}

/// Mean number of busy cores over the last tens of milliseconds, as the kernel's load tracking averages it.
#[derive(Debug, Default)]
pub(super) struct Use {
    /// In parts of `ONE` per core.
    level: u64,
    at: u64,
}

impl Use {
    const ONE: u64 = 1 << 20;
    /// The half-life of 32 ms of the kernel, as a time constant: a multiple of 1024, so that a whole one is exactly all.
    const MEMORY: u64 = 45_000 << 10;

    /// Moves on to `now`, `busy` cores having been in use since the last change.
    #[inline]
    fn advance(&mut self, now: u64, busy: u32, tick: u64) {
        if tick > 0 {
            self.level = self.level_at(now, busy);
            self.at = now;
        }
    }

    /// The level at `now`: first order, exact enough for the short times between two changes.
    fn level_at(&self, now: u64, busy: u32) -> u64 {
        let time = (now - self.at).min(Self::MEMORY);
        let target = u64::from(busy) * Self::ONE;
        if target >= self.level {
            self.level + (target - self.level) / 1024 * time / (Self::MEMORY / 1024)
        } else {
            self.level - (self.level - target) / 1024 * time / (Self::MEMORY / 1024)
        }
    }

    /// Whether more than half of `cores` is in use.
    fn is_high(&self, now: u64, busy: u32, cores: u32) -> bool {
        2 * self.level_at(now, busy) > u64::from(cores) * Self::ONE
    }
}

impl World<'_> {
    /// Accounts a thread's time since its mark, and its task's, to the state it was in, and changes the state.
    #[inline]
    pub(super) fn transition(&mut self, index: u32, to: State) {
        let thread = &mut self.threads[index as usize];
        let from = std::mem::replace(&mut thread.state, to);
        let time = self.now - thread.mark;
        if time > 0 {
            thread.mark = self.now;
            self.account(index, from, time);
        }
    }

    /// Accounts `time` of a thread, and of its task, to the state that it was in.
    fn account(&mut self, index: u32, from: State, time: u64) {
        let thread = &self.threads[index as usize];
        let task = thread.task;
        let account = &mut self.accounts[thread.account as usize];
        let cause = match from {
            State::Running => {
                account.on_cpu += time;
                if thread.spinning {
                    account.spinning += time;
                    Cause::Lock
                } else {
                    account.work += if task == NONE { 0 } else { time };
                    Cause::Execution
                }
            }
            State::Ready => {
                account.run_queue += time;
                Cause::RunQueue
            }
            State::Blocked => {
                account.blocked += time;
                account.idle += if task == NONE { time } else { 0 };
                thread.waits
            }
        };
        if self.timeline.wanted() {
            self.note_span(index, from, cause, time);
        }
        if task != NONE {
            self.note_time(task, cause, time);
        }
    }

    /// Makes a blocked thread runnable that another thread has woken.
    pub(super) fn make_ready(&mut self, index: u32) {
        self.make_ready_after(index, self.charges.wake);
    }

    /// Makes a blocked thread runnable whose timer fired: the processor that took the interrupt runs it, so nobody has
    /// to be roused.
    pub(super) fn make_ready_by_timer(&mut self, index: u32) {
        self.make_ready_after(index, self.charges.switch);
    }

    fn make_ready_after(&mut self, index: u32, latency: u64) {
        debug_assert!(self.threads[index as usize].state == State::Blocked, "thread {index} is awake");
        let thread = &self.threads[index as usize];
        let (preferred, stint) = (thread.core, thread.stint);
        let entitled = self.now - thread.mark >= u64::from(stint);
        self.transition(index, State::Ready);
        if self.sticks(preferred) {
            self.queue_at(preferred, index, entitled);
            return;
        }
        if let Some(core) = self.take_idle(preferred) {
            self.assign(core, index, latency);
            return;
        }
        if entitled
            && self.charges.grain != u64::MAX
            && let Some(core) = self.victim(preferred)
        {
            if core == self.active {
                self.cores[core as usize].preempt = true;
                self.run_queue.push_front(index);
            } else {
                self.evict(core, false);
                self.assign(core, index, self.charges.switch);
            }
            return;
        }
        self.run_queue.push_back(index);
        self.arm();
    }

    /// Whether a thread that wakes up stays on its core, which is busy, although another is idle: where more than half
    /// of the cores' time is in use, the kernel looks for an idle one only now and then.
    fn sticks(&mut self, core: u32) -> bool {
        self.charges.balance > 0
            && core != NONE
            && self.idle_cores.any()
            && !self.idle_cores.contains(core)
            && self.use_of_cores.is_high(self.now, self.busy(), self.charges.cores)
            && self.kernel.below(1000) < self.charges.stays
    }

    /// Cores that are not idle.
    fn busy(&self) -> u32 {
        self.charges.cores - self.idle_cores.count
    }

    /// Takes an idle core, the preferred one if it is idle.
    fn take_idle(&mut self, preferred: u32) -> Option<u32> {
        self.use_of_cores.advance(self.now, self.busy(), self.charges.balance);
        self.idle_cores.take(preferred)
    }

    /// A thread waits for its own core while others are idle: until the core is free, or until the kernel's tick finds
    /// it there. A thread that was on the processor a moment ago is not moved.
    fn queue_at(&mut self, core: u32, index: u32, entitled: bool) {
        let state = &self.cores[core as usize];
        let fits = !state.starting && self.now - state.slice_start >= self.charges.grain;
        if entitled && fits && core != self.active {
            self.evict(core, false);
            self.assign(core, index, self.charges.switch);
            return;
        }
        let state = &mut self.cores[core as usize];
        if entitled && fits {
            state.preempt = true;
            state.bound.push_front(index);
        } else {
            state.bound.push_back(index);
        }
        self.await_balance(core);
    }

    /// Schedules the tick that moves whoever waits for `core` to an idle one.
    fn await_balance(&mut self, core: u32) {
        if !std::mem::replace(&mut self.cores[core as usize].balancing, true) {
            let tick = self.charges.balance;
            let at = ((self.now + CACHE_HOT) / tick + 1) * tick;
            self.schedule(at, Kind::Balance, 0, core);
        }
    }

    /// The kernel's tick: whoever still waits for this core goes to an idle one, or into the queue for all.
    pub(super) fn balance(&mut self, core: u32) {
        self.cores[core as usize].balancing = false;
        while let Some(thread) = self.cores[core as usize].bound.pop_front() {
            if let Some(idle) = self.take_idle(NONE) {
                self.assign(idle, thread, self.charges.wake);
            } else {
                self.run_queue.push_back(thread);
                self.arm();
            }
        }
    }

    /// A core whose thread has had its grain: the preferred one, else any of those looked at.
    fn victim(&self, preferred: u32) -> Option<u32> {
        let fits = |core: u32| {
            let state = &self.cores[core as usize];
            !state.starting
                && !state.preempt
                && self.now.saturating_sub(state.slice_start) >= self.charges.grain
        };
        if preferred != NONE && fits(preferred) {
            return Some(preferred);
        }
        (0..self.charges.cores.min(LOOKED_AT)).find(|core| fits(*core))
    }

    /// Schedules the end of a slice, now that somebody waits: on the core whose slice ends first.
    fn arm(&mut self) {
        if self.charges.slice == u64::MAX {
            return;
        }
        let chosen = (0..self.charges.cores.min(LOOKED_AT))
            .map(|offset| {
                // On larger hosts, begin at a core that moves with the queue's length.
                let length = u32::try_from(self.run_queue.len()).unwrap_or(0);
                if self.charges.cores > LOOKED_AT { (length + offset) % self.charges.cores } else { offset }
            })
            .filter(|core| !self.cores[*core as usize].armed)
            .min_by_key(|core| self.slice_end(*core));
        let Some(core) = chosen else { return };
        self.cores[core as usize].armed = true;
        if !self.cores[core as usize].starting && core != self.active {
            self.stop_burst(core);
            self.burst(core);
        }
    }

    /// When the current slice of a core ends: slices that ended while nobody waited were renewed.
    fn slice_end(&self, core: u32) -> u64 {
        let start = self.cores[core as usize].slice_start;
        let over = self.now.saturating_sub(start) / self.charges.slice;
        start.saturating_add((over + 1).saturating_mul(self.charges.slice))
    }

    /// Gives a core to a ready thread, which starts after `latency`.
    fn assign(&mut self, core: u32, thread: u32, latency: u64) {
        let state = &mut self.cores[core as usize];
        state.current = thread;
        state.starting = true;
        state.armed = false;
        state.preempt = false;
        state.generation = state.generation.wrapping_add(1);
        let generation = state.generation;
        if latency == 0 {
            self.starting.push_back((core, generation));
        } else {
            self.schedule(self.now + latency, Kind::Start, generation, core);
        }
    }

    /// A core's thread starts, or goes on after something was granted to it.
    pub(super) fn start(&mut self, core: u32) {
        let now = self.now;
        let state = &mut self.cores[core as usize];
        let thread = state.current;
        if state.starting {
            state.starting = false;
            state.slice_start = now;
            self.transition(thread, State::Running);
            let thread = self.thread(thread);
            let moved = thread.core != core && thread.core != NONE;
            thread.core = core;
            self.migrations += u64::from(moved);
        }
        self.go_on(core);
    }

    /// A core's burst or slice is over.
    pub(super) fn burst_over(&mut self, core: u32) {
        self.stop_burst(core);
        self.go_on(core);
    }

    /// Runs a core's thread: the rest of its burst, or what comes next.
    fn go_on(&mut self, core: u32) {
        let thread = self.cores[core as usize].current;
        if self.threads[thread as usize].remaining > 0 {
            self.burst(core);
        } else {
            self.active = core;
            self.resume(thread);
            self.active = NONE;
        }
    }

    /// Takes the time that a core has run since its burst began off the burst.
    pub(super) fn stop_burst(&mut self, core: u32) {
        let now = self.now;
        let state = &mut self.cores[core as usize];
        state.generation = state.generation.wrapping_add(1);
        let ran = now - state.burst_start;
        state.burst_start = now;
        let thread = state.current;
        let thread = self.thread(thread);
        thread.remaining = thread.remaining.saturating_sub(ran);
    }

    /// Runs a core's thread until its burst or its slice is over; a spinning thread has no end of its own.
    pub(super) fn burst(&mut self, core: u32) {
        let now = self.now;
        let state = &mut self.cores[core as usize];
        let somebody_waits = !self.run_queue.is_empty() || !state.bound.is_empty();
        state.burst_start = now;
        let thread = &self.threads[state.current as usize];
        let mut end = if thread.spinning { u64::MAX } else { now + thread.remaining };
        let preempted = std::mem::take(&mut state.preempt);
        let ran = now - state.slice_start;
        let sliced_out = state.armed && ran >= self.charges.slice;
        if somebody_waits && (preempted || sliced_out) {
            // Whoever preempts is at the head already.
            let head = if preempted { self.take_next(core) } else { None };
            self.evict(core, !preempted);
            match head {
                Some(thread) => self.assign(core, thread, self.charges.switch),
                None => self.next_thread(core),
            }
            return;
        }
        if self.charges.slice != u64::MAX {
            // A slice that ended while nobody waited is renewed.
            state.slice_start = now - ran % self.charges.slice;
            state.armed = somebody_waits;
            if somebody_waits {
                end = end.min(state.slice_start.saturating_add(self.charges.slice));
            }
        }
        if end != u64::MAX {
            let generation = self.cores[core as usize].generation;
            self.schedule(end, Kind::Burst, generation, core);
        }
    }

    /// Takes the thread off a core, runnable: to the tail of the run queue when its slice is over, else to the head, as it goes
    /// on when whoever preempted it sleeps. While other cores are idle it stays in its own core's queue.
    fn evict(&mut self, core: u32, slice_over: bool) {
        self.stop_burst(core);
        let thread = self.cores[core as usize].current;
        self.transition(thread, State::Ready);
        let account = self.threads[thread as usize].account;
        self.accounts[account as usize].involuntary += 1;
        let own = self.charges.balance > 0 && self.idle_cores.any();
        let queue = if own { &mut self.cores[core as usize].bound } else { &mut self.run_queue };
        if slice_over {
            queue.push_back(thread);
        } else {
            queue.push_front(thread);
        }
        if own {
            self.await_balance(core);
        }
    }

    /// The head of a core's own queue, else of the one for all.
    fn take_next(&mut self, core: u32) -> Option<u32> {
        let own = self.cores[core as usize].bound.pop_front();
        own.or_else(|| self.run_queue.pop_front())
    }

    /// Gives a core to the head of its own queue or of the one for all, or lets it idle.
    fn next_thread(&mut self, core: u32) {
        if let Some(thread) = self.take_next(core) {
            self.assign(core, thread, self.charges.switch);
        } else {
            let state = &mut self.cores[core as usize];
            state.current = NONE;
            state.armed = false;
            state.preempt = false;
            state.generation = state.generation.wrapping_add(1);
            self.use_of_cores.advance(
                self.now,
                self.charges.cores - self.idle_cores.count,
                self.charges.balance,
            );
            self.idle_cores.insert(core);
        }
    }

    /// Takes a running thread off its core until something wakes it.
    pub(super) fn block(&mut self, index: u32, waits: Cause) {
        self.transition(index, State::Blocked);
        let thread = self.thread(index);
        thread.waits = waits;
        let core = thread.core;
        let ran = self.now - self.cores[core as usize].slice_start;
        self.thread(index).stint = u32::try_from(ran).unwrap_or(u32::MAX);
        let account = self.threads[index as usize].account;
        self.accounts[account as usize].voluntary += 1;
        self.next_thread(core);
    }

    /// Starts a burst of a thread that is on its core, for all the work given to it.
    pub(super) fn work_for(&mut self, index: u32, nanos: u64) {
        let thread = self.thread(index);
        thread.remaining = nanos;
        let core = thread.core;
        self.burst(core);
    }

    /// Pays what a thread owes; whether it had to.
    pub(super) fn settle(&mut self, index: u32) -> bool {
        let debt = std::mem::take(&mut self.thread(index).debt);
        if debt > 0 {
            self.work_for(index, debt);
        }
        debt > 0
    }
}
