//! The cheapest setting that meets a goal, by racing in virtual time.
//!
//! Every setting is run for a few rounds. One whose interval lies wholly on the wrong side of a goal is out; once one lies
//! wholly on the right side of all goals, every dearer one is out as well. What is undecided gets twice the rounds, until
//! the cheapest that is left is decided or the rounds are used up.

use super::gate::Gate;
use super::metric::{Metric, Observation};
use super::stats::{Estimate, mean_interval};
use super::trial::{Arm, ListedArm, RunList, Runner, StudyError, Watch, run_rounds};
use crate::engine::Progress;
use crate::scenario::{Scenario, Treatment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Most settings of one search.
pub const MAX_SETTINGS: usize = 4096;
/// Rounds of every setting at first.
const FIRST_ROUNDS: u32 = 4;
/// Most rounds of a setting.
const MAX_ROUNDS: u32 = SearchOptions::MOST_ROUNDS;

/// A field and the values that it may take, the cheapest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Path of the field, as `--set` takes it.
    pub path: String,
    /// The values, the cheapest first.
    pub values: Vec<String>,
}

impl FromStr for Over {
    type Err = String;

    /// `actor.web.threads=1..64`, `…=8,16,32`, `…=mutex,lockfree`.
    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected PATH=LOW..HIGH or PATH=A,B,C, the cheapest first, such as actor.web.threads=1..64";
        let (path, values) = text.split_once('=').ok_or_else(|| format!("`{text}`: {EXPECTED}"))?;
        let values: Vec<String> = match values.split_once("..") {
            Some((low, high)) => {
                let number = |text: &str| text.trim().trim_start_matches('=').parse::<u64>().ok();
                let (low, high) = number(low)
                    .zip(number(high))
                    .filter(|(low, high)| low <= high)
                    .ok_or_else(|| format!("`{values}` is not a range of whole numbers: {EXPECTED}"))?;
                if high - low >= MAX_SETTINGS as u64 {
                    return Err(format!(
                        "`{values}` has more than {MAX_SETTINGS} values; give fewer, as a list"
                    ));
                }
                (low..=high).map(|value| value.to_string()).collect()
            }
            None => values.split(',').map(|value| value.trim().to_owned()).collect(),
        };
        if path.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(format!("`{text}`: {EXPECTED}"));
        }
        Ok(Self { path: path.trim().to_owned(), values })
    }
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// Goals; all must hold.
    pub goals: Vec<Gate>,
    /// Fields and their values. Settings rank by the sum of their values' places, so the first of each is the cheapest.
    pub over: Vec<Over>,
    /// Confidence of the intervals that decide.
    pub level: f64,
    /// First of the seeds.
    pub seed: u64,
    /// Rounds of every setting, without a race; unless given, settings race.
    pub rounds: Option<u32>,
}

impl SearchOptions {
    /// Most rounds of a setting in a race.
    pub const MOST_ROUNDS: u32 = 64;

    /// Rounds of every setting at first, and at most.
    fn rounds(&self) -> (u32, u32) {
        self.rounds.map_or((FIRST_ROUNDS, MAX_ROUNDS), |rounds| (rounds.max(2), rounds.max(2)))
    }

    /// # Errors
    ///
    /// [`StudyError::Refused`] for a goal that needs a reference.
    fn check(&self) -> Result<(), StudyError> {
        match self.goals.iter().find(|goal| goal.is_relative()) {
            Some(goal) => Err(StudyError::Refused(format!(
                "goal `{}` is relative to a reference: expected a value, such as p99<80ms",
                goal.text
            ))),
            None => Ok(()),
        }
    }
}

/// A setting: a value for each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Paths and values.
    pub fields: Vec<(String, String)>,
    /// Sum of the places of its values, from 0: what it is ranked by.
    pub cost: usize,
    /// The figures that the goals bound, in the order of the goals.
    pub figures: Vec<Reached>,
    /// Whether it meets every goal: surely, surely not, or undecided.
    pub meets: Option<bool>,
}

/// A figure of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// Which.
    pub metric: Metric,
    /// Its value; `None` where too few tasks completed for it.
    pub value: Option<Estimate>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchResult {
    /// Name of the scenario.
    pub scenario: String,
    /// The goals, as written.
    pub goals: Vec<String>,
    /// Settings that were possible.
    pub settings: usize,
    /// Runs made.
    pub runs: usize,
    /// Confidence of the intervals.
    pub level: f64,
    /// First of the seeds.
    pub seed: u64,
    /// The cheapest that surely meets the goals.
    pub best: Option<Setting>,
    /// Cheaper ones that could not be decided.
    pub undecided: Vec<Setting>,
    /// Every setting that was run, by cost.
    pub tried: Vec<Setting>,
}

struct Entrant {
    setting: Setting,
    scenario: Scenario,
    seen: Vec<Observation>,
}

