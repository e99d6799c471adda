//! The timeline of a run on real threads: its messages, its locks' holders, and the trace made of it.

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::measure::record::{RunRecord, TaskSpan, Timeline};
use conlab::queue::QueueKind;
use conlab::report::trace::trace;
use conlab::scenario::{LoadArm, Scenario, Treatment};
use std::collections::BTreeMap;

const MESSAGES: &str = r#"
schema = 1
name = "messages"
[run]
duration = "400ms"
warmup = "0ms"
[lock.registry]
kind = "mutex"
[actor.agents]
focus = true
threads = 4
load = { clients = 4 }
steps = [
  { name = "hold", lock = "registry", compute = "300us" },
  { name = "ask", call = "helper" },
  { name = "wait", io = "300us" },
]
[actor.helper]
threads = 2
steps = [ { name = "help", compute = "100us" } ]
"#;

fn traced(queue: QueueKind, spans: usize) -> (RunRecord, Timeline) {
    let scenario = Scenario::parse(MESSAGES, "messages").unwrap();
    let treatment = Treatment { queue: Some(queue), ..Treatment::default() };
    let mut experiment = Experiment::new(scenario.treated(&treatment), LoadArm::Baseline);
    experiment.timeline_spans = spans;
    let record = RealEngine::new().run(&experiment, &Progress::default()).unwrap().record;
    let timeline = record.timeline.clone().unwrap();
    (record, timeline)
}

#[test]
fn every_message_is_an_arrow_from_its_sender_to_its_taker() {
    for queue in [QueueKind::LockFree, QueueKind::Async] {
        let (record, timeline) = traced(queue, 200_000);
        assert_eq!(timeline.omitted, 0);
        // One message for each task of the helper that was taken; those on their way at the end may be missing, and those
        // that are sent while the window's tasks are drained are no tasks of the window.
        let helper = &record.actors["helper"];
        let sent_within =
            timeline.flows.iter().filter(|flow| flow.sent_ns <= record.window.length_ns).count();
        let (taken, within, messages) = (timeline.flows.len() as u64, sent_within as u64, helper.issued);
        assert!(
            helper.completed <= taken && within <= messages,
            "{taken} of {messages}, {}",
            helper.completed
        );
        for flow in &timeline.flows {
            assert!(timeline.tracks[flow.from_track].starts_with("agents-"), "{flow:?}");
            assert!(timeline.tracks[flow.to_track].starts_with("helper-"), "{flow:?}");
            assert!(
                flow.sent_ns <= flow.taken_ns && flow.taken_ns <= record.window.length_ns * 2,
                "{flow:?}"
            );
        }
        let (_, counts) = trace(&record).unwrap();
        // An arrow needs a span at both ends, and pieces below a microsecond have none.
        assert!(counts.flows * 10 >= timeline.flows.len() * 9, "{counts:?} of {}", timeline.flows.len());
        println!("{}: {taken} messages, {counts:?}", queue.name());
    }
}

#[test]
fn whole_tasks_are_kept_with_the_tasks_that_sent_them() {
    for queue in [QueueKind::LockFree, QueueKind::Async] {
        let (record, timeline) = traced(queue, 200_000);
        let by_id: BTreeMap<u64, &TaskSpan> = timeline.tasks.iter().map(|task| (task.id, task)).collect();
        assert_eq!(by_id.len(), timeline.tasks.len(), "no number stands twice");
        let of = |name: &'static str| timeline.tasks.iter().filter(move |task| task.of == name);
        // Those of the time after the window are there too.
        let (agents, helper) = (&record.actors["agents"], &record.actors["helper"]);
        assert!(of("agents").count() as u64 >= agents.completed, "{}", agents.completed);
        assert!(of("helper").count() as u64 >= helper.completed, "{}", helper.completed);
        let mut sent = 0;
        for task in of("helper").filter(|task| task.parent != 0) {
            let parent = by_id[&task.parent];
            assert!(task.awaited && parent.of == "agents", "{task:?}");
            assert!(
                parent.taken_ns <= task.arrived_ns && task.arrived_ns <= parent.ended_ns,
                "{task:?} {parent:?}"
            );
            assert!(task.arrived_ns <= task.taken_ns && task.taken_ns <= task.ended_ns, "{task:?}");
            sent += 1;
        }
        // Each task of an agent asks once.
        assert!(sent >= agents.completed, "{sent} of {}", agents.completed);
        // The slowest tasks are among them, and their spans have their numbers.
        for slow in &agents.slowest {
            let found = of("agents").find(|task| {
                task.arrived_ns == slow.arrived_ns && task.ended_ns - task.arrived_ns == slow.sojourn_ns
            });
            let found = found.unwrap_or_else(|| panic!("{slow:?} is no whole task"));
            assert!(timeline.spans.iter().any(|span| span.task == found.id), "{found:?}");
        }
        assert!(!agents.slowest.is_empty());
    }
}

