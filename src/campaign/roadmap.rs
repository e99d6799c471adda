//! The roadmap: what is proposed, what it is expected to save, and what the lab found that it saves.

use super::measured::scenario_of;
use super::outcome::rounded;
use super::toml::{Row, parse};
use super::{CampaignError, Pack};
use crate::cache::CacheLayout;
use crate::engine::{Experiment, Progress};
use crate::measure::record::Distribution;
use crate::queue::QueueKind;
use crate::scenario::{LoadArm, Scenario, Treatment};
use crate::study::decision::{Fix, FixVerdict, LEAST_SHARE};
use crate::study::stats::{Estimate, mean_interval};
use crate::study::{Metric, SharedEngine};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// What the lab changes to try an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// A step takes this factor of its work.
    Step {
        /// Its name.
        step: String,
        /// What is left of it.
        factor: f64,
    },
    /// Another queue.
    Queue(QueueKind),
    /// Another cache layout.
    Cache(CacheLayout),
}

/// An entry as proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Proposed rank.
    pub priority: u64,
    /// What it is.
    pub title: String,
    /// Component that it changes.
    pub component: String,
    /// The present state, in words.
    pub current: String,
    /// `mean` or `p99`: what the expectation is about.
    pub metric: String,
    /// Expected speedup of what is changed.
    pub expected_speedup: (f64, f64),
    /// Present value, in milliseconds.
    pub from_ms: f64,
    /// Expected value.
    pub to_ms: (f64, f64),
    /// Expected saving.
    pub savings_ms: (f64, f64),
    /// Days of work.
    pub effort_days: f64,
    /// LOW, MEDIUM or HIGH.
    pub risk: String,
    /// HIGH or VERY HIGH.
    pub roi: String,
    /// Out of five.
    pub complexity: u64,
    /// Why.
    pub complexity_reason: String,
    /// What the report recommends.
    pub recommendation: String,
    /// Where the lab tries it.
    pub scenario: String,
    /// Whose latency counts.
    pub actor: String,
    /// Under which load.
    pub load: LoadArm,
    /// What the lab changes.
    pub trial: Trial,
}

const KEYS: [&str; 19] = [
    "priority",
    "title",
    "component",
    "current",
    "metric",
    "expected_speedup",
    "from_ms",
    "to_ms",
    "savings_ms",
    "effort_days",
    "risk",
    "roi",
    "complexity",
    "complexity_reason",
    "recommendation",
    "scenario",
    "actor",
    "load",
    "try",
];

/// The entries of `text`; `origin` names it in messages.
///
/// # Errors
///
/// [`CampaignError::Config`] when a field is missing, unknown or out of range.
pub(super) fn entries(text: &str, origin: &str) -> Result<Vec<Entry>, CampaignError> {
    let document = parse(text, origin)?;
    Row::all(&document, "entry", origin)?.iter().map(entry).collect()
}

