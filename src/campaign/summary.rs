//! A day's report for people, complete: what was done and how, every figure by benchmark, function, lock and cause, what the
//! day was held against, where it contradicts what was reported, what to do, and what was delivered.

use super::roadmap;
use super::targets::Judged;
use super::{DayInput, Level, Outcome, Status};
use crate::measure::Cause;
use crate::report::page::{Block, Fact, Next, Notice, Page, Section, Table, Tone, Verdict};
use crate::report::study::decision_section;
use crate::report::words::several;
use crate::scenario::LoadArm;
use serde_json::Value;

/// A measured figure that differs from the reported one by more than this share contradicts it.
const CONTRADICTS: f64 = 0.10;

/// The page of a day.
#[must_use]
pub(super) fn day_page(input: &DayInput<'_>) -> Page {
    let outcomes = input.outcomes;
    let done = outcomes.iter().filter(|outcome| outcome.is_success()).count();
    let gaps = gaps(input);
    let said = gaps.first().map_or_else(String::new, |gap| format!(" {}", gap.sentence()));
    let sections = [
        Some(configuration(input)),
        results(outcomes),
        targets(input.targets),
        functions(outcomes),
        shares(outcomes),
        locks(outcomes),
        comparison(&gaps),
        reported(input),
        Some(findings(outcomes)),
        roadmap_section(outcomes),
        Some(checks(outcomes)),
        Some(deliverables(input)),
        Some(progress(input)),
        Some(steps(input)),
    ];
    Page {
        kicker: format!(
            "campaign {} · day {} · level {} · {}",
            input.pack.title,
            input.day,
            input.level.name(),
            input.time
        ),
        title: format!("{}, day {}", input.pack.title, input.day),
        answer: format!(
            "{done} of {} done, {}.{said}",
            several(outcomes.len() as u64, "task"),
            input.level.label()
        ),
        certainty: certainty(input),
        next: next_steps(input).first().map(|step| Next::new(step.clone(), "")),
        verdict: Some(Verdict {
            tone: if done == outcomes.len() { Tone::Good } else { Tone::Bad },
            text: capital(input.level.label()),
        }),
        facts: target_facts(input.targets),
        sections: sections.into_iter().flatten().collect(),
        ..Page::default()
    }
}

fn certainty(input: &DayInput<'_>) -> String {
    match input.level {
        Level::Replay => "Nothing was run: every figure follows from a formula.".into(),
        Level::Model => {
            format!("One simulated run a benchmark, seed {}; nothing here is a measurement.", input.seed)
        }
        Level::Measured => format!(
            "One run a benchmark on this machine, seed {}; percentiles of few tasks are marked.",
            input.seed
        ),
    }
}

fn target_facts(targets: &[Judged]) -> Vec<Fact> {
    let met = targets.iter().filter(|target| target.is_met() == Some(true)).count();
    let missed: Vec<&str> = targets
        .iter()
        .filter(|target| target.is_met() == Some(false))
        .map(|target| target.what.as_str())
        .collect();
    if targets.is_empty() {
        return Vec::new();
    }
    vec![Fact {
        label: "targets met".into(),
        value: format!("{met} of {}", targets.len()),
        note: if missed.is_empty() { String::new() } else { format!("missed: {}", missed.join(", ")) },
    }]
}

fn configuration(input: &DayInput<'_>) -> Section {
    let rows = input.outcomes.iter().map(|outcome| {
        let task = &outcome.task;
        let dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        vec![
            task.number.to_string(),
            task.name.clone(),
            dash(&task.scenario),
            dash(&task.actor),
            task.load.name().to_owned(),
            task.profiler.name().to_owned(),
            task.iterations.to_string(),
            task.tasks_per_iteration.to_string(),
            task.cap.to_string(),
        ]
    });
    let head = "# | benchmark | scenario | actor | load | profiler | iterations | tasks each | cap";
    let lead = format!("Seed {}; {}.", input.seed, input.machine);
    Section::new("configuration", "Configuration", lead).with(Table::new("", head, 6, rows.collect()))
}

