//! Alarms: what happens to waits that last too long, and what happens to the whole system at some instants (events that
//! stop actors, a quota that is used up).
//!
//! A thread that is stopped is taken off its core, or not let onto one, and lies blocked until the stop is over; what is
//! left of its work stays. A thread that waits for a core meanwhile is stopped when it gets one.

use super::program::index;
use super::world::{EventKind, NONE, World};
use crate::machine::{CoreId, State};
use crate::measure::record::{EventRecord, QuotaRecord};
use crate::measure::{Cause, Outcome};
use crate::random::{Source, Stream};
use crate::scenario::{EventSpec, Quota, Scenario};
use crate::workload::Draw;

/// What an alarm is for. A task's alarm belongs to one wait, which an epoch names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alarm {
    /// A pause of its own is over.
    Rouse { task: u32, epoch: u32 },
    /// A task has been in its queue for too long.
    QueueTimeout { task: u32, epoch: u32 },
    /// A task has waited for a place for too long.
    PoolTimeout { task: u32, epoch: u32, pool: u32 },
    /// The answers to a call have not come in time.
    CallTimeout { task: u32, epoch: u32 },
    /// A part of a call has had no answer for long enough to ask once more.
    Hedge { task: u32, epoch: u32, part: u32 },
    /// An event begins.
    EventBegins { event: u32 },
    /// An event is over.
    EventEnds { event: u32 },
    /// A period of the quota begins.
    Period,
    /// The quota may be used up.
    Quota,
}

/// Alarms that are set, by number.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: Vec<Alarm>,
    free: Vec<u32>,
}

/// Numbers below this one belong to the measured window's own events.
const FIRST: u32 = 2;

/// An event while the run is under way.
#[derive(Debug)]
struct Event {
    spec: EventSpec,
    active: bool,
    began: u64,
    happened: u64,
    figures: EventRecord,
}

/// A quota while the run is under way.
#[derive(Debug)]
struct Allowance {
    spec: Quota,
    /// What may be used until the next period, less than nothing after an overrun.
    left: i64,
    /// Processor time of all workers when `left` was right.
    seen: u64,
    exhausted_at: Option<u64>,
    figures: QuotaRecord,
}

/// Whom events and the quota keep off the cores.
#[derive(Debug)]
pub(super) struct Stops {
    /// Whether anybody is kept off now.
    pub(super) any: bool,
    events: Vec<Event>,
    /// Events that stop everybody, and by actor those that stop it.
    everybody: u32,
    actors: Vec<u32>,
    quota: Option<Allowance>,
    held: Vec<u32>,
}

impl Stops {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let event = |spec: &EventSpec| Event {
            spec: spec.clone(),
            active: false,
            began: 0,
            happened: 0,
            figures: EventRecord::default(),
        };
        let quota = |spec: Quota| Allowance {
            spec,
            left: spec.time().0.cast_signed(),
            seen: 0,
            exhausted_at: None,
            figures: QuotaRecord {
                quota_ns: spec.time().0,
                period_ns: spec.period.0,
                ..QuotaRecord::default()
            },
        };
        Self {
            any: false,
            events: scenario.events.iter().map(event).collect(),
            everybody: 0,
            actors: vec![0; scenario.actors.len()],
            quota: scenario.host.quota.map(quota),
            held: Vec::new(),
        }
    }

    /// Forgets what happened before the measured window; processor time is counted anew from there.
    pub(super) fn reset(&mut self) {
        self.events.iter_mut().for_each(|event| event.figures = EventRecord::default());
        if let Some(quota) = &mut self.quota {
            quota.seen = 0;
            quota.figures = QuotaRecord { periods: 0, throttled: 0, throttled_ns: 0, ..quota.figures };
        }
    }

    /// Why a thread of `actor` may not run now.
    fn reason(&self, actor: u32) -> Option<Cause> {
        if self.quota.as_ref().is_some_and(|quota| quota.exhausted_at.is_some()) {
            return Some(Cause::Throttled);
        }
        (self.everybody > 0 || self.actors[actor as usize] > 0).then_some(Cause::Paused)
    }

    fn note_any(&mut self) {
        self.any = (0..self.actors.len()).any(|actor| self.reason(index(actor)).is_some());
    }
}

