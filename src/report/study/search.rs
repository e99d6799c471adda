//! The page of a search.

use super::with_interval;
use crate::report::page::{Page, Section, Table, Tone, Verdict};
use crate::study::{SearchResult, Setting};

/// Most settings that the table lists.
const MAX_ROWS: usize = 60;

/// The page of `found`.
#[must_use]
pub fn search_page(found: &SearchResult) -> Page {
    let verdict = match (&found.best, found.undecided.is_empty()) {
        (Some(_), true) => Verdict { tone: Tone::Good, text: "decided".into() },
        (Some(_), false) => Verdict {
            tone: Tone::Doubtful,
            text: format!("{} cheaper settings could not be decided", found.undecided.len()),
        },
        (None, true) => Verdict { tone: Tone::Bad, text: "no setting meets the goal".into() },
        (None, false) => Verdict { tone: Tone::Doubtful, text: "undecided".into() },
    };
    Page {
        kicker: format!(
            "search {} · virtual engine · {} settings, {} runs · seeds from {} · {:.0} % intervals",
            found.scenario,
            found.settings,
            found.runs,
            found.seed,
            100.0 * found.level
        ),
        title: found.scenario.clone(),
        question: format!("What is the cheapest setting with {}?", found.goals.join(" and ")),
        answer: answer(found),
        verdict: Some(verdict),
        sections: vec![table(found)],
        ..Page::default()
    }
}

/// `threads = 6`-like words of a setting.
fn words(setting: &Setting) -> String {
    setting.fields.iter().map(|(path, value)| format!("{path} = {value}")).collect::<Vec<_>>().join(", ")
}

fn figures(setting: &Setting) -> String {
    let one = |reached: &crate::study::Reached| {
        let value = reached
            .value
            .as_ref()
            .map_or_else(|| "too few tasks".to_owned(), |value| with_interval(reached.metric.unit(), value));
        format!("{} {value}", reached.metric.name())
    };
    setting.figures.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn answer(found: &SearchResult) -> String {
    let undecided = match &found.undecided[..] {
        [] => String::new(),
        [first, ..] => {
            format!(" Cheaper, but too near to the bound to decide: {} ({}).", words(first), figures(first))
        }
    };
    match &found.best {
        Some(best) => format!("{}: {}.{undecided}", words(best), figures(best)),
        None if found.undecided.is_empty() => {
            let last = found.tried.last().map_or_else(String::new, |last| {
                format!(" The dearest, {}, has {}.", words(last), figures(last))
            });
            format!("None does: every setting misses {}.{last}", found.goals.join(" or "))
        }
        None => format!("None surely does.{undecided}"),
    }
}

fn table(found: &SearchResult) -> Section {
    let rows = found.tried.iter().take(MAX_ROWS).map(|setting| {
        let verdict = match setting.meets {
            Some(true) => "meets the goal",
            Some(false) => "misses it",
            None => "undecided",
        };
        vec![words(setting), verdict.into(), figures(setting)]
    });
    let lead = if found.tried.len() > MAX_ROWS {
        format!("The cheapest {MAX_ROWS} of {}.", found.tried.len())
    } else {
        "The cheapest first.".into()
    };
    let table = Table::new("", "setting | verdict | figures", 2, rows.collect());
    Section::new("settings", "Settings", lead).with(table)
}