fn entry(row: &Row<'_>) -> Result<Entry, CampaignError> {
    row.only(&KEYS)?;
    let title = row.required("title")?;
    let missing = |key: &str, expected: &str| {
        CampaignError::Config(format!("roadmap entry `{title}`: {key}: expected {expected}; it is missing"))
    };
    let pair = |key: &str| row.pair(key)?.ok_or_else(|| missing(key, "two numbers"));
    let number = |key: &str| row.number(key)?.ok_or_else(|| missing(key, "a number"));
    let count = |key: &str| row.count(key)?.ok_or_else(|| missing(key, "a count"));
    let complexity = count("complexity")?;
    if complexity > 5 {
        return Err(CampaignError::Config(format!("roadmap entry `{title}`: complexity: expected 1 to 5")));
    }
    let inner = row.inner("try").ok_or_else(|| missing("try", "{ step, factor }, { queue } or { cache }"))?;
    inner.only(&["step", "factor", "queue", "cache"])?;
    let trial = if let Some(step) = inner.text("step")? {
        Trial::Step {
            step,
            factor: inner.number("factor")?.ok_or_else(|| missing("try.factor", "a number"))?,
        }
    } else if let Some(queue) = inner.word("queue", &QueueKind::ALL, QueueKind::name)? {
        Trial::Queue(queue)
    } else if let Some(cache) = inner.word("cache", &CacheLayout::ALL, CacheLayout::name)? {
        Trial::Cache(cache)
    } else {
        return Err(missing("try", "{ step, factor }, { queue } or { cache }"));
    };
    Ok(Entry {
        priority: count("priority")?,
        component: row.required("component")?,
        current: row.required("current")?,
        metric: row.required("metric")?,
        expected_speedup: pair("expected_speedup")?,
        from_ms: number("from_ms")?,
        to_ms: pair("to_ms")?,
        savings_ms: pair("savings_ms")?,
        effort_days: number("effort_days")?,
        risk: row.word("risk", &["LOW", "MEDIUM", "HIGH"], |word| word)?.unwrap_or("MEDIUM").to_owned(),
        roi: row.required("roi")?,
        complexity,
        complexity_reason: row.required("complexity_reason")?,
        recommendation: row.required("recommendation")?,
        scenario: row.required("scenario")?,
        actor: row.required("actor")?,
        load: row.word("load", &LoadArm::ALL, LoadArm::name)?.unwrap_or_default(),
        trial,
        title,
    })
}

/// An entry with what the lab found.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The entry.
    pub entry: Entry,
    /// Which engine tried it.
    pub engine: &'static str,
    /// What was found, or why nothing was.
    pub found: Result<Found, String>,
}

/// Savings in milliseconds: present − changed, paired by seed.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// p99 as it is.
    pub p99_ms: f64,
    /// Saving at the p99.
    pub p99: Estimate,
    /// Saving at the mean.
    pub mean: Estimate,
}

impl Judged {
    /// Saving of the entry's own metric.
    #[must_use]
    pub fn saving(&self) -> Option<Estimate> {
        self.found.as_ref().ok().map(|found| if self.entry.metric == "mean" { found.mean } else { found.p99 })
    }

    /// Milliseconds of p99 that are surely saved per day of work: the near end of the interval, so that a wide one ranks
    /// nothing; below zero counts as nothing.
    #[must_use]
    pub fn per_day(&self) -> f64 {
        self.found.as_ref().map_or(0.0, |found| found.p99.low.max(0.0) / self.entry.effort_days)
    }

    /// Whether the trial sets the very factor that the entry promises, so that it cannot show that the promise is kept.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        let (low, high) = self.entry.expected_speedup;
        matches!(self.entry.trial, Trial::Step { factor, .. } if (low..=high).contains(&(1.0 / factor)))
    }

    /// Whether the whole interval of the saving lies below the least saving promised.
    #[must_use]
    pub fn is_promise_refuted(&self) -> bool {
        self.saving().is_some_and(|saving| saving.high < self.entry.savings_ms.0)
    }

    /// Whether a saving is shown that is worth a day, or shown to be less than that; `None` while the intervals allow
    /// both.
    #[must_use]
    pub fn is_worth_doing(&self) -> Option<bool> {
        let found = self.found.as_ref().ok()?;
        let least = LEAST_SHARE * found.p99_ms;
        let is_shown = found.p99.low > 0.0 || found.mean.low > 0.0;
        if is_shown && found.p99.value.max(found.mean.value) >= least {
            return Some(true);
        }
        (found.p99.high < least && found.mean.high < least).then_some(false)
    }

    /// The verdict, in the words of every page.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        self.judgement().name()
    }

    /// What the evidence says.
    #[must_use]
    pub fn judgement(&self) -> FixVerdict {
        match (self.is_worth_doing(), self.is_promise_refuted()) {
            (Some(true), true) => FixVerdict::SmallerThanPromised,
            (Some(false), true) => FixVerdict::PromiseRefuted,
            (Some(true), false) if self.is_assumed() => FixVerdict::IfReached,
            (Some(true), false) => FixVerdict::WorthDoing,
            (Some(false), false) => FixVerdict::NotWorthDoing,
            (None, _) if self.found.is_ok() => FixVerdict::Undecided,
            (None, _) => FixVerdict::NotTried,
        }
    }

    /// The entry as a fix among others; its saving is that of its own metric.
    #[must_use]
    pub fn fix(&self) -> Fix {
        let rounds = self.found.as_ref().map_or(0, |found| found.p99.n);
        Fix {
            name: self.entry.title.clone(),
            metric: if self.entry.metric == "mean" { Metric::Mean } else { Metric::P99 },
            saving: self.saving().map(|saving| saving.map(|ms| ms * 1e6)),
            effort_days: Some(self.entry.effort_days),
            verdict: self.judgement(),
            tried_on: format!("{} engine, {}, {rounds} rounds", self.engine, self.entry.scenario),
            shown: self.found.as_ref().err().cloned().unwrap_or_default(),
        }
    }
}

