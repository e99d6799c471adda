//! Scenarios as pages: what `conlab check` finds, and the picture of actors, calls and what they share.

use super::html::escape::{Escaped, put};
use super::page::{Next, Notice, Page, Picture, Section, Table, Tone, Verdict};
use super::words::several;
use crate::explain::Doubt;
use crate::printable::excerpt;
use crate::scenario::{ActorSpec, Load, Scenario};

/// Actors that are drawn; a picture of more is no picture.
const DRAWN: usize = 24;
/// Width and height of a box, and room between boxes.
const BOX: (usize, usize) = (190, 62);
const ROOM: (usize, usize) = (70, 22);

/// The page of a scenario that parses, with its doubts; `file` is what to type to run it.
#[must_use]
pub fn check_page(scenario: &Scenario, file: &str, doubts: &[Doubt]) -> Page {
    let notice = |doubt: &Doubt| Notice {
        tone: Tone::Doubtful,
        code: doubt.code.into(),
        message: doubt.message.clone(),
        remedy: doubt.remedy.clone(),
    };
    let answer = match doubts.len() {
        0 => format!("`{}` has no mistakes, and arithmetic finds nothing to doubt.", scenario.name),
        some => format!("`{}` has no mistakes, and {}.", scenario.name, several(some as u64, "doubt")),
    };
    Page {
        kicker: format!("check {file}"),
        title: scenario.name.clone(),
        question: scenario.question.clone(),
        alarms: doubts.iter().map(notice).collect(),
        answer,
        next: Some(Next::new(format!("conlab run {file}"), "")),
        verdict: Some(if doubts.is_empty() {
            Verdict { tone: Tone::Good, text: "nothing to doubt".into() }
        } else {
            Verdict { tone: Tone::Doubtful, text: several(doubts.len() as u64, "doubt") }
        }),
        sections: vec![actors(scenario).in_brief(), scenario_section(scenario)],
        ..Page::default()
    }
}

/// The section that shows a scenario as a picture.
#[must_use]
pub fn scenario_section(scenario: &Scenario) -> Section {
    let picture = Picture {
        caption: "Actors, what they call, and what they share".into(),
        description: described(scenario),
        svg: svg(scenario),
    };
    Section::new("scenario", "The scenario", scenario.question.clone()).with(picture)
}

fn load(actor: &ActorSpec) -> String {
    match &actor.load {
        Load::None => "no load of its own".into(),
        Load::Open { rate, .. } => format!("{rate}/s"),
        Load::Closed { clients, .. } => several(*clients as u64, "client"),
    }
}

fn actors(scenario: &Scenario) -> Section {
    let rows = scenario.actors.iter().enumerate().map(|(index, actor)| {
        let focus = if index == scenario.focus { " (focus)" } else { "" };
        vec![
            format!("{}{focus}", actor.name),
            load(actor),
            actor.queue.name().to_owned(),
            scenario.actors[scenario.station(index)].threads.to_string(),
            actor.steps.len().to_string(),
        ]
    });
    let table = Table::new("", "actor | load | queue | threads | steps", 3, rows.collect());
    Section::new("actors", "Actors", "").with(table)
}

/// Who calls and sends to whom, and what is shared, in a sentence each.
fn described(scenario: &Scenario) -> String {
    let mut sentences = Vec::new();
    for actor in scenario.actors.iter().take(DRAWN) {
        let to = |pick: fn(&crate::scenario::StepSpec) -> Option<usize>| -> Vec<String> {
            let mut names: Vec<String> =
                actor.steps.iter().filter_map(pick).map(|to| scenario.actors[to].name.clone()).collect();
            names.dedup();
            names
        };
        let clauses = [("calls", to(|step| step.call)), ("sends to", to(|step| step.send))];
        let clauses: Vec<String> = clauses
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(verb, names)| format!("{verb} {}", names.join(", ")))
            .collect();
        if !clauses.is_empty() {
            sentences.push(format!("{} {}", actor.name, clauses.join(" and ")));
        }
    }
    let locks: Vec<&str> = scenario.locks.iter().take(DRAWN).map(|lock| lock.name.as_str()).collect();
    if !locks.is_empty() {
        sentences.push(format!("locks: {}", locks.join(", ")));
    }
    if sentences.is_empty() { "No actor calls another.".into() } else { format!("{}.", sentences.join("; ")) }
}

/// Column of each actor: behind every one that calls it or sends to it, as far as there is no circle.
fn columns(scenario: &Scenario, drawn: usize) -> Vec<usize> {
    let mut columns = vec![0; drawn];
    for _ in 0..drawn {
        for from in 0..drawn {
            for step in &scenario.actors[from].steps {
                for to in [step.call, step.send].into_iter().flatten().filter(|&to| to < drawn && to != from)
                {
                    if columns[to] <= columns[from] && columns[from] + 1 < drawn.min(6) {
                        columns[to] = columns[from] + 1;
                    }
                }
            }
        }
    }
    columns
}

/// A shared thing and which actors use it.
struct Shared {
    name: String,
    kind: String,
    users: Vec<usize>,
}

