//! The page of one run, and of several runs side by side.

mod answer;
mod calls;
mod mechanisms;
mod paths;
mod sections;
mod special;
mod tasks;
mod threads;
mod trust;

pub use answer::word;

use crate::measure::Cause;
use crate::measure::record::{ActorRecord, Breakdown, ObservedRecord, RunRecord};
use crate::report::observe;
use crate::report::page::{
    Axis, Block, Fact, Lines, Notice, Page, Scale, Section, Series, Table, Tone, Unit, Verdict,
};
use crate::report::page::{Stack, StackRow};
use crate::report::words::{at_least, count, duration, number, several, share, tail, tail_note};
use sections::{of_run, spectrum_series};

/// The page of one run.
#[must_use]
pub fn run_page(record: &RunRecord) -> Page {
    if let Some(observed) = &record.observed {
        return observed_page(record, observed);
    }
    let treatment = &record.treatment;
    let focus = record.actors.get(&treatment.focus);
    let mut sections = Vec::new();
    if !record.warnings.is_empty() {
        sections.push(warnings(&[("", record)]));
    }
    sections.extend(of_run(record));
    Page {
        kicker: kicker(record),
        title: record.scenario.name.clone(),
        question: format!("{} On {}.", levels(record), record.manifest.cpu),
        alarms: answer::alarms(record),
        answer: focus.map(|actor| answer::answer(record, actor)).unwrap_or_default(),
        certainty: focus.map(|actor| answer::certainty(record, actor)).unwrap_or_default(),
        next: focus.and_then(|actor| answer::next(record, actor)),
        verdict: Some(verdict(record)),
        facts: focus.map(|actor| facts(record, actor)).unwrap_or_default(),
        sections,
    }
}

/// The page of another program that was recorded.
fn observed_page(record: &RunRecord, observed: &ObservedRecord) -> Page {
    let mut page = observe::page(record, observed);
    if !record.warnings.is_empty() {
        page.sections.insert(0, warnings(&[("", record)]));
    }
    page.sections.extend([trust::checks(record), trust::manifest(record)]);
    page.verdict = Some(verdict(record));
    page
}

/// What ran, in one line.
fn kicker(record: &RunRecord) -> String {
    let treatment = &record.treatment;
    format!(
        "run {} · {} engine · {}, {}, {} · {} · seed {}",
        record.scenario.name,
        record.engine,
        several(treatment.threads as u64, "thread"),
        treatment.queue,
        several(u64::from(treatment.cores), "core"),
        duration(as_f64(record.window.length_ns)),
        record.seed
    )
}

/// The page of several runs side by side, then each in full.
#[must_use]
pub fn comparison_page(runs: &[(String, RunRecord)]) -> Page {
    let mut page = Page {
        kicker: format!("conlab {} · {} records", env!("CARGO_PKG_VERSION"), runs.len()),
        title: shared_title(runs),
        question: "Records side by side. They were made at different times: only `conlab compare`, which \
                   interleaves its runs, can give intervals for their differences."
            .into(),
        ..Page::default()
    };
    let named: Vec<(&str, &RunRecord)> = runs.iter().map(|(name, record)| (name.as_str(), record)).collect();
    if named.iter().any(|(_, record)| !record.warnings.is_empty()) {
        page.sections.push(warnings(&named));
    }
    let comparable = named.iter().all(|(_, record)| record.instrumented == named[0].1.instrumented);
    if !comparable {
        page.verdict = Some(Verdict {
            tone: Tone::Bad,
            text: "not comparable: some runs were instrumented and some were not".into(),
        });
    }
    let runs: Vec<(&str, &RunRecord)> =
        named.iter().copied().filter(|(_, record)| record.observed.is_none()).collect();
    if !runs.is_empty() {
        page.sections.push(side_by_side(&runs));
    }
    page.sections.extend(observe::side_by_side(&named));
    if !runs.is_empty() {
        page.sections.push(breakdowns(&runs));
        page.sections.push(spectra(&runs));
    }
    page.sections.extend(recordings(&named));
    for (index, (name, record)) in named.iter().enumerate() {
        let blocks = of_run(record)
            .into_iter()
            .flat_map(|section| {
                let title = Block::Text(format!("{}. {}", section.title, section.lead));
                std::iter::once(title).chain(section.blocks)
            })
            .collect();
        let summary = format!("{name}: everything that the record holds");
        page.sections.push(
            Section::new(format!("run-{}", index + 1), *name, levels(record))
                .with(Block::Details { summary, blocks }),
        );
    }
    page
}