/// Searches `scenario`; `watch` is told the runs made and the most that may become necessary.
///
/// # Errors
///
/// [`StudyError::Refused`] when a goal is relative, a path leads nowhere or there are too many settings.
pub fn search(
    scenario: &Scenario,
    engine: &dyn Runner,
    options: &SearchOptions,
    progress: &Progress,
    watch: Watch<'_>,
) -> Result<SearchResult, StudyError> {
    options.check()?;
    let mut alive = entrants(scenario, options)?;
    let settings = alive.len();
    let mut out: Vec<Setting> = Vec::new();
    let (first, most) = options.rounds();
    let (mut runs, mut from, mut until) = (0, 0, first);
    while !alive.is_empty() {
        let arms: Vec<Arm<'_>> = alive
            .iter()
            .map(|entrant| Arm { engine, scenario: &entrant.scenario, load: scenario.run.load })
            .collect();
        let found = run_rounds(&arms, from..until, options.seed, progress, &|| {})?;
        runs += found.iter().map(Vec::len).sum::<usize>();
        watch(runs, runs + alive.len());
        for (entrant, seen) in alive.iter_mut().zip(found) {
            entrant.seen.extend(seen);
            judge(entrant, options);
        }
        // The cheapest that surely meets the goals makes every dearer one pointless.
        let limit = alive
            .iter()
            .find(|entrant| entrant.setting.meets == Some(true))
            .map(|entrant| entrant.setting.cost);
        let (left, done): (Vec<Entrant>, Vec<Entrant>) = alive.into_iter().partition(|entrant| {
            entrant.setting.meets.is_none() && limit.is_none_or(|limit| entrant.setting.cost < limit)
        });
        out.extend(done.into_iter().map(|entrant| entrant.setting));
        alive = left;
        if until >= most {
            out.extend(alive.drain(..).map(|entrant| entrant.setting));
        }
        (from, until) = (until, (until * 2).min(most));
    }
    out.sort_by(|one, other| one.cost.cmp(&other.cost).then(one.fields.cmp(&other.fields)));
    let best = out.iter().find(|setting| setting.meets == Some(true)).cloned();
    let cheaper = |setting: &&Setting| best.as_ref().is_none_or(|best| setting.cost < best.cost);
    let undecided = out.iter().filter(|setting| setting.meets.is_none()).filter(cheaper).cloned().collect();
    Ok(SearchResult {
        scenario: scenario.name.clone(),
        goals: options.goals.iter().map(|goal| goal.text.clone()).collect(),
        settings,
        runs,
        level: options.level,
        seed: options.seed,
        best,
        undecided,
        tried: out,
    })
}

/// The runs of every setting, without a race: under the rounds asked for, or the most that a race may take.
///
/// # Errors
///
/// As [`search`].
pub fn searched_runs(scenario: &Scenario, options: &SearchOptions) -> Result<RunList, StudyError> {
    options.check()?;
    let arm = |entrant: Entrant| ListedArm {
        levels: entrant.setting.fields,
        scenario: entrant.scenario,
        load: scenario.run.load,
    };
    let arms = entrants(scenario, options)?.into_iter().map(arm).collect();
    let (_, rounds) = options.rounds();
    Ok(RunList { arms, seed: options.seed, rounds, events: None, fit: None })
}

/// Every setting, the cheapest first.
fn entrants(scenario: &Scenario, options: &SearchOptions) -> Result<Vec<Entrant>, StudyError> {
    let count = options.over.iter().try_fold(1_usize, |count, over| count.checked_mul(over.values.len()));
    let count = count.filter(|count| *count <= MAX_SETTINGS).ok_or_else(|| {
        StudyError::Refused(format!("--over: more than {MAX_SETTINGS} settings; give fewer values"))
    })?;
    let mut settings = Vec::with_capacity(count);
    for number in 0..count {
        let (mut rest, mut cost, mut fields) = (number, 0, Vec::new());
        for over in &options.over {
            let place = rest % over.values.len();
            rest /= over.values.len();
            cost += place;
            fields.push((over.path.clone(), over.values[place].clone()));
        }
        settings.push(Setting { fields, cost, figures: Vec::new(), meets: None });
    }
    settings.sort_by_key(|setting| setting.cost);
    let treatment = Treatment { load: scenario.run.load, ..Treatment::default() };
    settings
        .into_iter()
        .map(|setting| {
            let edited = scenario
                .edited(&setting.fields)
                .map_err(|error| StudyError::Refused(format!("--over: {error}")))?;
            Ok(Entrant { setting, scenario: edited.treated(&treatment), seen: Vec::new() })
        })
        .collect()
}

/// Whether a setting meets every goal, as far as its runs tell. One that starves or completes too little meets none.
fn judge(entrant: &mut Entrant, options: &SearchOptions) {
    let mut verdicts = Vec::new();
    entrant.setting.figures.clear();
    for goal in &options.goals {
        let metric = goal.metric();
        let values: Option<Vec<f64>> = entrant.seen.iter().map(|seen| seen.get(metric)).collect();
        let value = values.map(|values| mean_interval(&values, options.level));
        verdicts.push(value.map_or(Some(false), |value| goal.decide(&value)));
        entrant.setting.figures.push(Reached { metric, value });
    }
    entrant.setting.meets = if verdicts.contains(&Some(false)) {
        Some(false)
    } else if verdicts.contains(&None) {
        None
    } else {
        Some(true)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_are_read() {
        let over: Over = "actor.web.threads=1..4".parse().unwrap();
        assert_eq!(over.values, ["1", "2", "3", "4"]);
        let over: Over = "actor.web.queue=mutex,lockfree".parse().unwrap();
        assert_eq!((over.path.as_str(), over.values.len()), ("actor.web.queue", 2));
        for text in ["actor.web.threads", "a=4..1", "a=1..x", "a=1,,2", "=1..2", "a=1..9999999"] {
            assert!(text.parse::<Over>().is_err(), "{text}");
        }
    }
}
