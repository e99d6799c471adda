//! The page of another program that was recorded: where the time of its threads went.

use super::page::{Axis, Block, Fact, Lines, Next, Page, Section, Series, Stack, StackRow, Table, Unit};
use super::words::{count, duration, number, several, share};
use crate::measure::Cause;
use crate::measure::observed::{BlockedBy, FutexWait, ObservedRecord, ObservedSlice, ThreadGroup};
use crate::measure::record::RunRecord;

/// What every page of a recording says.
pub(super) const NO_TASKS: &str =
    "A recording shows threads, not tasks: it has no latency, throughput, queue or lock-hold figures.";
/// Single threads and groups that are drawn.
const DRAWN: usize = 24;

#[expect(clippy::cast_precision_loss, reason = "shares and times, shown with three digits")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

fn part(time: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { as_f64(time) / as_f64(whole) }
}

fn percent(time: u64, whole: u64) -> String {
    if whole == 0 { "–".into() } else { share(part(time, whole)) }
}

/// The page of a recording, without its checks and manifest.
pub(super) fn page(record: &RunRecord, seen: &ObservedRecord) -> Page {
    let total = seen.total();
    Page {
        kicker: format!(
            "record {} · process {} · {} · {} looks · observing cost {:.2} % of one processor",
            record.scenario.name,
            seen.pid,
            duration(as_f64(record.window.length_ns)),
            count(seen.looks),
            100.0 * seen.overhead
        ),
        title: record.scenario.name.clone(),
        question: "Where did the threads' time go?".into(),
        answer: answer(seen, &total),
        certainty: certainty(record, seen),
        next: next(&total),
        facts: facts(record, seen, &total),
        sections: sections(record, seen),
        ..Page::default()
    }
}

/// Everything that was seen, in the order in which a reader asks for it.
pub(super) fn sections(record: &RunRecord, seen: &ObservedRecord) -> Vec<Section> {
    let mut sections = vec![groups(record, seen), causes(&seen.total())];
    if !seen.futexes.is_empty() {
        sections.push(futexes(seen));
    }
    if seen.series.len() > 1 {
        sections.push(over_time(&seen.series));
    }
    if !seen.threads.is_empty() {
        sections.push(threads(seen));
    }
    sections.push(Section::new("how", "How it was seen", format!("{}.", seen.how)));
    sections
}

fn answer(seen: &ObservedRecord, total: &ThreadGroup) -> String {
    if total.wall_ns == 0 {
        return "No thread was seen for any time: the program ended before the second look. Look more often: --every 1ms.".into();
    }
    let waits = [
        ("on a processor".to_owned(), total.on_cpu_ns),
        ("runnable without a processor".to_owned(), total.run_queue_ns),
    ];
    let blocked =
        total.blocked_ns.iter().map(|(cause, time)| (format!("blocked by {}", cause.label()), *time));
    let mut parts: Vec<(String, u64)> = waits.into_iter().chain(blocked).collect();
    parts.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let shown: Vec<String> = parts
        .iter()
        .take(3)
        .filter(|(_, time)| *time > 0)
        .map(|(what, time)| format!("{} {what}", percent(*time, total.wall_ns)))
        .collect();
    let futex = seen.futexes.first().map_or_else(String::new, |futex| {
        let all = total.blocked_ns.get(&BlockedBy::Futex).copied().unwrap_or(0);
        let most = format!(
            "Futex {} made {} of all waits for futexes",
            futex.address,
            percent(futex.wait_ns.min(all), all)
        );
        format!(" {most}, in {}.", waiters(futex))
    });
    format!("Of the threads' time {}.{futex}", shown.join(", "))
}

/// Who waited for a futex, in words.
fn waiters(futex: &FutexWait) -> String {
    let of = if futex.groups.is_empty() { String::new() } else { format!(" ({})", futex.groups.join(", ")) };
    format!("{}{of}", several(futex.threads, "thread"))
}

fn certainty(record: &RunRecord, seen: &ObservedRecord) -> String {
    if let Some(why) = record.why_untrustworthy() {
        return format!("Not to be relied on: {why}. {NO_TASKS}");
    }
    let sampled = if seen.sees_calls { "; what blocked a thread is sampled" } else { "" };
    let causes = format!("On-CPU time, run-queue wait and switches are the kernel's counts{sampled}.");
    let doubts = record.warnings.first().map_or_else(String::new, |one| format!(" But {}.", one.message));
    format!("{causes}{doubts} {NO_TASKS}")
}

/// What to look at next, by the largest wait.
fn next(total: &ThreadGroup) -> Option<Next> {
    if total.wall_ns == 0 {
        return None;
    }
    Some(Next::new(
        "conlab import latest --out twin.toml",
        "a scenario of these threads, to try processors, threads and shorter work on",
    ))
}

