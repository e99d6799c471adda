//! `conlab list`: what there is to choose from.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::cache::CacheLayout;
use crate::queue::QueueKind;
use crate::scenario::{DEFAULT, EMBEDDED, LoadArm};
use std::fmt::Write;

/// List the built-in scenarios, queues, cache layouts and load arms
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names only, one a line, of one family
    #[arg(long, value_name = "FAMILY", value_enum)]
    names: Option<Family>,
}

/// Names and what they mean.
type Rows = Vec<(&'static str, String)>;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Family {
    Scenarios,
    Queues,
    Caches,
    Loads,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let families: [(Family, &str, Rows); 4] = [
        (
            Family::Scenarios,
            "scenarios (conlab run NAME; conlab show NAME)",
            EMBEDDED.iter().map(|scenario| (scenario.name, about(scenario.name, scenario.text))).collect(),
        ),
        (
            Family::Queues,
            "queues (--queue)",
            QueueKind::ALL.iter().map(|kind| (kind.name(), kind.summary().to_owned())).collect(),
        ),
        (
            Family::Caches,
            "cache layouts (--cache)",
            CacheLayout::ALL.iter().map(|kind| (kind.name(), kind.summary().to_owned())).collect(),
        ),
        (
            Family::Loads,
            "load arms (--load)",
            LoadArm::ALL.iter().map(|arm| (arm.name(), arm.summary().to_owned())).collect(),
        ),
    ];
    let mut text = String::new();
    for (family, title, rows) in families {
        match args.names {
            Some(wanted) if wanted as u8 == family as u8 => {
                text.extend(rows.iter().flat_map(|(name, _)| [*name, "\n"]));
            }
            Some(_) => {}
            None => {
                let gap = if text.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}{}", terminal.strong(title));
                for (name, about) in rows {
                    let _ = writeln!(text, "  {name:<18} {about}");
                }
            }
        }
    }
    print(&terminal.plain(&text))?;
    Ok(Outcome::Done)
}

/// The question that a scenario asks.
fn about(name: &str, text: &str) -> String {
    let question = text
        .parse::<toml_edit::DocumentMut>()
        .ok()
        .and_then(|document| Some(document.get("question")?.as_str()?.to_owned()))
        .unwrap_or_default();
    let default = if name == DEFAULT { " (the default)" } else { "" };
    format!("{question}{default}")
}
