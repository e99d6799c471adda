//! Options shared by the commands that run something.
//!
//! A command flattens [`RunOptions`] into its own arguments, then asks for the [`RunOptions::scenario`] and for
//! [`RunOptions::one_treatment`] or [`RunOptions::treatments`] (the product of every list).

use super::constants::CalibrationOption;
use super::exit::Failure;
use super::values::Words;
use crate::cache::CacheLayout;
use crate::engine::Profiler;
use crate::queue::QueueKind;
use crate::scenario::{
    DEFAULT, EngineKind, LoadArm, Overrides, Scenario, Treatment, parse_duration, parse_rate, unknown,
};
use crate::units::Nanos;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Most worker threads or simulated cores that make sense; beyond it, no system grants them.
pub const MAX_THREADS: usize = 65_536;

/// Most treatments that one command compares.
pub const MAX_TREATMENTS: usize = 4096;

/// Address of tokio-console when none is given: loopback only.
const CONSOLE: &str = "127.0.0.1:6669";

/// Which scenario.
#[derive(Clone, Debug, clap::Args)]
pub struct ScenarioArg {
    /// A built-in scenario's name (`conlab list`) or a TOML file's path
    #[arg(value_name = "SCENARIO", default_value = DEFAULT, env = "CONLAB_SCENARIO", hide_env = true)]
    pub scenario: String,
}

/// Options shared by the commands that run something.
#[derive(Clone, Debug, clap::Args)]
pub struct RunOptions {
    /// What is varied.
    #[command(flatten)]
    pub treatment: TreatmentOptions,
    /// How much is run.
    #[command(flatten)]
    pub amount: AmountOptions,
    /// Which constants virtual time has.
    #[command(flatten)]
    pub calibration: CalibrationOption,
    /// What watches.
    #[command(flatten)]
    pub watch: WatchOptions,
    /// What is kept.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// The factors of a treatment. Lists make several treatments, where a command takes several.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Treatment")]
pub struct TreatmentOptions {
    /// Worker threads of the actor in focus (tokio workers for `async`); lists and ranges: 1,2,4,8 or 1..=16
    #[arg(long, value_name = "N", env = "CONLAB_THREADS", hide_env = true, allow_hyphen_values = true)]
    pub threads: Option<Counts>,
    /// How tasks reach the workers: mutex, lockfree, async, arrayqueue, segqueue
    #[arg(long, value_name = "KIND", env = "CONLAB_QUEUE", hide_env = true)]
    #[arg(value_delimiter = ',', hide_possible_values = true, value_parser = Words::new(parse_queue, || QueueKind::ALL.map(QueueKind::name).into()))]
    pub queue: Vec<QueueKind>,
    /// Layout of the caches: contended, sharded, isolated
    #[arg(long, value_name = "LAYOUT", env = "CONLAB_CACHE", hide_env = true)]
    #[arg(value_delimiter = ',', hide_possible_values = true, value_parser = Words::new(parse_cache, || CacheLayout::ALL.map(CacheLayout::name).into()))]
    pub cache: Vec<CacheLayout>,
    /// Who is loaded: baseline (every actor) or isolated (the actor in focus alone)
    #[arg(long, value_name = "ARM", value_delimiter = ',', hide_possible_values = true, value_parser = Words::new(parse_load, || LoadArm::ALL.map(LoadArm::name).into()))]
    pub load: Vec<LoadArm>,
    /// real (threads or tokio on this machine) or virtual (deterministic simulation)
    #[arg(long, value_name = "E", env = "CONLAB_ENGINE", hide_env = true)]
    #[arg(value_delimiter = ',', hide_possible_values = true, value_parser = Words::new(parse_engine, || EngineKind::ALL.map(EngineKind::name).into()))]
    pub engine: Vec<EngineKind>,
    /// Virtual: cores simulated; real: processors that the run is confined to
    #[arg(long, value_name = "N", env = "CONLAB_CORES", hide_env = true, allow_hyphen_values = true)]
    pub cores: Option<Counts>,
    /// Any field of the scenario: --set lock.interpreter.interval=0.5ms
    #[arg(long, value_name = "PATH=VALUE", value_parser = parse_assignment)]
    pub set: Vec<(String, String)>,
}

/// How much is run, and under which load.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Amount and load")]
pub struct AmountOptions {
    /// Measured tasks of the actor in focus after which the run ends
    #[arg(long, value_name = "N", env = "CONLAB_TASKS", hide_env = true, allow_hyphen_values = true)]
    #[arg(value_parser = |text: &str| parse_count(text, 1, 1_000_000_000_000))]
    pub tasks: Option<u64>,
    /// Measured time after which the run ends; with --tasks, whichever comes first
    #[arg(long, value_name = "T", env = "CONLAB_DURATION", hide_env = true, allow_hyphen_values = true)]
    #[arg(value_parser = parse_some_time)]
    pub duration: Option<Nanos>,
    /// Discarded start
    #[arg(long, value_name = "T", env = "CONLAB_WARMUP", hide_env = true, allow_hyphen_values = true)]
    #[arg(value_parser = parse_duration)]
    pub warmup: Option<Nanos>,
    /// Independent repetitions
    #[arg(long, value_name = "N", env = "CONLAB_REPLICATES", hide_env = true, allow_hyphen_values = true)]
    #[arg(value_parser = |text: &str| parse_count(text, 1, 1_000_000))]
    pub replicates: Option<u64>,
    /// Seed of every stream of random numbers; always printed
    #[arg(long, value_name = "S", env = "CONLAB_SEED", hide_env = true, allow_hyphen_values = true)]
    #[arg(value_parser = |text: &str| parse_count(text, 0, i64::MAX.unsigned_abs()))]
    pub seed: Option<u64>,
    /// Open load of the actor in focus, such as 100/s
    #[arg(long, value_name = "R", conflicts_with = "clients", value_parser = parse_rate)]
    #[arg(allow_hyphen_values = true)]
    pub rate: Option<f64>,
    /// Closed load of the actor in focus: so many clients, each waiting for its answer
    #[arg(long, value_name = "N", value_parser = |text: &str| parse_count(text, 1, 1_000_000))]
    #[arg(allow_hyphen_values = true)]
    pub clients: Option<u64>,
}

/// What watches the run.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Observation")]
pub struct WatchOptions {
    /// none, deterministic (every step timed and counted), sampling (each worker's current step), memory
    #[arg(long, value_name = "P", default_value = "none", hide_possible_values = true, value_parser = Words::new(parse_profiler, || Profiler::ALL.map(Profiler::name).into()))]
    pub profiler: Profiler,
    /// Serve tokio-console (queue `async`); on loopback unless an address is given
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = CONSOLE)]
    #[arg(value_parser = parse_address)]
    pub console: Option<SocketAddr>,
    /// Show a live page while it runs
    #[arg(long)]
    pub watch: bool,
}

