//! The programs of all actors as one table of lines, in which a task's counter is a place.
//!
//! A line knows its step, so that the beginning of a step needs none of its own; what depends only on the charges (the
//! work of streaming through memory, of compressing) is worked out here, once.

use super::charges::Charges;
use super::program::{index, lock_index};
use crate::model::{Op, Program};
use crate::scenario::MissCost;
use crate::units::Nanos;
use crate::workload::Draw;

/// What a line does.
#[derive(Debug)]
pub(super) enum Do {
    /// Work on a processor, under the lock that it needs.
    Work {
        draw: Draw,
        under: u32,
    },
    /// An access to a cache, in several turns.
    Cache(Box<Access>),
    Io {
        draw: Draw,
    },
    Store {
        store: usize,
        write: bool,
    },
    Lock {
        lock: u32,
    },
    Unlock {
        lock: u32,
    },
    Call {
        to: u32,
    },
    Send {
        to: u32,
    },
    /// The end of a step's repetition; unless it was the last of this many, the next one begins at `repeat_from`.
    End {
        times: u32,
        repeat_from: u32,
    },
    /// The end of the task.
    Done,
}

/// One access to a cache, as the program says it.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) cache: usize,
    pub(super) hit: Draw,
    pub(super) miss: MissCost,
    pub(super) under: u32,
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Line {
    /// The step that it belongs to, among all steps of all actors.
    pub(super) step: u32,
    pub(super) what: Do,
}

/// Where an actor's part begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) line: u32,
    /// Its first step among those of all actors.
    pub(super) step: u32,
}

/// The table.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) lines: Vec<Line>,
    /// By actor.
    pub(super) entries: Vec<Entry>,
    /// Steps of all actors.
    pub(super) steps: usize,
}

impl Code {
    /// The table of these programs.
    pub(super) fn of(programs: &[Program], charges: &Charges) -> Self {
        let mut code = Self { lines: Vec::new(), entries: Vec::with_capacity(programs.len()), steps: 0 };
        for program in programs {
            let first = index(code.steps);
            code.entries.push(Entry { line: index(code.lines.len()), step: first });
            code.add(program, first, charges);
            code.steps += program.steps.len();
        }
        code
    }

    fn add(&mut self, program: &Program, first: u32, charges: &Charges) {
        let (mut step, mut times, mut repeat_from) = (first, 1, 0);
        for op in &program.ops {
            let what = match op {
                Op::Begin { step: begun, times: asked } => {
                    (step, times, repeat_from) = (first + index(*begun), *asked, index(self.lines.len()));
                    continue;
                }
                Op::End { .. } => Do::End { times, repeat_from },
                other => single(other, charges),
            };
            self.lines.push(Line { step, what });
        }
        self.lines.push(Line { step, what: Do::Done });
    }
}

/// The line of an operation that is not the edge of a step.
fn single(op: &Op, charges: &Charges) -> Do {
    let fixed = |nanos, under| Do::Work { draw: Draw::constant(Nanos(nanos)), under: lock_index(under) };
    match op {
        Op::Begin { .. } | Op::End { .. } => Do::Done,
        Op::Compute { draw, under } => Do::Work { draw: draw.clone(), under: lock_index(*under) },
        Op::Touch { bytes, under } => fixed(charges.touching(*bytes), *under),
        Op::Compress { bytes, under } => fixed(charges.compressing(*bytes), *under),
        Op::Io { draw } => Do::Io { draw: draw.clone() },
        Op::Lock { lock } => Do::Lock { lock: index(*lock) },
        Op::Unlock { lock } => Do::Unlock { lock: index(*lock) },
        Op::Cache { cache, hit, miss, under } => Do::Cache(Box::new(Access {
            cache: *cache,
            hit: hit.clone(),
            miss: miss.clone(),
            under: lock_index(*under),
        })),
        Op::Store { store, write } => Do::Store { store: *store, write: *write },
        Op::Call { to } => Do::Call { to: index(*to) },
        Op::Send { to } => Do::Send { to: index(*to) },
    }
}
