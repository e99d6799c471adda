//! Reads load: clients or arrivals, of which kinds, at which rates.

use super::draws::{draw, spread};
use super::names::unknown;
use super::reader::{Field, Section};
use super::{Arrivals, Load, Pattern, Phase, samples};
use crate::units::Nanos;
use crate::workload::{Draw, Spread};
use std::path::Path;
use std::sync::Arc;

/// The rhythms of open load.
const RHYTHMS: [Arrivals; 3] = [Arrivals::Poisson, Arrivals::Paced, Arrivals::Uniform];

impl Arrivals {
    /// The word for it in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Paced => "paced",
            Self::Uniform => "uniform",
        }
    }
}

/// Reads a load, open or closed, and its pattern; `kinds` are the actor's.
pub(super) fn read_load(load: &Section<'_>, kinds: &[String]) -> (Load, Pattern) {
    load.only(&["rate", "phases", "arrivals", "unit", "clients", "think", "spread", "mix"]);
    let mix = read_mix(load, kinds);
    let recorded = load.field("arrivals").filter(|field| is_file(field, load));
    let ways = ["clients", "rate", "phases"].iter().filter(|key| load.has(key)).count();
    if ways + usize::from(recorded.is_some()) != 1 {
        load.wrong(
            "expected exactly one of `clients` (closed load), `rate`, `phases` and arrivals = \"FILE\" (open load)",
        );
        return (Load::None, Pattern::default());
    }
    let closed = load.has("clients");
    for key in if closed { ["arrivals", "unit"] } else { ["think", "spread"] } {
        if let Some(field) = load.field(key) {
            let other = if closed { "open load, beside `rate`" } else { "closed load, beside `clients`" };
            field.wrong(format!("belongs to {other}"));
            break;
        }
    }
    if closed {
        let shape = load.field("spread").and_then(|field| spread(&field)).unwrap_or(Spread::Constant);
        let think = load.field("think").and_then(|field| draw(&field, &shape));
        let clients = load.length("clients", 1, 1_000_000).unwrap_or(1);
        let load = Load::Closed { clients, think: think.unwrap_or(Draw::constant(Nanos::ZERO)) };
        return (load, Pattern { mix, ..Pattern::default() });
    }
    if let Some(file) = recorded {
        return read_recorded(load, &file, mix, kinds);
    }
    if let Some(unit) = load.field("unit") {
        unit.wrong("belongs to arrivals = \"FILE\": expected no unit here");
    }
    let arrivals = load.one_of("arrivals", "rhythm of arrivals", &RHYTHMS, Arrivals::name);
    let phases = load.field("phases").map(|field| read_phases(&field)).unwrap_or_default();
    let rate = match phases.iter().map(|phase| phase.rate).find(|rate| *rate > 0.0) {
        Some(rate) => rate,
        None => load.field("rate").and_then(|field| field.rate()).unwrap_or(1.0),
    };
    let open = Load::Open { rate, arrivals: arrivals.unwrap_or(Arrivals::Poisson) };
    (open, Pattern { mix, phases, ..Pattern::default() })
}

/// Whether `arrivals` names a file and not a rhythm.
fn is_file(field: &Field<'_>, load: &Section<'_>) -> bool {
    let named = !load.has("rate") && !load.has("phases") && !load.has("clients");
    named && field.is_text()
}

/// The weights of the actor's kinds.
fn read_mix(load: &Section<'_>, kinds: &[String]) -> Vec<f64> {
    let Some(field) = load.field("mix") else {
        if kinds.first().is_some_and(|kind| !kind.is_empty()) {
            load.wrong(format!(
                "names no kind of request: expected mix = {{ {} = 1 }} or the like",
                kinds.join(" = 1, ")
            ));
        }
        return Vec::new();
    };
    if kinds.is_empty() {
        field.wrong("has no kinds to mix: expected [actor.NAME.on.KIND] tables");
        return Vec::new();
    }
    let Some(table) = field.section("{ get = 0.95, keys = 0.05 }") else { return Vec::new() };
    let mut weights = vec![0.0; kinds.len()];
    for (name, weight) in table.fields() {
        let known: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| !kind.is_empty()).collect();
        match kinds.iter().position(|kind| kind == name) {
            Some(kind) => weights[kind] = weight.number(&(0.0..=1e9)).unwrap_or(1.0),
            None => weight.wrong(unknown("kind of request", name, &known)),
        }
    }
    if weights.iter().sum::<f64>() <= 0.0 {
        field.wrong("weighs nothing: expected at least one weight above 0");
    }
    weights
}

