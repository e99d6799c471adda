//! The critical paths of single tasks on the page of a run that was traced.

use conlab::engine::virtual_time::VirtualEngine;
use conlab::engine::{Engine as _, Experiment, Progress};
use conlab::measure::RunRecord;
use conlab::report::html::html;
use conlab::report::page::{Block, Section};
use conlab::report::run_page;
use conlab::report::trace::trace;
use conlab::scenario::{LoadArm, Scenario};

/// A service that asks a database whose threads share a lock.
const SHOP: &str = r#"
schema = 1
name = "shop"
[run]
warmup = "0s"
tasks = 500
[host]
ideal = true
cores = 8
[lock.pages]
kind = "mutex"
[actor.web]
focus = true
threads = 4
load = { clients = 6, think = "0ms" }
steps = [{ name = "parse", compute = "200us", spread = "exponential" }, { name = "ask", call = "db" }]
[actor.db]
threads = 4
steps = [
  { name = "plan", compute = "100us" },
  { name = "vacuum", lock = "pages", compute = "400us", spread = "exponential" },
]
"#;

fn traced(spans: usize) -> RunRecord {
    let scenario = Scenario::parse(SHOP, "shop.toml").unwrap();
    let mut experiment = Experiment::new(scenario, LoadArm::Baseline);
    experiment.timeline_spans = spans;
    VirtualEngine::new().run(&experiment, &Progress::default()).unwrap().record
}

fn section<'page>(sections: &'page [Section], id: &str) -> &'page Section {
    sections.iter().find(|section| section.id == id).unwrap_or_else(|| panic!("no section {id}"))
}

#[test]
fn calls_are_taken_apart_at_the_mean_and_at_the_p99_down_to_who_holds_the_lock() {
    let page = run_page(&traced(200_000));
    let tables = section(&page.sections, "end-to-end").blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    let mut seen = 0;
    for table in tables {
        let lock = table.rows.iter().find(|row| row[0] == "web → db" && row[1] == "lock wait: pages");
        let lock = lock.unwrap_or_else(|| panic!("{}: {:#?}", table.caption, table.rows));
        assert!(lock[2].starts_with("db.vacuum"), "who held it: {lock:?}");
        assert!(table.rows.iter().any(|row| row[1] == "execution: parse"), "{:?}", table.rows);
        // In virtual time nothing is left between what a task does and what it waits for.
        assert!(!table.rows.iter().any(|row| row[1] == "away from its worker"), "{:?}", table.rows);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn each_of_the_ten_slowest_tasks_opens_to_its_path() {
    let record = traced(200_000);
    let page = run_page(&record);
    let slow = section(&page.sections, "slowest");
    let opened: Vec<&String> = slow
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Details { summary, .. } => Some(summary),
            _ => None,
        })
        .collect();
    assert_eq!(opened.len(), 10, "{opened:?}");
    assert!(opened.iter().any(|summary| summary.contains("held by db-")), "{opened:?}");
    let page = html(&page);
    assert!(page.matches("<details").count() >= 10 && page.contains("web → db"));
    let (trace, _) = trace(&record).unwrap();
    for rank in 1..=10 {
        assert_eq!(trace.matches(&format!("\"slowest\":{rank}}}")).count(), 1, "{rank}");
    }
}

/// A trace that reached its bound tells of the tasks that it has whole, and an untraced run how to get one.
#[test]
fn what_was_not_traced_is_not_told_of() {
    let record = traced(600);
    assert!(record.timeline.as_ref().unwrap().omitted > 0);
    assert!(!run_page(&record).sections.is_empty());
    let plain = run_page(&traced(0));
    assert!(plain.sections.iter().all(|section| section.id != "end-to-end"));
    let hint = section(&plain.sections, "slowest").blocks.iter().any(|block| matches!(block, Block::Text(_)));
    assert!(hint);
}
