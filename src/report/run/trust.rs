//! The sections of a run's page that say how far to trust it: identities, probe effect, manifest.

use super::as_f64;
use crate::measure::record::{Identity, RunRecord};
use crate::report::page::{Block, Notice, Section, Tone};
use crate::report::words::{OLD_RULE, count, duration, number, share};

pub(super) fn checks(record: &RunRecord) -> Section {
    let notice = |identity: &Identity| Notice {
        tone: if identity.holds { Tone::Good } else { Tone::Bad },
        code: format!("{} {}", identity.name, if identity.holds { "holds" } else { "does not hold" }),
        message: identity.detail.clone(),
        remedy: String::new(),
    };
    let (held, broken): (Vec<&Identity>, Vec<&Identity>) =
        record.identities.iter().partition(|one| one.holds);
    let mut blocks = Vec::new();
    if !broken.is_empty() {
        blocks.push(Block::Notices(broken.into_iter().map(notice).collect()));
    }
    if !held.is_empty() {
        let names: Vec<&str> = held.iter().map(|one| one.name.as_str()).collect();
        let summary = format!("{} identities hold: {}", held.len(), names.join(", "));
        let blocks_of = vec![Block::Notices(held.into_iter().map(notice).collect())];
        blocks.push(Block::Details { summary, blocks: blocks_of });
    }
    if record.observed.is_some() {
        let lead = "Identities that every recording must satisfy.";
        return Section { blocks, ..Section::new("checks", "Checks", lead) };
    }
    let probe = &record.probe;
    let pairs = [
        ("probe effect", format!("{} of the workers' busy time", share(record.probe_effect))),
        ("clock reads", format!("{} at {} each", count(probe.clock_reads), duration(probe.clock_read_ns))),
        (
            "kernel figures",
            format!("{} at {} each", count(probe.kernel_reads), duration(probe.kernel_read_ns)),
        ),
        ("recordings", format!("{} at {} each", count(probe.recordings), duration(probe.recording_ns))),
        ("tasks in system", number(record.little.tasks_in_system)),
        ("stays of tasks / window", number(record.little.product)),
    ];
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    blocks.push(Block::Pairs(pairs));
    let lead = "Identities that every run must satisfy, and what measuring cost.";
    Section { blocks, ..Section::new("checks", "Checks", lead) }
}

pub(super) fn manifest(record: &RunRecord) -> Section {
    let manifest = &record.manifest;
    let text = |value: &str| if value.is_empty() { "–".to_owned() } else { value.to_owned() };
    let mut pairs = vec![
        ("started", text(&manifest.started)),
        (
            "conlab",
            format!("{} ({})", manifest.version, manifest.commit.as_deref().unwrap_or("unknown commit")),
        ),
        ("compiler", text(&manifest.compiler)),
        ("build", text(&manifest.flags)),
        ("processor", text(&manifest.cpu)),
        ("cores", manifest.cores.to_string()),
        ("kernel", text(&manifest.kernel)),
        (
            "control group",
            manifest
                .cgroup_cores
                .map_or_else(|| "no limit".into(), |cores| format!("{} cores", number(cores))),
        ),
        ("steal", manifest.steal_ns.map_or_else(|| "not reported".into(), |ns| duration(as_f64(ns)))),
        ("calibration", text(&manifest.calibration)),
        ("clock", text(&manifest.clock)),
    ];
    let of_run = [
        ("scenario digest", text(&record.scenario.digest)),
        ("seed", record.seed.to_string()),
        ("replicate", record.replicate.to_string()),
        ("warm-up discarded", duration(as_f64(record.window.warmup_ns))),
        ("measured", duration(as_f64(record.window.length_ns))),
        (
            "drained",
            record.window.drain.map_or_else(
                || OLD_RULE.into(),
                |drain| {
                    let (length, bound) = (as_f64(drain.length_ns), as_f64(drain.bound_ns));
                    format!("{}, at most {}", duration(length), duration(bound))
                },
            ),
        ),
    ];
    match &record.observed {
        None => pairs.extend(of_run),
        Some(_) => pairs.push(("recorded for", duration(as_f64(record.window.length_ns)))),
    }
    if let Some(digest) = &manifest.calibration_digest {
        pairs.push(("calibration digest", digest.clone()));
    }
    if let Some(digest) = &record.digest {
        pairs.push(("event digest", digest.clone()));
    }
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let section =
        Section::new("manifest", "Manifest", "Where and how this run was made.").with(Block::Pairs(pairs));
    if record.command.is_empty() { section } else { section.with(Block::Code(record.command.join(" "))) }
}
