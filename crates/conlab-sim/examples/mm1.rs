//! One server, customers that come at random: the mean wait, simulated, against M/M/1's closed form at several loads.
//!
//! ```sh
//! cargo run --release --example mm1
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use conlab_sim::{
    future_events::FutureEvents,
    random::{Source, Stream},
    theory::{TheoryError, mm1_wait},
    units::Nanos,
    workload::{Draw, Spread},
};
use std::collections::VecDeque;

/// Mean service time.
const SERVICE: Nanos = Nanos::from_millis(5);

#[derive(Clone, Copy)]
enum What {
    Arrives,
    Leaves,
}

/// Mean wait of `customers` at a server that is busy for `utilisation` of the time.
fn mean_wait(seed: u64, utilisation: f64, customers: u32) -> f64 {
    let gap = Draw { mean: SERVICE.scaled(1.0 / utilisation), spread: Spread::Exponential };
    let service = Draw { mean: SERVICE, spread: Spread::Exponential };
    // One stream for each source of chance: at every load the customers need the same service.
    let mut gaps = Stream::new(seed, Source::Arrivals, 0, 0);
    let mut services = Stream::new(seed, Source::Service, 0, 0);
    let (mut events, mut queue) = (FutureEvents::new(), VecDeque::new());
    let (mut served, mut waited) = (0, Nanos::ZERO);
    events.push(gap.sample(&mut gaps, 0), What::Arrives);
    while let Some(event) = events.pop() {
        match event.what {
            What::Arrives => {
                queue.push_back(event.at);
                events.push(event.at + gap.sample(&mut gaps, 0), What::Arrives);
                if queue.len() > 1 {
                    continue;
                }
            }
            What::Leaves => {
                queue.pop_front();
            }
        }
        if served == customers {
            break;
        }
        // The server is free: whoever came first begins, and stays at the head of the queue until done.
        if let Some(arrived) = queue.front() {
            served += 1;
            waited += event.at - *arrived;
            events.push(event.at + service.sample(&mut services, 0), What::Leaves);
        }
    }
    waited.as_secs_f64() / f64::from(served)
}

fn main() -> Result<(), TheoryError> {
    let customers = 1_000_000;
    println!("{customers} customers, mean service time {SERVICE}");
    println!("{:>11} {:>16} {:>16} {:>10}", "utilisation", "simulated wait", "closed form", "off by");
    for utilisation in [0.3, 0.5, 0.7, 0.8] {
        let simulated = mean_wait(18, utilisation, customers);
        let expected = mm1_wait(utilisation, SERVICE.as_secs_f64())?;
        let off = simulated / expected - 1.0;
        println!("{utilisation:>11} {simulated:>14.6} s {expected:>14.6} s {:>8.2} %", 100.0 * off);
        // The waits are correlated: at 80 % a million of them are worth some ten thousand independent ones.
        assert!(off.abs() < 0.03, "{simulated} s is not the closed form's {expected} s");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_wait_is_that_of_the_closed_form() {
        for (seed, utilisation) in [(1, 0.3), (2, 0.5), (3, 0.7)] {
            let simulated = mean_wait(seed, utilisation, 400_000);
            let expected = mm1_wait(utilisation, SERVICE.as_secs_f64()).unwrap();
            assert!(
                (simulated / expected - 1.0).abs() < 0.04,
                "seed {seed}: {simulated} s, expected {expected} s"
            );
            // A server with constant service waits half as long: that would be found out.
            assert!((simulated / (expected / 2.0) - 1.0).abs() > 0.5, "seed {seed}");
        }
    }
}
