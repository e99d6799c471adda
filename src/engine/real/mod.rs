//! The real engine: worker threads that really contend, and tokio for actors whose queue is `async`.

mod access;
mod book;
mod collect;
mod console;
mod executor;
mod interpret;
mod load;
mod locks;
mod memory;
mod performer;
mod pool;
mod profile;
mod runtime;
mod stamp;
mod tasks;
mod timekeeper;
mod tracks;
mod witness;
mod work;
mod worker;

pub use runtime::Task;
pub(crate) use work::{Corpus, Memory, chain};

use super::{Engine, EngineError, Experiment, LiveThread, Profiler, Progress, RunOutput};
use crate::measure::{host, sched};
use crate::queue::{QueueKind, TaskQueue};
use crate::scenario::{CostFactors, Load};
use crate::units::Nanos;
use book::{Issued, Notes, ThreadAccount};
use collect::Collected;
use profile::Attached;
use runtime::{Returned, Runtime};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle, Thread};
use witness::Witness;

/// Longest sleep of the controlling thread between two looks at the user's wish to stop.
const CONTROL: Nanos = Nanos::from_millis(20);
/// Time between two looks at whether the window's tasks are done.
const DRAIN_LOOK: Nanos = Nanos::from_millis(1);
/// Least and greatest time that the window's tasks get after it; between them it is twice the window.
const DRAIN_LEAST: Nanos = Nanos::from_secs(5);
const DRAIN_MOST: Nanos = Nanos::from_secs(60);

/// Makes the queue of a kind and capacity that a run's actors take their tasks from.
type QueueFactory = dyn Fn(QueueKind, usize) -> Box<dyn TaskQueue<Task>> + Send + Sync;

/// Runs scenarios on real threads.
pub struct RealEngine {
    queue: Box<QueueFactory>,
}

impl RealEngine {
    /// An engine whose actors use the queues of the registry.
    #[must_use]
    pub fn new() -> Self {
        Self { queue: Box::new(runtime::registered) }
    }

    /// An engine whose actors use a queue of one's own wherever the scenario names `kind`.
    #[must_use]
    pub fn with_queue(
        kind: QueueKind,
        make: impl Fn(usize) -> Box<dyn TaskQueue<Task>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            queue: Box::new(move |wanted, capacity| {
                if wanted == kind { make(capacity) } else { runtime::registered(wanted, capacity) }
            }),
        }
    }
}

impl Default for RealEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RealEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RealEngine")
    }
}

impl Engine for RealEngine {
    fn name(&self) -> &'static str {
        "real"
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        refuse_what_cannot_run(experiment)?;
        if let Some(address) = experiment.console {
            console::serve(address)?;
        }
        let _confined = match experiment.scenario.host.cores {
            Some(cores) => Some(sched::confine(cores).map_err(|source| EngineError::System {
                action: format!("confine the run to {cores} processors; leave --cores out"),
                source,
            })?),
            None => None,
        };
        progress.phase.store(0, Ordering::Relaxed);
        let steal = host::steal_ns();
        let costs = timekeeper::costs();
        let (senders, receivers): (Vec<_>, Vec<_>) = experiment
            .scenario
            .actors
            .iter()
            .map(|actor| match actor.load {
                Load::Closed { .. } => {
                    let (sender, receiver) = mpsc::channel();
                    (Some(sender), Some(receiver))
                }
                Load::None | Load::Open { .. } => (None, None),
            })
            .unzip();
        let run = Arc::new(Runtime::new(experiment, senders, &*self.queue, progress)?);
        let mut witness = Witness::open(&experiment.scenario);
        let mut crew = Crew::default();
        if let Err(error) = crew.hire(&run) {
            // Whoever has started finds the queues closed and goes.
            run.abort(run.clock.now());
            crew.dismiss(&run);
            return Err(error);
        }
        crew.issue_load(&run, experiment, receivers)?;
        let attached = Attached::start(&run);
        control(&run, experiment, &mut witness);
        let samples = attached.finish();
        let mut collected = crew.dismiss(&run);
        collected.samples = samples;
        collected.costs = costs;
        collected.steal_ns = host::steal_ns().zip(steal).map(|(after, before)| after.saturating_sub(before));
        progress.phase.store(3, Ordering::Relaxed);
        if let Some(failure) = collected.failure() {
            return Err(EngineError::Unsupported(format!("go on: a store refused: {failure}")));
        }
        let mut output = collect::output(&run, experiment, collected);
        // As many threads at once as can really run at once, two being enough for the effect.
        let threads =
            experiment.scenario.actors[experiment.scenario.focus].threads.min(host::cores().min(2) as usize);
        witness.testify(&experiment.scenario, threads.max(1), &mut output.record);
        Ok(output)
    }
}

