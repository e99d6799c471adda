//! Two threads that compute on one core: when each has its turns, under Linux's EEVDF and first come, first served.
//!
//! Both policies are asked for slices of 3 ms. With exact slices the threads take turns every 3 ms. Linux finds out that a slice is
//! over when it looks, at its tick, here every 4 ms: so the turns are 4 ms long, and each thread still gets half of the core.
//!
//! ```sh
//! cargo run --release --example two_threads
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use conlab_sim::machine::{
    Activity, Costs, Eevdf, ExactSlices, Happening, Machine, Observer, Policy, ThreadId,
};
use conlab_sim::units::Nanos;

const SLICE: Nanos = Nanos::from_millis(3);
const TICK: Nanos = Nanos::from_millis(4);
/// Each thread's work.
const WORK: Nanos = Nanos::from_millis(24);

/// Who had the core, and for how long, in order.
#[derive(Default)]
struct Turns(Vec<(ThreadId, Nanos)>);

impl Observer for Turns {
    fn spent(&mut self, thread: ThreadId, activity: Activity, time: Nanos) {
        if activity == Activity::Working {
            self.0.push((thread, time));
        }
    }
}

fn simulate(policy: impl Policy) -> Turns {
    let mut machine: Machine<_> = Machine::new(1, policy, Costs::NONE, 18);
    let mut turns = Turns::default();
    for _ in 0..2 {
        let thread = machine.add_thread();
        machine.wake(thread, None, &mut turns);
    }
    let mut begun = [false; 2];
    // A thread that is on the core without work resumes: once to get it, once when it is done.
    while let Some(Happening::Resumes(thread)) = machine.next(&mut turns) {
        if std::mem::replace(&mut begun[thread.index()], true) {
            machine.block(thread, &mut turns);
        } else {
            machine.work(thread, WORK, &mut turns);
        }
    }
    turns
}

fn show(name: &str, turns: &Turns) {
    println!("{name}:");
    let mut now = Nanos::ZERO;
    for (thread, time) in &turns.0 {
        println!("  thread {} from {now} for {time}", thread.0);
        now += *time;
    }
}

fn main() {
    show("EEVDF, slices of 3 ms, seen at ticks of 4 ms", &simulate(Eevdf::new(1, Some(SLICE), TICK)));
    show("first come, first served, slices of 3 ms", &simulate(ExactSlices::new(1, Some(SLICE))));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(turns: &Turns, thread: u32) -> Vec<Nanos> {
        turns.0.iter().filter(|turn| turn.0 == ThreadId(thread)).map(|turn| turn.1).collect()
    }

    #[test]
    fn turns_end_at_ticks_under_eevdf_and_with_the_slice_where_slices_are_exact() {
        let fair = simulate(Eevdf::new(1, Some(SLICE), TICK));
        let exact = simulate(ExactSlices::new(1, Some(SLICE)));
        for thread in 0..2 {
            assert_eq!(lengths(&fair, thread), [TICK; 6]);
            assert_eq!(lengths(&exact, thread), [SLICE; 8]);
        }
        // They alternate.
        for turns in [&fair, &exact] {
            assert!(turns.0.windows(2).all(|two| two[0].0 != two[1].0));
        }
    }
}
