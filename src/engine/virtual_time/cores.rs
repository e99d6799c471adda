//! Cores, the run queue, slices and preemption.
//!
//! # Model
//!
//! A thread that becomes runnable takes an idle core at once (the one it was on last, if that is idle) and starts after the
//! wake-up latency; else it queues. A core whose thread blocks takes the next one and starts it after the switch cost. Who
//! is next, and who has to give way, is the policy's:
//!
//! - On a host with a kernel's tick, [`eevdf`](super::eevdf).
//! - On one without, first come, first served: one queue in order of becoming runnable serves all cores while none is idle, and a
//!   thread that has run for a slice while others wait goes to its tail. Nobody gives way to a thread that wakes up.
//!
//! Tickless: while nobody waits, a slice's end is not scheduled; it is when somebody starts to wait.

use super::world::{EventKind, NONE, State, World};
use crate::measure::Cause;

/// Cores that are looked at for the next end of a slice; on larger hosts the next ones in turn.
const LOOKED_AT: u32 = 8;

/// A set of cores.
#[derive(Debug)]
pub(super) struct CoreSet {
    words: Vec<u64>,
    count: u32,
    /// No word before this one has a bit.
    first: usize,
}

impl CoreSet {
    pub(super) fn none(cores: u32) -> Self {
        Self { words: vec![0; cores.div_ceil(64) as usize], count: 0, first: 0 }
    }

    pub(super) fn all(cores: u32) -> Self {
        let mut set = Self::none(cores);
        (0..cores).for_each(|core| set.insert(core));
        set
    }

    /// Whether there is one.
    pub(super) const fn any(&self) -> bool {
        self.count > 0
    }

    /// Adds a core that is not in it.
    pub(super) fn insert(&mut self, core: u32) {
        debug_assert!(!self.contains(core), "core {core} is in the set");
        let word = core as usize / 64;
        self.words[word] |= 1 << (core % 64);
        self.count += 1;
        self.first = self.first.min(word);
    }

    /// Takes out a core that is in it.
    pub(super) fn remove(&mut self, core: u32) {
        debug_assert!(self.contains(core), "core {core} is not in the set");
        self.words[core as usize / 64] &= !(1 << (core % 64));
        self.count -= 1;
    }

    /// Whether `core` is in it.
    pub(super) const fn contains(&self, core: u32) -> bool {
        self.words.as_slice()[core as usize / 64] >> (core % 64) & 1 == 1
    }

    /// Its cores in rising order, beginning behind `core` and going around.
    pub(super) fn after(&self, core: u32) -> impl Iterator<Item = u32> + '_ {
        let here = core as usize / 64;
        let low = u64::MAX >> (63 - core % 64);
        let words = self.words.len();
        // The word of `core` comes twice: its part behind the core first, the rest at the end.
        (0..=words).flat_map(move |offset| {
            let word = (here + offset) % words;
            let mask = if offset == 0 {
                !low
            } else if offset == words {
                low
            } else {
                u64::MAX
            };
            Bits(if self.count == 0 { 0 } else { self.words[word] & mask })
                .map(move |bit| u32::try_from(word * 64).unwrap_or(0) + bit)
        })
    }

    /// `preferred` if it is in it, else its lowest core.
    pub(super) fn peek(&mut self, preferred: u32) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        if preferred != NONE && self.contains(preferred) {
            return Some(preferred);
        }
        while self.words[self.first] == 0 {
            self.first += 1;
        }
        Some(u32::try_from(self.first * 64).unwrap_or(0) + self.words[self.first].trailing_zeros())
    }
}

