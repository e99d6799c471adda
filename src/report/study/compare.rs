//! The page of a comparison.

use super::{doubts, rounds_of, scenario_word, signed, with_interval};
use crate::report::page::{
    Axis, Block, Interval, Intervals, Lines, Next, Notice, Page, Scale, Section, Series, Table, Tone, Unit,
};
use crate::report::words::several;
use crate::study::stats::Estimate;
use crate::study::{AgainstStored, Compared, Comparison, Figure, GateResult, Metric, Scaling, Stop, Verdict};
use crate::theory::Usl;

/// The page of `comparison`, with laws fitted to it, gates judged on it and stored runs set against it.
#[must_use]
pub fn compare_page(
    comparison: &Comparison,
    scaling: &[Scaling],
    gates: &[GateResult],
    stored: &[AgainstStored],
) -> Page {
    let engines: Vec<&str> = {
        let mut names: Vec<&str> = comparison.treatments.iter().map(|one| one.engine.as_str()).collect();
        names.dedup();
        names
    };
    let mut sections: Vec<Section> = judged(gates).into_iter().collect();
    sections.push(figures(comparison));
    if comparison.treatments.len() > 1 {
        sections.push(differences(comparison));
    }
    sections.extend(shares(comparison));
    sections.extend(laws(scaling));
    sections.extend(stored.iter().map(against));
    sections.extend(doubts(&comparison.warnings));
    Page {
        kicker: format!(
            "compare {} · {} engine · {} rounds, interleaved · seeds {} to {}",
            comparison.scenario,
            engines.join(" and "),
            comparison.rounds,
            comparison.seed,
            comparison.seed.wrapping_add(u64::from(comparison.rounds.saturating_sub(1)))
        ),
        title: comparison.scenario.clone(),
        question: comparison.question.clone(),
        answer: answer(comparison),
        certainty: format!(
            "{}; {} hold together.",
            rounds_of(comparison.rounds, comparison.level),
            several(comparison.differences as u64, "interval")
        ),
        next: Some(next(comparison)),
        sections,
        ..Page::default()
    }
}

/// What each treatment changes, in a clause each: what is better or worse with its interval, or that nothing changes.
fn answer(comparison: &Comparison) -> String {
    let clauses: Vec<String> = comparison.treatments.iter().filter_map(clause).collect();
    if let ([], [one, ..]) = (clauses.as_slice(), comparison.treatments.as_slice()) {
        let value = |figure: &Figure| {
            let value = figure.value?;
            Some(format!("{} {}", figure.metric.name(), with_interval(figure.metric.unit(), &value)))
        };
        let figures: Vec<String> = one.figures.iter().filter_map(value).collect();
        return format!(
            "`{}` alone: {}. One treatment has nothing to be compared with.",
            one.label,
            if figures.is_empty() { "too few tasks for any figure".into() } else { figures.join(", ") }
        );
    }
    format!("Against `{}`: {}.", comparison.reference, clauses.join("; "))
}

fn clause(one: &Compared) -> Option<String> {
    let judged: Vec<(&Figure, Estimate, Verdict)> =
        one.figures.iter().filter_map(|figure| Some((figure, figure.relative?, figure.verdict?))).collect();
    let told = |(figure, relative, verdict): &(&Figure, Estimate, Verdict)| {
        let interval = format!("[{}, {}]", signed(relative.low), signed(relative.high));
        format!("{} {} {interval} {}", figure.metric.name(), signed(relative.value), verdict.name())
    };
    let changed: Vec<String> = judged
        .iter()
        .filter(|(_, _, verdict)| matches!(verdict, Verdict::Better | Verdict::Worse))
        .map(told)
        .collect();
    if !changed.is_empty() {
        return Some(format!("`{}`: {}", one.label, changed.join(", ")));
    }
    let (figure, relative, _) =
        judged.iter().find(|(figure, ..)| figure.metric == Metric::P99).or_else(|| judged.first())?;
    let known = judged.iter().all(|(_, _, verdict)| *verdict == Verdict::Same);
    Some(format!(
        "`{}` {}: {} {} [{}, {}]",
        one.label,
        if known { "changes nothing" } else { "is not shown to differ" },
        figure.metric.name(),
        signed(relative.value),
        signed(relative.low),
        signed(relative.high)
    ))
}

