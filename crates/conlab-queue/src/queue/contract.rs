//! The contract of a task queue as checks that anybody can run over a queue of their own.
//!
//! Each rule builds fresh queues by a [`Factory`] and reports what it saw when that is not what the contract says.
//! The rules with threads give up after [`PATIENCE`]: a queue that loses a wake-up fails, it does not hang.

use super::{PopError, PushError, TaskQueue};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use std::{fmt, thread};

/// Builds an empty queue for the given number of items.
pub type Factory<'a> = dyn Fn(usize) -> Box<dyn TaskQueue<u64>> + Sync + 'a;

/// How long the threads of one rule may take before the queue counts as stuck.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A rule of the contract that a queue breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.seen)
    }
}

type Rule = (&'static str, fn(&Factory<'_>) -> Result<(), String>);

/// The rules, in the order in which they are checked.
const RULES: [Rule; 12] = [
    ("items leave in the order in which they came, over many laps", in_order),
    ("a full queue gives the item back and takes it once there is room", refuses_when_full),
    ("after close, pushes get their item back", refuses_when_closed),
    ("after close, everything accepted is delivered, then Closed", drains_after_close),
    ("batches behave as the same operations one by one", batches),
    ("a batch takes no more than was asked for, and nothing when nothing was", batch_limits),
    ("no more items are in the queue than its capacity, whatever comes in how", keeps_capacity),
    ("one pop lets one blocked push go on", pop_frees_push),
    ("close wakes everybody who sleeps", close_wakes),
    ("a stray unpark ends no wait", stray_unparks),
    ("between threads every item is delivered once, in its producer's order", delivers_once),
    ("a close between pushes loses nothing that was accepted", close_under_load),
];

