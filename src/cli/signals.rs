//! The wish to end: Ctrl-C, SIGTERM, SIGHUP, and keys that mean the same on a page of its own.
//!
//! The first ends the run, which takes some milliseconds, and what was measured is kept. A second one is for a program that
//! does not come to its end: it gets a second more. A third ends it at once.

use crate::engine::Progress;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// How often the user has asked for the end.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// What the program gets to keep what was measured after it was asked for the second time.
const GRACE: Duration = Duration::from_secs(1);

/// Lets Ctrl-C, SIGTERM and SIGHUP end a run or a study early.
pub(super) fn stop_on_interrupt(progress: &Progress) {
    let stop = progress.stop.clone();
    let ignores = ignores_hangup();
    // Refused only when a handler is there already, which then does the same.
    let _ = ctrlc::set_handler(move || interrupt(&stop));
    if ignores {
        ignore_hangup();
    }
}

/// Whether whoever started the program wants it to outlive its terminal, as `nohup` does.
fn ignores_hangup() -> bool {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: all-zero bytes are a valid sigaction.
        let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: nothing is set, and the pointer is to a local that outlives the call.
        let asked = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut now) };
        asked == 0 && now.sa_sigaction == libc::SIG_IGN
    }
    #[cfg(not(target_os = "linux"))]
    false
}

fn ignore_hangup() {
    #[cfg(target_os = "linux")]
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
    }
}

/// Asks for the end.
pub(super) fn interrupt(stop: &AtomicBool) {
    stop.store(true, Ordering::Relaxed);
    match ASKED.fetch_add(1, Ordering::Relaxed) {
        0 => {}
        1 => {
            let late = || {
                thread::park_timeout(GRACE);
                std::process::exit(130);
            };
            // Without a thread to spare the next one still ends it.
            drop(thread::Builder::new().name("late".into()).spawn(late));
        }
        _ => std::process::exit(130),
    }
}

/// Whether the user has asked for the end.
pub(super) fn interrupted() -> bool {
    ASKED.load(Ordering::Relaxed) > 0
}
