//! What can be made cheaper or dearer in a scenario: one step, lock, queue operation, switch or miss at a time.

use super::shortage::{give_workers, short_of_workers};
use crate::scenario::{EngineKind, LockKind, MissCost, Scenario, StepSpec, unknown};
use crate::workload::Draw;

/// One thing whose cost is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// Everything that a step does itself: work, memory touched, waits, hits and misses.
    Step {
        /// Index of the actor.
        actor: usize,
        /// Index of its step.
        step: usize,
    },
    /// How long a lock is held: below 1 the rest of the work is done before taking it; above 1 there is more of it.
    /// For an interpreter lock with a switch interval, the interval.
    Lock(usize),
    /// Operations of task queues.
    Queue,
    /// Context switches and wake-ups.
    Switch,
    /// What a miss of a cache costs.
    Miss(usize),
    /// Lines that move between processors, and the caches' own locks.
    Lines,
    /// How few workers there are, of an actor or of those that several share: at half of that twice as many, at nothing one for
    /// everybody who comes.
    Workers(usize),
}

impl Knob {
    /// Every knob that `scenario` has and `engine` can turn.
    #[must_use]
    pub fn all(scenario: &Scenario, engine: EngineKind) -> Vec<Self> {
        let mut knobs = Vec::new();
        for (actor, spec) in scenario.actors.iter().enumerate() {
            for step in 0..spec.steps.len() {
                knobs.push(Self::Step { actor, step });
            }
        }
        knobs.extend((0..scenario.locks.len()).map(Self::Lock));
        knobs.extend((0..scenario.caches.len()).map(Self::Miss));
        knobs.extend(short_of_workers(scenario).into_iter().map(Self::Workers));
        if engine == EngineKind::Virtual {
            knobs.extend([Self::Queue, Self::Switch]);
            if !scenario.caches.is_empty() {
                knobs.push(Self::Lines);
            }
        }
        knobs.retain(|knob| knob.scaled(scenario, 0.5) != *scenario);
        knobs
    }

    /// The knob of this name, as [`name`](Self::name) gives it.
    ///
    /// # Errors
    ///
    /// A sentence that names the nearest.
    pub fn parse(word: &str, scenario: &Scenario, engine: EngineKind) -> Result<Self, String> {
        let knobs = Self::all(scenario, engine);
        let names: Vec<String> = knobs.iter().map(|knob| knob.name(scenario)).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = names.iter().position(|name| name == word);
        found.map(|index| knobs[index]).ok_or_else(|| unknown("cost", word, &known))
    }

    /// Its name: `step:agents.plan`, `lock:registry`, `miss:rsu`, `queue`, `switch`, `lines`.
    #[must_use]
    pub fn name(&self, scenario: &Scenario) -> String {
        match *self {
            Self::Step { actor, step } => {
                let actor = &scenario.actors[actor];
                format!("step:{}.{}", actor.name, actor.steps[step].name)
            }
            Self::Lock(lock) => format!("lock:{}", scenario.locks[lock].name),
            Self::Miss(cache) => format!("miss:{}", scenario.caches[cache].name),
            Self::Queue => "queue".into(),
            Self::Switch => "switch".into(),
            Self::Lines => "lines".into(),
            Self::Workers(station) => format!("workers:{}", scenario.actors[station].name),
        }
    }

    /// `scenario` with this cost multiplied by `factor`, at least 0.
    #[must_use]
    pub fn scaled(&self, scenario: &Scenario, factor: f64) -> Scenario {
        let mut scenario = scenario.clone();
        match *self {
            Self::Step { actor, step } => scale_step(&mut scenario.actors[actor].steps[step], factor),
            Self::Lock(lock) => scale_lock(&mut scenario, lock, factor),
            Self::Queue => scenario.host.factors.queue *= factor,
            Self::Switch => scenario.host.factors.switch *= factor,
            Self::Lines => scenario.host.factors.coherence *= factor,
            Self::Workers(station) => scale_workers(&mut scenario, station, factor),
            Self::Miss(cache) => {
                for step in scenario.actors.iter_mut().flat_map(|actor| &mut actor.steps) {
                    if let Some((index, _, miss)) = &mut step.cache
                        && *index == cache
                    {
                        scale_miss(miss, factor);
                    }
                }
            }
        }
        scenario
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "thousands of threads"
)]
fn scale_workers(scenario: &mut Scenario, station: usize, factor: f64) {
    if factor > 0.0 {
        let threads = &mut scenario.actors[station].threads;
        *threads = ((*threads as f64 / factor).round() as usize).max(1);
    } else {
        // As many as real threads can be as well.
        give_workers(scenario, station, EngineKind::Real);
    }
}

