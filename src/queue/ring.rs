//! Bounded multi-producer multi-consumer ring, without a mutex on the way of an item.
//!
//! Source: D. Vyukov, "Bounded MPMC queue", 1024cores.net (per-slot sequence numbers).
//!
//! # Protocol
//!
//! A *ticket* names a position for ever: the slot's index in its low bits, the lap above them. `lap` is the
//! smallest power of two above the capacity, so that index and lap do not mix and every capacity is exact. Each
//! slot has a `turn` that says whose move it is:
//!
//! | `turn`    | slot   | may move next              | leaves `turn` at |
//! |-----------|--------|----------------------------|------------------|
//! | `t`       | empty  | the producer with ticket t | `t + 1`          |
//! | `t + 1`   | filled | the consumer with ticket t | `t + lap`        |
//!
//! `head` and `tail` are the next tickets of consumers and producers. The top bit of `tail` says that the queue is
//! closed; no ticket is won after that.
//!
//! Invariant I1: between winning ticket `t` and moving `turn` on, its owner has exclusive access to the cell.
//!
//! # Orderings
//!
//! - P1 (publish): the producer's Release store `turn = t + 1` pairs with the consumer's Acquire load of it, so
//!   the item is written before it is read.
//! - P2 (recycle): the consumer's Release store `turn = t + lap` pairs with the next lap's producer's Acquire load,
//!   so the item is read before it is overwritten.
//! - P3: `head` and `tail` hand out tickets and publish no data: Relaxed, but for P4.
//! - P4 (wake-ups, rule E1 and E2 of the event count): a producer wins its ticket with Acquire and reads the
//!   consumers' event count afterwards; a consumer about to sleep, or about to pass a wake-up on, reads `tail` by
//!   an `AcqRel` read-modify-write. Whichever comes first in the order of `tail` is seen by the other. The same
//!   with `head` for producers that wait for room.
//!
//! - K1: closing wakes everybody, after the bit is set.
//! - K2: a consumer reports `Closed` only when no ticket is left, filled or not.
//!
//! # Progress
//!
//! Not lock-free in the strict sense: a producer stopped between winning ticket `t` and P1 holds up consumers at
//! `t`, although producers behind it can still fill later slots. For the same reason `Full` and `Empty` may be
//! early: another thread can be halfway through the slot. The blocking ends wait such a moment out by yielding,
//! and sleep only when every ticket is consumed (or every slot taken).

use super::event_count::EventCount;
use super::{PopError, PushError, TaskQueue};
use crate::sync::{
    AtomicUsize,
    Ordering::{self, AcqRel, Acquire, Relaxed, Release},
    Padded, UnsafeCell, backoff, spin,
};
use std::collections::VecDeque;
use std::mem::MaybeUninit;

/// The orderings of the rules, by name; the variants of the loom tests weaken one each.
const PUBLISH: Ordering = if cfg!(conlab_weaken = "P1-store") { Relaxed } else { Release };
const OBSERVE: Ordering = if cfg!(conlab_weaken = "P1-load") { Relaxed } else { Acquire };
const RECYCLE: Ordering = if cfg!(conlab_weaken = "P2-store") { Relaxed } else { Release };
const REUSE: Ordering = if cfg!(conlab_weaken = "P2-load") { Relaxed } else { Acquire };
const WIN: Ordering = if cfg!(conlab_weaken = "P4-win") { Relaxed } else { Acquire };
const RECHECK: Ordering = if cfg!(conlab_weaken = "P4-recheck") { Relaxed } else { AcqRel };

/// The top bit of `tail`.
const CLOSED: usize = !(usize::MAX >> 1);

/// A bounded queue of any capacity from 1; see the module for its protocol.
#[derive(Debug)]
pub struct RingQueue<T> {
    head: Padded<AtomicUsize>,
    tail: Padded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    lap: usize,
    consumers: EventCount,
    producers: EventCount,
}