fn facts(record: &RunRecord, seen: &ObservedRecord, total: &ThreadGroup) -> Vec<Fact> {
    let fact = |label: &str, value: String, note: String| Fact { label: label.into(), value, note };
    let length = record.window.length_ns;
    let of_wall = |time: u64| percent(time, total.wall_ns);
    vec![
        fact(
            "threads",
            count(total.threads),
            format!("{} in {}", several(seen.groups.len() as u64, "group"), processes(seen.processes)),
        ),
        fact(
            "processors used",
            number(part(total.on_cpu_ns, length)),
            format!("of {}", record.treatment.cores),
        ),
        fact("on a processor", of_wall(total.on_cpu_ns), "of the threads' time".into()),
        fact("run-queue wait", of_wall(total.run_queue_ns), "of the threads' time".into()),
        fact("blocked", of_wall(total.blocked()), "of the threads' time".into()),
        fact(
            "switches",
            format!("{}/s", number(as_f64(total.voluntary_switches) / (as_f64(length.max(1)) / 1e9))),
            format!("and {} involuntary", count(total.involuntary_switches)),
        ),
    ]
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process".into() } else { format!("{} processes", self::count(count)) }
}

/// Colours of states: of what blocks, the cause of a task's time that is nearest.
const fn cause_of(blocked: BlockedBy) -> Cause {
    match blocked {
        BlockedBy::Futex => Cause::Lock,
        BlockedBy::Disk => Cause::Io,
        BlockedBy::Socket => Cause::Call,
        BlockedBy::Events | BlockedBy::Sleep => Cause::Idle,
        BlockedBy::Child | BlockedBy::Other => Cause::Blocked,
    }
}

/// A bar of a group's time.
fn bar(label: String, of: &ThreadGroup) -> StackRow {
    let mut parts =
        vec![(Cause::Execution, as_f64(of.on_cpu_ns)), (Cause::RunQueue, as_f64(of.run_queue_ns))];
    for (blocked, time) in &of.blocked_ns {
        let cause = cause_of(*blocked);
        match parts.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, sum)) => *sum += as_f64(*time),
            None => parts.push((cause, as_f64(*time))),
        }
    }
    parts.retain(|(_, time)| *time > 0.0);
    parts.sort_by_key(|(cause, _)| Cause::ALL.iter().position(|known| known == cause));
    StackRow { label, parts }
}

/// How the bars are to be read.
const BARS: &str = "Waits for futexes are drawn as lock wait, disk as I/O, sockets and pipes as calls, events and sleep as idle.";

fn groups(record: &RunRecord, seen: &ObservedRecord) -> Section {
    let mut groups: Vec<(&String, &ThreadGroup)> = seen.groups.iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.on_cpu_ns));
    let bars = groups.iter().take(DRAWN).map(|(name, group)| bar((*name).clone(), group)).collect();
    let rows = groups.iter().map(|(name, group)| {
        let mut cells = vec![
            (*name).clone(),
            count(group.threads),
            number(part(group.on_cpu_ns, record.window.length_ns)),
        ];
        cells.extend(shares(group));
        cells
    });
    let head = "threads | n | processors | on-CPU | run queue | blocked | voluntary | involuntary";
    let lead = format!(
        "Shares of the threads' wall time; on-CPU, run-queue wait and switches are the kernel's counts. {BARS}"
    );
    Section::new("groups", "Threads by name", lead)
        .with(Stack {
            caption: "Time of the threads by name".into(),
            rows: bars,
            shares_only: true,
            ..Stack::default()
        })
        .with(Table::new("", head, 1, rows.collect()))
        .in_brief()
}

fn causes(total: &ThreadGroup) -> Section {
    let rows = BlockedBy::ALL.into_iter().filter_map(|cause| {
        let time = total.blocked_ns.get(&cause).copied().filter(|time| *time > 0)?;
        Some(vec![cause.label().to_owned(), duration(as_f64(time)), percent(time, total.blocked())])
    });
    Section::new(
        "blocked",
        "Blocked by",
        "Sampled: each look puts the blocked time since the last down to the system call of that instant.",
    )
    .with(Table::new("", "cause | time | of blocked time", 1, rows.collect()))
    .in_brief()
}

fn futexes(seen: &ObservedRecord) -> Section {
    let rows = seen.futexes.iter().map(|futex| {
        vec![
            futex.address.clone(),
            futex.groups.join(", "),
            futex.process.to_string(),
            duration(as_f64(futex.wait_ns)),
            count(futex.threads),
            count(futex.looks),
        ]
    });
    let lead = "A futex is a lock or a condition; which, and who holds it, only the program knows. A debugger names the variable at the address.";
    let head = "address | waited for by | process | time waited | threads | looks";
    Section::new("futexes", "Futexes", lead).with(Table::new("", head, 2, rows.collect()))
}