/// Everything that the real engine cannot do, said before anything is started.
fn refuse_what_cannot_run(experiment: &Experiment) -> Result<(), EngineError> {
    let scenario = &experiment.scenario;
    if scenario.host.factors != CostFactors::default() {
        return Err(EngineError::Unsupported(
            "real threads cannot make switches, queues or coherence cheaper; use --engine virtual".into(),
        ));
    }
    if experiment.profiler == Profiler::Memory && scenario.actors[scenario.focus].queue == QueueKind::Async {
        return Err(EngineError::Unsupported(
            "allocations by step cannot be counted where the queue is async, for a handler's steps do not stay on one thread; use \
             --profiler deterministic, or another --queue"
                .into(),
        ));
    }
    if scenario.actors.iter().all(|actor| actor.load == Load::None) {
        return Err(EngineError::Unsupported(
            "no actor has load; give one `load`, or use --load baseline".into(),
        ));
    }
    Ok(())
}

/// Warm-up, then the measured window, until the tasks are done, the time is over or the user stops it.
fn control(run: &Runtime, experiment: &Experiment, witness: &mut Witness) {
    let settings = &experiment.scenario.run;
    let start = run.window_start();
    run.progress.phase.store(1, Ordering::Relaxed);
    let end = settings.duration.map_or(Nanos::MAX, |duration| start + duration);
    let mut measuring = false;
    while run.window_end() == Nanos::MAX {
        let now = run.clock.now();
        if run.progress.stopped() || now >= end {
            run.close_window(now.min(end));
            break;
        }
        if !measuring && now >= start {
            measuring = true;
            run.caches.iter().for_each(memory::CacheRuntime::begin_window);
            run.locks.iter().for_each(locks::LockRuntime::begin_window);
            witness.begin_window();
            run.progress.phase.store(2, Ordering::Relaxed);
        }
        let next = if measuring { end } else { start };
        thread::park_timeout(next.saturating_sub(now).min(CONTROL).to_duration());
    }
    run.caches.iter().for_each(memory::CacheRuntime::end_window);
    run.locks.iter().for_each(locks::LockRuntime::end_window);
    witness.end_window();
    drain(run);
}

/// How long the tasks of a window of this length may take after it.
fn drain_bound(window: Nanos) -> Nanos {
    (window + window).clamp(DRAIN_LEAST, DRAIN_MOST)
}

/// After the window: the system goes on under load until every task that was issued in the window is done, or the bound is
/// reached, or the user stops it.
fn drain(run: &Runtime) {
    let until = run.window_end() + drain_bound(run.window_end().saturating_sub(run.window_start()));
    let mut quiet = 0;
    while !run.stopped() && !run.progress.stopped() && run.clock.now() < until {
        // Twice, for an arrival may be on its way to being counted.
        quiet = if run.outstanding() == 0 { quiet + 1 } else { 0 };
        if quiet == 2 {
            break;
        }
        thread::park_timeout(DRAIN_LOOK.to_duration());
    }
    run.stop(run.clock.now());
}

/// What a load thread leaves: what it issued, and its end of the clients' channel.
type LoadLeft = (Issued, Option<Receiver<Returned>>);

