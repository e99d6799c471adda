//! The state of a simulated system: everything is a plain value in a vector, and an index names it.

use super::bytecode::Bytecode;
use super::caches::CacheModel;
use super::charges::Charges;
use super::locks::Lock;
use super::timeline::Recorder;
use crate::machine::{Machine, MachineEvent, Roused, Scheduler};
use crate::measure::{CAUSES, Cause, Epoch, Ledger, PLAIN_CAUSES, TaskTimes};
use crate::model::Program;
use crate::random::{Stream, Streams};
use crate::scenario::{Layout, Scenario};
use crate::units::Nanos;
use crate::workload::Draw;
use std::collections::VecDeque;

/// No index.
pub(super) const NONE: u32 = u32::MAX;
/// Set in an entity's number when it is a task of an asynchronous actor, clear when it is a thread.
pub(super) const TASK: u32 = 1 << 31;
/// A client of the task's own actor, where an entity might stand.
pub(super) const CLIENT: u32 = 1 << 30;
/// A task that asked for it as part of a call, where an entity might stand.
pub(super) const PARENT: u32 = (1 << 30) + 1;

/// What an event means; the three highest bits of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum EventKind {
    /// A core begins to run the thread assigned to it.
    Start = 0,
    /// A core's burst or slice is over.
    Burst = 1,
    /// A thread's timer.
    ThreadTimer = 2,
    /// An asynchronous task's timer.
    TaskTimer = 3,
    /// Open load arrives at an actor.
    Arrival = 4,
    /// A client has thought; the rest of the payload is its actor and its task's number.
    Client = 5,
    /// The measured window begins (index 0) or ends (index 1), or an alarm goes off (all others).
    Window = 6,
    /// The kernel's tick on a core for which somebody waits.
    Tick = 7,
}

impl EventKind {
    pub(super) const fn of(payload: u64) -> Self {
        match payload >> 61 {
            0 => Self::Start,
            1 => Self::Burst,
            2 => Self::ThreadTimer,
            3 => Self::TaskTimer,
            4 => Self::Arrival,
            5 => Self::Client,
            6 => Self::Window,
            _ => Self::Tick,
        }
    }
}

/// An event in a word: kind, generation (29 bits, as the machine counts them) and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed(pub(super) u64);

impl Packed {
    #[inline]
    pub(super) const fn new(kind: EventKind, generation: u32, index: u32) -> Self {
        Self((kind as u64) << 61 | (generation as u64) << 32 | index as u64)
    }
}

impl From<MachineEvent> for Packed {
    #[inline]
    fn from(event: MachineEvent) -> Self {
        match event {
            MachineEvent::Start { core, generation } => Self::new(EventKind::Start, generation, core.0),
            MachineEvent::Burst { core, generation } => Self::new(EventKind::Burst, generation, core.0),
            MachineEvent::Timer { thread, generation } => {
                Self::new(EventKind::ThreadTimer, generation, thread.0)
            }
            MachineEvent::Tick { core } => Self::new(EventKind::Tick, 0, core.0),
        }
    }
}

/// What a task does when it is next on a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The operation at its program counter.
    Operation,
    /// The rest of a piece of work, under the lock it needs.
    Work,
    /// Another try at the lock it waits for.
    Retry,
}

/// What a lock is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be held over a step.
    Step,
    /// To be held by the thread around work.
    Interpreter,
    /// To be held by the thread inside a cache.
    Part,
    /// To be held by the thread while it writes to a store.
    Writer,
}

/// A task in the system.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Task {
    pub(super) arrived: u64,
    /// Up to when its time is accounted for, while it is on no thread; its thread has a mark of its own.
    pub(super) mark: u64,
    /// By plain cause; the others are in its [`Extra`](super::extra::Extra).
    pub(super) times: [u64; PLAIN_CAUSES],
    pub(super) number: u64,
    pub(super) stream: Stream,
    /// Work that is drawn and not yet on a processor.
    pub(super) work: u64,
    /// When it first tried to take the lock it waits for.
    pub(super) since: u64,
    /// [`NONE`] where nobody has this place.
    pub(super) actor: u32,
    /// Its next line.
    pub(super) counter: u32,
    /// Its step, among those of all actors.
    pub(super) step: u32,
    /// Repetitions of the current step that are done.
    pub(super) repeats: u32,
    /// Who waits for it: the entity that called it, or [`CLIENT`], or nobody.
    pub(super) answer_to: u32,
    /// Messages it has sent.
    pub(super) messages: u32,
    /// Lock that its work needs, or that it waits for.
    pub(super) lock: u32,
    pub(super) next: Next,
    /// What it waits for `lock` for.
    pub(super) purpose: Purpose,
    /// What it waits for while it is off its worker.
    pub(super) waits: Cause,
    pub(super) epoch: Epoch,
}