fn scale_miss(miss: &mut MissCost, factor: f64) {
    match miss {
        MissCost::Io(draw) | MissCost::Compute(draw) => *draw = draw.scaled(factor),
        MissCost::Store(_) => {}
    }
}

fn scale_step(step: &mut StepSpec, factor: f64) {
    let scale = |draw: &mut Option<Draw>| *draw = draw.as_ref().map(|draw| draw.scaled(factor));
    scale(&mut step.compute);
    scale(&mut step.io);
    step.touch = step.touch.map(|bytes| scaled_bytes(bytes, factor));
    step.compress = step.compress.map(|bytes| scaled_bytes(bytes, factor));
    if let Some((_, hit, miss)) = &mut step.cache {
        *hit = hit.scaled(factor);
        scale_miss(miss, factor);
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of working sets")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
fn scaled_bytes(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor).round() as u64
}

fn scale_lock(scenario: &mut Scenario, lock: usize, factor: f64) {
    if let LockKind::Gil { interval, .. } = &mut scenario.locks[lock].kind {
        if factor > 0.0 {
            *interval = interval.scaled(factor);
        } else {
            scenario.locks[lock].kind = LockKind::Absent;
        }
        return;
    }
    for actor in &mut scenario.actors {
        let mut steps = Vec::with_capacity(actor.steps.len());
        let mut begins = Vec::with_capacity(actor.steps.len() + 1);
        for mut step in actor.steps.drain(..) {
            begins.push(steps.len());
            if step.lock != Some(lock) {
                steps.push(step);
            } else if factor > 1.0 {
                scale_step(&mut step, factor);
                steps.push(step);
            } else if factor > 0.0 {
                steps.extend(before_and_under(step, factor));
            } else {
                step.lock = None;
                steps.push(step);
            }
        }
        begins.push(steps.len());
        for kind in &mut actor.kinds {
            let end = begins[kind.first + kind.count];
            kind.first = begins[kind.first];
            kind.count = end - kind.first;
        }
        actor.steps = steps;
    }
}

/// Splits a step under a lock in two: what is done before taking it, and the share of `factor` done under it.
fn before_and_under(step: StepSpec, factor: f64) -> [StepSpec; 2] {
    let mut before = StepSpec::named(format!("{} (before)", step.name));
    before.times = step.times;
    before.under = step.under;
    before.chance = step.chance;
    before.compute.clone_from(&step.compute);
    before.io.clone_from(&step.io);
    before.touch = step.touch;
    before.compress = step.compress;
    scale_step(&mut before, 1.0 - factor);
    let mut under = step;
    let cache = under.cache.take();
    scale_step(&mut under, factor);
    under.cache = cache;
    [before, under]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[test]
    fn a_knob_is_found_by_its_name() {
        let scenario = crate::study::sample_scenario();
        for knob in Knob::all(&scenario, EngineKind::Virtual) {
            assert_eq!(Knob::parse(&knob.name(&scenario), &scenario, EngineKind::Virtual), Ok(knob));
        }
        let wrong = Knob::parse("lock:regstry", &scenario, EngineKind::Virtual).unwrap_err();
        assert!(wrong.contains("did you mean `lock:registry`"), "{wrong}");
        assert!(Knob::parse("switch", &scenario, EngineKind::Real).is_err());
    }

    #[test]
    fn a_lock_held_for_less_leaves_the_work_as_it_was() {
        let scenario = crate::study::sample_scenario();
        let work = |scenario: &Scenario| -> (Nanos, Nanos) {
            let steps = || scenario.actors[0].steps.iter();
            let sum = |steps: &mut dyn Iterator<Item = &StepSpec>| {
                steps.filter_map(|step| step.compute.as_ref()).map(Draw::expected).sum()
            };
            (sum(&mut steps()), sum(&mut steps().filter(|step| step.lock.is_some())))
        };
        let (all, held) = work(&scenario);
        for (factor, expected) in [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)] {
            let found = work(&Knob::Lock(1).scaled(&scenario, factor));
            assert_eq!(found, (all, held.scaled(expected)), "{factor}");
        }
        assert_eq!(work(&Knob::Lock(1).scaled(&scenario, 2.0)).1, held.scaled(2.0));
    }

    #[test]
    fn the_interval_of_an_interpreter_lock_shrinks_until_there_is_none() {
        let scenario = crate::study::sample_scenario();
        let kind = |factor| Knob::Lock(0).scaled(&scenario, factor).locks[0].kind;
        assert!(matches!(kind(0.1), LockKind::Gil { interval, .. } if interval == Nanos::from_micros(500)));
        assert_eq!(kind(0.0), LockKind::Absent);
    }
}
