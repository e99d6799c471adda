//! Threads on cores: how Linux (6.6 and later) chooses who runs.

mod deadline_tree;
mod eevdf_queue;

pub use eevdf_queue::{EevdfQueue, Entity, NEVER, Rules};
