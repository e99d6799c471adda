//! The trials: what is done to a queue, and which rule its answers are held against.

use super::dice::Dice;
use super::history::{Answer, Call, History, Operation};
use super::linear::{is_linearizable, minimised};
use super::{Failure, Options, Subject, Verdict};
use crate::queue::{PopError, PushError, TaskQueue};
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// Threads of a short history, and operations of each.
const THREADS: usize = 3;
const MOVES: usize = 6;

type Queue = Arc<dyn TaskQueue<u64>>;

/// One thread, move by move beside a deque. Nobody else is there, so nothing may be early.
pub(super) fn against_a_deque(
    subject: &Subject<'_>,
    options: &Options,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let mut stream = Dice::new(options.seed, 0, 0);
    let mut made = 0;
    for capacity in [1, 2, 7, 64].into_iter().cycle() {
        if made >= options.operations {
            break;
        }
        let queue = (subject.factory)(capacity);
        let bound = queue.capacity();
        let mut deque = VecDeque::new();
        let round = (options.operations / 8).max(1);
        for number in 0..round {
            let (call, answer, wanted) = if stream.bits().is_multiple_of(2) {
                let full = bound.is_some_and(|bound| deque.len() >= bound) || deque.len() >= 1_000;
                if full && bound.is_none() {
                    continue; // an unbounded queue would only grow
                }
                if !full {
                    deque.push_back(number);
                }
                let wanted = if full { Answer::Full } else { Answer::Done };
                (Call::Push(number), pushed(queue.try_push(number)), wanted)
            } else {
                let wanted = deque.pop_front().map_or(Answer::Empty, Answer::Item);
                (Call::Pop, popped(queue.try_pop()), wanted)
            };
            if answer != wanted {
                return Err(Failure::Rule(format!(
                    "one thread alone, capacity {capacity}, operation {number}: {call:?} answered {answer:?} \
                     instead of {wanted:?}"
                )));
            }
        }
        made += round;
    }
    verdict.operations += made;
    Ok(())
}

/// What a thread of a long trial reports at its end.
type Report = (usize, Vec<u64>);

/// Runs `parts` on threads of their own until all end or `progress` stands still for the patience.
fn together(
    options: &Options,
    progress: &Arc<AtomicU64>,
    parts: Vec<Box<dyn FnOnce() -> Vec<u64> + Send>>,
) -> Result<Vec<Vec<u64>>, String> {
    let count = parts.len();
    let (report, reports) = mpsc::channel::<Report>();
    for (index, part) in parts.into_iter().enumerate() {
        let report = report.clone();
        thread::spawn(move || {
            // The receiver is gone when the trial was given up.
            let _ = report.send((index, part()));
        });
    }
    drop(report);
    let mut gathered = vec![Vec::new(); count];
    let mut ended = 0;
    let mut last = u64::MAX;
    // Ends: every round a thread ends, progress is made, or the trial is given up.
    while ended < count {
        match reports.recv_timeout(options.patience) {
            Ok((index, items)) => {
                gathered[index] = items;
                ended += 1;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err("a thread panicked".into()),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let now = progress.load(Relaxed);
                if now == last {
                    return Err(format!(
                        "{} of {count} threads stuck after {now} operations: a wake-up was lost",
                        count - ended
                    ));
                }
                last = now;
            }
        }
    }
    Ok(gathered)
}

/// Producers and consumers that block, over shapes and capacities; then nothing may be lost, twice or out of order.
pub(super) fn producers_and_consumers(
    subject: &Subject<'_>,
    options: &Options,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let shapes = [(1, 1, 2), (1, 1, 1024), (2, 2, 4), (2, 2, 256), (3, 1, 8), (1, 3, 8)];
    for (producers, consumers, capacity) in shapes {
        let each = options.operations / (2 * shapes.len() as u64 * producers as u64);
        let queue: Queue = (subject.factory)(capacity).into();
        let progress = Arc::new(AtomicU64::new(0));
        let left = Arc::new(AtomicUsize::new(producers));
        let mut parts: Vec<Box<dyn FnOnce() -> Vec<u64> + Send>> = Vec::new();
        for _ in 0..consumers {
            let (queue, progress) = (Arc::clone(&queue), Arc::clone(&progress));
            parts.push(Box::new(move || {
                let mut got = Vec::new();
                while let Ok(item) = queue.pop() {
                    got.push(item);
                    progress.fetch_add(1, Relaxed);
                }
                got
            }));
        }
        for producer in 0..producers as u64 {
            let (queue, left) = (Arc::clone(&queue), Arc::clone(&left));
            parts.push(Box::new(move || {
                let refused =
                    (0..each).filter(|number| queue.push((producer << 32) | number).is_err()).count();
                if left.fetch_sub(1, SeqCst) == 1 {
                    queue.close();
                }
                vec![refused as u64]
            }));
        }
        let place = format!("{producers} producers, {consumers} consumers, capacity {capacity}");
        let wrong = |seen: String| Failure::Rule(format!("{place}: {seen}"));
        let gathered = together(options, &progress, parts).map_err(&wrong)?;
        check_delivery(&gathered[..consumers], producers as u64, each).map_err(&wrong)?;
        if gathered[consumers..].concat() != vec![0; producers] {
            return Err(wrong("a push was refused although nothing was closed".into()));
        }
        verdict.operations += 2 * each * producers as u64;
    }
    Ok(())
}