/// A number of an outcome, with its unit; a dash where it has none.
fn shown(outcome: &Outcome, path: &str, unit: &str) -> String {
    outcome.metric(path).map_or("–".to_owned(), |value| format!("{value:.4}{unit}"))
}

fn results(outcomes: &[Outcome]) -> Option<Section> {
    let row = |outcome: &Outcome| {
        let time = |name: &str| shown(outcome, &format!("latency.{name}_ms"), "");
        let status = if outcome.is_success() { "done" } else { "failed" };
        let mut row = vec![outcome.task.name.clone(), outcome.task.component.clone(), status.to_owned()];
        row.push(outcome.metric("latency.count").map_or("–".to_owned(), |count| format!("{count:.0}")));
        row.extend(["min", "mean", "median", "p95", "p99", "max", "stddev"].map(time));
        row.extend([shown(outcome, "throughput_per_s", ""), format!("{:.1}", outcome.seconds)]);
        row
    };
    let head = "benchmark | component | status | tasks | min | mean | median | p95 | p99 | max | std. dev. | per s | took, s";
    let lead = "Sojourn times in milliseconds, arrival to completion; a percentile that the sample cannot carry is absent.";
    (!outcomes.is_empty()).then(|| {
        Section::new("results", "Results", lead)
            .with(Table::new("", head, 3, outcomes.iter().map(row).collect()))
            .in_brief()
    })
}

fn targets(targets: &[Judged]) -> Option<Section> {
    let rows = targets.iter().map(|target| {
        let sign = if target.below { "<" } else { ">" };
        vec![
            target.what.clone(),
            target.benchmark.clone(),
            target.verdict().to_owned(),
            target.value.map_or("–".to_owned(), |value| format!("{value:.4} {}", target.unit)),
            format!("{sign} {} {}", target.bound, target.unit),
            target.headroom_percent().map_or("–".to_owned(), |room| format!("{room:+.1} %")),
        ]
    });
    let head = "target | benchmark | verdict | value | bound | headroom";
    (!targets.is_empty())
        .then(|| Section::new("targets", "Targets", "").with(Table::new("", head, 3, rows.collect())))
}

/// The entries of an outcome's group of numbers, the largest first.
fn group(outcome: &Outcome, path: &[&str]) -> Vec<(String, f64)> {
    let mut value = outcome.metrics.get(path[0]);
    for part in &path[1..] {
        value = value.and_then(|value| value.get(part));
    }
    let Some(Value::Object(fields)) = value else { return Vec::new() };
    let mut rows: Vec<(String, f64)> =
        fields.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    rows
}

fn functions(outcomes: &[Outcome]) -> Option<Section> {
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .flat_map(|outcome| {
            group(outcome, &["self_time_percent"]).into_iter().map(|(function, percent)| {
                vec![outcome.task.name.clone(), function, format!("{percent:.2} %")]
            })
        })
        .collect();
    let lead = "Self time: of the time in which a task executes, waits for locks or waits for a processor; what a profiler sees.";
    (!rows.is_empty()).then(|| {
        Section::new("functions", "Results by function", lead).with(Table::new(
            "",
            "benchmark | function | self time",
            2,
            rows,
        ))
    })
}

fn shares(outcomes: &[Outcome]) -> Option<Section> {
    let row = |outcome: &Outcome| {
        outcome.metrics.get("shares_percent")?;
        let of = |name: &str| shown(outcome, &format!("shares_percent.{name}"), " %");
        Some(vec![
            outcome.task.name.clone(),
            of("execution"),
            of("lock_acquisition"),
            of("context_switching"),
        ])
    };
    let rows: Vec<Vec<String>> = outcomes.iter().filter_map(row).collect();
    let lead = "Of busy time: idle waiting for work and I/O are not part of it.";
    (!rows.is_empty()).then(|| {
        let table = Table::new("", "benchmark | execution | lock wait | run-queue wait", 1, rows);
        Section::new("shares", "Shares of busy time", lead).with(table).in_brief()
    })
}