/// The entries of `pack` tried on `engine`, as fixes, the best first.
#[must_use]
pub fn roadmap_fixes(pack: &Pack, engine: &SharedEngine, seed: u64, rounds: u32, tasks: u64) -> Vec<Fix> {
    let name = if engine.name() == "virtual" { "virtual" } else { "real" };
    judge(pack, engine, name, seed, rounds, tasks).iter().map(Judged::fix).collect()
}

/// Tries every entry `rounds` times, present and changed side by side under the same seeds; the best first.
pub(super) fn judge(
    pack: &Pack,
    engine: &SharedEngine,
    engine_name: &'static str,
    seed: u64,
    rounds: u32,
    tasks: u64,
) -> Vec<Judged> {
    let mut judged: Vec<Judged> = pack
        .entries
        .iter()
        .map(|entry| Judged {
            entry: entry.clone(),
            engine: engine_name,
            found: attempt(pack, entry, engine, seed, rounds, tasks),
        })
        .collect();
    judged.sort_by(|one, other| {
        let worth = |judged: &Judged| judged.is_worth_doing() == Some(true);
        worth(other).cmp(&worth(one)).then(other.per_day().total_cmp(&one.per_day()))
    });
    judged
}

fn attempt(
    pack: &Pack,
    entry: &Entry,
    engine: &SharedEngine,
    seed: u64,
    rounds: u32,
    tasks: u64,
) -> Result<Found, String> {
    let (mut p99, mut mean, mut present_p99) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let seed = seed.wrapping_add(u64::from(round));
        let present = scenario_of(pack, &entry.scenario, &entry.actor, seed, tasks, None)?;
        let changed = change(&present, entry)?;
        // Whatever drifts on a real machine meets both alike.
        let (before, after) = if round % 2 == 0 {
            let before = sojourn(engine, &present, entry, seed)?;
            (before, sojourn(engine, &changed, entry, seed)?)
        } else {
            let after = sojourn(engine, &changed, entry, seed)?;
            (sojourn(engine, &present, entry, seed)?, after)
        };
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one task")]
        let ms = |ns: u64| ns as f64 / 1e6;
        present_p99.push(ms(before.p99));
        p99.push(ms(before.p99) - ms(after.p99));
        mean.push((before.mean - after.mean) / 1e6);
    }
    Ok(Found {
        p99_ms: mean_interval(&present_p99, 0.95).value,
        p99: mean_interval(&p99, 0.95),
        mean: mean_interval(&mean, 0.95),
    })
}

fn sojourn(
    engine: &SharedEngine,
    scenario: &Scenario,
    entry: &Entry,
    seed: u64,
) -> Result<Distribution, String> {
    let treatment = Treatment { load: entry.load, ..Treatment::default() };
    let mut experiment = Experiment::new(scenario.treated(&treatment), entry.load);
    experiment.seed = seed;
    let output = engine.run(&experiment, &Progress::default()).map_err(|error| error.to_string())?;
    let actor = output.record.actors.get(&entry.actor).ok_or("the actor is not in the record")?;
    if actor.completed < 100 {
        return Err(format!("{} tasks carry no p99", actor.completed));
    }
    Ok(actor.sojourn_ns.clone())
}

