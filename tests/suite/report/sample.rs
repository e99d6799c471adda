//! A record as a large run leaves it, made without running anything.
#![expect(clippy::unwrap_used, reason = "test code")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "made up"
)]

use conlab::measure::record::{
    ActorRecord, Breakdown, CacheRecord, Distribution, Drain, Flow, Identity, Little, LockRecord, LockUse,
    Manifest, ProbeRecord, RunRecord, SCHEMA, ScenarioRef, SchedulerRecord, SeriesPoint, Shares, SlowTask,
    Span, StepRecord, ThreadRecord, Timeline, TreatmentRecord, Warning, Window,
};
use conlab::random::{Source, Stream};
use hdrhistogram::Histogram;

/// `values` as a record keeps them.
pub(crate) fn distribution(values: &Histogram<u64>) -> Distribution {
    let at = |quantile| values.value_at_quantile(quantile);
    Distribution {
        mean: values.mean(),
        min: values.min(),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: values.max(),
        stddev: values.stdev(),
        count: values.len(),
        spectrum: values
            .iter_quantiles(5)
            .map(|step| (step.quantile_iterated_to(), step.value_iterated_to()))
            .collect(),
        ..Distribution::default()
    }
}

/// Draws around `median`, with one in sixty waiting much longer.
fn draws(seed: u64, count: u64, median: f64) -> Histogram<u64> {
    let mut stream = Stream::new(seed, Source::Data, 0, 0);
    let mut histogram = Histogram::new(3).unwrap();
    for _ in 0..count {
        let spread =
            (-2.0 * stream.positive_unit().ln()).sqrt() * (std::f64::consts::TAU * stream.unit()).cos();
        let tail = if stream.below(60) == 0 { 2.0 + 9.0 * stream.unit() } else { 1.0 };
        histogram.record((median * (0.35 * spread).exp() * tail) as u64).unwrap();
    }
    histogram
}

fn actor(seed: u64, tasks: u64, seconds: f64, median: f64) -> ActorRecord {
    let sojourn = distribution(&draws(seed, tasks, median));
    let split = |whole: f64, shares: [f64; 7]| Breakdown {
        queue: whole * shares[0],
        execution: whole * shares[1],
        lock: whole * shares[2],
        run_queue: whole * shares[3],
        io: whole * shares[4],
        call: whole * shares[5],
        residual: whole * shares[6],
        ..Breakdown::default()
    };
    let mean = split(sojourn.mean, [0.18, 0.27, 0.2, 0.1, 0.2, 0.045, 0.005]);
    let step = |name: &str, shares: [f64; 7]| StepRecord {
        name: name.into(),
        count: tasks,
        total_ns: split(sojourn.mean * tasks as f64, shares),
        calls: (name == "fetch").then(|| "vault".into()),
    };
    let slow = |number: u64| SlowTask {
        arrived_ns: number * 1_000_000_000,
        sojourn_ns: sojourn.max - number * 1_000_000,
        breakdown_ns: split((sojourn.max - number * 1_000_000) as f64, [0.3, 0.1, 0.4, 0.1, 0.05, 0.05, 0.0]),
    };
    ActorRecord {
        issued: tasks + 24,
        completed: tasks,
        refused: 17,
        in_flight: 7,
        completed_in_window: Some(tasks),
        throughput_per_s: tasks as f64 / seconds,
        wait_ns: distribution(&draws(seed + 1, 2000, median * 0.18)),
        service_ns: distribution(&draws(seed + 2, 2000, median * 0.8)),
        lock_wait_ns: distribution(&draws(seed + 3, 2000, median * 0.2)),
        run_queue_ns: distribution(&draws(seed + 4, 2000, median * 0.1)),
        shares: Shares { execution: 0.474, lock_acquisition: 0.351, context_switching: 0.175 },
        breakdown_p99_ns: split(sojourn.p99 as f64, [0.31, 0.07, 0.44, 0.13, 0.04, 0.01, 0.0]),
        breakdown_p99_count: tasks / 100,
        breakdown_mean_ns: mean,
        steps: vec![
            step("plan", [0.0, 0.2, 0.12, 0.07, 0.0, 0.0, 0.0]),
            step("register", [0.0, 0.06, 0.08, 0.02, 0.0, 0.0, 0.0]),
            step("fetch", [0.0, 0.0, 0.0, 0.0, 0.0, 0.045, 0.0]),
            step("reply", [0.0, 0.01, 0.0, 0.01, 0.2, 0.0, 0.005]),
        ],
        slowest: (0..10).map(slow).collect(),
        sojourn_ns: sojourn,
        sojourn_uncorrected_ns: Some(distribution(&draws(seed, tasks.min(100_000), median * 0.8))),
        ..ActorRecord::default()
    }
}

