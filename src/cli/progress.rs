//! Progress of a run on stderr.

use super::exit::say;
use super::run::longest;
pub(super) use super::signals::stop_on_interrupt;
use super::terminal::{ProgressChoice, Terminal};
use super::watch;
use crate::clock;
use crate::engine::Progress;
use crate::scenario::Scenario;
use crate::units::Nanos;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Longest wait for the thread that shows progress: a terminal that takes nothing more must not hold a run up.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(super) struct Shown(Option<Showing>);

#[derive(Debug)]
struct Showing {
    /// Dropped when the run is over.
    over: Sender<()>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(Showing { over, ended }) = self.0.take() {
            drop(over);
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                watch::give_terminal_back();
            }
        }
    }
}

/// Shows the progress of a run of `scenario` in the terminal's manner.
///
/// With `live`, a page of its own where stderr is a terminal.
pub(super) fn show(scenario: &Scenario, progress: &Progress, terminal: &Terminal, live: bool) -> Shown {
    let (tasks, longest) = (scenario.run.tasks, longest(scenario));
    let (done, ended) = mpsc::channel::<()>();
    let progress = progress.clone();
    let scenario = scenario.clone();
    let (color, ascii) = (terminal.error_color, terminal.ascii);
    let body: Box<dyn FnOnce() + Send> = match terminal.progress {
        ProgressChoice::Bar if live && std::io::IsTerminal::is_terminal(&std::io::stderr()) => {
            progress.live.watch();
            Box::new(move || {
                if let Err(error) = watch::watch(&scenario, &progress, &ended, color, ascii) {
                    say(&format!("warning: cannot draw on this terminal: {error}"));
                }
            })
        }
        ProgressChoice::None | ProgressChoice::Auto => return Shown(None),
        ProgressChoice::Bar => Box::new(move || {
            let bar = ProgressBar::new(1000);
            if let Ok(style) = ProgressStyle::with_template("{msg:24} [{bar:40}] {elapsed_precise}") {
                bar.set_style(style.progress_chars("=> "));
            }
            let start = clock::now();
            while matches!(
                ended.recv_timeout(std::time::Duration::from_millis(100)),
                Err(RecvTimeoutError::Timeout)
            ) {
                bar.set_position(permille(&progress, tasks, longest, clock::now() - start));
                bar.set_message(words(&progress));
            }
            bar.finish_and_clear();
        }),
        ProgressChoice::Counter => Box::new(move || count(&scenario, &progress, &ended)),
    };
    let (ends, gone) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("progress".into()).spawn(move || {
        body();
        drop(ends);
    });
    Shown(thread.ok().map(|_| Showing { over: done, ended: gone }))
}

/// Seconds between two lines of a long phase.
const LINES: f64 = 10.0;

/// Says each phase once, and in a long one now and then how far it is.
fn count(scenario: &Scenario, progress: &Progress, ended: &Receiver<()>) {
    let (start, mut phase, mut said) = (clock::now(), u64::MAX, clock::now());
    let look = std::time::Duration::from_millis(50);
    while matches!(ended.recv_timeout(look), Err(RecvTimeoutError::Timeout)) {
        let (now, next) = (clock::now(), progress.phase.load(Ordering::Relaxed));
        if next != phase {
            (phase, said) = (next, now);
            match next {
                1 if scenario.run.warmup > Nanos::ZERO => {
                    say(&format!("warming up: {}", scenario.run.warmup))
                }
                2 => say(&match (scenario.run.tasks, scenario.run.duration) {
                    (Some(tasks), Some(time)) => format!("measuring: {tasks} tasks, at most {time}"),
                    (Some(tasks), None) => format!("measuring: {tasks} tasks"),
                    (None, Some(time)) => format!("measuring: {time}"),
                    (None, None) => "measuring".into(),
                }),
                _ => {}
            }
        } else if next == 2 && (now.saturating_sub(said)).as_secs_f64() >= LINES {
            said = now;
            let share = done(scenario, progress, now.saturating_sub(start)).unwrap_or(0.0);
            let left = (now.saturating_sub(start)).as_secs_f64() * (1.0 / share.max(1e-3) - 1.0);
            say(&format!("{}, {:.0} %, about {left:.0} s left", words(progress), share * 100.0));
        }
    }
}

/// What a run is doing.
pub(super) fn words(progress: &Progress) -> String {
    match progress.phase.load(Ordering::Relaxed) {
        0 => "preparing".into(),
        1 => "warming up".into(),
        2 => format!("{} tasks", progress.completed.load(Ordering::Relaxed)),
        _ => "done".into(),
    }
}

/// How far the run is, in 0..1, where its length is known.
pub(super) fn done(scenario: &Scenario, progress: &Progress, elapsed: Nanos) -> Option<f64> {
    let (tasks, longest) = (scenario.run.tasks, longest(scenario));
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
    let share = permille(progress, tasks, longest, elapsed) as f64 / 1000.0;
    (tasks.is_some() || longest.is_some()).then_some(share)
}

/// How far the run is, in thousandths: whichever of its bounds is nearer.
#[expect(clippy::cast_precision_loss, reason = "a share")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
fn permille(progress: &Progress, tasks: Option<u64>, longest: Option<Nanos>, elapsed: Nanos) -> u64 {
    let done = progress.completed.load(Ordering::Relaxed) as f64;
    let by_tasks = tasks.map_or(0.0, |tasks| done / tasks as f64);
    let by_time = longest.map_or(0.0, |longest| elapsed.0 as f64 / longest.0 as f64);
    (by_tasks.max(by_time).min(1.0) * 1000.0) as u64
}