fn locks(outcomes: &[Outcome]) -> Option<Section> {
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .flat_map(|outcome| {
            let locks =
                outcome.metrics.get("lock_analysis").and_then(Value::as_array).cloned().unwrap_or_default();
            locks.into_iter().map(|lock| {
                let text = |name: &str| lock.get(name).and_then(Value::as_str).unwrap_or("–").to_owned();
                let number = |name: &str| {
                    lock.get(name)
                        .and_then(Value::as_f64)
                        .map_or("–".to_owned(), |value| format!("{value:.4}"))
                };
                vec![
                    outcome.task.name.clone(),
                    text("lock"),
                    text("kind"),
                    text("longest_holder"),
                    number("taken"),
                    number("contended_percent"),
                    number("typical_wait"),
                    number("typical_hold"),
                ]
            })
        })
        .collect();
    let head =
        "benchmark | lock | kind | held longest by | taken | contended, % | mean wait, ms | mean hold, ms";
    let lead = "Every lock of a run, from call to acquisition and from acquisition to release.";
    (!rows.is_empty())
        .then(|| Section::new("locks", "Lock analysis", lead).with(Table::new("", head, 4, rows)))
}

/// A component beside the others and alone.
struct Gap {
    component: String,
    baseline: f64,
    isolated: f64,
    what: &'static str,
    cause: Option<(Cause, f64)>,
}

impl Gap {
    fn sentence(&self) -> String {
        let cause = self
            .cause
            .as_ref()
            .map_or_else(String::new, |(cause, ms)| format!(", of which {ms:.2} ms is {}", cause.sentence()));
        format!(
            "{}: {} {:.2} ms beside the others and {:.2} ms alone, a gap of {:.2} ms{cause}.",
            self.component,
            self.what,
            self.baseline,
            self.isolated,
            self.baseline - self.isolated
        )
    }
}

/// Components that were measured both ways, the widest gap first.
fn gaps(input: &DayInput<'_>) -> Vec<Gap> {
    let all: Vec<&Outcome> = input.earlier.iter().copied().chain(input.outcomes).collect();
    let of = |actor: &str, load: LoadArm| {
        all.iter().copied().find(|outcome| {
            outcome.task.actor == actor
                && outcome.task.load == load
                && outcome.task.what == super::What::Run
                && outcome.metrics.contains_key("latency")
        })
    };
    let mut found = Vec::new();
    for alone in input.outcomes.iter().filter(|outcome| outcome.task.load == LoadArm::Isolated) {
        let Some(beside) = of(&alone.task.actor, LoadArm::Baseline) else { continue };
        let (path, what) =
            if alone.metric("latency.p99_ms").is_some() && beside.metric("latency.p99_ms").is_some() {
                ("latency.p99_ms", "p99")
            } else {
                ("latency.mean_ms", "mean")
            };
        let (Some(baseline), Some(isolated)) = (beside.metric(path), alone.metric(path)) else { continue };
        let arm = if what == "p99" && both_have(beside, alone, "at_high") { "at_high" } else { "at_typical" };
        let before = group(alone, &["by_cause", arm]);
        let growth = group(beside, &["by_cause", arm]).into_iter().filter_map(|(key, ms)| {
            let alone = before.iter().find(|(name, _)| *name == key).map_or(0.0, |(_, ms)| *ms);
            Some((Cause::of_key(&key)?, ms - alone))
        });
        let cause = growth.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, ms)| *ms > 0.0);
        found.push(Gap { component: alone.task.component.clone(), baseline, isolated, what, cause });
    }
    found.sort_by(|a, b| (b.baseline - b.isolated).total_cmp(&(a.baseline - a.isolated)));
    found
}

fn both_have(one: &Outcome, other: &Outcome, arm: &str) -> bool {
    [one, other].iter().all(|outcome| !group(outcome, &["by_cause", arm]).is_empty())
}

