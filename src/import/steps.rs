//! Steps of a scenario from what the tasks of an operation did in order.

use super::span::{Hold, Spans, Stated};
use super::system::{Call, Operation, Step, System};
use super::write::{NOTHING, Names, Writer, mean, ms, shown};

/// What a step is about: where its lines go, and how they are told apart.
pub(super) struct Place<'a> {
    pub(super) spans: &'a Spans,
    pub(super) system: &'a System,
    pub(super) names: &'a Names,
    pub(super) operation: &'a Operation,
}

/// The value at 5 % of the values: what every task pays, as opposed to what it waits for.
fn least(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 20).copied().unwrap_or(0)
}

impl Place<'_> {
    /// One step: own time, then a call, or a stretch under a lock or a place of a pool.
    pub(super) fn write(&self, writer: &mut Writer, step: &Step, name: &str) {
        let knows_work = !step.own.is_empty() && step.work.len() == step.own.len();
        let mut parts = Vec::new();
        let mut waits = if knows_work {
            let rest =
                least(step.own.iter().zip(&step.work).map(|(own, work)| own.saturating_sub(*work)).collect());
            // A task of an event loop stays on its worker there: as a wait it would leave it and queue again.
            let (on_worker, rest) = if self.is_async() { (rest, 0) } else { (0, rest) };
            // What is no processor time of a cycle is waiting for a processor, all of it.
            let rest = if self.stated().cycles { 0 } else { rest };
            let work: Vec<u64> = step.work.iter().map(|work| work + on_worker).collect();
            let work = self.sampled(writer, step, &format!("{name}-work"), &work);
            parts.extend(work.map(|samples| format!("compute = {samples}")));
            vec![rest; step.own.len()]
        } else {
            step.own.clone()
        };
        if let Some(call) = step.call.as_ref().filter(|call| call.hold.is_none()) {
            // Transport is what every call pays; the rest of the time between the spans is the callee's queue, which the run makes.
            let transport = least(call.between.clone());
            waits.iter_mut().for_each(|wait| *wait += transport);
            // Own time and an answer from outside are two waits in a row: their sums, task by task.
            waits.iter_mut().zip(&call.outside_time).for_each(|(wait, time)| *wait += time);
        }
        let io = if knows_work && waits.iter().all(|wait| *wait == waits[0]) {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
            let wait = waits[0] as f64;
            (wait >= NOTHING).then(|| format!("\"{}\"", ms(wait)))
        } else {
            self.sampled(writer, step, name, &waits)
        };
        parts.extend(io.map(|io| format!("io = {io}")));
        if step.call.as_ref().is_some_and(|call| call.blocks && call.hold.is_none()) {
            parts.push("blocks = true".into());
        }
        let label =
            step.call.as_ref().map_or_else(|| "rest".to_owned(), |call| self.callees(call, &mut parts));
        let said = if self.stated().cycles {
            "time on a processor, and blocked; what for is not identifiable from scheduler events"
        } else if knows_work {
            "processor time as the program says; the rest of it waited for processors or an interpreter, which the run makes"
        } else {
            "working or waiting is not identifiable from spans"
        };
        self.line(writer, step, name, parts, &format!("{label}: measured, {} tasks; {said}", step.tasks));
        if let Some(call) = &step.call {
            self.held(writer, step, call, name);
        }
    }

    fn stated(&self) -> Stated {
        self.spans.stated.get(&self.operation.service).copied().unwrap_or_default()
    }

    fn is_async(&self) -> bool {
        self.stated().is_async
    }

    /// Whom a call is to, added to `parts`; its name in words.
    fn callees(&self, call: &Call, parts: &mut Vec<String>) -> String {
        let target = |&to: &usize| format!("\"{}\"", self.names.target(self.system, to));
        let targets: Vec<String> = call.to.iter().map(target).collect();
        match &targets[..] {
            [] => {}
            [one] if call.is_send => parts.push(format!("send = {one}")),
            [one] => parts.push(format!("call = {one}")),
            several => parts.push(format!("call = [{}]", several.join(", "))),
        }
        call.outside.map_or_else(|| "call".to_owned(), |outside| shown(self.spans.name(outside)))
    }

    /// A stretch for which something is held.
    fn held(&self, writer: &mut Writer, step: &Step, call: &Call, name: &str) {
        let Some(hold) = call.hold else { return };
        let key = if matches!(hold, Hold::Lock(_)) { "lock" } else { "pool" };
        let mut parts = vec![format!("{key} = \"{}\"", self.names.resource(hold))];
        let mut waits = call.outside_time.clone();
        if call.hold_work.len() == waits.len() {
            let work = self.sampled(writer, step, &format!("{name}-held-work"), &call.hold_work);
            parts.extend(work.map(|samples| format!("compute = {samples}")));
            waits.iter_mut().zip(&call.hold_work).for_each(|(wait, work)| *wait = wait.saturating_sub(*work));
        }
        let io = self.sampled(writer, step, &format!("{name}-held"), &waits);
        parts.extend(io.map(|samples| format!("io = {samples}")));
        if call.blocks {
            parts.push("blocks = true".into());
        }
        if parts.len() == 1 {
            parts.push("io = \"0ns\"".into());
        }
        let label = call.outside.map_or_else(String::new, |outside| shown(self.spans.name(outside)));
        let said = format!("{label}: measured, {} tasks, from taking it to giving it back", step.tasks);
        self.line(writer, step, &format!("{name}-held"), parts, &said);
    }

    /// Samples of a step, in the order of the tasks where each has one; nothing where they are too short to matter.
    fn sampled(&self, writer: &mut Writer, step: &Step, name: &str, values: &[u64]) -> Option<String> {
        let always = step.tasks == self.operation.tasks && values.len() as u64 == step.tasks;
        (mean(values) >= NOTHING).then(|| {
            if always {
                writer.rows(name, values, &self.operation.numbers)
            } else {
                writer.samples(name, values)
            }
        })
    }

    /// The line of a step, if it does anything.
    fn line(&self, writer: &mut Writer, step: &Step, name: &str, mut parts: Vec<String>, said: &str) {
        if parts.is_empty() {
            return;
        }
        if step.tasks < self.operation.tasks {
            #[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
            let chance = step.tasks as f64 / self.operation.tasks as f64;
            parts.push(format!("chance = {chance:.6}"));
        }
        let short = name.replace('.', "-");
        writer.line(&format!("  {{ name = \"{short}\", {} }},   # {said}", parts.join(", ")));
    }
}
