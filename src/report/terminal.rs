//! The page that `conlab run` prints: one record, read from top to bottom in the order of the questions.
//!
//! Plain text of a given width; colour and alphabet are the terminal's business.

use super::special;
use super::words::at_least;
use crate::measure::record::{ActorRecord, Breakdown, CacheRecord, Distribution, EstimateRecord, RunRecord};
use crate::units::Nanos;
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use std::fmt::Write;

/// Tasks below which a p99 is not shown.
const P99_NEEDS: u64 = 100;
/// Tasks below which a p99 is marked as resting on few of them.
const P99_WANTS: u64 = 1000;
/// Actors listed beside the one in focus.
const ACTORS: usize = 48;
/// Cells of a bar that stands for the whole.
const BAR: usize = 24;

/// The page of one record; `saved` is where it was kept.
#[must_use]
pub fn page(record: &RunRecord, saved: Option<&str>) -> String {
    let mut text = String::new();
    heading(&mut text, record);
    if let Some(focus) = record.actors.get(&record.treatment.focus) {
        section(&mut text, &format!("{}: sojourn, wait and service", record.treatment.focus));
        text.push_str(&times(focus));
        section(&mut text, "Where a task's time went");
        text.push_str(&breakdowns(focus));
        shares(&mut text, focus);
    }
    special::sections(&mut text, record, record.actors.get(&record.treatment.focus));
    if record.actors.len() > 1 {
        section(&mut text, "All actors");
        text.push_str(&actors(record));
    }
    section(&mut text, "Where the threads' time went");
    threads(&mut text, record);
    if !record.locks.is_empty() {
        section(&mut text, "Locks");
        text.push_str(&locks(record));
    }
    if !record.caches.is_empty() {
        section(&mut text, "Caches");
        text.push_str(&caches(record));
    }
    trust(&mut text, record);
    match saved {
        Some(place) => _ = writeln!(text, "\nsaved in {place}"),
        None => text.push_str("\nnot saved\n"),
    }
    text
}

fn heading(text: &mut String, record: &RunRecord) {
    let treatment = &record.treatment;
    let manifest = &record.manifest;
    let cache = treatment.cache.as_ref().map_or(String::new(), |layout| format!(", cache {layout}"));
    _ = writeln!(
        text,
        "{} · {} engine · {} threads, queue {}{cache}, {} load, {} cores · seed {}{}",
        record.scenario.name,
        record.engine,
        treatment.threads,
        treatment.queue,
        treatment.load,
        treatment.cores,
        record.seed,
        if record.partial { " · PARTIAL: interrupted" } else { "" },
    );
    _ = writeln!(
        text,
        "{} · {} · conlab {}{} · {}",
        manifest.cpu,
        manifest.kernel,
        manifest.version,
        manifest.commit.as_ref().map_or(String::new(), |commit| format!(" ({commit})")),
        manifest.flags,
    );
    _ = writeln!(
        text,
        "measured {} after {} of warm-up · {}",
        Nanos(record.window.length_ns),
        Nanos(record.window.warmup_ns),
        manifest.calibration,
    );
    if record.window.drain.is_none() {
        _ = writeln!(text, "{}", crate::report::words::OLD_RULE);
    }
    if let Some(focus) = record.actors.get(&treatment.focus) {
        _ = writeln!(
            text,
            "\n{} tasks/s · {} issued = {} completed + {} refused{} + {} unfinished",
            rate(focus.throughput_per_s),
            focus.issued,
            focus.completed,
            focus.refused,
            special::ends(focus),
            focus.in_flight,
        );
    }
}

fn section(text: &mut String, title: &str) {
    _ = writeln!(text, "\n{title}");
}

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    let rule = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(rule)).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn times(actor: &ActorRecord) -> String {
    let mut table = table(&["", "mean", "p50", "p90", "p95", "p99", "p99.9", "max", "stddev"]);
    for (name, figures) in [
        ("sojourn", &actor.sojourn_ns),
        ("wait", &actor.wait_ns),
        ("service", &actor.service_ns),
        ("lock wait", &actor.lock_wait_ns),
        ("run-queue wait", &actor.run_queue_ns),
    ] {
        table.add_row(row(name, figures));
    }
    if let Some(uncorrected) = &actor.sojourn_uncorrected_ns {
        table.add_row(row("sojourn from actual issue", uncorrected));
    }
    format!("{table}\nn = {} tasks\n", actor.sojourn_ns.count)
}

pub(super) fn row(name: &str, figures: &Distribution) -> Vec<String> {
    let at = |value: u64| at_least(figures, value, Nanos(value).to_string());
    let tail = |value: u64, needs: u64| at_least(figures, value, percentile(value, figures.count, needs));
    vec![
        name.into(),
        at_least(figures, u64::MAX, time(figures.mean)),
        at(figures.p50),
        at(figures.p90),
        at(figures.p95),
        tail(figures.p99, P99_NEEDS),
        tail(figures.p999, 10 * P99_NEEDS),
        at(figures.max),
        time(figures.stddev),
    ]
}