/// The scenario with the entry carried out.
fn change(scenario: &Scenario, entry: &Entry) -> Result<Scenario, String> {
    let treatment = match &entry.trial {
        Trial::Queue(kind) => Treatment { queue: Some(*kind), ..Treatment::default() },
        Trial::Cache(layout) => Treatment { cache: Some(*layout), ..Treatment::default() },
        Trial::Step { step, factor } => {
            let mut changed = scenario.clone();
            let focus = changed.focus;
            let found = changed.actors[focus].steps.iter_mut().find(|one| one.name == *step);
            let found = found.ok_or_else(|| format!("actor {} has no step `{step}`", entry.actor))?;
            found.compute = found.compute.as_ref().map(|draw| draw.scaled(*factor));
            found.io = found.io.as_ref().map(|draw| draw.scaled(*factor));
            return Ok(changed);
        }
    };
    Ok(scenario.treated(&treatment))
}

/// The roadmap for programs; [`crate::audit`] reads the promises in it.
#[must_use]
pub(super) fn to_json(judged: &[Judged]) -> Value {
    let rows = judged.iter().enumerate().map(|(rank, judged)| {
        let entry = &judged.entry;
        let mut row = json!({
            "rank": rank + 1,
            "priority": entry.priority,
            "title": entry.title,
            "component": entry.component,
            "current": entry.current,
            "metric": entry.metric,
            "expected_speedup": [entry.expected_speedup.0, entry.expected_speedup.1],
            "from_ms": entry.from_ms,
            "to_ms": [entry.to_ms.0, entry.to_ms.1],
            "savings_ms": [entry.savings_ms.0, entry.savings_ms.1],
            "effort_days": entry.effort_days,
            "risk": entry.risk,
            "roi": entry.roi,
            "complexity": format!("{}/5", entry.complexity),
            "complexity_reason": entry.complexity_reason,
            "recommendation": entry.recommendation,
            "verdict": judged.verdict(),
        });
        let Value::Object(fields) = &mut row else { return row };
        match &judged.found {
            Ok(found) => {
                let estimate = |estimate: &Estimate| {
                    json!({
                        "saving": rounded(estimate.value), "low": rounded(estimate.low),
                        "high": rounded(estimate.high), "rounds": estimate.n,
                    })
                };
                let mut lab = Map::new();
                lab.insert("engine".to_owned(), json!(judged.engine));
                lab.insert("scenario".to_owned(), json!(entry.scenario));
                lab.insert("p99_before".to_owned(), json!(rounded(found.p99_ms)));
                lab.insert("at_p99".to_owned(), estimate(&found.p99));
                lab.insert("at_mean".to_owned(), estimate(&found.mean));
                lab.insert("p99_saved_per_day".to_owned(), json!(rounded(judged.per_day())));
                fields.insert("lab".to_owned(), Value::Object(lab));
            }
            Err(why) => {
                fields.insert("not_tried".to_owned(), json!(why));
            }
        }
        row
    });
    json!({ "roadmap": rows.collect::<Vec<_>>() })
}

