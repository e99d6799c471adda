//! Access logs: one request a line, with when it ended (or began) and how long it took.

use super::ImportError;
use std::str::FromStr;

/// One request of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When it was sent, in nanoseconds since any epoch.
    pub start: u64,
    /// How long it took, in nanoseconds.
    pub length: u64,
    /// Whether it failed: a status of 500 or more.
    pub failed: bool,
}

/// The requests of a log, by start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// The requests.
    pub requests: Vec<Request>,
    /// Lines without a time or a duration.
    pub unread: u64,
    /// How precise the log's instants are, in nanoseconds.
    pub grain: u64,
}

/// Where a CSV has what; names of columns or numbers from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// When a request began.
    pub start: String,
    /// How long it took.
    pub duration: String,
    /// Its HTTP status, if there is a column of it.
    pub status: Option<String>,
    /// Nanoseconds of the unit of both times.
    pub unit: f64,
}

impl FromStr for Columns {
    type Err = String;

    /// `start=t0,duration=rt,unit=ms`.
    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected start=COLUMN,duration=COLUMN, unit=s, ms, us or ns, and status=COLUMN if there is one, such as start=t0,duration=rt,unit=ms";
        let (mut start, mut duration, mut status, mut unit) = (None, None, None, None);
        for part in text.split(',') {
            match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("start", column)) => start = Some(column.to_owned()),
                Some(("duration", column)) => duration = Some(column.to_owned()),
                Some(("status", column)) => status = Some(column.to_owned()),
                Some(("unit", "s")) => unit = Some(1e9_f64),
                Some(("unit", "ms")) => unit = Some(1e6),
                Some(("unit", "us")) => unit = Some(1e3),
                Some(("unit", "ns")) => unit = Some(1.0),
                _ => return Err(format!("`{part}`: {EXPECTED}")),
            }
        }
        match (start, duration, unit) {
            (Some(start), Some(duration), Some(unit)) => Ok(Self { start, duration, status, unit }),
            _ => Err(format!("`{text}`: {EXPECTED}")),
        }
    }
}

/// Reads a CSV with these columns.
pub(super) fn read_csv(text: &str, columns: &Columns) -> Result<Log, ImportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| ImportError::NotUnderstood(error.to_string()))?.clone();
    let place = |column: &str| {
        let named = head.iter().position(|name| name.trim() == column);
        named
            .or_else(|| column.parse::<usize>().ok().filter(|n| (1..=head.len()).contains(n)).map(|n| n - 1))
            .ok_or_else(|| {
                let known: Vec<&str> = head.iter().collect();
                ImportError::NotUnderstood(crate::scenario::unknown("column", column, &known))
            })
    };
    let (start, duration) = (place(&columns.start)?, place(&columns.duration)?);
    let status = columns.status.as_deref().map(place).transpose()?;
    let unit = columns.unit;
    let mut log = Log { grain: 1, ..Log::default() };
    for row in reader.records() {
        let Ok(row) = row else {
            log.unread += 1;
            continue;
        };
        let number = |place: usize| {
            row.get(place)
                .and_then(|cell| cell.trim().parse::<f64>().ok())
                .filter(|n| n.is_finite() && *n >= 0.0)
        };
        match (number(start), number(duration)) {
            (Some(start), Some(length)) => log.requests.push(Request {
                start: whole(start * unit),
                length: whole(length * unit),
                failed: status.and_then(number).is_some_and(|status| status >= 500.0),
            }),
            _ => log.unread += 1,
        }
    }
    Ok(finished(log))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
fn whole(nanos: f64) -> u64 {
    nanos.round() as u64
}

/// Reads nginx's combined format with `$request_time` (or envoy's default format) line by line.
pub(super) fn read_lines(text: &str) -> Log {
    let mut log = Log { grain: 1_000_000_000, ..Log::default() };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line_of(line) {
            Some((request, grain)) => {
                log.grain = log.grain.min(grain);
                log.requests.push(request);
            }
            None => log.unread += 1,
        }
    }
    finished(log)
}

fn finished(mut log: Log) -> Log {
    log.requests.sort_by_key(|request| request.start);
    log
}