/// A run of `tasks` tasks on `threads` threads with `spans` spans of timeline.
pub(crate) fn record(name: &str, tasks: u64, threads: usize, spans: usize) -> RunRecord {
    let seconds = 12.5;
    let length_ns = 12_500_000_000;
    let median = 31e6;
    let mut record = RunRecord {
        schema: SCHEMA,
        conlab: "0.1.0".into(),
        command: ["conlab", "run", name, "--threads", "64"].map(String::from).into(),
        engine: "real".into(),
        seed: 18,
        trustworthy: true,
        warnings: vec![Warning {
            code: "steal".into(),
            message: "the hypervisor took 3.1 % of this machine's time during the run".into(),
            remedy: "repeat on a quiet machine, or raise --replicates".into(),
        }],
        manifest: manifest(),
        scenario: ScenarioRef { name: name.into(), digest: "9f1c2ab7".into() },
        treatment: TreatmentRecord {
            focus: "agents".into(),
            threads,
            queue: "mutex".into(),
            cache: Some("contended".into()),
            load: "baseline".into(),
            cores: 4,
        },
        window: Window {
            warmup_ns: 1_000_000_000,
            length_ns,
            drain: Some(Drain { length_ns: 61_000_000, bound_ns: 25_000_000_000 }),
        },
        scheduler: SchedulerRecord {
            available: true,
            on_cpu_ns: 49_100_000_000,
            run_queue_ns: 211_000_000_000,
            blocked_ns: 540_000_000_000,
            voluntary_switches: 1_203_441,
            involuntary_switches: 310_022,
            migrations: Some(40_117),
        },
        probe_effect: 0.0041,
        probe: ProbeRecord {
            clock_reads: 12_000_000,
            clock_read_ns: 21.4,
            kernel_reads: 128,
            kernel_read_ns: 5400.0,
            recordings: tasks,
            recording_ns: 61.0,
        },
        little: Little { tasks_in_system: 64.02, product: 63.97 },
        identities: ["nothing-lost", "task-time", "thread-time", "little"]
            .map(|each| Identity { name: each.into(), holds: true, detail: "64.02 against 63.97".into() })
            .into(),
        ..RunRecord::default()
    };
    record.actors.insert("agents".into(), actor(1, tasks, seconds, median));
    record.actors.insert("vault".into(), actor(2, 5000, seconds, 9e6));
    record.locks.insert("interpreter".into(), lock("gil", 5.1e6, Some(220_114)));
    record.locks.insert("registry".into(), lock("mutex", 0.4e6, None));
    record.caches.insert("rsu".into(), cache());
    record.threads = (0..threads).map(thread).collect();
    record.series = series(length_ns);
    record.timeline = Some(timeline(threads, spans, length_ns));
    record
}

fn manifest() -> Manifest {
    Manifest {
        started: "2026-03-04T05:06:07Z".into(),
        version: "0.1.0".into(),
        commit: Some("abc1234".into()),
        compiler: "rustc 1.95.0".into(),
        flags: "release".into(),
        cpu: "a processor with a long name @ 2.60GHz".into(),
        cores: 4,
        kernel: "6.1.0".into(),
        cgroup_cores: Some(4.0),
        steal_ns: Some(3_000_000),
        calibration: "412 iterations per µs".into(),
        calibration_digest: None,
        clock: "tsc".into(),
        no_miss_counters: None,
    }
}