/// What is kept, and where.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Print the record as JSON on stdout instead of the page
    #[arg(long)]
    pub json: bool,
    /// Where records are stored
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    pub out: PathBuf,
    /// Store nothing
    #[arg(long)]
    pub no_save: bool,
    /// Write a trace for Perfetto or Chrome
    #[arg(long, value_name = "FILE", value_parser = writable)]
    pub trace: Option<PathBuf>,
    /// Write a self-contained page
    #[arg(long, value_name = "FILE", value_parser = writable)]
    pub html: Option<PathBuf>,
}

/// A file to write once the runs are made; refused before them where its folder is missing.
pub(super) fn writable(text: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(text);
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(format!("there is no folder {} to write it to", folder.display()))
        }
        _ => Ok(file),
    }
}

impl RunOptions {
    /// The scenario of this name or path, with everything that the options override.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it cannot be found, read or run.
    pub fn scenario(&self, name_or_path: &str) -> Result<Scenario, Failure> {
        let amount = &self.amount;
        let overrides = Overrides {
            set: self.treatment.set.clone(),
            tasks: amount.tasks,
            duration: amount.duration,
            warmup: amount.warmup,
            replicates: amount.replicates,
            seed: amount.seed,
            rate: amount.rate,
            clients: amount.clients,
            // One engine is part of what is run; several are what is compared.
            engine: match self.treatment.engine[..] {
                [engine] => Some(engine),
                _ => None,
            },
        };
        Ok(Scenario::load(name_or_path, &overrides)?)
    }

    /// The rounds of a study asked for.
    #[must_use]
    pub fn rounds(&self) -> Option<u32> {
        self.amount.replicates.map(|rounds| u32::try_from(rounds).unwrap_or(u32::MAX))
    }

    /// The engine asked for, or the scenario's own.
    #[must_use]
    pub fn engine(&self, scenario: &Scenario) -> EngineKind {
        self.treatment.engine.first().copied().unwrap_or(scenario.run.engine)
    }