/// A request and how precise its instant is.
fn line_of(line: &str) -> Option<(Request, u64)> {
    let open = line.find('[')?;
    let close = open + line[open..].find(']')?;
    let stamp = &line[open + 1..close];
    if let Some((instant, grain)) = iso(stamp) {
        // envoy: the instant is the start; the duration, in milliseconds, is the fourth number after the request.
        let rest = line[close + 1..].trim_start();
        let after =
            rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map_or(rest, |(_, after)| after);
        let fields: Vec<&str> = after.split_whitespace().collect();
        let status: u32 = fields.first()?.parse().ok()?;
        let numbers: Vec<f64> = fields.iter().filter_map(|field| field.parse().ok()).collect();
        let length = whole(*numbers.get(3)? * 1e6);
        return Some((Request { start: instant, length, failed: status >= 500 }, grain));
    }
    // nginx: the instant is the end, in whole seconds; $request_time, in seconds, is the last plain decimal of the line.
    let end = clf(stamp)?;
    let rest = &line[close + 1..];
    let after = rest.split('"').nth(2)?;
    let status: u32 = after.split_whitespace().next()?.parse().ok()?;
    let seconds = line.split_whitespace().rev().find_map(|word| {
        let word = word.trim_start_matches("rt=").trim_start_matches("request_time=");
        word.contains('.').then(|| word.parse::<f64>().ok()).flatten()
    })?;
    let length = whole(seconds * 1e9);
    Some((Request { start: end.saturating_sub(length), length, failed: status >= 500 }, 1_000_000_000))
}

/// `2026-11-28T10:00:00.123Z` in nanoseconds of the epoch, and its precision.
fn iso(stamp: &str) -> Option<(u64, u64)> {
    let time = humantime::parse_rfc3339_weak(stamp).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    let digits =
        stamp.split_once('.').map_or(0, |(_, rest)| rest.chars().take_while(char::is_ascii_digit).count());
    let grain = 10_u64.pow(9_u32.saturating_sub(u32::try_from(digits).unwrap_or(9)));
    Some((u64::try_from(since.as_nanos()).ok()?, grain))
}

/// `28/Nov/2026:10:00:00 +0000` in nanoseconds of the epoch.
fn clf(stamp: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (stamp, zone) = stamp.split_once(' ').unwrap_or((stamp, "+0000"));
    let mut parts = stamp.split(['/', ':']);
    let day = parts.next()?;
    let month = MONTHS.iter().position(|month| parts.clone().next() == Some(*month))? + 1;
    parts.next();
    let (year, hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (local, _) = iso(&format!("{year}-{month:02}-{day:0>2}T{hour}:{minute}:{second}Z"))?;
    let offset: i64 = zone.get(1..3)?.parse::<i64>().ok()? * 3600 + zone.get(3..5)?.parse::<i64>().ok()? * 60;
    let offset = if zone.starts_with('-') { -offset } else { offset };
    local.checked_add_signed(-offset * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_lines_end_at_their_stamp_and_last_their_request_time() {
        let line =
            r#"10.0.0.1 - - [28/Nov/2026:12:00:01 +0200] "GET /a HTTP/1.1" 502 612 "-" "curl/8" 0.250"#;
        let log = read_lines(line);
        let (end, _) = iso("2026-11-28T10:00:01Z").unwrap();
        assert_eq!(log.requests, [Request { start: end - 250_000_000, length: 250_000_000, failed: true }]);
        assert_eq!(log.grain, 1_000_000_000);
    }

    #[test]
    fn envoy_lines_begin_at_their_stamp() {
        let line = r#"[2026-11-28T10:00:00.123Z] "GET /a HTTP/1.1" 200 - 0 154 37 36 "-" "curl" "id" "host" "10.0.0.2:80""#;
        let log = read_lines(line);
        let (start, _) = iso("2026-11-28T10:00:00.123Z").unwrap();
        assert_eq!(log.requests, [Request { start, length: 37_000_000, failed: false }]);
        assert_eq!(log.grain, 1_000_000);
    }

    #[test]
    fn a_csv_is_read_by_its_columns_and_bad_rows_are_counted() {
        let columns: Columns = "start=t0,duration=rt,unit=ms".parse().unwrap();
        let log = read_csv("t0,rt\n20,5\n10,2.5\nx,1\n-1,3\n", &columns).unwrap();
        assert_eq!(log.unread, 2);
        assert_eq!(log.requests[0], Request { start: 10_000_000, length: 2_500_000, failed: false });
        let wrong: Columns = "start=t,duration=rt,unit=ms".parse().unwrap();
        assert!(read_csv("t0,rt\n1,2\n", &wrong).unwrap_err().to_string().contains("unknown column `t`"));
        assert!("start=a,duration=b".parse::<Columns>().unwrap_err().contains("unit=s, ms"));
    }
}
