//! The page of a what-if.

use super::{doubts, rounds_of, scenario_word, signed, with_interval};
use crate::report::page::{Axis, Fact, Lines, Next, Page, Scale, Section, Series, Table, Unit};
use crate::study::stats::Estimate;
use crate::study::{Curve, Metric, Point, WhatIf};

/// The page of `found`.
#[must_use]
pub fn whatif_page(found: &WhatIf) -> Page {
    let metrics: Vec<Metric> = found.now.iter().map(|value| value.metric).collect();
    let mut sections = vec![ceilings(found, &metrics)];
    sections.extend(metrics.iter().map(|&metric| curves(found, metric)));
    sections.push(bottlenecks(found));
    sections.extend(doubts(&found.warnings));
    Page {
        kicker: format!(
            "whatif {} · {} engine · {} rounds · seeds {} to {} · {} tasks or more a run",
            found.scenario,
            found.engine,
            found.rounds,
            found.seed,
            found.seed.wrapping_add(u64::from(found.rounds.saturating_sub(1))),
            found.tasks
        ),
        title: found.scenario.clone(),
        facts: now_facts(found),
        answer: answer(found),
        certainty: format!(
            "{}, {} tasks or more a run{}.",
            rounds_of(found.rounds, found.level),
            found.tasks,
            if found.engine == "virtual" { "; simulated, not measured" } else { "" }
        ) + &found.cut_short.as_ref().map_or_else(String::new, |said| format!(" {said}")),
        next: Some(next(found)),
        sections,
        ..Page::default()
    }
}

/// The figures as they are.
fn now_facts(found: &WhatIf) -> Vec<Fact> {
    let fact = |value: &crate::study::Value| Fact {
        label: format!("{} now", value.metric.name()),
        value: with_interval(value.metric.unit(), &value.value),
        note: String::new(),
    };
    found.now.iter().map(fact).collect()
}

/// The same on real threads, as far as a cost can be changed there.
fn next(found: &WhatIf) -> Next {
    let scenario = scenario_word(&found.scenario);
    let metric = found.now.first().map(|value| value.metric);
    let gain = |curve: &&Curve| {
        metric.and_then(|metric| at(curve, HALF, metric)).map_or(0.0, |half| half.value.abs())
    };
    let best = found.knobs.iter().max_by(|a, b| gain(a).total_cmp(&gain(b)));
    match best.filter(|curve| curve.knob.starts_with("step:") && found.engine == "virtual") {
        Some(curve) => Next::new(
            format!("conlab whatif{scenario} --engine real --cost {} --replicates 5", curve.knob),
            "the same on real threads",
        ),
        None => Next::new(format!("conlab decide{scenario}"), "each possible fix with what it saves"),
    }
}

/// What is attainable: costs are ranked by what halving them brings, and ties are announced.
fn answer(found: &WhatIf) -> String {
    let Some(metric) = found.now.first().map(|value| value.metric) else { return String::new() };
    let mut gains: Vec<(&Curve, Estimate)> = found
        .knobs
        .iter()
        .filter_map(|curve| Some((curve, at(curve, HALF, metric)?)))
        .filter(|(_, half)| half.excludes(0.0) && (half.value > 0.0) == metric.more_is_better())
        .collect();
    gains.sort_by(|a, b| b.1.value.abs().total_cmp(&a.1.value.abs()));
    let Some((best, half)) = gains.first() else {
        return format!("Halving no single cost is shown to improve the {}.", metric.name());
    };
    let tied: Vec<String> = gains[1..]
        .iter()
        .filter(|(_, other)| other.low <= half.high && half.low <= other.high)
        .map(|(curve, _)| format!("`{}`", curve.knob))
        .collect();
    let tie = match tied.len() {
        0 => String::new(),
        _ => format!(" Not told apart from it: {}.", tied.join(", ")),
    };
    let ceiling = best.ceiling(metric).map_or_else(String::new, |effect| {
        format!("; free, it would bring {}, which is the most that it can", signed(effect.relative.value))
    });
    let moved = best.at(0.0).and_then(|point| point.bottleneck.clone());
    let moved = moved.map_or_else(String::new, |name| format!(" The bottleneck would then be {name}."));
    format!(
        "Halving `{}` changes the {} by {} [{}, {}]{ceiling}.{tie}{moved}",
        best.knob,
        metric.name(),
        signed(half.value),
        signed(half.low),
        signed(half.high)
    )
}