/// The roadmap for people.
#[must_use]
pub(super) fn to_markdown(judged: &[Judged]) -> String {
    let mut text = "# Roadmap\n\nRanked by milliseconds of p99 saved per day of work, as the lab found them.\n\n\
         | rank | entry | component | expected saving | found: mean | found: p99 | per day | effort | risk | complexity | verdict |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (rank, judged) in judged.iter().enumerate() {
        let entry = &judged.entry;
        let show = |estimate: &Estimate| {
            format!("{:.2} ({:.2} to {:.2}) ms", estimate.value, estimate.low, estimate.high)
        };
        let (mean, p99) = match &judged.found {
            Ok(found) => (show(&found.mean), show(&found.p99)),
            Err(_) => ("not tried".to_owned(), "not tried".to_owned()),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {}–{} ms of {} | {mean} | {p99} | {:.2} ms | {} days | {} | {}/5 | {} |",
            rank + 1,
            entry.title,
            entry.component,
            entry.savings_ms.0,
            entry.savings_ms.1,
            entry.metric,
            judged.per_day(),
            entry.effort_days,
            entry.risk,
            entry.complexity,
            judged.verdict(),
        );
    }
    for judged in judged {
        let entry = &judged.entry;
        let _ = write!(
            text,
            "\n## {}\n\nCurrent: {}. Expected: {} to {} times, {} → {}–{} ms, {} ROI. Complexity {}/5: {}. Recommended: {}. ",
            entry.title,
            entry.current,
            entry.expected_speedup.0,
            entry.expected_speedup.1,
            entry.from_ms,
            entry.to_ms.0,
            entry.to_ms.1,
            entry.roi,
            entry.complexity,
            entry.complexity_reason,
            entry.recommendation,
        );
        let _ = match &judged.found {
            Ok(found) => writeln!(
                text,
                "The lab ({} engine, `{}`, {} rounds): p99 {:.2} ms before; {}.",
                judged.engine,
                entry.scenario,
                found.p99.n,
                found.p99_ms,
                judged.verdict()
            ),
            Err(why) => writeln!(text, "The lab could not try it: {why}."),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> Vec<Entry> {
        Pack::open(crate::campaign::EMBEDDED).unwrap().entries
    }

    fn judged(entry: &Entry, low: f64, value: f64) -> Judged {
        Judged {
            entry: entry.clone(),
            engine: "virtual",
            found: Ok(Found {
                p99_ms: 50.0,
                p99: Estimate::new(value, low, 2.0 * value - low, 8),
                mean: Estimate::new(0.0, -0.5, 0.5, 8),
            }),
        }
    }

    #[test]
    fn the_embedded_entries_have_every_field() {
        let entries = embedded();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[1].savings_ms, (30.0, 35.0));
        assert_eq!(entries[1].trial, Trial::Queue(QueueKind::LockFree));
    }

    #[test]
    fn a_saving_is_worth_doing_when_shown_and_not_when_shown_to_be_small() {
        let mut entry = embedded().remove(1);
        entry.savings_ms = (2.0, 6.0);
        assert_eq!(judged(&entry, -0.5, 3.0).is_worth_doing(), None);
        assert!(judged(&entry, -0.5, 3.0).verdict().starts_with("undecided"));
        assert_eq!(judged(&entry, 2.5, 3.0).verdict(), "worth doing");
        assert_eq!(judged(&entry, 0.01, 0.02).is_worth_doing(), Some(false));
        assert!(judged(&entry, 0.01, 0.02).verdict().starts_with("promise refuted"));
    }

    #[test]
    fn a_trial_that_sets_the_promised_factor_proves_no_promise() {
        let mut entry = embedded().remove(0);
        entry.metric = "p99".into();
        assert!(judged(&entry, 2.5, 5.0).verdict().contains("assumes"));
        entry.trial = Trial::Queue(QueueKind::LockFree);
        assert_eq!(judged(&entry, 2.5, 5.0).verdict(), "worth doing");
    }

    /// Sure savings are divided by days: more days rank lower, and a wide interval ranks nothing.
    #[test]
    fn the_rank_is_what_is_surely_saved_per_day() {
        let mut entry = embedded().remove(1);
        entry.effort_days = 4.0;
        assert!((judged(&entry, 2.0, 3.0).per_day() - 0.5).abs() < 1e-12);
        entry.effort_days = 1.0;
        assert!((judged(&entry, 2.0, 3.0).per_day() - 2.0).abs() < 1e-12);
        assert!(judged(&entry, -483.0, 37.0).per_day().abs() < 1e-12);
    }
}