/// The bits of a word that are set, from the lowest.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros())?;
        self.0 &= self.0 - 1;
        Some(bit)
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

    /// Makes a blocked thread runnable that `waker` has woken, or nobody; whether another core had to be interrupted for it.
    pub(super) fn make_ready(&mut self, index: u32, waker: u32) -> bool {
        let near = if waker == NONE { index } else { waker };
        let latency = self.wake_latency();
        self.make_ready_after(index, self.threads[near as usize].core, latency)
    }

    /// Makes a blocked thread runnable whose timer fired: the processor that took the interrupt runs it, so nobody has
    /// to be roused.
    pub(super) fn make_ready_by_timer(&mut self, index: u32) {
        self.make_ready_after(index, self.threads[index as usize].core, self.charges.switch);
    }

    fn make_ready_after(&mut self, index: u32, near: u32, latency: u64) -> bool {
        debug_assert!(self.threads[index as usize].state == State::Blocked, "thread {index} is awake");
        self.transition(index, State::Ready);
        if let Some(eevdf) = self.charges.eevdf {
            return self.eevdf_wake(eevdf, index, near, latency);
        }
        if let Some(core) = self.idle_cores.peek(self.threads[index as usize].core) {
            self.take_core(core);
            self.assign(core, index, latency);
            return true;
        }
        self.run_queue.push_back(index);
        self.arm();
        false
    }

    /// An idle core is idle no longer.
    pub(super) fn take_core(&mut self, core: u32) {
        self.idle_cores.remove(core);
        if self.charges.eevdf.is_some() {
            self.cores[core as usize].used.advance(self.now, false);
        }
    }

    /// A core has nothing to do.
    pub(super) fn idle(&mut self, core: u32) {
        let state = &mut self.cores[core as usize];
        state.current = NONE;
        state.armed = false;
        state.preempt = false;
        state.generation = state.generation.wrapping_add(1);
        if self.charges.eevdf.is_some() {
            state.used.advance(self.now, true);
        }
        self.idle_cores.insert(core);
    }

    /// Schedules the end of a slice, now that somebody waits: on the core whose slice ends first.
    fn arm(&mut self) {
        if self.charges.slice == u64::MAX {
            return;
        }
        let cores = self.charges.cores;
        let from = if cores > LOOKED_AT { self.looked_at } else { 0 };
        // Each turn looks at the next cores, so that no thread keeps its core although others wait.
        self.looked_at = (from + LOOKED_AT) % cores;
        let chosen = (0..cores.min(LOOKED_AT))
            .map(|offset| (from + offset) % cores)
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
    pub(super) fn assign(&mut self, core: u32, thread: u32, latency: u64) {
        let eevdf = self.charges.eevdf.is_some();
        let state = &mut self.cores[core as usize];
        if eevdf {
            state.eevdf.choose();
        }
        state.current = thread;
        state.starting = true;
        state.armed = false;
        state.preempt = false;
        state.generation = state.generation.wrapping_add(1);
        let generation = state.generation;
        if latency == 0 {
            self.starting.push_back((core, generation));
        } else {
            self.schedule(self.now + latency, EventKind::Start, generation, core);
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
            if self.charges.eevdf.is_some() {
                state.eevdf.begin(now);
            }
            self.transition(thread, State::Running);
            let state = self.thread(thread);
            let moved = state.core != core && state.core != NONE;
            state.core = core;
            self.migrations += u64::from(moved);
        }
        if self.more.stops.any
            && let Some(cause) = self.kept_off(thread)
        {
            self.hold(thread, cause);
            return;
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
        state.burst_start = now;
        let thread = &self.threads[state.current as usize];
        // One that spins for a bounded time has some left.
        let endless = thread.spinning && thread.remaining == 0;
        let mut end = if endless { u64::MAX } else { now + thread.remaining };
        if self.charges.eevdf.is_some() {
            if std::mem::take(&mut state.preempt) {
                self.yield_core(core);
                return;
            }
        } else if self.charges.slice != u64::MAX {
            let somebody_waits = !self.run_queue.is_empty();
            let ran = now - state.slice_start;
            if somebody_waits && state.armed && ran >= self.charges.slice {
                self.evict(core);
                return;
            }
            if ran >= self.charges.slice {
                // A slice that ended while nobody waited is renewed.
                state.slice_start = now - ran % self.charges.slice;
            }
            state.armed = somebody_waits;
            if somebody_waits {
                end = end.min(state.slice_start.saturating_add(self.charges.slice));
            }
        }
        if end != u64::MAX {
            let generation = self.cores[core as usize].generation;
            self.schedule(end, EventKind::Burst, generation, core);
        }
    }

    /// Takes the thread off a core, to the tail of the run queue.
    fn evict(&mut self, core: u32) {
        let thread = self.interrupt(core);
        self.run_queue.push_back(thread);
        self.next_thread(core);
    }

    /// Ends the burst of the thread on a core, which could go on; returns it.
    pub(super) fn interrupt(&mut self, core: u32) -> u32 {
        self.stop_burst(core);
        let thread = self.cores[core as usize].current;
        self.transition(thread, State::Ready);
        let account = self.threads[thread as usize].account;
        self.accounts[account as usize].involuntary += 1;
        thread
    }

    /// Gives a core to the next thread, or lets it idle.
    fn next_thread(&mut self, core: u32) {
        if let Some(eevdf) = self.charges.eevdf {
            self.eevdf_next(eevdf, core);
        } else if let Some(thread) = self.run_queue.pop_front() {
            self.assign(core, thread, self.charges.switch);
        } else {
            self.idle(core);
        }
    }

    /// Takes a running thread off its core until something wakes it.
    pub(super) fn block(&mut self, index: u32, waits: Cause) {
        self.transition(index, State::Blocked);
        let thread = self.thread(index);
        thread.waits = waits;
        let core = thread.core;
        let account = self.threads[index as usize].account;
        self.accounts[account as usize].voluntary += 1;
        if let Some(eevdf) = self.charges.eevdf {
            self.eevdf_block(eevdf, core);
        }
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
