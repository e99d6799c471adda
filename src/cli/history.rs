//! `conlab history`: a figure's course over the stored records, and where it changed.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::history::{Course, courses, list};
use crate::measure::RunRecord;
use crate::report::plain::plain_table;
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
    } else {
        print(&terminal.plain(&page(&courses, args)))?;
    }
    let worse = courses.iter().any(|course| course.changes.last().is_some_and(|change| change.worse));
    Ok(if args.gate && worse { Outcome::Refuted } else { Outcome::Done })
}

fn page(courses: &[Course], args: &Args) -> String {
    if courses.is_empty() {
        return format!(
            "no whole record in {} has a {}; `conlab results` lists what there is\n",
            args.out.display(),
            args.metric.name()
        );
    }
    let unit = args.metric.unit();
    let mut text = String::new();
    for course in courses {
        text.push_str(&format!("{} of {}\n", course.metric.name(), course.experiment));
        let most = course.points.iter().map(|point| point.value).fold(f64::MIN_POSITIVE, f64::max);
        let rows = course
            .points
            .iter()
            .enumerate()
            .map(|(index, point)| {
                let change = course.changes.iter().find(|change| change.at == index);
                let mark = change.map_or_else(String::new, |change| {
                    let share = change.relative.map_or(f64::NAN, |share| share.value);
                    let way = if change.worse { "worse" } else { "better" };
                    format!("{way} from here: {:+.1} % (p = {:.3})", share * 100.0, change.p)
                        .replace('-', "−")
                });
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 24")]
                let bar = "█".repeat((point.value / most * 24.0).clamp(0.0, 24.0).round() as usize);
                let commit: String = point.commit.as_deref().unwrap_or("").chars().take(8).collect();
                vec![point.started.clone(), commit, unit.show(point.value), bar, mark]
            })
            .collect();
        text.push_str(&plain_table(&["started", "commit", course.metric.name(), "", ""], rows, 2));
        if course.changes.is_empty() {
            let few = if course.points.len() < 6 { " (fewer than 6 records cannot show one)" } else { "" };
            text.push_str(&format!("no change in {} records{few}\n", course.points.len()));
        }
        text.push('\n');
    }
    text
}