    /// Every combination of the levels given; a factor without a level keeps the scenario's own.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when there are more than [`MAX_TREATMENTS`].
    pub fn treatments(&self, scenario: &Scenario) -> Result<Vec<Treatment>, Failure> {
        let options = &self.treatment;
        let of = |counts: &Option<Counts>| counts.as_ref().map_or(0, |counts| counts.0.len());
        let levels_given = [
            of(&options.threads),
            options.queue.len(),
            options.cache.len(),
            options.load.len(),
            of(&options.cores),
            options.engine.len(),
        ];
        let all = levels_given.iter().fold(1_usize, |all, levels| all.saturating_mul(*levels.max(&1)));
        if all > MAX_TREATMENTS {
            return Err(Failure::Usage(format!(
                "the lists make {all} treatments: expected at most {MAX_TREATMENTS}; give fewer levels of --threads, --cores \
                 or others, or plan a sweep (`conlab sweep`)"
            )));
        }
        let mut all = vec![Treatment::default()];
        let threads = levels(options.threads.as_ref().map_or(&[], |counts| &counts.0));
        all = product(&all, &threads, |one, level| one.threads = level);
        all = product(&all, &levels(&options.queue), |one, level| one.queue = level);
        all = product(&all, &levels(&options.cache), |one, level| one.cache = level);
        let loads = if options.load.is_empty() { vec![scenario.run.load] } else { options.load.clone() };
        all = product(&all, &loads, |one, level| one.load = level);
        let cores = levels(options.cores.as_ref().map_or(&[], |counts| &counts.0));
        Ok(product(&all, &cores, |one, level| one.cores = level.and_then(|cores| u32::try_from(cores).ok())))
    }

    /// Refuses, before anything runs, what a command of many runs cannot honour.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] names the option and the command that takes it.
    pub fn honoured_by_studies(&self, command: &str) -> Result<(), Failure> {
        let watch = &self.watch;
        let asked = [
            ("--trace", self.output.trace.is_some()),
            ("--watch", watch.watch),
            ("--console", watch.console.is_some()),
            ("--profiler", watch.profiler != Profiler::None),
        ];
        match asked.iter().find(|(_, asked)| *asked) {
            Some((option, _)) => Err(Failure::Usage(format!(
                "{option}: `conlab {command}` makes many runs and cannot honour it; `conlab run` can"
            ))),
            None => Ok(()),
        }
    }

    /// The one treatment given.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when a list gives several: `command` takes one.
    pub fn one_treatment(&self, command: &str, scenario: &Scenario) -> Result<Treatment, Failure> {
        let options = &self.treatment;
        for (option, levels) in [
            ("--threads", options.threads.as_ref().map_or(0, |counts| counts.0.len())),
            ("--queue", options.queue.len()),
            ("--cache", options.cache.len()),
            ("--load", options.load.len()),
            ("--cores", options.cores.as_ref().map_or(0, |counts| counts.0.len())),
            ("--engine", options.engine.len()),
        ] {
            if levels > 1 {
                return Err(Failure::Usage(format!(
                    "{option}: {levels} levels given, but `conlab {command}` runs one treatment; \
                     `conlab compare` takes lists"
                )));
            }
        }
        Ok(self.treatments(scenario)?.remove(0))
    }
}

/// Levels of a factor: those given, or the scenario's own.
fn levels<T: Copy>(given: &[T]) -> Vec<Option<T>> {
    if given.is_empty() { vec![None] } else { given.iter().copied().map(Some).collect() }
}

/// Every one of `treatments` with every level.
fn product<T: Copy>(
    treatments: &[Treatment],
    levels: &[T],
    set: impl Fn(&mut Treatment, T),
) -> Vec<Treatment> {
    let with = |treatment: &Treatment, level| {
        let mut treatment = treatment.clone();
        set(&mut treatment, level);
        treatment
    };
    treatments.iter().flat_map(|one| levels.iter().map(move |&level| with(one, level))).collect()
}

/// A list of counts: `4`, `1,2,4,8`, `1..=16`, `1..8`, or a mixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(
    /// The counts, in the order given, without repetition.
    pub Vec<usize>,
);

impl FromStr for Counts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut counts = Vec::new();
        for part in text.split(',') {
            let range = match part.split_once("..") {
                None => {
                    let count = parse_threads(part)?;
                    count..=count
                }
                Some((first, last)) => {
                    let first = parse_threads(first)?;
                    let last = match last.strip_prefix('=') {
                        Some(last) => parse_threads(last)?,
                        None => parse_threads(last)?.saturating_sub(1),
                    };
                    if first > last {
                        return Err(format!("`{part}` is an empty range: expected one such as 1..=16"));
                    }
                    first..=last
                }
            };
            for count in range {
                if !counts.contains(&count) {
                    counts.push(count);
                }
                if counts.len() > 4096 {
                    return Err(format!("`{text}` gives more than 4096 levels"));
                }
            }
        }
        Ok(Self(counts))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_THREADS")]
fn parse_threads(text: &str) -> Result<usize, String> {
    parse_count(text, 1, MAX_THREADS as u64).map(|count| count as usize)
}