fn shared(scenario: &Scenario, drawn: usize) -> Vec<Shared> {
    let users = |uses: &dyn Fn(&crate::scenario::StepSpec) -> bool| -> Vec<usize> {
        (0..drawn).filter(|&actor| scenario.actors[actor].steps.iter().any(uses)).collect()
    };
    let locks = scenario.locks.iter().enumerate().map(|(index, lock)| Shared {
        name: lock.name.clone(),
        kind: match lock.kind {
            crate::scenario::LockKind::Gil { .. } => "interpreter lock",
            crate::scenario::LockKind::Spin => "spin lock",
            _ => "lock",
        }
        .into(),
        users: users(&|step| step.lock == Some(index) || step.under == Some(index)),
    });
    let caches = scenario.caches.iter().enumerate().map(|(index, cache)| Shared {
        name: cache.name.clone(),
        kind: format!("{} cache", cache.layout.name()),
        users: users(&|step| step.cache.as_ref().is_some_and(|(cache, ..)| *cache == index)),
    });
    let stores = scenario.stores.iter().enumerate().map(|(index, store)| Shared {
        name: store.name.clone(),
        kind: "store".into(),
        users: users(&|step| step.store.is_some_and(|(store, _)| store == index)),
    });
    locks.chain(caches).chain(stores).filter(|shared| !shared.users.is_empty()).take(DRAWN).collect()
}

/// The picture as one `<svg>` element, which also stands alone in a file.
#[must_use]
pub fn svg(scenario: &Scenario) -> String {
    let drawn = scenario.actors.len().min(DRAWN);
    let columns = columns(scenario, drawn);
    let last = columns.iter().copied().max().unwrap_or(0);
    let mut rows = vec![0_usize; last + 2];
    let mut place = |column: usize| {
        let row = rows[column];
        rows[column] += 1;
        (10 + column * (BOX.0 + ROOM.0), 10 + row * (BOX.1 + ROOM.1))
    };
    let actors: Vec<(usize, usize)> = columns.iter().map(|&column| place(column)).collect();
    let shared = shared(scenario, drawn);
    let things: Vec<(usize, usize)> = shared.iter().map(|_| place(last + 1)).collect();
    let filled = if shared.is_empty() { last + 1 } else { last + 2 };
    let tall = rows.iter().copied().max().unwrap_or(1).max(1);
    let (width, height) = (20 + filled * BOX.0 + (filled - 1) * ROOM.0, 20 + tall * (BOX.1 + ROOM.1));
    let mut out = String::new();
    put!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"scenario\" role=\"img\" aria-label=\"{}\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"system-ui,sans-serif\" \
         font-size=\"13\" fill=\"currentColor\"><defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"currentColor\"/></marker></defs>",
        Escaped(&described(scenario))
    );
    for (thing, at) in shared.iter().zip(&things) {
        for &user in &thing.users {
            line(&mut out, actors[user], *at, "stroke-dasharray=\"2 3\" opacity=\"0.55\"");
        }
    }
    for from in 0..drawn {
        for step in &scenario.actors[from].steps {
            for (to, style) in [
                (step.call, "marker-end=\"url(#tip)\""),
                (step.send, "stroke-dasharray=\"6 4\" marker-end=\"url(#tip)\""),
            ] {
                if let Some(to) = to.filter(|&to| to < drawn && to != from) {
                    line(&mut out, actors[from], actors[to], style);
                }
            }
        }
    }
    for (index, at) in actors.iter().enumerate() {
        let actor = &scenario.actors[index];
        let threads = several(scenario.actors[scenario.station(index)].threads as u64, "thread");
        let words = [actor.name.clone(), format!("{threads}, {} queue", actor.queue.name()), load(actor)];
        boxed(&mut out, *at, &words, 6, index == scenario.focus);
    }
    for (thing, at) in shared.iter().zip(&things) {
        boxed(&mut out, *at, &[thing.name.clone(), thing.kind.clone()], 28, false);
    }
    if scenario.actors.len() > drawn {
        put!(
            out,
            "<text x=\"10\" y=\"{}\">and {} more actors</text>",
            height - 4,
            scenario.actors.len() - drawn
        );
    }
    out.push_str("</svg>");
    out
}

/// A line from the right side of one box to the left side of another, or around where that one is not to the right.
fn line(out: &mut String, from: (usize, usize), to: (usize, usize), style: &str) {
    let middle = |at: (usize, usize)| at.1 + BOX.1 / 2;
    let (x1, y1, x2, y2) = if to.0 > from.0 {
        (from.0 + BOX.0, middle(from), to.0, middle(to))
    } else {
        (from.0 + BOX.0 / 2, from.1 + BOX.1, to.0 + BOX.0 / 2, to.1 + BOX.1)
    };
    let bend = if to.0 > from.0 { (x1 + x2) / 2 } else { x1 };
    let dip = if to.0 > from.0 { y2 } else { y2.max(y1) + ROOM.1 };
    put!(
        out,
        "<path d=\"M{x1} {y1}C{bend} {} {bend} {dip} {x2} {y2}\" fill=\"none\" stroke=\"currentColor\" {style}/>",
        if to.0 > from.0 { y1 } else { dip }
    );
}

fn boxed(out: &mut String, at: (usize, usize), words: &[String], round: usize, strong: bool) {
    put!(
        out,
        "<g><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\" fill=\"var(--paper,#fff)\" \
         stroke=\"currentColor\" stroke-width=\"{}\"/>",
        at.0,
        at.1,
        BOX.0,
        BOX.1,
        if strong { 2.5 } else { 1.0 }
    );
    for (index, text) in words.iter().enumerate() {
        let weight = if index == 0 { " font-weight=\"650\"" } else { " font-size=\"11.5\" opacity=\"0.8\"" };
        put!(
            out,
            "<text x=\"{}\" y=\"{}\"{weight}>{}</text>",
            at.0 + 12,
            at.1 + 21 + index * 16,
            Escaped(&excerpt(text, 24))
        );
    }
    out.push_str("</g>");
}
