//! The page of a fit.

use crate::report::page::{Page, Section, Table, Tone, Verdict};
use crate::study::fit::{Fitted, FittedFigure, FittedParameter, Identified, Sampled};

/// The page of `fitted`.
#[must_use]
pub fn fit_page(fitted: &Fitted) -> Page {
    let misses: Vec<&str> =
        fitted.components.iter().filter(|component| !component.fits).map(|one| one.name.as_str()).collect();
    let tried: usize = fitted.components.iter().map(|component| component.tried).sum();
    let verdict = if misses.is_empty() {
        Verdict { tone: Tone::Good, text: "every fitted figure is within its tolerance".into() }
    } else if fitted.sampled.is_some() {
        Verdict {
            tone: Tone::Doubtful,
            text: format!("no sampled set fits every figure of {}", misses.join(", ")),
        }
    } else {
        Verdict { tone: Tone::Bad, text: format!("no set fits every figure of {}", misses.join(", ")) }
    };
    let mut sections = vec![parameters(fitted), figures(fitted)];
    sections.extend(fitted.sampled.as_ref().map(nearest));
    if !fitted.predicted.is_empty() {
        sections.push(predictions(&fitted.predicted));
    }
    Page {
        kicker: format!(
            "fit {} · virtual engine · seed {} · {tried} sets tried",
            fitted.scenario, fitted.seed
        ),
        title: fitted.scenario.clone(),
        question: "Which parameters give the observed figures, and which do the figures identify?".into(),
        answer: answer(fitted),
        verdict: Some(verdict),
        sections,
        ..Page::default()
    }
}

fn answer(fitted: &Fitted) -> String {
    let all: Vec<&FittedParameter> =
        fitted.components.iter().flat_map(|component| &component.parameters).collect();
    let with = |identified: Identified| -> Vec<String> {
        all.iter().filter(|one| one.identified == identified).map(|one| format!("`{}`", one.name)).collect()
    };
    let mut sentences = Vec::new();
    let found = with(Identified::Found);
    if !found.is_empty() {
        sentences.push(format!("The figures identify {} within 5 %.", found.join(", ")));
    }
    let open = with(Identified::NotIdentifiable);
    if !open.is_empty() {
        sentences.push(format!(
            "They do not identify {}: other values fit as well; measure {} directly, or add a figure that depends on {}.",
            open.join(", "),
            if open.len() == 1 { "it" } else { "them" },
            if open.len() == 1 { "it" } else { "one of them alone" }
        ));
    }
    let nothing = with(Identified::NothingFits);
    if !nothing.is_empty() {
        sentences.push(match &fitted.sampled {
            Some(sampled) => of_a_coarse_sample(sampled, &nothing),
            None => nothing_fits(&nothing),
        });
    }
    let undecided = with(Identified::Undecided);
    if !undecided.is_empty() {
        sentences.push(format!(
            "Whether they identify {} a sample cannot say: the sets that fit lie close together, but the other parameters were not \
             fitted again at every value.",
            undecided.join(", ")
        ));
    }
    if let Some(sampled) = fitted.sampled.as_ref().filter(|one| one.seeds_needed > one.seeds) {
        sentences.push(format!(
            "Chance moves the figures of a set by more than a third of a tolerance: {} seeds a set would be enough, the sample has {}.",
            sampled.seeds_needed, sampled.seeds
        ));
    }
    sentences.join(" ")
}

fn nothing_fits(nothing: &[String]) -> String {
    format!(
        "No set within the bounds gives the figures that {} {} fitted to: widen the bounds, or the scenario lacks a mechanism.",
        nothing.join(", "),
        if nothing.len() == 1 { "is" } else { "are" }
    )
}