/// What to type next: more rounds where they would tell something, else what is left to gain.
fn next(comparison: &Comparison) -> Next {
    let scenario = scenario_word(&comparison.scenario);
    if comparison.treatments.len() == 1 {
        return Next::new(
            format!("conlab compare{scenario} --queue mutex,lockfree"),
            "a list of two or more values compares them",
        );
    }
    let open = comparison
        .treatments
        .iter()
        .flat_map(|one| &one.figures)
        .any(|figure| figure.verdict == Some(Verdict::NotShown));
    if open {
        let more = comparison.rounds.saturating_mul(4);
        Next::new(
            format!("conlab compare{scenario} … --replicates {more}"),
            "the same treatments; four times the rounds halve the intervals",
        )
    } else {
        Next::new(format!("conlab whatif{scenario}"), "what a cheaper step, lock or switch would bring")
    }
}

fn figures(comparison: &Comparison) -> Section {
    let metrics: Vec<Metric> = comparison.treatments[0].figures.iter().map(|figure| figure.metric).collect();
    let mut head = vec!["treatment".to_owned()];
    head.extend(metrics.iter().map(|metric| metric.name().to_owned()));
    let cell = |figure: &Figure| match figure.value {
        Some(value) => {
            let mark = if figure.barely { " (!)" } else { "" };
            format!("{}{mark}", with_interval(figure.metric.unit(), &value))
        }
        None => "refused".to_owned(),
    };
    let rows = comparison.treatments.iter().map(|one| {
        let mut row = vec![one.label.clone()];
        row.extend(one.figures.iter().map(cell));
        row
    });
    let barely = comparison.treatments.iter().flat_map(|one| &one.figures).any(|figure| figure.barely);
    let percent = comparison.level * 100.0;
    let mut lead = format!("Means over {} rounds with {percent:.0} % intervals.", comparison.rounds);
    if barely {
        lead.push_str(" (!): fewer than ten tasks of a run lie beyond the percentile.");
    }
    let table = Table { caption: String::new(), head, rows: rows.collect(), words: 1 };
    Section::new("figures", "Figures", lead).with(table).in_brief()
}

fn differences(comparison: &Comparison) -> Section {
    let stopped = match comparison.stopped {
        Stop::Precise => "every difference is known closely enough",
        Stop::Limit => "the limit was reached",
        Stop::Interrupted => "interrupted",
    };
    let lead = format!(
        "Against `{}`, paired by round. The {} intervals hold together at {:.0} %: a treatment compared with itself \
         differs in at most one case of {:.0}. `same` lies within ±{:.0} %. No more rounds: {stopped}.",
        comparison.reference,
        comparison.differences,
        comparison.level * 100.0,
        1.0 / (1.0 - comparison.level),
        comparison.precision * 100.0
    );
    let mut section = Section::new("differences", "Differences", lead);
    for index in 0..comparison.treatments[0].figures.len() {
        let metric = comparison.treatments[0].figures[index].metric;
        let rows: Vec<Interval> = comparison
            .treatments
            .iter()
            .filter_map(|one| {
                Some(interval(&one.label, one.figures[index].relative?, one.figures[index].verdict?))
            })
            .collect();
        if !rows.is_empty() {
            section = section.with(chart(metric, rows));
        }
    }
    section
}

fn chart(metric: Metric, rows: Vec<Interval>) -> Intervals {
    let sides = ("less".to_owned(), "more".to_owned());
    Intervals { caption: metric.name().to_owned(), reference: 0.0, sides, unit: Unit::Share, rows }
}

fn interval(label: &str, relative: Estimate, verdict: Verdict) -> Interval {
    let tone = match verdict {
        Verdict::Better => Tone::Good,
        Verdict::Worse => Tone::Bad,
        Verdict::Same | Verdict::NotShown => Tone::Plain,
    };
    Interval {
        label: label.to_owned(),
        value: relative.value,
        low: relative.low,
        high: relative.high,
        tone,
        verdict: verdict.name().to_owned(),
    }
}