/// Checks every rule; what is broken comes back, one entry a rule.
///
/// # Examples
///
/// ```
/// # #[cfg(not(loom))] {
/// use conlab_queue::queue::{MutexQueue, contract};
///
/// assert_eq!(contract::check(&|capacity| Box::new(MutexQueue::with_capacity(capacity))), Ok(()));
/// # }
/// ```
///
/// # Errors
///
/// The violations, when there are any.
pub fn check(factory: &Factory<'_>) -> Result<(), Vec<Violation>> {
    let violations: Vec<_> = RULES
        .iter()
        .filter_map(|(rule, body)| body(factory).err().map(|seen| Violation { rule, seen }))
        .collect();
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn expect<V: PartialEq + fmt::Debug>(what: &str, seen: V, wanted: V) -> Result<(), String> {
    if seen == wanted { Ok(()) } else { Err(format!("{what} gave {seen:?} instead of {wanted:?}")) }
}

fn in_order(factory: &Factory<'_>) -> Result<(), String> {
    for capacity in [1, 2, 3, 4, 7, 64] {
        let queue = factory(capacity);
        let (mut next_in, mut next_out) = (0, 0);
        for lap in 0..50 {
            for _ in 0..=lap % capacity {
                expect("try_push", queue.try_push(next_in), Ok(()))?;
                next_in += 1;
            }
            expect("len", queue.len() as u64, next_in - next_out)?;
            while next_out < next_in {
                expect("try_pop", queue.try_pop(), Ok(next_out))?;
                next_out += 1;
            }
            expect("try_pop", queue.try_pop(), Err(PopError::Empty))?;
            expect("is_empty", queue.is_empty(), true)?;
        }
    }
    Ok(())
}

fn refuses_when_full(factory: &Factory<'_>) -> Result<(), String> {
    for wanted in [1, 2, 3, 5, 64] {
        let queue = factory(wanted);
        let Some(capacity) = queue.capacity() else { return Ok(()) };
        if capacity < wanted {
            return Err(format!("capacity {wanted} was asked for, {capacity} built"));
        }
        for item in 0..capacity as u64 {
            expect("try_push", queue.try_push(item), Ok(()))?;
        }
        for lap in 0..3 * capacity as u64 {
            let item = capacity as u64 + lap;
            expect("try_push when full", queue.try_push(item), Err(PushError::Full(item)))?;
            expect("try_pop", queue.try_pop(), Ok(lap))?;
            expect("try_push", queue.try_push(item), Ok(()))?;
        }
    }
    Ok(())
}

fn refuses_when_closed(factory: &Factory<'_>) -> Result<(), String> {
    let queue = factory(4);
    expect("push", queue.push(1), Ok(()))?;
    queue.close();
    queue.close();
    expect("try_push after close", queue.try_push(2), Err(PushError::Closed(2)))?;
    expect("push after close", queue.push(3), Err(PushError::Closed(3)))?;
    let mut batch = VecDeque::from([4, 5]);
    expect("push_many after close", queue.push_many(&mut batch), Err(PushError::Closed(())))?;
    expect("what push_many left", batch, VecDeque::from([4, 5]))
}

fn drains_after_close(factory: &Factory<'_>) -> Result<(), String> {
    let queue = factory(4);
    for item in 0..4 {
        expect("push", queue.push(item), Ok(()))?;
    }
    queue.close();
    expect("try_pop after close", queue.try_pop(), Ok(0))?;
    expect("pop after close", queue.pop(), Ok(1))?;
    let mut batch = Vec::new();
    expect("pop_many after close", queue.pop_many(&mut batch, 9), Ok(2))?;
    expect("its items", batch, vec![2, 3])?;
    expect("try_pop when drained", queue.try_pop(), Err(PopError::Closed))?;
    expect("pop when drained", queue.pop(), Err(PopError::Closed))?;
    expect("pop_many when drained", queue.pop_many(&mut Vec::new(), 9), Err(PopError::Closed))
}

/// What one thread of a rule does with the queue and hands back.
type Part = Box<dyn FnOnce(&dyn TaskQueue<u64>) -> Vec<u64> + Send>;

/// Runs `parts` on a thread each and gathers what they hand back, in their order.
fn together(queue: &Arc<dyn TaskQueue<u64>>, parts: Vec<Part>) -> Result<Vec<Vec<u64>>, String> {
    let count = parts.len();
    let (report, reports) = mpsc::channel();
    for (index, part) in parts.into_iter().enumerate() {
        let (queue, report) = (Arc::clone(queue), report.clone());
        thread::spawn(move || {
            // The receiver is gone when the others were given up; then nobody wants to know.
            let _ = report.send((index, part(&*queue)));
        });
    }
    drop(report);
    let mut gathered = vec![Vec::new(); count];
    for done in 0..count {
        match reports.recv_timeout(PATIENCE) {
            Ok((index, items)) => gathered[index] = items,
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err("a thread panicked".into()),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                queue.close(); // lets those go that can still hear it
                return Err(format!("{} of {count} threads were stuck after {PATIENCE:?}", count - done));
            }
        }
    }
    Ok(gathered)
}

/// Pops until the queue is closed and drained; an answer that `pop` must not give stands at the end as an item that nobody pushed.
fn drain(queue: &dyn TaskQueue<u64>) -> Vec<u64> {
    let mut items = Vec::new();
    loop {
        match queue.pop() {
            Ok(item) => items.push(item),
            Err(PopError::Closed) => return items,
            Err(PopError::Empty) => {
                items.push(u64::MAX);
                return items;
            }
        }
    }
}

fn batches(factory: &Factory<'_>) -> Result<(), String> {
    for capacity in [1, 3, 8, 100] {
        let queue: Arc<dyn TaskQueue<u64>> = factory(capacity).into();
        let push: Part = Box::new(|queue| {
            let mut items = (0..1000).collect();
            let _ = queue.push_many(&mut items);
            queue.close();
            items.into()
        });
        let pop: Part = Box::new(|queue| {
            let mut items = Vec::new();
            while queue.pop_many(&mut items, 7).is_ok() {}
            items
        });
        let gathered = together(&queue, vec![push, pop])?;
        expect("push_many, of what it left", gathered[0].len(), 0)?;
        expect("pop_many", &gathered[1], &(0..1000).collect())?;
    }
    Ok(())
}

