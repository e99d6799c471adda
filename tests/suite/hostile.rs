//! Mutated input for everything that reads input of others: a bounded run of the fuzz targets, from a seed that is printed.
//!
//! `CONLAB_FUZZ_EXECUTIONS=100000 cargo test --release --test suite hostile` makes so many of each target; `CONLAB_SEED`
//! sets the seed.

use super::targets::TARGETS;
use conlab::engine::{Engine, Experiment, VirtualEngine};
use conlab::scenario::{EMBEDDED, LoadArm, Overrides, Scenario};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Executions of each target in an ordinary run.
const EXECUTIONS: u64 = 150;

/// What is put in place of parts of the input: what breaks numbers, nesting and names.
const WORDS: [&str; 26] = [
    "18446744073709551615",
    "-1",
    "0",
    "1e308",
    "-1e308",
    "NaN",
    "9223372036854775807",
    "1e-320",
    "\"\"",
    "[]",
    "{}",
    "null",
    "true",
    "\"\\u0000\"",
    "[[[[[[[[",
    "}}}}",
    "=",
    "\n",
    "\u{202e}",
    "<script>",
    "'",
    "\"",
    "999999999999s",
    "1_0ms",
    "../..",
    "0x10",
];

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// `input` with one to four changes.
    fn mutated(&mut self, input: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(16)).min(bytes.len());
            let word = WORDS[self.below(WORDS.len())].as_bytes().to_vec();
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.splice(at..end, [])),
                2 => drop(bytes.splice(at..at, word)),
                3 => {
                    let copy = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, copy));
                }
                4 => bytes.truncate(at),
                // A number becomes another one.
                _ => {
                    let digits = |byte: &u8| byte.is_ascii_digit();
                    if let Some(begin) = bytes[at..].iter().position(digits).map(|begin| at + begin) {
                        let end = bytes[begin..]
                            .iter()
                            .position(|byte| !digits(byte))
                            .map_or(bytes.len(), |n| begin + n);
                        drop(bytes.splice(begin..end, word));
                    }
                }
            }
        }
        bytes
    }
}

/// A record of a short run, with a timeline.
fn record() -> String {
    let set = vec![("run.tasks".to_owned(), "30".to_owned())];
    let scenario = Scenario::load("agents", &Overrides { set, ..Overrides::default() }).unwrap();
    let mut experiment = Experiment::new(scenario, LoadArm::Baseline);
    experiment.timeline_spans = 300;
    let output = VirtualEngine::new().run(&experiment, &conlab::engine::Progress::default()).unwrap();
    serde_json::to_string(&output.record).unwrap()
}

/// What a target's input is made from.
fn corpus(target: &str, record: &str) -> Vec<Vec<u8>> {
    let texts: Vec<String> = match target {
        "scenario" => EMBEDDED.iter().map(|one| one.text.to_owned()).collect(),
        "set" => vec!["run.tasks=10\nactor.agents.load={ clients = 3 }\n'actor'.\"agents\".steps.plan.compute=1ms".into()],
        "quantities" => ["250us", "100/s", "256KiB", "1,2..=16", "p99<+5%", "3/10"].map(str::to_owned).into(),
        "claims" => vec![conlab::study::claims::PHASE_18F.to_owned()],
        "campaign" => vec![
            "[[task]]\nname = \"x\"\niterations = 10\n".to_owned(),
            "[[entry]]\ntitle = \"x\"\nsavings_ms = [1, 2]\n".to_owned(),
        ],
        "record" => vec![record.to_owned()],
        "audit" => vec![
            record.to_owned(),
            "{\"results\":[{\"command\":\"x\",\"mean\":0.1,\"stddev\":0.01,\"times\":[0.1,0.2]}]}".to_owned(),
            "{\"benchmark\":\"x\",\"metrics\":{\"mean_ms\":10.5,\"p99_ms\":20.0},\"samples\":[1,2,3]}".to_owned(),
            "latency_ms\n1.5\n2.5\n3.5\n".to_owned(),
        ],
        "histogram" => vec![
            "#[StartTime: 0]\nTag=x,0.0,1.0,1.0,HISTFAAAAB542pNpmSzMwMDAxAABzFCaEUoz2X+AMIKZAEARAtM=\n".to_owned(),
        ],
        "escaping" => vec!["<b>&\"'`{{}}|=cmd".to_owned(), "agents".to_owned()],
        _ => vec![
            "schema = 1\nname = \"s\"\nscenario = \"agents\"\nseeds = { count = 2 }\n[factor]\nthreads = [1, 2]\n\"run.tasks\" = [10]\n"
                .to_owned(),
        ],
    };
    texts.into_iter().map(String::into_bytes).collect()
}

/// More than this is a hang; a build with every check takes longer.
const HANG: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });

/// What this thread has had of a processor: a busy machine makes nothing hang.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a `timespec` that the call may write to.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
}

#[test]
fn mutated_input_is_read_or_refused_and_nothing_panics_or_hangs() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let executions = number("CONLAB_FUZZ_EXECUTIONS").unwrap_or(EXECUTIONS);
    let seed = number("CONLAB_SEED").unwrap_or(18);
    eprintln!("seed {seed}, {executions} executions of each target");
    let record = record();
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let corpus = corpus(name, &record);
        let mut random = Random(seed);
        for execution in 0..executions {
            let chosen = random.below(corpus.len());
            let input = random.mutated(&corpus[chosen]);
            let begun = processor_time();
            let ended = catch_unwind(AssertUnwindSafe(|| target(&input)));
            if ended.is_err() || processor_time() - begun > HANG {
                let folder = std::env::temp_dir();
                let path = folder.join(format!("conlab-fuzz-{name}-{seed}-{execution}"));
                std::fs::write(&path, &input).unwrap();
                failed.push(format!("{name}, execution {execution}: input in {}", path.display()));
                if failed.len() > 20 {
                    break;
                }
            }
        }
    }
    assert!(failed.is_empty(), "seed {seed}: {failed:#?}");
}
