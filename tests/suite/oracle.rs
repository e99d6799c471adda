//! The virtual engine against closed forms.

use super::simulated::ideal;

/// Mean wait of an M/M/1 queue at this load, from a long run, in milliseconds (service takes 1 ms).
fn mm1_wait(rho: f64) -> f64 {
    let text = format!(
        r#"
schema = 1
name = "mm1"
[run]
tasks = 400000
warmup = "10s"
[host]
cores = 1
[actor.station]
focus = true
threads = 1
capacity = 1000000
load = {{ rate = "{}/s", arrivals = "poisson" }}
steps = [ {{ name = "serve", compute = "1ms", spread = "exponential" }} ]
"#,
        1000.0 * rho
    );
    ideal(&text, 1).actors["station"].breakdown_mean_ns.queue / 1e6
}

#[test]
fn mm1_waits_as_long_as_theory_says() {
    let wait = mm1_wait(0.5);
    assert!((wait - 1.0).abs() < 0.03, "{wait}");
}
