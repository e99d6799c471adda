//! The live view of a run: throughput, percentiles, time by cause and what each thread does, drawn on any
//! ratatui frame from plain figures.
//!
//! It is legible from 40 × 15 on: what has no room is counted, never cut without a word. Without colour every state has a glyph of its own, and
//! without UTF-8 that glyph is a letter.

use super::text::ascii;
use super::words::{count, duration, number, share};
use crate::measure::record::Breakdown;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::bar;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Sparkline};

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
    /// Whether the terminal has no UTF-8.
    pub ascii: bool,
    /// What the reader chose to see.
    pub look: Look,
}

/// What the reader chose to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The keys, instead of the figures.
    pub help: bool,
    /// The whole page, or one part of it.
    pub part: LivePart,
    /// Rows of the causes' or threads' list that lie above the first one shown.
    pub scroll: usize,
}

/// A part of the view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LivePart {
    /// All of them.
    #[default]
    All,
    /// Throughput and percentiles.
    Throughput,
    /// Time by cause.
    Causes,
    /// The threads.
    Threads,
}

impl LivePart {
    /// All, in the order of their keys.
    pub const ALL: [Self; 4] = [Self::All, Self::Throughput, Self::Causes, Self::Threads];

    /// The one after this, and after the last the first.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|part| *part == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// A key that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveKey {
    /// `?` or `h`: the keys, or back.
    Help,
    /// Tab: the next part.
    Next,
    /// `1` to `4`.
    Part(LivePart),
    /// By so many rows: down if positive.
    Scroll(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Escape: everything, from the first row.
    Back,
}

impl Look {
    /// Takes a key; `most` is what can be scrolled to.
    pub fn press(&mut self, key: LiveKey, most: usize) {
        match key {
            LiveKey::Help => self.help = !self.help,
            LiveKey::Next => *self = Self { part: self.part.next(), ..Self::default() },
            LiveKey::Part(part) => *self = Self { part, ..Self::default() },
            LiveKey::Scroll(by) => self.scroll = self.scroll.saturating_add_signed(by).min(most),
            LiveKey::First => self.scroll = 0,
            LiveKey::Last => self.scroll = most,
            LiveKey::Back => *self = Self::default(),
        }
    }
}

/// Rows below which a terminal is low, and columns below which it is narrow.
const LOW: u16 = 24;
const NARROW: u16 = 80;
/// Rows from which there is room to spare, and columns from which the legend is in full.
const HIGH: u16 = 40;
const WIDE: u16 = 100;

/// Draws the view; how far its list can be scrolled at this size.
pub fn draw(frame: &mut Frame<'_>, view: &LiveView) -> usize {
    let [head, body] = Layout::vertical([Constraint::Length(2), Constraint::Min(1)]).areas(frame.area());
    header(frame, head, view);
    if view.look.help {
        help(frame, body, view);
        return view.look.scroll;
    }
    let scroll = view.look.scroll;
    match view.look.part {
        LivePart::All => all(frame, body, view),
        LivePart::Throughput => {
            let [words, chart] = Layout::vertical([Constraint::Length(3), Constraint::Min(1)]).areas(body);
            throughput(frame, chart, view);
            frame.render_widget(Paragraph::new(percentiles(view, words.width)), words);
            0
        }
        LivePart::Causes => breakdown(frame, body, view, scroll),
        LivePart::Threads => states(frame, body, view, scroll),
    }
}

/// Everything, as far as there is room.
fn all(frame: &mut Frame<'_>, area: Rect, view: &LiveView) -> usize {
    // A low terminal has no room to spare between the parts.
    let (chart, gap, rows) = match area.height + 2 {
        height if height < LOW => (3, 1, 4),
        height if height < HIGH => (4, 2, 8),
        _ => (5, 2, 10),
    };
    let [rate, figures, causes, threads] = Layout::vertical([
        Constraint::Length(chart),
        Constraint::Length(gap),
        Constraint::Length(rows),
        Constraint::Min(3),
    ])
    .areas(area);
    throughput(frame, rate, view);
    frame.render_widget(Paragraph::new(percentiles(view, figures.width)), figures);
    breakdown(frame, causes, view, 0);
    states(frame, threads, view, view.look.scroll)
}

/// A text of ours as this terminal can show it.
fn shown(view: &LiveView, text: &str) -> String {
    if view.ascii { ascii(text) } else { text.to_owned() }
}

/// A text that ends in dots where it is longer than there is room.
fn cut(view: &LiveView, text: &str, width: u16) -> String {
    let room = usize::from(width);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let dots = if view.ascii { "..." } else { "…" };
    let kept = text.chars().take(room.saturating_sub(dots.chars().count()));
    kept.chain(dots.chars()).collect()
}

fn header(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let done = view.done.map_or_else(String::new, |done| format!(", {}", share(done)));
    let mark = if view.ascii { "-" } else { "·" };
    let state = format!("q ends it {mark} ? keys {mark} {}{done}", view.phase);
    // The phase names the tasks already where the line has no room for both.
    let since = format!(" {mark} {} since the start", count(view.completed));
    let fits = state.chars().count() + since.chars().count() <= usize::from(area.width);
    let lines = vec![
        Line::from(Span::styled(cut(view, &shown(view, &view.title), area.width), Modifier::BOLD)),
        Line::from(shown(view, &if fits { state + &since } else { state })),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

/// The keys and the glyphs.
fn help(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let key = |key: &'static str, what: &'static str| {
        Line::from(vec![Span::styled(format!("{key:<11}"), Modifier::BOLD), Span::raw(what)])
    };
    let mut lines = vec![
        key("q, Ctrl-C", "end the run, keep its record"),
        key("?, h", "these keys, or back"),
        key("Tab", "the next part alone"),
        key("1 2 3 4", "all, rate, causes, threads"),
        key("up, down", "scroll (also k, j)"),
        key("PgUp, PgDn", "by ten rows; Home, End"),
        key("Esc", "everything again"),
    ];
    let room = usize::from(area.height);
    let per_line = usize::from(area.width / 20).clamp(1, STATES.len());
    for states in STATES.chunks(per_line) {
        let spans = states.iter().flat_map(|(state, words)| {
            [
                Span::styled(letter(state, view.ascii), style(state, view.color)),
                Span::raw(format!(" {words:<17} ")),
            ]
        });
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines.truncate(room);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
}

/// The percentiles, as many as there is room for; the first is the one that matters most.
fn percentiles(view: &LiveView, width: u16) -> Line<'static> {
    let narrow = width < NARROW;
    let mut spans = vec![Span::raw(if narrow { "" } else { "sojourn of the last 5 s   " })];
    let mut used = spans[0].content.chars().count();
    for (name, value) in &view.percentiles {
        let value = shown(view, &value.map_or_else(|| "–".into(), duration));
        let gap = if narrow { " " } else { "   " };
        let length = name.len() + 1 + value.chars().count() + gap.len();
        if used + length > usize::from(width) + gap.len() {
            break;
        }
        used += length;
        spans.push(Span::styled(format!("{name} "), Modifier::DIM));
        spans.push(Span::styled(value, Modifier::BOLD));
        spans.push(Span::raw(gap));
    }
    Line::from(spans)
}

/// Blocks of heights that every terminal has.
const PLAIN_BARS: bar::Set<'_> = bar::Set {
    full: "#",
    seven_eighths: "#",
    three_quarters: "#",
    five_eighths: "=",
    half: "=",
    three_eighths: "-",
    one_quarter: "-",
    one_eighth: ".",
    empty: " ",
};

fn throughput(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let words_width = if area.width < NARROW { 14 } else { 26 };
    let [words, chart] =
        Layout::horizontal([Constraint::Length(words_width), Constraint::Min(10)]).areas(area);
    let last = &view.rates[view.rates.len().saturating_sub(10)..];
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let mean = last.iter().sum::<u64>() as f64 / last.len().max(1) as f64;
    let lines = vec![
        Line::from("throughput"),
        Line::from(Span::styled(shown(view, &format!("{}/s", number(mean))), Modifier::BOLD)),
    ];
    frame.render_widget(Paragraph::new(lines), words);
    let room = usize::from(chart.width);
    let rates = view.rates[view.rates.len().saturating_sub(room)..].to_vec();
    let height = Rect { height: chart.height.saturating_sub(1), ..chart };
    let mut line = Sparkline::default().data(rates).style(style("execution", view.color));
    if view.ascii {
        line = line.bar_set(PLAIN_BARS);
    }
    frame.render_widget(line, height);
}

/// The causes, the largest first where there is no room for all; how far they can be scrolled.
fn breakdown(frame: &mut Frame<'_>, area: Rect, view: &LiveView, scroll: usize) -> usize {
    let whole = view.causes.total().max(f64::MIN_POSITIVE);
    let narrow = area.width < NARROW;
    let label_width = if narrow { 15 } else { 24 };
    let room = f64::from(area.width.saturating_sub(label_width + 9));
    let mut lines = vec![Line::from(Span::styled("where the time of these tasks went", Modifier::DIM))];
    let mut parts = view.causes.parts().to_vec();
    parts.retain(|(cause, value)| !cause.is_special() || *value > 0.0);
    let rows = usize::from(area.height.saturating_sub(1));
    if rows < parts.len() {
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    let most = parts.len().saturating_sub(rows);
    for (cause, value) in parts.into_iter().skip(scroll.min(most)).take(rows) {
        let part = (value / whole).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a width in cells")]
        let cells = (part * room).round() as usize;
        let width = usize::from(label_width);
        let label = shown(view, cause.label());
        lines.push(Line::from(vec![
            Span::raw(format!("{label:<width$.width$}{:>6}  ", share(part))),
            Span::styled(if view.ascii { "#" } else { "█" }.repeat(cells), style(cause.key(), view.color)),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), area);
    most
}

/// The states of a thread: as in records, and in words short enough for a legend.
const STATES: [(&str, &str); 6] = [
    ("execution", "runs"),
    ("run_queue", "waits for a CPU"),
    ("lock", "waits for a lock"),
    ("io", "I/O"),
    ("call", "waits for a call"),
    ("idle", "idle"),
];

/// The threads from row `scroll` on; how far they can be scrolled.
fn states(frame: &mut Frame<'_>, area: Rect, view: &LiveView, scroll: usize) -> usize {
    let narrow = area.width < NARROW;
    let mut head = vec![Span::styled(if narrow { "" } else { "threads   " }, Modifier::DIM)];
    let short = ["run", "cpu?", "lock", "I/O", "call", "idle"];
    for ((state, words), short) in STATES.iter().zip(short) {
        head.push(Span::styled(letter(state, view.ascii), style(state, view.color)));
        let words = if area.width < WIDE { format!(" {short} ") } else { format!(" {words}  ") };
        head.push(Span::styled(words, Modifier::DIM));
    }
    let mut lines = vec![Line::from(head)];
    let name_width = if narrow { 12 } else { 16 };
    let room = usize::from(area.width).saturating_sub(name_width + 2);
    let rows = usize::from(area.height.saturating_sub(1));
    let all = view.threads.len();
    // The last row says what is not shown.
    let fit = if all > rows { rows.saturating_sub(1) } else { rows };
    let most = all.saturating_sub(fit);
    let above = scroll.min(most);
    for (name, states) in view.threads.iter().skip(above).take(fit) {
        let mut spans = vec![Span::raw(format!("{:<name_width$.name_width$}  ", shown(view, name)))];
        let last = &states[states.len().saturating_sub(room)..];
        spans.extend(
            last.iter().map(|state| Span::styled(letter(state, view.ascii), style(state, view.color))),
        );
        lines.push(Line::from(spans));
    }
    if all > rows {
        let below = all - above - fit.min(all - above);
        let said = match (above, below) {
            (0, below) => format!("and {below} more: scroll down"),
            (above, 0) => format!("{above} above: scroll up"),
            (above, below) => format!("{above} above, {below} below"),
        };
        lines.push(Line::from(Span::styled(said, Modifier::DIM)));
    }
    frame.render_widget(Paragraph::new(lines), area);
    most
}

/// A state where colours do not tell it.
fn letter(state: &str, ascii: bool) -> &'static str {
    match (state, ascii) {
        ("execution", false) => "█",
        ("execution", true) => "#",
        ("lock", false) => "▒",
        ("lock", true) => "L",
        ("run_queue", _) => "+",
        ("io", _) => "~",
        ("call", _) => ":",
        (_, false) => "·",
        (_, true) => ".",
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

    fn drawn(view: &LiveView, width: u16, height: u16) -> (String, usize) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut most = 0;
        terminal.draw(|frame| most = draw(frame, view)).unwrap();
        (terminal.backend().to_string(), most)
    }

    fn screen(view: &LiveView, width: u16, height: u16) -> String {
        drawn(view, width, height).0
    }

    /// Threads in every state, for as long as the widest screen is.
    fn view() -> LiveView {
        let states = ["execution", "execution", "run_queue", "lock", "lock", "lock", "io", "call", "idle"];
        let threads = (0..30)
            .map(|index| {
                let row = (0..200).map(|at| states[(index + at / 3) % states.len()]).collect();
                (format!("agents-{index}"), row)
            })
            .collect();
        LiveView {
            title: "agents · agents with 30 threads, lockfree queue · seed 18".into(),
            phase: "12345 tasks".into(),
            done: Some(0.25),
            completed: 12_345,
            rates: (0..200).map(|at| 100 + 40 * (at % 7)).collect(),
            percentiles: vec![
                ("p99", Some(9e6)),
                ("p50", Some(5e6)),
                ("p90", Some(7e6)),
                ("max", Some(11e6)),
            ],
            causes: Breakdown {
                execution: 1.0,
                lock: 3.0,
                run_queue: 0.5,
                queue: 0.25,
                ..Breakdown::default()
            },
            threads,
            color: true,
            ..LiveView::default()
        }
    }

    /// Every size at which somebody has been, without colour as with it.
    #[test]
    fn the_view_at_every_size() {
        for (width, height) in [(40, 15), (80, 24), (120, 40), (200, 60)] {
            insta::assert_snapshot!(format!("live_{width}x{height}"), screen(&view(), width, height));
        }
    }

    #[test]
    fn parts_help_and_plain_letters() {
        let of = |look: Look, ascii: bool| LiveView { look, ascii, color: false, ..view() };
        for (name, look, ascii) in [
            ("help", Look { help: true, ..Look::default() }, false),
            ("throughput", Look { part: LivePart::Throughput, ..Look::default() }, false),
            ("causes", Look { part: LivePart::Causes, ..Look::default() }, false),
            ("threads", Look { part: LivePart::Threads, scroll: 5, ..Look::default() }, false),
            ("ascii", Look::default(), true),
        ] {
            for (width, height) in [(40, 15), (80, 24)] {
                let screen = screen(&of(look, ascii), width, height);
                assert!(!ascii || screen.is_ascii(), "{screen}");
                insta::assert_snapshot!(format!("live_{name}_{width}x{height}"), screen);
            }
        }
    }

    #[test]
    fn every_state_has_a_glyph_of_its_own() {
        for ascii in [false, true] {
            let mut letters: Vec<&str> = STATES.iter().map(|(state, _)| letter(state, ascii)).collect();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(letters.len(), STATES.len(), "{letters:?}");
        }
    }

    /// Where colour is not wanted there is none, and every figure is the same.
    #[test]
    fn no_colour_is_needed() {
        let plain = LiveView { color: false, ..view() };
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal
            .draw(|frame| {
                draw(frame, &plain);
            })
            .unwrap();
        let cells = terminal.backend().buffer().content();
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        assert_eq!(screen(&plain, 80, 24), screen(&view(), 80, 24));
    }

    #[test]
    fn a_small_terminal_has_the_p99_the_largest_causes_and_the_keys() {
        let screen = screen(&view(), 40, 15);
        for text in [
            "q ends it",
            "? keys",
            "p99 9.00 ms",
            "lock wait",
            "63 %",
            "execution",
            "21 %",
            "agents-0",
            "more",
        ] {
            assert!(screen.contains(text), "no {text} in\n{screen}");
        }
    }

    /// However the list is scrolled, each thread can be brought to the screen, and none is lost from sight without a word.
    #[test]
    fn every_thread_can_be_reached_at_every_size() {
        for (width, height) in [(40, 15), (80, 24), (120, 40)] {
            let mut view = view();
            let (_, most) = drawn(&view, width, height);
            let mut met = std::collections::BTreeSet::new();
            for scroll in 0..=most {
                view.look.scroll = scroll;
                let screen = screen(&view, width, height);
                met.extend((0..30).filter(|index| screen.contains(&format!("agents-{index} "))));
            }
            assert_eq!(met.len(), 30, "{width} x {height}");
            // One row more shows nothing new.
            view.look.scroll = most + 1;
            let beyond = screen(&view, width, height);
            view.look.scroll = most;
            assert_eq!(beyond, screen(&view, width, height));
        }
    }

    #[test]
    fn keys_move_within_what_there_is() {
        let mut look = Look::default();
        look.press(LiveKey::Scroll(-1), 5);
        assert_eq!(look.scroll, 0);
        look.press(LiveKey::Scroll(10), 5);
        assert_eq!(look.scroll, 5);
        look.press(LiveKey::First, 5);
        look.press(LiveKey::Last, 7);
        assert_eq!(look.scroll, 7);
        for part in [LivePart::Throughput, LivePart::Causes, LivePart::Threads, LivePart::All] {
            look.press(LiveKey::Next, 7);
            assert_eq!((look.part, look.scroll), (part, 0));
        }
        look.press(LiveKey::Part(LivePart::Threads), 7);
        look.press(LiveKey::Help, 7);
        assert!(look.help && look.part == LivePart::Threads);
        look.press(LiveKey::Back, 7);
        assert_eq!(look, Look::default());
    }

    #[test]
    fn any_size_of_terminal_will_do() {
        for (width, height) in [(1, 1), (10, 3), (40, 12), (300, 90)] {
            for part in LivePart::ALL {
                for help in [false, true] {
                    let look = Look { part, help, scroll: 3 };
                    screen(&LiveView { look, ..view() }, width, height);
                    screen(&LiveView { look, ..LiveView::default() }, width, height);
                }
            }
        }
    }
}
