//! Random valid scenarios of the whole language: every identity holds in each, and nothing but a stated verdict makes a run
//! untrustworthy.
//!
//! 100 of them run in the suite, 1000 by
//!
//! ```sh
//! CONLAB_SCENARIOS=1000 CONLAB_SEED=7 cargo test --test suite random_scenarios
//! ```

use super::author::{Dice, setting};
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::VerdictKind;
use conlab::scenario::{LoadArm, Scenario};
use std::fmt::Write;

/// Draws scenarios.
struct Author(Dice);

impl Author {
    /// A step of an actor that may send to `later` ones.
    fn step(
        &mut self,
        number: usize,
        locks: &[String],
        caches: usize,
        stores: usize,
        later: &[String],
    ) -> String {
        let mut step = format!("{{ name = \"s{number}\"");
        let mut effects = 0;
        if !locks.is_empty() && self.0.once_in(3) {
            let lock = &locks[usize::try_from(self.0.below(locks.len() as u64)).unwrap()];
            _ = write!(step, ", lock = \"{lock}\"");
        }
        if self.0.once_in(2) {
            _ = write!(step, ", compute = {}", self.0.time());
            effects += 1;
        }
        if self.0.once_in(8) {
            _ = write!(step, ", touch = \"16KiB\"");
            effects += 1;
        }
        if self.0.once_in(16) {
            _ = write!(step, ", compress = \"1KiB\"");
            effects += 1;
        }
        if caches > 0 && self.0.once_in(4) {
            let (hit, miss) = (self.0.time(), self.0.time());
            let kind = self.0.one_of(&["io", "compute"]);
            _ = write!(
                step,
                ", cache = \"c{}\", hit = {hit}, miss = {{ {kind} = {miss} }}",
                self.0.below(caches as u64)
            );
            effects += 1;
        }
        if stores > 0 && self.0.once_in(5) {
            _ = write!(
                step,
                ", {} = \"d{}\"",
                self.0.one_of(&["read", "write"]),
                self.0.below(stores as u64)
            );
            effects += 1;
        }
        if effects == 0 || self.0.once_in(3) {
            _ = write!(step, ", io = {}", self.0.time());
        }
        if !later.is_empty() && self.0.once_in(3) {
            let to = &later[usize::try_from(self.0.below(later.len() as u64)).unwrap()];
            _ = write!(step, ", {} = \"{to}\"", self.0.one_of(&["call", "send"]));
        }
        if self.0.once_in(8) {
            _ = write!(step, ", times = {}", self.0.between(2, 5));
        }
        if self.0.once_in(2) {
            _ = write!(step, ", spread = {}", self.0.spread());
        }
        step + " }"
    }

    fn load(&mut self, focus: bool) -> String {
        if !focus && self.0.once_in(3) {
            return String::new();
        }
        if self.0.once_in(2) {
            let think =
                if self.0.once_in(2) { format!(", think = {}", self.0.time()) } else { String::new() };
            return format!("load = {{ clients = {}{think} }}\n", self.0.between(1, 40));
        }
        let arrivals = self.0.one_of(&["poisson", "paced", "uniform"]);
        format!("load = {{ rate = \"{}/s\", arrivals = \"{arrivals}\" }}\n", self.0.between(5, 3000))
    }