const _: () = assert!(size_of::<Task>() == 128, "two lines of a processor's cache");

/// What the measured tasks have spent on a step, and how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StepSums {
    pub(super) times: [u64; CAUSES],
    pub(super) count: u64,
}

/// A worker thread, above what the machine knows of it.
#[derive(Debug)]
pub(super) struct Thread {
    /// Work of its own that it owes: queue operations, wake-ups it caused.
    pub(super) debt: u64,
    pub(super) actor: u32,
    pub(super) task: u32,
    /// Where its time is accounted for.
    pub(super) account: u32,
    /// The interpreter lock it holds.
    pub(super) interpreter: u32,
    /// Interpreter lock: the switch number when its round began.
    pub(super) round: u32,
    /// Interpreter lock: the number with which it joined the condition.
    pub(super) ticket: u32,
    /// Why it is blocked.
    pub(super) waits: Cause,
    /// Interpreter lock: its round timed out.
    pub(super) timed_out: bool,
    /// It has spun for the lock that it waits for.
    pub(super) spun: bool,
    /// It has died, and is back then; in the past for all others.
    pub(super) back_at: u64,
}

impl Thread {
    /// A thread of `actor` that waits for something to do.
    pub(super) const fn idle(actor: u32) -> Self {
        Self {
            debt: 0,
            actor,
            task: NONE,
            account: 0,
            interpreter: NONE,
            round: 0,
            ticket: 0,
            waits: Cause::Queue,
            timed_out: false,
            spun: false,
            back_at: 0,
        }
    }
}

/// Time by state over the measured window: a thread's, or that of all threads that are not listed.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) on_cpu: u64,
    pub(super) run_queue: u64,
    pub(super) blocked: u64,
    pub(super) work: u64,
    pub(super) spinning: u64,
    pub(super) idle: u64,
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
    pub(super) tasks: u64,
}

/// An actor.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) asynchronous: bool,
    /// The actor whose queue and workers serve it: itself, or workers that it shares with others.
    pub(super) station: u32,
    pub(super) capacity: usize,
    /// Tasks that no worker has taken.
    pub(super) queue: VecDeque<u32>,
    /// Tasks that found the queue full and wait for room, with the entity that sent them (or nobody).
    pub(super) overflow: VecDeque<(u32, u32)>,
    /// Workers without a task, longest idle first.
    pub(super) idle: VecDeque<u32>,
    /// Asynchronous: tasks that want a worker.
    pub(super) ready: VecDeque<u32>,
    /// Asynchronous: tasks whose timer is due, which nobody has noticed.
    pub(super) late: Vec<u32>,
    /// Asynchronous: how often its workers have taken up a task.
    pub(super) polls: u32,
    /// Asynchronous: handlers without a task.
    pub(super) handlers: usize,
    /// The thread that issues its load, if load needs one.
    pub(super) issuer: u32,
    /// What that thread has to issue: when it was meant to arrive, and for which client.
    pub(super) due: VecDeque<(u64, u64)>,
    /// Until when an operation keeps others out of the queue, and on which core it was.
    pub(super) busy_until: u64,
    pub(super) touched_by: u32,
    /// Tasks of open load that ever arrived.
    pub(super) arrivals: u64,
    /// Tasks of its clients, in a row, that were done at the instant at which they arrived.
    pub(super) at_once: u64,
    /// How many clients it has; so much apart are the numbers of the tasks of one of them.
    pub(super) clients: u64,
    /// How long they think.
    pub(super) think: Draw,
    pub(super) thinking: Streams,
    /// What its tasks draw from.
    pub(super) service: Streams,
    /// Stream of its open load's gaps.
    pub(super) gaps: Stream,
    /// Tasks that it has, waiting and served.
    pub(super) present: u64,
    /// When its open load arrives next, exactly.
    pub(super) next_arrival: f64,
    pub(super) ledger: Ledger,
}

