//! The simulated kernel at every number of cores: exact where every thread has one, and work-conserving where Linux is.

use super::oracle::{agrees, interval, station};
use super::simulated::arm;
use conlab::engine::VirtualEngine;
use conlab::measure::Calibration;
use conlab::measure::record::RunRecord;
use conlab::random::{Source, Stream};
use conlab::scenario::LoadArm;
use conlab::theory::mmc_wait;
use conlab::units::Nanos;

/// Linux's scheduler on a host where nothing else costs anything.
fn kernel() -> VirtualEngine {
    VirtualEngine::with(Calibration {
        base_slice: Nanos::from_micros(2_800),
        kernel_tick: Nanos::from_millis(4),
        ..Calibration::ideal()
    })
}

fn run(engine: &VirtualEngine, text: &str, seed: u64) -> RunRecord {
    arm(engine, text, LoadArm::Baseline, seed)
}

/// `threads` that work without a pause for 2 ms a task.
fn busy(cores: u32, threads: u32) -> String {
    format!(
        "schema = 1\nname = \"busy\"\n[run]\nduration = \"400ms\"\nwarmup = \"50ms\"\n[host]\ncores = {cores}\n\
         [actor.w]\nfocus = true\nthreads = {threads}\nload = {{ clients = {threads} }}\n\
         steps = [ {{ name = \"work\", compute = \"2ms\" }} ]\n"
    )
}

/// Cores from 1 to 128: the small numbers, the edges of the kernel's words, and some by chance.
fn numbers_of_cores() -> Vec<u32> {
    let mut chance = Stream::new(15, Source::Data, 0, 0);
    let mut all: Vec<u32> = (1..=13).chain([16, 24, 32, 63, 64, 65, 127, 128]).collect();
    all.extend((0..6).map(|_| 14 + u32::try_from(chance.below(115)).unwrap()));
    all
}

#[test]
fn a_thread_with_a_core_of_its_own_waits_for_none() {
    let engine = VirtualEngine::new();
    let mut chance = Stream::new(16, Source::Data, 0, 0);
    for cores in numbers_of_cores() {
        for threads in [cores, 1 + u32::try_from(chance.below(u64::from(cores))).unwrap()] {
            let record = run(&engine, &busy(cores, threads), 1);
            let work = &record.actors["w"];
            let of_all = f64::from(threads) * 500.0;
            let what = format!("{threads} threads on {cores} cores");
            assert!(
                (work.throughput_per_s / of_all - 1.0).abs() < 0.01,
                "{what}: {}/s",
                work.throughput_per_s
            );
            assert!(work.sojourn_ns.p99 < 2_020_000, "{what}: p99 {}", work.sojourn_ns.p99);
        }
    }
}

#[test]
fn no_core_is_idle_for_long_while_a_thread_waits() {
    let engine = VirtualEngine::new();
    let mut chance = Stream::new(17, Source::Data, 0, 0);
    for cores in numbers_of_cores() {
        let more = 1 + u32::try_from(chance.below(u64::from(2 * cores))).unwrap();
        for threads in [cores + 1, cores + more] {
            let record = run(&engine, &busy(cores, threads), 1);
            let used =
                record.scheduler.on_cpu_ns as f64 / (record.window.length_ns as f64 * f64::from(cores));
            assert!(used > 0.99, "{threads} threads on {cores} cores use {used} of them");
        }
    }
}

#[test]
fn servers_with_a_core_each_wait_as_erlang_says_under_the_kernel_too() {
    for (servers, rho) in [(9, 0.9), (12, 0.9), (64, 0.9)] {
        let load = f64::from(servers) * rho;
        let text = station(servers, servers, 1000.0 * load, "\"exponential\"", "", 15_000);
        let theory = mmc_wait(load, servers, 1.0).unwrap();
        for engine in [VirtualEngine::ideal(), kernel()] {
            let waits: Vec<f64> = (1..=10)
                .map(|seed| run(&engine, &text, seed).actors["station"].breakdown_mean_ns.queue / 1e6)
                .collect();
            agrees(&format!("c = {servers}, ρ = {rho}"), interval(&waits), theory);
        }
    }
}

#[test]
fn a_thread_for_each_task_sojourns_as_long_as_one_queue_for_all_cores_says() {
    // With exponential work the mean does not depend on who goes first, only on whether a core is idle while somebody waits.
    let (cores, rho) = (12, 0.9);
    let load = f64::from(cores) * rho;
    let text = station(cores, 500, 100.0 * load, "\"exponential\"", "", 10_000);
    let text = text.replace("compute = \"1ms\"", "compute = \"10ms\"");
    let theory = 10.0 + 10.0 * mmc_wait(load, cores, 1.0).unwrap();
    let sojourns: Vec<f64> = (1..=10)
        .map(|seed| run(&kernel(), &text, seed).actors["station"].breakdown_mean_ns.total() / 1e6)
        .collect();
    let (mean, half_width) = interval(&sojourns);
    // An eighth of the wait is lost to threads that ran a moment ago and stay where they are.
    assert!((mean - theory).abs() < half_width + 0.7, "{mean} ± {half_width}, theory {theory}");
}
