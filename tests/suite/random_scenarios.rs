//! Random valid scenarios of the whole language: every identity holds in each, and nothing but a stated verdict makes a run
//! untrustworthy.
//!
//! 100 of them run in the suite, 1000 by
//!
//! ```sh
//! CONLAB_SCENARIOS=1000 CONLAB_SEED=7 cargo test --test suite random_scenarios
//! ```

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::VerdictKind;
use conlab::random::{Source, Stream};
use conlab::scenario::{LoadArm, Scenario};
use std::fmt::Write;

/// Draws scenarios.
struct Author(Stream);

impl Author {
    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.0.below(words.len() as u64)).unwrap()]
    }

    /// True once in `n`.
    fn once_in(&mut self, n: u64) -> bool {
        self.0.below(n) == 0
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    fn time(&mut self) -> String {
        match self.0.below(3) {
            0 => format!("\"{}us\"", self.between(1, 900)),
            1 => format!("\"{}ms\"", self.between(1, 9)),
            _ => format!("\"{}us\"", self.between(50, 5000)),
        }
    }

    fn spread(&mut self) -> String {
        match self.0.below(9) {
            0 => "{ uniform = 0.3 }".into(),
            1 => "\"exponential\"".into(),
            2 => "{ lognormal = 0.5 }".into(),
            3 => "{ gamma = 4.0 }".into(),
            4 => "{ pareto = 2.5 }".into(),
            5 => "{ hyperexponential = 4.0 }".into(),
            6 => "{ ramp = { step = \"10us\", count = 7 } }".into(),
            _ => "\"constant\"".into(),
        }
    }

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
        if !locks.is_empty() && self.once_in(3) {
            let lock = &locks[usize::try_from(self.0.below(locks.len() as u64)).unwrap()];
            _ = write!(step, ", lock = \"{lock}\"");
        }
        if self.once_in(2) {
            _ = write!(step, ", compute = {}", self.time());
            effects += 1;
        }
        if self.once_in(8) {
            _ = write!(step, ", touch = \"16KiB\"");
            effects += 1;
        }
        if self.once_in(16) {
            _ = write!(step, ", compress = \"1KiB\"");
            effects += 1;
        }
        if caches > 0 && self.once_in(4) {
            let (hit, miss) = (self.time(), self.time());
            let kind = self.one_of(&["io", "compute"]);
            _ = write!(
                step,
                ", cache = \"c{}\", hit = {hit}, miss = {{ {kind} = {miss} }}",
                self.0.below(caches as u64)
            );
            effects += 1;
        }
        if stores > 0 && self.once_in(5) {
            _ = write!(step, ", {} = \"d{}\"", self.one_of(&["read", "write"]), self.0.below(stores as u64));
            effects += 1;
        }
        if effects == 0 || self.once_in(3) {
            _ = write!(step, ", io = {}", self.time());
        }
        if !later.is_empty() && self.once_in(3) {
            let to = &later[usize::try_from(self.0.below(later.len() as u64)).unwrap()];
            _ = write!(step, ", {} = \"{to}\"", self.one_of(&["call", "send"]));
        }
        if self.once_in(8) {
            _ = write!(step, ", times = {}", self.between(2, 5));
        }
        if self.once_in(2) {
            _ = write!(step, ", spread = {}", self.spread());
        }
        step + " }"
    }

    fn load(&mut self, focus: bool) -> String {
        if !focus && self.once_in(3) {
            return String::new();
        }
        if self.once_in(2) {
            let think = if self.once_in(2) { format!(", think = {}", self.time()) } else { String::new() };
            return format!("load = {{ clients = {}{think} }}\n", self.between(1, 40));
        }
        let arrivals = self.one_of(&["poisson", "paced", "uniform"]);
        format!("load = {{ rate = \"{}/s\", arrivals = \"{arrivals}\" }}\n", self.between(5, 3000))
    }

    /// The text of a scenario; it may hold a mistake of the whole, such as a lock held over a call to who takes it.
    #[expect(clippy::too_many_lines, reason = "the parts of a file, one after the other")]
    fn scenario(&mut self) -> String {
        let mut text = String::from("schema = 1\nname = \"random\"\n[run]\n");
        match self.0.below(3) {
            0 => _ = writeln!(text, "tasks = {}", self.between(1, 200)),
            1 => _ = writeln!(text, "duration = \"{}ms\"", self.between(1, 200)),
            _ => {
                _ = writeln!(
                    text,
                    "tasks = {}\nduration = \"{}ms\"",
                    self.between(1, 300),
                    self.between(20, 200)
                )
            }
        }
        _ = writeln!(text, "warmup = \"{}ms\"\nseed = {}", self.0.below(60), self.0.below(1000));
        _ = writeln!(text, "[host]\ncores = {}", self.between(1, 5));
        if self.once_in(2) {
            _ = writeln!(text, "slice = \"{}us\"", self.between(100, 3000));
        }
        let mut locks = Vec::new();
        let mut interpreter = None;
        for number in 0..self.0.below(4) {
            let kind = self.one_of(&["mutex", "spin", "absent", "gil", "mutex"]);
            _ = writeln!(text, "[lock.l{number}]\nkind = \"{kind}\"");
            if kind == "gil" {
                interpreter = Some(format!("l{number}"));
            } else {
                locks.push(format!("l{number}"));
            }
        }
        let caches = usize::try_from(self.0.below(3)).unwrap();
        for number in 0..caches {
            let layout = self.one_of(&["contended", "sharded", "isolated"]);
            let capacity = self.between(1, 200);
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
                self.time(),
                self.time()
            );
        }
        let actors = usize::try_from(self.between(1, 4)).unwrap();
        let names: Vec<String> = (0..actors).map(|number| format!("a{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            let queue = self.one_of(&["mutex", "lockfree", "async", "arrayqueue", "segqueue"]);
            let threads = self.between(1, 12);
            let capacity = if self.once_in(3) { self.between(1, 4) } else { 1024 };
            _ = writeln!(
                text,
                "[actor.{name}]\nthreads = {threads}\nqueue = \"{queue}\"\ncapacity = {capacity}"
            );
            if number == 0 {
                text.push_str("focus = true\n");
            }
            text.push_str(&self.load(number == 0));
            if let Some(lock) = interpreter.as_ref().filter(|_| self.once_in(2)) {
                _ = writeln!(text, "under = \"{lock}\"");
            }
            let steps: Vec<String> = (0..self.between(1, 3))
                .map(|step| {
                    self.step(usize::try_from(step).unwrap(), &locks, caches, stores, &names[number + 1..])
                })
                .collect();
            _ = writeln!(text, "steps = [ {} ]", steps.join(", "));
        }
        text
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Runs one; what is wrong with it, if anything.
fn fault(text: &str, engine: &VirtualEngine) -> Option<String> {
    let scenario = Scenario::parse(text, "random").ok()?;
    let output = match engine.run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default()) {
        Ok(output) => output,
        // A system that stands still, one whose others keep its actor in focus from ever finishing a task, one whose tasks take no
        // time on a host that charges nothing: it is said.
        Err(error) => {
            let said = error.to_string();
            let stated = ["deadlock", "no task finished in the last", "that take no time"]
                .iter()
                .any(|words| said.contains(words));
            return (!stated).then_some(said);
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
    let stated = record
        .verdicts
        .iter()
        .any(|verdict| matches!(verdict.kind, VerdictKind::Deadlock | VerdictKind::TooShort));
    (record.trustworthy == stated)
        .then(|| format!("trustworthy {}, {:?}", record.trustworthy, record.verdicts))
}

#[test]
fn identities_hold_in_every_valid_scenario() {
    let (wanted, seed) = (setting("CONLAB_SCENARIOS", 100), setting("CONLAB_SEED", 18));
    let engines = [VirtualEngine::ideal(), VirtualEngine::new()];
    let (mut ran, mut drawn) = (0, 0);
    while ran < wanted {
        let text = Author(Stream::new(seed, Source::Data, 0, drawn)).scenario();
        drawn += 1;
        assert!(drawn < 4 * wanted, "seed {seed}: {ran} of {drawn} scenarios are valid");
        if Scenario::parse(&text, "random").is_err() {
            continue;
        }
        let engine = &engines[usize::try_from(ran % 2).unwrap()];
        if let Some(fault) = fault(&text, engine) {
            panic!("seed {seed}, scenario {}: {fault}\n{text}", drawn - 1);
        }
        ran += 1;
    }
}
