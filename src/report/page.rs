//! What a report says, before it is HTML or Markdown: sections of blocks, in neutral terms.
//!
//! Every study turns its result into these; the renderers know nothing of studies. Durations are nanoseconds
//! unless a [`Unit`] says otherwise. All texts are plain: renderers escape them.

use crate::measure::Cause;

/// A whole page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Small line above the title: which command, engine, when.
    pub kicker: String,
    /// The title, usually the scenario's name.
    pub title: String,
    /// The question, or what the page compares.
    pub question: String,
    /// What keeps the figures from meaning what they usually mean: shown before everything else.
    pub alarms: Vec<Notice>,
    /// The answer in a sentence or two.
    pub answer: String,
    /// How sure that is, in a sentence; may be empty.
    pub certainty: String,
    /// What to do next.
    pub next: Option<Next>,
    /// Whether the result can be relied on.
    pub verdict: Option<Verdict>,
    /// The figures that a reader looks for first.
    pub facts: Vec<Fact>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// The command to type, or a sentence where it is no command.
    pub command: String,
    /// What it tells; may be empty.
    pub why: String,
}

impl Next {
    /// A command and what it tells.
    #[must_use]
    pub fn new(command: impl Into<String>, why: impl Into<String>) -> Self {
        Self { command: command.into(), why: why.into() }
    }
}

/// Whether a result can be relied on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it reads at a glance.
    pub tone: Tone,
    /// A few words.
    pub text: String,
}

/// How a statement reads at a glance; always said in words as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Doubtful,
    /// Wrong, or worse.
    Bad,
}

/// A figure with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The figure with its unit.
    pub value: String,
    /// A remark in small print; may be empty.
    pub note: String,
}

/// A titled part of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Anchor, unique on the page: lower-case words joined by hyphens.
    pub id: String,
    /// Title.
    pub title: String,
    /// How to read it; may be empty.
    pub lead: String,
    /// Content.
    pub blocks: Vec<Block>,
    /// Whether it belongs to the answer: a terminal shows the others on demand.
    pub brief: bool,
}

impl Section {
    /// An empty section.
    #[must_use]
    pub fn new(id: impl Into<String>, title: impl Into<String>, lead: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), lead: lead.into(), ..Self::default() }
    }

    /// This section as a part of the answer.
    #[must_use]
    pub fn in_brief(mut self) -> Self {
        self.brief = true;
        self
    }

    /// This section with one more block.
    #[must_use]
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Doubts and findings.
    Notices(Vec<Notice>),
    /// A table.
    Table(Table),
    /// Names and values.
    Pairs(Vec<(String, String)>),
    /// Stacked bars by cause.
    Stack(Stack),
    /// Curves.
    Lines(Lines),
    /// States of threads over time.
    Timeline(Lanes),
    /// Estimates with intervals around a reference.
    Intervals(Intervals),
    /// How one figure becomes another, part by part.
    Waterfall(Waterfall),
    /// A drawing.
    Picture(Picture),
    /// Blocks that are shown on demand.
    Details {
        /// What is inside.
        summary: String,
        /// The blocks.
        blocks: Vec<Block>,
    },
    /// Text in lines of its own: a file, a command.
    Code(String),
}

macro_rules! block_from {
    ($($variant:ident($content:ty)),*) => {
        $(impl From<$content> for Block {
            fn from(content: $content) -> Self {
                Self::$variant(content)
            }
        })*
    };
}
block_from!(
    Table(Table),
    Stack(Stack),
    Lines(Lines),
    Timeline(Lanes),
    Intervals(Intervals),
    Waterfall(Waterfall),
    Picture(Picture)
);

/// A drawing as SVG of our own making; every foreign text in it is escaped where it is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What it shows.
    pub caption: String,
    /// The same in words, for who cannot see it.
    pub description: String,
    /// The `<svg>` element.
    pub svg: String,
}

/// A doubt or a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// How it reads at a glance.
    pub tone: Tone,
    /// A stable word.
    pub code: String,
    /// What is the case.
    pub message: String,
    /// What to do; may be empty.
    pub remedy: String,
}

/// A table; the first column names the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Titles of the columns.
    pub head: Vec<String>,
    /// Rows, as long as the head.
    pub rows: Vec<Vec<String>>,
    /// Number of leading columns that hold words; the others hold figures and are set flush right.
    pub words: usize,
}

