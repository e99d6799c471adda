//! The peers, each in its own idiom: the hold model, and M/M/c with the waits summed.

use super::{MEAN, gap, rate};
use conlab::clock::now;
use conlab::random::{Source, Stream};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Servers of M/M/c and the load on each.
pub(super) const SERVERS: usize = 16;
pub(super) const LOAD: f64 = 0.9;

/// Where draws come from in every peer.
fn stream(owner: u64) -> Stream {
    Stream::new(1, Source::Data, owner, 0)
}

/// Until the next arrival of M/M/c, when service takes [`MEAN`].
pub(super) fn arrival_gap(stream: &mut Stream) -> f64 {
    gap(stream) as f64 / (SERVERS as f64 * LOAD)
}

/// Mean wait of M/M/16 at 0.9 over the mean service: what every simulator must find.
pub(super) fn check_wait(who: &str, sum: f64, tasks: u64) {
    let wait = sum / tasks as f64 / MEAN;
    let theory = conlab::theory::mmc_wait(SERVERS as f64 * LOAD, SERVERS as u32, 1.0).unwrap();
    assert!((wait - theory).abs() < 0.25 * theory, "{who}: mean wait {wait}, theory {theory}");
}

pub(super) mod simcore_peer {
    use super::*;
    use simcore::{Event, EventHandler, Simulation, SimulationContext, cast};

    #[derive(Clone, serde::Serialize)]
    struct Tick {}

    struct Holder {
        context: SimulationContext,
        stream: Stream,
    }

    impl EventHandler for Holder {
        fn on(&mut self, _event: Event) {
            let delay = gap(&mut self.stream) as f64;
            self.context.emit_self(Tick {}, delay);
        }
    }

    pub(in super::super) fn hold(pending: u64, events: u64) -> f64 {
        let mut simulation = Simulation::new(1);
        let context = simulation.create_context("holder");
        let mut stream = stream(0);
        for _ in 0..pending {
            context.emit_self(Tick {}, gap(&mut stream) as f64);
        }
        simulation.add_handler("holder", Rc::new(RefCell::new(Holder { context, stream })));
        let start = now();
        simulation.steps(events);
        rate(events, start)
    }

    #[derive(Clone, serde::Serialize)]
    struct Arrival {}

    #[derive(Clone, serde::Serialize)]
    struct Done {}

    struct Station {
        context: SimulationContext,
        stream: Stream,
        queue: VecDeque<f64>,
        free: usize,
        wait: f64,
        tasks: u64,
    }

    impl Station {
        fn serve(&mut self, arrived: f64) {
            self.wait += self.context.time() - arrived;
            let service = gap(&mut self.stream) as f64;
            self.context.emit_self(Done {}, service);
        }
    }

    impl EventHandler for Station {
        fn on(&mut self, event: Event) {
            cast!(match event.data {
                Arrival {} => {
                    let delay = arrival_gap(&mut self.stream);
                    self.context.emit_self(Arrival {}, delay);
                    self.tasks += 1;
                    let time = self.context.time();
                    if self.free == 0 {
                        self.queue.push_back(time);
                    } else {
                        self.free -= 1;
                        self.serve(time);
                    }
                }
                Done {} => {
                    match self.queue.pop_front() {
                        Some(arrived) => self.serve(arrived),
                        None => self.free += 1,
                    }
                }
            })
        }
    }

    pub(in super::super) fn mmc(events: u64) -> f64 {
        let mut simulation = Simulation::new(1);
        let context = simulation.create_context("station");
        context.emit_self(Arrival {}, 0.0);
        let station = Station {
            context,
            stream: stream(0),
            queue: VecDeque::new(),
            free: SERVERS,
            wait: 0.0,
            tasks: 0,
        };
        let station = Rc::new(RefCell::new(station));
        simulation.add_handler("station", Rc::<RefCell<Station>>::clone(&station));
        let start = now();
        simulation.steps(events);
        let rate = rate(events, start);
        let station = station.borrow();
        check_wait("simcore", station.wait, station.tasks);
        rate
    }
}

pub(super) mod simu_peer {
    use super::*;

