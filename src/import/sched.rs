//! What the kernel's scheduler did, as `perf script` prints it after `perf sched record`: threads that run, wait for a processor, and sleep.
//!
//! A thread's life is a row of cycles: it is woken, waits for a processor, runs (perhaps in several pieces), and blocks until it is woken
//! again. Threads whose names differ in the digits at their ends are one actor; a cycle is a task of it: the time on a processor is work,
//! the time blocked a wait, and the time in the run queue is left to the run. What a thread was blocked by is in no such event.

use super::span::{Name, Side, Span, Spans, Stated};
use std::collections::{BTreeMap, BTreeSet};

/// Groups of threads that become actors.
const MOST_GROUPS: usize = 12;
/// Share of all processor time below which a group is left out.
const LEAST_SHARE: f64 = 0.01;
/// Cycles below which a group is left out.
const LEAST_CYCLES: usize = 20;

/// A cycle that goes on.
#[derive(Clone, Copy, Debug, Default)]
struct Cycle {
    /// When the thread became able to run.
    woken: u64,
    /// When it first ran.
    ran: Option<u64>,
    /// Since when it is on a processor.
    since: Option<u64>,
    /// Time on a processor.
    on_cpu: u64,
    /// When it blocked, and whether signals cannot wake it (a disk, mostly).
    blocked: Option<(u64, bool)>,
}

/// A cycle that is over.
#[derive(Clone, Copy, Debug)]
struct Done {
    woken: u64,
    ran: u64,
    on_cpu: u64,
    blocked: u64,
    uninterruptible: bool,
    end: u64,
}

/// A thread.
#[derive(Debug, Default)]
struct Thread {
    group: String,
    cycle: Option<Cycle>,
    done: Vec<Done>,
    /// Processor time, whole cycles or not.
    on_cpu: u64,
}

/// What is known so far.
#[derive(Debug, Default)]
struct Machine {
    threads: BTreeMap<u32, Thread>,
    processors: BTreeSet<u32>,
    /// Who woke whom, by group.
    wakers: BTreeMap<(String, String), u64>,
    events: u64,
    damaged: u64,
    first: u64,
    last: u64,
}

/// Whether the text is what `perf script` prints of scheduler events.
pub(super) fn is_perf_script(text: &str) -> bool {
    text.lines().take(2000).any(|line| head(line).is_some())
}

/// Reads the events; each thread that mattered leaves its cycles as spans.
pub(super) fn read(text: &str, spans: &mut Spans) -> Result<(), String> {
    let mut machine = Machine { first: u64::MAX, ..Machine::default() };
    for line in text.lines() {
        let Some((event, at, processor, waker, said)) = head(line) else { continue };
        machine.processors.insert(processor);
        (machine.first, machine.last) = (machine.first.min(at), machine.last.max(at));
        let known = match event {
            "sched_switch" => switch(said).map(|switch| machine.switched(at, &switch)),
            "sched_wakeup" | "sched_waking" | "sched_wakeup_new" => {
                woken(said).map(|(name, thread)| machine.woken(at, name, thread, waker))
            }
            _ => Some(()),
        };
        machine.events += 1;
        machine.damaged += u64::from(known.is_none());
    }
    machine.finish(spans)
}

/// Event, instant, processor, name of the running thread, and what the event says: of `comm tid [cpu] seconds: sched:event: …`.
fn head(line: &str) -> Option<(&str, u64, u32, &str, &str)> {
    let at = line.find("sched:sched_")?;
    let (event, said) = line[at + 6..].split_once(':')?;
    let mut words = line[..at].split_whitespace().rev();
    let instant = seconds(words.next()?.strip_suffix(':')?)?;
    let processor = words.find_map(|word| word.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    let thread = words.next()?;
    let name = line[..line.find(&format!(" {thread} "))?].trim();
    Some((event.trim(), instant, processor, name, said.trim()))
}

/// Seconds with a fraction as nanoseconds, without rounding.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.')?;
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u64.pow(9 - u32::try_from(fraction.len()).ok()?);
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction.parse::<u64>().ok()? * scale)
}

