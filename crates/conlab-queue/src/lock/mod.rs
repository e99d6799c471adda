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

    /// Takes the lock as [`acquire`](Self::acquire) does, or gives up once it is [closed](Self::close); whether it was taken.
    #[must_use]
    fn acquire_unless_closed(&self) -> bool;

    /// From now on nobody waits in [`acquire_unless_closed`](Self::acquire_unless_closed): whoever does gives up. It is for
    /// good. A lock that is free can still be taken.
    fn close(&self);

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
    fn acquire_unless_closed(&self) -> bool {
        match self {
            Self::Mutex(lock) => lock.acquire_unless_closed(),
            Self::Spin(lock) => lock.acquire_unless_closed(),
            Self::Owner(lock) => lock.acquire_unless_closed(),
        }
    }

    fn close(&self) {
        match self {
            Self::Mutex(lock) => lock.close(),
            Self::Spin(lock) => lock.close(),
            Self::Owner(lock) => lock.close(),
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
