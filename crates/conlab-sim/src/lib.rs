//! Discrete-event simulation: an event list, random streams by name, distributions, closed forms, and a machine whose threads share
//! cores as under Linux.
//!
//! A simulation is a loop: take the next event, move the clock to it, change the state, schedule what follows. Here one server
//! serves customers that come at random:
//!
//! ```
//! use conlab_sim::{future_events::FutureEvents, random::{Source, Stream}, theory, units::Nanos, workload::{Draw, Spread}};
//! use std::collections::VecDeque;
//!
//! #[derive(Clone, Copy)]
//! enum What { Arrives, Leaves }
//!
//! let exponential = |millis| Draw { mean: Nanos::from_millis(millis), spread: Spread::Exponential };
//! let (gap, service) = (exponential(10), exponential(5));
//! // Each source of chance has a stream of its own: another service time does not move the arrivals.
//! let mut gaps = Stream::new(18, Source::Arrivals, 0, 0);
//! let mut services = Stream::new(18, Source::Service, 0, 0);
//!
//! let (mut events, mut queue) = (FutureEvents::new(), VecDeque::new());
//! let (mut served, mut waited) = (0_u64, Nanos::ZERO);
//! events.push(gap.sample(&mut gaps, 0), What::Arrives);
//! while let Some(event) = events.pop() {
//!     let now = event.at;
//!     match event.what {
//!         What::Arrives => {
//!             queue.push_back(now);
//!             events.push(now + gap.sample(&mut gaps, 0), What::Arrives);
//!             if queue.len() > 1 {
//!                 continue; // somebody is being served
//!             }
//!         }
//!         What::Leaves => {
//!             queue.pop_front();
//!         }
//!     }
//!     if served == 100_000 {
//!         break;
//!     }
//!     if let Some(arrived) = queue.front() {
//!         served += 1;
//!         waited = waited + (now - *arrived);
//!         events.push(now + service.sample(&mut services, served), What::Leaves);
//!     }
//! }
//!
//! let mean = waited.as_secs_f64() / served as f64;
//! let expected = theory::mm1_wait(0.5, 0.005).unwrap();
//! assert!((mean / expected - 1.0).abs() < 0.05, "{mean} s, expected {expected} s");
//! ```
//!
//! # What to take when
//!
//! | take | when |
//! | --- | --- |
//! | [`FutureEvents`](future_events::FutureEvents) | any simulation of events: order of time, and of scheduling where times are equal, without a sequence number |
//! | [`Stream`](random::Stream) | random numbers that depend on seed, purpose and number alone, so that two variants of a model meet the same customers |
//! | [`Draw`](workload::Draw), [`Keys`](workload::Keys) | how long something takes, which of many things is asked for; the same bits on every machine |
//! | [`theory`] | to check a simulation where there is a closed form, and to know what to expect |
//! | [`Machine`](machine::Machine) | threads that share cores: under Linux's EEVDF, first come first served, or a [`Policy`](machine::Policy) of your own |
//!
//! # How the parts lie on one another
//!
//! ```text
//!   machine          threads on cores; a policy says who runs where
//!     │
//!   future_events    what will happen and when        workload   durations and keys
//!     │                                                  │
//!   units            time in nanoseconds              random     a stream for each source of chance      theory   closed forms
//! ```
//!
//! # Determinism
//!
//! Time is an integer, events of one instant leave in the order of scheduling, no container is iterated in hash order, and
//! logarithms and powers come from code that gives the same bits on every machine. A run is a function of its seed.

#![warn(missing_docs)]

pub mod future_events;
pub mod machine;
pub mod random;
pub mod theory;
pub mod units;
pub mod workload;
