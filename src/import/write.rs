//! Writes a scenario with the provenance of each figure, and the samples that it draws from.

use super::access_log::{Log, Request};
use super::arrivals::{Rhythm, rhythm};
use super::span::{Hold, Spans};
use super::steps::Place;
use super::system::{Operation, System};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Most samples of one file; more are thinned to as many quantiles.
const MAX_SAMPLES: usize = 5000;
/// Most samples in the order of the tasks; of more, every so many is kept.
const MAX_ROWS: usize = 20_000;
/// Own time below which a step has none, in nanoseconds.
pub(super) const NOTHING: f64 = 1000.0;

/// A scenario and the files beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The scenario as TOML.
    pub scenario: String,
    /// Files of samples: name and content.
    pub samples: Vec<(String, String)>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
    /// Sojourn times of the root requests, by actor and kind as the scenario names them, in nanoseconds.
    pub observed: Vec<(String, Vec<u64>)>,
    /// Root requests per second.
    pub rate: f64,
    /// When root requests came, by actor and ascending, and of which kind they were; no name where the actor has one kind.
    pub arrivals: BTreeMap<String, Vec<(u64, String)>>,
}

/// A name that is safe in TOML, terminals and file names: letters, digits, `-` and `_`.
pub(super) fn safe(text: &str, taken: &mut BTreeSet<String>) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let plain = plain.trim_matches('_').chars().take(48).collect::<String>();
    let plain = if plain.is_empty() { "unnamed".to_owned() } else { plain };
    let name = (1_u32..)
        .map(|copy| if copy == 1 { plain.clone() } else { format!("{plain}-{copy}") })
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| plain.clone());
    taken.insert(name.clone());
    name
}

/// A name as a comment shows it: no control characters, bounded.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(120).collect()
}

/// What is being written.
pub(super) struct Writer {
    stem: String,
    out: String,
    samples: Vec<(String, String)>,
    files: BTreeSet<String>,
    notes: Vec<String>,
    /// Some load is that of recorded instants.
    is_recorded: bool,
}

impl Writer {
    pub(super) fn new(stem: &str, question: &str) -> Self {
        let mut taken = BTreeSet::new();
        let name = safe(stem, &mut taken);
        let mut out = String::new();
        let _ = write!(
            out,
            "# Imported. Beside each figure: measured (n), derived, assumed, or not identifiable from this source.\n\
             schema = 1\nname = \"{name}\"\nquestion = \"{question}\"\n\n\
             # assumed: waking up, switching and late timers are in the measured times already, so the host charges nothing more\n\
             [host]\nideal = true\n"
        );
        Self {
            stem: name,
            out,
            samples: Vec::new(),
            files: BTreeSet::new(),
            notes: Vec::new(),
            is_recorded: false,
        }
    }