impl World<'_> {
    /// Sets an alarm.
    pub(super) fn set_alarm(&mut self, at: u64, alarm: Alarm) {
        let alarms = &mut self.more.alarms;
        let number = if let Some(number) = alarms.free.pop() {
            alarms.set[number as usize] = alarm;
            number
        } else {
            alarms.set.push(alarm);
            index(alarms.set.len() - 1)
        };
        self.schedule(at, EventKind::Window, FIRST + number);
    }

    /// Sets the alarms that do not belong to a task.
    pub(super) fn start_stops(&mut self) {
        for event in 0..self.more.stops.events.len() {
            let at = self.more.stops.events[event].spec.at.0;
            self.set_alarm(at, Alarm::EventBegins { event: index(event) });
        }
        if let Some(quota) = &self.more.stops.quota {
            let period = quota.spec.period.0;
            self.set_alarm(period, Alarm::Period);
            self.set_alarm(0, Alarm::Quota);
        }
    }

    /// An alarm goes off.
    pub(super) fn alarm(&mut self, number: u32) {
        let alarm = self.more.alarms.set[(number - FIRST) as usize];
        self.more.alarms.free.push(number - FIRST);
        let meant = |world: &Self, task: u32, epoch: u32| {
            world.tasks[task as usize].actor != NONE && world.more.extras[task as usize].epoch == epoch
        };
        match alarm {
            Alarm::Rouse { task, epoch } if meant(self, task, epoch) => self.rouse(task, NONE),
            Alarm::QueueTimeout { task, epoch } if meant(self, task, epoch) => {
                self.leave_queue(task);
                self.discard(task, Outcome::TimedOut, NONE);
            }
            Alarm::PoolTimeout { task, epoch, pool } if meant(self, task, epoch) => {
                self.pool_timed_out(task, pool);
            }
            Alarm::CallTimeout { task, epoch } if meant(self, task, epoch) => self.call_timed_out(task),
            Alarm::Hedge { task, epoch, part } if meant(self, task, epoch) => self.hedge_due(task, part),
            Alarm::EventBegins { event } => self.event_begins(event),
            Alarm::EventEnds { event } => self.event_ends(event),
            Alarm::Period => self.period_begins(),
            Alarm::Quota => self.look_at_quota(),
            // The wait is over.
            _ => {}
        }
    }

    fn draw_for_event(&self, event: u32, turn: u64, draw: &Draw) -> u64 {
        draw.sample(&mut Stream::new(self.seed, Source::Event, u64::from(event), turn), turn).0
    }

    fn event_begins(&mut self, event: u32) {
        let now = self.now;
        let state = &self.more.stops.events[event as usize];
        let (turn, spec) = (state.happened, state.spec.clone());
        let length = self.draw_for_event(event, 2 * turn, &spec.length);
        if let Some(every) = &spec.every {
            let gap = self.draw_for_event(event, 2 * turn + 1, every).max(length).max(1);
            self.set_alarm(now + gap, Alarm::EventBegins { event });
        }
        let stops = &mut self.more.stops;
        let state = &mut stops.events[event as usize];
        state.active = true;
        state.began = now;
        state.happened += 1;
        state.figures.count += 1;
        match (spec.kill, spec.pause) {
            (Some(_), _) => {}
            (None, Some(actor)) => stops.actors[actor] += 1,
            (None, None) => stops.everybody += 1,
        }
        // Its end comes before another beginning at the same instant, as it is set before.
        self.set_alarm(now + length, Alarm::EventEnds { event });
        match spec.kill {
            Some(kill) => self.kill(kill, now + length),
            None => self.stop(),
        }
    }

    fn event_ends(&mut self, event: u32) {
        let now = self.now;
        let window = if self.window_open { self.window_start } else { now };
        let stops = &mut self.more.stops;
        let state = &mut stops.events[event as usize];
        state.active = false;
        state.figures.total_ns += now - state.began.max(window).min(now);
        match (state.spec.kill, state.spec.pause) {
            (Some(_), _) => {}
            (None, Some(actor)) => stops.actors[actor] -= 1,
            (None, None) => stops.everybody -= 1,
        }
        self.go_on_all();
    }

    /// Takes everybody off the cores who may not run.
    fn stop(&mut self) {
        self.more.stops.note_any();
        for core in 0..self.charges.cores {
            if let Some(thread) = self.machine.running_on(CoreId(core))
                && let Some(cause) = self.kept_off(thread.0)
            {
                self.machine.stop_burst(thread);
                self.hold(thread.0, cause);
            }
        }
    }

    /// Why a thread may not run now; threads that issue load always may.
    pub(super) fn kept_off(&self, thread: u32) -> Option<Cause> {
        if thread as usize >= self.workers {
            return None;
        }
        self.more.stops.reason(self.home(self.threads[thread as usize].actor))
    }

    /// Keeps a thread that is on a core off it.
    pub(super) fn hold(&mut self, thread: u32, cause: Cause) {
        debug_assert!(self.state_of(thread) == State::Running);
        self.more.stops.held.push(thread);
        self.block(thread, cause);
    }

    /// Lets everybody run who may.
    fn go_on_all(&mut self) {
        self.more.stops.note_any();
        for thread in std::mem::take(&mut self.more.stops.held) {
            if self.kept_off(thread).is_some() {
                self.more.stops.held.push(thread);
            } else {
                self.make_ready_by_timer(thread);
            }
        }
    }

    /// Processor time of all workers since the run or its measured window began.
    fn processor_time(&self) -> u64 {
        let noted: u64 = self.accounts[..self.accounts.len() - 1].iter().map(|account| account.on_cpu).sum();
        let running = (0..self.charges.cores).filter_map(|core| self.machine.running_on(CoreId(core)));
        let workers = running.filter(|thread| thread.index() < self.workers);
        noted + workers.map(|thread| self.machine.unaccounted(thread).0).sum::<u64>()
    }

    /// Takes what was used since the last look off the quota; what is left.
    fn use_quota(&mut self) -> Option<i64> {
        let used = self.processor_time();
        let quota = self.more.stops.quota.as_mut()?;
        quota.left -= used.saturating_sub(quota.seen).cast_signed();
        quota.seen = used;
        Some(quota.left)
    }

    fn look_at_quota(&mut self) {
        let cores = i64::from(self.charges.cores);
        let Some(left) = self.use_quota() else { return };
        let now = self.now;
        let Some(quota) = &mut self.more.stops.quota else { return };
        if left <= 0 {
            quota.exhausted_at = Some(now);
            quota.figures.throttled += 1;
            self.stop();
            return;
        }
        // Not before all cores together could have used it up; beyond the next period somebody else looks.
        let soonest = now + (left / cores).max(1).cast_unsigned();
        let next = (now / quota.spec.period.0 + 1) * quota.spec.period.0;
        if soonest < next {
            self.set_alarm(soonest, Alarm::Quota);
        }
    }

    fn period_begins(&mut self) {
        self.use_quota();
        let now = self.now;
        let window = if self.window_open { self.window_start } else { now };
        let Some(quota) = &mut self.more.stops.quota else { return };
        let time = quota.spec.time().0.cast_signed();
        // What is left over is lost; an overrun is paid for.
        quota.left = quota.left.min(0) + time;
        quota.figures.periods += 1;
        let period = quota.spec.period.0;
        if let Some(since) = quota.exhausted_at.take() {
            quota.figures.throttled_ns += now - since.max(window).min(now);
        }
        self.set_alarm(now + period, Alarm::Period);
        self.go_on_all();
        self.look_at_quota();
    }

    /// The events of the scenario by number, and the quota.
    pub(super) fn stop_records(&self) -> (Vec<EventRecord>, Option<QuotaRecord>) {
        let (now, start) = (self.now, self.window_start);
        let event = |event: &Event| EventRecord {
            total_ns: event.figures.total_ns
                + if event.active { now.saturating_sub(event.began.max(start)) } else { 0 },
            ..event.figures
        };
        let quota = |quota: &Allowance| QuotaRecord {
            throttled_ns: quota.figures.throttled_ns
                + quota.exhausted_at.map_or(0, |since| now.saturating_sub(since.max(start))),
            ..quota.figures
        };
        let stops = &self.more.stops;
        (stops.events.iter().map(event).collect(), stops.quota.as_ref().map(quota))
    }
}
