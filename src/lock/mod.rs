//! The locks that scenarios name: a mutex that parks, a lock that spins, and the interpreter lock.
//!
//! A step takes a lock in one operation and gives it back in another, with waits and calls between them, so these
//! locks have no guards: [`RawLock::acquire`] and [`RawLock::release`] stand alone. They guard no data of Rust's
//! and cannot break memory safety; releasing a lock that is not held is a bug and panics.

mod gil;
mod mutex;
mod spin;

pub use gil::{Gil, GilCounts, Taken};
pub use mutex::MutexLock;
pub use spin::SpinLock;

/// A lock without a guard.
pub trait RawLock: Send + Sync {
    /// Takes the lock if it is free now.
    fn try_acquire(&self) -> bool;

    /// Takes the lock, waiting while another holds it. Not reentrant.
    fn acquire(&self);

    /// Gives the lock back.
    ///
    /// # Panics
    ///
    /// When nobody holds it.
    fn release(&self);
}
