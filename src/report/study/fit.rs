//! The page of a fit.

use crate::report::page::{Page, Section, Table, Tone, Verdict};
use crate::study::fit::{Fitted, FittedFigure, FittedParameter, Identified};

/// The page of `fitted`.
#[must_use]
pub fn fit_page(fitted: &Fitted) -> Page {
    let misses: Vec<&str> =
        fitted.components.iter().filter(|component| !component.fits).map(|one| one.name.as_str()).collect();
    let tried: usize = fitted.components.iter().map(|component| component.tried).sum();
    let verdict = if misses.is_empty() {
        Verdict { tone: Tone::Good, text: "every fitted figure is within its tolerance".into() }
    } else {
        Verdict { tone: Tone::Bad, text: format!("no set fits every figure of {}", misses.join(", ")) }
    };
    let mut sections = vec![parameters(fitted), figures(fitted)];
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
        sentences.push(format!(
            "No set within the bounds gives the figures that {} {} fitted to: widen the bounds, or the scenario lacks a mechanism.",
            nothing.join(", "),
            if nothing.len() == 1 { "is" } else { "are" }
        ));
    }
    sentences.join(" ")
}

fn parameters(fitted: &Fitted) -> Section {
    let rows = fitted.components.iter().flat_map(|component| {
        component.parameters.iter().map(|one| {
            let unit = if one.unit.is_empty() { String::new() } else { format!(" {}", one.unit) };
            let verdict = match one.identified {
                Identified::Found => "identified",
                Identified::NotIdentifiable => "not identifiable",
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
    let lead = "A range holds every value with which the other parameters can still be chosen so that all figures fit.";
    Section::new("parameters", "Parameters", lead).with(Table::new("", head, 3, rows.collect()))
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