/// Every producer's numbers `0..each`, once, and in order at each consumer.
fn check_delivery(by_consumer: &[Vec<u64>], producers: u64, each: u64) -> Result<(), String> {
    for items in by_consumer {
        let mut last = std::collections::BTreeMap::new();
        for &item in items {
            let seen = last.entry(item >> 32).or_insert(None);
            if *seen == Some(item) {
                return Err(format!("item {item:#x} was delivered twice"));
            }
            if *seen > Some(item) {
                return Err(format!(
                    "item {item:#x} came after {:#x} of the same producer",
                    seen.unwrap_or(0)
                ));
            }
            *seen = Some(item);
        }
    }
    let mut all = by_consumer.concat();
    all.sort_unstable();
    if let Some(pair) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("item {:#x} was delivered twice", pair[0]));
    }
    let missing = (0..producers)
        .flat_map(|producer| (0..each).map(move |number| (producer << 32) | number))
        .find(|item| all.binary_search(item).is_err());
    missing.map_or(Ok(()), |item| Err(format!("item {item:#x} was accepted and never delivered")))
}

/// One item goes to and fro between two threads over two queues: every hop needs its wake-up, no other can replace it.
pub(super) fn ping_pong(
    subject: &Subject<'_>,
    options: &Options,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let trips = options.operations / 10;
    let there: Queue = (subject.factory)(1).into();
    let back: Queue = (subject.factory)(1).into();
    let progress = Arc::new(AtomicU64::new(0));
    let (there_too, back_too, counter) = (Arc::clone(&there), Arc::clone(&back), Arc::clone(&progress));
    let parts: Vec<Box<dyn FnOnce() -> Vec<u64> + Send>> = vec![
        Box::new(move || {
            for trip in 0..trips {
                let sent = there.push(trip);
                let got = back.pop();
                counter.fetch_add(1, Relaxed);
                if sent != Ok(()) || got != Ok(trip) {
                    return vec![trip];
                }
            }
            there.close();
            Vec::new()
        }),
        Box::new(move || {
            while let Ok(item) = there_too.pop() {
                // Time for the other side to fall asleep, in two out of three.
                for _ in 0..(item % 3) * 400 {
                    std::hint::spin_loop();
                }
                if back_too.push(item).is_err() {
                    break;
                }
            }
            Vec::new()
        }),
    ];
    let gathered =
        together(options, &progress, parts).map_err(|seen| Failure::Rule(format!("ping-pong: {seen}")))?;
    if let Some(trip) = gathered[0].first() {
        return Err(Failure::Rule(format!("ping-pong: trip {trip} did not come back as it went")));
    }
    verdict.operations += 4 * trips;
    Ok(())
}

/// Short random histories of three threads that start together, each checked on its own.
pub(super) fn histories(
    subject: &Subject<'_>,
    options: &Options,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let capacities = [1, 2, 3].into_iter().cycle();
    let queues: Arc<Vec<Queue>> = Arc::new(
        (0..options.histories)
            .zip(capacities)
            .map(|(_, capacity)| (subject.factory)(capacity).into())
            .collect(),
    );
    let records: Arc<Vec<Mutex<Vec<Operation>>>> =
        Arc::new(queues.iter().map(|_| Mutex::default()).collect());
    let arrived = Arc::new(AtomicUsize::new(0));
    let seed = options.seed;
    let workers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (queues, records, arrived) =
                (Arc::clone(&queues), Arc::clone(&records), Arc::clone(&arrived));
            thread::spawn(move || {
                for (number, queue) in queues.iter().enumerate() {
                    let mut stream = Dice::new(seed, 1 + thread as u64, number as u64);
                    arrived.fetch_add(1, SeqCst);
                    // Ends: every thread arrives at every history.
                    while arrived.load(Acquire) < (number + 1) * THREADS {
                        thread::yield_now();
                    }
                    let made = moves(thread, &**queue, &mut stream);
                    lock(&records[number]).extend(made);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| Failure::Rule("a thread of a history panicked".into()))?;
    }
    for (number, record) in records.iter().enumerate() {
        let mut operations = std::mem::take(&mut *lock(record));
        operations.sort_unstable_by_key(|operation| operation.called);
        let history = History { capacity: queues[number].capacity(), early: subject.early, operations };
        if !is_linearizable(&history) {
            return Err(Failure::NotLinearizable { number: number as u64, history: minimised(&history) });
        }
        verdict.histories += 1;
        verdict.operations += history.operations.len() as u64;
    }
    Ok(())
}

/// The count that orders calls and returns of all threads.
static TICKS: AtomicU64 = AtomicU64::new(0);

/// What one thread does in one history.
fn moves(thread: usize, queue: &dyn TaskQueue<u64>, stream: &mut Dice) -> Vec<Operation> {
    (0..MOVES)
        .map(|number| {
            for _ in 0..stream.below(30) {
                std::hint::spin_loop();
            }
            let choice = stream.below(32);
            let value = (thread * MOVES + number) as u64;
            let called = TICKS.fetch_add(1, SeqCst);
            let (call, answer) = if choice == 0 && thread == 0 {
                queue.close();
                (Call::Close, Answer::Done)
            } else if choice.is_multiple_of(2) {
                (Call::Push(value), pushed(queue.try_push(value)))
            } else {
                (Call::Pop, popped(queue.try_pop()))
            };
            Operation { thread, call, answer, called, returned: TICKS.fetch_add(1, SeqCst) }
        })
        .collect()
}

fn pushed(outcome: Result<(), PushError<u64>>) -> Answer {
    match outcome {
        Ok(()) => Answer::Done,
        Err(PushError::Full(_)) => Answer::Full,
        Err(PushError::Closed(_)) => Answer::Closed,
    }
}

fn popped(outcome: Result<u64, PopError>) -> Answer {
    match outcome {
        Ok(item) => Answer::Item(item),
        Err(PopError::Empty) => Answer::Empty,
        Err(PopError::Closed) => Answer::Closed,
    }
}
