//! What holds under every policy, on random programs of threads; and policies that break it are found out.

use conlab_sim::machine::{
    Activity, CoreId, Costs, Eevdf, ExactSlices, Happening, Machine, MachineEvent, Observer, Policy,
    Processors, Roused, Shape, State, ThreadId,
};
use conlab_sim::random::{Source, Stream};
use conlab_sim::units::Nanos;

/// Time by thread and activity.
#[derive(Debug, Default)]
struct Times(Vec<[u64; 4]>);

impl Observer for Times {
    fn spent(&mut self, thread: ThreadId, activity: Activity, time: Nanos) {
        assert!(time > Nanos::ZERO, "{thread:?}: no time at all");
        if self.0.len() <= thread.index() {
            self.0.resize(thread.index() + 1, [0; 4]);
        }
        self.0[thread.index()][activity as usize] += time.0;
    }
}

/// The costs of a kernel, all of them.
const COSTS: Costs = Costs {
    switch: Nanos(1_500),
    wake: Nanos(5_000),
    wake_shape: Shape::WAKE_UP,
    signal: Nanos(2_000),
    signal_shape: Shape::SIGNAL,
    overshoot: Nanos(50_000),
    jitter: Nanos(10_000),
};

/// Threads that compute and sleep in turn, until each has done so often; what is wrong first. No core may idle while a thread
/// waits for one where the policy is `conserving`.
fn fault<P: Policy>(cores: u32, policy: P, seed: u64, conserving: bool) -> Option<String> {
    const TURNS: u32 = 40;
    let mut stream = Stream::new(seed, Source::Data, 0, 0);
    let mut machine: Machine<P> = Machine::new(cores, policy, COSTS, seed);
    let mut times = Times::default();
    let count = 1 + usize::try_from(stream.below(u64::from(3 * cores))).unwrap_or(0);
    let threads: Vec<ThreadId> = (0..count).map(|_| machine.add_thread()).collect();
    let (mut turns, mut given) = (vec![0; count], vec![0; count]);
    let mut computes = vec![false; count];
    for thread in &threads {
        machine.wake(*thread, None, &mut times);
    }
    while let Some(happening) = machine.next(&mut times) {
        let Happening::Resumes(thread) = happening else { return Some("an event of nobody".into()) };
        let at = thread.index();
        if machine.state(thread) != State::Running {
            return Some(format!("{thread:?} resumes and does not run"));
        }
        let running = (0..cores).filter_map(|core| machine.running_on(CoreId(core)));
        if running.filter(|running| *running == thread).count() != 1 {
            return Some(format!("{thread:?} is not on one core"));
        }
        if conserving && machine.any_idle() && threads.iter().any(|other| waits(&machine, *other)) {
            return Some(format!("seed {seed}: a core idles at {} while a thread waits", machine.now()));
        }
        computes[at] = !computes[at];
        if computes[at] {
            let work = 1 + stream.below(5_000_000);
            given[at] += work;
            machine.work(thread, Nanos(work), &mut times);
        } else {
            turns[at] += 1;
            if turns[at] == TURNS {
                machine.block(thread, &mut times);
            } else {
                machine.sleep(thread, Nanos(stream.below(3_000_000)), &mut times);
            }
        }
    }
    machine.split_all(&mut times);
    if turns.iter().any(|turns| *turns != TURNS) {
        return Some(format!("seed {seed}: a thread never ran again: {turns:?}"));
    }
    for (times, given) in times.0.iter().zip(given) {
        if times.iter().sum::<u64>() != machine.now().0 {
            return Some(format!("seed {seed}: {times:?} are not {}", machine.now().0));
        }
        if times[Activity::Working as usize] != given {
            return Some(format!("seed {seed}: {times:?} are not {given} of work"));
        }
    }
    None
}

/// Whether a thread is runnable and on no core, nor being switched to.
fn waits<P: Policy>(machine: &Machine<P>, thread: ThreadId) -> bool {
    machine.state(thread) == State::Ready && !machine.is_being_switched_to(thread)
}

#[test]
fn time_is_accounted_for_and_work_is_done_under_both_policies() {
    for seed in 0..40 {
        let cores = 1 + u32::try_from(seed % 7).unwrap();
        for slice in [None, Some(Nanos::from_micros(700)), Some(Nanos::from_millis(3))] {
            assert_eq!(fault(cores, ExactSlices::new(cores, slice), seed, true), None);
            for tick in [Nanos::ZERO, Nanos::from_millis(1), Nanos::from_millis(4)] {
                assert_eq!(fault(cores, Eevdf::new(cores, slice, tick), seed, false), None);
                let packing = Eevdf::new(cores, slice, tick).with_wake_packing(500, 800);
                assert_eq!(fault(cores, packing, seed, false), None);
            }
        }
    }
}