/// Where the threads' time of recordings went.
fn recordings(named: &[(&str, &RunRecord)]) -> Option<Section> {
    let rows = observe::bars(named);
    let stack = Stack { caption: "All threads".into(), rows, shares_only: true, ..Stack::default() };
    (!stack.rows.is_empty()).then(|| {
        Section::new("threads-time", "Where the threads' time went", "Shares of their wall time, by state.")
            .with(stack)
    })
}

fn shared_title(runs: &[(String, RunRecord)]) -> String {
    let mut names: Vec<&str> = runs.iter().map(|(_, record)| record.scenario.name.as_str()).collect();
    names.dedup();
    names.join(", ")
}

/// What tells records apart, in words: the levels in which they differ. `None` when that leaves two alike.
#[must_use]
pub fn distinctions(records: &[&RunRecord]) -> Option<Vec<String>> {
    let levels = |record: &RunRecord| {
        let treatment = &record.treatment;
        // Of a recording the number of threads is a finding, and what tells two apart is when they were made.
        if record.observed.is_some() {
            let mut levels: [String; 8] = Default::default();
            levels[0] = record.scenario.name.clone();
            levels[1] = format!("recorded {}", record.manifest.started);
            return levels;
        }
        let cache = treatment.cache.clone().unwrap_or_default();
        [
            record.scenario.name.clone(),
            format!("{} engine", record.engine),
            format!("{} threads", treatment.threads),
            format!("{} queue", treatment.queue),
            format!("{cache} cache"),
            treatment.load.clone(),
            format!("{} cores", treatment.cores),
            format!("seed {}", record.seed),
        ]
    };
    let all: Vec<_> = records.iter().map(|record| levels(record)).collect();
    let varies = |index: usize| all.iter().any(|levels| levels[index] != all[0][index]);
    let names: Vec<String> = all
        .iter()
        .map(|levels| {
            let told: Vec<&str> = (0..levels.len())
                .filter(|&index| varies(index))
                .map(|index| levels[index].as_str())
                .collect();
            told.join(", ")
        })
        .collect();
    let unique = names.iter().enumerate().all(|(index, name)| !names[..index].contains(name));
    unique.then_some(names)
}

/// The treatment in words.
fn levels(record: &RunRecord) -> String {
    if let Some(observed) = &record.observed {
        let threads = several(observed.total().threads, "thread");
        let cores = several(u64::from(record.treatment.cores), "core");
        let length = duration(as_f64(record.window.length_ns));
        return format!("{threads} of another program on {cores}; recorded for {length}.");
    }
    let treatment = &record.treatment;
    let cache = treatment.cache.as_ref().map(|layout| format!(", {layout} cache")).unwrap_or_default();
    format!(
        "`{}` with {} over the {} queue{cache}, {} load, {}, seed {}; measured {}.",
        treatment.focus,
        several(treatment.threads as u64, "thread"),
        treatment.queue,
        treatment.load,
        several(u64::from(treatment.cores), "core"),
        record.seed,
        duration(as_f64(record.window.length_ns))
    )
}

/// The largest part of a breakdown.
fn largest(breakdown: &Breakdown) -> (Cause, f64) {
    let parts = breakdown.parts();
    parts.iter().copied().fold(parts[0], |most, part| if part.1 > most.1 { part } else { most })
}

fn verdict(record: &RunRecord) -> Verdict {
    let doubts = match record.warnings.len() {
        0 => String::new(),
        1 => ", 1 warning".into(),
        more => format!(", {more} warnings"),
    };
    let (tone, text) = if let Some(why) = record.why_untrustworthy() {
        (Tone::Bad, format!("not trustworthy: {why}{doubts}"))
    } else if !record.trustworthy {
        (Tone::Bad, format!("not trustworthy{doubts}"))
    } else if record.partial {
        (Tone::Doubtful, format!("partial: interrupted before its end{doubts}"))
    } else if record.instrumented {
        (Tone::Doubtful, format!("instrumented: not comparable with plain runs{doubts}"))
    } else if record.warnings.is_empty() {
        (Tone::Good, format!("all {} identities hold", record.identities.len()))
    } else {
        (Tone::Doubtful, format!("all {} identities hold{doubts}", record.identities.len()))
    };
    Verdict { tone, text }
}