/// A change of threads on a processor.
#[derive(Debug, PartialEq, Eq)]
struct Switch<'t> {
    from: (&'t str, u32),
    state: &'t str,
    to: (&'t str, u32),
}

/// Reads `prev_comm=a prev_pid=1 … prev_state=S ==> next_comm=b next_pid=2 …`, or `a:1 [120] S ==> b:2 [120]`.
fn switch(said: &str) -> Option<Switch<'_>> {
    let (from, to) = said.split_once("==>")?;
    if let Some(from) = from.trim().strip_prefix("prev_comm=") {
        let (name, rest) = from.split_once(" prev_pid=")?;
        let number = rest.split(' ').next()?.parse().ok()?;
        let state = rest.split_once("prev_state=")?.1.trim();
        let (other, rest) = to.trim().strip_prefix("next_comm=")?.split_once(" next_pid=")?;
        return Some(Switch {
            from: (name, number),
            state,
            to: (other, rest.split(' ').next()?.parse().ok()?),
        });
    }
    let (thread, rest) = from.split_once(" [")?;
    Some(Switch {
        from: named(thread)?,
        state: rest.split_once(']')?.1.trim(),
        to: named(to.split_once(" [")?.0)?,
    })
}

/// Reads `comm=a pid=1 …`, or `a:1 [120] …`.
fn woken(said: &str) -> Option<(&str, u32)> {
    if let Some(rest) = said.strip_prefix("comm=") {
        let (name, rest) = rest.split_once(" pid=")?;
        return Some((name, rest.split(' ').next()?.parse().ok()?));
    }
    named(said.split_once(" [")?.0)
}

/// `name:number`; a name may have colons.
fn named(text: &str) -> Option<(&str, u32)> {
    let (name, number) = text.trim().rsplit_once(':')?;
    Some((name, number.parse().ok()?))
}

/// A thread's name without the digits at its end, which number equal threads.
fn group_of(name: &str) -> &str {
    let stem =
        name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_', '#', ':', '/']);
    if stem.is_empty() { name } else { stem }
}

impl Machine {
    fn switched(&mut self, at: u64, switch: &Switch<'_>) {
        if switch.from.1 != 0 {
            self.thread(switch.from).leaves(at, switch.state);
        }
        if switch.to.1 != 0 {
            self.thread(switch.to).runs(at);
        }
    }

    fn woken(&mut self, at: u64, name: &str, number: u32, waker: &str) {
        let thread = self.thread((name, number));
        if thread.wakes(at) {
            let pair = (group_of(name).to_owned(), group_of(waker).to_owned());
            *self.wakers.entry(pair).or_default() += 1;
        }
    }

    fn thread(&mut self, (name, number): (&str, u32)) -> &mut Thread {
        let thread = self.threads.entry(number).or_default();
        // A thread takes its own name some time after it was made.
        if thread.group != group_of(name) {
            group_of(name).clone_into(&mut thread.group);
        }
        thread
    }

    fn finish(self, spans: &mut Spans) -> Result<(), String> {
        let mut groups: BTreeMap<&str, Vec<&Thread>> = BTreeMap::new();
        for thread in self.threads.values() {
            groups.entry(&thread.group).or_default().push(thread);
        }
        let time = |threads: &[&Thread]| threads.iter().map(|thread| thread.on_cpu).sum::<u64>();
        let all: u64 = self.threads.values().map(|thread| thread.on_cpu).sum();
        let mut order: Vec<(u64, &str)> = groups.iter().map(|(name, of)| (time(of), *name)).collect();
        order.sort_by_key(|(time, name)| (std::cmp::Reverse(*time), *name));
        let mut left_out = (0, 0);
        for (place, (time, name)) in order.iter().enumerate() {
            let threads = &groups[name];
            let cycles: usize = threads.iter().map(|thread| thread.done.len()).sum();
            if place < MOST_GROUPS && share(*time, all) >= LEAST_SHARE && cycles >= LEAST_CYCLES {
                self.group(spans, name, threads);
            } else {
                left_out = (left_out.0 + threads.len(), left_out.1 + time);
            }
        }
        if spans.spans.is_empty() {
            return Err(format!(
                "{} scheduler events, and no thread that ran and blocked {LEAST_CYCLES} times: record for longer (perf sched record -- sleep 10)",
                self.events
            ));
        }
        self.notes(spans, left_out, all);
        Ok(())
    }

