//! A day's summary for people: what was done, targets with headroom, findings, next steps.

use super::targets::Judged;
use super::{Level, Outcome, Pack, Status};
use std::fmt::Write;

/// The Markdown summary of a day.
#[must_use]
pub(super) fn markdown(
    pack: &Pack,
    day: u64,
    level: Level,
    time: &str,
    outcomes: &[Outcome],
    targets: &[Judged],
) -> String {
    let mut text = String::new();
    let done = outcomes.iter().filter(|outcome| outcome.is_success()).count();
    let met = targets.iter().filter(|target| target.is_met() == Some(true)).count();
    let missed: Vec<&str> = targets
        .iter()
        .filter(|target| target.is_met() == Some(false))
        .map(|target| target.what.as_str())
        .collect();
    let _ = writeln!(
        text,
        "# {}, day {day}\n\n**{}** ({}), {time}\n",
        pack.title,
        capital(level.label()),
        level.name()
    );
    let _ = writeln!(text, "## Executive summary\n");
    let _ = write!(text, "{done} of {} tasks done.", outcomes.len());
    let _ = match targets.len() {
        0 => writeln!(text, " No targets are set for this day."),
        all => writeln!(text, " {met} of {all} targets met."),
    };
    if !missed.is_empty() {
        let _ = writeln!(text, "Missed: {}.", missed.join(", "));
    }
    let _ = writeln!(
        text,
        "\n## Tasks\n\n| # | benchmark | component | status | took | tasks | mean | p99 | rate |"
    );
    let _ = writeln!(text, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for outcome in outcomes {
        row(&mut text, outcome);
    }
    if !targets.is_empty() {
        let _ = writeln!(text, "\n## Targets\n\n| target | benchmark | value | bound | verdict | headroom |");
        let _ = writeln!(text, "| --- | --- | --- | --- | --- | --- |");
        for target in targets {
            let value = target.value.map_or("–".to_owned(), |value| format!("{value:.4} {}", target.unit));
            let room = target.headroom_percent().map_or("–".to_owned(), |room| format!("{room:+.1} %"));
            let sign = if target.below { "<" } else { ">" };
            let _ = writeln!(
                text,
                "| {} | {} | {value} | {sign} {} {} | {} | {room} |",
                target.what,
                target.benchmark,
                target.bound,
                target.unit,
                target.verdict()
            );
        }
    }
    let _ = writeln!(text, "\n## Key findings\n");
    for outcome in outcomes {
        if let Status::Failed(error) = &outcome.status {
            let _ = writeln!(text, "- {} failed: {error}", outcome.task.name);
        }
        for finding in &outcome.findings {
            let _ = writeln!(text, "- {}: {finding}", outcome.task.name);
        }
    }
    let _ = writeln!(text, "\n## Next steps\n");
    for step in next_steps(pack, day, outcomes, targets) {
        let _ = writeln!(text, "- {step}");
    }
    text
}

fn row(text: &mut String, outcome: &Outcome) {
    let task = &outcome.task;
    let shown = |path: &str, unit: &str| {
        outcome.metric(path).map_or("–".to_owned(), |value| format!("{value:.4}{unit}"))
    };
    let status = if outcome.is_success() { "done" } else { "failed" };
    let count = outcome.metric("latency.count").map_or("–".to_owned(), |count| format!("{count:.0}"));
    let _ = writeln!(
        text,
        "| {} | {} | {} | {status} | {:.1} s | {count} | {} | {} | {} |",
        task.number,
        task.name,
        task.component,
        outcome.seconds,
        shown("latency.mean_ms", " ms"),
        shown("latency.p99_ms", " ms"),
        shown("throughput_per_s", "/s"),
    );
}

fn next_steps(pack: &Pack, day: u64, outcomes: &[Outcome], targets: &[Judged]) -> Vec<String> {
    let mut steps = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_success()) {
        steps.push(format!("mend {} and run it again: `conlab campaign --day {day}`", outcome.task.name));
    }
    for target in targets.iter().filter(|target| target.is_met() == Some(false)) {
        let scenario = outcomes.iter().find(|outcome| outcome.task.name == target.benchmark);
        if let Some(scenario) = scenario.map(|outcome| &outcome.task.scenario).filter(|name| !name.is_empty())
        {
            steps
                .push(format!("find what makes {} miss its bound: `conlab explain {scenario}`", target.what));
        }
    }
    if let Some(next) = pack.days().into_iter().find(|&other| other > day) {
        steps.push(format!("go on with `conlab campaign --day {next}`"));
    }
    if steps.is_empty() {
        steps.push(
            "carry out the first entry of the roadmap that is worth doing, and run the campaign again"
                .to_owned(),
        );
    }
    steps
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