/// Threads in each state over time.
fn over_time(slices: &[ObservedSlice]) -> Section {
    let curve = |name: &str, pick: &dyn Fn(&ObservedSlice) -> u64| {
        let points: Vec<(f64, f64)> =
            slices.iter().map(|slice| (as_f64(slice.at_ns), part(pick(slice), slice.length_ns))).collect();
        let is_any = points.iter().any(|point| point.1 > 0.0);
        is_any.then(|| Series { name: name.into(), points, steps: true, ..Series::default() })
    };
    let blocked =
        |cause: BlockedBy| move |slice: &ObservedSlice| slice.blocked_ns.get(&cause).copied().unwrap_or(0);
    let mut series: Vec<Series> = Vec::new();
    series.extend(curve("on a processor", &|slice| slice.on_cpu_ns));
    series.extend(curve("run-queue wait", &|slice| slice.run_queue_ns));
    for cause in BlockedBy::ALL {
        series.extend(curve(cause.label(), &blocked(cause)));
    }
    let chart = Lines {
        caption: "Threads in each state".into(),
        x: Axis { label: "time since the start".into(), ..Axis::default() },
        y: Axis { label: "threads, mean".into(), unit: Unit::Count, ..Axis::default() },
        series,
        ..Lines::default()
    };
    let lead =
        "As the looks found it. The kernel counts a wait when it is over, so a long one may be drawn late.";
    Section::new("over-time", "Over time", lead).with(chart)
}

/// On-CPU, run queue, blocked, voluntary and involuntary switches.
fn shares(time: &ThreadGroup) -> [String; 5] {
    [
        percent(time.on_cpu_ns, time.wall_ns),
        percent(time.run_queue_ns, time.wall_ns),
        percent(time.blocked(), time.wall_ns),
        count(time.voluntary_switches),
        count(time.involuntary_switches),
    ]
}

fn threads(seen: &ObservedRecord) -> Section {
    let rows = seen.threads.iter().map(|thread| {
        let time = &thread.time;
        let mut cells = vec![thread.name.clone(), thread.process.to_string(), duration(as_f64(time.wall_ns))];
        cells.extend(shares(time));
        cells
    });
    let head = "thread | process | seen for | on-CPU | run queue | blocked | voluntary | involuntary";
    let table = Table::new("", head, 1, rows.collect());
    let bars = seen.threads.iter().take(DRAWN).map(|thread| bar(thread.name.clone(), &thread.time)).collect();
    let stack = Stack {
        caption: "Time of each thread".into(),
        rows: bars,
        shares_only: true,
        compact: seen.threads.len() > 6,
    };
    let all = seen.total().threads;
    let shown = seen.threads.len() as u64;
    let lead = if all > shown {
        format!("The {} with most processor time, of {}.", count(shown), count(all))
    } else {
        String::new()
    };
    let summary = format!("{} in figures", several(shown, "thread"));
    Section::new("threads", "Threads", lead)
        .with(stack)
        .with(Block::Details { summary, blocks: vec![table.into()] })
}

/// Recordings side by side.
pub(super) fn side_by_side(runs: &[(&str, &RunRecord)]) -> Option<Section> {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .filter_map(|(name, record)| {
            let total = record.observed.as_ref()?.total();
            let blocked =
                |cause: BlockedBy| percent(total.blocked_ns.get(&cause).copied().unwrap_or(0), total.wall_ns);
            Some(vec![
                (*name).to_owned(),
                count(total.threads),
                number(part(total.on_cpu_ns, record.window.length_ns)),
                percent(total.on_cpu_ns, total.wall_ns),
                percent(total.run_queue_ns, total.wall_ns),
                percent(total.blocked(), total.wall_ns),
                blocked(BlockedBy::Futex),
                blocked(BlockedBy::Disk),
                blocked(BlockedBy::Socket),
            ])
        })
        .collect();
    let head = "record | threads | processors | on-CPU | run queue | blocked | of it futex | disk | socket";
    let lead = format!("All threads of each recording; shares of their wall time. {NO_TASKS}");
    let table = Table::new("", head, 1, rows);
    (!table.rows.is_empty()).then(|| Section::new("recordings", "Recordings", lead).with(table))
}

/// Bars of recordings side by side.
pub(super) fn bars(runs: &[(&str, &RunRecord)]) -> Vec<StackRow> {
    let bar = |(name, record): &(&str, &RunRecord)| {
        Some(bar((*name).to_owned(), &record.observed.as_ref()?.total()))
    };
    runs.iter().filter_map(bar).collect()
}