/// Everybody who works in a run.
#[derive(Default)]
struct Crew {
    workers: Vec<JoinHandle<(Notes, ThreadAccount)>>,
    pools: Vec<tasks::Running>,
    loads: Vec<(usize, JoinHandle<LoadLeft>)>,
}

impl Crew {
    /// Starts the workers of every actor; they sleep until there is load.
    fn hire(&mut self, run: &Arc<Runtime>) -> Result<(), EngineError> {
        if run.progress.live.wanted() {
            let workers = run
                .actors
                .iter()
                .flat_map(|actor| std::iter::repeat_n(actor.spec.name.as_str(), actor.spec.threads));
            let named =
                workers.enumerate().map(|(index, name)| LiveThread::new(format!("{name}-{index}"), name));
            run.progress.live.set_threads(named.collect());
        }
        let count: usize = run.actors.iter().map(|actor| actor.spec.threads).sum();
        let mut index = 0;
        for (actor, runtime) in run.actors.iter().enumerate() {
            if runtime.spec.queue == QueueKind::Async {
                self.pools.push(tasks::start(run, actor, index)?);
                index += runtime.spec.threads;
                continue;
            }
            for _ in 0..runtime.spec.threads {
                let shared = Arc::clone(run);
                let worker = thread::Builder::new()
                    .name(format!("{}-{index}", runtime.spec.name))
                    .stack_size(256 * 1024)
                    .spawn(move || worker::work(&shared, actor, index))
                    .map_err(|source| EngineError::Spawn { index, count, source })?;
                self.workers.push(worker);
                index += 1;
            }
        }
        Ok(())
    }

    /// Starts the threads that issue load.
    fn issue_load(
        &mut self,
        run: &Arc<Runtime>,
        experiment: &Experiment,
        receivers: Vec<Option<Receiver<Returned>>>,
    ) -> Result<(), EngineError> {
        // Set once, and before the first arrival: a task that was issued before the window must not end in a later one.
        run.set_window_start(run.clock.now() + experiment.scenario.run.warmup);
        for (actor, receiver) in receivers.into_iter().enumerate() {
            if run.actors[actor].spec.load == Load::None {
                continue;
            }
            let shared = Arc::clone(run);
            let issue = move || {
                let counts = load::issue(&shared, actor, receiver.as_ref());
                (counts, receiver)
            };
            let name = format!("{}-load", run.actors[actor].spec.name);
            match thread::Builder::new().name(name).spawn(issue) {
                Ok(hand) => self.loads.push((actor, hand)),
                Err(source) => {
                    run.abort(run.clock.now());
                    std::mem::take(self).dismiss(run);
                    return Err(EngineError::System {
                        action: "start a thread that issues load".into(),
                        source,
                    });
                }
            }
        }
        Ok(())
    }

    /// Closes the queues, wakes whoever sleeps, and gathers what everybody noted.
    fn dismiss(self, run: &Arc<Runtime>) -> Collected {
        for actor in &run.actors {
            actor.inbox.queue().close();
        }
        let threads: Vec<&Thread> = self.workers.iter().map(JoinHandle::thread).collect();
        threads.into_iter().for_each(Thread::unpark);
        let mut collected = Collected::new(run);
        let mut returned = Vec::new();
        for (actor, hand) in self.loads {
            hand.thread().unpark();
            let (issued, receiver) = joined(hand);
            collected.add_issued(actor, issued);
            returned.extend(receiver.map(|receiver| (actor, receiver)));
        }
        for pool in self.pools {
            for (notes, account) in pool.stop() {
                collected.add(notes.book, account);
            }
        }
        for worker in self.workers {
            let (notes, account) = joined(worker);
            collected.add(notes.book, Some(account));
        }
        for (actor, receiver) in returned {
            let mut issued = Issued::default();
            load::drain(&mut issued, &receiver);
            collected.add_issued(actor, issued);
        }
        collected.drain_queues(run);
        collected
    }
}

/// What a thread returned; its panic goes on here.
fn joined<T>(hand: JoinHandle<T>) -> T {
    hand.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
