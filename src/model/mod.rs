//! Actors as data: what an actor asks its engine for, in order.
//!
//! An actor never spawns, blocks, sleeps, locks or reads a clock. The real engine performs an [`Op`]; the virtual
//! engine charges for it. Durations are drawn from the task's own [`Stream`] in the order
//! of the program, so a task draws the same numbers on both engines and under every treatment.

mod routes;

pub use routes::{Routing, instance};

use crate::random::{Source, Stream};
use crate::scenario::{ActorSpec, BatchSpec, CallSpec, MissCost, Panics, Phase, StepSpec};
use crate::workload::Draw;
use std::ops::Range;

/// One thing that an actor asks for.
///
/// `under` is the lock that must be held while the work is done (an interpreter lock). A worker takes it before
/// the work if it does not hold it, keeps it from one piece of work to the next and from task to task, and drops
/// it before every wait: I/O, a call, a blocking acquisition (after one attempt without dropping), a full or an
/// empty queue. `None` means that nothing may be held: native code that has released it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A step happens with this chance, drawn from the task's stream; otherwise the program goes on at `otherwise`.
    Maybe {
        /// In 0..1.
        chance: f64,
        /// Index of the operation after the step.
        otherwise: usize,
    },
    /// A batch begins: the task does what follows for itself and others, or waits until another task has done it for this
    /// one, and goes on at `otherwise`.
    Join {
        /// Index into the actor's steps, which names the batch.
        step: usize,
        /// How large it gets, and how long it gathers.
        batch: BatchSpec,
        /// Index of the operation after the matching `Part`.
        otherwise: usize,
    },
    /// A batch is done, for all who wait for it.
    Part {
        /// Index into the actor's steps.
        step: usize,
    },
    /// Takes a place in a pool over everything up to the matching `Release`.
    Acquire {
        /// Index into the scenario's pools.
        pool: usize,
    },
    /// Gives it back.
    Release {
        /// Index into the scenario's pools.
        pool: usize,
    },
    /// The task fails with this chance, drawn from its stream.
    Fail {
        /// In 0..1.
        chance: f64,
    },
    /// Some of the tasks that come here panic: they fail, and their worker dies.
    Panic {
        /// Index into the actor's steps, at which they are counted.
        step: usize,
        /// Which.
        panics: Panics,
    },
    /// A call that is more than one message and its answer.
    Ask {
        /// Index into the actor's steps, which names the budget of its retries.
        step: usize,
        /// What is asked for.
        calls: Box<CallSpec>,
    },
    /// A step begins; it is repeated `times` times.
    Begin {
        /// Index into the actor's steps.
        step: usize,
        /// Repetitions, at least 1.
        times: u32,
    },
    /// A repetition ends; if another is due, the program goes on at `repeat_from`.
    End {
        /// Index into the actor's steps.
        step: usize,
        /// Index of the operation after the matching `Begin`.
        repeat_from: usize,
    },
    /// An amount of work.
    Compute {
        /// How much.
        draw: Draw,
        /// Lock held meanwhile.
        under: Option<usize>,
    },
    /// Streams through this much memory.
    Touch {
        /// The working set.
        bytes: u64,
        /// Lock held meanwhile.
        under: Option<usize>,
    },
    /// Compresses this much generated text.
    Compress {
        /// Input size.
        bytes: u64,
        /// Lock held meanwhile.
        under: Option<usize>,
    },
    /// A wait without CPU.
    Io {
        /// How long.
        draw: Draw,
        /// Whether it blocks an asynchronous worker.
        blocks: bool,
    },
    /// Takes a lock over everything up to the matching `Unlock`.
    Lock {
        /// Index into the scenario's locks.
        lock: usize,
        /// Whether it is held as readers hold it.
        share: bool,
    },
    /// Gives it back.
    Unlock {
        /// Index into the scenario's locks.
        lock: usize,
    },
    /// Looks a key up in a cache, and pays for a miss.
    Cache {
        /// Index into the scenario's caches.
        cache: usize,
        /// Work of an access.
        hit: Draw,
        /// What a miss costs on top.
        miss: MissCost,
        /// Lock held while working.
        under: Option<usize>,
    },
    /// Reads or writes one value of a store.
    Store {
        /// Index into the scenario's stores.
        store: usize,
        /// Whether it writes.
        write: bool,
    },
    /// Sends a message and waits for the answer.
    Call {
        /// Index of the actor called.
        to: usize,
    },
    /// Sends a message and goes on; waits while the receiver's queue is full.
    Send {
        /// Index of the receiver.
        to: usize,
        /// Index into its kinds.
        kind: usize,
    },
}