fn batch_limits(factory: &Factory<'_>) -> Result<(), String> {
    for capacity in [4, 7, 64] {
        let queue = factory(capacity);
        let mut got = vec![99];
        expect("pop_many of 0 from an empty queue", queue.pop_many(&mut got, 0), Ok(0))?;
        for item in 0..4 {
            expect("try_push", queue.try_push(item), Ok(()))?;
        }
        expect("pop_many of 0", queue.pop_many(&mut got, 0), Ok(0))?;
        expect("pop_many of 1", queue.pop_many(&mut got, 1), Ok(1))?;
        expect("pop_many of 2", queue.pop_many(&mut got, 2), Ok(2))?;
        expect("what was there and what came", &got, &vec![99, 0, 1, 2])?;
        expect("len after it", queue.len(), 1)?;
        expect("pop_many of more than there is", queue.pop_many(&mut got, 9), Ok(1))?;
        expect("is_empty after it", queue.is_empty(), true)?;
        let mut none = VecDeque::new();
        expect("push_many of nothing", queue.push_many(&mut none), Ok(()))?;
        let mut some: VecDeque<u64> = (10..14).collect();
        expect("push_many", queue.push_many(&mut some), Ok(()))?;
        expect("len after it", (queue.len(), some.len()), (4, 0))?;
        queue.close();
        expect("push_many of nothing after close", queue.push_many(&mut none).is_err(), false)?;
        expect("pop_many of 0 after close", queue.pop_many(&mut got, 0), Ok(0))?;
        expect("pop_many of 3 after close", queue.pop_many(&mut got, 3), Ok(3))?;
        expect("pop_many of the rest", queue.pop_many(&mut got, 3), Ok(1))?;
        expect("pop_many when drained", queue.pop_many(&mut got, 3), Err(PopError::Closed))?;
    }
    Ok(())
}

fn keeps_capacity(factory: &Factory<'_>) -> Result<(), String> {
    for wanted in [1, 3, 8] {
        let queue: Arc<dyn TaskQueue<u64>> = factory(wanted).into();
        let Some(capacity) = queue.capacity() else { return Ok(()) };
        let most = Arc::new(std::sync::Mutex::new(0));
        let watched = Arc::clone(&most);
        let look = move |queue: &dyn TaskQueue<u64>| {
            let mut most = crate::sync::lock(&watched);
            *most = queue.len().max(*most);
        };
        let each = 4 * capacity as u64;
        let left = Arc::new(std::sync::Mutex::new(2));
        let other_left = Arc::clone(&left);
        let done = |left: &std::sync::Mutex<u8>, queue: &dyn TaskQueue<u64>| {
            let mut left = crate::sync::lock(left);
            *left -= 1;
            if *left == 0 {
                queue.close();
            }
        };
        // A batch and single items, each longer than the queue; whoever takes looks first, and gives the others time to go too far.
        let batch: Part = Box::new(move |queue| {
            let mut items = (0..each).collect();
            let _ = queue.push_many(&mut items);
            done(&left, queue);
            Vec::from(items)
        });
        let single: Part = Box::new(move |queue| {
            let refused = (0..each).filter(|&number| queue.push(item(1, number)).is_err()).collect();
            done(&other_left, queue);
            refused
        });
        let take: Part = Box::new(move |queue| {
            let mut got = Vec::new();
            loop {
                for _ in 0..3 {
                    thread::yield_now();
                }
                look(queue);
                let most = 1 + got.len() % 3;
                if queue.pop_many(&mut got, most).is_err() {
                    return got;
                }
            }
        });
        let gathered = together(&queue, vec![batch, single, take])?;
        expect("what push and push_many left", gathered[..2].concat(), vec![])?;
        expect("what came out", gathered[2].len() as u64, 2 * each)?;
        let most = *crate::sync::lock(&most);
        if most > capacity {
            return Err(format!("{most} items were in a queue for {capacity}"));
        }
        expect("len when drained", queue.len(), 0)?;
    }
    Ok(())
}

