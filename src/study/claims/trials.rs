//! The experiments that claims name, run and judged.

use super::file::{ClaimFile, Criterion, Levels, Trial};
use super::{ClaimOptions, ClaimVerdict, Finding};
use crate::cache::CacheLayout;
use crate::engine::Progress;
use crate::kernels::attention::{Head, Tile, buffers_trial, trial};
use crate::queue::QueueKind;
use crate::scenario::{EngineKind, LoadArm, Scenario, Treatment, unknown};
use crate::study::stats::{Estimate, difference, mean_interval, relative_difference};
use crate::study::{
    Arm, ExplainOptions, Explanation, Knob, Mechanism, Metric, Observation, SharedEngine, StudyError, Unit,
    explain, run_rounds,
};
use crate::units::Nanos;

/// Rounds in which kernels are timed.
const KERNEL_ROUNDS: usize = 15;

/// Runs trials, remembering what several claims need.
pub(super) struct Bench<'a> {
    file: &'a ClaimFile,
    engine: &'a SharedEngine,
    options: &'a ClaimOptions,
    progress: &'a Progress,
    explained: Vec<(String, Explanation)>,
}

/// A figure before it is judged.
struct Figure {
    what: String,
    estimate: Estimate,
    show: fn(f64) -> String,
    engine: String,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        file: &'a ClaimFile,
        engine: &'a SharedEngine,
        options: &'a ClaimOptions,
        progress: &'a Progress,
    ) -> Self {
        Self { file, engine, options, progress, explained: Vec::new() }
    }

    /// Runs one trial and judges its figure.
    pub(super) fn run(&mut self, trial: &Trial) -> Result<Finding, StudyError> {
        let (figure, criterion) = match trial {
            Trial::Effect { scenario, metric, from, to, ratio, criterion } => {
                (self.effect(scenario, *metric, from, to, *ratio)?, criterion)
            }
            Trial::Cost { scenario, metric, cost, factor, load, milliseconds, criterion } => {
                let load = load_arm(load.as_deref())?;
                (self.cost(scenario, *metric, (cost, *factor), load, *milliseconds)?, criterion)
            }
            Trial::LargestStep { scenario, metric, load, criterion } => {
                (self.largest_step(scenario, *metric, load_arm(load.as_deref())?)?, criterion)
            }
            Trial::Share { scenario, metric, mechanism, criterion } => {
                (self.share(scenario, *metric, mechanism)?, criterion)
            }
            Trial::Level { scenario, metric, at, criterion } => {
                (self.level(scenario, *metric, at)?, criterion)
            }
            Trial::Attention { tokens, width, criterion } => (self.attention(*tokens, *width)?, criterion),
            Trial::Buffers { tokens, width, criterion } => (self.buffers(*tokens, *width), criterion),
        };
        let shown = |value: f64| (figure.show)(value);
        let estimate = figure.estimate;
        Ok(Finding {
            shown: format!(
                "{} [{}, {}], n = {}",
                shown(estimate.value),
                shown(estimate.low),
                shown(estimate.high),
                estimate.n
            ),
            criterion: words(*criterion, figure.show),
            verdict: judge(&estimate, *criterion),
            what: figure.what,
            figure: estimate,
            engine: figure.engine,
            seed: self.options.seed,
        })
    }

    fn scenario(&self, name: &str) -> Result<Scenario, StudyError> {
        self.file.scenario(name).map_err(|error| StudyError::Refused(error.to_string()))
    }

    /// Runs scenarios side by side and returns their observations.
    fn rounds(&self, scenarios: &[(Scenario, LoadArm)]) -> Result<Vec<Vec<Observation>>, StudyError> {
        let arms: Vec<Arm<'_>> = scenarios
            .iter()
            .map(|(scenario, load)| Arm { engine: &self.engine, scenario, load: *load })
            .collect();
        run_rounds(&arms, 0..self.options.rounds.max(2), self.options.seed, self.progress, &|| {})
    }

    fn effect(
        &self,
        name: &str,
        metric: Metric,
        from: &Levels,
        to: &Levels,
        ratio: bool,
    ) -> Result<Figure, StudyError> {
        let scenario = self.scenario(name)?;
        let (from, to) = (treatment(from)?, treatment(to)?);
        let found = self.rounds(&[(scenario.treated(&from), from.load), (scenario.treated(&to), to.load)])?;
        let (before, after) = (series(&found[0], metric, name)?, series(&found[1], metric, name)?);
        let relative = relative_difference(&after, &before, self.options.level).ok_or_else(|| {
            StudyError::Refused(format!("`{name}`: its {} is 0, so it has no ratio", metric.name()))
        })?;
        let change =
            format!("{} with {} instead of {}, {name}", metric.name(), describe(&to), describe(&from));
        Ok(if ratio {
            self.figure(change, relative.map(|share| 1.0 + share), times)
        } else {
            self.figure(change, relative, signed)
        })
    }

    fn cost(
        &self,
        name: &str,
        metric: Metric,
        (cost, factor): (&str, f64),
        load: LoadArm,
        milliseconds: bool,
    ) -> Result<Figure, StudyError> {
        let scenario = self.scenario(name)?.treated(&Treatment { load, ..Treatment::default() });
        let kind = if self.engine.name() == "virtual" { EngineKind::Virtual } else { EngineKind::Real };
        let knob = Knob::parse(cost, &scenario, kind).map_err(StudyError::Refused)?;
        let turned = knob.scaled(&scenario, factor);
        let found = self.rounds(&[(scenario, load), (turned, load)])?;
        let (before, after) = (series(&found[0], metric, name)?, series(&found[1], metric, name)?);
        let what = format!("{} when `{cost}` costs {factor} times as much, {name}", metric.name());
        let level = self.options.level;
        Ok(if milliseconds {
            self.figure(what, difference(&after, &before, level).map(|ns| ns / 1e6), in_ms)
        } else {
            let relative = relative_difference(&after, &before, level);
            let missing = || StudyError::Refused(format!("`{name}`: its {} is 0", metric.name()));
            self.figure(what, relative.ok_or_else(missing)?, signed)
        })
    }

    fn largest_step(&self, name: &str, metric: Metric, load: LoadArm) -> Result<Figure, StudyError> {
        let scenario = self.scenario(name)?.treated(&Treatment { load, ..Treatment::default() });
        let actor = scenario.focus;
        let knobs: Vec<Knob> = (0..scenario.actors[actor].steps.len())
            .map(|step| Knob::Step { actor, step })
            .filter(|knob| knob.scaled(&scenario, 0.5) != scenario)
            .collect();
        let mut arms = vec![(scenario.clone(), load)];
        arms.extend(knobs.iter().map(|knob| (knob.scaled(&scenario, 0.5), load)));
        let found = self.rounds(&arms)?;
        let before = series(&found[0], metric, name)?;
        let mut best: Option<(String, Estimate)> = None;
        for (knob, runs) in knobs.iter().zip(&found[1..]) {
            let after = series(runs, metric, name)?;
            if let Some(change) = relative_difference(&after, &before, self.options.level)
                && best.as_ref().is_none_or(|(_, so_far)| change.value < so_far.value)
            {
                best = Some((knob.name(&scenario), change));
            }
        }
        let (knob, change) =
            best.ok_or_else(|| StudyError::Refused(format!("`{name}` has no step to halve")))?;
        let what =
            format!("{} when `{knob}` is halved, the best of {} steps, {name}", metric.name(), knobs.len());
        Ok(self.figure(what, change, signed))
    }

    fn share(&mut self, name: &str, metric: Metric, mechanism: &str) -> Result<Figure, StudyError> {
        if !self.explained.iter().any(|(known, _)| known == name) {
            let rounds = self.options.rounds.max(2);
            let options = ExplainOptions {
                least_rounds: rounds,
                most_rounds: rounds,
                level: self.options.level,
                seed: self.options.seed,
                ..ExplainOptions::default()
            };
            let scenario = self.scenario(name)?;
            let found = explain(&scenario, &self.engine, &options, self.progress, &|_, _| {})?;
            self.explained.push((name.to_owned(), found));
        }
        let wanted = match mechanism {
            "interpreter" => Some(Mechanism::Interpreter),
            "locks" => Some(Mechanism::Locks),
            "switching" => Some(Mechanism::Switching),
            "caches" => Some(Mechanism::Caches),
            "pools" => Some(Mechanism::Pools),
            "quota" => Some(Mechanism::Quota),
            "pauses" => Some(Mechanism::Pauses),
            "neighbours" => None,
            other => {
                let known = ["interpreter", "locks", "switching", "caches", "neighbours"];
                return Err(StudyError::Refused(unknown("mechanism", other, &known)));
            }
        };
        let explanation = self.explained.iter().find(|(known, _)| known == name).map(|(_, found)| found);
        let split = explanation.and_then(|found| found.split(metric));
        let part = split.and_then(|split| split.parts.iter().find(|part| part.mechanism == wanted));
        let Some(part) = part else {
            return Err(StudyError::Refused(format!(
                "`{name}`: its {} gap has no part {mechanism}",
                metric.name()
            )));
        };
        let unbounded = Estimate::new(f64::NAN, f64::NEG_INFINITY, f64::INFINITY, 0);
        let what = format!(
            "share of {} in the {} gap between baseline and isolated, {name}",
            part.cause,
            metric.name()
        );
        Ok(self.figure(what, part.share.unwrap_or(unbounded), percent))
    }

    fn level(&self, name: &str, metric: Metric, at: &Levels) -> Result<Figure, StudyError> {
        let treatment = treatment(at)?;
        let scenario = self.scenario(name)?.treated(&treatment);
        let found = self.rounds(&[(scenario, treatment.load)])?;
        let estimate = mean_interval(&series(&found[0], metric, name)?, self.options.level);
        let what = format!("{} with {}, {name}", metric.name(), describe(&treatment));
        Ok(match metric.unit() {
            Unit::Time => self.figure(what, estimate.map(|ns| ns / 1e6), in_ms),
            Unit::Rate => self.figure(what, estimate, |value| Unit::Rate.show(value)),
            Unit::Share => self.figure(what, estimate, percent),
        })
    }

    fn attention(&self, tokens: usize, width: usize) -> Result<Figure, StudyError> {
        let found = trial(&Head::random(tokens, width, self.options.seed), Tile::default(), KERNEL_ROUNDS);
        if found.difference > 1e-5 {
            return Err(StudyError::Refused(format!(
                "plain and tiled attention differ by {:.1e}: one of them is wrong",
                found.difference
            )));
        }
        let what = format!(
            "speed-up of attention tiled with an online softmax, {tokens} tokens of width {width}, f32 on this processor, \
             results equal to {:.0e}",
            found.difference
        );
        Ok(self.kernel(what, &found.plain, &found.tiled))
    }

    fn buffers(&self, tokens: usize, width: usize) -> Figure {
        let (fresh, kept) = buffers_trial(&Head::random(tokens, width, self.options.seed), KERNEL_ROUNDS);
        let what = format!(
            "speed-up of attention whose buffers are allocated beforehand, {tokens} tokens of width {width}"
        );
        self.kernel(what, &fresh, &kept)
    }

    fn kernel(&self, what: String, slow: &[Nanos], fast: &[Nanos]) -> Figure {
        #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
        let times_of = |times: &[Nanos]| times.iter().map(|time| time.0 as f64).collect::<Vec<f64>>();
        let relative = relative_difference(&times_of(slow), &times_of(fast), self.options.level);
        let unbounded = Estimate::new(f64::NAN, f64::NEG_INFINITY, f64::INFINITY, 0);
        let ratio = relative.map_or(unbounded, |relative| relative.map(|share| 1.0 + share));
        Figure { what, estimate: ratio, show: times, engine: "kernel".into() }
    }

    fn figure(&self, what: String, estimate: Estimate, show: fn(f64) -> String) -> Figure {
        Figure { what, estimate, show, engine: self.engine.name().to_owned() }
    }
}

