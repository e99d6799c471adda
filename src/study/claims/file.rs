//! A file of claims, as TOML has it.

use super::arithmetic::Bound;
use crate::files::{self, LARGEST_TEXT};
use crate::scenario::{Overrides, Scenario, ScenarioError};
use crate::study::Metric;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item};

/// The claims of phase 18F.
pub const PHASE_18F: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/phase-18f/claims.toml"));

/// Scenarios that the embedded claims are tried on.
const SCENARIOS: &[(&str, &str)] = &[
    ("claims/agents", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/claims/agents.toml"))),
    ("claims/vault", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/claims/vault.toml"))),
    (
        "claims/messages",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/claims/messages.toml")),
    ),
];

/// Why a file of claims cannot be tested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimFileError {
    /// It could not be read.
    #[error("read claims {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not what a file of claims must be.
    #[error("{origin}: {why}")]
    Invalid {
        /// The file.
        origin: String,
        /// What is wrong.
        why: String,
    },
}

/// A file of claims.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimFile {
    /// Version of the format: 1.
    pub schema: u32,
    /// Name of the collection.
    pub name: String,
    /// The claims.
    pub claim: Vec<Claim>,
    /// Folder that scenarios are named from; none for the embedded file.
    #[serde(skip)]
    pub base: Option<PathBuf>,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its word.
    pub id: String,
    /// What is claimed.
    pub says: String,
    /// What it is about: the system that its verdict would have to reach.
    #[serde(default)]
    pub about: Option<String>,
    /// Why no experiment here can test it; trials are shown for information then and decide nothing.
    #[serde(default)]
    pub untestable: Option<String>,
    /// Arithmetic on its own figures.
    #[serde(default)]
    pub bound: Vec<Bound>,
    /// Experiments; the first decides.
    #[serde(default)]
    pub trial: Vec<Trial>,
}

impl Claim {
    /// Whether it proposes a change, and does not only say where time goes.
    #[must_use]
    pub fn proposes(&self) -> bool {
        let changes = |trial: &Trial| {
            matches!(trial, Trial::Effect { .. } | Trial::Attention { .. } | Trial::Buffers { .. })
        };
        self.trial.iter().any(changes)
    }
}

/// What a figure must be for a claim to hold; both ends where both are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// At least this.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// At most this.
    #[serde(default)]
    pub at_most: Option<f64>,
}

/// Levels of a treatment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Queue of the actor in focus.
    #[serde(default)]
    pub queue: Option<String>,
    /// Layout of the caches.
    #[serde(default)]
    pub cache: Option<String>,
    /// Worker threads of the actor in focus.
    #[serde(default)]
    pub threads: Option<usize>,
    /// `baseline` or `isolated`; baseline unless given.
    #[serde(default)]
    pub load: Option<String>,
}

/// An experiment. Effects are ratios − 1: −0.5 halves a figure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Trial {
    /// How a figure changes from one treatment to another.
    Effect {
        /// Scenario.
        scenario: String,
        /// Figure.
        metric: Metric,
        /// Reference.
        from: Levels,
        /// Treatment.
        to: Levels,
        /// `ratio` for ratios of the figure instead of ratios − 1.
        #[serde(default)]
        ratio: bool,
        /// What it must be.
        criterion: Criterion,
    },
    /// How a figure changes when a cost of `whatif` is multiplied by a factor.
    Cost {
        /// Scenario.
        scenario: String,
        /// Figure.
        metric: Metric,
        /// Name of the cost, as `whatif` has it.
        cost: String,
        /// The factor.
        factor: f64,
        /// `baseline` or `isolated`; baseline unless given.
        #[serde(default)]
        load: Option<String>,
        /// Give the change in milliseconds.
        #[serde(default)]
        milliseconds: bool,
        /// What it must be.
        criterion: Criterion,
    },
    /// The largest improvement that halving any step of the actor in focus brings.
    LargestStep {
        /// Scenario.
        scenario: String,
        /// Figure.
        metric: Metric,
        /// `baseline` or `isolated`.
        #[serde(default)]
        load: Option<String>,
        /// What it must be.
        criterion: Criterion,
    },
    /// A mechanism's share of the gap between the arms.
    Share {
        /// Scenario.
        scenario: String,
        /// Figure.
        metric: Metric,
        /// `interpreter`, `locks`, `switching`, `caches` or `neighbours`.
        mechanism: String,
        /// What it must be.
        criterion: Criterion,
    },
    /// A figure itself.
    Level {
        /// Scenario.
        scenario: String,
        /// Figure.
        metric: Metric,
        /// Levels.
        at: Levels,
        /// What it must be.
        criterion: Criterion,
    },
    /// How many times faster tiled attention is than plain, timed on this machine.
    Attention {
        /// Length of the sequence.
        tokens: usize,
        /// Width of the head.
        width: usize,
        /// What it must be.
        criterion: Criterion,
    },
    /// How many times faster plain attention is when its buffers are allocated beforehand, timed on this machine.
    Buffers {
        /// Length of the sequence.
        tokens: usize,
        /// Width of the head.
        width: usize,
        /// What it must be.
        criterion: Criterion,
    },
}