fn stray_unparks(factory: &Factory<'_>) -> Result<(), String> {
    let queue: Arc<dyn TaskQueue<u64>> = factory(1).into();
    let (name, named) = mpsc::channel();
    let (told, tell) = mpsc::channel();
    let other_name = name.clone();
    let pop: Part = Box::new(move |queue| {
        let _ = name.send(thread::current());
        queue.pop().into_iter().collect()
    });
    let push: Part = Box::new(move |queue| {
        let _ = other_name.send(thread::current());
        let _ = tell.recv(); // the first item is in, so this one has to wait
        queue.push(2).err().map(PushError::into_item).into_iter().collect()
    });
    let disturb: Part = Box::new(move |queue| {
        let threads: Vec<_> = named.iter().take(2).collect();
        let disturb = || {
            for _ in 0..50 {
                threads.iter().for_each(thread::Thread::unpark);
                thread::yield_now();
            }
        };
        disturb();
        let mut seen = Vec::new();
        if queue.push(1).is_ok() {
            // The consumer has it, or will.
            while !queue.is_empty() {
                thread::yield_now();
            }
            seen.extend(queue.push(1).map_err(PushError::into_item).err());
        }
        let _ = told.send(());
        disturb();
        // Twice: the item of this thread, then that of the disturbed one.
        seen.extend(queue.pop());
        seen.extend(queue.pop());
        seen
    });
    let gathered = together(&queue, vec![pop, push, disturb])?;
    expect("a disturbed pop", &gathered[0], &vec![1])?;
    expect("a disturbed push, of what it got back", &gathered[1], &vec![])?;
    expect("the pops after it", &gathered[2], &vec![1, 2])
}

fn pop_frees_push(factory: &Factory<'_>) -> Result<(), String> {
    for capacity in [1, 2, 16] {
        let queue: Arc<dyn TaskQueue<u64>> = factory(capacity).into();
        let Some(capacity) = queue.capacity() else { return Ok(()) };
        for item in 0..capacity as u64 {
            expect("try_push", queue.try_push(item), Ok(()))?;
        }
        let (told, tell) = mpsc::channel();
        let push: Part = Box::new(move |queue| {
            let _ = queue.push(u64::MAX);
            let _ = told.send(());
            Vec::new()
        });
        let pop: Part = Box::new(move |queue| {
            // Most often the other thread sleeps by now; the rule holds either way.
            for _ in 0..100 {
                thread::yield_now();
            }
            let first = queue.pop();
            // No further pop until the push is through: one pop must be enough.
            let _ = tell.recv();
            first.into_iter().collect()
        });
        let gathered = together(&queue, vec![push, pop])?;
        expect("pop", &gathered[1], &vec![0])?;
    }
    Ok(())
}

fn close_wakes(factory: &Factory<'_>) -> Result<(), String> {
    for _ in 0..20 {
        let queue: Arc<dyn TaskQueue<u64>> = factory(1).into();
        let closed: fn(&dyn TaskQueue<u64>) -> Vec<u64> =
            |queue| vec![u64::from(queue.pop() == Err(PopError::Closed))];
        let mut parts: Vec<Part> = (0..3).map(|_| Box::new(closed) as Part).collect();
        parts.push(Box::new(|queue| {
            for _ in 0..20 {
                thread::yield_now();
            }
            queue.close();
            Vec::new()
        }));
        expect("blocked pops, of answers Closed", together(&queue, parts)?.concat(), vec![1, 1, 1])?;

        let queue: Arc<dyn TaskQueue<u64>> = factory(1).into();
        let Some(capacity) = queue.capacity() else { continue };
        for _ in 0..capacity {
            expect("try_push", queue.try_push(0), Ok(()))?;
        }
        let refused: fn(&dyn TaskQueue<u64>) -> Vec<u64> = |queue| match queue.push(7) {
            Err(PushError::Closed(item)) => vec![item],
            _ => Vec::new(),
        };
        let mut parts: Vec<Part> = (0..3).map(|_| Box::new(refused) as Part).collect();
        parts.push(Box::new(|queue| {
            for _ in 0..20 {
                thread::yield_now();
            }
            queue.close();
            Vec::new()
        }));
        expect("blocked pushes, of items given back", together(&queue, parts)?.concat(), vec![7, 7, 7])?;
    }
    Ok(())
}

