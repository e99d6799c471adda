//! The virtual engine against closed forms, within one in a hundred: `cargo slow theory -- --nocapture` prints the table
//! that `docs/virtual.md` shows.
//!
//! As `tests/suite/oracle.rs`, with runs long enough that the 99 % interval of ten replicates is about as wide as the
//! tolerance or narrower. Both are asserted: theory lies in the interval, and within 1 % of the mean.
#![expect(clippy::print_stdout, reason = "the table is the result")]

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::ActorRecord;
use conlab::scenario::{LoadArm, Scenario};
use conlab::theory::{
    Network, Station, machine_repair, md1_wait, mean_value_analysis, mg1_ps_sojourn, mg1_wait,
    mm1_sojourn_quantile, mmc_wait,
};
use std::thread;

/// Replicates of every check; Student's t for a two-sided interval at 99 % with one less.
const REPLICATES: u64 = 10;
const T: f64 = 3.25;

/// The actor in focus after a run on a host that charges nothing.
fn focus(text: &str, seed: u64) -> ActorRecord {
    let mut experiment = Experiment::new(Scenario::parse(text, "theory").unwrap(), LoadArm::Baseline);
    experiment.seed = seed;
    let mut record = VirtualEngine::ideal().run(&experiment, &Progress::default()).unwrap().record;
    assert!(record.trustworthy, "{:?}", record.identities);
    record.actors.remove(&record.treatment.focus).unwrap()
}

/// A figure's name, how to read it off a record, and what theory says.
pub(crate) type Figure<'a> = (&'a str, &'a dyn Fn(&ActorRecord) -> f64, f64);