impl Trial {
    /// What it is tried on, on this engine (`real` or `virtual`).
    #[must_use]
    pub fn tried_on(&self, engine: &str) -> String {
        let scenario = match self {
            Self::Effect { scenario, .. }
            | Self::Cost { scenario, .. }
            | Self::LargestStep { scenario, .. }
            | Self::Share { scenario, .. }
            | Self::Level { scenario, .. } => scenario,
            Self::Attention { .. } | Self::Buffers { .. } => {
                return "a scalar kernel on one processor of this machine".into();
            }
        };
        match engine {
            "virtual" => format!("the model `{scenario}`, in virtual time"),
            _ => format!("the scenario `{scenario}`, on threads of this machine"),
        }
    }
}

impl ClaimFile {
    /// The embedded claims of phase 18F.
    ///
    /// # Errors
    ///
    /// [`ClaimFileError::Invalid`]; a test holds that it is not.
    pub fn phase_18f() -> Result<Self, ClaimFileError> {
        Self::parse(PHASE_18F, "phase-18f")
    }

    /// The claims in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ClaimFileError`].
    pub fn load(path: &Path) -> Result<Self, ClaimFileError> {
        let read = files::read_text(path, LARGEST_TEXT);
        let text = read.map_err(|source| ClaimFileError::Read { path: path.to_owned(), source })?;
        let mut file = Self::parse(&text, &path.display().to_string())?;
        file.base = path.parent().map(Path::to_owned);
        Ok(file)
    }

    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// [`ClaimFileError::Invalid`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, ClaimFileError> {
        let invalid = |why: String| ClaimFileError::Invalid { origin: origin.to_owned(), why };
        let document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| invalid(error.to_string()))?;
        let value = plain(document.as_item());
        let file: Self = serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
        if file.schema != 1 {
            return Err(invalid(format!("schema = {} is unknown: expected 1", file.schema)));
        }
        for claim in &file.claim {
            if claim.trial.is_empty() && claim.untestable.is_none() && claim.bound.is_empty() {
                let id = &claim.id;
                return Err(invalid(format!(
                    "claim {id} has neither a trial nor a bound nor a reason why it is untestable"
                )));
            }
            for trial in &claim.trial {
                check(trial).map_err(|why| invalid(format!("claim {}: {why}", claim.id)))?;
            }
        }
        Ok(file)
    }

    /// The scenario of this name: one that belongs to the embedded claims, one beside the file, or a built-in one.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`].
    pub fn scenario(&self, name: &str) -> Result<Scenario, ScenarioError> {
        if let Some((name, text)) = SCENARIOS.iter().find(|(known, _)| *known == name) {
            return Scenario::parse(text, name);
        }
        let beside = self.base.as_ref().map(|base| base.join(name)).filter(|path| path.exists());
        let place = beside.map_or_else(|| name.to_owned(), |path| path.display().to_string());
        Scenario::load(&place, &Overrides::default())
    }
}

/// Most multiply-adds of an attention kernel: about half a minute for the thirty times that it is computed.
const MAX_WORK: u64 = 1 << 34;

/// Most elements of its matrix of scores: 1 GiB.
const MAX_SCORES: u64 = 1 << 28;

/// Most worker threads of a treatment.
const MAX_THREADS: usize = 65_536;

/// Refuses what would need more time or memory than there is, or divide by nothing.
fn check(trial: &Trial) -> Result<(), String> {
    let threads = |levels: &Levels| match levels.threads {
        Some(threads) if !(1..=MAX_THREADS).contains(&threads) => {
            Err(format!("threads = {threads} is out of range: expected 1 to {MAX_THREADS}"))
        }
        _ => Ok(()),
    };
    match trial {
        Trial::Cost { factor, .. } if !(0.0..=1000.0).contains(factor) => {
            Err(format!("factor = {factor:e} is out of range: expected 0 to 1000"))
        }
        Trial::Attention { tokens, width, .. } | Trial::Buffers { tokens, width, .. } => {
            for (name, value) in [("tokens", *tokens), ("width", *width)] {
                if value == 0 {
                    return Err(format!("{name} = 0 leaves nothing to compute: expected at least 1"));
                }
            }
            let (tokens, width) = (*tokens as u64, *width as u64);
            let scores = tokens.saturating_mul(tokens);
            if scores > MAX_SCORES || scores.saturating_mul(width) > MAX_WORK || width > MAX_SCORES {
                return Err(format!(
                    "tokens = {tokens} with width = {width} is too much: expected tokens² · width up to 2^34 and tokens up \
                     to 16384, such as 1024 and 64"
                ));
            }
            Ok(())
        }
        Trial::Effect { from, to, .. } => threads(from).and_then(|()| threads(to)),
        Trial::Level { at, .. } => threads(at),
        Trial::Cost { .. } | Trial::LargestStep { .. } | Trial::Share { .. } => Ok(()),
    }
}