    pub(in super::super) fn hold(pending: u64, events: u64) -> f64 {
        let mut simulation = simu::SimEnv::with_seed(1);
        let stream = Rc::new(RefCell::new(stream(0)));
        let left = Rc::new(Cell::new(events));
        for _ in 0..pending {
            let (handle, stream, left) = (simulation.handle(), Rc::clone(&stream), Rc::clone(&left));
            simulation.spawn(async move {
                while left.get() > 0 {
                    let delay = gap(&mut stream.borrow_mut()) as f64;
                    handle.timeout(delay).await;
                    left.set(left.get().saturating_sub(1));
                }
            });
        }
        let start = now();
        simulation.run();
        rate(events + pending, start)
    }

    pub(in super::super) fn mmc(events: u64) -> f64 {
        let mut simulation = simu::SimEnv::with_seed(1);
        let servers = simu::Resource::new(SERVERS);
        let wait = Rc::new(Cell::new(0.0));
        let (handle, sum) = (simulation.handle(), Rc::clone(&wait));
        let tasks = events / 2;
        simulation.spawn(async move {
            let (mut arrivals, services) = (stream(0), Rc::new(RefCell::new(stream(1))));
            for _ in 0..tasks {
                handle.timeout(arrival_gap(&mut arrivals)).await;
                let (here, servers, sum) = (handle.clone(), servers.clone(), Rc::clone(&sum));
                let services = Rc::clone(&services);
                handle.spawn(async move {
                    let arrived = here.now();
                    let server = servers.request().await;
                    sum.set(sum.get() + here.now() - arrived);
                    let service = gap(&mut services.borrow_mut()) as f64;
                    here.timeout(service).await;
                    drop(server);
                });
            }
        });
        let start = now();
        simulation.run();
        let rate = rate(events, start);
        check_wait("simu-des", wait.get(), tasks);
        rate
    }
}

pub(super) mod nexosim_peer {
    use super::*;
    use nexosim::model::{Context, Model, schedulable};
    use nexosim::simulation::{Mailbox, SimInit};
    use nexosim::time::MonotonicTime;
    use serde::{Deserialize, Serialize};
    use std::time::Duration;

    #[derive(Serialize, Deserialize)]
    struct Holder {
        pending: u64,
        #[serde(skip, default = "fresh")]
        stream: Stream,
    }

    fn fresh() -> Stream {
        stream(0)
    }

    fn delay(stream: &mut Stream) -> Duration {
        Duration::from_nanos(gap(stream).max(1))
    }

    #[Model]
    impl Holder {
        #[nexosim(init)]
        async fn init(&mut self, cx: &Context<Self>) {
            for _ in 0..self.pending {
                cx.schedule_event(delay(&mut self.stream), schedulable!(Self::tick), ()).unwrap();
            }
        }

        #[nexosim(schedulable)]
        fn tick(&mut self, _: (), cx: &Context<Self>) {
            cx.schedule_event(delay(&mut self.stream), schedulable!(Self::tick), ()).unwrap();
        }
    }

    pub(in super::super) fn hold(pending: u64, events: u64) -> f64 {
        let mailbox = Mailbox::new();
        let mut simulation = SimInit::with_num_threads(1)
            .add_model(Holder { pending, stream: fresh() }, mailbox, "holder")
            .init(MonotonicTime::EPOCH)
            .unwrap();
        // Events come at `pending` for each mean gap.
        let span = Duration::from_nanos((events as f64 / pending as f64 * MEAN) as u64);
        let start = now();
        simulation.step_until(span).unwrap();
        rate(events, start)
    }

    #[derive(Serialize, Deserialize)]
    struct Station {
        #[serde(skip, default = "fresh")]
        stream: Stream,
        #[serde(skip)]
        queue: VecDeque<MonotonicTime>,
        free: usize,
        #[serde(skip)]
        totals: std::sync::Arc<std::sync::Mutex<(f64, u64)>>,
    }

    #[Model]
    impl Station {
        #[nexosim(init)]
        async fn init(&mut self, cx: &Context<Self>) {
            cx.schedule_event(Duration::from_nanos(1), schedulable!(Self::arrive), ()).unwrap();
        }