#[derive(Debug)]
struct Slot<T> {
    turn: AtomicUsize,
    item: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: an item is moved in by one thread and moved out by another, which is all `T: Send` allows; I1 rules out
// concurrent access to a cell, so `T: Sync` is not needed.
unsafe impl<T: Send> Sync for RingQueue<T> {}

/// Why a ticket could not be won.
enum Miss {
    /// Nothing to take, or no room, and nobody is halfway through changing that.
    Settled,
    /// Another thread is halfway through the slot.
    Underway,
    /// Closed, and for consumers drained.
    Closed,
}

impl<T> RingQueue<T> {
    /// An empty queue for at most `capacity` items.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0 or above a quarter of the address space.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        assert!((1..CLOSED / 2).contains(&capacity), "capacity {capacity} of a ring must be at least 1");
        let slots = (0..capacity)
            .map(|ticket| Slot {
                turn: AtomicUsize::new(ticket),
                item: UnsafeCell::new(MaybeUninit::uninit()),
            })
            .collect();
        Self {
            head: Padded(AtomicUsize::new(0)),
            tail: Padded(AtomicUsize::new(0)),
            slots,
            lap: (capacity + 1).next_power_of_two(),
            consumers: EventCount::new(),
            producers: EventCount::new(),
        }
    }

    /// How many consumers and how many producers sleep, or are about to; a hint.
    #[must_use]
    pub fn sleepers(&self) -> (usize, usize) {
        (self.consumers.sleepers(), self.producers.sleepers())
    }

    /// The ticket after `ticket`.
    #[inline]
    fn after(&self, ticket: usize) -> usize {
        let index = ticket & (self.lap - 1);
        if index + 1 < self.slots.len() {
            ticket + 1
        } else {
            (ticket - index).wrapping_add(self.lap) & !CLOSED
        }
    }

    #[inline]
    fn slot(&self, ticket: usize) -> &Slot<T> {
        &self.slots[ticket & (self.lap - 1)]
    }

    /// Wins the next ticket of the producers and fills its slot.
    #[inline]
    fn offer(&self, item: T) -> Result<(), (T, Miss)> {
        let mut ticket = self.tail.load(Relaxed); // P3
        let early = cfg!(conlab_weaken = "P4-early").then(|| self.consumers.sleepers());
        loop {
            if ticket & CLOSED != 0 {
                return Err((item, Miss::Closed));
            }
            let slot = self.slot(ticket);
            let turn = slot.turn.load(REUSE); // P2
            if turn == ticket {
                match self.tail.compare_exchange_weak(ticket, self.after(ticket), WIN, Relaxed) {
                    // P4
                    Ok(_) => {
                        slot.item.with_mut(|cell| {
                            // SAFETY: we won `ticket` while `turn == ticket`, so by I1 the cell is ours and empty;
                            // nothing is overwritten without being dropped.
                            unsafe { cell.write(MaybeUninit::new(item)) }
                        });
                        slot.turn.store(ticket + 1, PUBLISH); // P1
                        if early != Some(0) {
                            self.consumers.notify_one();
                        }
                        return Ok(());
                    }
                    Err(current) => ticket = current,
                }
            } else {
                let tail = self.tail.load(Relaxed); // P3
                if tail == ticket {
                    return Err((item, self.no_room(ticket)));
                }
                ticket = tail;
            }
            spin();
        }
    }

    /// Why the slot of the producers' `ticket` is not free.
    #[cold]
    fn no_room(&self, ticket: usize) -> Miss {
        let head = self.head.load(Relaxed); // P3
        if self.distance(head, ticket) >= self.slots.len() { Miss::Settled } else { Miss::Underway }
    }

    /// Wins the next ticket of the consumers and empties its slot.
    #[inline]
    fn take(&self) -> Result<T, Miss> {
        let mut ticket = self.head.load(Relaxed); // P3
        loop {
            let slot = self.slot(ticket);
            let turn = slot.turn.load(OBSERVE); // P1
            if turn == ticket + 1 {
                match self.head.compare_exchange_weak(ticket, self.after(ticket), WIN, Relaxed) {
                    // P4
                    Ok(_) => {
                        // SAFETY: we won `ticket` while `turn == ticket + 1`, so by I1 the cell is ours.
                        let item = slot.item.with_mut(|cell| unsafe { cell.read() });
                        slot.turn.store(ticket.wrapping_add(self.lap) & !CLOSED, RECYCLE); // P2
                        self.producers.notify_one();
                        // SAFETY: P1 says that the cell was filled; its turn has moved on, so it is read only once.
                        return Ok(unsafe { item.assume_init() });
                    }
                    Err(current) => ticket = current,
                }
            } else {
                let head = self.head.load(Relaxed); // P3
                if head == ticket {
                    return Err(self.no_item(ticket));
                }
                ticket = head;
            }
            spin();
        }
    }

