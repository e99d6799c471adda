//! What tells threads apart, and whether one still lives.

use super::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use std::cell::Cell;
use std::sync::Arc;

#[cfg(all(loom, not(shuttle)))]
use loom::thread_local;
#[cfg(shuttle)]
use shuttle::thread_local;

/// Hands out tokens and publishes nothing; outside of the checkers' sight, as it outlives a model's run.
static NEXT_TOKEN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);

/// The tenant that no seat has.
const NOBODY: usize = usize::MAX;

#[cfg(any(loom, shuttle))]
thread_local! {
    /// What [`thread_token`] returns.
    static TOKEN: usize = next_token();
    /// What [`tenant`] returns.
    static TENANT: Cell<usize> = Cell::new(NOBODY);
}
#[cfg(not(any(loom, shuttle)))]
thread_local! {
    /// What [`thread_token`] returns; 0 before the first call. Read without a look whether it was initialised.
    static TOKEN: Cell<usize> = const { Cell::new(0) };
    /// What [`tenant`] returns.
    static TENANT: Cell<usize> = const { Cell::new(NOBODY) };
}
thread_local! {
    /// Ends with the thread.
    static LIFE: Living = Living(Arc::new(Life(AtomicBool::new(false))));
}

/// A number that tells this thread from every other thread, ended ones included; never 0.
///
/// # Panics
///
/// When the numbers are used up: after 2³² threads on 32-bit systems.
///
/// # Examples
///
/// ```
/// # #[cfg(not(loom))] {
/// use conlab_queue::sync::thread_token;
///
/// let mine = thread_token();
/// assert_eq!(mine, thread_token());
/// assert_ne!(mine, std::thread::spawn(thread_token).join().unwrap());
/// # }
/// ```
#[inline]
#[must_use]
pub fn thread_token() -> usize {
    #[cfg(any(loom, shuttle))]
    return TOKEN.with(|token| *token);
    #[cfg(not(any(loom, shuttle)))]
    match TOKEN.with(Cell::get) {
        0 => first_token(),
        token => token,
    }
}

#[cfg(not(any(loom, shuttle)))]
#[cold]
fn first_token() -> usize {
    let token = next_token();
    TOKEN.with(|cell| cell.set(token));
    token
}

/// A token that no thread had before, and not the one that stands for nobody.
fn next_token() -> usize {
    // Relaxed: the number is all that is handed out.
    let next = |token: usize| token.checked_add(1).filter(|&next| next != NOBODY);
    NEXT_TOKEN.fetch_update(Relaxed, Relaxed, next).expect("fewer threads than numbers")
}

/// Whether a thread lives; kept by whoever gave it a place that another may have after it.
#[derive(Debug)]
pub(crate) struct Life(AtomicBool);

impl Life {
    /// Whether the thread has ended. What it did is then seen by the caller.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.load(Acquire)
    }
}

/// Ends a life when its thread ends.
struct Living(Arc<Life>);

impl Drop for Living {
    fn drop(&mut self) {
        // Destructors of thread-local storage may run after this one: the thread is nobody's tenant any more.
        let _ = TENANT.try_with(|tenant| tenant.set(NOBODY));
        self.0.0.store(true, Release);
    }
}

/// The life of the calling thread, which is a [`tenant`] from here on; `None` when the thread is nearly gone.
pub(crate) fn life() -> Option<Arc<Life>> {
    let life = LIFE.try_with(|living| Arc::clone(&living.0)).ok()?;
    let token = thread_token();
    TENANT.try_with(|tenant| tenant.set(token)).ok()?;
    Some(life)
}

/// The thread's token while it may have a place of its own; else a number that no thread has.
#[inline]
pub(crate) fn tenant() -> usize {
    #[cfg(any(loom, shuttle))]
    return TENANT.try_with(Cell::get).unwrap_or(NOBODY);
    #[cfg(not(any(loom, shuttle)))]
    TENANT.with(Cell::get)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_two_threads_ever_have_the_same_token() {
        // One after the other, so that a token given back at a thread's end would come again.
        let mut tokens: Vec<_> = (0..200).map(|_| std::thread::spawn(thread_token).join().unwrap()).collect();
        tokens.push(thread_token());
        let count = tokens.len();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), count);
        assert!(!tokens.contains(&0) && !tokens.contains(&NOBODY));
    }

    #[test]
    fn a_life_ends_with_its_thread() {
        assert_eq!(std::thread::spawn(tenant).join().unwrap(), NOBODY, "nobody gave it a place");
        let (theirs, token) = std::thread::spawn(|| {
            let life = life().unwrap();
            assert!(!life.has_ended());
            (life, (tenant(), thread_token()))
        })
        .join()
        .unwrap();
        assert!(theirs.has_ended());
        assert_eq!(token.0, token.1);
    }
}
