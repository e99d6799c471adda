//! Histograms of records, read by the `HdrHistogram` library of Python, which shares nothing with the one that writes them.

use super::{conlab, left_in};
use serde_json::Value;
use std::process::Command;

/// Prints tag, count, p50, p99, largest and smallest value of every histogram of a log.
const READ: &str = "
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
log = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3_600_000_000_000, 3))
while (part := log.get_next_interval_histogram()) is not None:
    n = part.get_total_count()
    # The library rounds a rank to the nearest one, conlab up: both agree on a percentile that is one.
    ranks = (-(-p * n // 100) for p in (50, 99))
    print(part.get_tag(), n, *(part.get_value_at_percentile(100 * rank / n) for rank in ranks),
          part.get_max_value(), part.get_min_value())
";

/// A Python that has the library: of `.ci/run`, or of this machine.
fn python() -> Option<String> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin/python3");
    [own, "python3"].into_iter().map(str::to_owned).find(|python| {
        let asked = Command::new(python).args(["-c", "import hdrh.log"]).output();
        asked.is_ok_and(|said| said.status.success())
    })
}

#[test]
fn another_library_reads_the_histograms_of_a_record() {
    let Some(python) = python() else {
        eprintln!("passed over: no Python here has hdrh (pip install hdrhistogram)");
        return;
    };
    let (said, folder) = conlab(&["run", "--engine", "virtual", "--tasks", "500", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let record: Value = serde_json::from_str(&said.stdout).unwrap();
    let kept = folder.path().join("results").join(&left_in(&folder.path().join("results"))[0]);
    let read = Command::new(python).args(["-c", READ]).arg(kept.join("latency.hlog")).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let printed = String::from_utf8(read.stdout).unwrap();
    let mut found: Vec<&str> = printed.lines().collect();
    found.sort_unstable();
    let mut expected: Vec<String> = Vec::new();
    for (name, actor) in record["actors"].as_object().unwrap() {
        let of = &actor["sojourn_ns"];
        expected.push(format!("{name} {} {} {} {} ", of["count"], of["p50"], of["p99"], of["max"]));
    }
    expected.sort_unstable();
    assert_eq!(found.len(), expected.len(), "{printed}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected.as_str()), "read `{found}`, expected `{expected}…`");
    }
}
