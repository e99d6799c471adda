//! The page of an explanation.

use super::{doubts, page_unit, rounds_of, scenario_word, signed, with_interval};
use crate::explain::Waterfall as States;
use crate::measure::Cause;
use crate::report::page::{Block, Next, Page, Section, Stack, StackRow, Table, Waterfall, WaterfallPart};
use crate::study::stats::Estimate;
use crate::study::{Against, Explanation, Mechanism, Metric, NextExperiment, Part, Split};

/// The page of `explanation`, ending with the experiment to make next.
#[must_use]
pub fn explain_page(explanation: &Explanation, next: Option<&NextExperiment>) -> Page {
    let answering = answering(explanation).map(|split| split.metric);
    let mut sections: Vec<Section> = explanation
        .splits
        .iter()
        .map(|split| Section { brief: answering == Some(split.metric), ..one_split(explanation, split) })
        .collect();
    sections.push(states(explanation));
    sections.push(method(explanation));
    sections.extend(doubts(&explanation.warnings));
    sections.push(proposal(next));
    Page {
        kicker: format!(
            "explain {} · {} engine · {} rounds of {} runs · seeds {} to {}",
            explanation.scenario,
            explanation.engine,
            explanation.rounds,
            explanation.runs_per_round,
            explanation.seed,
            explanation.seed.wrapping_add(u64::from(explanation.rounds.saturating_sub(1)))
        ),
        title: explanation.scenario.clone(),
        question: explanation.question.clone(),
        answer: answer(explanation),
        certainty: format!(
            "{}, {} tasks or more a run{}.",
            rounds_of(explanation.rounds, explanation.level),
            explanation.tasks,
            if explanation.engine == "virtual" { "; simulated, not measured" } else { "" }
        ),
        next: Some(Next::new(
            format!("conlab decide{}", scenario_word(&explanation.scenario)),
            "each possible fix with what it saves",
        )),
        sections,
        ..Page::default()
    }
}

/// The split that the answer speaks of: that of the p99, else of the mean, else of any figure whose gap is shown.
fn answering(explanation: &Explanation) -> Option<&Split> {
    let shown = |metric| explanation.split(metric).filter(|split| split.shown);
    shown(Metric::P99)
        .or_else(|| shown(Metric::Mean))
        .or_else(|| explanation.splits.iter().find(|split| split.shown))
}

/// The verdict in two sentences.
#[must_use]
pub fn answer(explanation: &Explanation) -> String {
    let beside = match explanation.against {
        Against::Isolated => format!("beside {}", list(&explanation.neighbours)),
        Against::Ideal => "as it is".to_owned(),
    };
    let alone = match explanation.against {
        Against::Isolated => "alone",
        Against::Ideal => "with every mechanism free",
    };
    let focus = &explanation.focus;
    let Some(split) = answering(explanation) else {
        let Some(split) = explanation.splits.first() else {
            return "No figure could be split: the runs have too few tasks.".into();
        };
        let unit = split.metric.unit();
        return format!(
            "No gap is shown: the {} of {focus} is {} {beside} and {} {alone}, a difference of {}. There is nothing to \
             explain unless a larger sample shows one.",
            split.metric.name(),
            unit.show(split.baseline.value),
            unit.show(split.other.value),
            with_interval(unit, &split.gap)
        );
    };
    let unit = split.metric.unit();
    let ranked = split.ranked();
    let [first, second, ..] = ranked.as_slice() else { return String::new() };
    let share = |part: &Part| part.share.map_or_else(String::new, |share| percent(&share));
    let leaves = split.gap.value - first.leave_one_out.value;
    let alone_then = match first.mechanism {
        Some(_) => format!("; with that alone gone, {} of the gap would be left", unit.show(leaves)),
        None => String::new(),
    };
    format!(
        "The {} of {focus} is {} {beside} and {} {alone}: a gap of {}. Of it, {} is due to {}{alone_then}, and {} to {}.",
        split.metric.name(),
        unit.show(split.baseline.value),
        unit.show(split.other.value),
        with_interval(unit, &split.gap),
        share(first),
        with_article(first),
        share(second),
        with_article(second)
    )
}