/// The simulated system.
pub(super) struct World<'a> {
    /// Laid out: an actor for each instance.
    pub(super) scenario: &'a Scenario,
    pub(super) layout: &'a Layout,
    pub(super) programs: &'a [Program],
    pub(super) code: &'a Bytecode,
    pub(super) charges: Charges,
    pub(super) seed: u64,
    /// Clock, events, threads and cores; it knows nothing of what stands here.
    pub(super) machine: Machine<Scheduler, Packed>,
    /// The machine's time.
    pub(super) now: u64,
    pub(super) digest: u64,
    pub(super) handled: u64,
    pub(super) actors: Vec<Actor>,
    pub(super) steps: Vec<StepSums>,
    pub(super) tasks: Vec<Task>,
    pub(super) free: Vec<u32>,
    pub(super) threads: Vec<Thread>,
    pub(super) accounts: Vec<Account>,
    pub(super) locks: Vec<Lock>,
    pub(super) caches: Vec<CacheModel>,
    /// By task: its access to a cache.
    pub(super) accesses: Vec<super::caches::Visit>,
    pub(super) stores: Vec<super::stores::StoreModel>,
    /// By task: its access to a store.
    pub(super) uses: Vec<super::stores::Use>,
    pub(super) window_start: u64,
    /// When the window ended; the end of time while it goes on.
    pub(super) window_end: u64,
    pub(super) window_open: bool,
    /// What the window left, once it is closed and its tasks are drained.
    pub(super) closed: Option<Box<super::observe::Closed>>,
    /// Measured tasks that are in the system.
    pub(super) outstanding: u64,
    pub(super) over: bool,
    pub(super) timeline: Recorder,
    pub(super) sampler: super::profile::Sampler,
    /// Worker threads; threads beyond them issue load and are in no record.
    pub(super) workers: usize,
    /// Measured tasks of the focus to complete, and how many of them are still to.
    pub(super) asked: u64,
    pub(super) wanted: u64,
    /// Measured tasks of all actors that are complete.
    pub(super) finished: u64,
    pub(super) more: super::extra::More,
}

impl World<'_> {
    /// Schedules an event.
    #[inline]
    pub(super) fn schedule(&mut self, at: u64, kind: EventKind, index: u32) {
        self.machine.schedule(Nanos(at), Packed::new(kind, 0, index));
    }

    /// How much later than asked a sleep that begins now will end.
    #[inline]
    pub(super) fn oversleep(&mut self) -> u64 {
        self.machine.oversleep().0
    }

    pub(super) fn thread(&mut self, thread: u32) -> &mut Thread {
        &mut self.threads[thread as usize]
    }

    pub(super) fn task(&mut self, task: u32) -> &mut Task {
        &mut self.tasks[task as usize]
    }

    /// Accounts a task's time since its mark to `cause`.
    #[inline]
    pub(super) fn charge(&mut self, task: u32, cause: Cause) {
        let now = self.now;
        let waiting = self.task(task);
        let time = now - waiting.mark;
        waiting.mark = now;
        self.note_time(task, cause, time);
    }

    /// Accounts `time` of a task to `cause`, and to its step.
    #[inline]
    pub(super) fn note_time(&mut self, index: u32, cause: Cause, time: u64) {
        self.parts().1.note_time(index, cause, time);
    }

    /// Where a task's time has gone so far.
    pub(super) fn times_of(&self, index: u32) -> TaskTimes {
        let mut times = [Nanos::ZERO; CAUSES];
        let plain = self.tasks[index as usize].times;
        times.iter_mut().zip(plain).for_each(|(time, spent)| *time = Nanos(spent));
        if let Some(extra) = self.more.extras.get(index as usize) {
            let special = times[PLAIN_CAUSES..].iter_mut().zip(extra.times);
            special.for_each(|(time, spent)| *time = Nanos(spent));
        }
        times
    }

    /// Adds to what a thread owes.
    #[inline]
    pub(super) fn owe(&mut self, thread: u32, nanos: u64) {
        if thread != NONE {
            self.thread(thread).debt += nanos;
        }
    }

    /// Makes whoever waits go on: a thread becomes runnable, an asynchronous task wants a worker.
    pub(super) fn wake(&mut self, entity: u32, waker: u32) {
        if entity & TASK == 0 {
            let roused = self.make_ready(entity, waker);
            self.pay_wake(waker, roused);
        } else {
            self.make_task_ready(entity & !TASK, waker);
        }
    }

    /// Charges a thread for waking another up: an interrupt where another processor had to be roused, else only a system
    /// call.
    pub(super) fn pay_wake(&mut self, waker: u32, roused: Roused) {
        let cost = self.machine.waking_cost(roused);
        self.owe(waker, cost.0);
    }
}
