//! When a handler that awaits became ready: its waker stamps the instant.

use crate::clock::Clock;
use crate::units::Nanos;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Remembers when a handler was woken.
pub(super) struct Stamp {
    clock: Clock,
    woken_at: AtomicU64,
    pub(super) inner: Mutex<Option<Waker>>,
}

/// Not woken since the last poll.
const NOT_WOKEN: u64 = u64::MAX;

impl Stamp {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, woken_at: AtomicU64::new(NOT_WOKEN), inner: Mutex::new(None) }
    }
}

impl Wake for Stamp {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The first wake-up counts: from then on the handler was ready.
        let now = self.clock.now().0;
        self.woken_at.compare_exchange(NOT_WOKEN, now, Ordering::Relaxed, Ordering::Relaxed).ok();
        let waker = self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A future that also says when it became ready, if it had to wait.
pub(super) struct Stamped<'wait, F> {
    pub(super) inner: Pin<&'wait mut F>,
    pub(super) stamp: &'wait Stamp,
    pub(super) waker: &'wait Waker,
}

impl<F: Future> Future for Stamped<'_, F> {
    type Output = (F::Output, Option<Nanos>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let woken_at = this.stamp.woken_at.swap(NOT_WOKEN, Ordering::Relaxed);
        {
            let mut inner = this.stamp.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if !inner.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                *inner = Some(context.waker().clone());
            }
        }
        let ready = (woken_at != NOT_WOKEN).then_some(Nanos(woken_at));
        this.inner.as_mut().poll(&mut Context::from_waker(this.waker)).map(|output| (output, ready))
    }
}