/// A percentile that the sample carries; `–` where it cannot, `~` before it where it rests on few tasks.
fn percentile(value: u64, count: u64, needs: u64) -> String {
    match count {
        _ if count < needs => "–".into(),
        _ if count < needs * (P99_WANTS / P99_NEEDS) => format!("~{}", Nanos(value)),
        _ => Nanos(value).to_string(),
    }
}

fn breakdowns(actor: &ActorRecord) -> String {
    let mean = actor.breakdown_mean_ns;
    let tail = actor.breakdown_p99_ns;
    let carries = actor.sojourn_ns.count >= P99_NEEDS;
    let at_p99 = format!("at the p99 (n = {})", actor.breakdown_p99_count);
    let mut table = table(&["", "at the mean", "", "", &at_p99, "", ""]);
    for column in [3, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Left);
        }
    }
    for ((name, part), (_, tail_part)) in mean.parts().into_iter().zip(tail.parts()) {
        if name.is_special() && part.max(tail_part) <= 0.0 {
            continue;
        }
        let mut cells = vec![name.label().to_owned()];
        cells.extend(part_cells(part, &mean));
        cells.extend(if carries {
            part_cells(tail_part, &tail)
        } else {
            ["–".into(), String::new(), String::new()]
        });
        table.add_row(cells);
    }
    let mut sum = vec!["sum = sojourn".to_owned(), time(mean.total()), "100 %".into(), String::new()];
    sum.extend(if carries { [time(tail.total()), "100 %".into()] } else { ["–".into(), String::new()] });
    table.add_row(sum);
    format!("{table}\n")
}

fn part_cells(part: f64, whole: &Breakdown) -> [String; 3] {
    let share = if whole.total() > 0.0 { part / whole.total() } else { 0.0 };
    [time(part), format!("{:.1} %", share * 100.0), bar(share)]
}