/// A TOML item as JSON, so that one description of the format serves.
pub(crate) fn plain(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => plain_value(value),
        Item::Table(table) => Value::Object(
            table.iter().map(|(key, item)| (key.to_owned(), plain(item))).collect::<Map<_, _>>(),
        ),
        Item::ArrayOfTables(tables) => {
            Value::Array(tables.iter().map(|table| plain(&Item::Table(table.clone()))).collect())
        }
    }
}

fn plain_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::String(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Number((*number.value()).into()),
        toml_edit::Value::Float(number) => {
            Number::from_f64(*number.value()).map_or(Value::Null, Value::Number)
        }
        toml_edit::Value::Boolean(truth) => Value::Bool(*truth.value()),
        toml_edit::Value::Datetime(time) => Value::String(time.value().to_string()),
        toml_edit::Value::Array(values) => Value::Array(values.iter().map(plain_value).collect()),
        toml_edit::Value::InlineTable(table) => Value::Object(
            table.iter().map(|(key, value)| (key.to_owned(), plain_value(value))).collect::<Map<_, _>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_claims_are_the_fourteen_and_name_what_there_is() {
        let file = ClaimFile::phase_18f().unwrap();
        let ids: Vec<String> = (1..=14).map(|number| format!("K{number}")).collect();
        assert_eq!(file.claim.iter().map(|claim| claim.id.clone()).collect::<Vec<_>>(), ids);
        for (name, _) in SCENARIOS {
            assert!(file.scenario(name).is_ok(), "{:?}", file.scenario(name));
        }
    }

    #[test]
    fn trials_without_end_or_measure_are_refused() {
        let claim = |trial: &str| {
            format!(
                "schema = 1\nname = \"x\"\n[[claim]]\nid = \"K1\"\nsays = \"\"\ntrial = [{{ {trial}, criterion = {{}} }}]\n"
            )
        };
        let attention = |tokens: &str, width: &str| {
            claim(&format!("kind = \"attention\", tokens = {tokens}, width = {width}"))
        };
        let cost = |factor: &str| {
            claim(&format!(
                "kind = \"cost\", scenario = \"agents\", metric = \"mean\", cost = \"queue\", factor = {factor}"
            ))
        };
        for (text, reason) in [
            (attention("0", "64"), "tokens = 0 leaves nothing"),
            (attention("64", "0"), "width = 0 leaves nothing"),
            (attention("64", "9223372036854775807"), "is too much"),
            (attention("9223372036854775807", "1"), "is too much"),
            (attention("100000", "1"), "is too much"),
            (cost("1e308"), "factor = 1e308 is out of range"),
            (cost("-1.0"), "out of range"),
            (
                claim(
                    "kind = \"level\", scenario = \"agents\", metric = \"mean\", at = { threads = 9223372036854775807 }",
                ),
                "threads = 9223372036854775807 is out of range",
            ),
        ] {
            let said = ClaimFile::parse(&text, "mine.toml").unwrap_err().to_string();
            assert!(said.contains(reason), "{reason}: {said}");
        }
        assert!(ClaimFile::parse(&attention("1024", "64"), "mine.toml").is_ok());
        assert!(ClaimFile::parse(&cost("0.5"), "mine.toml").is_ok());
    }

    #[test]
    fn what_is_no_claim_is_refused_with_a_reason() {
        for (text, reason) in [
            ("schema = 2\nname = \"x\"\nclaim = []", "schema = 2"),
            ("schema = 1\nname = \"x\"\n[[claim]]\nid = \"K1\"\nsays = \"\"\n", "neither a trial"),
            (
                "schema = 1\nname = \"x\"\n[[claim]]\nid = \"K1\"\nsays = \"\"\ntria = []\n",
                "unknown field `tria`",
            ),
            (
                "schema = 1\nname = \"x\"\n[[claim]]\nid = \"K1\"\nsays = \"\"\nbound = [{ kind = \"magic\" }]",
                "magic",
            ),
            ("schema = ", "TOML"),
        ] {
            let error = ClaimFile::parse(text, "mine.toml").unwrap_err().to_string();
            assert!(error.contains(reason) && error.starts_with("mine.toml"), "{reason}: {error}");
        }
    }
}
