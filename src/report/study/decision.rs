//! The page that a decision is made on: every possible fix with what it saves, how sure that is, and a verdict.

use super::scenario_word;
use crate::report::page::{Block, Interval, Intervals, Next, Page, Section, Table, Tone};
use crate::report::words::several;
use crate::study::decision::{Fix, FixVerdict, tied};
use crate::study::stats::Estimate;
use crate::study::{Metric, Unit};

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Name of the scenario.
    pub scenario: String,
    /// Actor in focus.
    pub focus: String,
    /// Where the fixes were tried, in words: `modelled in virtual time`.
    pub manner: String,
    /// The figure as it is, on the same engine.
    pub now: Option<(Metric, Estimate)>,
    /// The last real run of the scenario in words, if one is stored.
    pub measured: Option<String>,
    /// Seed of the first round.
    pub seed: u64,
    /// The fixes, the best first.
    pub fixes: Vec<Fix>,
}

/// The page of `decision`.
#[must_use]
pub fn decision_page(decision: &Decision) -> Page {
    let count = |wanted: &dyn Fn(FixVerdict) -> bool| {
        decision.fixes.iter().filter(|fix| wanted(fix.verdict)).count() as u64
    };
    let refuted = count(&|one| matches!(one, FixVerdict::PromiseRefuted | FixVerdict::SmallerThanPromised));
    let scenario = scenario_word(&decision.scenario);
    let best = decision.fixes.first().filter(|fix| fix.verdict.speaks_for());
    let next = match best.and_then(|fix| fix.name.strip_prefix("halve ")) {
        Some(cost) if cost.starts_with("step:") => Next::new(
            format!("conlab whatif{scenario} --engine real --cost {cost} --replicates 5"),
            "the same on real threads, before somebody builds it",
        ),
        _ => Next::new(format!("conlab run{scenario}"), "a measured record to set beside what is modelled"),
    };
    Page {
        kicker: format!(
            "decide {} · {} · seed {}",
            decision.scenario,
            several(decision.fixes.len() as u64, "fix"),
            decision.seed
        ),
        title: format!("What to do about {}", decision.focus),
        answer: answer(decision, best),
        certainty: format!(
            "{} for, {} undecided, {refuted} promised and refuted. Ranked by the near end of the interval (95 %): what is surely saved.",
            count(&FixVerdict::speaks_for),
            count(&|one| one == FixVerdict::Undecided),
        ),
        next: Some(next),
        sections: vec![decision_section(&decision.fixes)],
        ..Page::default()
    }
}

/// The best fix, whose figure it improves, and how real that is.
fn answer(decision: &Decision, best: Option<&Fix>) -> String {
    let measured = decision.measured.as_ref().map_or_else(
        || "no measured record of it is stored here".to_owned(),
        |record| format!("the last measured record has {record}"),
    );
    let now = decision.now.map_or_else(String::new, |(metric, value)| {
        format!(" of {} {}", metric.unit().show(value.value), metric.name())
    });
    let Some((fix, saving)) = best.and_then(|fix| Some((fix, fix.saving?))) else {
        return format!("No fix is shown to save anything{now}, {}; {measured}.", decision.manner);
    };
    let ties: Vec<String> = tied(&decision.fixes).iter().map(|fix| format!("`{}`", fix.name)).collect();
    let tie = if ties.is_empty() {
        String::new()
    } else {
        format!(" Not told apart from it: {}.", ties.join(", "))
    };
    format!(
        "`{}` saves most: {}{now}, {}; {measured}. It is {}.{tie}",
        fix.name,
        shown(fix.metric.unit(), &saving),
        decision.manner,
        fix.verdict.name()
    )
}

/// `14.0 ms [12.0 ms, 16.0 ms]`.
fn shown(unit: Unit, saving: &Estimate) -> String {
    format!("{} [{}, {}]", unit.show(saving.value), unit.show(saving.low), unit.show(saving.high))
}

/// The fixes with what each saves, and on demand with effort and what tried it; of one metric or several.
#[must_use]
pub fn decision_section(fixes: &[Fix]) -> Section {
    let lead = "What the figure gains where a fix is tried, with its interval. A cost is halved, which is assumed to be \
                attainable; a mechanism that is taken away altogether gives a ceiling.";
    let mut section = Section::new("decision", "Possible fixes", lead).in_brief();
    let mut metrics: Vec<Metric> = Vec::new();
    for fix in fixes.iter().filter(|fix| fix.saving.is_some()) {
        if !metrics.contains(&fix.metric) {
            metrics.push(fix.metric);
        }
    }
    for metric in metrics {
        let rows = fixes.iter().filter(|fix| fix.metric == metric).filter_map(interval);
        section = section.with(Intervals {
            caption: format!("saving of the {}", metric.name()),
            reference: 0.0,
            sides: ("costs".into(), "saves".into()),
            unit: super::page_unit(metric.unit()),
            rows: rows.collect(),
        });
    }
    let claims = fixes.iter().filter(|fix| fix.saving.is_none());
    let rows: Vec<Vec<String>> =
        claims.map(|fix| vec![fix.name.clone(), fix.verdict.name().to_owned(), fix.shown.clone()]).collect();
    if !rows.is_empty() {
        section = section.with(Table::new(
            "Promises without a saving of their own",
            "promise | verdict | shown",
            3,
            rows,
        ));
    }
    let rows = fixes.iter().map(|fix| {
        let days = fix.effort_days.filter(|days| *days > 0.0);
        let per_day =
            days.filter(|_| fix.saving.is_some()).map(|days| fix.metric.unit().show(fix.surely() / days));
        vec![
            fix.name.clone(),
            fix.tried_on.clone(),
            days.map_or_else(|| "–".into(), |days| format!("{days} days")),
            per_day.unwrap_or_else(|| "–".into()),
        ]
    });
    section.with(Block::Details {
        summary: "Effort, and what each was tried on".into(),
        blocks: vec![Block::Table(Table::new(
            "",
            "fix | tried on | effort | surely saved a day",
            2,
            rows.collect(),
        ))],
    })
}

fn interval(fix: &Fix) -> Option<Interval> {
    let saving = fix.saving?;
    Some(Interval {
        label: fix.name.clone(),
        value: saving.value,
        low: saving.low,
        high: saving.high,
        tone: match fix.verdict {
            FixVerdict::WorthDoing | FixVerdict::SmallerThanPromised => Tone::Good,
            FixVerdict::PromiseRefuted => Tone::Bad,
            FixVerdict::IfReached
            | FixVerdict::Ceiling
            | FixVerdict::Undecided
            | FixVerdict::Supported
            | FixVerdict::NotWorthDoing
            | FixVerdict::NotTried => Tone::Plain,
        },
        verdict: fix.verdict.name().to_owned(),
    })
}