/// Runs the replicates on two threads and holds each figure against its theory.
pub(crate) fn check(what: &str, text: &str, figures: &[Figure<'_>]) {
    let half = |from: u64, to: u64| (from..=to).map(|seed| focus(text, seed)).collect::<Vec<_>>();
    let records: Vec<ActorRecord> = thread::scope(|scope| {
        let late = scope.spawn(|| half(REPLICATES / 2 + 1, REPLICATES));
        let mut all = half(1, REPLICATES / 2);
        all.extend(late.join().unwrap());
        all
    });
    for (name, figure, theory) in figures {
        let values: Vec<f64> = records.iter().map(figure).collect();
        let n = REPLICATES as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half_width = T * (variance / n).sqrt();
        let error = mean / theory - 1.0;
        println!("| {what} | {name} | {theory:.5} | {mean:.5} ± {half_width:.5} | {:+.2} % |", 100.0 * error);
        assert!(error.abs() < 0.01, "{what}, {name}: {mean} is not within 1 % of {theory}");
        assert!(
            (mean - theory).abs() <= half_width.max(theory * 0.002),
            "{what}, {name}: {theory} is not in {mean} ± {half_width}"
        );
    }
}

/// A station with Poisson arrivals and a mean service of 1 ms.
fn station((cores, threads): (u32, u32), rate: f64, spread: &str, more: &str, tasks: u64) -> String {
    format!(
        "schema = 1\nname = \"station\"\n[run]\ntasks = {tasks}\nwarmup = \"20s\"\n[host]\ncores = {cores}\n{more}\n\
         [actor.station]\nfocus = true\nthreads = {threads}\ncapacity = 10000000\n\
         load = {{ rate = \"{rate}/s\", arrivals = \"poisson\" }}\n\
         steps = [ {{ name = \"serve\", compute = \"1ms\", spread = {spread} }} ]\n"
    )
}

fn wait(record: &ActorRecord) -> f64 {
    record.breakdown_mean_ns.queue / 1e6
}

fn sojourn(record: &ActorRecord) -> f64 {
    record.breakdown_mean_ns.total() / 1e6
}

fn p99(record: &ActorRecord) -> f64 {
    record.sojourn_ns.p99 as f64 / 1e6
}

#[test]
#[ignore = "a minute"]
fn theory_of_mmc() {
    for servers in [1, 2, 16] {
        for rho in [0.5, 0.8, 0.95] {
            // Variance grows with the fourth power of 1/(1 − ρ), and when waiting is rare.
            let tasks = if rho > 0.9 { 20_000_000 } else { 2_000_000 * u64::from(servers.min(5)) };
            let load = f64::from(servers) * rho;
            let text = station((servers, servers), 1000.0 * load, "\"exponential\"", "", tasks);
            let theory = mmc_wait(load, servers, 1.0).unwrap();
            check(&format!("M/M/{servers}, ρ = {rho}"), &text, &[("mean wait, ms", &wait, theory)]);
        }
    }
}

#[test]
#[ignore = "a minute"]
fn theory_of_one_server() {
    let text = station((1, 1), 800.0, "\"constant\"", "", 5_000_000);
    check("M/D/1, ρ = 0.8", &text, &[("mean wait, ms", &wait, md1_wait(0.8, 1.0).unwrap())]);
    let text = station((1, 1), 700.0, "{ hyperexponential = 4.0 }", "", 10_000_000);
    check("M/H2/1, C² = 4, ρ = 0.7", &text, &[("mean wait, ms", &wait, mg1_wait(0.7, 1.0, 4.0).unwrap())]);
    for rho in [0.5, 0.8] {
        let text = station((1, 1), 1000.0 * rho, "\"exponential\"", "", 5_000_000);
        let theory = mm1_sojourn_quantile(rho, 1.0, 0.99).unwrap();
        check(&format!("M/M/1, ρ = {rho}"), &text, &[("p99 of the sojourn, ms", &p99, theory)]);
    }
}

/// A thread for every task, so that the run queue is the queue.
#[test]
#[ignore = "minutes"]
fn theory_of_slices() {
    let spread = "{ hyperexponential = 4.0 }";
    let text = station((1, 3000), 700.0, spread, "", 5_000_000);
    let theory = 1.0 + mg1_wait(0.7, 1.0, 4.0).unwrap();
    check("M/H2/1, no slices: in order", &text, &[("mean sojourn, ms", &sojourn, theory)]);
    let text = station((1, 3000), 700.0, spread, "slice = \"10us\"", 500_000);
    let theory = mg1_ps_sojourn(0.7, 1.0).unwrap();
    check("M/H2/1, slices of 10 µs: shared", &text, &[("mean sojourn, ms", &sojourn, theory)]);
    let text = station((1, 3000), 800.0, "\"exponential\"", "slice = \"10us\"", 500_000);
    let theory = mg1_ps_sojourn(0.8, 1.0).unwrap();
    check("M/M/1, slices of 10 µs: shared", &text, &[("mean sojourn, ms", &sojourn, theory)]);
}

#[test]
#[ignore = "half a minute"]
fn theory_of_closed_systems() {
    let text = "schema = 1\nname = \"repair\"\n[run]\ntasks = 2000000\nwarmup = \"2s\"\n[host]\ncores = 8\n\
                [actor.station]\nfocus = true\nthreads = 8\n\
                load = { clients = 64, think = \"6ms\", spread = \"exponential\" }\n\
                steps = [ { name = \"repair\", compute = \"1ms\", spread = \"exponential\" } ]\n";
    let (throughput, response) = machine_repair(64, 8, 6.0, 1.0).unwrap();
    let rate = |record: &ActorRecord| record.throughput_per_s / 1e3;
    check(
        "machine repair, 8 servers, 64 clients",
        text,
        &[("X, 1/ms", &rate, throughput), ("R, ms", &sojourn, response)],
    );
    let network = Network {
        stations: vec![
            Station::Queue { demand: 2.0 },
            Station::Queue { demand: 1.0 },
            Station::Servers { demand: 3.0, servers: 2 },
        ],
    };
    for clients in [1, 2, 5, 10, 20, 50, 100] {
        let text = format!(
            "schema = 1\nname = \"network\"\n[run]\ntasks = 1000000\nwarmup = \"20s\"\n[host]\ncores = 128\n\
             [actor.round]\nfocus = true\nthreads = 100\nload = {{ clients = {clients} }}\n\
             steps = [ {{ name = \"a\", call = \"a\" }}, {{ name = \"b\", call = \"b\" }}, {{ name = \"c\", call = \"c\" }} ]\n\
             [actor.a]\nsteps = [ {{ name = \"serve\", compute = \"2ms\", spread = \"exponential\" }} ]\n\
             [actor.b]\nsteps = [ {{ name = \"serve\", compute = \"1ms\", spread = \"exponential\" }} ]\n\
             [actor.c]\nthreads = 2\nsteps = [ {{ name = \"serve\", compute = \"3ms\", spread = \"exponential\" }} ]\n"
        );
        let solution = mean_value_analysis(&network, clients).unwrap();
        check(
            &format!("three stations, {clients} clients"),
            &text,
            &[("X, 1/ms", &rate, solution.throughput), ("R, ms", &sojourn, solution.round)],
        );
    }
}
