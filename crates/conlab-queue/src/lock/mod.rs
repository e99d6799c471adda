//! The locks that scenarios name: a mutex that parks, a lock that spins, the interpreter lock, and none, checked.
//!
//! A step takes a lock in one operation and gives it back in another, with waits and calls between them, so these
//! locks have no guards: [`RawLock::acquire`] and [`RawLock::release`] stand alone. They guard no data of Rust's
//! and cannot break memory safety; releasing a lock that is not held is a bug and panics.

mod gil;
mod mutex;
mod owner;
mod signals;
mod spin;

pub use gil::{Gil, GilCounts, Taken};
pub use mutex::MutexLock;
pub use owner::OwnerLock;
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

/// The locks without a guard, chosen at run time.
#[derive(Debug)]
pub enum AnyLock {
    /// Parks its waiters.
    Mutex(MutexLock),
    /// Its waiters burn their processor.
    Spin(SpinLock),
    /// Admits one thread for good.
    Owner(OwnerLock),
}

impl RawLock for AnyLock {
    #[inline]
    fn try_acquire(&self) -> bool {
        match self {
            Self::Mutex(lock) => lock.try_acquire(),
            Self::Spin(lock) => lock.try_acquire(),
            Self::Owner(lock) => lock.try_acquire(),
        }
    }

    #[inline]
    fn acquire(&self) {
        match self {
            Self::Mutex(lock) => lock.acquire(),
            Self::Spin(lock) => lock.acquire(),
            Self::Owner(lock) => lock.acquire(),
        }
    }

    #[inline]
    fn release(&self) {
        match self {
            Self::Mutex(lock) => lock.release(),
            Self::Spin(lock) => lock.release(),
            Self::Owner(lock) => lock.release(),
        }
    }
}