/// Stretches of load, one after the other.
fn read_phases(field: &Field<'_>) -> Vec<Phase> {
    const EXPECTED: &str = "an array such as [{ for = \"10s\", rate = \"100/s\" }]";
    let Some(elements) = field.elements(EXPECTED) else { return Vec::new() };
    let mut phases = Vec::new();
    for element in &elements {
        let Some(phase) = element.section("{ for = \"10s\", rate = \"100/s\" }") else { continue };
        phase.only(&["for", "rate"]);
        let length = phase.required("for", "how long it lasts, such as \"10s\"");
        let rate = phase.required("rate", "tasks per second, such as \"100/s\", or 0");
        phases.push(Phase {
            length: length.and_then(|field| field.some_time()).unwrap_or(Nanos::from_secs(1)),
            rate: rate.and_then(|field| field.rate_or_none()).unwrap_or(0.0),
        });
    }
    if phases.iter().all(|phase| phase.rate <= 0.0) {
        field.wrong(format!("has no phase with load in it: expected {EXPECTED}"));
    }
    phases
}

/// Arrivals from a file, at their instants and of the kinds that they have there.
fn read_recorded(load: &Section<'_>, file: &Field<'_>, mix: Vec<f64>, kinds: &[String]) -> (Load, Pattern) {
    let nothing = || (Load::None, Pattern::default());
    let Some(path) = file.text("the name of a file of instants") else { return nothing() };
    let unit = match load.text("unit", "ns, us, ms or s").unwrap_or("s") {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        other => {
            let known = ["ns", "us", "ms", "s"];
            load.field("unit").iter().for_each(|field| field.wrong(unknown("unit", other, &known)));
            1e9
        }
    };
    let known: Vec<&str> = RHYTHMS.map(Arrivals::name).to_vec();
    if known.contains(&path) {
        file.wrong("is a rhythm without a rate: expected `rate` or `phases` beside it, or a file");
        return nothing();
    }
    match samples::instants(Path::new(path), unit) {
        Ok((instants, named)) => {
            let recorded_kinds = match kinds_of(&named, kinds) {
                Ok(kinds) => kinds,
                Err(why) => {
                    file.wrong(why);
                    return nothing();
                }
            };
            #[expect(clippy::cast_precision_loss, reason = "a mean rate, for show")]
            let rate =
                instants.len() as f64 / instants.last().map_or(1.0, |last| last.as_secs_f64()).max(1e-9);
            let pattern =
                Pattern { mix, phases: Vec::new(), recorded: Some(instants.into()), recorded_kinds };
            (Load::Open { rate, arrivals: Arrivals::Paced }, pattern)
        }
        Err(why) => {
            file.wrong(why);
            nothing()
        }
    }
}

/// The indices of kinds that arrivals have by name; `None` where they have none.
fn kinds_of(named: &[String], kinds: &[String]) -> Result<Option<Arc<[usize]>>, String> {
    let known: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| !kind.is_empty()).collect();
    let found: Result<Vec<usize>, String> = named
        .iter()
        .map(|name| {
            kinds.iter().position(|kind| kind == name).ok_or_else(|| match &known[..] {
                [] => "names kinds of request, and the actor has none: expected instants alone".to_owned(),
                known => unknown("kind of request", name, known),
            })
        })
        .collect();
    found.map(|found| (!found.is_empty()).then(|| Arc::from(found)))
}