fn series(runs: &[Observation], metric: Metric, name: &str) -> Result<Vec<f64>, StudyError> {
    let values: Option<Vec<f64>> = runs.iter().map(|run| run.get(metric)).collect();
    values.ok_or_else(|| {
        StudyError::Refused(format!("`{name}`: its runs have too few tasks for a {}", metric.name()))
    })
}

fn load_arm(word: Option<&str>) -> Result<LoadArm, StudyError> {
    named("load arm", word.unwrap_or("baseline"), &LoadArm::ALL, LoadArm::name)
}

fn named<T: Copy>(what: &str, word: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, StudyError> {
    all.iter().copied().find(|&one| name(one) == word).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
        StudyError::Refused(unknown(what, word, &names))
    })
}

fn treatment(levels: &Levels) -> Result<Treatment, StudyError> {
    let queue = levels.queue.as_deref().map(|word| named("queue", word, &QueueKind::ALL, QueueKind::name));
    let cache =
        levels.cache.as_deref().map(|word| named("cache layout", word, &CacheLayout::ALL, CacheLayout::name));
    Ok(Treatment {
        threads: levels.threads,
        queue: queue.transpose()?,
        cache: cache.transpose()?,
        load: load_arm(levels.load.as_deref())?,
        cores: None,
    })
}