    /// Fills as many slots as are free in a row, up to the number of `items`, with one read-modify-write for all.
    fn offer_many(&self, items: &mut VecDeque<T>) {
        let first = self.tail.load(Relaxed); // P3
        let mut end = first;
        let mut count = 0;
        // Ends: at most as many slots as items and as the ring has.
        while count < items.len().min(self.slots.len())
            && end & CLOSED == 0
            && self.slot(end).turn.load(REUSE) == end
        {
            // P2
            end = self.after(end);
            count += 1;
        }
        // P4. Nobody else can have won these tickets since, so their slots are still free.
        if count == 0 || self.tail.compare_exchange(first, end, WIN, Relaxed).is_err() {
            return;
        }
        let mut ticket = first;
        for item in items.drain(..count) {
            let slot = self.slot(ticket);
            slot.item.with_mut(|cell| {
                // SAFETY: `ticket` is among those we won and its slot was free, so by I1 the cell is ours and empty.
                unsafe { cell.write(MaybeUninit::new(item)) }
            });
            slot.turn.store(ticket + 1, PUBLISH); // P1
            ticket = self.after(ticket);
        }
        self.consumers.notify_one();
    }

    /// Empties as many slots as are filled in a row, up to `most`, with one read-modify-write for all; says how many.
    fn take_many(&self, items: &mut Vec<T>, most: usize) -> usize {
        let first = self.head.load(Relaxed); // P3
        let mut end = first;
        let mut count = 0;
        // Ends: at most `most` slots, and at most as many as the ring has.
        while count < most.min(self.slots.len()) && self.slot(end).turn.load(OBSERVE) == end + 1 {
            // P1
            end = self.after(end);
            count += 1;
        }
        // P4. Nobody else can have won these tickets since, so their slots are still filled.
        if count == 0 || self.head.compare_exchange(first, end, WIN, Relaxed).is_err() {
            return 0;
        }
        let mut ticket = first;
        for _ in 0..count {
            let slot = self.slot(ticket);
            // SAFETY: `ticket` is among those we won, so by I1 the cell is ours.
            let item = slot.item.with_mut(|cell| unsafe { cell.read() });
            slot.turn.store(ticket.wrapping_add(self.lap) & !CLOSED, RECYCLE); // P2
            // SAFETY: P1 says that the cell was filled; its turn has moved on, so it is read only once.
            items.push(unsafe { item.assume_init() });
            ticket = self.after(ticket);
        }
        self.producers.notify_one();
        count
    }

    /// Pushes after a miss: looks again for a little, then sleeps while the queue is full.
    #[cold]
    fn push_patiently(&self, mut item: T, mut miss: Miss) -> Result<(), PushError<T>> {
        let mut woken = false;
        let (mut tries, mut looks) = (0, 0);
        // Ends: the queue gets room or is closed; asleep unless another thread is halfway through a slot.
        loop {
            match miss {
                Miss::Closed => return Err(PushError::Closed(item)),
                Miss::Underway => backoff(&mut tries),
                Miss::Settled if self.producers.linger(&mut looks) => {}
                Miss::Settled => {
                    looks = 0;
                    woken |= self.producers.sleep_unless(woken, || self.may_offer());
                }
            }
            match self.offer(item) {
                Ok(()) => break,
                Err(refused) => (item, miss) = refused,
            }
        }
        if woken && !cfg!(conlab_weaken = "E-pass") && self.may_offer() {
            self.producers.notify_one();
            self.producers.stay_awake();
        } else if looks > 0 {
            self.producers.stay_awake();
        }
        Ok(())
    }

