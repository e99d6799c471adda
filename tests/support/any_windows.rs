//! Random scenarios that settle, under windows of several lengths: whatever the length, mean and p99 are the same within their
//! intervals. A rule that counts only what ends in the window makes short windows favour short tasks and fails here.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::random::{Source, Stream};
use conlab::scenario::{LoadArm, Scenario};
use std::fmt::Write;

/// Scenarios.
const SCENARIOS: u64 = 20;
/// Standard errors that two estimates may lie apart, on top of the histograms' resolution and what an integer rank does.
const APART: f64 = 5.0;
const RESOLUTION: f64 = 0.01;

/// What one window says of a scenario: value and standard error of mean and p99 in ms, and the tasks behind them.
struct Seen {
    mean: (f64, f64),
    p99: (f64, f64),
    tasks: u64,
}

/// A scenario whose resources are used up to 70 % at most: long tails, locks, calls, open and closed loads.
fn settled(draw: &mut Stream) -> String {
    let pick = |draw: &mut Stream, of: &[u64]| of[usize::try_from(draw.below(of.len() as u64)).unwrap()];
    let cores = pick(draw, &[1, 2, 4, 8]);
    let threads = pick(draw, &[1, 2, 4, 16]);
    let micros = pick(draw, &[300, 800, 1500, 3000]);
    let spread = ["\"exponential\"", "{ lognormal = 0.8 }", "{ hyperexponential = 4.0 }", "\"constant\""]
        [usize::try_from(draw.below(4)).unwrap()];
    let used = 0.3 + 0.4 * draw.unit();
    let mut text = format!(
        "schema = 1\nname = \"settled\"\nrun = {{ warmup = \"2s\" }}\n[host]\ncores = {cores}\n[lock.l]\n"
    );
    let mut steps = vec![format!("{{ name = \"work\", compute = \"{micros}us\", spread = {spread} }}")];
    // A pool that is wide enough for tasks that mostly wait, a tenth of them for long.
    let waits = draw.below(2) == 0;
    if waits {
        steps.push("{ name = \"wait\", io = \"20ms\", spread = { hyperexponential = 9.0 } }".into());
    }
    if draw.below(3) == 0 {
        steps.push(format!("{{ name = \"share\", lock = \"l\", compute = \"{}us\" }}", micros / 10));
    }
    let called = draw.below(3) == 0;
    if called {
        steps.push("{ name = \"ask\", call = \"b\" }".into());
    }
    let workers = if waits || called { 400 } else { threads };
    // What the lock's step computes comes on top.
    let rate = used / 1.2 * threads.min(cores) as f64 / (micros as f64 / 1e6);
    let load = if draw.below(3) == 0 {
        format!("{{ clients = {}, think = \"{}us\", spread = \"exponential\" }}", 2 * threads, 4 * micros)
    } else {
        format!("{{ rate = \"{rate:.0}/s\" }}")
    };
    _ = write!(
        text,
        "[actor.a]\nfocus = true\nthreads = {workers}\ncapacity = 100000\nload = {load}\nsteps = [ {} ]\n",
        steps.join(", ")
    );
    if called {
        text.push_str(
            "[actor.b]\nthreads = 64\ncapacity = 100000\nsteps = [ { name = \"s\", io = \"2ms\", spread = \"exponential\" } ]\n",
        );
    }
    text
}

/// Value of all runs together, and its standard error by leaving one out at a time.
fn jackknife<T>(runs: &[T], value: impl Fn(&mut dyn Iterator<Item = &T>) -> f64) -> (f64, f64) {
    let n = runs.len() as f64;
    let without = |out: usize| {
        value(&mut runs.iter().enumerate().filter(|(index, _)| *index != out).map(|(_, run)| run))
    };
    let left: Vec<f64> = (0..runs.len()).map(without).collect();
    let middle = left.iter().sum::<f64>() / n;
    let squares: f64 = left.iter().map(|value| (value - middle).powi(2)).sum();
    (value(&mut runs.iter()), ((n - 1.0) / n * squares).sqrt())
}

fn seen(engine: &VirtualEngine, text: &str, seconds: u64, runs: u64) -> Seen {
    let window = format!("run = {{ warmup = \"2s\", duration = \"{seconds}s\" }}");
    let text = text.replace("run = { warmup = \"2s\" }", &window);
    let scenario = Scenario::parse(&text, "settled").unwrap_or_else(|error| panic!("{error}\n{text}"));
    let run = |seed| {
        let mut experiment = Experiment::new(scenario.clone(), LoadArm::Baseline);
        experiment.seed = 1000 * seconds + seed;
        let output = engine.run(&experiment, &Progress::default()).unwrap();
        assert!(
            output.record.trustworthy && output.record.verdicts.is_empty(),
            "{text}{:?}",
            output.record.verdicts
        );
        assert_eq!(output.record.actors["a"].in_flight, 0, "{text}");
        let (_, counts) = output.sojourn.into_iter().find(|(name, _)| name == "a").unwrap();
        counts.histogram()
    };
    let found: Vec<_> = (1..=runs).map(run).collect();
    let tasks = found.iter().map(|run| run.len()).sum();
    let mean = jackknife(&found, |runs| {
        let (sum, count) = runs.fold((0.0, 0.0), |(sum, count), run| {
            (sum + run.mean() * run.len() as f64, count + run.len() as f64)
        });
        sum / count / 1e6
    });
    let p99 = jackknife(&found, |runs| {
        let mut all = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        for run in runs {
            all.add(run).unwrap();
        }
        all.value_at_quantile(0.99) as f64 / 1e6
    });
    Seen { mean, p99, tasks }
}

/// Checks every window of `windows`, seconds and runs, against the last, which is the longest.
pub(crate) fn agree(windows: &[(u64, u64)], seed: u64) {
    let engines = [VirtualEngine::ideal(), VirtualEngine::new()];
    let mut widths = Vec::new();
    for number in 0..SCENARIOS {
        let text = settled(&mut Stream::new(seed, Source::Data, 0, number));
        let engine = &engines[usize::try_from(number % 2).unwrap()];
        let found: Vec<Seen> =
            windows.iter().map(|(seconds, runs)| seen(engine, &text, *seconds, *runs)).collect();
        let (longest, others) = found.split_last().unwrap();
        for (one, (seconds, _)) in others.iter().zip(windows) {
            for (what, (value, error), (there, its)) in
                [("mean", one.mean, longest.mean), ("p99", one.p99, longest.p99)]
            {
                let allowed = APART * error.hypot(its) + RESOLUTION * there;
                widths.push(allowed / there);
                assert!(
                    (value - there).abs() <= allowed,
                    "seed {seed}, scenario {number}, {seconds} s ({} tasks): {what} {value:.3} ms, {there:.3} ms in the longest window, allowed {allowed:.3}\n{text}",
                    one.tasks
                );
            }
        }
    }
    // Intervals that hold everything would show nothing.
    widths.sort_by(f64::total_cmp);
    let middle = widths[widths.len() / 2];
    eprintln!(
        "windows {windows:?}, seed {seed}: {} comparisons, half of them within {:.1} %",
        widths.len(),
        100.0 * middle
    );
    assert!(middle < 0.2, "the intervals are too wide to show anything: {middle:.3} in the middle");
}
