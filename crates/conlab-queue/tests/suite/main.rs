//! Queues, contract and checker on real threads: identities and orders, never speeds.
#![cfg(all(feature = "peers", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod faults;
mod queue;
mod verify;