#[test]
fn a_wait_for_a_lock_names_who_held_it() {
    for queue in [QueueKind::Mutex, QueueKind::Async] {
        let (record, timeline) = traced(queue, 200_000);
        let waits: Vec<_> =
            timeline.spans.iter().filter(|span| span.state == "lock" && span.label == "registry").collect();
        assert!(!waits.is_empty(), "{}: {:?}", queue.name(), record.locks["registry"]);
        let named = waits.iter().filter(|span| span.holder.is_some()).count();
        for span in &waits {
            assert!(span.holder.is_none_or(|holder| holder < 4 && holder != span.track), "{span:?}");
        }
        // A holder that goes between the question and the wait leaves no name.
        assert!(named * 2 > waits.len(), "{}: {named} of {}", queue.name(), waits.len());
    }
}

#[test]
fn a_step_that_is_named_like_a_lock_is_shown_by_its_name() {
    let text = "schema = 1\nname = \"named\"\n[run]\nwarmup = \"0s\"\nduration = \"100ms\"\n[actor.a]\nload = { clients = 1 }\n\
                steps = [{ name = \"lock 7\", compute = \"200us\" }]\n";
    let mut experiment = Experiment::new(Scenario::parse(text, "named").unwrap(), LoadArm::Baseline);
    experiment.timeline_spans = 1000;
    let record = RealEngine::new().run(&experiment, &Progress::default()).unwrap().record;
    assert!(record.timeline.unwrap().spans.iter().any(|span| span.label == "lock 7"));
}

#[test]
fn what_does_not_fit_is_counted() {
    let (_, timeline) = traced(QueueKind::Mutex, 96);
    assert!(timeline.omitted > 0);
    // Each of the six workers keeps at most sixteen of either.
    assert!(timeline.spans.len() <= 96 && timeline.flows.len() <= 96, "{timeline:?}");
}

#[test]
fn workers_of_tokio_have_tracks_and_what_handlers_await_has_others() {
    let (record, timeline) = traced(QueueKind::Async, 200_000);
    for span in &timeline.spans {
        let track = &timeline.tracks[span.track];
        assert_eq!(track.contains("awaiting"), span.track >= 6, "{track}");
        if span.state == "execution" {
            assert!(span.track < 6, "{track} executes");
        }
        if span.state == "io" {
            assert!(track.starts_with("agents awaiting"), "{track} waits");
        }
    }
    // Four clients have at most four tasks, so no more wait at once.
    let waiting = timeline.tracks.iter().filter(|track| track.starts_with("agents awaiting")).count();
    assert!((1..=4).contains(&waiting), "{:?}", timeline.tracks);
    // What the spans show of the steps' work is what the threads account for, but for pieces below a microsecond.
    let shown: u64 =
        timeline.spans.iter().filter(|span| span.state == "execution").map(|span| span.length_ns).sum();
    let worked: u64 = record.threads.iter().map(|thread| thread.work_ns).sum();
    assert!(shown <= worked + worked / 20 && shown * 10 > worked * 8, "{shown} shown of {worked}");
}