fn of_a_coarse_sample(sampled: &Sampled, nothing: &[String]) -> String {
    let nearest = sampled.nearest.iter().filter_map(|set| set.worst).min_by(f64::total_cmp);
    let miss = match nearest {
        Some(worst) if worst > 1.0 => {
            format!("; the nearest misses one by {worst:.1} times its tolerance")
        }
        Some(_) => "; those that did fit it no longer under other seeds".into(),
        None => String::new(),
    };
    format!(
        "None of {} sampled sets gives the figures that {} {} fitted to{miss}. A sample may lie between the sets that fit, so this \
         says nothing of the bounds yet: search on from the nearest.",
        sampled.sets,
        nothing.join(", "),
        if nothing.len() == 1 { "is" } else { "are" }
    )
}

fn parameters(fitted: &Fitted) -> Section {
    let rows = fitted.components.iter().flat_map(|component| {
        component.parameters.iter().map(|one| {
            let unit = if one.unit.is_empty() { String::new() } else { format!(" {}", one.unit) };
            let verdict = match one.identified {
                Identified::Found => "identified",
                Identified::NotIdentifiable => "not identifiable",
                Identified::Undecided => "undecided",
                Identified::NothingFits => "nothing fits",
            };
            let range = match one.identified {
                Identified::NothingFits => "–".into(),
                _ => format!("{:.4} to {:.4}", one.low, one.high),
            };
            vec![
                component.name.clone(),
                one.name.clone(),
                verdict.into(),
                format!("{:.4}{unit}", one.value),
                range,
                format!("{} to {}", one.searched.0, one.searched.1),
            ]
        })
    });
    let head = "component | parameter | verdict | best | fit as well | searched";
    let lead = if fitted.sampled.is_some() {
        "A range holds the values of all sampled sets that fit, up to the next sampled values that do not."
    } else {
        "A range holds every value with which the other parameters can still be chosen so that all figures fit."
    };
    Section::new("parameters", "Parameters", lead).with(Table::new("", head, 3, rows.collect()))
}

/// The sets of a sample that come nearest.
fn nearest(sampled: &Sampled) -> Section {
    let rows = sampled.nearest.iter().map(|set| {
        let values: Vec<String> = set.values.iter().map(|value| format!("{value:.4}")).collect();
        let worst = set.worst.map_or("no figures".into(), |worst| format!("{worst:.2}"));
        vec![set.component.clone(), values.join(", "), worst]
    });
    let lead = format!(
        "Of {} sets, each under {} seeds, in the order of their largest error in tolerances; 1 and less fits. Values are in the order \
         of the parameters.",
        sampled.sets, sampled.seeds
    );
    Section::new("sampled", "Nearest sets", lead).with(Table::new(
        "",
        "component | values | largest error",
        2,
        rows.collect(),
    ))
}

fn cells(figure: &FittedFigure) -> Vec<String> {
    let unit = figure.metric.unit();
    let observed = figure.observed.map_or("–".into(), |value| unit.show(value));
    let error = figure.error().map_or("–".into(), super::signed);
    vec![figure.name.clone(), observed, unit.show(figure.model), error]
}

fn figures(fitted: &Fitted) -> Section {
    let rows = fitted.components.iter().flat_map(|component| &component.figures).map(|figure| {
        let mut row = cells(figure);
        row.push(format!("± {:.1} %", 100.0 * figure.tolerance));
        row
    });
    let table = Table::new("", "figure | observed | model | error | tolerance", 1, rows.collect());
    Section::new(
        "fitted",
        "Fitted figures",
        "The model's are means of eight seeds that the search never saw.",
    )
    .with(table)
}

fn predictions(predicted: &[FittedFigure]) -> Section {
    let rows = predicted.iter().map(|figure| {
        let unit = figure.metric.unit();
        let mut row = cells(figure);
        row.push(
            figure
                .range
                .map_or("–".into(), |(low, high)| format!("{} to {}", unit.show(low), unit.show(high))),
        );
        row
    });
    let table =
        Table::new("", "figure | observed | model | error | over all sets that fit", 1, rows.collect());
    Section::new("predicted", "Predicted figures", "Held out: the search never saw them.").with(table)
}
