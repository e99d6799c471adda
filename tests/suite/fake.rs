//! An engine that only samples an M/G/c queue: every effect in it is planted, so verdicts can be checked against the
//! truth.

use conlab::engine::{Engine, EngineError, Experiment, Progress, RunOutput};
use conlab::measure::RunRecord;
use conlab::measure::record::{ActorRecord, Distribution, TreatmentRecord};
use conlab::queue::QueueKind;
use conlab::random::{Source, Stream};
use conlab::scenario::{ActorSpec, Load, Scenario};
use conlab::units::Nanos;
use conlab::workload::{Draw, Spread};
use std::sync::atomic::{AtomicU64, Ordering};

/// The sampler.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// Standard deviation of the logarithm of a factor that every run draws: the noise of a host.
    pub(crate) noise: f64,
    /// What the lock-free queue multiplies service times by: the planted effect.
    pub(crate) lockfree: f64,
    /// Runs made so far; each draws everything from a stream of its own.
    runs: AtomicU64,
    /// Whether records claim that a tool watched the lock-free arm.
    pub(crate) instrumented: bool,
}

impl Fake {
    pub(crate) fn new(noise: f64, lockfree: f64, first_run: u64) -> Self {
        Self { noise, lockfree, runs: AtomicU64::new(first_run), instrumented: false }
    }
}

impl Engine for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn run(&self, experiment: &Experiment, _progress: &Progress) -> Result<RunOutput, EngineError> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let focus = &experiment.scenario.actors[experiment.scenario.focus];
        let mut stream = Stream::new(run, Source::Scheduler, 0, 0);
        let host = Draw { mean: Nanos(1_000_000), spread: Spread::Lognormal(self.noise) };
        let mut factor = if self.noise > 0.0 { host.sample(&mut stream, 0).0 as f64 / 1e6 } else { 1.0 };
        let planted = focus.queue == QueueKind::LockFree;
        if planted {
            factor *= self.lockfree;
        }
        let Load::Open { rate, .. } = focus.load else { panic!("the fake engine knows open load only") };
        let gap = Draw { mean: Nanos::from_secs(1).scaled(1.0 / rate), spread: Spread::Exponential };
        let service = focus.steps[0].compute.clone().unwrap().scaled(factor);
        let mut free = vec![Nanos::ZERO; focus.threads];
        let mut now = Nanos::ZERO;
        let mut sojourns: Vec<u64> = (0..experiment.scenario.run.tasks.unwrap())
            .map(|task| {
                now += gap.sample(&mut stream, task);
                let server = (0..free.len()).min_by_key(|&server| free[server]).unwrap();
                free[server] = free[server].max(now) + service.sample(&mut stream, task);
                (free[server] - now).0
            })
            .collect();
        let end = free.into_iter().max().unwrap();
        sojourns.sort_unstable();
        let mut record = record(focus, &sojourns, end);
        record.seed = experiment.seed;
        record.instrumented = self.instrumented && planted;
        Ok(RunOutput { record, sojourn: Vec::new() })
    }
}

fn record(focus: &ActorSpec, sorted: &[u64], end: Nanos) -> RunRecord {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position within the slice"
    )]
    let at = |quantile: f64| sorted[((sorted.len() - 1) as f64 * quantile) as usize];
    let sojourn = Distribution {
        mean: sorted.iter().sum::<u64>() as f64 / sorted.len() as f64,
        min: sorted[0],
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
        count: sorted.len() as u64,
        ..Distribution::default()
    };
    let actor = ActorRecord {
        issued: sorted.len() as u64,
        completed: sorted.len() as u64,
        throughput_per_s: sorted.len() as f64 / end.as_secs_f64(),
        sojourn_ns: sojourn,
        ..ActorRecord::default()
    };
    RunRecord {
        engine: "fake".into(),
        trustworthy: true,
        treatment: TreatmentRecord {
            focus: focus.name.clone(),
            queue: focus.queue.name().into(),
            ..TreatmentRecord::default()
        },
        actors: [(focus.name.clone(), actor)].into(),
        ..RunRecord::default()
    }
}

/// One actor with `threads` workers under open load at half their capacity.
pub(crate) fn scenario(queue: QueueKind, threads: usize, tasks: u64) -> Scenario {
    let text = format!(
        r#"
        schema = 1
        name = "planted"
        run = {{ tasks = {tasks}, warmup = "0s", seed = 18 }}
        isolated = {{ load = ["agents"] }}
        [actor.agents]
        focus = true
        threads = {threads}
        queue = "{}"
        load = {{ rate = "{}/s" }}
        steps = [{{ name = "work", compute = "1ms", spread = "exponential" }}]
        "#,
        queue.name(),
        500 * threads
    );
    Scenario::parse(&text, "planted").unwrap()
}