    /// Pops after a miss: looks again for a little, then sleeps while the queue is empty.
    #[cold]
    fn pop_patiently(&self, mut miss: Miss) -> Result<T, PopError> {
        let mut woken = false;
        let (mut tries, mut looks) = (0, 0);
        // Ends: an item comes or the queue is closed; asleep unless another thread is halfway through a slot.
        let item = loop {
            match miss {
                Miss::Closed => return Err(PopError::Closed),
                Miss::Underway => backoff(&mut tries),
                Miss::Settled if self.consumers.linger(&mut looks) => {}
                Miss::Settled => {
                    looks = 0;
                    woken |= self.consumers.sleep_unless(woken, || self.may_take());
                }
            }
            match self.take() {
                Ok(item) => break item,
                Err(again) => miss = again,
            }
        };
        if woken && !cfg!(conlab_weaken = "E-pass") && self.may_take() {
            self.consumers.notify_one();
            self.consumers.stay_awake();
        } else if looks > 0 {
            self.consumers.stay_awake();
        }
        Ok(item)
    }

    /// Why the slot of the consumers' `ticket` is not filled.
    #[cold]
    fn no_item(&self, ticket: usize) -> Miss {
        let tail = self.tail.load(Acquire);
        if tail & !CLOSED != ticket && !cfg!(conlab_weaken = "K2") {
            Miss::Underway
        } else if tail & CLOSED != 0 {
            Miss::Closed
        } else {
            Miss::Settled
        }
    }

    /// Whether a consumer has reason to look again; its half of E1 and E2.
    fn may_take(&self) -> bool {
        let tail = recheck(&self.tail); // P4
        tail != self.head.load(Relaxed) // P3; a closed tail equals no head
    }

    /// Whether a producer has reason to look again; its half of E1 and E2.
    fn may_offer(&self) -> bool {
        let head = recheck(&self.head); // P4
        let tail = self.tail.load(Relaxed); // P3
        tail & CLOSED != 0 || self.distance(head, tail) < self.slots.len()
    }

    /// How many tickets lie from `head` up to `tail`, both without the closed bit.
    fn distance(&self, head: usize, tail: usize) -> usize {
        let index = |ticket: usize| ticket & (self.lap - 1);
        let laps = ((tail - index(tail)).wrapping_sub(head - index(head)) & !CLOSED) / self.lap;
        (laps * self.slots.len() + index(tail)).wrapping_sub(index(head))
    }
}

/// Reads an index by a read-modify-write, as P4 asks.
fn recheck(index: &AtomicUsize) -> usize {
    if cfg!(conlab_weaken = "P4-plain") { index.load(Acquire) } else { index.fetch_add(0, RECHECK) }
}

impl<T: Send> TaskQueue<T> for RingQueue<T> {
    fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        self.offer(item).map_err(|(item, miss)| match miss {
            Miss::Closed => PushError::Closed(item),
            Miss::Settled | Miss::Underway => PushError::Full(item),
        })
    }

    #[inline]
    fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.offer(item).or_else(|(item, miss)| self.push_patiently(item, miss))
    }

    fn try_pop(&self) -> Result<T, PopError> {
        self.take().map_err(|miss| match miss {
            Miss::Closed => PopError::Closed,
            Miss::Settled | Miss::Underway => PopError::Empty,
        })
    }

    #[inline]
    fn pop(&self) -> Result<T, PopError> {
        self.take().or_else(|miss| self.pop_patiently(miss))
    }

    fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        loop {
            self.offer_many(items);
            let Some(item) = items.pop_front() else { return Ok(()) };
            // Sleeps if it must, and makes progress where the batch lost a race.
            if let Err(refused) = self.push(item) {
                items.push_front(refused.into_item());
                return Err(PushError::Closed(()));
            }
        }
    }

    fn pop_many(&self, items: &mut Vec<T>, most: usize) -> Result<usize, PopError> {
        if most == 0 {
            return Ok(0);
        }
        let count = self.take_many(items, most);
        if count > 0 {
            return Ok(count);
        }
        items.push(self.pop()?);
        Ok(1 + self.take_many(items, most - 1))
    }

    fn close(&self) {
        self.tail.fetch_or(CLOSED, AcqRel);
        if !cfg!(conlab_weaken = "K1") {
            self.consumers.notify_all();
            self.producers.notify_all();
        }
    }

    fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Acquire);
            let head = self.head.load(Acquire);
            if self.tail.load(Relaxed) == tail {
                return self.distance(head, tail & !CLOSED).min(self.slots.len());
            }
            spin();
        }
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.slots.len())
    }
}

impl<T> Drop for RingQueue<T> {
    fn drop(&mut self) {
        while self.take().is_ok() {}
    }
}
