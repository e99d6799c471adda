//! Pages of studies: what `compare`, `explain`, `whatif`, `decide` and `claims` found.

mod claims;
mod compare;
mod decision;
mod difference;
mod explain;
mod fit;
mod history;
mod model;
mod replay;
mod search;
mod validate;
mod verify;
mod whatif;

pub use claims::claims_page;
pub use compare::compare_page;
pub use decision::{Decision, decision_page, decision_section};
pub use difference::{JudgedGate, after_words, difference_page, relative_words};
pub use explain::{answer, explain_page};
pub use fit::fit_page;
pub use history::history_page;
pub use model::say_distance;
pub use replay::replay_page;
pub use search::search_page;
pub use validate::validate_page;
pub use verify::verify_page;
pub use whatif::whatif_page;

use super::page::{self, Notice, Section, Tone};
use super::words::several;
use crate::measure::record::Warning;
use crate::scenario::{DEFAULT, EMBEDDED};
use crate::study::Unit;
use crate::study::stats::Estimate;

/// `37.3 ms ± 0.4`-like text of an estimate in its unit.
fn with_interval(unit: Unit, estimate: &Estimate) -> String {
    if estimate.half_width.is_finite() {
        format!("{} ± {}", unit.show(estimate.value), unit.show(estimate.half_width))
    } else {
        format!("{} ± ?", unit.show(estimate.value))
    }
}

/// A relative difference with its sign: `+3.2 %`.
pub(super) fn signed(share: f64) -> String {
    if share.is_finite() { format!("{:+.1} %", share * 100.0).replace('-', "−") } else { "?".into() }
}

fn page_unit(unit: Unit) -> page::Unit {
    match unit {
        Unit::Time => page::Unit::Nanos,
        Unit::Rate => page::Unit::PerSecond,
        Unit::Share => page::Unit::Share,
    }
}

/// How often a study repeated itself, and how sure its intervals are.
fn rounds_of(rounds: u32, level: f64) -> String {
    format!(
        "{} under the same random numbers, {:.0} % intervals",
        several(u64::from(rounds), "round"),
        level * 100.0
    )
}

/// A scenario as the command line takes it, with a space before it; nothing for the default one.
fn scenario_word(name: &str) -> String {
    match name {
        name if name == DEFAULT => String::new(),
        name if EMBEDDED.iter().any(|one| one.name == name) => format!(" {name}"),
        _ => " FILE".into(),
    }
}

/// The section of doubts, if there are any.
fn doubts(warnings: &[Warning]) -> Option<Section> {
    let notice = |warning: &Warning| Notice {
        tone: Tone::Doubtful,
        code: warning.code.clone(),
        message: warning.message.clone(),
        remedy: warning.remedy.clone(),
    };
    let notices = page::Block::Notices(warnings.iter().map(notice).collect());
    (!warnings.is_empty()).then(|| Section::new("doubts", "Doubts", "").with(notices).in_brief())
}
