//! Actors as data: what an actor asks its engine for, in order.
//!
//! An actor never spawns, blocks, sleeps, locks or reads a clock. The real engine performs an [`Op`]; the virtual
//! engine charges for it. Durations are drawn from the task's own [`Stream`](crate::random::Stream) in the order
//! of the program, so a task draws the same numbers on both engines and under every treatment.

use crate::scenario::{ActorSpec, MissCost};
use crate::workload::Draw;

/// One thing that an actor asks for.
///
/// `under` is the lock that must be held while the work is done (an interpreter lock). A worker takes it before
/// the work if it does not hold it, keeps it from one piece of work to the next and from task to task, and drops
/// it before every wait: I/O, a call, a blocking acquisition (after one attempt without dropping), a full or an
/// empty queue. `None` means that nothing may be held: native code that has released it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
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
    },
    /// Takes a lock over everything up to the matching `Unlock`.
    Lock {
        /// Index into the scenario's locks.
        lock: usize,
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
    },
}

/// What an actor does for one task: a flat list of operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// Names of the steps, by index.
    pub steps: Vec<String>,
}

impl Program {
    /// Compiles an actor's steps.
    #[must_use]
    pub fn of(actor: &ActorSpec) -> Self {
        let mut ops = Vec::new();
        for (step, spec) in actor.steps.iter().enumerate() {
            let under = spec.under;
            ops.push(Op::Begin { step, times: spec.times });
            let repeat_from = ops.len();
            if let Some(lock) = spec.lock {
                ops.push(Op::Lock { lock });
            }
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
                ops.push(Op::Io { draw: draw.clone() });
            }
            if let Some(to) = spec.call {
                ops.push(Op::Call { to });
            }
            if let Some(to) = spec.send {
                ops.push(Op::Send { to });
            }
            if let Some(lock) = spec.lock {
                ops.push(Op::Unlock { lock });
            }
            ops.push(Op::End { step, repeat_from });
        }
        Self { ops, steps: actor.steps.iter().map(|step| step.name.clone()).collect() }
    }
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
    use crate::queue::QueueKind;
    use crate::scenario::{Load, StepSpec};
    use crate::units::Nanos;

    #[test]
    fn a_step_becomes_its_parts_in_order_under_its_lock() {
        let draw = Draw::constant(Nanos(5));
        let mut step = StepSpec::named("register");
        step.times = 2;
        step.lock = Some(1);
        step.compute = Some(draw.clone());
        step.send = Some(3);
        let actor = ActorSpec {
            name: "a".into(),
            threads: 1,
            queue: QueueKind::Mutex,
            capacity: 1,
            load: Load::None,
            steps: vec![step],
        };
        assert_eq!(
            Program::of(&actor).ops,
            [
                Op::Begin { step: 0, times: 2 },
                Op::Lock { lock: 1 },
                Op::Compute { draw, under: None },
                Op::Send { to: 3 },
                Op::Unlock { lock: 1 },
                Op::End { step: 0, repeat_from: 1 },
            ]
        );
    }
}
