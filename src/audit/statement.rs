//! What a text states with figures, each as something that can be worked out again.

use super::figure::Figure;

/// A statement and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Line in its file, from 1.
    pub line: u32,
    /// Heading under which it stands.
    pub under: String,
    /// Its words, shortened.
    pub text: String,
    /// What it says.
    pub fact: Fact,
}

/// A range of figures: the least and the greatest, equal if there is one.
pub type Range = (Figure, Figure);

/// What is stated.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// `x of y`, perhaps with the share in per cent.
    PartOf {
        /// The part.
        part: Figure,
        /// The whole.
        whole: Figure,
        /// The share stated beside them.
        percent: Option<Figure>,
    },
    /// From one figure to another, with what is said about the difference.
    Change {
        /// What changes, in words.
        what: String,
        /// Before.
        from: Range,
        /// After.
        to: Range,
        /// Unit of both, for printing.
        unit: String,
        /// Change in per cent, as stated, without its sign.
        percent: Option<Range>,
        /// Factor, as stated.
        factor: Option<Range>,
        /// Difference in the unit, as stated, without its sign.
        difference: Option<Range>,
        /// Whether it is said to be an improvement; `None` when nothing is said.
        better: Option<bool>,
        /// Whether less is better; `None` when that is not known.
        less_is_better: Option<bool>,
    },
    /// A value, its bound, and the room between them in per cent.
    Headroom {
        /// The value.
        value: Figure,
        /// The bound.
        bound: Figure,
        /// The room as stated.
        percent: Figure,
        /// Unit of both, for printing.
        unit: String,
    },
    /// A value, its bound, and whether it is said to hold.
    Verdict {
        /// The value.
        value: Figure,
        /// The bound.
        bound: Figure,
        /// Whether the value has to stay below it.
        below: bool,
        /// Whether it is said to hold.
        met: bool,
        /// Unit of both, for printing.
        unit: String,
    },
    /// Parts and their stated total.
    Total {
        /// What is added up.
        what: String,
        /// The parts.
        parts: Vec<Figure>,
        /// The total as stated.
        total: Figure,
        /// Unit of both, for printing.
        unit: String,
    },
    /// So many iterations, runs or samples at least.
    AtLeast {
        /// The number.
        count: Figure,
        /// Of what.
        what: String,
    },
    /// A speedup on several processors and the serial fraction that limits it.
    Amdahl {
        /// Serial fraction in 0..1.
        serial: Figure,
        /// Processors, if stated.
        processors: Option<f64>,
        /// Speedup as stated.
        speedup: Figure,
    },
    /// A figure that a table of the same text has too.
    Quoted {
        /// The statistic, as printed.
        statistic: String,
        /// What it is about, in words.
        subject: String,
        /// The figure in milliseconds.
        figure: Figure,
    },
    /// A file whose name tells when it was written.
    Stamp {
        /// The file.
        name: String,
        /// Seconds since 1970.
        at: f64,
    },
    /// A day of a campaign and the day of the month (and the month, if known) that it is set for.
    Scheduled {
        /// Number of the day.
        day: u64,
        /// Year, month, day of the month.
        date: (i64, Option<u32>, u32),
    },
    /// An upper bound that nothing of a kind is said to pass, in per cent.
    NoneAbove {
        /// Of what (function, component).
        what: String,
        /// The bound.
        percent: Figure,
    },
    /// Latency of one operation beside operations a second of one worker.
    Rate {
        /// Latency in milliseconds.
        latency: Figure,
        /// Operations a second.
        rate: Figure,
    },
}
