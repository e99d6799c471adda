//! `--watch`: a live page on the terminal while a run is under way.

use super::keyboard::{Keyboard, Pressed};
use super::progress::{done, words};
use super::signals::interrupt;
use crate::clock;
use crate::engine::{LiveTotals, Progress, ThreadState};
use crate::measure::sched;
use crate::report::live::{LiveView, draw};
use crate::scenario::Scenario;
use crate::units::Nanos;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use std::collections::VecDeque;
use std::io::{self, Stderr};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Looks that percentiles and causes go back.
const RECENT: usize = 50;
/// Looks that states and rates go back: the widest terminal.
const HISTORY: usize = 400;

/// A terminal taken over, and given back whatever happens.
struct Screen(ratatui::Terminal<CrosstermBackend<Stderr>>);

impl Screen {
    fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        let taken = execute!(io::stderr(), EnterAlternateScreen, cursor::Hide)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(io::stderr())));
        if taken.is_err() {
            disable_raw_mode().ok();
        }
        taken.map(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        execute!(io::stderr(), LeaveAlternateScreen, cursor::Show).ok();
        disable_raw_mode().ok();
    }
}

/// Lets the terminal show what is typed again, where the page could not be taken down.
pub(super) fn give_terminal_back() {
    disable_raw_mode().ok();
}

/// What was seen so far.
struct Seen {
    view: LiveView,
    totals: VecDeque<(Nanos, LiveTotals)>,
    states: Vec<VecDeque<&'static str>>,
    rates: VecDeque<u64>,
    /// What the kernel had counted of each thread at the last look: on a processor, waiting for one.
    processors: Vec<Option<(u64, u64)>>,
}

/// Draws until `ended` says that the run is over. `q`, Ctrl-C and a terminal that closes end the run.
pub(super) fn watch(
    scenario: &Scenario,
    progress: &Progress,
    ended: &Receiver<()>,
    color: bool,
    ascii: bool,
) -> io::Result<()> {
    let mut screen = Screen::take()?;
    let mut keyboard = Keyboard::open();
    let start = clock::now();
    let focus = &scenario.actors[scenario.focus];
    let title = format!(
        "{} · {} with {} threads, {} queue · seed {}",
        scenario.name,
        focus.name,
        focus.threads,
        focus.queue.name(),
        scenario.run.seed
    );
    let mut seen = Seen {
        view: LiveView { title, color, ascii, ..LiveView::default() },
        totals: VecDeque::new(),
        states: Vec::new(),
        rates: VecDeque::new(),
        processors: Vec::new(),
    };
    let mut most = 0;
    while matches!(ended.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
        match keyboard.pressed() {
            Pressed::Keys(keys) => keys.into_iter().for_each(|key| seen.view.look.press(key, most)),
            Pressed::End => interrupt(&progress.stop),
            Pressed::Gone => {
                progress.stop.store(true, Ordering::Relaxed);
                return Ok(());
            }
        }
        look(&mut seen, scenario, progress, start);
        // A terminal that changed its size is drawn anew at the new one.
        if let Err(error) = screen.0.draw(|frame| most = draw(frame, &seen.view)) {
            // Nobody can see the run any more, or end it by a key.
            progress.stop.store(true, Ordering::Relaxed);
            return Err(error);
        }
    }
    Ok(())
}

fn look(seen: &mut Seen, scenario: &Scenario, progress: &Progress, start: Nanos) {
    let now = clock::now();
    let totals = progress.live.totals();
    let since = |then: &(Nanos, LiveTotals)| (totals.since(&then.1), now.saturating_sub(then.0));
    if let Some((fresh, time)) = seen.totals.back().map(since) {
        #[expect(clippy::cast_precision_loss, reason = "a rate to draw")]
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
        let rate = (fresh.completed as f64 / time.as_secs_f64().max(1e-9)) as u64;
        push(&mut seen.rates, rate, HISTORY);
    }
    let recent = seen.totals.front().map_or_else(|| totals.clone(), |then| since(then).0);
    push(&mut seen.totals, (now, totals.clone()), RECENT);
    let threads = progress.live.threads();
    seen.states.resize_with(threads.len(), VecDeque::new);
    seen.processors.resize(threads.len(), None);
    for ((states, processor), thread) in seen.states.iter_mut().zip(&mut seen.processors).zip(threads) {
        let counted = thread
            .system()
            .and_then(|number| sched::counted(&Path::new("/proc/self/task").join(number.to_string())));
        let waited = match (counted, *processor) {
            (Some(now), Some(then)) => now.1.saturating_sub(then.1) > now.0.saturating_sub(then.0),
            _ => false,
        };
        *processor = counted;
        let state = thread.state();
        // A thread that says that it works has waited for a processor for most of the time since the last look.
        let shown = if waited && state == ThreadState::Executing { "run_queue" } else { state.name() };
        push(states, shown, HISTORY);
    }
    let view = &mut seen.view;
    view.phase = words(progress);
    view.done = done(scenario, progress, now.saturating_sub(start));
    view.completed = totals.completed;
    view.rates = seen.rates.iter().copied().collect();
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let at = |quantile| recent.percentile(quantile).map(|value| value.0 as f64);
    view.percentiles =
        [("p99", 0.99), ("p50", 0.5), ("p90", 0.9), ("max", 1.0)].map(|(name, q)| (name, at(q))).into();
    view.causes = recent.causes;
    view.threads = threads
        .iter()
        .zip(&seen.states)
        .map(|(thread, states)| (thread.name.clone(), states.iter().copied().collect()))
        .collect();
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
