//! Harnesses' text: go bench, libtest, divan, criterion, hyperfine.

use super::super::super::report::{Benchmark, Report, Stat};
use super::super::number::{number, quantity, whole};
use super::scan::{duration, numbers, time};

/// Go's `testing` benchmarks; lines of one name are repetitions.
pub(super) fn go_bench(text: &str) -> Report {
    let mut report = Report::of("go bench text");
    for (at, line) in text.lines().enumerate() {
        let Some((name, rest)) =
            line.trim().strip_prefix("Benchmark").and_then(|rest| rest.split_once([' ', '\t']))
        else {
            continue;
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let Some(value) =
            words.windows(2).find(|pair| pair[1] == "ns/op").and_then(|pair| number(pair[0], false))
        else {
            continue;
        };
        let name = format!("Benchmark{name}");
        let known =
            report.benchmarks.iter().position(|benchmark| benchmark.name == name).unwrap_or_else(|| {
                report
                    .benchmarks
                    .push(Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(name) });
                report.benchmarks.len() - 1
            });
        let benchmark = &mut report.benchmarks[known];
        let value = value.0.times(1e-6);
        benchmark.samples.push(value.value);
        benchmark.sample_unit = value.half_unit * 2.0;
    }
    for benchmark in &mut report.benchmarks {
        // A single line is the mean of its iterations, not a sample; several are means, too few for a shape.
        if benchmark.samples.len() == 1 {
            let half_unit = benchmark.sample_unit / 2.0;
            benchmark.summary.mean =
                benchmark.samples.pop().map(|value| super::super::super::figure::Figure { value, half_unit });
        } else {
            benchmark.count = Some(benchmark.samples.len() as u64);
        }
    }
    report
}

/// `test name ... bench:  1,234 ns/iter (+/- 56)`: the median.
pub(super) fn libtest(text: &str) -> Report {
    let mut report = Report::of("libtest bench text");
    for (at, line) in text.lines().enumerate() {
        let Some((name, rest)) =
            line.trim().strip_prefix("test ").and_then(|rest| rest.split_once("... bench:"))
        else {
            continue;
        };
        let Some((found, _)) = quantity(rest.trim()) else { continue };
        let Some(value) = found.ms() else { continue };
        let mut benchmark = Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(name.trim()) };
        benchmark.summary.median = Some(value);
        report.benchmarks.push(benchmark);
    }
    report
}

/// divan's tree: fastest, slowest, median, mean, samples, iters.
pub(super) fn divan(text: &str) -> Report {
    let mut report = Report::of("divan text");
    let mut branches: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('│').collect();
        // The tree's own bars are cells too: the name ends where the first figure or two spaces begin.
        let depth = line.chars().take_while(|letter| matches!(letter, ' ' | '│' | '├' | '╰' | '─')).count();
        let body: String = line.chars().skip(depth).collect();
        let name: String = body
            .split("  ")
            .next()
            .unwrap_or_default()
            .split('│')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        if name.is_empty() || cells.len() < 5 {
            continue;
        }
        branches.retain(|(known, _)| *known < depth);
        let rest = &body[body.find(&name).map_or(0, |from| from + name.len())..];
        let figures: Vec<&str> = rest.split('│').map(str::trim).collect();
        let times: Vec<_> = figures
            .iter()
            .take(4)
            .map(|cell| duration(cell).filter(|(_, used)| *used == cell.len()).map(|(figure, _)| figure))
            .collect();
        if let [Some(min), Some(max), Some(median), Some(mean)] = times[..] {
            let path: Vec<&str> =
                branches.iter().map(|(_, name)| name.as_str()).chain([name.as_str()]).collect();
            let mut benchmark =
                Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(path.join(" ")) };
            for (stat, figure) in
                [(Stat::Min, min), (Stat::Max, max), (Stat::Median, median), (Stat::Mean, mean)]
            {
                benchmark.summary.set(stat, figure);
            }
            benchmark.count =
                figures.get(4).and_then(|cell| number(cell, false)).and_then(|(count, _)| whole(count.value));
            report.benchmarks.push(benchmark);
        } else {
            branches.push((depth, name));
        }
    }
    report
}

/// criterion's `time:   [1.23 µs 1.24 µs 1.25 µs]`: the estimate between the ends of its interval.
pub(super) fn criterion(text: &str) -> Report {
    let mut report = Report::of("criterion text");
    let mut name = String::new();
    for (at, line) in text.lines().enumerate() {
        if let Some((before, rest)) = line.split_once("time:") {
            let own = before.trim();
            let title = if own.is_empty() { name.clone() } else { own.to_owned() };
            let Some(inner) = rest.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) else {
                continue;
            };
            let Some((_, used)) = duration(inner) else { continue };
            let Some((estimate, _)) = duration(&inner[used..]) else { continue };
            let mut benchmark = Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(title) };
            benchmark.summary.mean = Some(estimate);
            report.benchmarks.push(benchmark);
        } else if let Some(benchmark) = report
            .benchmarks
            .last_mut()
            .filter(|_| line.starts_with("Found ") && line.contains(" outliers among "))
        {
            benchmark.count = numbers(line).get(1).and_then(|count| whole(count.value));
        } else if !line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            line.trim().trim_start_matches("Benchmarking ").clone_into(&mut name);
        }
    }
    report
}

/// hyperfine's page: `Time (mean ± σ):  12.3 ms ± 0.4 ms`, `Range (min … max):  11.8 ms … 13.9 ms    50 runs`.
pub(super) fn hyperfine(text: &str) -> Report {
    let mut report = Report::of("hyperfine text");
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if let Some((_, command)) = trimmed.strip_prefix("Benchmark ").and_then(|rest| rest.split_once(": "))
        {
            report
                .benchmarks
                .push(Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(command) });
        }
        let Some(benchmark) = report.benchmarks.last_mut() else { continue };
        if let Some(rest) = trimmed.strip_prefix("Time (mean ± σ):") {
            benchmark.summary.mean = duration(rest).map(|(figure, _)| figure);
            benchmark.summary.stddev =
                rest.split_once('±').and_then(|(_, rest)| duration(rest)).map(|(figure, _)| figure);
        } else if let Some(rest) = trimmed.strip_prefix("Range (min … max):") {
            benchmark.summary.min = duration(rest).map(|(figure, _)| figure);
            let after = rest.split_once('…').map_or("", |(_, rest)| rest);
            benchmark.summary.max = duration(after).map(|(figure, _)| figure);
            benchmark.count = after
                .split("  ")
                .last()
                .and_then(|runs| number(runs.trim(), false))
                .and_then(|(count, _)| whole(count.value));
        } else if trimmed.starts_with("Time (abs ≡):") {
            benchmark.summary.mean = time(trimmed, "Time (abs ≡):");
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_keep_their_branches() {
        let text = "Timer precision: 20 ns\nlists           fastest       │ slowest       │ median        │ mean          │ samples │ iters\n├─ push                       │               │               │               │         │\n│  ├─ 10       12.5 ns       │ 31.2 ns       │ 12.7 ns       │ 13.1 ns       │ 100     │ 51200\n│  ╰─ 100      125 ns        │ 310.2 ns      │ 127.1 ns      │ 130.4 ns      │ 100     │ 6400\n╰─ sort        1.204 µs      │ 9.81 µs       │ 1.233 µs      │ 1.302 µs      │ 100     │ 100\n";
        let names: Vec<String> = divan(text).benchmarks.into_iter().map(|benchmark| benchmark.name).collect();
        assert_eq!(names, ["lists push 10", "lists push 100", "lists sort"]);
    }
}