    /// From the first event to the last.
    const fn length(&self) -> u64 {
        self.last.saturating_sub(self.first)
    }

    /// The cycles of a group as spans.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean number of threads")]
    fn group(&self, spans: &mut Spans, name: &str, threads: &[&Thread]) {
        let service = spans.intern(name);
        let (operation, blocked) = (spans.intern("cycle"), spans.intern("blocked"));
        // Threads come and go: as many as there were on average.
        let time: u64 =
            threads.iter().flat_map(|thread| &thread.done).map(|done| done.end - done.woken).sum();
        let cycling = ((share(time, self.length()).round()) as u64).max(1);
        spans.focus = spans.focus.or(Some(service));
        let stated = Stated {
            workers: Some(cycling),
            processors: Some(self.processors.len() as u64),
            cycles: true,
            ..Stated::default()
        };
        spans.stated.insert(service, stated);
        for thread in threads {
            spans.unfinished += u64::from(thread.cycle.is_some());
            for done in &thread.done {
                add(spans, service, operation, blocked, done);
            }
        }
    }

    fn notes(&self, spans: &mut Spans, (threads, time): (usize, u64), all: u64) {
        spans.notes.push(
            "Scheduler events show when threads run, wait for a processor and are blocked. What blocked them (a lock, a message, a disk, a timer) \
             and what their work is for is not identifiable: blocked time stays as it was, whatever changes. `conlab record` names what threads are blocked by."
                .into(),
        );
        if threads > 0 {
            spans.notes.push(format!(
                "{threads} threads with {:.1} % of the processor time are left out (other programs, or too few cycles); what they take from the processors is missing.",
                100.0 * share(time, all)
            ));
        }
        let done: Vec<&Done> = self.threads.values().flat_map(|thread| &thread.done).collect();
        let blocked: u64 = done.iter().map(|done| done.end - done.blocked).sum();
        let deep: u64 =
            done.iter().filter(|done| done.uninterruptible).map(|done| done.end - done.blocked).sum();
        if deep > 0 {
            spans.notes.push(format!(
                "{:.1} % of the blocked time was uninterruptible, which is mostly a disk.",
                100.0 * share(deep, blocked)
            ));
        }
        let services: Vec<Name> = spans.stated.keys().copied().collect();
        for service in services {
            let name = spans.name(service).to_owned();
            let of: Vec<(&str, u64)> = self
                .wakers
                .iter()
                .filter(|((woken, _), _)| *woken == name)
                .map(|((_, waker), count)| (waker.as_str(), *count))
                .collect();
            let sum: u64 = of.iter().map(|(_, count)| count).sum();
            if let Some((waker, count)) = of.iter().max_by_key(|(_, count)| *count) {
                // Events of a timer or a device have the name of whoever ran when they came.
                spans.notes.push(format!(
                    "{} was woken {sum} times, {:.0} % of them while {} ran.",
                    super::write::shown(&name),
                    100.0 * share(*count, sum),
                    super::write::shown(waker)
                ));
            }
        }
        if self.damaged > 0 {
            spans.notes.push(format!("{} events were not understood and left out.", self.damaged));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// A cycle: the task, and within it the wait.
fn add(spans: &mut Spans, service: Name, operation: Name, blocked: Name, done: &Done) {
    let id = 2 * (spans.spans.len() as u128 + 1);
    spans.add(Span {
        id,
        service,
        operation,
        side: Side::Server,
        start: done.ran,
        queued: done.ran - done.woken,
        end: done.end,
        cpu: Some(done.on_cpu),
        ..Span::default()
    });
    spans.add(Span {
        id: id + 1,
        parent: id,
        service,
        operation: blocked,
        side: Side::Client,
        start: done.blocked,
        end: done.end,
        ..Span::default()
    });
}

impl Thread {
    /// It was woken; whether it had been blocked.
    fn wakes(&mut self, at: u64) -> bool {
        match self.cycle {
            Some(Cycle {
                woken, ran: Some(ran), on_cpu, blocked: Some((blocked, uninterruptible)), ..
            }) => {
                self.done.push(Done { woken, ran, on_cpu, blocked, uninterruptible, end: at.max(blocked) });
            }
            // The recording began while it was blocked.
            None => {}
            // It is able to run already: `sched_wakeup` after `sched_waking`.
            Some(_) => return false,
        }
        self.cycle = Some(Cycle { woken: at, ..Cycle::default() });
        true
    }

    fn runs(&mut self, at: u64) {
        if self.cycle.is_some_and(|cycle| cycle.blocked.is_some()) {
            // Its waking was not recorded: it ran at once, as far as one can tell.
            self.wakes(at);
        }
        let Some(cycle) = &mut self.cycle else { return };
        cycle.ran.get_or_insert(at);
        cycle.since = Some(at);
    }

    fn leaves(&mut self, at: u64, state: &str) {
        let Some(cycle) = &mut self.cycle else { return };
        let Some(since) = cycle.since.take() else { return };
        let ran = at.saturating_sub(since);
        cycle.on_cpu += ran;
        self.on_cpu += ran;
        match state.chars().next() {
            // Preempted: it still wants to run.
            Some('R') => {}
            Some('X' | 'Z') => self.cycle = None,
            state => cycle.blocked = Some((at, state == Some('D'))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_printing_an_event_are_read() {
        let line = "     web work 3    18/19 [001] 43427.853723:       sched:sched_switch: prev_comm=web work 3 prev_pid=19 prev_prio=120 prev_state=D ==> next_comm=a:b next_pid=7 next_prio=0";
        let (event, at, processor, name, said) = head(line).unwrap();
        assert_eq!((event, at, processor, name), ("sched_switch", 43_427_853_723_000, 1, "web work 3"));
        let plain = Switch { from: ("web work 3", 19), state: "D", to: ("a:b", 7) };
        assert_eq!(switch(said), Some(plain));
        let other = Switch { from: ("a:b", 7), state: "R+", to: ("swapper/0", 0) };
        assert_eq!(switch("a:b:7 [120] R+ ==> swapper/0:0 [120]"), Some(other));
        assert_eq!(woken("comm=a b pid=12 prio=120 target_cpu=000"), Some(("a b", 12)));
        assert_eq!(woken("a b:12 [120] success=1 CPU:000"), Some(("a b", 12)));
        for text in ["", "prev_comm=", "a ==> b", "a:x [1] S ==> b:1 [1]"] {
            assert_eq!(switch(text), None, "{text}");
        }
        assert_eq!(seconds("1.000000001"), Some(1_000_000_001));
        assert_eq!(seconds("99999999999999.0"), None);
    }

    /// Woken at 1 ms, runs at 2, is preempted from 3 to 5, blocks at 6, and is woken at 10: 2 ms of work and 4 ms blocked.
    #[test]
    fn preemption_is_no_end_and_a_second_wakeup_no_beginning() {
        let ms = |at: u64| at * 1_000_000;
        let mut thread = Thread::default();
        assert!(thread.wakes(ms(1)));
        assert!(!thread.wakes(ms(1) + 5));
        thread.runs(ms(2));
        thread.leaves(ms(3), "R+");
        thread.runs(ms(5));
        thread.leaves(ms(6), "S");
        assert!(thread.wakes(ms(10)));
        let done = thread.done[0];
        assert_eq!((done.woken, done.ran, done.on_cpu), (ms(1), ms(2), ms(2)));
        assert_eq!((done.blocked, done.end, done.uninterruptible), (ms(6), ms(10), false));
    }
}
