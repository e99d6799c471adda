//! Barriers that the system makes for all threads: granted, refused from the start, refused later, and after a fork. Each in a
//! process of its own, which a test starts by running this binary again.
#![cfg(all(target_os = "linux", feature = "peers", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stdout, reason = "a child tells its parent what it found")]

use conlab_queue::queue::{MutexQueue, RingQueue, TaskQueue};
use conlab_queue::sync::{heavy_barrier, heavy_barriers_work, light_barrier};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;

/// The environment variable that tells a child what to do.
const HOW: &str = "CONLAB_BARRIERS";
const ITEMS: u64 = 50_000;

/// Forbids membarrier to every thread of this process from now on.
fn forbid_membarrier() {
    #[repr(C)]
    struct Instruction {
        code: u16,
        if_true: u8,
        if_false: u8,
        operand: u32,
    }
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const Instruction,
    }
    let membarrier = u32::try_from(libc::SYS_membarrier).unwrap();
    let step = |code, if_false, operand| Instruction { code, if_true: 0, if_false, operand };
    let instructions = [
        step(0x20, 0, 0),           // load the number of the call
        step(0x15, 1, membarrier),  // is it membarrier?
        step(0x06, 0, 0x0005_0001), // then refuse with EPERM
        step(0x06, 0, 0x7fff_0000), // else allow
    ];
    let program = Program { length: 4, instructions: instructions.as_ptr() };
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: mode filter (1) for all threads (1), with a program that lives until the call returns.
    assert_eq!(unsafe { libc::syscall(libc::SYS_seccomp, 1, 1, &raw const program) }, 0);
}

fn queues() -> [Arc<dyn TaskQueue<u64>>; 3] {
    [
        Arc::new(RingQueue::with_capacity(64)),
        Arc::new(RingQueue::with_eager_leases(5)),
        Arc::new(MutexQueue::with_capacity(64)),
    ]
}

/// Two producers and two consumers; every item must come out.
fn traffic(queue: &dyn TaskQueue<u64>) {
    let sum: u64 = thread::scope(|scope| {
        let consumers =
            [(); 2].map(|()| scope.spawn(|| (0..ITEMS).map(|_| queue.pop().unwrap()).sum::<u64>()));
        for _ in 0..2 {
            scope.spawn(|| (0..ITEMS).for_each(|item| queue.push(item).unwrap()));
        }
        consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum()
    });
    assert_eq!(sum, ITEMS * (ITEMS - 1));
}

/// Spins for a moment, so that both sides run at once where they can, then lets others run.
fn await_that(done: impl Fn() -> bool) {
    let mut looks = 0;
    while !done() {
        looks += 1;
        if looks % 256 == 0 { thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// One side stores, makes a light barrier and looks at what the other stores; the other the same with a heavy one. At least one must
/// see the other's store. Gives how often neither did.
fn store_buffer_litmus(rounds: usize) -> usize {
    let (light, heavy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (turn, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut neither = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                await_that(|| turn.load(Acquire) == round);
                light.store(round, Relaxed);
                light_barrier();
                seen.store(2 * round + usize::from(heavy.load(Relaxed) == round), Release);
            }
        });
        for round in 1..=rounds {
            turn.store(round, Release);
            heavy.store(round, Relaxed);
            heavy_barrier();
            let saw = light.load(Relaxed) == round;
            await_that(|| seen.load(Acquire) / 2 == round);
            let other = seen.load(Acquire) % 2 == 1;
            neither += usize::from(!saw && !other);
        }
    });
    neither
}

/// Runs this binary again to do `how`; gives what it printed, and whether it ended well.
fn child(how: &str) -> (bool, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output =
        child.args(["--exact", "in_a_process_of_its_own", "--nocapture"]).env(HOW, how).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // A filter that matches nothing would end well, too.
    (output.status.success() && text.contains("the child is done"), text)
}

#[test]
fn in_a_process_of_its_own() {
    let Ok(how) = std::env::var(HOW) else { return };
    if how == "refused from the start" {
        forbid_membarrier();
        assert!(!heavy_barriers_work());
    }
    let queues = queues();
    match how.as_str() {
        "refused from the start" => {
            queues.iter().for_each(|queue| traffic(&**queue));
            assert_eq!(store_buffer_litmus(20_000), 0, "the fences that stand in for barriers");
        }
        "granted" => {
            assert_eq!(store_buffer_litmus(20_000), 0, "both sides of a pair of barriers missed the other");
        }
        "refused later" => {
            queues.iter().for_each(|queue| traffic(&**queue));
            forbid_membarrier();
            queues.iter().for_each(|queue| traffic(&**queue));
            heavy_barrier(); // if no lease was recalled meanwhile
            assert!(!heavy_barriers_work());
            assert_eq!(store_buffer_litmus(20_000), 0);
        }
        "forked" => forked(&queues),
        _ => unreachable!(),
    }
    println!("the child is done");
}

/// The child of a fork recalls a lease that its parent's thread was granted.
fn forked(queues: &[Arc<dyn TaskQueue<u64>>]) {
    for queue in queues {
        for item in 0..3_000 {
            queue.try_push(item).unwrap();
            queue.try_pop().unwrap();
        }
    }
    // SAFETY: the child makes threads, allocates and ends by `_exit`; no other thread of this process holds a lock meanwhile, for all
    // it has are this test's, which waits, and the harness's, which waits for it.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let use_them = || {
            for queue in queues {
                let theirs = Arc::clone(queue);
                queue.try_push(1).unwrap();
                let other = thread::spawn(move || {
                    theirs.try_push(2).unwrap();
                    theirs.try_pop().unwrap();
                });
                other.join().unwrap();
            }
        };
        let well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(use_them)).is_ok();
        // SAFETY: ends this process without running what its parent registered.
        unsafe { libc::_exit(if well { 0 } else { 9 }) };
    }
    let mut status = 0;
    // SAFETY: `child` is a child of this process, and `status` a place for a number.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child of the fork ended with {status:#x}");
}

#[test]
fn one_of_two_sides_sees_the_other() {
    let (well, text) = child("granted");
    assert!(well, "{text}");
}

#[test]
fn barriers_refused_later_are_made_by_fences() {
    let (well, text) = child("refused later");
    assert!(well, "{text}");
}

#[test]
fn a_lease_is_recalled_in_the_child_of_a_fork() {
    let (well, text) = child("forked");
    assert!(well, "{text}");
}

#[test]
fn barriers_refused_from_the_start_are_made_by_fences() {
    let (well, text) = child("refused from the start");
    assert!(well, "{text}");
}