        #[nexosim(schedulable)]
        fn arrive(&mut self, _: (), cx: &Context<Self>) {
            let next = Duration::from_nanos((arrival_gap(&mut self.stream) as u64).max(1));
            cx.schedule_event(next, schedulable!(Self::arrive), ()).unwrap();
            if self.free == 0 {
                self.queue.push_back(cx.time());
            } else {
                self.free -= 1;
                self.serve(cx.time(), cx);
            }
        }

        #[nexosim(schedulable)]
        fn done(&mut self, _: (), cx: &Context<Self>) {
            match self.queue.pop_front() {
                Some(arrived) => self.serve(arrived, cx),
                None => self.free += 1,
            }
        }

        fn serve(&mut self, arrived: MonotonicTime, cx: &Context<Self>) {
            let waited = cx.time().duration_since(arrived).as_nanos() as f64;
            let mut totals = self.totals.lock().unwrap();
            *totals = (totals.0 + waited, totals.1 + 1);
            cx.schedule_event(delay(&mut self.stream), schedulable!(Self::done), ()).unwrap();
        }
    }

    pub(in super::super) fn mmc(events: u64) -> f64 {
        let totals = std::sync::Arc::default();
        let station = Station {
            stream: fresh(),
            queue: VecDeque::new(),
            free: SERVERS,
            totals: std::sync::Arc::clone(&totals),
        };
        let mut simulation = SimInit::with_num_threads(1)
            .add_model(station, Mailbox::new(), "station")
            .init(MonotonicTime::EPOCH)
            .unwrap();
        let span = Duration::from_nanos((events as f64 / 2.0 / (SERVERS as f64 * LOAD) * MEAN) as u64);
        let start = now();
        simulation.step_until(span).unwrap();
        let rate = rate(events, start);
        let (wait, tasks) = *totals.lock().unwrap();
        check_wait("nexosim", wait, tasks);
        rate
    }
}

pub(super) mod odem_peer {
    use super::*;
    use odem_rs::prelude::*;
    use odem_rs::sync::chain::Chain;
    use std::pin::pin;

    #[odem_rs::main]
    async fn holding(sim: &Sim, pending: u64, events: u64) -> f64 {
        let stream = RefCell::new(stream(0));
        let jobs = pin!(Pool::with_capacity(pending as usize).with(Job::new));
        for _ in 0..pending {
            let first = gap(&mut stream.borrow_mut()) as f64;
            let stream = &stream;
            sim.schedule(
                jobs.alloc(async move {
                    loop {
                        let delay = gap(&mut stream.borrow_mut()) as f64;
                        sim.advance(delay).await;
                    }
                }),
                first,
            );
        }
        let start = now();
        sim.advance(events as f64 / pending as f64 * MEAN).await;
        rate(events, start)
    }

    pub(in super::super) fn hold(pending: u64, events: u64) -> f64 {
        holding(pending, events)
    }

    #[odem_rs::main]
    async fn station(sim: &Sim, events: u64) -> f64 {
        let (queue, idle) = (RefCell::new(VecDeque::new()), Chain::new());
        let services = RefCell::new(stream(1));
        let totals = Cell::new((0.0, 0));
        let servers = pin!(Pool::with_capacity(SERVERS).with(Job::new));
        for _ in 0..SERVERS {
            let (queue, idle, services, totals) = (&queue, &idle, &services, &totals);
            sim.activate(servers.alloc(async move {
                loop {
                    let next = queue.borrow_mut().pop_front();
                    let Some(arrived) = next else {
                        idle.fifo().await;
                        continue;
                    };
                    let (wait, tasks) = totals.get();
                    totals.set((wait + sim.now() - arrived, tasks + 1));
                    let service = gap(&mut services.borrow_mut()) as f64;
                    sim.advance(service).await;
                }
            }));
        }
        let arrivals = pin!(Job::new(async {
            let mut arrivals = stream(0);
            loop {
                sim.advance(arrival_gap(&mut arrivals)).await;
                queue.borrow_mut().push_back(sim.now());
                idle.notify_one();
            }
        }));
        sim.activate(arrivals);
        let start = now();
        sim.advance(events as f64 / 2.0 / (SERVERS as f64 * LOAD) * MEAN).await;
        let rate = rate(events, start);
        let (wait, tasks) = totals.get();
        check_wait("odem-rs", wait, tasks);
        rate
    }

    pub(in super::super) fn mmc(events: u64) -> f64 {
        station(events)
    }
}
