//! What a record states about the system that was run, besides its figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps a run's figures from meaning what they usually mean, in the system that was run and not in conlab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Which of them.
    pub kind: VerdictKind,
    /// One sentence that names the parties, as people read it.
    pub message: String,
    /// Who waits for what, held by whom; of a deadlock the whole cycle, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<Party>,
}

impl Verdict {
    /// A deadlock of these parties, each of which waits for what the next one holds, and the last for the first.
    #[must_use]
    pub fn deadlock(parties: Vec<Party>) -> Self {
        let waits: Vec<String> = parties
            .iter()
            .map(|Party { who, waits_for, held_by, .. }| match held_by {
                Some(holder) if waits_for.starts_with("lock") || waits_for.starts_with("a place") => {
                    format!("{who} waits for {waits_for} held by {holder}")
                }
                Some(other) => format!("{who} waits for {waits_for}, due from {other}"),
                None => format!("{who} waits for {waits_for}"),
            })
            .collect();
        Self { kind: VerdictKind::Deadlock, message: format!("deadlock: {}", waits.join("; ")), parties }
    }
}

/// The kinds of [`Verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// A cycle of waits that nothing outside it can end.
    Deadlock,
    /// Somebody waited for a thing over the whole window while others got it.
    Starvation,
    /// More arrives than the system can complete.
    Overload,
    /// The window is not one of a steady state: its figures are of a course.
    Transient,
    /// No task completed, or too few for the figures that are asked for.
    TooShort,
}

impl VerdictKind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadlock => "deadlock",
            Self::Starvation => "starvation",
            Self::Overload => "overload",
            Self::Transient => "not steady",
            Self::TooShort => "too short",
        }
    }
}

/// One wait of a [`Verdict`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// The actor and its worker, as `agents-3`, or the actor alone.
    pub who: String,
    /// What it waits for: "lock `a`", "an answer of `bee`", "room in the queue of `q`".
    pub waits_for: String,
    /// Who holds that, if anybody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Since when, in nanoseconds from the start of the window (negative: from before it).
    pub since_ns: i64,
}
