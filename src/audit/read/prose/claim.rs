//! What a text promises of a change, and what it names as a cause.

use super::super::super::figure::Figure;
use super::super::super::report::{Claim, Report};
use super::super::super::statement::{Fact, Range, Statement};
use super::super::super::text::shortened;
use super::super::number::Unit;
use super::super::vocabulary::label;
use super::phrase::{Found, quantities};

/// A claim that a heading and the pairs below it make together: a roadmap entry.
#[derive(Debug, Default)]
pub(super) struct Draft {
    title: String,
    line: u32,
    text: String,
    cause: Option<String>,
    cause_ms: Option<Figure>,
    cause_percent: Option<Figure>,
    from: Option<Figure>,
    to: Option<Range>,
    saving: Option<Range>,
    speedup: Option<Range>,
    metric: Option<String>,
}

/// Keys that say what the cause is or what it costs.
const CAUSES: [&str; 7] =
    ["cause", "root cause", "bottleneck", "impact", "current impact", "cost", "contribution"];

impl Draft {
    pub(super) fn new(title: &str, line: u32) -> Self {
        Self { title: title.to_owned(), line, ..Self::default() }
    }

    /// Takes a pair below the heading.
    pub(super) fn key_value(&mut self, key: &str, value: &str, line: u32) {
        let lower = key.to_lowercase();
        let found = quantities(value);
        if self.text.len() < 4000 {
            self.text.push(' ');
            self.text.push_str(value);
        }
        self.line = if self.line == 0 { line } else { self.line };
        let ms = |figure: &Found| matches!(figure.unit, Unit::Time(_));
        if CAUSES.iter().any(|cause| lower == *cause || lower.ends_with(cause)) {
            let words: String = value
                .split(['(', ',', ';', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            self.cause = self.cause.take().or_else(|| (!words.is_empty()).then(|| shortened(&words)));
            self.cause_ms = self.cause_ms.or_else(|| {
                found.iter().find(|figure| ms(figure) && figure.single()).map(|figure| figure.base().0)
            });
            self.cause_percent = self.cause_percent.or_else(|| {
                found
                    .iter()
                    .find(|figure| figure.unit == Unit::Percent && figure.single())
                    .map(|figure| figure.low)
            });
            self.line = line;
            return;
        }
        if lower.contains("speedup")
            || lower.contains("speed-up")
            || lower.contains("improvement")
            || lower.contains("gain")
        {
            // More throughput is another promise than less latency.
            let is_rate = ["throughput", "ops", "/s", "per second"]
                .iter()
                .any(|word| value.to_lowercase().contains(word) || lower.contains(word));
            let found = if is_rate { &[][..] } else { &found[..] };
            self.speedup = self.speedup.or_else(|| {
                found.iter().find(|figure| figure.unit == Unit::Times).map(|figure| (figure.low, figure.high))
            });
        }
        if lower == "current" || lower.starts_with("current ") || lower == "baseline" || lower == "before" {
            self.from = self.from.or_else(|| {
                found.iter().find(|figure| ms(figure) && figure.single()).map(|figure| figure.base().0)
            });
            self.metric = self.metric.take().or_else(|| metric(&format!("{key} {value}")));
        }
        if lower.contains("saving") {
            self.saving = self.saving.or_else(|| found.iter().find(|figure| ms(figure)).map(Found::base));
        }
        if lower.contains("result")
            || lower.contains("after")
            || lower.contains("expected")
            || lower.contains("projected")
            || lower.contains("estimated")
            || lower.contains("target")
            || lower.contains("impact")
        {
            self.result(key, value, &found);
        }
    }

    /// `55.3 → 20–25 ms (30–35 ms savings)`.
    fn result(&mut self, key: &str, value: &str, found: &[Found]) {
        let steps = found
            .windows(2)
            .find(|pair| ["→", "->", "=>", "to"].contains(&value[pair[0].to..pair[1].from].trim()));
        let Some(pair) = steps else { return };
        let (mut from, to) = (pair[0], pair[1]);
        if from.unit == Unit::None {
            from.unit = to.unit;
        }
        if !matches!(to.unit, Unit::Time(_)) || !from.single() {
            return;
        }
        self.from = Some(from.base().0);
        self.to = Some(to.base());
        self.metric = self.metric.take().or_else(|| metric(&format!("{key} {value}")));
        let rest = &value[to.to..].to_lowercase();
        if rest.contains("saving") || rest.contains("saved") || rest.contains("reduction") {
            self.saving = self.saving.or_else(|| {
                found
                    .iter()
                    .find(|figure| figure.from >= to.to && matches!(figure.unit, Unit::Time(_)))
                    .map(Found::base)
            });
        }
    }

    /// Adds the claim to the report, if there is one.
    pub(super) fn close(self, report: &mut Report) {
        if let (Some(from), Some(to), Some(factor)) = (self.from, self.to, self.speedup) {
            let fact = Fact::Change {
                what: self.title.clone(),
                from: (from, from),
                to,
                unit: "ms".to_owned(),
                percent: None,
                factor: Some(factor),
                difference: None,
                better: Some(true),
                less_is_better: Some(true),
            };
            report.statements.push(Statement {
                line: self.line,
                under: self.title.clone(),
                text: shortened(&self.title),
                fact,
            });
        }
        let promises = self.to.is_some()
            || self.saving.is_some()
            || self.speedup.is_some() && (self.cause_percent.is_some() || self.cause_ms.is_some());
        if !promises {
            return;
        }
        let words = format!("{} {}", self.title, self.text).to_lowercase();
        report.claims.push(Claim {
            id: String::new(),
            text: shortened(&self.title),
            component: None,
            metric: self.metric.or_else(|| metric(&words)),
            cause: self.cause,
            cause_ms: self.cause_ms,
            cause_percent: self.cause_percent,
            from_ms: self.from,
            to_ms: self.to,
            saving_ms: self.saving,
            // A factor beside a change is compared with the change; alone, it is of the part named as the cause.
            speedup: None,
            acts_on: acts_on(&words),
            place: format!("line {}", self.line),
        });
    }
}

/// What a change of this description makes faster: a layout of cache lines serves hits.
fn acts_on(words: &str) -> Option<String> {
    let is_layout = [
        "cache-line",
        "cache line",
        "cache-aware",
        "aligned",
        "alignment",
        "memory layout",
        "data layout",
        "prefetch",
        "locality",
    ]
    .iter()
    .any(|word| words.contains(word));
    (is_layout && words.contains("cache")).then(|| "hits".to_owned())
}

/// The statistic that a text is about.
fn metric(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let word = lower
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '.'))
        .find(|word| label(word).stat.is_some() && *word != "best" && *word != "worst")?;
    Some(match word {
        "average" | "avg" => "mean".to_owned(),
        other => other.to_owned(),
    })
}

