//! Reads calls: whom they go to, for how many answers they wait and for how long, and what happens when none come.

use super::names::{Directory, unknown};
use super::reader::{Field, Section};
use super::shared::read_timeout;
use super::{CallSpec, Retry, Target};
use crate::units::Nanos;

/// Keys of a step that say more of its call.
pub(super) const CALL: [&str; 7] = ["fan", "wait", "parallel", "hedge", "timeout", "cancel", "retry"];

/// Most messages of one call.
const MAX_PARTS: u64 = 100_000;

/// Actors and their kinds of request, by index.
#[derive(Debug)]
pub(super) struct Receivers {
    pub(super) actors: Directory,
    /// By actor: the names of its kinds; none where it has one kind.
    pub(super) kinds: Vec<Vec<String>>,
}

impl Receivers {
    /// The actor, or actor and kind as `redis.get`, whose name stands here.
    pub(super) fn target(&self, field: &Field<'_>) -> Option<Target> {
        let word = field.text("the name of an actor, or of an actor and a kind, such as \"redis.get\"")?;
        if let Some(actor) = self.actors.find(word) {
            let kinds = &self.kinds[actor];
            if kinds.first().is_some_and(|kind| !kind.is_empty()) {
                let named: Vec<String> = kinds.iter().map(|kind| format!("{word}.{kind}")).collect();
                field.wrong(format!("names no kind of request: expected one of {}", named.join(", ")));
                return None;
            }
            return Some(Target { actor, kind: 0 });
        }
        if let Some((name, kind)) = word.rsplit_once('.')
            && let Some(actor) = self.actors.find(name)
        {
            let kinds = &self.kinds[actor];
            if let Some(kind) = kinds.iter().position(|known| known == kind) {
                return Some(Target { actor, kind });
            }
            let known: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| !kind.is_empty()).collect();
            field.wrong(unknown(&format!("kind of `{name}`"), kind, &known));
            return None;
        }
        field.reference("actor", &self.actors).map(|actor| Target { actor, kind: 0 })
    }
}

/// Reads the call of a step: the first actor called, and what there is beyond one message to it.
pub(super) fn read_call(step: &Section<'_>, receivers: &Receivers) -> Option<(usize, Option<Box<CallSpec>>)> {
    let Some(field) = step.field("call") else {
        for key in CALL {
            if let Some(field) = step.field(key) {
                field.wrong("belongs to a call: expected `call` beside it");
            }
        }
        return None;
    };
    let several = !field.is_text();
    let mut parts: Vec<Target> = if several {
        let named = field.elements("the name of an actor, or an array of them")?;
        named.iter().filter_map(|name| receivers.target(name)).collect()
    } else {
        receivers.target(&field).into_iter().collect()
    };
    let first = parts.first().copied();
    if several && first.is_none() {
        field.wrong("calls nobody: expected at least one actor");
    }
    let first = first?;
    if let Some(fan) = step.field("fan") {
        if several {
            fan.wrong("stands beside several actors: expected one, called `fan` times");
        }
        let count = fan.count(1, MAX_PARTS).and_then(|count| usize::try_from(count).ok());
        parts = vec![first; count.unwrap_or(1)];
    }
    let calls = CallSpec {
        need: read_need(step, parts.len()).unwrap_or(parts.len()),
        parallel: step.length("parallel", 1, MAX_PARTS).unwrap_or(parts.len()).min(parts.len()),
        hedge: step.some_time("hedge"),
        timeout: read_timeout(step),
        cancel: step.flag("cancel").unwrap_or(false),
        retry: step.section("retry", "{ times = 3, after = \"10ms\" }").and_then(|retry| read_retry(&retry)),
        parts,
    };
    if let Some(cancel) = step
        .field("cancel")
        .filter(|_| calls.timeout.is_none() && calls.hedge.is_none() && calls.need == calls.parts.len())
    {
        cancel.wrong("withdraws nothing: expected `timeout`, `hedge` or `wait` beside it");
    }
    let plain = first.kind == 0 && calls.parts.len() == 1 && !CALL.iter().any(|key| step.has(key));
    Some((first.actor, (!plain).then(|| Box::new(calls))))
}

/// How many answers are waited for: `"all"`, `"first"` or a number.
fn read_need(step: &Section<'_>, parts: usize) -> Option<usize> {
    let field = step.field("wait")?;
    if field.is_text() {
        let word = field.one_of("number of answers", &["all", "first"], |word| word)?;
        return Some(if word == "all" { parts } else { 1 });
    }
    field.count(1, parts as u64).and_then(|count| usize::try_from(count).ok())
}

/// Reads `retry = { times, after, factor, jitter, budget }`.
fn read_retry(retry: &Section<'_>) -> Option<Retry> {
    retry.only(&["times", "after", "factor", "jitter", "budget"]);
    let number = |key: &str, range| retry.field(key).and_then(|field: Field<'_>| field.number(&range));
    let times = retry.required("times", "how often it is tried again, such as 3")?.count(1, 1000)?;
    Some(Retry {
        times: u32::try_from(times).unwrap_or(1),
        after: retry.duration("after").unwrap_or(Nanos::ZERO),
        factor: number("factor", 1.0..=1000.0).unwrap_or(1.0),
        jitter: number("jitter", 0.0..=1.0).unwrap_or(0.0),
        budget: retry.field("budget").and_then(|field| read_share(&field)),
    })
}

/// A share: `0.1` or `"10%"`.
pub(super) fn read_share(field: &Field<'_>) -> Option<f64> {
    if !field.is_text() {
        return field.number(&(0.0..=1.0));
    }
    let text = field.text("a share such as 0.1 or \"10%\"")?;
    let share = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match share.map(|share| share / 100.0) {
        Some(share) if (0.0..=1.0).contains(&share) => Some(share),
        _ => {
            field
                .wrong(format!("`{text}` is no share: expected a number from 0 to 1, or \"0%\" to \"100%\""));
            None
        }
    }
}