/// What an actor does for one task: a flat list of operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// Names of the steps, by index.
    pub steps: Vec<String>,
    /// By kind of task, at least one: its operations.
    pub kinds: Vec<Range<usize>>,
}

impl Program {
    /// Compiles an actor's steps.
    #[must_use]
    pub fn of(actor: &ActorSpec) -> Self {
        let mut ops = Vec::new();
        let mut begins = Vec::with_capacity(actor.steps.len() + 1);
        for (step, spec) in actor.steps.iter().enumerate() {
            begins.push(ops.len());
            add_step(&mut ops, step, spec);
        }
        begins.push(ops.len());
        let kinds = if actor.kinds.is_empty() {
            std::iter::once(0..ops.len()).collect()
        } else {
            actor.kinds.iter().map(|kind| begins[kind.first]..begins[kind.first + kind.count]).collect()
        };
        Self { ops, steps: actor.steps.iter().map(|step| step.name.clone()).collect(), kinds }
    }
}

/// Adds the operations of a step.
fn add_step(ops: &mut Vec<Op>, step: usize, spec: &StepSpec) {
    let may = (spec.chance < 1.0).then(|| {
        ops.push(Op::Maybe { chance: spec.chance, otherwise: 0 });
        ops.len() - 1
    });
    ops.push(Op::Begin { step, times: spec.times });
    let repeat_from = ops.len();
    let joins = spec.batch.map(|batch| {
        ops.push(Op::Join { step, batch, otherwise: 0 });
        ops.len() - 1
    });
    ops.extend(spec.pool.map(|pool| Op::Acquire { pool }));
    ops.extend(spec.opens.or(spec.lock).map(|lock| Op::Lock { lock, share: spec.share }));
    add_effects(ops, step, spec);
    ops.extend(spec.lock.map(|lock| Op::Unlock { lock }));
    ops.extend(spec.pool.map(|pool| Op::Release { pool }));
    if joins.is_some() {
        ops.push(Op::Part { step });
    }
    let after_batch = ops.len();
    ops.extend((spec.fail > 0.0).then_some(Op::Fail { chance: spec.fail }));
    ops.extend(spec.panic.map(|panics| Op::Panic { step, panics }));
    ops.push(Op::End { step, repeat_from });
    let after = ops.len();
    if let Some(Op::Join { otherwise, .. }) = joins.and_then(|at| ops.get_mut(at)) {
        *otherwise = after_batch;
    }
    if let Some(Op::Maybe { otherwise, .. }) = may.and_then(|at| ops.get_mut(at)) {
        *otherwise = after;
    }
    // Whether the last step of a section happens or not, its lock is given back.
    ops.extend(spec.closes.iter().map(|lock| Op::Unlock { lock: *lock }));
}

/// Adds what a step does between its locks.
fn add_effects(ops: &mut Vec<Op>, step: usize, spec: &StepSpec) {
    let under = spec.under;
    if let Some(draw) = &spec.compute {
        ops.push(Op::Compute { draw: draw.clone(), under });
    }
    if let Some(bytes) = spec.touch {
        ops.push(Op::Touch { bytes, under });
    }
    if let Some(bytes) = spec.compress {
        ops.push(Op::Compress { bytes, under });
    }
    if let Some((cache, hit, miss)) = &spec.cache {
        ops.push(Op::Cache { cache: *cache, hit: hit.clone(), miss: miss.clone(), under });
    }
    if let Some((store, write)) = spec.store {
        ops.push(Op::Store { store, write });
    }
    if let Some(draw) = &spec.io {
        ops.push(Op::Io { draw: draw.clone(), blocks: spec.blocks });
    }
    match (&spec.calls, spec.call) {
        (Some(calls), _) => ops.push(Op::Ask { step, calls: calls.clone() }),
        (None, Some(to)) => ops.push(Op::Call { to }),
        (None, None) => {}
    }
    if let Some(to) = spec.send {
        ops.push(Op::Send { to, kind: spec.send_kind });
    }
}

