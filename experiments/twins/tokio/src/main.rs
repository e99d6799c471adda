//! A tokio service: 0.2 ms of work, a wait of 10 ms under a semaphore, then 5 ms of blocking work on tokio's blocking threads.
//!
//! ```sh
//! twin-tokio PORT SPANS PERMITS WORKERS
//! ```
//!
//! Ends with SIGTERM and then writes its spans as OTLP JSON.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// Threads that block.
const BLOCKING: usize = 8;

/// A request's instants, in nanoseconds of the epoch.
#[derive(Clone, Copy)]
struct Handled {
    number: u64,
    sent: u64,
    start: u64,
    asked: u64,
    permitted: u64,
    released: u64,
    /// The blocking thread had begun.
    blocked: u64,
    unblocked: u64,
    end: u64,
    work: u64,
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Work on a processor: an amount, not a deadline.
fn spin(turns: u64) -> u64 {
    (0..turns)
        .fold(1, |sum: u64, turn| std::hint::black_box(sum.wrapping_mul(6_364_136_223_846_793_005) ^ turn))
}

/// Turns of `spin` in 0.2 ms on this machine now.
fn turns() -> u64 {
    let best = (0..20)
        .map(|_| {
            let begin = Instant::now();
            spin(100_000);
            begin.elapsed().as_nanos()
        })
        .min()
        .unwrap_or(1);
    u64::try_from(100_000 * 200_000 / best.max(1)).unwrap_or(1)
}

/// A uniform number in 0..1 that depends on the request and on what it is for.
fn unit(number: u64, what: u64) -> f64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ what.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..2 {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
    }
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    let unit = (x >> 11) as f64 / (1_u64 << 53) as f64;
    unit
}

/// Between half and one and a half times the mean.
fn around(mean: Duration, number: u64, what: u64) -> Duration {
    mean.mul_f64(0.5 + unit(number, what))
}

async fn handle(text: &[u8], permits: &Semaphore, turns: u64) -> Option<Handled> {
    let start = now();
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    let number: u64 = words.next()?.parse().ok()?;
    let sent: u64 = words.nth(1)?.parse().ok()?;
    let begin = Instant::now();
    std::hint::black_box(spin(turns));
    let work = u64::try_from(begin.elapsed().as_nanos()).ok()?;
    let asked = now();
    let permit = permits.acquire().await.ok()?;
    let permitted = now();
    tokio::time::sleep(around(Duration::from_millis(10), number, 1)).await;
    let released = now();
    drop(permit);
    let blocks = around(Duration::from_millis(5), number, 2);
    let (blocked, unblocked) = tokio::task::spawn_blocking(move || {
        let begun = now();
        std::thread::sleep(blocks);
        (begun, now())
    })
    .await
    .ok()?;
    Some(Handled { number, sent, start, asked, permitted, released, blocked, unblocked, end: 0, work })
}

/// The spans of a request as OTLP JSON.
fn write(out: &mut String, one: &Handled, workers: usize) {
    let number =
        |key: &str, value: u64| format!(r#"{{"key":"conlab.{key}","value":{{"intValue":"{value}"}}}}"#);
    let word = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let trace = one.number + 1;
    let span = |id: u64, name: &str, kind: u8, times: [u64; 2], said: &[String]| {
        let parent = if kind == 2 { String::new() } else { format!("{:016x}", 4 * trace) };
        format!(
            r#"{{"traceId":"{trace:032x}","spanId":"{:016x}","parentSpanId":"{parent}","name":"{name}","kind":{kind},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":[{}]}}"#,
            4 * trace + id,
            times[0],
            times[1],
            said.join(",")
        )
    };
    let held = |id: u64, name: &str, asked: u64, times: [u64; 2]| {
        let said = [
            word("conlab.resource", name),
            word("conlab.resource.kind", "pool"),
            number("waited_ns", times[0].saturating_sub(asked)),
            number("cpu_ns", 0),
        ];
        span(id, name, 1, times, &said)
    };
    let queued = number("queued_ns", one.start.saturating_sub(one.sent));
    let request = span(0, "request", 2, [one.start, one.end], &[queued, number("cpu_ns", one.work)]);
    let permits = held(1, "permits", one.asked, [one.permitted, one.released]);
    let blocking = held(2, "blocking", one.released, [one.blocked, one.unblocked]);
    let service = [
        word("service.name", "tokio-service"),
        word("conlab.scheduling", "async"),
        number("workers", workers as u64),
    ];
    let _ = writeln!(
        out,
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{request},{permits},{blocking}]}}]}}]}}"#,
        service.join(",")
    );
}

async fn serve(port: u16, permits: usize) -> std::io::Result<Vec<Handled>> {
    let socket = Arc::new(UdpSocket::bind(("127.0.0.1", port)).await?);
    let permits = Arc::new(Semaphore::new(permits));
    let handled: Arc<Mutex<Vec<Handled>>> = Arc::default();
    let turns = turns();
    let mut ended = signal(SignalKind::terminate())?;
    println!("ready");
    let mut buffer = [0; 128];
    loop {
        let (length, client) = tokio::select! {
            got = socket.recv_from(&mut buffer) => got?,
            _ = ended.recv() => break,
        };
        let (text, socket) = (buffer[..length].to_vec(), Arc::clone(&socket));
        let (permits, handled) = (Arc::clone(&permits), Arc::clone(&handled));
        tokio::spawn(async move {
            let Some(mut one) = handle(&text, &permits, turns).await else { return };
            if socket.send_to(&text, client).await.is_ok() {
                one.end = now();
                handled.lock().unwrap_or_else(PoisonError::into_inner).push(one);
            }
        });
    }
    let handled = handled.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(handled)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const USAGE: &str = "expected: twin-tokio PORT SPANS PERMITS WORKERS";
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, spans, permits, workers] = words.as_slice() else { return Err(USAGE.into()) };
    let workers: usize = workers.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()?;
    let handled = runtime.block_on(serve(port.parse()?, permits.parse()?))?;
    let mut out = String::new();
    handled.iter().for_each(|one| write(&mut out, one, workers));
    std::fs::write(spans, out)?;
    Ok(())
}