fn comparison(gaps: &[Gap]) -> Option<Section> {
    let rows = gaps.iter().map(|gap| {
        vec![
            gap.component.clone(),
            gap.what.to_owned(),
            gap.cause
                .as_ref()
                .map_or("not known".into(), |(cause, ms)| format!("{} ({ms:+.2} ms)", cause.label())),
            format!("{:.2} ms", gap.baseline),
            format!("{:.2} ms", gap.isolated),
            format!("{:+.2} ms", gap.baseline - gap.isolated),
        ]
    });
    let head = "component | figure | what grew most | baseline | isolated | gap";
    let lead = "The same component beside the others and alone. What grew most is a state, not yet a cause: `conlab explain` splits \
                the gap over causes.";
    (!gaps.is_empty()).then(|| {
        Section::new("comparison", "Baseline and isolated", lead)
            .with(Table::new("", head, 3, rows.collect()))
            .in_brief()
    })
}

/// Every reported figure beside the one of this campaign, and whether they contradict each other.
fn reported(input: &DayInput<'_>) -> Option<Section> {
    if input.level == Level::Replay {
        return None;
    }
    let mut contradicted = 0;
    let mut rows = Vec::new();
    for figure in input.pack.replay.figures() {
        let Some(outcome) = input.outcomes.iter().find(|one| one.task.name == figure.benchmark) else {
            continue;
        };
        let found = outcome.metric(&figure.metric);
        let relative = found.map(|found| found / figure.value - 1.0).filter(|share| share.is_finite());
        let verdict = match relative {
            None => "not measured here",
            Some(share) if share.abs() <= CONTRADICTS => "agrees",
            Some(_) => "contradicts",
        };
        contradicted += usize::from(verdict == "contradicts");
        rows.push(vec![
            figure.benchmark.clone(),
            figure.metric.clone(),
            verdict.to_owned(),
            figure.printed.clone(),
            found.map_or("–".to_owned(), |found| format!("{found:.4}")),
            relative.map_or("–".to_owned(), |share| format!("{:+.1} %", share * 100.0)),
        ]);
    }
    let all = rows.len();
    let lead = format!(
        "{contradicted} of {all} reported figures are contradicted by what was {} here: they differ by more than {:.0} %. The report \
         is of another machine and program, so agreement is no confirmation either.",
        if input.level == Level::Model { "modelled" } else { "measured" },
        CONTRADICTS * 100.0
    );
    let head = "benchmark | figure | verdict | reported | here | differs by";
    (all > 0)
        .then(|| Section::new("reported", "Against the report", lead).with(Table::new("", head, 3, rows)))
}

fn findings(outcomes: &[Outcome]) -> Section {
    let mut section = Section::new("findings", "Key findings", "");
    for outcome in outcomes {
        if let Status::Failed(error) = &outcome.status {
            section = section.with(Block::Notices(vec![Notice {
                tone: Tone::Bad,
                code: format!("{} failed", outcome.task.name),
                message: error.clone(),
                remedy: String::new(),
            }]));
        }
        let pairs: Vec<(String, String)> =
            outcome.findings.iter().map(|finding| (outcome.task.name.clone(), finding.clone())).collect();
        if !pairs.is_empty() {
            section = section.with(Block::Pairs(pairs));
        }
    }
    section
}