fn lock(kind: &str, wait: f64, drops: Option<u64>) -> LockRecord {
    LockRecord {
        kind: kind.into(),
        acquisitions: 2_310_112,
        contended: 1_204_881,
        open_waits: 0,
        wait_ns: distribution(&draws(9, 2000, wait)),
        hold_ns: distribution(&draws(10, 2000, wait / 12.0)),
        forced_drops: drops,
        switches: drops.map(|count| count * 2),
        holders: vec![used("vault", "read", wait * 3e4), used("agents", "plan", wait * 1e4)],
        waiters: vec![used("agents", "plan", wait * 6e4), used("vault", "read", wait * 2e4)],
    }
}

fn used(actor: &str, step: &str, total: f64) -> LockUse {
    LockUse { actor: actor.into(), step: step.into(), count: 1000, total_ns: total as u64 }
}

fn cache() -> CacheRecord {
    CacheRecord {
        layout: "contended".into(),
        hits: 912_004,
        misses: 87_996,
        evictions: 83_900,
        collisions: 120_431,
        mean_probe_length: 1.62,
        max_probe_length: 14,
        hit_ns: distribution(&draws(11, 2000, 410.0)),
        miss_ns: distribution(&draws(12, 2000, 8.1e6)),
        lock_wait_ns: distribution(&draws(13, 2000, 190.0)),
        line_misses_per_access: None,
        twins: None,
    }
}

fn thread(index: usize) -> ThreadRecord {
    let shift = index as u64 * 11_000_000;
    ThreadRecord {
        name: format!("agents-{index}"),
        actor: "agents".into(),
        wall_ns: 12_500_000_000,
        on_cpu_ns: 3_200_000_000 + shift,
        run_queue_ns: 2_900_000_000,
        blocked_ns: 6_390_000_000 - shift,
        work_ns: 2_900_000_000 + shift,
        spinning_ns: 180_000_000,
        bookkeeping_ns: 120_000_000,
        idle_ns: 900_000_000,
        residual_ns: 10_000_000,
        voluntary_switches: 18_000,
        involuntary_switches: 4800,
        tasks: 15_600,
    }
}

fn series(length_ns: u64) -> Vec<SeriesPoint> {
    let mut stream = Stream::new(3, Source::Data, 1, 0);
    (0..250)
        .map(|index| {
            let mean_ns = 36e6 * (1.0 + 0.25 * (index as f64 / 17.0).sin() + 0.2 * stream.unit());
            SeriesPoint {
                at_ns: index * length_ns / 250,
                completed: 3900 + stream.below(400),
                mean_ns,
                max_ns: (mean_ns * (3.0 + 9.0 * stream.unit())) as u64,
            }
        })
        .collect()
}

fn timeline(threads: usize, spans: usize, length_ns: u64) -> Timeline {
    const STATES: [(&str, &str); 6] = [
        ("execution", "plan"),
        ("lock", "interpreter, held by agents-3"),
        ("run_queue", "plan"),
        ("execution", "register"),
        ("io", "reply"),
        ("idle", ""),
    ];
    let mut timeline = Timeline { omitted: 41_200, ..Timeline::default() };
    let each = (spans / threads.max(1)).max(1) as u64;
    for track in 0..threads {
        timeline.tracks.push(format!("agents-{track}"));
        let mut stream = Stream::new(4, Source::Data, track as u64, 0);
        let mut at = 0;
        for number in 0..each {
            let (state, label) = STATES[stream.below(6) as usize];
            let length = (length_ns / each / 2) + stream.below(length_ns / each);
            timeline.spans.push(Span {
                track,
                start_ns: at,
                length_ns: length,
                state: state.into(),
                label: label.into(),
                holder: (state == "lock" && track > 0).then(|| track - 1),
                task: number / 5,
            });
            if number % 50 == 0 && at > 1000 {
                timeline.flows.push(Flow {
                    from_track: (track + 1) % threads,
                    sent_ns: at - 1000,
                    to_track: track,
                    taken_ns: at,
                });
            }
            at += length;
        }
    }
    timeline
}
