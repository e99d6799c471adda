//! The programs of all actors as one table of lines, in which a task's counter is a place.
//!
//! A line knows its step, so that the beginning of a step needs none of its own; what depends only on the charges (the
//! work of streaming through memory, of compressing) is worked out here, once.

use super::charges::Charges;
use super::program::{index, lock_index};
use crate::model::{Op, Program};
use crate::scenario::{BatchSpec, CallSpec, MissCost, Panics};
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
        blocks: bool,
    },
    Store {
        store: usize,
        write: bool,
    },
    /// A step that happens with this chance; the line after it.
    Maybe {
        chance: f64,
        otherwise: u32,
    },
    /// The task fails with this chance.
    Fail {
        chance: f64,
    },
    /// Some panic; the step is one among those of all actors.
    Panic {
        step: u32,
        panics: Panics,
    },
    /// The number of the batch, and the line after it.
    Join {
        batch: u32,
        otherwise: u32,
    },
    Part {
        batch: u32,
    },
    Acquire {
        pool: u32,
    },
    Release {
        pool: u32,
    },
    Ask {
        /// Among those of all actors.
        step: u32,
        calls: Box<CallSpec>,
    },
    Lock {
        lock: u32,
        share: bool,
    },
    Unlock {
        lock: u32,
    },
    Call {
        to: u32,
    },
    Send {
        to: u32,
        kind: u32,
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
pub(super) struct Bytecode {
    pub(super) lines: Vec<Line>,
    /// By actor.
    pub(super) entries: Vec<Entry>,
    /// By actor and kind: the first line.
    pub(super) kinds: Vec<Vec<u32>>,
    /// Steps, among those of all actors, that tasks do in batches.
    pub(super) batches: Vec<(u32, BatchSpec)>,
    /// Steps of all actors.
    pub(super) steps: usize,
}

impl Bytecode {
    /// The table of these programs.
    pub(super) fn of(programs: &[Program], charges: &Charges) -> Self {
        let mut code = Self {
            lines: Vec::new(),
            entries: Vec::with_capacity(programs.len()),
            kinds: Vec::with_capacity(programs.len()),
            batches: Vec::new(),
            steps: 0,
        };
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
        let mut kinds = Vec::with_capacity(program.kinds.len());
        for range in &program.kinds {
            let begins = self.lines.len();
            kinds.push(index(begins));
            let mut places = Vec::with_capacity(range.len() + 1);
            for op in &program.ops[range.clone()] {
                places.push(index(self.lines.len()));
                let what = match op {
                    Op::Begin { step: begun, times: asked } => {
                        (step, times, repeat_from) = (first + index(*begun), *asked, index(self.lines.len()));
                        continue;
                    }
                    Op::End { .. } => Do::End { times, repeat_from },
                    Op::Panic { step, panics } => Do::Panic { step: first + index(*step), panics: *panics },
                    Op::Ask { step, calls } => Do::Ask { step: first + index(*step), calls: calls.clone() },
                    Op::Join { step, batch, otherwise } => {
                        self.batches.push((first + index(*step), *batch));
                        Do::Join { batch: index(self.batches.len() - 1), otherwise: index(*otherwise) }
                    }
                    Op::Part { .. } => Do::Part { batch: index(self.batches.len() - 1) },
                    other => single(other, charges),
                };
                self.lines.push(Line { step, what });
            }
            places.push(index(self.lines.len()));
            self.lines.push(Line { step, what: Do::Done });
            // Where the program goes on: so far the number of an operation, from here on a line.
            for line in &mut self.lines[begins..] {
                if let Do::Maybe { otherwise, .. } | Do::Join { otherwise, .. } = &mut line.what {
                    *otherwise = places[*otherwise as usize - range.start];
                }
            }
        }
        self.kinds.push(kinds);
    }
}

/// The line of an operation that is not the edge of a step.
fn single(op: &Op, charges: &Charges) -> Do {
    let fixed = |nanos, under| Do::Work { draw: Draw::constant(Nanos(nanos)), under: lock_index(under) };
    match op {
        Op::Begin { .. }
        | Op::End { .. }
        | Op::Ask { .. }
        | Op::Panic { .. }
        | Op::Join { .. }
        | Op::Part { .. } => Do::Done,
        Op::Maybe { chance, otherwise } => Do::Maybe { chance: *chance, otherwise: index(*otherwise) },
        Op::Fail { chance } => Do::Fail { chance: *chance },
        Op::Acquire { pool } => Do::Acquire { pool: index(*pool) },
        Op::Release { pool } => Do::Release { pool: index(*pool) },
        Op::Compute { draw, under } => Do::Work { draw: draw.clone(), under: lock_index(*under) },
        Op::Touch { bytes, under } => fixed(charges.touching(*bytes), *under),
        Op::Compress { bytes, under } => fixed(charges.compressing(*bytes), *under),
        Op::Io { draw, blocks } => Do::Io { draw: draw.clone(), blocks: *blocks },
        Op::Lock { lock, share } => Do::Lock { lock: index(*lock), share: *share },
        Op::Unlock { lock } => Do::Unlock { lock: index(*lock) },
        Op::Cache { cache, hit, miss, under } => Do::Cache(Box::new(Access {
            cache: *cache,
            hit: hit.clone(),
            miss: miss.clone(),
            under: lock_index(*under),
        })),
        Op::Store { store, write } => Do::Store { store: *store, write: *write },
        Op::Call { to } => Do::Call { to: index(*to) },
        Op::Send { to, kind } => Do::Send { to: index(*to), kind: index(*kind) },
    }
}