/// The roadmap, where a task of the day made one.
fn roadmap_section(outcomes: &[Outcome]) -> Option<Section> {
    let judged: Vec<&roadmap::Judged> = outcomes.iter().flat_map(|outcome| &outcome.roadmap).collect();
    if judged.is_empty() {
        return None;
    }
    let fixes: Vec<_> = judged.iter().map(|judged| judged.fix()).collect();
    let rows = judged.iter().zip(1_u64..).map(|(judged, rank)| {
        let entry = &judged.entry;
        vec![
            rank.to_string(),
            entry.title.clone(),
            judged.verdict().to_owned(),
            entry.risk.clone(),
            format!("{} promised", entry.roi),
            format!("{}–{} ms of {}", entry.savings_ms.0, entry.savings_ms.1, entry.metric),
            format!("{} days", entry.effort_days),
            format!("{:.2} ms", judged.per_day()),
            format!("{}/5", entry.complexity),
        ]
    });
    let head =
        "# | entry | verdict | risk | ROI | promised saving | effort | surely saved a day | complexity";
    let mut section = Section::new(
        "roadmap",
        "Roadmap",
        "Ranked by what is surely saved a day of work: the near end of the interval over the days.",
    );
    section.blocks.push(Block::Table(Table::new("", head, 5, rows.collect())));
    section.blocks.extend(decision_section(&fixes).blocks);
    Some(section.in_brief())
}

fn checks(outcomes: &[Outcome]) -> Section {
    let broken: Vec<String> = outcomes
        .iter()
        .flat_map(|outcome| {
            let doubts = outcome.findings.iter().filter(|finding| finding.starts_with("not trustworthy"));
            doubts.map(move |finding| format!("{}: {finding}", outcome.task.name))
        })
        .collect();
    let runs = outcomes.iter().filter(|outcome| outcome.metric("identities_held").is_some());
    let (count, held) = runs.fold((0_u64, 0.0), |(count, held), outcome| {
        (count + 1, held + outcome.metric("identities_held").unwrap_or(0.0))
    });
    let text = if count == 0 {
        "Nothing was run, so there is no record to check.".to_owned()
    } else if broken.is_empty() {
        format!("{held:.0} identities of {} hold.", several(count, "run"))
    } else {
        broken.join(" ")
    };
    Section::new("checks", "Checks", "Each record is held to identities that a wrong one breaks.")
        .with(Block::Text(text))
}

fn deliverables(input: &DayInput<'_>) -> Section {
    let rows = input.outcomes.iter().map(|outcome| {
        let files: Vec<String> = outcome
            .artifacts
            .iter()
            .map(|artifact| format!("{}/{}_…{}", artifact.folder, outcome.task.name, artifact.ending))
            .collect();
        vec![format!("metrics_json/{}_….json", outcome.task.name), files.join(", ")]
    });
    let lead = format!("Below {}; names carry the time.", input.pack.folder);
    let table = Table::new("", "metrics | profiles, flame graphs, roadmap", 2, rows.collect());
    Section::new("deliverables", "Deliverables", lead).with(table)
}

fn progress(input: &DayInput<'_>) -> Section {
    let all = input.pack.tasks.len();
    let ended = input.earlier.iter().copied().chain(input.outcomes);
    let done = ended.filter(|outcome| outcome.is_success()).count();
    let text = format!("{done} of {} of the campaign are done.", several(all as u64, "task"));
    Section::new("progress", "Progress", "").with(Block::Text(text))
}

fn steps(input: &DayInput<'_>) -> Section {
    let pairs = next_steps(input).into_iter().zip(1_u64..).map(|(step, number)| (number.to_string(), step));
    Section::new("next-steps", "Next steps", "").with(Block::Pairs(pairs.collect()))
}

fn next_steps(input: &DayInput<'_>) -> Vec<String> {
    let (outcomes, day) = (input.outcomes, input.day);
    let mut steps = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_success()) {
        steps.push(format!("mend {} and run it again: conlab campaign --day {day}", outcome.task.name));
    }
    for target in input.targets.iter().filter(|target| target.is_met() == Some(false)) {
        let scenario = outcomes.iter().find(|outcome| outcome.task.name == target.benchmark);
        if let Some(scenario) = scenario.map(|outcome| &outcome.task.scenario).filter(|name| !name.is_empty())
        {
            steps.push(format!("find what makes {} miss its bound: conlab explain {scenario}", target.what));
        }
    }
    if let Some(next) = input.pack.days().into_iter().find(|&other| other > day) {
        steps.push(format!("conlab campaign --day {next}"));
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