/// A cause within a sentence.
fn with_article(part: &Part) -> String {
    match part.mechanism {
        Some(Mechanism::Interpreter) => format!("the {}", part.cause),
        Some(_) => part.cause.clone(),
        None if part.cause == "unexplained" => "what none of the mechanisms explains".into(),
        None => "the neighbours directly, who keep busy those that it waits for".into(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nobody".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// From so many times the gap on, a share says only that causes work against each other.
const OPPOSED: f64 = 10.0;

/// A share of a gap with its interval: `92 % ± 3`. One that is many times the gap is not given to three digits: it is set off by
/// others as large.
fn percent(share: &Estimate) -> String {
    let whole = (share.value * 100.0).round();
    let sign = if whole < 0.0 { "−" } else { "" };
    if share.value.abs() >= OPPOSED {
        return format!("{sign}over {OPPOSED:.0} times the gap, set off by other causes");
    }
    format!("{sign}{:.0} % ± {:.0}", whole.abs(), share.half_width * 100.0)
}

fn one_split(explanation: &Explanation, split: &Split) -> Section {
    let unit = split.metric.unit();
    let name = split.metric.name();
    let mark = if split.barely { " Few tasks lie beyond this percentile." } else { "" };
    let against = explanation.against.name();
    let lead = format!(
        "Baseline {}, {against} {}, gap {}{}.{mark}",
        with_interval(unit, &split.baseline),
        with_interval(unit, &split.other),
        with_interval(unit, &split.gap),
        if split.shown { "" } else { ": not shown, so nothing is shared out" }
    );
    let rows = split.parts.iter().map(|part| {
        vec![
            part.cause.clone(),
            with_interval(unit, &part.effect),
            part.share.as_ref().map_or_else(|| "–".into(), percent),
            with_interval(unit, &part.leave_one_out),
            with_interval(unit, &part.only_one),
        ]
    });
    let head = "cause | part of the gap | share | gap shrinks without it | gap that it makes alone";
    let mut section = Section::new(format!("split-{name}"), format!("The {name} gap"), lead)
        .with(Table::new("", head, 1, rows.collect()));
    if split.shown {
        section = section.with(chart(split, against));
    }
    for pair in &split.interactions {
        let more = if (pair.effect.value > 0.0) == (split.gap.value > 0.0) { "widen" } else { "narrow" };
        section = section.with(Block::Text(format!(
            "{} and {} together {more} the gap by {} beyond what each does apart.",
            capital(pair.first.name()),
            pair.second.name(),
            with_interval(unit, &pair.effect.magnitude())
        )));
    }
    section
}

fn chart(split: &Split, against: &str) -> Waterfall {
    let part = |part: &Part| WaterfallPart {
        label: part.cause.clone(),
        cause: colour(part.mechanism),
        value: part.effect.value,
        half_width: Some(part.effect.half_width),
    };
    Waterfall {
        caption: format!("From {against} to baseline"),
        unit: page_unit(split.metric.unit()),
        from: (against.to_owned(), split.other.value),
        parts: split.parts.iter().map(part).collect(),
        to: ("baseline".into(), split.baseline.value),
    }
}

fn states(explanation: &Explanation) -> Section {
    let rows = |what: &str, states: &States| {
        let of = |label: &str, value: fn(&crate::explain::Bar) -> f64| StackRow {
            label: format!("{what}, {label}"),
            parts: states.0.iter().map(|bar| (bar.state, value(bar))).collect(),
        };
        [of("baseline", |bar| bar.baseline_ns), of(explanation.against.name(), |bar| bar.isolated_ns)]
    };
    let stack = Stack {
        caption: "Sojourn by state".into(),
        rows: [
            rows("mean task", &explanation.waterfall_mean),
            rows("at the p99", &explanation.waterfall_p99),
        ]
        .concat(),
        ..Stack::default()
    };
    let lead = "Where tasks spent their time, which is not yet why: a task waits in the queue longer because others hold \
                a lock. The split above is what answers for causes.";
    Section::new("states", "The states behind it", lead).with(stack)
}

fn method(explanation: &Explanation) -> Section {
    let mut pairs: Vec<(String, String)> = explanation
        .mechanisms
        .iter()
        .map(|ablated| (format!("without {}", ablated.mechanism.name()), ablated.by.clone()))
        .collect();
    for kept in &explanation.kept {
        pairs.push((format!("{kept}, kept"), "cannot be taken away on this engine and host".into()));
    }
    let lead = format!(
        "Every set of mechanisms was taken away in {}, under the same random numbers, {} tasks or more a run. A part is the \
         Shapley value of its mechanism: its effect averaged over every order in which the mechanisms could appear. The \
         parts sum to the gap.",
        if explanation.against == Against::Isolated { "both arms" } else { "the baseline" },
        explanation.tasks
    );
    Section::new("method", "How the gap was split", lead).with(Block::Pairs(pairs))
}

fn proposal(next: Option<&NextExperiment>) -> Section {
    let Some(next) = next else {
        return Section::new(
            "next",
            "Next experiment",
            "None that this model would tell the causes apart by.",
        )
        .in_brief();
    };
    let predictions = next.predictions.iter().map(|prediction| {
        (
            format!("if it is {}", prediction.cause),
            format!(
                "{} changes by {}, between {} and {}",
                next.metric.name(),
                signed(prediction.change.value),
                signed(prediction.change.low),
                signed(prediction.change.high)
            ),
        )
    });
    Section::new(
        "next",
        "Next experiment, on your own system",
        format!("{} ({}).", capital(&next.action), next.cost),
    )
    .with(Block::Pairs(predictions.collect()))
    .in_brief()
}

/// The state that a mechanism mostly shows as, for its colour.
const fn colour(mechanism: Option<Mechanism>) -> Option<Cause> {
    match mechanism {
        Some(Mechanism::Interpreter | Mechanism::Locks) => Some(Cause::Lock),
        Some(Mechanism::Switching) => Some(Cause::RunQueue),
        Some(Mechanism::Pools) => Some(Cause::Pool),
        Some(Mechanism::Quota) => Some(Cause::Throttled),
        Some(Mechanism::Pauses) => Some(Cause::Paused),
        Some(Mechanism::Workers) => Some(Cause::Queue),
        Some(Mechanism::Slowdown) => Some(Cause::Execution),
        Some(Mechanism::Writers) => Some(Cause::Store),
        Some(Mechanism::Caches) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposing_effects_are_said_as_such() {
        let shown =
            |value: f64| percent(&Estimate { value, low: value, high: value, half_width: 0.03, n: 10 });
        assert_eq!([shown(0.92), shown(-0.5)], ["92 % ± 3", "−50 % ± 3"]);
        assert_eq!(shown(1241.11), "over 10 times the gap, set off by other causes");
        assert_eq!(shown(-1241.11), "−over 10 times the gap, set off by other causes");
    }
}
