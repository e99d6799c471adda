//! Everybody who works in a run: hired before it, dismissed after it.

use super::collect::Collected;
use super::load;
use super::runtime::{Returned, Runtime};
use super::worker_stats::{Issued, Notes, ThreadAccount};
use super::{tasks, worker};
use crate::engine::{EngineError, Experiment, LiveThread};
use crate::measure::Groups;
use crate::queue::QueueKind;
use crate::scenario::Load;
use crate::units::Nanos;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long whoever works gets to come home once the run is over. Every wait of the engine ends with it, so only what
/// conlab does not control takes so long: a disk, a queue of the user's own.
const GRACE: Nanos = Nanos::from_secs(2);
/// Time between two looks whether somebody has come home.
const HOME_LOOK: Duration = Duration::from_micros(500);

/// What a load thread leaves: what it issued, and its end of the clients' channel.
type LoadLeft = ((Issued, Option<Groups>), Option<Receiver<Returned>>);

/// Everybody who works in a run.
#[derive(Default)]
pub(super) struct Crew {
    workers: Vec<JoinHandle<(Notes, ThreadAccount)>>,
    pools: Vec<tasks::Running>,
    loads: Vec<(usize, JoinHandle<LoadLeft>)>,
    events: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Starts the workers of every actor; they sleep until there is load.
    pub(super) fn hire(&mut self, run: &Arc<Runtime>) -> Result<(), EngineError> {
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
            if runtime.spec.threads == 0 {
                continue;
            }
            if runtime.spec.queue == QueueKind::Async {
                self.pools.push(tasks::start(run, actor, index)?);
                index += runtime.spec.threads;
                continue;
            }
            for number in 0..runtime.spec.threads {
                let shared = Arc::clone(run);
                let worker = thread::Builder::new()
                    .name(format!("{}-{index}", runtime.spec.name))
                    .stack_size(256 * 1024)
                    .spawn(move || worker::work(&shared, actor, index, number))
                    .map_err(|source| EngineError::Spawn { index, count, source })?;
                self.workers.push(worker);
                index += 1;
            }
        }
        Ok(())
    }

    /// Starts the threads that issue load.
    pub(super) fn issue_load(
        &mut self,
        run: &Arc<Runtime>,
        experiment: &Experiment,
        receivers: Vec<Option<Receiver<Returned>>>,
    ) -> Result<(), EngineError> {
        // Set once, and before the first arrival: a task that was issued before the window must not end in a later one.
        run.set_window_start(run.clock.now() + experiment.scenario.run.warmup);
        if let Err(source) = self.begin_events(run) {
            run.abort(run.clock.now());
            std::mem::take(self).dismiss(run);
            let action = "start a thread that makes an event happen".into();
            return Err(EngineError::System { action, source });
        }
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

    /// Starts the threads that make events happen.
    fn begin_events(&mut self, run: &Arc<Runtime>) -> std::io::Result<()> {
        for event in 0..run.pauses.count() {
            let shared = Arc::clone(run);
            let happen = move || {
                let sleep_until = |instant| load::sleep_until(&shared, instant);
                let window = || [shared.window_start(), shared.window_end()];
                let kill = |until| shared.deaths.kill(event, until);
                shared.pauses.happen(event, shared.start(), sleep_until, || shared.clock.now(), kill, window);
            };
            self.events.push(thread::Builder::new().name(format!("event-{event}")).spawn(happen)?);
        }
        Ok(())
    }

    /// Ends every wait, and gathers what everybody noted. Whoever does not come home is left behind, and named.
    pub(super) fn dismiss(self, run: &Arc<Runtime>) -> Collected {
        for actor in &run.actors {
            actor.inbox.queue().close();
        }
        run.locks.iter().for_each(|lock| lock.close());
        self.workers.iter().for_each(|hand| hand.thread().unpark());
        self.loads.iter().for_each(|(_, hand)| hand.thread().unpark());
        self.events.iter().for_each(|hand| hand.thread().unpark());
        let deadline = run.clock.now() + GRACE;
        let mut collected = Collected::new(run);
        let mut returned = Vec::new();
        for event in self.events {
            // First, for who is stopped comes home when the event is over.
            joined(run, event, deadline, &mut collected);
        }
        for (actor, hand) in self.loads {
            let Some(((issued, groups), receiver)) = joined(run, hand, deadline, &mut collected) else {
                continue;
            };
            collected.add_issued(actor, issued);
            collected.add_groups(actor, groups);
            returned.extend(receiver.map(|receiver| (actor, receiver)));
        }
        for pool in self.pools {
            let left = deadline.saturating_sub(run.clock.now());
            for (notes, account) in pool.stop(left.to_duration(), &mut collected.abandoned) {
                collected.add(notes.stats, account);
            }
        }
        for worker in self.workers {
            if let Some((notes, account)) = joined(run, worker, deadline, &mut collected) {
                collected.add(notes.stats, Some(account));
            }
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

/// What a thread returned; its panic goes on here. `None` when it has not come home by the deadline.
fn joined<T>(run: &Runtime, hand: JoinHandle<T>, deadline: Nanos, collected: &mut Collected) -> Option<T> {
    while !hand.is_finished() {
        if run.clock.now() >= deadline {
            collected.abandoned.push(hand.thread().name().unwrap_or("a thread").to_owned());
            return None;
        }
        thread::park_timeout(HOME_LOOK);
    }
    Some(hand.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}
