//! The live view of a run: throughput, percentiles, time by cause and what each thread does, drawn on any
//! ratatui frame from plain figures.

use super::page::state_label;
use super::words::{count, duration, number, share};
use crate::measure::record::Breakdown;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

/// What there is to see at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveView {
    /// What runs.
    pub title: String,
    /// Preparing, warming up, measuring.
    pub phase: String,
    /// How far it is, in 0..1, where that is known.
    pub done: Option<f64>,
    /// Tasks completed since the view began.
    pub completed: u64,
    /// Completed per second, by tenths of a second, oldest first.
    pub rates: Vec<u64>,
    /// Percentiles of the last seconds, in nanoseconds, with their names.
    pub percentiles: Vec<(&'static str, Option<f64>)>,
    /// Time by cause of the tasks of the last seconds.
    pub causes: Breakdown,
    /// Each thread's name and its states, oldest first, as in a timeline.
    pub threads: Vec<(String, Vec<&'static str>)>,
    /// Whether to colour.
    pub color: bool,
}

/// Rows below which a terminal is low, and columns below which it is narrow.
const LOW: u16 = 24;
const NARROW: u16 = 80;

/// Draws the view.
pub fn draw(frame: &mut Frame<'_>, view: &LiveView) {
    // A low terminal has no room to spare between the parts.
    let (chart, gap, rows) = if frame.area().height < LOW { (3, 1, 5) } else { (5, 3, 10) };
    let [head, rate, figures, causes, threads] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(chart),
        Constraint::Length(gap),
        Constraint::Length(rows),
        Constraint::Min(3),
    ])
    .areas(frame.area());
    let done = view.done.map_or_else(String::new, |done| format!(", {}", share(done)));
    let lines = vec![
        Line::from(Span::styled(view.title.clone(), Modifier::BOLD)),
        Line::from(format!("q ends it · {}{done} · {} since the start", view.phase, count(view.completed))),
    ];
    frame.render_widget(Paragraph::new(lines), head);
    throughput(frame, rate, view);
    let narrow = frame.area().width < NARROW;
    let mut spans = vec![Span::raw(if narrow { "" } else { "sojourn of the last 5 s   " })];
    for (name, value) in &view.percentiles {
        spans.push(Span::styled(format!("{name} "), Modifier::DIM));
        spans.push(Span::styled(value.map_or_else(|| "–".into(), duration), Modifier::BOLD));
        spans.push(Span::raw("   "));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), figures);
    breakdown(frame, causes, view);
    states(frame, threads, view);
}

fn throughput(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let [words, chart] = Layout::horizontal([Constraint::Length(26), Constraint::Min(10)]).areas(area);
    let last = &view.rates[view.rates.len().saturating_sub(10)..];
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let mean = last.iter().sum::<u64>() as f64 / last.len().max(1) as f64;
    let lines = vec![
        Line::from("throughput"),
        Line::from(Span::styled(format!("{}/s", number(mean)), Modifier::BOLD)),
    ];
    frame.render_widget(Paragraph::new(lines), words);
    let room = usize::from(chart.width);
    let shown = view.rates[view.rates.len().saturating_sub(room)..].to_vec();
    let height = Rect { height: chart.height.saturating_sub(1), ..chart };
    frame.render_widget(Sparkline::default().data(shown).style(style("execution", view.color)), height);
}

fn breakdown(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let whole = view.causes.total().max(f64::MIN_POSITIVE);
    let room = f64::from(area.width.saturating_sub(40));
    let mut lines = vec![Line::from(Span::styled("where the time of these tasks went", Modifier::DIM))];
    let mut parts = view.causes.parts().to_vec();
    // Where there is no room for all, the largest.
    if usize::from(area.height) < parts.len() {
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    for (cause, value) in parts {
        if cause.is_special() && value <= 0.0 {
            continue;
        }
        let part = (value / whole).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a width in cells")]
        let cells = (part * room).round() as usize;
        lines.push(Line::from(vec![
            Span::raw(format!("{:<24}{:>6}  ", cause.label(), share(part))),
            Span::styled("█".repeat(cells), style(cause.key(), view.color)),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn states(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let mut head = vec![Span::styled("threads   ", Modifier::DIM)];
    for state in ["execution", "lock", "io", "call", "idle"] {
        head.push(Span::styled(letter(state), style(state, view.color)));
        head.push(Span::styled(format!(" {}   ", state_label(state)), Modifier::DIM));
    }
    let mut lines = vec![Line::from(head)];
    let room = usize::from(area.width.saturating_sub(18));
    let rows = usize::from(area.height.saturating_sub(1));
    let hidden = view.threads.len().saturating_sub(rows);
    let shown = if hidden > 0 { rows.saturating_sub(1) } else { rows };
    for (name, states) in view.threads.iter().take(shown) {
        let mut spans = vec![Span::raw(format!("{name:<16.16}  "))];
        let last = &states[states.len().saturating_sub(room)..];
        spans.extend(last.iter().map(|state| Span::styled(letter(state), style(state, view.color))));
        lines.push(Line::from(spans));
    }
    if hidden > 0 {
        lines.push(Line::from(format!("and {} more", view.threads.len() - shown)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// A state where colours do not tell it.
fn letter(state: &str) -> &'static str {
    match state {
        "execution" => "█",
        "lock" => "▒",
        "io" => "~",
        "call" => ":",
        _ => "·",
    }
}

/// The colours of the HTML page, as near as 256 colours come.
fn style(cause: &str, color: bool) -> Style {
    if !color {
        return Style::default();
    }
    let index = match cause {
        "execution" => 32,
        "lock" => 166,
        "run_queue" => 214,
        "queue" => 117,
        "io" => 36,
        "call" => 175,
        "idle" => 240,
        _ => 245,
    };
    Style::default().fg(Color::Indexed(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(view: &LiveView, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal.backend().to_string()
    }

    fn view() -> LiveView {
        LiveView {
            title: "agents".into(),
            phase: "measuring".into(),
            done: Some(0.25),
            completed: 12_345,
            rates: vec![100; 30],
            percentiles: vec![("p50", Some(5e6)), ("p99", None)],
            causes: Breakdown { execution: 1.0, lock: 3.0, ..Breakdown::default() },
            threads: (0..30)
                .map(|index| (format!("agents-{index}"), vec!["execution", "lock", "idle"]))
                .collect(),
            color: true,
        }
    }

    #[test]
    fn the_view_shows_its_figures_and_says_what_does_not_fit() {
        let screen = screen(&view(), 100, 30);
        for text in ["agents", "25 %", "100/s", "p50 5.00 ms", "lock wait", "75 %", "█▒·", "and 22 more"]
        {
            assert!(screen.contains(text), "no {text} in\n{screen}");
        }
    }

    #[test]
    fn a_small_terminal_has_the_p99_and_the_largest_causes() {
        let mut view = view();
        view.percentiles =
            vec![("p99", Some(9e6)), ("p50", Some(5e6)), ("p90", Some(7e6)), ("max", Some(11e6))];
        let screen = screen(&view, 40, 15);
        for text in ["q ends it", "p99 9.00 ms", "lock wait", "75 %", "execution", "25 %", "agents-0"] {
            assert!(screen.contains(text), "no {text} in\n{screen}");
        }
    }

    #[test]
    fn any_size_of_terminal_will_do() {
        for (width, height) in [(1, 1), (10, 3), (40, 12), (300, 90)] {
            screen(&view(), width, height);
            screen(&LiveView::default(), width, height);
        }
    }
}
