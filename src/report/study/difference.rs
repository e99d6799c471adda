//! The page of what changed between two records.

use super::{page_unit, signed};
use crate::history::{CauseChange, Difference, FieldChange, FigureChange, StateChange};
use crate::report::page::{
    Interval, Intervals, Notice, Page, Section, Table, Tone, Unit as PageUnit, Verdict, Waterfall,
    WaterfallPart,
};
use crate::report::words::number;
use crate::study::Unit;
use crate::study::stats::Estimate;

/// A bound on the second record, and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JudgedGate {
    /// The bound as it was given.
    pub gate: String,
    /// Whether it holds.
    pub passed: bool,
    /// The figure that it was held against, or why there is none.
    pub why: String,
}

/// The page of what changed from the record called `before` to the one called `after`.
#[must_use]
pub fn difference_page(before: &str, after: &str, difference: &Difference, gates: &[JudgedGate]) -> Page {
    let failed = gates.iter().filter(|gate| !gate.passed).count();
    let verdict = match (gates.len(), failed) {
        (0, _) => None,
        (_, 0) => Some(Verdict { tone: Tone::Good, text: "every gate holds".into() }),
        (all, failed) => Some(Verdict { tone: Tone::Bad, text: format!("{failed} of {all} gates FAIL") }),
    };
    let doubt = |message: &String| Notice {
        tone: Tone::Doubtful,
        code: "doubt".into(),
        message: message.clone(),
        remedy: String::new(),
    };
    let mut sections = vec![fields(difference)];
    if difference.states.is_empty() {
        sections.extend([figures(difference), causes(difference)]);
    } else {
        sections.push(states(difference));
    }
    sections.extend((!gates.is_empty()).then(|| gate_table(gates)));
    if difference.states.is_empty() {
        sections.push(relative(difference));
    }
    sections.extend(waterfall(difference));
    Page {
        kicker: format!("diff · A = {before} · B = {after}"),
        title: "What changed".into(),
        question: "What changed from A to B?".into(),
        alarms: difference.doubts.iter().map(doubt).collect(),
        answer: answer(difference),
        certainty: if difference.states.is_empty() {
            "Intervals (95 %) are those that one run gives by itself; `conlab compare` repeats both sides and \
             weighs the differences between runs as well."
                .into()
        } else {
            "Intervals (95 %) are those that one recording gives by itself; record each side several times to see how recordings \
             of the same differ."
                .into()
        },
        verdict,
        sections,
        ..Page::default()
    }
}

/// Least part of the mean task's time by which a cause must have changed to be told of.
const TOLD: f64 = 0.01;

/// The figures that changed, and the cause that changed most.
fn answer(difference: &Difference) -> String {
    if !difference.states.is_empty() {
        return states_answer(difference);
    }
    let told = |figure: &FigureChange| {
        let share = figure.relative.map_or_else(|| "?".into(), |share| signed(share.value));
        format!("{} {share} ({})", figure.metric.name(), if figure.worse { "worse" } else { "better" })
    };
    let changed: Vec<String> = difference.figures.iter().filter(|figure| figure.changed).map(told).collect();
    let figures = match (changed.is_empty(), difference.figures.is_empty()) {
        (_, true) => "The records have no figure in common.".to_owned(),
        (true, _) => "No figure is shown to have changed.".to_owned(),
        _ => format!("{}.", changed.join(", ")),
    };
    let mean: f64 = difference.causes.iter().map(|cause| cause.before_ns).sum();
    let cause = difference.causes.first().filter(|cause| by(cause).abs() >= TOLD * mean);
    cause.map_or(figures.clone(), |cause| {
        format!("{figures} Of the mean task's time, {} changed most: by {}.", cause.cause, more(by(cause)))
    })
}

/// Of two recordings: the states whose number of threads changed, the largest change first.
fn states_answer(difference: &Difference) -> String {
    let by = |change: &StateChange| change.after.value - change.before.value;
    let mut changed: Vec<&StateChange> = difference.states.iter().filter(|change| change.changed).collect();
    changed.sort_by(|one, other| by(other).abs().total_cmp(&by(one).abs()));
    if changed.is_empty() {
        return "No state of the threads is shown to have changed.".into();
    }
    let told: Vec<String> = changed
        .iter()
        .take(3)
        .map(|change| {
            let (before, after) = (number(change.before.value), number(change.after.value));
            format!("{} {before} → {after}", change.state)
        })
        .collect();
    format!("Threads in a state, mean: {}.", told.join(", "))
}

/// Of two recordings: threads in each state, all of them and by name.
fn states(difference: &Difference) -> Section {
    let shown = |estimate: &Estimate| {
        if estimate.half_width > 0.0 {
            format!("{} ± {}", number(estimate.value), number(estimate.half_width))
        } else {
            number(estimate.value)
        }
    };
    let row = |change: &StateChange| {
        let verdict = match (change.changed, &change.group) {
            (true, _) if change.after.value > change.before.value => "more",
            (true, _) => "fewer",
            _ => "–",
        };
        vec![
            change.group.clone().unwrap_or_else(|| "all threads".into()),
            change.state.clone(),
            shown(&change.before),
            shown(&change.after),
            number(change.after.value - change.before.value),
            verdict.to_owned(),
        ]
    };
    let rows = difference.states.iter().map(row).collect();
    let lead = "Mean number of threads in each state: 2 on a processor are two processors' worth. Intervals (95 %) are from stretches of each \
                recording; threads by name have none.";
    Section::new("states", "Threads in each state", lead)
        .with(Table::new("", "threads | state | A | B | change | verdict", 2, rows))
        .in_brief()
}

