//! `conlab history`: a figure's course over the stored records, and where it changed.

use super::exit::{Failure, Outcome, print};
use super::report::write;
use super::terminal::Terminal;
use crate::history::{Course, courses, list};
use crate::measure::RunRecord;
use crate::report::html::html;
use crate::report::study::history_page;
use crate::study::Metric;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  conlab history                             the p99 of every experiment in results/
  conlab history --metric mean --scenario agents
  conlab history --metric throughput --gate  exits with 3 when it got worse at its last change

Records of another scenario, treatment, engine or host are another course. A change is a split of the course whose two
means lie farther apart than in 97 of 100 random orders of the same figures; three records are needed on each side.";

/// A figure's course over stored records, and where it changed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Which figure
    #[arg(long, value_name = "NAME", default_value = "p99", value_parser = Metric::parse)]
    metric: Metric,
    /// Only records of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Where the records are
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    out: PathBuf,
    /// Exit with 3 when a course got worse at its last change
    #[arg(long)]
    gate: bool,
    /// Write the page as HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the courses as JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document<'c> {
    schema: u32,
    courses: &'c [Course],
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let found = list(&args.out)
        .map_err(|error| Failure::cannot(format!("read the results in {}", args.out.display()), error))?;
    let records: Vec<(String, &RunRecord)> = found
        .iter()
        .filter_map(|one| Some((one.name.clone(), one.record.as_deref()?)))
        .filter(|(_, record)| args.scenario.as_ref().is_none_or(|name| record.scenario.name == *name))
        // An interrupted run's figures are of another length, a broken one's are none.
        .filter(|(_, record)| !record.partial && record.why_untrustworthy().is_none())
        .collect();
    let courses = courses(&records, args.metric);
    if args.json {
        let text = serde_json::to_string_pretty(&Document { schema: 1, courses: &courses })
            .map_err(|error| Failure::cannot("write the courses as JSON", error))?;
        print(&format!("{text}\n"))?;
    }
    let page = history_page(&courses, args.metric);
    if !args.json {
        print(&match courses[..] {
            [] => format!(
                "no whole record in {} has a {}; `conlab results` lists what there is\n",
                args.out.display(),
                args.metric.name()
            ),
            _ => terminal.page(&page),
        })?;
    }
    if let Some(file) = &args.html {
        write(file, &html(&page), terminal)?;
    }
    let worse = courses.iter().any(|course| course.changes.last().is_some_and(|change| change.worse));
    Ok(if args.gate && worse { Outcome::Refuted } else { Outcome::Done })
}