/// An item names its producer in the upper half and its number in the lower.
fn item(producer: u64, number: u64) -> u64 {
    (producer << 32) | number
}

/// Whether what each consumer got is in each producer's order.
fn in_producers_order(by_consumer: &[Vec<u64>], producers: usize) -> Result<(), String> {
    for items in by_consumer {
        let mut last = vec![None; producers];
        for &got in items {
            let seen = &mut last[(got >> 32) as usize];
            if *seen >= Some(got) {
                return Err(format!("a consumer got {got:#x} after {:#x}", seen.unwrap_or(0)));
            }
            *seen = Some(got);
        }
    }
    Ok(())
}

/// Whether exactly the `accepted` items were delivered, each once.
fn same_items(by_consumer: &[Vec<u64>], mut accepted: Vec<u64>) -> Result<(), String> {
    let mut delivered = by_consumer.concat();
    delivered.sort_unstable();
    accepted.sort_unstable();
    if delivered == accepted {
        return Ok(());
    }
    let lost = accepted.iter().find(|item| delivered.binary_search(item).is_err());
    let twice = delivered.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    Err(format!(
        "{} accepted, {} delivered; first lost {lost:x?}, first delivered twice {twice:x?}",
        accepted.len(),
        delivered.len()
    ))
}

fn delivers_once(factory: &Factory<'_>) -> Result<(), String> {
    const PER_PRODUCER: u64 = 1_000;
    for (producers, consumers, capacity) in [(1, 1, 1), (1, 3, 2), (3, 1, 2), (2, 2, 3), (4, 4, 16)] {
        let queue: Arc<dyn TaskQueue<u64>> = factory(capacity).into();
        let left = Arc::new(std::sync::Mutex::new(producers));
        let mut parts: Vec<Part> = (0..consumers).map(|_| Box::new(drain) as Part).collect();
        for producer in 0..producers as u64 {
            let left = Arc::clone(&left);
            parts.push(Box::new(move |queue| {
                let accepted = (0..PER_PRODUCER)
                    .map(|number| item(producer, number))
                    .filter(|&item| queue.push(item).is_ok())
                    .collect();
                let mut left = crate::sync::lock(&left);
                *left -= 1;
                if *left == 0 {
                    queue.close();
                }
                accepted
            }));
        }
        let gathered = together(&queue, parts)?;
        let (popped, pushed) = gathered.split_at(consumers);
        in_producers_order(popped, producers)?;
        same_items(popped, pushed.concat())?;
    }
    Ok(())
}

fn close_under_load(factory: &Factory<'_>) -> Result<(), String> {
    for round in 0..50 {
        let queue: Arc<dyn TaskQueue<u64>> = factory(4).into();
        let mut parts: Vec<Part> = (0..2).map(|_| Box::new(drain) as Part).collect();
        for producer in 0..2 {
            parts.push(Box::new(move |queue| {
                let mut accepted = Vec::new();
                for number in 0.. {
                    match queue.push(item(producer, number)) {
                        Ok(()) => accepted.push(item(producer, number)),
                        Err(PushError::Closed(_)) => break,
                        // `push` must not say so; nobody delivers what it was about.
                        Err(PushError::Full(_)) => accepted.push(u64::MAX - number),
                    }
                }
                accepted
            }));
        }
        parts.push(Box::new(move |queue| {
            for _ in 0..round {
                thread::yield_now();
            }
            queue.close();
            Vec::new()
        }));
        let gathered = together(&queue, parts)?;
        in_producers_order(&gathered[..2], 2)?;
        same_items(&gathered[..2], gathered[2..].concat())?;
    }
    Ok(())
}