/// The index that a number in `[0, 1)` chooses by these weights, at least one of them above 0.
#[must_use]
pub fn weighted(weights: &[f64], unit: f64) -> usize {
    let mut left = unit * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    chosen.or(weights.iter().rposition(|weight| *weight > 0.0)).unwrap_or(0)
}

/// When the next task of a load in phases arrives after `from` nanoseconds from the start of the run; `gap` is what would lie
/// between two at one task per unit of time. The last phase goes on for ever. `None`: nobody arrives any more.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "instants below 2^53 ns")]
pub fn after(phases: &[Phase], from: f64, gap: f64) -> Option<f64> {
    let (mut at, mut left) = (from, gap);
    let mut end = 0.0;
    for (place, phase) in phases.iter().enumerate() {
        end += phase.length.0 as f64;
        let last = place + 1 == phases.len();
        if at >= end && !last {
            continue;
        }
        let per_nano = phase.rate / 1e9;
        let needed = if per_nano > 0.0 { left / per_nano } else { f64::INFINITY };
        if at + needed <= end || last {
            return needed.is_finite().then_some(at + needed);
        }
        left -= (end - at) * per_nano;
        at = end;
    }
    None
}

/// Chance of `source` for a task of `actor`: how long it is patient, by how much it backs off. `turn` tells several of one
/// task apart.
#[must_use]
pub fn chance_of(seed: u64, source: Source, actor: usize, task: u64, turn: u64) -> Stream {
    Stream::new(seed, source, actor as u64, task ^ turn.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The number of a message: a function of who sends it, for which task, and how many that task sent before, so that
/// the receiver draws the same numbers for it in every treatment and on every engine.
#[must_use]
pub const fn child_number(sender: usize, task: u64, sent_before: u64) -> u64 {
    let word =
        (sender as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ task.wrapping_mul(0xd1b5_4a32_d192_ed03);
    word.wrapping_add(sent_before.wrapping_mul(0xaef1_7502_108e_f2d9)).rotate_left(31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[test]
    fn arrivals_follow_their_phases_across_their_borders() {
        let phase = |seconds, rate| Phase { length: Nanos::from_secs(seconds), rate };
        let phases = [phase(1, 10.0), phase(2, 0.0), phase(1, 100.0)];
        let at = |from: f64, gap: f64| after(&phases, from * 1e9, gap).map(|at| (at / 1e6).round() / 1e3);
        assert_eq!(at(0.0, 5.0), Some(0.5));
        // Five of ten come in the first phase, none in the second.
        assert_eq!(at(0.5, 10.0), Some(3.05));
        assert_eq!(at(1.5, 1.0), Some(3.01));
        // The last one goes on.
        assert_eq!(at(9.0, 50.0), Some(9.5));
        assert_eq!(after(&[phase(1, 10.0), phase(1, 0.0)], 0.9e9, 2.0), None);
    }

    #[test]
    fn weights_choose_in_proportion() {
        let chosen = [0.0, 0.24, 0.25, 0.99].map(|unit| weighted(&[1.0, 0.0, 3.0], unit));
        assert_eq!(chosen, [0, 0, 2, 2]);
    }

    #[test]
    fn a_step_becomes_its_parts_in_order_under_its_lock() {
        let draw = Draw::constant(Nanos(5));
        let mut step = StepSpec::named("register");
        step.times = 2;
        step.lock = Some(1);
        step.compute = Some(draw.clone());
        step.send = Some(3);
        let actor = ActorSpec { steps: vec![step], ..ActorSpec::named("a") };
        assert_eq!(
            Program::of(&actor).ops,
            [
                Op::Begin { step: 0, times: 2 },
                Op::Lock { lock: 1, share: false },
                Op::Compute { draw, under: None },
                Op::Send { to: 3, kind: 0 },
                Op::Unlock { lock: 1 },
                Op::End { step: 0, repeat_from: 1 },
            ]
        );
    }
}
