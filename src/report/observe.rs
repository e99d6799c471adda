//! The page of a foreign program: where the time of its threads went.

use super::page::{Block, Notice, Page, Section, Table, Tone};
use crate::observe::{BlockedBy, Observation, ThreadGroup};
use crate::units::Nanos;

#[expect(clippy::cast_precision_loss, reason = "a share of nanoseconds")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * share(part, whole))
}

/// The page of `seen`; `command` is what was observed, in words.
#[must_use]
pub fn observe_page(seen: &Observation, command: &str) -> Page {
    let total = seen.total();
    let mut sections = vec![groups(seen), causes(&total)];
    if !seen.futexes.is_empty() {
        sections.push(futexes(seen));
    }
    let mut notices = vec![seen.source.clone()];
    if !seen.sees_calls {
        notices.push("System calls could not be seen, so no cause of blocking is known: run as the program's user, or as root.".into());
    }
    let notice = |message: String| Notice {
        tone: Tone::Doubtful,
        code: "observe".into(),
        message,
        remedy: String::new(),
    };
    sections.push(
        Section::new("how", "How it was seen", "")
            .with(Block::Notices(notices.into_iter().map(notice).collect())),
    );
    Page {
        kicker: format!(
            "record {command} · process {} · {} · {} looks · observing cost {:.2} % of one processor",
            seen.pid,
            Nanos(seen.length_ns),
            seen.looks,
            100.0 * seen.overhead
        ),
        title: command.to_owned(),
        question: "Where did the threads' time go?".into(),
        answer: answer(seen, &total),
        sections,
        ..Page::default()
    }
}

fn answer(seen: &Observation, total: &ThreadGroup) -> String {
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
        format!(
            " Futex {} made {} of all waits for futexes, in {} threads.",
            futex.address,
            percent(futex.wait_ns, total.blocked_ns.get(&BlockedBy::Futex).copied().unwrap_or(0)),
            futex.threads
        )
    });
    format!("Of the threads' time {}.{futex}", shown.join(", "))
}

fn groups(seen: &Observation) -> Section {
    let mut rows: Vec<(&String, &ThreadGroup)> = seen.groups.iter().collect();
    rows.sort_by_key(|(_, group)| std::cmp::Reverse(group.on_cpu_ns));
    let rows = rows.into_iter().map(|(name, group)| {
        vec![
            name.clone(),
            group.threads.to_string(),
            percent(group.on_cpu_ns, group.wall_ns),
            percent(group.run_queue_ns, group.wall_ns),
            percent(group.blocked(), group.wall_ns),
            group.voluntary_switches.to_string(),
            group.involuntary_switches.to_string(),
        ]
    });
    let head = "threads | n | on-CPU | run-queue wait | blocked | voluntary switches | involuntary";
    Section::new(
        "threads",
        "Threads by name",
        "Shares of the threads' wall time; on-CPU, run-queue wait and switches are the kernel's counts.",
    )
    .with(Table::new("", head, 1, rows.collect()))
}

fn causes(total: &ThreadGroup) -> Section {
    let rows = BlockedBy::ALL.into_iter().filter_map(|cause| {
        let time = total.blocked_ns.get(&cause).copied().filter(|time| *time > 0)?;
        Some(vec![cause.label().to_owned(), Nanos(time).to_string(), percent(time, total.blocked())])
    });
    Section::new(
        "blocked",
        "Blocked by",
        "Sampled: each look puts the blocked time since the last down to the system call of that instant.",
    )
    .with(Table::new("", "cause | time | of blocked time", 1, rows.collect()))
}

fn futexes(seen: &Observation) -> Section {
    let rows = seen.futexes.iter().map(|futex| {
        vec![
            futex.address.clone(),
            Nanos(futex.wait_ns).to_string(),
            futex.threads.to_string(),
            futex.looks.to_string(),
        ]
    });
    Section::new("futexes", "Futexes", "A futex is a lock or a condition; which, only the program knows. A debugger names the variable at the address.")
        .with(Table::new("", "address | time waited | threads | looks", 1, rows.collect()))
}
