//! Whether there is memory for a run, asked before it: a process that runs out of memory is killed without a word.

use super::{EngineError, Experiment};
use crate::cache::CacheLayout;
use crate::scenario::{CacheSpec, EngineKind, Scenario};
use std::fs;
use std::path::Path;

/// Bytes of an entry's place in a cache besides its value: its node and its share of the index, at most.
const ENTRY: u64 = 24 + 128;

/// What needs memory, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    what: String,
    bytes: u64,
}

/// Refuses an experiment that needs more memory than there is.
///
/// # Errors
///
/// [`EngineError::Unsupported`] with the need, the limit and the remedy.
pub(super) fn check(experiment: &Experiment, engine: EngineKind) -> Result<(), EngineError> {
    let needs = needs(&experiment.scenario, engine);
    let all = needs.iter().fold(0_u64, |sum, need| sum.saturating_add(need.bytes));
    match (
        available(Path::new("/proc"), Path::new("/sys/fs/cgroup")),
        needs.iter().max_by_key(|need| need.bytes),
    ) {
        (Some((free, limit)), Some(largest)) if all > free => Err(EngineError::Unsupported(format!(
            "find {} of memory for this run: {} takes {}, and {} are free ({limit}); make it smaller, use fewer threads, or \
             raise the limit",
            shown(all),
            largest.what,
            shown(largest.bytes),
            shown(free)
        ))),
        _ => Ok(()),
    }
}

fn needs(scenario: &Scenario, engine: EngineKind) -> Vec<Need> {
    let workers: usize = scenario.actors.iter().map(|actor| actor.threads).sum();
    let mut needs: Vec<Need> = scenario
        .caches
        .iter()
        .map(|cache| Need {
            what: format!("cache `{}`", cache.name),
            bytes: of_cache(cache, workers, engine),
        })
        .collect();
    if engine == EngineKind::Virtual {
        return needs;
    }
    for actor in &scenario.actors {
        let most =
            |of: fn(&crate::scenario::StepSpec) -> Option<u64>| actor.steps.iter().filter_map(of).max();
        let threads = actor.threads as u64;
        for (what, bytes) in [
            ("touch", most(|step| step.touch).unwrap_or(0)),
            // The text, and the room for what comes out.
            ("compress", most(|step| step.compress).unwrap_or(0).saturating_mul(2)),
        ] {
            let bytes = bytes.saturating_mul(threads);
            if bytes > 0 {
                needs.push(Need {
                    what: format!("{what} of actor `{}` on {threads} threads", actor.name),
                    bytes,
                });
            }
        }
    }
    needs
}

fn of_cache(cache: &CacheSpec, workers: usize, engine: EngineKind) -> u64 {
    let copies = if cache.layout == CacheLayout::Isolated { workers.max(1) as u64 } else { 1 };
    let value = match engine {
        // Values begin on lines where copies are padded.
        EngineKind::Real => (cache.value_bytes as u64).next_multiple_of(64),
        EngineKind::Virtual => 8,
    };
    (cache.capacity as u64).saturating_mul(ENTRY.saturating_add(value)).saturating_mul(copies)
}

/// The memory that this process may still take, and what limits it; `None` where the system does not say.
fn available(proc: &Path, cgroup: &Path) -> Option<(u64, &'static str)> {
    let kib = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024);
    let line = |file: &str, name: &str| {
        let text = fs::read_to_string(proc.join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
    };
    let number = |file: &str| fs::read_to_string(cgroup.join(file)).ok()?.trim().parse::<u64>().ok();
    let free =
        line("meminfo", "MemAvailable:").as_deref().and_then(kib).map(|free| (free, "free on this machine"));
    let group = number("memory.max")
        .zip(number("memory.current"))
        .map(|(most, used)| (most.saturating_sub(used), "the control group's limit"));
    let space = line("self/limits", "Max address space")
        .and_then(|limits| limits.split_whitespace().next()?.parse::<u64>().ok())
        .zip(line("self/status", "VmSize:").as_deref().and_then(kib))
        .map(|(most, used)| (most.saturating_sub(used), "ulimit -v"));
    [free, group, space].into_iter().flatten().min_by_key(|(bytes, _)| *bytes)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn shown(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < 1024.0 * 1024.0 * 1024.0 {
        format!("{:.1} MiB", bytes / (1024.0 * 1024.0))
    } else {
        format!("{:.1} GiB", bytes / (1024.0 * 1024.0 * 1024.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::LoadArm;

    fn refusal(text: &str, engine: EngineKind) -> String {
        let scenario = Scenario::parse(text, "test").unwrap();
        check(&Experiment::new(scenario, LoadArm::Baseline), engine).unwrap_err().to_string()
    }

    #[test]
    fn what_no_memory_holds_is_refused_with_the_need_and_the_remedy() {
        let huge = "schema = 1\nname = \"x\"\n[cache.big]\ncapacity = 100_000_000\nkeys = { count = 10 }\n\
                    value = \"1GiB\"\n[actor.a]\nload = { clients = 1 }\nthreads = 4\n\
                    steps = [{ name = \"s\", touch = \"64GiB\" }, { name = \"c\", cache = \"big\", hit = \"1us\", \
                    miss = { compute = \"1us\" } }]\n";
        let said = refusal(huge, EngineKind::Real);
        assert!(said.contains("cache `big` takes") && said.contains("use fewer threads"), "{said}");
        let scenario = Scenario::parse(&huge.replace("1GiB", "1KiB"), "test").unwrap();
        let touch =
            needs(&scenario, EngineKind::Real).into_iter().find(|need| need.what.starts_with("touch"));
        assert_eq!(touch.map(|need| need.bytes), Some(256 << 30));
        assert_eq!(needs(&scenario, EngineKind::Virtual).len(), 1);
    }

    #[test]
    fn the_tightest_limit_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, cgroup) = (folder.path().join("proc"), folder.path().join("cgroup"));
        fs::create_dir_all(proc.join("self")).unwrap();
        fs::create_dir(&cgroup).unwrap();
        assert_eq!(available(&proc, &cgroup), None);
        fs::write(proc.join("meminfo"), "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n").unwrap();
        assert_eq!(available(&proc, &cgroup), Some((4_096_000, "free on this machine")));
        fs::write(cgroup.join("memory.max"), "max\n").unwrap();
        fs::write(cgroup.join("memory.current"), "1000\n").unwrap();
        assert_eq!(available(&proc, &cgroup), Some((4_096_000, "free on this machine")));
        fs::write(cgroup.join("memory.max"), "5000\n").unwrap();
        assert_eq!(available(&proc, &cgroup), Some((4000, "the control group's limit")));
        fs::write(proc.join("self/limits"), "Max address space         4000          4000     bytes\n")
            .unwrap();
        fs::write(proc.join("self/status"), "VmSize:\t       2 kB\n").unwrap();
        assert_eq!(available(&proc, &cgroup), Some((1952, "ulimit -v")));
    }
}