/// The claims of a sentence: `the queue lock is 18 % of p99 latency (10 ms)`, `cache misses cost 1.75 ms of the p99`.
pub(super) fn of_sentence(sentence: &str, found: &[Found], line: u32, under: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    let lower = sentence.to_lowercase();
    // `P % of … (X ms)`
    for (at, figure) in
        found.iter().enumerate().filter(|(_, figure)| figure.unit == Unit::Percent && figure.single())
    {
        let to = found.get(at + 1).map_or(sentence.len(), |next| next.from);
        let after = lower.get(figure.to..to).unwrap_or_default();
        let words = after.trim_start_matches(['%', ' ']);
        let is_of_time = words.starts_with("of ")
            && ["latency", "time", "p99", "p95", "mean", "runtime", "execution"]
                .iter()
                .any(|word| words.contains(word));
        let before = sentence.get(..figure.from).unwrap_or_default();
        let cause = subject_of(before);
        if !is_of_time || cause.is_empty() {
            continue;
        }
        let size = found.get(at + 1).filter(|next| {
            matches!(next.unit, Unit::Time(_))
                && next.single()
                && sentence[figure.to..next.from].trim_end().ends_with('(')
        });
        claims.push(Claim {
            text: shortened(sentence),
            metric: metric(words),
            cause: Some(cause),
            cause_percent: Some(figure.low),
            cause_ms: size.map(|size| size.base().0),
            place: format!("line {line}"),
            id: under.to_owned(),
            ..Claim::default()
        });
    }
    claims
}

/// What the words before a figure are about, without verbs and marks at their end.
fn subject_of(before: &str) -> String {
    let before = before
        .rsplit([',', ';', '(', ':'])
        .find(|part| part.split_whitespace().any(|word| word.len() > 3))
        .unwrap_or_default();
    let words: Vec<&str> = before
        .split_whitespace()
        .filter(|word| {
            !matches!(
                word.to_lowercase().as_str(),
                "is" | "was"
                    | "takes"
                    | "accounts"
                    | "for"
                    | "about"
                    | "the"
                    | "a"
                    | "of"
                    | "consumes"
                    | "causes"
                    | "costs"
                    | "contributes"
                    | "="
                    | "-"
                    | "–"
                    | "→"
            )
        })
        .collect();
    words.join(" ").trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned()
}