/// A treatment's levels in words.
fn describe(treatment: &Treatment) -> String {
    let mut words = Vec::new();
    words.extend(treatment.queue.map(|queue| format!("queue {}", queue.name())));
    words.extend(treatment.cache.map(|cache| format!("cache {}", cache.name())));
    words.extend(treatment.threads.map(|threads| format!("{threads} threads")));
    if words.is_empty() || treatment.load == LoadArm::Isolated {
        words.push(format!("{} load", treatment.load.name()));
    }
    words.join(", ")
}

/// What an interval says of a criterion.
fn judge(figure: &Estimate, criterion: Criterion) -> ClaimVerdict {
    let (least, most) =
        (criterion.at_least.unwrap_or(f64::NEG_INFINITY), criterion.at_most.unwrap_or(f64::INFINITY));
    if figure.value.is_nan() {
        ClaimVerdict::Inconclusive
    } else if figure.low >= least && figure.high <= most {
        ClaimVerdict::Supported
    } else if figure.high < least || figure.low > most {
        ClaimVerdict::Refuted
    } else {
        ClaimVerdict::Inconclusive
    }
}

fn words(criterion: Criterion, show: fn(f64) -> String) -> String {
    match (criterion.at_least, criterion.at_most) {
        (Some(least), Some(most)) => format!("between {} and {}", show(least), show(most)),
        (Some(least), None) => format!("at least {}", show(least)),
        (None, Some(most)) => format!("at most {}", show(most)),
        (None, None) => "anything".into(),
    }
}

fn signed(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2}×")
}

fn in_ms(value: f64) -> String {
    format!("{value:.2} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_interval_decides() {
        let criterion = Criterion { at_least: Some(3.0), at_most: None };
        for (low, high, expected) in [
            (3.1, 3.9, ClaimVerdict::Supported),
            (2.9, 3.9, ClaimVerdict::Inconclusive),
            (1.0, 2.9, ClaimVerdict::Refuted),
        ] {
            assert_eq!(judge(&Estimate::new(f64::midpoint(low, high), low, high, 8), criterion), expected);
        }
        let nothing = Estimate::new(f64::NAN, f64::NEG_INFINITY, f64::INFINITY, 0);
        assert_eq!(judge(&nothing, criterion), ClaimVerdict::Inconclusive);
    }
}