fn by(cause: &CauseChange) -> f64 {
    cause.after_ns - cause.before_ns
}

/// A time with its sign.
fn more(time: f64) -> String {
    format!("{}{}", if time > 0.0 { "+" } else { "" }, Unit::Time.show(time))
}

fn shown(unit: Unit, figure: &Estimate) -> String {
    if figure.half_width > 0.0 {
        format!("{} [{}, {}]", unit.show(figure.value), unit.show(figure.low), unit.show(figure.high))
    } else {
        unit.show(figure.value)
    }
}

/// A figure's relative difference with its interval.
#[must_use]
pub fn relative_words(figure: &FigureChange) -> String {
    figure.relative.map_or_else(
        || "?".into(),
        |share| {
            if share.half_width > 0.0 {
                format!("{} [{}, {}]", signed(share.value), signed(share.low), signed(share.high))
            } else {
                signed(share.value)
            }
        },
    )
}

/// A figure of the second record with its interval.
#[must_use]
pub fn after_words(figure: &FigureChange) -> String {
    shown(figure.unit(), &figure.after)
}

fn fields(difference: &Difference) -> Section {
    let section = Section::new("fields", "What is not the same", "").in_brief();
    if difference.fields.is_empty() {
        let same = "Nothing: scenario, treatment, seed, host and program are the same.";
        return Section { lead: same.into(), ..section };
    }
    let row = |field: &FieldChange| vec![field.name.clone(), field.before.clone(), field.after.clone()];
    section.with(Table::new("", "setting | A | B", 3, difference.fields.iter().map(row).collect()))
}

fn figures(difference: &Difference) -> Section {
    let row = |figure: &FigureChange| {
        let unit = figure.unit();
        vec![
            figure.metric.name().to_owned(),
            unit.show(figure.before.value),
            unit.show(figure.after.value),
            relative_words(figure),
            verdict(figure).to_owned(),
        ]
    };
    let rows = difference.figures.iter().map(row).collect();
    let table = Table::new("", "figure | A | B | change | verdict", 1, rows);
    Section::new("figures", "Figures of the actor in focus", "").with(table).in_brief()
}

const fn verdict(figure: &FigureChange) -> &'static str {
    match (figure.changed, figure.worse) {
        (false, _) => "–",
        (true, true) => "worse",
        (true, false) => "better",
    }
}

fn causes(difference: &Difference) -> Section {
    let row = |cause: &CauseChange| {
        vec![
            cause.cause.clone(),
            Unit::Time.show(cause.before_ns),
            Unit::Time.show(cause.after_ns),
            more(by(cause)),
        ]
    };
    let table = Table::new("", "cause | A | B | change", 1, difference.causes.iter().map(row).collect());
    Section::new("causes", "The mean task's time by cause", "").with(table).in_brief()
}

fn gate_table(gates: &[JudgedGate]) -> Section {
    let row = |gate: &JudgedGate| {
        vec![gate.gate.clone(), if gate.passed { "holds" } else { "FAILS" }.to_owned(), gate.why.clone()]
    };
    let table = Table::new("", "gate | verdict | figure", 3, gates.iter().map(row).collect());
    Section::new("gates", "Gates", "").with(table).in_brief()
}

/// The relative differences as intervals around none.
fn relative(difference: &Difference) -> Section {
    let row = |figure: &FigureChange| {
        let share = figure.relative?;
        let tone = match (figure.changed, figure.worse) {
            (false, _) => Tone::Plain,
            (true, true) => Tone::Bad,
            (true, false) => Tone::Good,
        };
        Some(Interval {
            label: figure.metric.name().to_owned(),
            value: share.value,
            low: share.low,
            high: share.high,
            tone,
            verdict: verdict(figure).to_owned(),
        })
    };
    let intervals = Intervals {
        caption: "Relative change of each figure".into(),
        reference: 0.0,
        sides: ("less in B".into(), "more in B".into()),
        unit: page_unit(Unit::Share),
        rows: difference.figures.iter().filter_map(row).collect(),
    };
    Section::new(
        "relative",
        "How far each figure moved",
        "Where an interval leaves 0 out, the figure changed.",
    )
    .with(intervals)
}

/// How A's mean becomes B's, cause by cause.
fn waterfall(difference: &Difference) -> Option<Section> {
    let sum = |side: fn(&CauseChange) -> f64| difference.causes.iter().map(side).sum::<f64>();
    let parts = difference
        .causes
        .iter()
        .filter(|cause| by(cause).abs() > 0.0)
        .map(|cause| WaterfallPart {
            label: cause.cause.clone(),
            value: by(cause),
            ..WaterfallPart::default()
        })
        .collect();
    let waterfall = Waterfall {
        caption: "From A's mean time to B's".into(),
        unit: PageUnit::Nanos,
        from: ("A".into(), sum(|cause| cause.before_ns)),
        parts,
        to: ("B".into(), sum(|cause| cause.after_ns)),
    };
    (!waterfall.parts.is_empty())
        .then(|| Section::new("by-cause", "How A's mean becomes B's", "").with(waterfall))
}