/// How a policy is broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// A core whose thread blocks idles, whoever waits.
    LetsCoresIdle,
    /// It forgets a woken thread where all cores are busy.
    ForgetsThreads,
}

/// First come, first served, but for a fault: a policy as somebody outside the package writes it.
struct Broken(Vec<ThreadId>, Fault);

impl Policy for Broken {
    fn add(&mut self, _: ThreadId) -> Option<CoreId> {
        None
    }

    fn wake<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        thread: ThreadId,
        _: Option<CoreId>,
        latency: Nanos,
        _: &mut impl Observer,
    ) -> Roused {
        if let Some(core) = cpus.idle_core(None) {
            cpus.take(core);
            cpus.assign(core, thread, latency);
            return Roused::Core;
        }
        if self.1 != Fault::ForgetsThreads {
            self.0.push(thread);
        }
        Roused::Nobody
    }

    fn blocked<E: Copy + From<MachineEvent>>(&mut self, _: &mut Processors<E>, _: CoreId) {}

    fn dispatch<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        if self.0.is_empty() || self.1 == Fault::LetsCoresIdle {
            cpus.idle(core);
        } else {
            let latency = cpus.costs().switch;
            cpus.assign(core, self.0.remove(0), latency);
        }
    }

    fn started(&mut self, _: CoreId, _: Nanos) {}

    fn limit<E: Copy + From<MachineEvent>>(
        &mut self,
        _: &mut Processors<E>,
        _: CoreId,
        end: Nanos,
        _: &mut impl Observer,
    ) -> Option<Nanos> {
        Some(end)
    }

    fn tick<E: Copy + From<MachineEvent>>(
        &mut self,
        _: &mut Processors<E>,
        _: CoreId,
        _: &mut impl Observer,
    ) {
    }
}

#[test]
fn broken_policies_are_found_out() {
    for broken in [Fault::LetsCoresIdle, Fault::ForgetsThreads] {
        let found =
            (0..20).filter(|seed| fault(2, Broken(Vec::new(), broken), *seed, true).is_some()).count();
        assert!(found >= 5, "{broken:?}: found with {found} of 20 seeds");
    }
}

/// A thread that spins burns its core until it is released, and works on then.
#[test]
fn a_spinner_is_released() {
    let mut machine: Machine<ExactSlices> = Machine::new(2, ExactSlices::new(2, None), Costs::NONE, 1);
    let mut times = Times::default();
    let (owner, waiter) = (machine.add_thread(), machine.add_thread());
    machine.wake(owner, None, &mut times);
    machine.wake(waiter, None, &mut times);
    let mut steps = Vec::new();
    while let Some(Happening::Resumes(thread)) = machine.next(&mut times) {
        steps.push((machine.now().0, thread));
        match steps.len() {
            1 => machine.work(owner, Nanos(1_000), &mut times),
            2 => machine.spin(waiter, None, &mut times),
            3 => {
                machine.release_spinner(waiter, Nanos(50), &mut times);
                machine.block(owner, &mut times);
            }
            _ => machine.block(thread, &mut times),
        }
    }
    assert_eq!(steps, [(0, owner), (0, waiter), (1_000, owner), (1_050, waiter)]);
    assert_eq!(times.0[waiter.index()][Activity::Spinning as usize], 1_000);
    assert_eq!(times.0[waiter.index()][Activity::Working as usize], 50);
}

/// Four threads that compute for 2 s on two cores, after two others went: whichever core these leave, the kernel evens the rest out,
/// so that each long thread has half a core and none is done in 3 s. A kernel that does not leaves one thread a core of its own.
#[test]
fn busy_cores_share_their_threads_evenly() {
    const LONG: u64 = 2_000_000_000;
    for first in 0..6 {
        for second in first + 1..6 {
            let policy = Eevdf::new(2, Some(Nanos::from_millis(3)), Nanos::from_millis(4));
            let mut machine: Machine<Eevdf> = Machine::new(2, policy, COSTS, 1);
            let mut times = Times::default();
            let threads: Vec<ThreadId> = (0..6).map(|_| machine.add_thread()).collect();
            for thread in &threads {
                machine.wake(*thread, None, &mut times);
            }
            let (mut begun, mut done) = ([false; 6], Vec::new());
            while let Some(Happening::Resumes(thread)) = machine.next(&mut times) {
                let at = thread.index();
                if std::mem::replace(&mut begun[at], true) {
                    if ![first, second].contains(&at) {
                        done.push(machine.now().0);
                    }
                    machine.block(thread, &mut times);
                } else {
                    let work = if [first, second].contains(&at) { 1_000_000 } else { LONG };
                    machine.work(thread, Nanos(work), &mut times);
                }
            }
            assert_eq!(done.len(), 4);
            assert!(done[0] > 3_000_000_000, "without {first} and {second}: {done:?}");
        }
    }
}