    /// The text of a scenario; it may hold a mistake of the whole, such as a lock held over a call to who takes it.
    #[expect(clippy::too_many_lines, reason = "the parts of a file, one after the other")]
    fn scenario(&mut self) -> String {
        let mut text = String::from("schema = 1\nname = \"random\"\n[run]\n");
        match self.0.below(3) {
            0 => _ = writeln!(text, "tasks = {}", self.0.between(1, 200)),
            1 => _ = writeln!(text, "duration = \"{}ms\"", self.0.between(1, 200)),
            _ => {
                _ = writeln!(
                    text,
                    "tasks = {}\nduration = \"{}ms\"",
                    self.0.between(1, 300),
                    self.0.between(20, 200)
                )
            }
        }
        _ = writeln!(text, "warmup = \"{}ms\"\nseed = {}", self.0.below(60), self.0.below(1000));
        _ = writeln!(text, "[host]\ncores = {}", self.0.between(1, 5));
        if self.0.once_in(2) {
            _ = writeln!(text, "slice = \"{}us\"", self.0.between(100, 3000));
        }
        let mut locks = Vec::new();
        let mut interpreter = None;
        for number in 0..self.0.below(4) {
            let kind = self.0.one_of(&["mutex", "spin", "absent", "gil", "mutex"]);
            _ = writeln!(text, "[lock.l{number}]\nkind = \"{kind}\"");
            if kind == "gil" {
                interpreter = Some(format!("l{number}"));
            } else {
                locks.push(format!("l{number}"));
            }
        }
        let caches = usize::try_from(self.0.below(3)).unwrap();
        for number in 0..caches {
            let layout = self.0.one_of(&["contended", "sharded", "isolated"]);
            let capacity = self.0.between(1, 200);
            _ = writeln!(
                text,
                "[cache.c{number}]\nlayout = \"{layout}\"\ncapacity = {capacity}\nkeys = {{ count = 300, zipf = 0.8 }}"
            );
        }
        let stores = usize::try_from(self.0.below(2)).unwrap();
        for number in 0..stores {
            _ = writeln!(
                text,
                "[store.d{number}]\ncount = 10\nread = {}\nwrite = {}",
                self.0.time(),
                self.0.time()
            );
        }
        let actors = usize::try_from(self.0.between(1, 4)).unwrap();
        let names: Vec<String> = (0..actors).map(|number| format!("a{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            let queue = self.0.one_of(&["mutex", "lockfree", "async", "arrayqueue", "segqueue"]);
            let threads = self.0.between(1, 12);
            let capacity = if self.0.once_in(3) { self.0.between(1, 4) } else { 1024 };
            _ = writeln!(
                text,
                "[actor.{name}]\nthreads = {threads}\nqueue = \"{queue}\"\ncapacity = {capacity}"
            );
            if number == 0 {
                text.push_str("focus = true\n");
            }
            text.push_str(&self.load(number == 0));
            if let Some(lock) = interpreter.as_ref().filter(|_| self.0.once_in(2)) {
                _ = writeln!(text, "under = \"{lock}\"");
            }
            let steps: Vec<String> = (0..self.0.between(1, 3))
                .map(|step| {
                    self.step(usize::try_from(step).unwrap(), &locks, caches, stores, &names[number + 1..])
                })
                .collect();
            _ = writeln!(text, "steps = [ {} ]", steps.join(", "));
        }
        text
    }
}

/// Runs one; what is wrong with it, if anything. An error in words of `stated` is none.
pub(super) fn fault(text: &str, engine: &VirtualEngine, stated: &[&str]) -> Option<String> {
    let scenario = Scenario::parse(text, "random").ok()?;
    let output = match engine.run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default()) {
        Ok(output) => output,
        Err(error) => {
            let said = error.to_string();
            return (!stated.iter().any(|words| said.contains(words))).then_some(said);
        }
    };
    let record = output.record;
    let broken: Vec<String> = record
        .identities
        .iter()
        .filter(|identity| !identity.holds)
        .map(|identity| format!("{}: {}", identity.name, identity.detail))
        .collect();
    if !broken.is_empty() {
        return Some(broken.join("; "));
    }
    for (name, actor) in &record.actors {
        let ended = actor.ended();
        if actor.issued != ended + actor.in_flight || actor.died > actor.failed {
            return Some(format!(
                "{name}: {} issued, {ended} ended, {} in flight",
                actor.issued, actor.in_flight
            ));
        }
    }
    let stated = record
        .verdicts
        .iter()
        .any(|verdict| matches!(verdict.kind, VerdictKind::Deadlock | VerdictKind::TooShort));
    (record.trustworthy == stated)
        .then(|| format!("trustworthy {}, {:?}", record.trustworthy, record.verdicts))
}

/// A system that stands still, one whose others keep its actor in focus from ever finishing a task, one whose tasks take no
/// time on a host that charges nothing.
const STATED: [&str; 3] = ["deadlock", "no task finished in the last", "that take no time"];

#[test]
fn identities_hold_in_every_valid_scenario() {
    let (wanted, seed) = (setting("CONLAB_SCENARIOS", 100), setting("CONLAB_SEED", 18));
    let engines = [VirtualEngine::ideal(), VirtualEngine::new()];
    let (mut ran, mut drawn) = (0, 0);
    while ran < wanted {
        let text = Author(Dice::new(seed, drawn)).scenario();
        drawn += 1;
        assert!(drawn < 4 * wanted, "seed {seed}: {ran} of {drawn} scenarios are valid");
        if Scenario::parse(&text, "random").is_err() {
            continue;
        }
        let engine = &engines[usize::try_from(ran % 2).unwrap()];
        if let Some(fault) = fault(&text, engine, &STATED) {
            panic!("seed {seed}, scenario {}: {fault}\n{text}", drawn - 1);
        }
        ran += 1;
    }
}
