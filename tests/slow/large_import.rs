//! A million spans are imported in bounded memory; how long that takes is printed, and never decides.
//!
//! ```sh
//! cargo slow large_import
//! ```
//!
//! The recording is what a collector's file exporter writes: one export request a line, two services, a request of `web` with a client
//! span and the callee's span, 345 bytes a span with an attribute each.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

const REQUESTS: u64 = 333_334;
/// Most memory of the import.
const MOST_KIB: u64 = 1 << 20;

/// Three spans of a request.
fn request(out: &mut String, number: u64) {
    let start = 1_790_000_000_000_000_000 + number * 1_000_000 + number.wrapping_mul(0x9e37_79b9) % 400_000;
    let (db, all) = (1_000_000 + number % 997 * 1000, 3_000_000 + number % 1009 * 2000);
    let mut service = |name: &str, spans: &str| {
        let _ = writeln!(
            out,
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{name}"}}}}]}},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
        );
    };
    let span = |id: u64, parent: &str, name: &str, kind: u8, start: u64, length: u64| {
        format!(
            r#"{{"traceId":"{number:032x}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"{name}","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{}","attributes":[{{"key":"http.route","value":{{"stringValue":"/cart/{{id}}"}}}}],"status":{{}}}}"#,
            start + length
        )
    };
    let web = span(1, "", "GET /cart", 2, start, all);
    let client = span(2, "0000000000000001", "SELECT", 3, start + 500_000, db + 200_000);
    service("web", &format!("{web},{client}"));
    service("db", &span(3, "0000000000000002", "SELECT", 2, start + 600_000, db));
}

#[test]
#[ignore = "minutes"]
fn a_million_spans_fit_into_a_gibibyte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spans.json");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    let mut text = String::new();
    for number in 0..REQUESTS {
        text.clear();
        request(&mut text, number);
        out.write_all(text.as_bytes()).unwrap();
    }
    out.into_inner().unwrap();
    let bytes = std::fs::metadata(&file).unwrap().len();
    let begin = Instant::now();
    let mut import = Command::new(env!("CARGO_BIN_EXE_conlab"))
        .args(["import", file.to_str().unwrap(), "--out", folder.path().join("large.toml").to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The kernel keeps the largest resident size of a process as long as it is not reaped.
    let status = format!("/proc/{}/status", import.id());
    let mut largest = 0_u64;
    while import.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        largest = largest.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let code = import.wait().unwrap().code();
    eprintln!(
        "{} spans, {} MB: {:.1} s with the scenario's run, at most {} MiB",
        3 * REQUESTS,
        bytes / 1_000_000,
        begin.elapsed().as_secs_f64(),
        largest / 1024
    );
    assert_eq!(code, Some(0));
    assert!(largest > 0 && largest < MOST_KIB, "{largest} KiB");
}