fn shares(comparison: &Comparison) -> Option<Section> {
    let metrics = [Metric::Execution, Metric::LockAcquisition, Metric::ContextSwitching];
    let row = |one: &Compared| {
        let cells: Option<Vec<String>> = metrics
            .iter()
            .map(|&metric| Some(with_interval(metric.unit(), &one.figure(metric)?.value?)))
            .collect();
        Some([vec![one.label.clone()], cells?].concat())
    };
    let rows: Vec<Vec<String>> = comparison.treatments.iter().filter_map(row).collect();
    let head = "treatment | execution | lock wait | run-queue wait";
    let lead = "Of the time in which tasks were busy; waiting for work and I/O are not part of it.";
    (!rows.is_empty())
        .then(|| Section::new("shares", "Shares of busy time", lead).with(Table::new("", head, 1, rows)))
}

fn laws(scaling: &[Scaling]) -> Option<Section> {
    if scaling.is_empty() {
        return None;
    }
    let interval = |estimate: &Estimate| {
        let high = if estimate.high.is_finite() { format!("{:.3}", estimate.high) } else { "∞".into() };
        format!("{:.3} [{:.3}, {high}]", estimate.value, estimate.low)
    };
    let rows = scaling.iter().map(|law| {
        if !law.fits() {
            let misfit = format!("{:.1} %: does not fit", law.misfit * 100.0);
            return [law.group.clone(), "–".into(), "–".into(), "–".into(), "–".into(), misfit].into();
        }
        vec![
            law.group.clone(),
            law.peak.as_ref().map_or_else(|| "none".into(), &interval),
            interval(&law.sigma),
            interval(&law.kappa),
            interval(&law.lambda),
            format!("{:.1} %", law.misfit * 100.0),
        ]
    });
    let head = "treatments | peak at threads | σ contention | κ coherency | λ per s | largest misfit";
    let lead = "X(n) = λn / (1 + σ(n − 1) + κn(n − 1)) over threads n. A law that misses a point by more than 10 % \
                does not describe the points, and its parameters mean nothing.";
    let table = Table::new("", head, 1, rows.collect());
    let curves = |law: &Scaling| {
        let fitted = Usl { lambda: law.lambda.value, sigma: law.sigma.value, kappa: law.kappa.value };
        let fit = law.points.iter().map(|(n, _)| (*n, fitted.throughput(*n))).collect();
        let measured = Series { name: law.group.clone(), points: law.points.clone(), ..Series::default() };
        let fitted = Series { name: format!("{}: fitted", law.group), points: fit, ..Series::default() };
        if law.fits() { vec![measured, fitted] } else { vec![measured] }
    };
    let lines = Lines {
        caption: "Throughput by threads".into(),
        x: Axis { label: "threads".into(), scale: Scale::Linear, unit: Unit::Count },
        y: Axis { label: "throughput".into(), scale: Scale::Linear, unit: Unit::PerSecond },
        series: scaling.iter().flat_map(curves).collect(),
        ..Lines::default()
    };
    Some(Section::new("scaling", "Scaling", lead).with(table).with(lines))
}

fn against(stored: &AgainstStored) -> Section {
    let lead = match stored.stored {
        1 => "One stored record has no spread of its own: the interval says whether it could be one more of today's \
              replicates."
            .to_owned(),
        n => format!("Against {n} stored replicates, unpaired."),
    };
    let rows = stored.figures.iter().map(|figure| {
        let label = format!("{} (stored {})", figure.metric.name(), figure.metric.unit().show(figure.stored));
        interval(&label, figure.relative, figure.verdict)
    });
    let chart = Intervals {
        caption: format!("{} now", stored.label),
        reference: 0.0,
        sides: ("less".into(), "more".into()),
        unit: Unit::Share,
        rows: rows.collect(),
    };
    let id =
        stored.label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>();
    Section::new(format!("stored-{id}"), format!("Against the stored record: {}", stored.label), lead)
        .with(chart)
        .in_brief()
}

fn judged(gates: &[GateResult]) -> Option<Section> {
    let notice = |gate: &GateResult| Notice {
        tone: if gate.passed { Tone::Good } else { Tone::Bad },
        code: if gate.passed { "passed".into() } else { "FAILED".into() },
        message: format!("{} for `{}`: {}", gate.gate, gate.treatment, gate.why),
        remedy: String::new(),
    };
    let notices = Block::Notices(gates.iter().map(notice).collect());
    let lead = "Judged on the interval's end, not on the figure.";
    (!gates.is_empty()).then(|| Section::new("gates", "Gates", lead).with(notices).in_brief())
}
