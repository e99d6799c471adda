//! When files were written, against how long what they hold must have taken and when it was to run.

use super::super::figure::short;
use super::super::read::{civil, stamp};
use super::super::report::Report;
use super::super::statement::{Fact, Statement};
use super::{Evidence, Hit, Said};

/// A file and when it was written.
struct Stamped<'r> {
    report: &'r Report,
    place: String,
    name: String,
    at: f64,
}

/// Every stamped file that is named in a text or was read itself, in order of time.
fn stamped<'r>(evidence: &Evidence<'r>) -> Vec<Stamped<'r>> {
    let mut found: Vec<Stamped<'r>> = Vec::new();
    for report in evidence.reports {
        let own = report.source.rsplit(['/', '\\']).next().unwrap_or_default();
        if let Some(at) = stamp(own) {
            found.push(Stamped { report, place: String::new(), name: own.to_owned(), at });
        }
        for Statement { line, fact, .. } in &report.statements {
            if let Fact::Stamp { name, at } = fact {
                found.push(Stamped { report, place: format!("line {line}"), name: name.clone(), at: *at });
            }
        }
    }
    found.sort_by(|one, other| one.at.total_cmp(&other.at));
    found.dedup_by(|one, other| one.name == other.name);
    found
}

/// Two results written closer together than the second one's run takes.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
pub(super) fn too_close(evidence: &Evidence<'_>) -> Vec<Hit> {
    let mut files = stamped(evidence);
    // Reports are written when they are; only results tell when a run ended.
    files.retain(|file| !["report", "summary"].iter().any(|word| file.name.to_lowercase().contains(word)));
    let mut hits = Vec::new();
    for pair in files.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let gap = after.at - before.at;
        // Only names that tell of different benchmarks: one run may write several files.
        let stem = |name: &str| name.split(['_', '.', '-']).next().unwrap_or_default().to_lowercase();
        if stem(&before.name) == stem(&after.name) || gap <= 0.0 {
            continue;
        }
        let own = evidence.items.iter().filter(|item| {
            let benchmark = item.benchmark;
            let wanted = stem(&after.name);
            let plain: String =
                benchmark.name.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect();
            wanted.len() > 4 && plain.contains(&wanted)
        });
        let longest = own
            // What is simulated takes as long as its computation.
            .filter(|item| item.benchmark.is_timed() && !item.benchmark.manner.exact_repeats)
            .filter_map(|item| {
                let benchmark = item.benchmark;
                let mean = benchmark.summary.mean?;
                // Rates of conlab's own are of the same tasks as the mean; others may be of tokens or bytes.
                let at_once = match benchmark.throughput {
                    Some(rate) if item.report.format.starts_with("conlab's own") => {
                        rate.value * mean.value * 1e-3
                    }
                    _ => benchmark.concurrency.unwrap_or(1.0),
                };
                Some((benchmark.size()? as f64, mean, at_once.max(1.0)))
            })
            .map(|(count, mean, at_once)| (count * mean.span().low * 1e-3 / at_once, count, mean))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let Some((needed, count, mean)) = longest else { continue };
        if gap < 0.95 * needed {
            hits.push(Hit {
                subject: format!("{} and {}", before.name, after.name),
                file: after.report.source.clone(),
                place: after.place.clone(),
                said: Said::new(
                    format!(
                        "written {} s apart; the second holds {count} runs of {} ms",
                        short(gap, 3),
                        short(mean.value, 4)
                    ),
                    format!(
                        "{count} × {} ms = {} s, longer than the {} s between them",
                        short(mean.value, 4),
                        short(count * mean.value * 1e-3, 3),
                        short(gap, 3)
                    ),
                ),
            });
        }
    }
    hits
}

/// A day that ran on another date than the one it was set for.
pub(super) fn off_schedule(evidence: &Evidence<'_>) -> Vec<Hit> {
    let files = stamped(evidence);
    let day_of = |name: &str| -> Option<u64> {
        let lower = name.to_lowercase();
        let rest = &lower[lower.find("day")? + 3..];
        let digits: String =
            rest.trim_start_matches(['_', '-', ' ']).chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let mut hits: Vec<Hit> = Vec::new();
    for report in evidence.reports {
        for statement in &report.statements {
            let Fact::Scheduled { day, date: (year, month, of_month) } = &statement.fact else { continue };
            let Some(file) = files.iter().find(|file| day_of(&file.name) == Some(*day)) else { continue };
            let (ran_year, ran_month, ran_day) = civil(file.at);
            let agrees = *of_month == ran_day
                && month.is_none_or(|month| month == ran_month)
                && (*year == 0 || *year == ran_year);
            if agrees || hits.iter().any(|hit| hit.subject == file.name) {
                continue;
            }
            let first = files.iter().find(|other| day_of(&other.name).is_some_and(|other| other < *day));
            let after = first.map_or(String::new(), |first| {
                format!(", {} minutes after {}", short((file.at - first.at) / 60.0, 0), first.name)
            });
            hits.push(Hit {
                subject: file.name.clone(),
                file: report.source.clone(),
                place: format!("line {}", statement.line),
                said: Said::new(
                    format!("day {day} is set for the {of_month}{}; its file was written on {ran_year}-{ran_month:02}-{ran_day:02}", ordinal(*of_month)),
                    format!("it ran on another day than the one it is reported for{after}"),
                ),
            });
        }
    }
    hits
}

const fn ordinal(day: u32) -> &'static str {
    match (day / 10, day % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}
