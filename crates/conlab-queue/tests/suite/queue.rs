//! Every kind of queue keeps the same contract.

use conlab_queue::queue::{PopError, PushError, QueueKind, RingQueue, TaskQueue, build, contract};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn every_kind_keeps_the_contract() {
    for kind in QueueKind::ALL {
        let outcome = contract::check(&|capacity| build(kind, capacity));
        assert_eq!(outcome, Ok(()), "{}", kind.name());
    }
}

#[test]
fn every_kind_drops_what_it_still_holds() {
    for kind in QueueKind::ALL {
        let witness = Arc::new(());
        let queue = build(kind, 4);
        for _ in 0..3 {
            queue.try_push(Arc::clone(&witness)).unwrap();
        }
        drop(queue.try_pop());
        drop(queue);
        assert_eq!(Arc::strong_count(&witness), 1, "{}", kind.name());
    }
}

#[test]
fn every_bounded_kind_keeps_its_capacity_exactly() {
    for kind in QueueKind::ALL {
        for capacity in [1, 2, 3, 1000] {
            let queue = build(kind, capacity);
            match queue.capacity() {
                None => assert_eq!(kind, QueueKind::SegQueue),
                Some(built) => {
                    assert_eq!(built, capacity, "{}", kind.name());
                    let accepted = (0..=capacity).filter(|&item| queue.try_push(item).is_ok()).count();
                    assert_eq!(accepted, capacity, "{}", kind.name());
                }
            }
        }
    }
}

/// A ring with one defect.
struct Wrong {
    ring: RingQueue<u64>,
    defect: Defect,
    count: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    Drops,
    Duplicates,
    SwapsTwo,
    AcceptsWhenFull,
    LosesTheRefused,
    CutsOffTheRest,
}

impl Wrong {
    /// True once in `times` calls.
    fn once_in(&self, times: u64) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed) % times == times - 1
    }
}

impl TaskQueue<u64> for Wrong {
    fn try_push(&self, item: u64) -> Result<(), PushError<u64>> {
        match self.defect {
            Defect::Drops if self.once_in(40) => Ok(()),
            Defect::Duplicates if self.once_in(40) => {
                self.ring.try_push(item)?;
                let _ = self.ring.try_push(item);
                Ok(())
            }
            Defect::AcceptsWhenFull => match self.ring.try_push(item) {
                Err(PushError::Full(_)) => Ok(()),
                outcome => outcome,
            },
            Defect::LosesTheRefused => self.ring.try_push(item).map_err(|error| match error {
                PushError::Full(_) => PushError::Full(0),
                PushError::Closed(_) => PushError::Closed(0),
            }),
            _ => self.ring.try_push(item),
        }
    }

    fn push(&self, item: u64) -> Result<(), PushError<u64>> {
        self.ring.push(item)
    }

    fn try_pop(&self) -> Result<u64, PopError> {
        let first = self.ring.try_pop()?;
        if self.defect == Defect::SwapsTwo
            && self.once_in(40)
            && let Ok(second) = self.ring.try_pop()
        {
            let _ = self.ring.try_push(first);
            return Ok(second);
        }
        Ok(first)
    }

    fn pop(&self) -> Result<u64, PopError> {
        self.ring.pop()
    }

    fn close(&self) {
        if self.defect == Defect::CutsOffTheRest {
            while self.ring.try_pop().is_ok() {}
        }
        self.ring.close();
    }

    fn len(&self) -> usize {
        self.ring.len()
    }

    fn capacity(&self) -> Option<usize> {
        self.ring.capacity()
    }
}

#[test]
fn the_contract_refuses_every_planted_defect() {
    for defect in [
        Defect::Drops,
        Defect::Duplicates,
        Defect::SwapsTwo,
        Defect::AcceptsWhenFull,
        Defect::LosesTheRefused,
        Defect::CutsOffTheRest,
    ] {
        let outcome = contract::check(&|capacity| {
            Box::new(Wrong { ring: RingQueue::with_capacity(capacity), defect, count: AtomicU64::new(0) })
        });
        assert!(outcome.is_err(), "{defect:?} went unnoticed");
    }
}

#[test]
fn what_a_closed_ring_refuses_stays_with_the_caller() {
    let ring = RingQueue::with_capacity(2);
    let mut items = VecDeque::from([1, 2]);
    ring.push_many(&mut items).unwrap();
    ring.close();
    items.extend([3, 4]);
    assert_eq!(ring.push_many(&mut items), Err(PushError::Closed(())));
    assert_eq!(items, [3, 4]);
}
