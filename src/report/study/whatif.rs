//! The page of a what-if.

use super::{signed, with_interval};
use crate::report::page::{Axis, Lines, Page, Scale, Section, Series, Table, Unit};
use crate::study::{Curve, Metric, Point, WhatIf};

/// The page of `found`.
#[must_use]
pub fn whatif_page(found: &WhatIf) -> Page {
    let metrics: Vec<Metric> = found.now.iter().map(|value| value.metric).collect();
    let mut sections = vec![ceilings(found, &metrics)];
    sections.extend(metrics.iter().map(|&metric| curves(found, metric)));
    sections.push(bottlenecks(found));
    let now: Vec<String> = found
        .now
        .iter()
        .map(|value| format!("{} {}", value.metric.name(), with_interval(value.metric.unit(), &value.value)))
        .collect();
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
        question: format!("Now: {}.", now.join(", ")),
        answer: answer(found),
        sections,
        ..Page::default()
    }
}

fn answer(found: &WhatIf) -> String {
    let Some(metric) = found.now.first().map(|value| value.metric) else { return String::new() };
    let better = |curve: &&Curve| {
        let effect = curve.ceiling(metric);
        effect.is_some_and(|effect| {
            effect.relative.excludes(0.0) && (effect.relative.value > 0.0) == metric.more_is_better()
        })
    };
    let size = |curve: &&Curve| curve.ceiling(metric).map_or(0.0, |effect| effect.relative.value.abs());
    let best = found.knobs.iter().filter(better).max_by(|a, b| size(a).total_cmp(&size(b)));
    let Some(best) = best else {
        return format!("Nothing that was tried improves the {}: no single cost holds it up.", metric.name());
    };
    let Some(effect) = best.ceiling(metric) else { return String::new() };
    let half = best.at(0.5).and_then(|point| point.effects.first());
    let half = half.map_or_else(String::new, |effect| {
        format!("; half of it would bring {}", signed(effect.relative.value))
    });
    let moved = best.at(0.0).and_then(|point| point.bottleneck.clone());
    let moved = moved.map_or_else(String::new, |name| format!(" The bottleneck would then be {name}."));
    format!(
        "Making `{}` free changes the {} by {} at most, between {} and {}{half}.{moved}",
        best.knob,
        metric.name(),
        signed(effect.relative.value),
        signed(effect.relative.low),
        signed(effect.relative.high)
    )
}

fn ceilings(found: &WhatIf, metrics: &[Metric]) -> Section {
    let mut head = vec!["cost".to_owned()];
    for metric in metrics {
        head.push(format!("{} at half", metric.name()));
        head.push(format!("{} at none", metric.name()));
    }
    let cell = |curve: &Curve, factor: f64, metric: Metric| {
        let effect =
            curve.at(factor).and_then(|point| point.effects.iter().find(|effect| effect.metric == metric));
        effect.map_or_else(
            || "–".into(),
            |effect| format!("{} ± {:.1}", signed(effect.relative.value), effect.relative.half_width * 100.0),
        )
    };
    let rows = found.knobs.iter().map(|curve| {
        let mut row = vec![curve.knob.clone()];
        for &metric in metrics {
            row.extend([cell(curve, 0.5, metric), cell(curve, 0.0, metric)]);
        }
        row
    });
    let lead = "Changes against now, paired by round, when one cost is halved or gone. What a cost brings at none is its \
                ceiling: no optimisation of it brings more.";
    let table = Table { caption: String::new(), head, rows: rows.collect(), words: 1 };
    Section::new("ceilings", "What each cost is worth", lead).with(table)
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