impl Table {
    /// A table whose column titles are `head`, separated by bars; the first `words` columns hold words.
    #[must_use]
    pub fn new(caption: impl Into<String>, head: &str, words: usize, rows: Vec<Vec<String>>) -> Self {
        let head = head.split('|').map(|title| title.trim().to_owned()).collect();
        Self { caption: caption.into(), head, rows, words }
    }
}

/// Bars that add up parts of one kind: a task's time by cause, a thread's time by state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stack {
    /// What it shows.
    pub caption: String,
    /// One bar each; all drawn to the same scale.
    pub rows: Vec<StackRow>,
    /// Draw every bar at full width, so that shares can be compared.
    pub shares_only: bool,
    /// Low bars without figures of their own, for many rows.
    pub compact: bool,
}

/// One bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackRow {
    /// What it is.
    pub label: String,
    /// Parts in order: cause and nanoseconds.
    pub parts: Vec<(Cause, f64)>,
}

impl StackRow {
    /// Sum of the parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.parts.iter().map(|(_, value)| value).sum()
    }

    /// Sum of the parts that can be drawn: a residual may be negative.
    #[must_use]
    pub fn drawn(&self) -> f64 {
        self.parts.iter().map(|(_, value)| value.max(0.0)).sum()
    }
}

/// The word for a state as readers see it; one that this version does not know is shown as it is.
#[must_use]
pub fn state_label(state: &str) -> &str {
    match Cause::of_key(state) {
        Some(cause) => cause.label(),
        None => state,
    }
}

/// Curves over common axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    /// What it shows.
    pub caption: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
    /// Vertical marks: position and words.
    pub marks: Vec<(f64, String)>,
    /// A low chart, as a companion of another one.
    pub low: bool,
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// How positions follow from values.
    pub scale: Scale,
    /// How values are written.
    pub unit: Unit,
}

/// How positions follow from values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// In proportion; starts at 0 on the vertical axis.
    #[default]
    Linear,
    /// By the logarithm.
    Log,
    /// By the logarithm of `1 / (1 − quantile)`: every further nine takes the same room.
    Percentile,
    /// Logarithmic when the values span more than a factor of 30, else linear from 0.
    Fitting,
}

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, in the unit that fits.
    #[default]
    Nanos,
    /// A plain number.
    Count,
    /// A share in 0..1, as per cent.
    Share,
    /// Per second.
    PerSecond,
}

/// A curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Points in order of x.
    pub points: Vec<(f64, f64)>,
    /// Interval at each x: `(x, low, high)`; may be empty.
    pub band: Vec<(f64, f64, f64)>,
    /// Draw as steps: a value holds until the next point.
    pub steps: bool,
}

/// States of threads over time: one lane each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lanes {
    /// What it shows.
    pub caption: String,
    /// Names of the lanes, top to bottom.
    pub lanes: Vec<String>,
    /// Stretches in order of lane and start, not overlapping within a lane.
    pub stretches: Vec<Stretch>,
    /// Length of the time axis.
    pub length_ns: u64,
    /// Stretches that were never recorded.
    pub omitted: u64,
}

/// A stretch of one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Lane.
    pub lane: usize,
    /// From.
    pub start_ns: u64,
    /// How long.
    pub length_ns: u64,
    /// The key of a cause, or a state of a newer record.
    pub state: String,
    /// Which step, lock or actor.
    pub label: String,
}

/// Estimates with intervals around a reference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervals {
    /// What it shows.
    pub caption: String,
    /// The value that means "no difference", drawn as a line.
    pub reference: f64,
    /// What lies to the left and to the right of it.
    pub sides: (String, String),
    /// Unit of everything.
    pub unit: Unit,
    /// The estimates.
    pub rows: Vec<Interval>,
}

/// An estimate with its interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interval {
    /// What is estimated.
    pub label: String,
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What to conclude.
    pub tone: Tone,
    /// The conclusion in words.
    pub verdict: String,
}

/// How one figure becomes another, part by part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waterfall {
    /// What it shows.
    pub caption: String,
    /// Unit of everything.
    pub unit: Unit,
    /// Where it starts: words and value.
    pub from: (String, f64),
    /// What is added, in order; the last may be the unexplained rest.
    pub parts: Vec<WaterfallPart>,
    /// Where it ends.
    pub to: (String, f64),
}

/// One part of a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WaterfallPart {
    /// What it is.
    pub label: String,
    /// The cause that it mostly shows as, for its colour.
    pub cause: Option<Cause>,
    /// What it adds; may be negative.
    pub value: f64,
    /// Half width of its interval, if known.
    pub half_width: Option<f64>,
}