/// Parses a count within bounds.
pub(super) fn parse_count(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let text = text.trim();
    let plain = text.replace('_', "");
    match plain.parse::<u64>() {
        Ok(count) if count < least => Err(format!("`{text}` is too few: expected at least {least}")),
        Ok(count) if count > most => Err(format!("`{text}` is too many: expected at most {most}")),
        Ok(count) => Ok(count),
        Err(_) if !plain.is_empty() && plain.chars().all(|c| c.is_ascii_digit()) => {
            Err(format!("`{text}` is too many: expected at most {most}"))
        }
        Err(_) => Err(format!("`{text}` is not a whole number from {least} to {most}")),
    }
}

/// Parses a duration that must not be zero.
pub(super) fn parse_some_time(text: &str) -> Result<Nanos, String> {
    match parse_duration(text)? {
        Nanos::ZERO => Err(format!("`{text}` is no time at all: expected a duration above zero")),
        time => Ok(time),
    }
}

fn parse_queue(text: &str) -> Result<QueueKind, String> {
    one_of("queue", text, &QueueKind::ALL, QueueKind::name)
}

fn parse_cache(text: &str) -> Result<CacheLayout, String> {
    one_of("cache layout", text, &CacheLayout::ALL, CacheLayout::name)
}

fn parse_load(text: &str) -> Result<LoadArm, String> {
    one_of("load arm", text, &LoadArm::ALL, LoadArm::name)
}

fn parse_engine(text: &str) -> Result<EngineKind, String> {
    one_of("engine", text, &EngineKind::ALL, EngineKind::name)
}

fn parse_profiler(text: &str) -> Result<Profiler, String> {
    one_of("profiler", text, &Profiler::ALL, Profiler::name)
}

/// Parses `PATH=VALUE`.
pub(super) fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok((path.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("`{text}` sets nothing: expected PATH=VALUE, such as actor.agents.threads=4")),
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address: expected one such as {CONSOLE}"))
}

/// The member of `all` whose name is `word`, or a sentence that names the nearest.
///
/// # Errors
///
/// The sentence.
pub fn one_of<T: Copy>(
    what: &str,
    word: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    all.iter().copied().find(|&item| name(item) == word).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|&item| name(item)).collect();
        unknown(what, word, &names)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(flatten)]
        options: RunOptions,
    }

    fn parse(words: &[&str]) -> RunOptions {
        Probe::try_parse_from(["conlab"].iter().chain(words)).unwrap().options
    }

    #[test]
    fn counts_are_lists_and_ranges() {
        assert_eq!("4".parse(), Ok(Counts(vec![4])));
        assert_eq!("1,2,4,8".parse(), Ok(Counts(vec![1, 2, 4, 8])));
        assert_eq!("1..=4,2,16".parse(), Ok(Counts(vec![1, 2, 3, 4, 16])));
        assert_eq!("2..4".parse(), Ok(Counts(vec![2, 3])));
        for (text, reason) in [
            ("0", "too few"),
            ("1000000", "too many"),
            ("99999999999999999999999", "too many"),
            ("4..=2", "empty range"),
            ("x", "not a whole number"),
            ("", "not a whole number"),
            ("-1", "not a whole number"),
            ("1..=65536", "more than 4096 levels"),
        ] {
            let said = text.parse::<Counts>().unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn lists_make_the_product_of_their_levels() {
        let options = parse(&["--threads", "1,2", "--queue", "mutex,lockfree", "--load", "isolated"]);
        let agents = options.scenario(DEFAULT).unwrap();
        let treatments = options.treatments(&agents).unwrap();
        assert_eq!(treatments.len(), 4);
        assert_eq!(treatments[1].threads, Some(1));
        assert_eq!(treatments[1].queue, Some(QueueKind::LockFree));
        assert!(treatments.iter().all(|one| one.load == LoadArm::Isolated && one.cache.is_none()));
        assert!(
            matches!(options.one_treatment("run", &agents), Err(Failure::Usage(why)) if why.contains("--threads"))
        );
        assert!(parse(&["--threads", "3"]).one_treatment("run", &agents).is_ok());
        assert_eq!(parse(&[]).treatments(&agents).unwrap(), [Treatment::default()]);
    }

    #[test]
    fn the_console_listens_on_loopback_unless_told_otherwise() {
        assert_eq!(parse(&["--console"]).watch.console, Some(CONSOLE.parse().unwrap()));
        assert_eq!(parse(&["--console=[::1]:7000"]).watch.console, Some("[::1]:7000".parse().unwrap()));
        assert_eq!(parse(&[]).watch.console, None);
    }
}
