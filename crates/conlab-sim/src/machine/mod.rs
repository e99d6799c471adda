//! Threads that share the cores of a simulated machine.
//!
//! A [`Machine`] is a clock, an event list, threads and cores, and a [`Policy`] that says who runs where: [`Eevdf`], as Linux 6.6
//! and later, or [`ExactSlices`], first come, first served with slices that end to the nanosecond. It knows nothing of what
//! threads do. Whoever drives it is told when a thread is on a core and has nothing to do, and answers with
//! [`work`](Machine::work), [`block`](Machine::block) or [`spin`](Machine::spin); an [`Observer`] is told where time goes.
//!
//! Two threads that compute for 10 ms each on one core, in slices of 4 ms:
//!
//! ```
//! use conlab_sim::machine::{Activity, Costs, ExactSlices, Happening, Machine, Observer, ThreadId};
//! use conlab_sim::units::Nanos;
//!
//! /// How long each thread waited for the core.
//! #[derive(Default)]
//! struct Waits([Nanos; 2]);
//!
//! impl Observer for Waits {
//!     fn spent(&mut self, thread: ThreadId, activity: Activity, time: Nanos) {
//!         if activity == Activity::Ready {
//!             self.0[thread.index()] += time;
//!         }
//!     }
//! }
//!
//! let slices = ExactSlices::new(1, Some(Nanos::from_millis(4)));
//! let mut machine = Machine::<_>::new(1, slices, Costs::NONE, 18);
//! let mut waits = Waits::default();
//! for _ in 0..2 {
//!     let thread = machine.add_thread();
//!     machine.wake(thread, None, &mut waits);
//! }
//! let mut begun = [false; 2];
//! let mut ended = Vec::new();
//! while let Some(happening) = machine.next(&mut waits) {
//!     let Happening::Resumes(thread) = happening else { continue };
//!     if std::mem::replace(&mut begun[thread.index()], true) {
//!         ended.push(machine.now());
//!         machine.block(thread, &mut waits);
//!     } else {
//!         machine.work(thread, Nanos::from_millis(10), &mut waits);
//!     }
//! }
//! // 4, 4, 4, 4, 2, 2: whoever is second waits for 4 + 4 + 2 ms, the first for 4 + 4.
//! assert_eq!(ended, [Nanos::from_millis(18), Nanos::from_millis(20)]);
//! assert_eq!(waits.0, [Nanos::from_millis(8), Nanos::from_millis(10)]);
//! ```
//!
//! # How the parts lie on one another
//!
//! ```text
//!   Machine      what its driver calls: wake, work, block, spin, next
//!      │  ╲
//!      │   Policy: Eevdf ── ExactSlices ── your own        who is next, who gives way
//!      │  ╱
//!   Processors   the clock, the event list, threads, cores, who is idle; moves a thread on and off a core
//! ```
//!
//! An arrow points down: a policy uses [`Processors`] and knows no machine; neither knows what a thread computes.

mod core_set;
mod deadline_tree;
mod driver;
mod eevdf;
mod eevdf_queue;
mod exact_slices;
mod policy;
mod processors;
mod shape;
mod weight;

pub use driver::{Happening, Machine};
pub use eevdf::Eevdf;
pub use exact_slices::ExactSlices;
pub use policy::{Observer, Policy, Scheduler};
pub use processors::{Activity, CoreId, Costs, Event, MachineEvent, Processors, Roused, State, ThreadId};
pub use shape::Shape;
pub use weight::Weight;
