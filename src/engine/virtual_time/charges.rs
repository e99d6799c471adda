//! What the simulated host charges: the calibration with the scenario's own values and factors in it.

use crate::machine::{Costs, Eevdf, ExactSlices, Scheduler, Shape};
use crate::measure::{Calibration, QueueCost, StoreCharge};
use crate::scenario::{HostSpec, Scenario, StoreSpec};
use crate::units::Nanos;

/// Nanoseconds, ready to be added.
#[derive(Clone, Debug)]
pub(super) struct Charges {
    pub(super) cores: u32,
    /// Nothing: never over.
    slice: Option<Nanos>,
    /// Nothing: first come, first served.
    kernel: Option<Kernel>,
    pub(super) costs: Costs,
    pub(super) issuers: bool,
    pub(super) tick: u64,
    pub(super) poll: u64,
    pub(super) lock: u64,
    pub(super) transfer: u64,
    pub(super) cache: u64,
    pub(super) touch: f64,
    pub(super) compress: f64,
    /// By store.
    pub(super) stores: Vec<StoreCharge>,
    /// By actor.
    pub(super) queues: Vec<Option<QueueCost>>,
}

/// How the kernel of a host with a tick schedules.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    /// Nothing: slices end exactly.
    tick: Nanos,
    wake_packing: u64,
    wake_packing_below: u64,
}

/// The constants in force: what the scenario says of its host, and the calibration where it says nothing.
pub(super) fn on_host(host: &HostSpec, calibration: &Calibration) -> Calibration {
    let said = &host.constants;
    let mut all = if said.ideal { Calibration::ideal() } else { calibration.clone() };
    let times = [
        (&mut all.switch, host.switch),
        (&mut all.wake, host.wake),
        (&mut all.signal, said.signal),
        (&mut all.overshoot, said.overshoot),
        (&mut all.jitter, said.jitter),
        (&mut all.base_slice, said.base_slice),
        (&mut all.kernel_tick, said.kernel_tick),
        (&mut all.tick, said.tick),
        (&mut all.poll, said.poll),
        (&mut all.lock, said.lock),
        (&mut all.transfer, said.transfer),
        (&mut all.cache, said.cache),
    ];
    for (time, given) in times {
        *time = given.unwrap_or(*time);
    }
    for (rate, given) in [(&mut all.touch, said.touch), (&mut all.compress, said.compress)] {
        *rate = given.map_or(*rate, |time| time.as_secs_f64() * 1e9);
    }
    for queue in &mut all.queues {
        queue.push = said.push.unwrap_or(queue.push);
        queue.pop = said.pop.unwrap_or(queue.pop);
        queue.exclusive = said.exclusive.unwrap_or(queue.exclusive);
    }
    all.wake_packing = said.wake_packing.unwrap_or(all.wake_packing);
    all.wake_packing_below = said.wake_packing_below.unwrap_or(all.wake_packing_below);
    all.issuers = said.issuers.unwrap_or(all.issuers);
    match said.spread {
        Some(false) => {
            (all.wake_shape, all.signal_shape, all.jitter) = (Shape::EXACT, Shape::EXACT, Nanos::ZERO);
        }
        Some(true) if all.wake_shape.is_exact() => {
            (all.wake_shape, all.signal_shape) = (Shape::WAKE_UP, Shape::SIGNAL);
        }
        _ => {}
    }
    all
}

/// A queue whose operations cost nothing has no price, and keeps nobody out either.
fn priced(cost: QueueCost) -> Option<QueueCost> {
    (cost != QueueCost::default()).then_some(cost)
}

impl Charges {
    /// The constants of [`on_host`], with the factors and shares of `scenario`.
    pub(super) fn of(scenario: &Scenario, calibration: &Calibration, host_cores: u32) -> Self {
        let host = &scenario.host;
        let factors = host.factors;
        let switching = |time: Nanos| time.scaled(factors.switch);
        let queue = |cost: QueueCost| QueueCost {
            push: cost.push.scaled(factors.queue),
            pop: cost.pop.scaled(factors.queue),
            exclusive: cost.exclusive.scaled(factors.queue),
        };
        let slice = match host.slice.unwrap_or(calibration.base_slice) {
            Nanos::ZERO => None,
            slice => Some(slice),
        };
        Self {
            cores: host.cores.unwrap_or(host_cores).max(1),
            slice,
            kernel: kernel(scenario, calibration),
            costs: Costs {
                switch: switching(calibration.switch),
                wake: switching(calibration.wake),
                wake_shape: calibration.wake_shape,
                signal: switching(calibration.signal),
                signal_shape: calibration.signal_shape,
                overshoot: switching(calibration.overshoot),
                jitter: switching(calibration.jitter.min(calibration.overshoot)),
            },
            issuers: calibration.issuers,
            tick: calibration.tick.0,
            poll: switching(calibration.poll).0,
            lock: calibration.lock.0,
            transfer: calibration.transfer.scaled(factors.coherence).0,
            cache: calibration.cache.scaled(factors.coherence).0,
            touch: calibration.touch,
            compress: calibration.compress,
            stores: scenario
                .stores
                .iter()
                .map(|StoreSpec { value_bytes, count, durable, .. }| {
                    calibration.store.charge(*value_bytes, *count, *durable)
                })
                .collect(),
            queues: scenario
                .actors
                .iter()
                .map(|actor| queue(calibration.queue(actor.queue)))
                .map(priced)
                .collect(),
        }
    }

    /// The policy of the host.
    pub(super) fn scheduler(&self) -> Scheduler {
        match self.kernel {
            Some(kernel) => Scheduler::Eevdf(
                Eevdf::new(self.cores, self.slice, kernel.tick)
                    .with_wake_packing(kernel.wake_packing, kernel.wake_packing_below),
            ),
            None => Scheduler::ExactSlices(ExactSlices::new(self.cores, self.slice)),
        }
    }

    /// Work of streaming through `bytes`.
    pub(super) fn touching(&self, bytes: u64) -> u64 {
        rate(bytes, self.touch)
    }

    /// Work of compressing `bytes`.
    pub(super) fn compressing(&self, bytes: u64) -> u64 {
        rate(bytes, self.compress)
    }
}

/// The kernel of a host with a tick; a slice that the scenario gives ends exactly.
fn kernel(scenario: &Scenario, calibration: &Calibration) -> Option<Kernel> {
    (calibration.kernel_tick > Nanos::ZERO).then(|| Kernel {
        tick: if scenario.host.slice.is_some() { Nanos::ZERO } else { calibration.kernel_tick },
        wake_packing: calibration.wake_packing,
        wake_packing_below: calibration.wake_packing_below,
    })
}

#[expect(clippy::cast_precision_loss, reason = "working sets are small")]
fn rate(bytes: u64, per_kib: f64) -> u64 {
    Nanos(1).scaled(bytes as f64 / 1024.0 * per_kib).0
}
