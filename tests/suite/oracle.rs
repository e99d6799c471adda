//! The virtual engine against closed forms, on a host that charges nothing.
//!
//! Every check runs replicates under fixed seeds and asks that theory lies in the 99 % interval of their mean. A wrong
//! law is shown to fall outside of it. `tests/slow` repeats the hard ones within 1 %.

use super::simulated::ideal;
use conlab::measure::RunRecord;
use conlab::theory::{
    Network, Station, machine_repair, md1_wait, mean_value_analysis, mg1_ps_sojourn, mg1_wait,
    mm1_sojourn_quantile, mm1_wait, mmc_wait,
};

/// Replicates of every check; Student's t for a two-sided interval at 99 % with one less.
const REPLICATES: u64 = 10;
const T: f64 = 3.25;

/// A station with Poisson arrivals and a mean service of 1 ms.
pub(crate) fn station(cores: u32, threads: u32, rate: f64, spread: &str, more: &str, tasks: u64) -> String {
    format!(
        r#"
schema = 1
name = "station"
[run]
tasks = {tasks}
warmup = "5s"
[host]
cores = {cores}
{more}
[actor.station]
focus = true
threads = {threads}
capacity = 1000000
load = {{ rate = "{rate}/s", arrivals = "poisson" }}
steps = [ {{ name = "serve", compute = "1ms", spread = {spread} }} ]
"#
    )
}

/// Mean and half-width of `figure` over the replicates.
pub(crate) fn estimate(text: &str, figure: impl Fn(&RunRecord) -> f64) -> (f64, f64) {
    let values: Vec<f64> = (1..=REPLICATES).map(|seed| figure(&ideal(text, seed))).collect();
    interval(&values)
}

/// Mean and half-width of the figures of [`REPLICATES`] replicates.
pub(crate) fn interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, T * (variance / n).sqrt())
}

pub(crate) fn agrees(what: &str, (mean, half_width): (f64, f64), theory: f64) {
    assert!(
        (mean - theory).abs() <= half_width.max(theory * 0.002),
        "{what}: {mean:.5} ± {half_width:.5}, theory {theory:.5}"
    );
}

fn wait(record: &RunRecord) -> f64 {
    record.actors["station"].breakdown_mean_ns.queue / 1e6
}

fn sojourn(record: &RunRecord) -> f64 {
    record.actors["station"].breakdown_mean_ns.total() / 1e6
}

#[test]
fn mmc_waits_as_long_as_erlang_says() {
    for servers in [1, 2, 16] {
        for rho in [0.5, 0.8, 0.95] {
            let load = f64::from(servers) * rho;
            let text = station(servers, servers, 1000.0 * load, "\"exponential\"", "", 30_000);
            agrees(
                &format!("c = {servers}, ρ = {rho}"),
                estimate(&text, wait),
                mmc_wait(load, servers, 1.0).unwrap(),
            );
        }
    }
}

#[test]
fn constant_and_bursty_service_wait_as_pollaczek_and_khinchine_say() {
    let constant = estimate(&station(1, 1, 800.0, "\"constant\"", "", 40_000), wait);
    agrees("M/D/1", constant, md1_wait(0.8, 1.0).unwrap());
    let bursty = estimate(&station(1, 1, 700.0, "{ hyperexponential = 4.0 }", "", 60_000), wait);
    agrees("M/H2/1", bursty, mg1_wait(0.7, 1.0, 4.0).unwrap());
    // The interval is narrow enough to tell one law from another.
    assert!((constant.0 - mm1_wait(0.8, 1.0).unwrap()).abs() > 5.0 * constant.1);
    assert!((bursty.0 - mm1_wait(0.7, 1.0).unwrap()).abs() > 5.0 * bursty.1);
}

#[test]
fn the_tail_of_mm1_is_exponential() {
    let text = station(1, 1, 700.0, "\"exponential\"", "", 60_000);
    let p99 = estimate(&text, |record| record.actors["station"].sojourn_ns.p99 as f64 / 1e6);
    agrees("p99", p99, mm1_sojourn_quantile(0.7, 1.0, 0.99).unwrap());
}

#[test]
fn a_core_without_slices_serves_in_order_and_with_small_ones_shares() {
    // A thread for every task: the run queue is the queue.
    let spread = "{ hyperexponential = 4.0 }";
    let fifo = estimate(&station(1, 3000, 700.0, spread, "", 20_000), sojourn);
    agrees("no slices", fifo, 1.0 + mg1_wait(0.7, 1.0, 4.0).unwrap());
    let shared = estimate(&station(1, 3000, 700.0, spread, "slice = \"20us\"", 20_000), sojourn);
    agrees("slices of 20 µs", shared, mg1_ps_sojourn(0.7, 1.0).unwrap());
    assert!(fifo.0 - shared.0 > 2.0 * (fifo.1 + shared.1), "{fifo:?} {shared:?}");
}

#[test]
fn clients_that_think_follow_the_machine_repair_model() {
    let text = r#"
schema = 1
name = "repair"
[run]
tasks = 40000
warmup = "2s"
[host]
cores = 8
[actor.station]
focus = true
threads = 8
load = { clients = 64, think = "6ms", spread = "exponential" }
steps = [ { name = "repair", compute = "1ms", spread = "exponential" } ]
"#;
    let (throughput, response) = machine_repair(64, 8, 6.0, 1.0).unwrap();
    agrees("X", estimate(text, |record| record.actors["station"].throughput_per_s / 1e3), throughput);
    agrees("R", estimate(text, sojourn), response);
}

#[test]
fn a_closed_network_follows_mean_value_analysis() {
    let network = Network {
        stations: vec![
            Station::Queue { demand: 2.0 },
            Station::Queue { demand: 1.0 },
            Station::Servers { demand: 3.0, servers: 2 },
        ],
    };
    for clients in [1, 2, 5, 20, 100] {
        let text = format!(
            r#"
schema = 1
name = "network"
[run]
tasks = 20000
warmup = "5s"
[host]
cores = 128
[actor.round]
focus = true
threads = 100
load = {{ clients = {clients} }}
steps = [ {{ name = "a", call = "a" }}, {{ name = "b", call = "b" }}, {{ name = "c", call = "c" }} ]
[actor.a]
steps = [ {{ name = "serve", compute = "2ms", spread = "exponential" }} ]
[actor.b]
steps = [ {{ name = "serve", compute = "1ms", spread = "exponential" }} ]
[actor.c]
threads = 2
steps = [ {{ name = "serve", compute = "3ms", spread = "exponential" }} ]
"#
        );
        let solution = mean_value_analysis(&network, clients).unwrap();
        let throughput = estimate(&text, |record| record.actors["round"].throughput_per_s / 1e3);
        // Tasks that are under way when the window opens and closes cost the run half of them.
        let cut = f64::from(clients) / 20_000.0 * solution.throughput;
        agrees(&format!("X at {clients}"), (throughput.0, throughput.1 + cut), solution.throughput);
        let round = estimate(&text, |record| record.actors["round"].breakdown_mean_ns.total() / 1e6);
        agrees(
            &format!("R at {clients}"),
            (round.0, round.1 + cut / solution.throughput * solution.round),
            solution.round,
        );
    }
}