fn facts(record: &RunRecord, actor: &ActorRecord) -> Vec<Fact> {
    let fact = |label: &str, value: String, note: String| Fact { label: label.into(), value, note };
    let sojourn = &actor.sojourn_ns;
    let at = |value: u64| at_least(sojourn, value, duration(as_f64(value)));
    let shares = &actor.shares;
    let of_busy = "of busy time";
    vec![
        fact("p99", tail(sojourn, sojourn.p99, 100), tail_note(sojourn.count, 100).into()),
        fact(
            "median",
            at(sojourn.p50),
            format!("mean {}", at_least(sojourn, u64::MAX, duration(sojourn.mean))),
        ),
        fact("p99.9", tail(sojourn, sojourn.p999, 1000), format!("maximum {}", at(sojourn.max))),
        fact(
            "throughput",
            format!("{}/s", number(actor.throughput_per_s)),
            format!(
                "{} completions in {}{}",
                count(actor.completed_in_window.unwrap_or(actor.completed)),
                duration(as_f64(record.window.length_ns)),
                special::ends(actor)
            ),
        ),
        fact("busy: execution", share(shares.execution), of_busy.into()),
        fact("lock wait", share(shares.lock_acquisition), "of busy time".into()),
        fact("run-queue wait", share(shares.context_switching), "of busy time".into()),
    ]
}

fn warnings(runs: &[(&str, &RunRecord)]) -> Section {
    let mut notices = Vec::new();
    for (name, record) in runs {
        for warning in &record.warnings {
            let code =
                if name.is_empty() { warning.code.clone() } else { format!("{name}: {}", warning.code) };
            notices.push(Notice {
                tone: Tone::Doubtful,
                code,
                message: warning.message.clone(),
                remedy: warning.remedy.clone(),
            });
        }
    }
    Section::new("warnings", "Warnings", "").with(Block::Notices(notices))
}

fn side_by_side(runs: &[(&str, &RunRecord)]) -> Section {
    let head = "record | tasks | throughput | mean | p50 | p90 | p99 | p99.9 | execution \
        | lock | switching";
    let rows = runs
        .iter()
        .map(|(name, record)| {
            let Some(actor) = record.actors.get(&record.treatment.focus) else {
                return std::iter::once((*name).to_owned()).chain(vec!["–".into(); 10]).collect();
            };
            let sojourn = &actor.sojourn_ns;
            let at = |value: u64| at_least(sojourn, value, duration(as_f64(value)));
            vec![
                (*name).to_owned(),
                count(actor.completed),
                format!("{}/s", number(actor.throughput_per_s)),
                at_least(sojourn, u64::MAX, duration(sojourn.mean)),
                at(sojourn.p50),
                at(sojourn.p90),
                at(sojourn.p99),
                at(sojourn.p999),
                share(actor.shares.execution),
                share(actor.shares.lock_acquisition),
                share(actor.shares.context_switching),
            ]
        })
        .collect();
    Section::new("records", "Records", "The actor in focus of each record; times are sojourns.")
        .with(Table::new("", head, 1, rows))
}

fn breakdowns(runs: &[(&str, &RunRecord)]) -> Section {
    let rows = |pick: fn(&ActorRecord) -> &Breakdown| {
        runs.iter()
            .filter_map(|(name, record)| {
                let actor = record.actors.get(&record.treatment.focus)?;
                Some(StackRow { label: (*name).to_owned(), parts: parts(pick(actor)) })
            })
            .collect()
    };
    Section::new("causes", "Where the time goes", "Each task's sojourn by cause; all bars to one scale.")
        .with(Stack {
            caption: "The mean task".into(),
            rows: rows(|actor| &actor.breakdown_mean_ns),
            ..Stack::default()
        })
        .with(Stack {
            caption: "The tasks at the p99".into(),
            rows: rows(|actor| &actor.breakdown_p99_ns),
            ..Stack::default()
        })
}

fn spectra(runs: &[(&str, &RunRecord)]) -> Section {
    let series = runs
        .iter()
        .filter_map(|(name, record)| {
            let actor = record.actors.get(&record.treatment.focus)?;
            Some(spectrum_series(name, &actor.sojourn_ns))
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    Section::new("percentiles", "Percentiles", "").with(spectrum_chart(series))
}

/// The percentile spectrum with its usual axes.
fn spectrum_chart(series: Vec<Series>) -> Lines {
    Lines {
        caption: "Percentile spectrum of the sojourn time".into(),
        x: Axis {
            label: "share of tasks that finish sooner".into(),
            scale: Scale::Percentile,
            unit: Unit::Share,
        },
        y: Axis { label: "sojourn time".into(), scale: Scale::Fitting, unit: Unit::Nanos },
        series,
        ..Lines::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

/// A breakdown's parts as a bar wants them; what is nothing is left out.
fn parts(breakdown: &Breakdown) -> Vec<(Cause, f64)> {
    breakdown.parts().into_iter().filter(|part| part.1 != 0.0).collect()
}