/// A bar for a share in 0..1, in eighths of a cell.
fn bar(share: f64) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8 × BAR")]
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let eighths = (share.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

fn shares(text: &mut String, actor: &ActorRecord) {
    let shares = actor.shares;
    _ = writeln!(
        text,
        "busy time: execution {:.1} %, lock acquisition {:.1} %, context switching {:.1} %",
        shares.execution * 100.0,
        shares.lock_acquisition * 100.0,
        shares.context_switching * 100.0
    );
}

fn actors(record: &RunRecord) -> String {
    let mut table = table(&[
        "",
        "tasks/s",
        "completed",
        "sojourn mean",
        "p99",
        "queue",
        "execution",
        "lock",
        "run queue",
        "I/O",
        "calls",
    ]);
    let focus = &record.treatment.focus;
    let shown =
        record.actors.iter().enumerate().filter(|(place, (name, _))| *place < ACTORS || *name == focus);
    let mut left = record.actors.len();
    for (_, (name, actor)) in shown {
        left -= 1;
        let parts = actor.breakdown_mean_ns;
        let mut cells = vec![
            name.clone(),
            rate(actor.throughput_per_s),
            actor.completed.to_string(),
            at_least(&actor.sojourn_ns, u64::MAX, time(actor.sojourn_ns.mean)),
            at_least(
                &actor.sojourn_ns,
                actor.sojourn_ns.p99,
                percentile(actor.sojourn_ns.p99, actor.sojourn_ns.count, P99_NEEDS),
            ),
        ];
        cells.extend(
            [parts.queue, parts.execution, parts.lock, parts.run_queue, parts.io, parts.call].map(time),
        );
        table.add_row(cells);
    }
    let rest = if left > 0 { format!("and {left} more, which --json lists\n") } else { String::new() };
    format!("{table}\n{rest}")
}

fn threads(text: &mut String, record: &RunRecord) {
    let scheduler = &record.scheduler;
    if !scheduler.available {
        text.push_str("this system gives no scheduler figures per thread\n");
        return;
    }
    let sum = |field: fn(&crate::measure::record::ThreadRecord) -> u64| {
        record.threads.iter().map(field).sum::<u64>()
    };
    let wall = sum(|thread| thread.wall_ns);
    let residual: i64 = record.threads.iter().map(|thread| thread.residual_ns).sum();
    let mut budget = table(&["", "time", "share", ""]);
    if let Some(column) = budget.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    let mut add = |name: &str, part: i64| {
        let share = if wall == 0 { 0.0 } else { part as f64 / wall as f64 };
        budget.add_row(vec![name.into(), signed(part), format!("{:.1} %", share * 100.0), bar(share)]);
    };
    for (name, part) in [
        ("on-CPU: work", sum(|thread| thread.work_ns)),
        ("on-CPU: spinning", sum(|thread| thread.spinning_ns)),
        ("on-CPU: bookkeeping", sum(|thread| thread.bookkeeping_ns)),
        ("run-queue wait", scheduler.run_queue_ns),
        ("blocked: idle", sum(|thread| thread.idle_ns)),
        ("blocked: other", sum(|thread| thread.blocked_ns.saturating_sub(thread.idle_ns))),
    ] {
        add(name, part.cast_signed());
    }
    add("residual", residual);
    _ = writeln!(text, "{budget}");
    _ = writeln!(
        text,
        "{} worker threads × wall = {} · {} voluntary and {} involuntary context switches",
        record.threads.len(),
        Nanos(wall),
        scheduler.voluntary_switches,
        scheduler.involuntary_switches,
    );
}

fn locks(record: &RunRecord) -> String {
    let mut table = table(&[
        "",
        "kind",
        "acquired",
        "contended",
        "wait mean",
        "wait p99",
        "hold mean",
        "hold p99",
        "forced",
        "switches",
    ]);
    for (name, lock) in &record.locks {
        let optional = |count: Option<u64>| count.map_or(String::new(), |count| count.to_string());
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let contended =
            if lock.acquisitions == 0 { 0.0 } else { lock.contended as f64 / lock.acquisitions as f64 };
        table.add_row(vec![
            name.clone(),
            lock.kind.clone(),
            lock.acquisitions.to_string(),
            format!("{:.1} %", contended * 100.0),
            time(lock.wait_ns.mean),
            percentile(lock.wait_ns.p99, lock.wait_ns.count, P99_NEEDS),
            time(lock.hold_ns.mean),
            percentile(lock.hold_ns.p99, lock.hold_ns.count, P99_NEEDS),
            optional(lock.forced_drops),
            optional(lock.switches),
        ]);
    }
    format!("{table}\n")
}

fn caches(record: &RunRecord) -> String {
    let mut table =
        table(&["", "layout", "accesses", "hits", "evictions", "hit mean", "miss mean", "lock wait mean"]);
    for (name, cache) in &record.caches {
        let accesses = cache.hits + cache.misses;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let ratio = if accesses == 0 { 0.0 } else { cache.hits as f64 / accesses as f64 };
        table.add_row(vec![
            name.clone(),
            cache.layout.clone(),
            accesses.to_string(),
            format!("{:.1} %", ratio * 100.0),
            cache.evictions.to_string(),
            time(cache.hit_ns.mean),
            time(cache.miss_ns.mean),
            time(cache.lock_wait_ns.mean),
        ]);
    }
    let mut text = format!("{table}\n");
    for (name, cache) in &record.caches {
        witness(&mut text, name, cache);
    }
    if let Some(reason) = &record.manifest.no_miss_counters {
        _ = writeln!(text, "cache misses not counted: {reason}");
    }
    text
}

/// What the hardware, or else the twins, say of sharing lines.
fn witness(text: &mut String, name: &str, cache: &CacheRecord) {
    if let Some(misses) = cache.line_misses_per_access {
        _ = writeln!(text, "{name}: {misses:.2} cache misses of the process per access");
    }
    let Some(twins) = &cache.twins else { return };
    let ratio = |ratio: &EstimateRecord| format!("{:.2} ± {:.2}", ratio.value, ratio.half_width);
    _ = writeln!(
        text,
        "{name}: packed ÷ padded twin {} at {} threads ({} and {} an access), {} at one thread (n = {})",
        ratio(&twins.ratio),
        twins.threads,
        time(twins.packed_ns),
        time(twins.padded_ns),
        ratio(&twins.alone),
        twins.ratio.n
    );
}

fn trust(text: &mut String, record: &RunRecord) {
    _ = writeln!(
        text,
        "\nLittle's law: {:.2} tasks in the system on average, {:.2} from the stay of each · probe effect {:.2} %",
        record.little.tasks_in_system,
        record.little.product,
        record.probe_effect * 100.0
    );
    let broken: Vec<_> = record.identities.iter().filter(|identity| !identity.holds).collect();
    if broken.is_empty() {
        _ = writeln!(text, "all {} identities hold", record.identities.len());
    }
    for identity in broken {
        _ = writeln!(text, "BROKEN IDENTITY {}: {}", identity.name, identity.detail);
    }
    for warning in &record.warnings {
        _ = writeln!(text, "warning: {}: {}", warning.message, warning.remedy);
    }
}

/// A duration that may be a fraction of a nanosecond.
pub(super) fn time(ns: f64) -> String {
    if ns < 0.0 { format!("−{}", Nanos(1).scaled(-ns)) } else { Nanos(1).scaled(ns).to_string() }
}

fn signed(ns: i64) -> String {
    if ns < 0 { format!("−{}", Nanos(ns.unsigned_abs())) } else { Nanos(ns.unsigned_abs()).to_string() }
}

/// A rate with three significant digits or whole.
pub(super) fn rate(per_second: f64) -> String {
    let decimals = if per_second < 10.0 { 2 } else { usize::from(per_second < 100.0) };
    format!("{per_second:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_refused_below_its_sample_and_marked_below_ten_times_that() {
        assert_eq!(percentile(5_000_000, 99, 100), "–");
        assert_eq!(percentile(5_000_000, 100, 100), "~5.00 ms");
        assert_eq!(percentile(5_000_000, 1000, 100), "5.00 ms");
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1.0).chars().count(), BAR);
        assert_eq!(bar(0.5).chars().count(), BAR / 2);
        assert_eq!(bar(-0.1), "");
    }
}