/// The factor that counts as attainable.
const HALF: f64 = 0.5;

/// The effect of a factor on a metric.
fn at(curve: &Curve, factor: f64, metric: Metric) -> Option<Estimate> {
    let point = curve.at(factor)?;
    point.effects.iter().find(|effect| effect.metric == metric).map(|effect| effect.relative)
}

fn ceilings(found: &WhatIf, metrics: &[Metric]) -> Section {
    let mut head = vec!["cost".to_owned()];
    for metric in metrics {
        head.push(format!("{} at half", metric.name()));
        head.push(format!("{} at none", metric.name()));
    }
    let cell = |curve: &Curve, factor: f64, metric: Metric| {
        at(curve, factor, metric).map_or_else(
            || "–".into(),
            |relative| format!("{} ± {:.1}", signed(relative.value), relative.half_width * 100.0),
        )
    };
    let mut knobs: Vec<&Curve> = found.knobs.iter().collect();
    if let Some(&metric) = metrics.first() {
        let gain = |curve: &Curve| at(curve, HALF, metric).map_or(0.0, |half| half.value.abs());
        knobs.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
    }
    let rows = knobs.into_iter().map(|curve| {
        let mut row = vec![curve.knob.clone()];
        for &metric in metrics {
            row.extend([cell(curve, 0.5, metric), cell(curve, 0.0, metric)]);
        }
        row
    });
    let lead = "Changes against now, paired by round, when one cost is halved or gone. What a cost brings at none is its \
                ceiling: no optimisation of it brings more.";
    let table = Table { caption: String::new(), head, rows: rows.collect(), words: 1 };
    Section::new("ceilings", "What each cost is worth", lead).with(table).in_brief()
}

fn curves(found: &WhatIf, metric: Metric) -> Section {
    let place = |point: &Point| {
        let effect = point.effects.iter().find(|effect| effect.metric == metric)?;
        Some((point.factor, effect.relative))
    };
    let series = found.knobs.iter().filter(|curve| curve.points.len() > 2).map(|curve| {
        let mut points: Vec<(f64, f64)> = vec![(1.0, 0.0)];
        let mut band = vec![(1.0, 0.0, 0.0)];
        for (factor, relative) in curve.points.iter().filter_map(place) {
            points.push((factor, relative.value));
            band.push((factor, relative.low, relative.high));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        band.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name: curve.knob.clone(), points, band, steps: false }
    });
    let lines = Lines {
        caption: format!("Change of {} by factor on the cost", metric.name()),
        x: Axis { label: "factor".into(), scale: Scale::Linear, unit: Unit::Count },
        y: Axis { label: format!("change of {}", metric.name()), scale: Scale::Linear, unit: Unit::Share },
        series: series.collect(),
        ..Lines::default()
    };
    let lead =
        "Below 1 cheaper, above 1 dearer; a slow-down can be tried on a real system to check the curve.";
    Section::new(format!("curve-{}", metric.name()), format!("Curves: {}", metric.name()), lead).with(lines)
}

fn bottlenecks(found: &WhatIf) -> Section {
    let now = found.bottleneck.clone().unwrap_or_else(|| "unknown".into());
    let rows = found.knobs.iter().filter(|curve| curve.points.len() > 2).map(|curve| {
        let then = curve.at(0.0).and_then(|point| point.bottleneck.clone());
        vec![curve.knob.clone(), now.clone(), then.unwrap_or_else(|| "unknown".into())]
    });
    let lead =
        "The busiest of locks and processors, or, when none of them is scarce, the busiest pool of workers.";
    let table = Table::new("", "cost | bottleneck now | bottleneck when it is free", 3, rows.collect());
    Section::new("bottleneck", "Where the bottleneck goes", lead).with(table)
}