    /// What a reader should know, in a sentence.
    pub(super) fn note(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A file of samples; the TOML that draws from it.
    pub(super) fn samples(&mut self, what: &str, values: &[u64]) -> String {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let kept = if sorted.len() <= MAX_SAMPLES {
            sorted
        } else {
            (0..MAX_SAMPLES).map(|at| sorted[(2 * at + 1) * sorted.len() / (2 * MAX_SAMPLES)]).collect()
        };
        let file = self.numbers(what, kept);
        format!("{{ samples = \"{file}\", unit = \"ms\" }}")
    }

    /// A file with a sample of each task, in their order, so that the steps of a task keep what they had in common.
    ///
    /// A task of an actor with several kinds takes the row of its number among all of them: `numbers` says which the values'
    /// are, and the rows between belong to the one before.
    pub(super) fn rows(&mut self, what: &str, values: &[u64], numbers: &[usize]) -> String {
        let all = numbers.last().map_or(values.len(), |last| last + 1);
        let count = all.min(MAX_ROWS);
        let of = |row: usize| {
            let at = numbers.partition_point(|&number| number <= row * all / count);
            values[at.saturating_sub(1).min(values.len() - 1)]
        };
        let file = self.numbers(what, (0..count).map(of).collect());
        format!("{{ samples = \"{file}\", unit = \"ms\", order = \"recorded\" }}")
    }

    /// A file of durations in milliseconds; its name.
    fn numbers(&mut self, what: &str, kept: Vec<u64>) -> String {
        let mut text = String::with_capacity(kept.len() * 10);
        for value in kept {
            #[expect(clippy::cast_precision_loss, reason = "a duration in milliseconds")]
            let ms = value as f64 / 1e6;
            let _ = writeln!(text, "{ms}");
        }
        let file = format!("{}.samples/{}.csv", self.stem, safe(what, &mut self.files));
        self.samples.push((file.clone(), text));
        file
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
pub(super) fn mean(values: &[u64]) -> f64 {
    values.iter().map(|&value| value as f64).sum::<f64>() / values.len().max(1) as f64
}

pub(super) fn ms(nanos: f64) -> String {
    format!("{:.4}ms", nanos / 1e6)
}

impl Writer {
    /// Writes the load of `requests` with where it comes from; nothing where there are too few.
    fn load(
        &mut self,
        requests: &[(u64, u64)],
        arrivals: &[(u64, String)],
        scale: f64,
        mix: &str,
        what: &str,
    ) -> Option<()> {
        let n = requests.len();
        match rhythm(requests)? {
            Rhythm::Closed { clients, think } => {
                if scale > 1.0 {
                    self.notes.push("The load is closed, and a closed load cannot be scaled up from sampled traces: the clients are those of the sample.".into());
                }
                self.line(&format!("# derived: arrivals wait for completions, so the load is closed; clients and think time from {n} requests"));
                self.line(&format!("load = {{ clients = {clients}, think = \"{}\"{mix} }}", ms(think)));
            }
            Rhythm::Open { rate, cv2 } => {
                self.line(&format!("# measured: {n} requests, C² of the gaps {cv2:.2}; arrivals do not depend on completions, so the load is open"));
                let is_poisson = (0.6..=1.5).contains(&cv2);
                if is_poisson || cv2 < 0.1 || scale > 1.0 {
                    if !is_poisson && scale > 1.0 {
                        self.notes.push(format!("C² of the gaps is {cv2:.2}, which sampling changes: the scenario's arrivals are Poisson."));
                    }
                    let arrivals = if cv2 < 0.1 && scale <= 1.0 { "paced" } else { "poisson" };
                    self.line(&format!(
                        "load = {{ rate = \"{:.4}/s\", arrivals = \"{arrivals}\"{mix} }}",
                        rate * scale
                    ));
                } else {
                    // Neither paced nor Poisson: the recorded instants say it best.
                    let file = self.instants(what, arrivals);
                    self.line(&format!("load = {{ arrivals = \"{file}\", unit = \"s\"{mix} }}"));
                    self.is_recorded = true;
                }
            }
        }
        Some(())
    }

    /// A file with the instants of requests, from the first on, in seconds, and their kinds where there are several.
    fn instants(&mut self, what: &str, arrivals: &[(u64, String)]) -> String {
        let first = arrivals.first().map_or(0, |arrival| arrival.0);
        let mut text = String::with_capacity(arrivals.len() * 12);
        for (start, kind) in arrivals {
            #[expect(clippy::cast_precision_loss, reason = "seconds of a recording")]
            let seconds = (start - first) as f64 / 1e9;
            let comma = if kind.is_empty() { "" } else { "," };
            let _ = writeln!(text, "{seconds:.9}{comma}{kind}");
        }
        let file =
            format!("{}.samples/{}.csv", self.stem, safe(&format!("{what}-arrivals"), &mut self.files));
        self.samples.push((file.clone(), text));
        file
    }

    /// The whole scenario. Recorded arrivals start at the run's start, so nothing of them is warm-up.
    pub(super) fn finish(mut self) -> (String, Vec<(String, String)>, Vec<String>) {
        if self.is_recorded {
            self.line("\n[run]\nwarmup = \"0s\"");
        }
        (self.out, self.samples, self.notes)
    }
}

/// The scenario of an access log.
#[must_use]
pub fn of_log(log: &Log, stem: &str) -> Option<Imported> {
    let mut writer =
        Writer::new(stem, "How does this service answer at this load, and what would change it?");
    let requests: Vec<(u64, u64)> =
        log.requests.iter().map(|one| (one.start, one.start + one.length)).collect();
    let (failed, completed): (Vec<_>, Vec<_>) =
        log.requests.iter().enumerate().partition(|(_, one)| one.failed);
    writer.notes = notes_on(log, failed.len());
    let most = most(&requests);
    let has_kinds = !failed.is_empty() && !completed.is_empty();
    let kind = |one: &Request| {
        if !has_kinds {
            ""
        } else if one.failed {
            "failed"
        } else {
            "request"
        }
    };
    let arrivals: Vec<(u64, String)> =
        log.requests.iter().map(|one| (one.start, kind(one).to_owned())).collect();
    writer.line("\n[actor.service]\nfocus = true");
    writer.line(&format!(
        "threads = {}   # assumed: four times the most at once ({most}), so that nobody waits; the times hold any waiting. How many\n               # workers there are is not identifiable from a log",
        (4 * most).clamp(16, 65_536)
    ));
    writer.line("capacity = 65536");
    let mix = if has_kinds {
        format!(", mix = {{ request = {}, failed = {} }}", completed.len(), failed.len())
    } else {
        String::new()
    };
    writer.load(&requests, &arrivals, 1.0, &mix, "service")?;
    writer.line(&format!(
        "# measured: {} requests. A log shows sojourn times: what of them was queueing, a lock or a processor is not identifiable;\n\
         # turn threads, compute and locks with `conlab fit` against figures at another load",
        requests.len()
    ));
    for (name, of) in
        [("request", &completed), ("failed", &failed)].into_iter().filter(|(_, of)| !of.is_empty())
    {
        let numbers: Vec<usize> = of.iter().map(|(number, _)| *number).collect();
        let lengths: Vec<u64> = of.iter().map(|(_, one)| one.length).collect();
        let time =
            if mean(&lengths) < 1.0 { "\"0ns\"".to_owned() } else { writer.rows(name, &lengths, &numbers) };
        let fails = if name == "failed" { ", fail = 1" } else { "" };
        if has_kinds {
            writer.line(&format!("\n[actor.service.on.{name}]"));
        }
        writer.line(&format!("steps = [{{ name = \"{name}\", io = {time}{fails} }}]"));
    }
    let lengths: Vec<u64> = completed.iter().map(|(_, one)| one.length).collect();
    let rate = rate_of(&requests);
    let (scenario, samples, notes) = writer.finish();
    Some(Imported {
        scenario,
        samples,
        notes,
        observed: vec![("service".into(), lengths)],
        rate,
        arrivals: BTreeMap::from([("service".into(), arrivals)]),
    })
}

/// What an access log does not tell, or tells of only some of its requests.
fn notes_on(log: &Log, failed: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if log.grain > 1_000_000 {
        notes.push(format!(
            "The log's instants are {} apart, so burstiness and the difference between open and closed load are not identifiable; log $msec or milliseconds.",
            ms_words(log.grain)
        ));
    }
    if log.unread > 0 {
        notes.push(format!("{} lines were not understood and left out.", log.unread));
    }
    if failed > 0 {
        notes.push(format!(
            "{failed} requests failed: they are a kind of their own that fails, and no latency counts them."
        ));
    }
    notes
}

fn ms_words(nanos: u64) -> String {
    if nanos >= 1_000_000_000 {
        format!("{} s", nanos / 1_000_000_000)
    } else {
        format!("{} ms", nanos / 1_000_000)
    }
}

fn most(requests: &[(u64, u64)]) -> u64 {
    let mut events: Vec<(u64, bool)> =
        requests.iter().flat_map(|&(start, end)| [(start, true), (end, false)]).collect();
    events.sort_unstable();
    let (mut now, mut most) = (0_u64, 1);
    for (_, begins) in events {
        now = if begins { now + 1 } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most.min(65_536)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording")]
fn rate_of(requests: &[(u64, u64)]) -> f64 {
    let first = requests.iter().map(|request| request.0).min().unwrap_or(0);
    let last = requests.iter().map(|request| request.0).max().unwrap_or(0);
    (requests.len().saturating_sub(1)) as f64 * 1e9 / (last - first).max(1) as f64
}

/// The scenario of a system; `sampled` is the share of traces that were kept, in 0..=1.
#[must_use]
pub fn of_spans(spans: &Spans, system: &System, sampled: f64, stem: &str) -> Option<Imported> {
    let mut writer = Writer::new(stem, "Why do requests take as long as they do, and what would change it?");
    doubts(&mut writer, spans, system, sampled);
    let names = Names::of(spans, system);
    let busiest = busiest_root(system)?;
    let focus = spans.focus.filter(|focus| names.services.contains_key(focus)).unwrap_or(busiest);
    let mut services: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, operation) in system.operations.iter().enumerate() {
        let name = &names.services[&operation.service];
        match services.iter_mut().find(|(known, _)| known == name) {
            Some((_, list)) => list.push(at),
            None => services.push((name.clone(), vec![at])),
        }
    }
    let arrivals = arrivals(system, &names);
    shared(&mut writer, spans, system, &names);
    for (service, list) in &services {
        let arrivals = arrivals.get(service).map_or(&[][..], Vec::as_slice);
        actor(&mut writer, spans, system, &names, service, list, focus, sampled, arrivals);
    }
    let mut observed: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for &(operation, start, end) in &system.roots {
        observed.entry(operation).or_default().push(end - start);
    }
    let roots: Vec<(u64, u64)> = system.roots.iter().map(|&(_, start, end)| (start, end)).collect();
    let (scenario, samples, notes) = writer.finish();
    Some(Imported {
        scenario,
        samples,
        notes,
        observed: observed.into_iter().map(|(at, times)| (names.target(system, at), times)).collect(),
        rate: rate_of(&roots),
        arrivals,
    })
}

/// When root requests came, by actor and ascending, and the kinds of those that have several.
fn arrivals(system: &System, names: &Names) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut arrivals: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for &(operation, start, _) in &system.roots {
        let service = names.services[&system.operations[operation].service].clone();
        let kind = names.kinds[operation].clone().unwrap_or_default();
        arrivals.entry(service).or_default().push((start, kind));
    }
    arrivals.values_mut().for_each(|all| all.sort());
    arrivals
}

/// Processors, pools and locks: what services and their spans say of them.
fn shared(writer: &mut Writer, spans: &Spans, system: &System, names: &Names) {
    if let Some(processors) = spans.stated.values().filter_map(|stated| stated.processors).max() {
        let is_seen = spans.stated.values().any(|stated| stated.cycles);
        let how = if is_seen { "measured: those that had events" } else { "as the program says" };
        writer.line(&format!("cores = {processors}   # {how}"));
    }
    writer.line("");
    for (service, _) in spans.stated.iter().filter(|(_, stated)| stated.interpreter) {
        if let Some(service) = names.services.get(service) {
            writer.line("# assumed: CPython has an interpreter lock, with its usual switch interval");
            writer.line(&format!("[lock.interpreter-{service}]\nkind = \"gil\"\ninterval = \"5ms\"\n"));
        }
    }
    for (hold, resource) in &system.resources {
        let name = names.resource(*hold);
        let seen = format!("held {} times, waited for {} times", resource.held, resource.waited);
        if matches!(hold, Hold::Lock(_)) {
            writer.line(&format!("# measured: {seen}\n[lock.{name}]\nkind = \"mutex\"\n"));
            continue;
        }
        let sure =
            if resource.waited > 0 { "it was full then" } else { "nobody waited, so it may be larger" };
        writer.line(&format!(
            "[pool.{name}]\nsize = {}   # derived: most holders at once; {seen}: {sure}\n",
            resource.most.max(1)
        ));
    }
}

/// What the recording cannot tell, in sentences.
fn doubts(writer: &mut Writer, spans: &Spans, system: &System, sampled: f64) {
    let notes = &mut writer.notes;
    notes.extend(spans.notes.iter().cloned());
    if system.seen_late > 0 {
        notes.push(format!(
            "{} waits ended while their event loop was busy, so their ends are known only within bounds: they have lengths that agree with \
             those that were seen to end.",
            system.seen_late
        ));
    }
    if spans.unfinished > 0 {
        notes.push(format!(
            "{} spans have no end and were left out: the slowest may be among them.",
            spans.unfinished
        ));
    }
    if spans.not_completed > 0 {
        notes.push(format!(
            "{} tasks were refused, timed out, failed or cancelled and are left out; their callers' time for them is own time. Deadlines \
             and retries are not identifiable.",
            spans.not_completed
        ));
    }
    if spans.nameless > 0 {
        notes.push(format!("{} spans have no id.", spans.nameless));
    }
    if system.orphans > 0 {
        notes.push(format!(
            "{} requests were caused by spans that are not in the files; their load is not counted.",
            system.orphans
        ));
    }
    for (caller, callee, offset) in &system.skews {
        notes.push(format!(
            "The clocks of {} and {} disagree by {:.1} ms; no time was computed across them.",
            shown(caller),
            shown(callee),
            {
                #[expect(clippy::cast_precision_loss, reason = "a clock's offset")]
                let offset = *offset as f64;
                offset / 1e6
            }
        ));
    }
    if system.retries > 0 {
        notes.push(format!(
            "{} calls failed and were made again; the scenario makes the calls as often, but does not know why.",
            system.retries
        ));
    }
    if sampled < 1.0 {
        notes.push(format!(
            "Rates are multiplied by {:.3}, as {:.3} % of the traces were kept; numbers at once are those of the sample and too small.",
            1.0 / sampled,
            100.0 * sampled
        ));
    }
}

/// Names of actors and kinds.
pub(super) struct Names {
    services: BTreeMap<super::span::Name, String>,
    kinds: Vec<Option<String>>,
    resources: BTreeMap<Hold, String>,
}

impl Names {
    fn of(spans: &Spans, system: &System) -> Self {
        let mut taken = BTreeSet::new();
        let mut services = BTreeMap::new();
        let mut counts: BTreeMap<super::span::Name, usize> = BTreeMap::new();
        for operation in &system.operations {
            *counts.entry(operation.service).or_default() += 1;
            services
                .entry(operation.service)
                .or_insert_with(|| safe(spans.name(operation.service), &mut taken));
        }
        let mut kinds_of: BTreeMap<super::span::Name, BTreeSet<String>> = BTreeMap::new();
        let kinds = system
            .operations
            .iter()
            .map(|operation| {
                (counts[&operation.service] > 1)
                    .then(|| safe(spans.name(operation.name), kinds_of.entry(operation.service).or_default()))
            })
            .collect();
        let mut taken = BTreeSet::new();
        let named = |&hold: &Hold| {
            let (Hold::Pool(name) | Hold::Lock(name)) = hold;
            (hold, safe(spans.name(name), &mut taken))
        };
        let resources = system.resources.keys().map(named).collect();
        Self { services, kinds, resources }
    }

    /// A pool or a lock as steps name it.
    pub(super) fn resource(&self, hold: Hold) -> &str {
        self.resources.get(&hold).map_or("", String::as_str)
    }

    /// An operation as `call` names it.
    pub(super) fn target(&self, system: &System, at: usize) -> String {
        let service = &self.services[&system.operations[at].service];
        match &self.kinds[at] {
            Some(kind) => format!("{service}.{kind}"),
            None => service.clone(),
        }
    }
}

/// The service with most root requests.
fn busiest_root(system: &System) -> Option<super::span::Name> {
    let mut counts: BTreeMap<super::span::Name, usize> = BTreeMap::new();
    for (operation, ..) in &system.roots {
        *counts.entry(system.operations[*operation].service).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(service, _)| service)
}

#[expect(clippy::too_many_arguments, reason = "one section of the file from all that is known")]
fn actor(
    writer: &mut Writer,
    spans: &Spans,
    system: &System,
    names: &Names,
    service: &str,
    list: &[usize],
    focus: super::span::Name,
    sampled: f64,
    arrivals: &[(u64, String)],
) {
    let first = &system.operations[list[0]];
    writer.line(&format!("# {}", shown(spans.name(first.service))));
    writer.line(&format!("[actor.{service}]"));
    if first.service == focus {
        writer.line("focus = true");
    }
    workers(writer, spans, first, service);
    writer.line("capacity = 65536   # not identifiable from spans");
    let roots: Vec<(u64, u64)> = system
        .roots
        .iter()
        .filter(|(operation, ..)| list.contains(operation))
        .map(|&(_, start, end)| (start, end))
        .collect();
    let mix = mix(system, names, list, roots.len());
    let stated = spans.stated.get(&first.service).copied().unwrap_or_default();
    if let (true, Some(clients)) = (stated.cycles, stated.workers) {
        writer.line("# derived: each thread begins its next cycle when the last has ended");
        writer.line(&format!("load = {{ clients = {clients} }}"));
    } else if !roots.is_empty() {
        // One request alone shows no rate; the actor then gets no load of its own.
        let _ = writer.load(&roots, arrivals, 1.0 / sampled, &mix, service);
    }
    for &at in list {
        let operation = &system.operations[at];
        if let Some(kind) = &names.kinds[at] {
            writer.line(&format!("\n# {}", shown(spans.name(operation.name))));
            writer.line(&format!("[actor.{service}.on.{kind}]"));
        }
        writer.line(&format!("# measured: {} tasks, {} of them failed", operation.tasks, operation.failed));
        writer.line("steps = [");
        // Otherwise a worker that goes from one task to the next would keep the interpreter from whom it has just let go on.
        let is_read = stated.interpreter && !stated.is_async;
        if is_read {
            writer.line("  { name = \"receive\", io = \"1us\" },   # assumed: a system call, around which CPython releases its interpreter lock");
        }
        for (number, step) in operation.steps.iter().enumerate() {
            let name = format!("{}-{number}", names.target(system, at));
            Place { spans, system, names, operation }.write(writer, step, &name);
        }
        if is_read {
            writer.line("  { name = \"send\", io = \"1us\" },   # assumed: as receive");
        }
        writer.line("]");
    }
    writer.line("");
}

/// The workers of a service: as it says, or as many as were busy at once.
fn workers(writer: &mut Writer, spans: &Spans, operation: &Operation, service: &str) {
    let stated = spans.stated.get(&operation.service).copied().unwrap_or_default();
    let (most, share) = operation.at_once;
    if operation.instances > 1 {
        writer.line(&format!(
            "instances = {}   # measured: those that had requests, each with workers and a queue of its own",
            operation.instances
        ));
        writer.line(
            "route = \"random\"   # assumed: how requests are shared out is not identifiable from spans",
        );
    }
    match stated.workers {
        Some(workers) if stated.cycles => {
            writer.line(&format!("threads = {workers}   # measured: threads at once, on average"));
        }
        Some(workers) => writer.line(&format!("threads = {workers}   # as the program says; most requests at once: {most}")),
        None => writer.line(&format!(
            "threads = {most}   # derived: most requests at once, for {:.1} % of the busy time. More workers look the same, unless all were busy",
            100.0 * share
        )),
    }
    if stated.is_async {
        writer.line("queue = \"async\"   # as the program says");
    }
    if stated.interpreter {
        writer.line(&format!("under = \"interpreter-{service}\""));
    }
}

/// Shares of the kinds in the load.
fn mix(system: &System, names: &Names, list: &[usize], all: usize) -> String {
    if list.len() < 2 || all == 0 {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    let shares: Vec<String> = list
        .iter()
        .filter_map(|at| {
            let count = system.roots.iter().filter(|(operation, ..)| operation == at).count();
            let kind = names.kinds[*at].as_ref()?;
            (count > 0).then(|| format!("{kind} = {:.6}", count as f64 / all as f64))
        })
        .collect();
    format!(", mix = {{ {} }}", shares.join(", "))
}
