//! Reports in every format that audit reads, written from figures that belong together.

use conlab::random::{Source, Stream};
use std::fmt::Write as _;

/// Figures of one run: milliseconds, a second, seconds.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) samples: Vec<f64>,
    pub(super) n: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
    pub(super) sd: f64,
    /// p50, p75, p90, p95, p99, p99.9.
    pub(super) p: [f64; 6],
    pub(super) rate: f64,
    pub(super) seconds: f64,
    pub(super) failed: u64,
}

impl Run {
    /// A closed loop of some clients against a server whose times are skewed.
    pub(super) fn made(name: &str, seed: u64, n: usize, centre: f64) -> Self {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let samples: Vec<f64> = (0..n)
            .map(|_| {
                let normal: f64 = (0..6).map(|_| stream.unit()).sum::<f64>() - 3.0;
                let tail = if stream.unit() < 0.03 { 1.0 + 2.0 * stream.unit() } else { 1.0 };
                // Printed to the microsecond, as tools do.
                (centre * (0.25 * normal).exp() * tail * 1e3).round() / 1e3
            })
            .collect();
        Self::of(name, samples, 4)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a thousand samples"
    )]
    pub(super) fn of(name: &str, samples: Vec<f64>, clients: u64) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        let n = samples.len();
        let count = n as f64;
        let mean = samples.iter().sum::<f64>() / count;
        let sd = (samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        let at = |quantile: f64| sorted[((quantile * count).ceil() as usize).clamp(1, n) - 1];
        let seconds = samples.iter().sum::<f64>() / clients as f64 / 1e3 * 1.02;
        Self {
            name: name.to_owned(),
            n: n as u64,
            min: sorted[0],
            max: sorted[n - 1],
            mean,
            sd,
            p: [0.5, 0.75, 0.9, 0.95, 0.99, 0.999].map(at),
            rate: count / seconds,
            seconds,
            failed: 0,
            samples,
        }
    }

    fn list(&self, factor: f64, digits: usize) -> String {
        self.samples
            .iter()
            .map(|sample| format!("{:.digits$}", sample * factor))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// A format: its name, its file's ending, and how two runs are written in it.
pub(super) type Format = (&'static str, &'static str, fn(&[Run; 2]) -> Vec<u8>);

fn each(runs: &[Run; 2], between: &str, one: impl Fn(&Run) -> String) -> String {
    runs.iter().map(one).collect::<Vec<_>>().join(between)
}

fn hyperfine(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"command\": \"{}\", \"mean\": {}, \"stddev\": {}, \"median\": {}, \"user\": 0.001, \"system\": 0.002, \"min\": {}, \"max\": {}, \"times\": [{}], \"exit_codes\": [{}]}}",
            r.name,
            r.mean / 1e3,
            r.sd / 1e3,
            median(r) / 1e3,
            r.min / 1e3,
            r.max / 1e3,
            r.list(1e-3, 6),
            vec!["0"; r.samples.len()].join(",")
        )
    };
    format!("{{\"results\": [{}]}}", each(runs, ",\n", one)).into_bytes()
}

/// The median as most tools take it: the mean of the two in the middle.
fn median(r: &Run) -> f64 {
    let mut sorted = r.samples.clone();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if (r.p[0] - sorted[n.div_ceil(2) - 1]).abs() > 1e-12 {
        return r.p[0];
    }
    if n % 2 == 1 { sorted[n / 2] } else { f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]) }
}

fn jmh(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"jmhVersion\": \"1.37\", \"benchmark\": \"demo.{}\", \"mode\": \"avgt\", \"threads\": 1, \"forks\": 1, \"primaryMetric\": {{\"score\": {:.6}, \"scoreError\": \"NaN\", \"scorePercentiles\": {{\"0.0\": {:.3}, \"50.0\": {:.4}, \"90.0\": {:.3}, \"95.0\": {:.3}, \"99.0\": {:.3}, \"100.0\": {:.3}}}, \"scoreUnit\": \"ms/op\", \"rawData\": [[{}]]}}, \"secondaryMetrics\": {{}}}}",
            r.name,
            r.mean,
            r.min,
            median(r),
            r.p[2],
            r.p[3],
            r.p[4],
            r.max,
            r.list(1.0, 3)
        )
    };
    format!("[{}]", each(runs, ",\n", one)).into_bytes()
}

fn pytest(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"group\": null, \"name\": \"test_{0}\", \"fullname\": \"t.py::test_{0}\", \"params\": null, \"stats\": {{\"min\": {1}, \"max\": {2}, \"mean\": {3}, \"stddev\": {4}, \"rounds\": {5}, \"median\": {6}, \"total\": {7}, \"ops\": {8}, \"iterations\": 1}}}}",
            r.name,
            r.min / 1e3,
            r.max / 1e3,
            r.mean / 1e3,
            r.sd / 1e3,
            r.n,
            median(r) / 1e3,
            r.samples.iter().sum::<f64>() / 1e3,
            1e3 / r.mean
        )
    };
    format!(
        "{{\"machine_info\": {{\"node\": \"x\"}}, \"benchmarks\": [{}], \"version\": \"4.0\"}}",
        each(runs, ",", one)
    )
    .into_bytes()
}

fn pyperf(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"metadata\": {{\"name\": \"{}\", \"unit\": \"second\"}}, \"runs\": [{{\"warmups\": [[1, 0.02]], \"values\": [{}]}}]}}",
            r.name,
            r.list(1e-3, 9)
        )
    };
    format!("{{\"benchmarks\": [{}], \"version\": \"1.0\"}}", each(runs, ",", one)).into_bytes()
}

fn google(runs: &[Run; 2]) -> Vec<u8> {
    let row = |r: &Run, kind: &str, value: f64| {
        format!(
            "{{\"name\": \"BM_{0}_{1}\", \"run_name\": \"BM_{0}\", \"run_type\": \"{2}\", \"aggregate_name\": \"{1}\", \"real_time\": {3}, \"cpu_time\": {3}, \"time_unit\": \"us\", \"iterations\": 10}}",
            r.name,
            kind,
            if kind == "one" { "iteration" } else { "aggregate" },
            value * 1e3
        )
    };
    let one = |r: &Run| {
        let mut rows: Vec<String> = r.samples.iter().map(|sample| row(r, "one", *sample)).collect();
        rows.extend([row(r, "mean", r.mean), row(r, "median", median(r)), row(r, "stddev", r.sd)]);
        rows.join(",\n")
    };
    format!("{{\"context\": {{\"num_cpus\": 8, \"library_build_type\": \"release\", \"cpu_scaling_enabled\": false}}, \"benchmarks\": [{}]}}", each(runs, ",\n", one)).into_bytes()
}

fn nanobench(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"title\": \"t\", \"name\": \"{}\", \"median(elapsed)\": {}, \"totalTime\": 1.0, \"measurements\": [{}]}}",
            r.name,
            median(r) / 1e3,
            r.samples
                .iter()
                .map(|sample| format!("{{\"iterations\": 3, \"elapsed\": {}}}", sample / 1e3))
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    format!("{{\"results\": [{}]}}", each(runs, ",", one)).into_bytes()
}

fn vitest(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"id\": \"1\", \"name\": \"{}\", \"samples\": [], \"totalTime\": {}, \"min\": {}, \"max\": {}, \"hz\": {}, \"mean\": {}, \"sd\": {}, \"p75\": {}, \"p99\": {}, \"p995\": {}, \"p999\": {}, \"sampleCount\": {}, \"median\": {}}}",
            r.name,
            r.samples.iter().sum::<f64>(),
            r.min,
            r.max,
            1e3 / r.mean,
            r.mean,
            r.sd,
            r.p[1],
            r.p[4],
            r.p[5],
            r.p[5],
            r.n,
            median(r)
        )
    };
    format!("{{\"files\": [{{\"filepath\": \"a.bench.ts\", \"groups\": [{{\"fullName\": \"a\", \"benchmarks\": [{}]}}]}}]}}", each(runs, ",", one)).into_bytes()
}

fn dotnet(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"FullName\": \"Demo.{}\", \"Statistics\": {{\"OriginalValues\": [{}], \"N\": {}, \"Min\": {}, \"Median\": {}, \"Mean\": {}, \"Max\": {}, \"StandardDeviation\": {}, \"Percentiles\": {{\"P0\": {}, \"P50\": {}, \"P90\": {}, \"P95\": {}, \"P100\": {}}}}}}}",
            r.name,
            r.list(1e6, 0),
            r.n,
            r.min * 1e6,
            median(r) * 1e6,
            r.mean * 1e6,
            r.max * 1e6,
            r.sd * 1e6,
            r.min * 1e6,
            median(r) * 1e6,
            r.p[2] * 1e6,
            r.p[3] * 1e6,
            r.max * 1e6
        )
    };
    format!("{{\"Title\": \"T\", \"HostEnvironmentInfo\": {{\"Configuration\": \"RELEASE\"}}, \"Benchmarks\": [{}]}}", each(runs, ",", one)).into_bytes()
}

fn k6(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"metrics\": {{\"http_req_duration\": {{\"avg\": {0}, \"min\": {1}, \"med\": {2}, \"max\": {3}, \"p(90)\": {4}, \"p(95)\": {5}}}, \"http_reqs\": {{\"count\": {6}, \"rate\": {7}}}, \"http_req_failed\": {{\"passes\": {8}, \"fails\": {9}, \"value\": 0}}, \"iteration_duration\": {{\"avg\": {10}, \"min\": {11}, \"med\": {12}, \"max\": {13}, \"p(90)\": {14}, \"p(95)\": {15}}}, \"iterations\": {{\"count\": {6}, \"rate\": {7}}}, \"vus_max\": {{\"value\": 4, \"min\": 4, \"max\": 4}}}}}}",
        r.mean, r.min, r.p[0], r.max, r.p[2], r.p[3], r.n, r.rate, r.failed, r.n - r.failed, r.mean + 0.012, r.min + 0.011, r.p[0] + 0.013, r.max + 0.014, r.p[2] + 0.01, r.p[3] + 0.015).into_bytes()
}

fn vegeta(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"latencies\": {{\"total\": {:.0}, \"mean\": {:.0}, \"50th\": {:.0}, \"90th\": {:.0}, \"95th\": {:.0}, \"99th\": {:.0}, \"max\": {:.0}, \"min\": {:.0}}}, \"duration\": {:.0}, \"requests\": {}, \"rate\": {}, \"throughput\": {}, \"success\": 1, \"status_codes\": {{\"200\": {}, \"503\": {}}}, \"errors\": []}}",
        r.samples.iter().sum::<f64>() * 1e6, r.mean * 1e6, r.p[0] * 1e6, r.p[2] * 1e6, r.p[3] * 1e6, r.p[4] * 1e6, r.max * 1e6, r.min * 1e6, r.seconds * 1e9, r.n, r.rate, r.rate, r.n - r.failed, r.failed).into_bytes()
}

fn oha(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"summary\": {{\"successRate\": 1.0, \"total\": {}, \"slowest\": {}, \"fastest\": {}, \"average\": {}, \"requestsPerSec\": {}}}, \"responseTimeHistogram\": {{}}, \"latencyPercentiles\": {{\"p50\": {}, \"p75\": {}, \"p90\": {}, \"p95\": {}, \"p99\": {}, \"p99.9\": {}}}, \"statusCodeDistribution\": {{\"200\": {}, \"503\": {}}}, \"errorDistribution\": {{}}}}",
        r.seconds, r.max / 1e3, r.min / 1e3, r.mean / 1e3, r.rate, r.p[0] / 1e3, r.p[1] / 1e3, r.p[2] / 1e3, r.p[3] / 1e3, r.p[4] / 1e3, r.p[5] / 1e3, r.n - r.failed, r.failed).into_bytes()
}

fn autocannon(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"url\": \"http://h\", \"connections\": 4, \"pipelining\": 1, \"duration\": {:.2}, \"errors\": 0, \"timeouts\": 0, \"non2xx\": {}, \"2xx\": {}, \"latency\": {{\"average\": {:.2}, \"mean\": {:.2}, \"stddev\": {:.2}, \"min\": {:.0}, \"max\": {:.0}, \"p50\": {:.0}, \"p75\": {:.0}, \"p90\": {:.0}, \"p97_5\": {:.0}, \"p99\": {:.0}, \"p99_9\": {:.0}, \"totalCount\": {}}}, \"requests\": {{\"average\": {:.1}, \"total\": {}, \"sent\": {}}}}}",
        r.seconds, r.failed, r.n - r.failed, r.mean, r.mean, r.sd, r.min, r.max, r.p[0], r.p[1], r.p[2], r.p[4].min(r.p[3] * 1.02), r.p[4], r.p[5], r.n, r.rate, r.n, r.n).into_bytes()
}

fn gatling(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    let cell = |key: &str, value: f64| {
        format!("\"{key}\": {{\"total\": \"{value:.0}\", \"ok\": \"{value:.0}\", \"ko\": \"-\"}}")
    };
    format!("{{\"name\": \"list\", \"numberOfRequests\": {{\"total\": {}, \"ok\": {}, \"ko\": {}}}, {}, {}, {}, {}, {}, {}, {}, {}, \"meanNumberOfRequestsPerSecond\": {{\"total\": {}}}}}",
        r.n, r.n - r.failed, r.failed, cell("minResponseTime", r.min), cell("maxResponseTime", r.max), cell("meanResponseTime", r.mean), cell("standardDeviation", r.sd), cell("percentiles1", r.p[0]), cell("percentiles2", r.p[1]), cell("percentiles3", r.p[3]), cell("percentiles4", r.p[4]), r.rate).into_bytes()
}

fn fio(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    let ns = |ms: f64| (ms * 1e6).round();
    format!("{{\"fio version\": \"fio-3.33\", \"jobs\": [{{\"jobname\": \"{}\", \"job options\": {{\"iodepth\": \"4\", \"numjobs\": \"1\"}}, \"read\": {{\"io_bytes\": {}, \"bw_bytes\": {:.0}, \"iops\": {}, \"runtime\": {:.0}, \"total_ios\": {}, \"lat_ns\": {{\"min\": {}, \"max\": {}, \"mean\": {}, \"stddev\": {}, \"N\": {}, \"percentile\": {{\"50.000000\": {}, \"90.000000\": {}, \"95.000000\": {}, \"99.000000\": {}}}}}}}, \"write\": {{\"total_ios\": 0}}}}]}}",
        r.name, r.n * 4096, r.rate * 4096.0, r.rate, r.seconds * 1e3, r.n, ns(r.min), ns(r.max), ns(r.mean), ns(r.sd), r.n, ns(r.p[0]), ns(r.p[2]), ns(r.p[3]), ns(r.p[4])).into_bytes()
}

fn vllm(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"date\": \"20260103-101010\", \"backend\": \"vllm\", \"model_id\": \"m\", \"num_prompts\": {0}, \"max_concurrency\": 4, \"request_rate\": \"inf\", \"duration\": {1}, \"completed\": {2}, \"total_output_tokens\": {3}, \"request_throughput\": {4}, \"output_throughput\": {5}, \"mean_ttft_ms\": {6}, \"median_ttft_ms\": {7}, \"std_ttft_ms\": {8}, \"p90_ttft_ms\": {9}, \"p99_ttft_ms\": {10}}}",
        r.n, r.seconds, r.n - r.failed, r.n * 64, r.rate, r.rate * 64.0, r.mean, r.p[0], r.sd, r.p[2], r.p[4]).into_bytes()
}

fn llama(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"model_type\": \"{}\", \"n_threads\": 2, \"n_prompt\": 512, \"n_gen\": 0, \"avg_ns\": {:.0}, \"stddev_ns\": {:.0}, \"avg_ts\": {}, \"stddev_ts\": 1.0, \"samples_ns\": [{}], \"samples_ts\": []}}",
            r.name,
            r.mean * 1e6,
            r.sd * 1e6,
            512e3 / r.mean,
            r.list(1e6, 0)
        )
    };
    format!("[{}]", each(runs, ",", one)).into_bytes()
}

fn bombardier(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"spec\": {{\"numberOfConnections\": 4, \"url\": \"http://h\"}}, \"result\": {{\"req2xx\": {}, \"req5xx\": {}, \"timeTakenSeconds\": {}, \"latency\": {{\"mean\": {}, \"stddev\": {}, \"max\": {}, \"percentiles\": {{\"50\": {}, \"75\": {}, \"90\": {}, \"95\": {}, \"99\": {}}}}}, \"rps\": {{\"mean\": {}}}}}}}",
        r.n - r.failed, r.failed, r.seconds, r.mean * 1e3, r.sd * 1e3, r.max * 1e3, r.p[0] * 1e3, r.p[1] * 1e3, r.p[2] * 1e3, r.p[3] * 1e3, r.p[4] * 1e3, r.rate).into_bytes()
}

fn ghz(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    let row = |at: u32, ms: f64| format!("{{\"percentage\": {at}, \"latency\": {:.0}}}", ms * 1e6);
    format!("{{\"options\": {{\"call\": \"a.B/C\", \"concurrency\": 4}}, \"count\": {}, \"total\": {:.0}, \"average\": {:.0}, \"fastest\": {:.0}, \"slowest\": {:.0}, \"rps\": {}, \"errorDistribution\": {{\"e\": {}}}, \"statusCodeDistribution\": {{\"OK\": {}}}, \"latencyDistribution\": [{}, {}, {}, {}]}}",
        r.n, r.seconds * 1e9, r.mean * 1e6, r.min * 1e6, r.max * 1e6, r.rate, r.failed, r.n - r.failed, row(50, r.p[0]), row(90, r.p[2]), row(95, r.p[3]), row(99, r.p[4])).into_bytes()
}

fn artillery(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("{{\"aggregate\": {{\"counters\": {{\"http.requests\": {0}, \"http.responses\": {1}}}, \"summaries\": {{\"http.response_time\": {{\"min\": {2:.0}, \"max\": {3:.0}, \"count\": {0}, \"mean\": {4:.1}, \"median\": {5:.1}, \"p95\": {6:.1}, \"p99\": {7:.1}}}}}}}}}", r.n, r.n - r.failed, r.min, r.max, r.mean, r.p[0], r.p[3], r.p[4]).into_bytes()
}

fn by_keys(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{{\"name\": \"{}\", \"total_requests\": {}, \"failed_requests\": {}, \"clients\": 4, \"requests_per_second\": {:.3}, \"latency\": {{\"min_ms\": {:.3}, \"avg_ms\": {:.3}, \"p50_ms\": {:.3}, \"p90_ms\": {:.3}, \"p99.9_ms\": {:.3}, \"p95_ms\": {:.3}, \"p99_ms\": {:.3}, \"max_ms\": {:.3}}}, \"git_sha\": null}}",
            r.name, r.n, r.failed, r.rate, r.min, r.mean, r.p[0], r.p[2], r.p[5], r.p[3], r.p[4], r.max
        )
    };
    format!("{{\"results\": [{}]}}", each(runs, ",\n", one)).into_bytes()
}

fn json_lines(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        r.samples
            .iter()
            .map(|sample| {
                format!(
                    "{{\"route\": \"{}\", \"threads\": 4, \"latency_us\": {:.0}, \"status\": 200}}\n",
                    r.name,
                    sample * 1e3
                )
            })
            .collect::<String>()
    };
    each(runs, "", one).into_bytes()
}

fn csv_samples(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        r.samples
            .iter()
            .enumerate()
            .map(|(at, sample)| format!("{at},{},4,512,{sample:.3},200\n", r.name))
            .collect::<String>()
    };
    format!("iteration,route,clients,payload_bytes,latency_ms,status\n{}", each(runs, "", one)).into_bytes()
}

fn csv_commas(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        r.samples
            .iter()
            .enumerate()
            .map(|(at, sample)| {
                format!(
                    "2026-01-05T10:{:02}:{:02};{};{}\n",
                    at / 60 % 60,
                    at % 60,
                    r.name,
                    format!("{sample:.3}").replace('.', ",")
                )
            })
            .collect::<String>()
    };
    format!("Zeitpunkt;Route;Dauer (ms)\n{}", each(runs, "", one)).into_bytes()
}

fn csv_statistics(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{},{},{:.3},{:.3},{:.3},{:.3},{:.3},{:.3}\n",
            r.name, r.n, r.min, r.mean, r.p[0], r.p[3], r.p[4], r.max
        )
    };
    format!("name,samples,min_ms,mean_ms,p50_ms,p95_ms,p99_ms,max_ms\n{}", each(runs, "", one)).into_bytes()
}

fn csv_long(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{0},min,{1:.3},ms\n{0},mean,{2:.3},ms\n{0},median,{3:.3},ms\n{0},p95,{4:.3},ms\n{0},p99,{5:.3},ms\n{0},max,{6:.3},ms\n",
            r.name, r.min, r.mean, r.p[0], r.p[3], r.p[4], r.max
        )
    };
    format!("benchmark,metric,value,unit\n{}", each(runs, "", one)).into_bytes()
}

fn utf_16(runs: &[Run; 2]) -> Vec<u8> {
    let text = String::from_utf8(csv_samples(runs)).unwrap();
    [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

fn jtl(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        r.samples
            .iter()
            .enumerate()
            .map(|(at, sample)| {
                format!(
                    "{},{:.0},{},{},{},t-1,{},2048,4,4,{:.0},0,1\n",
                    1_767_000_000_000_u64 + at as u64 * 7,
                    sample,
                    r.name,
                    if (at as u64) < r.failed { 503 } else { 200 },
                    if (at as u64) < r.failed { "no" } else { "OK" },
                    (at as u64) >= r.failed,
                    sample
                )
            })
            .collect::<String>()
    };
    format!("timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,grpThreads,allThreads,Latency,IdleTime,Connect\n{}", each(runs, "", one)).into_bytes()
}

fn jmeter_aggregate(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{},{},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},0.00%,{:.5},1.2,{:.2}\n",
            r.name, r.n, r.mean, r.p[0], r.p[2], r.p[3], r.p[4], r.min, r.max, r.rate, r.sd
        )
    };
    format!("Label,# Samples,Average,Median,90% Line,95% Line,99% Line,Min,Max,Error %,Throughput,Received KB/sec,Std. Dev.\n{}", each(runs, "", one)).into_bytes()
}

fn locust(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "GET,/{},{},{},{:.0},{},{},{},512.0,{},0.0,{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0}\n",
            r.name,
            r.n,
            r.failed,
            r.p[0],
            r.mean,
            r.min,
            r.max,
            r.rate,
            r.p[0],
            r.p[0].max(r.p[1] * 0.97),
            r.p[1],
            r.p[1] * 1.01,
            r.p[2],
            r.p[3],
            r.p[3] * 1.02,
            r.p[4],
            r.p[5],
            r.p[5],
            r.max
        )
    };
    format!("Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\n{}", each(runs, "", one)).into_bytes()
}

fn k6_csv(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    let rows: String = r
        .samples
        .iter()
        .enumerate()
        .map(|(at, sample)| {
            format!(
                "http_reqs,{0},1.000000,,,true\nhttp_req_duration,{0},{sample:.6},,,true\n",
                1_767_000_000 + at / 40
            )
        })
        .collect();
    format!("metric_name,timestamp,metric_value,check,error,expected_response\n{rows}").into_bytes()
}

fn hey_csv(runs: &[Run; 2]) -> Vec<u8> {
    let rows: String = runs[0]
        .samples
        .iter()
        .enumerate()
        .map(|(at, sample)| {
            format!(
                "{:.4},0.0001,0.0000,0.0000,{:.4},0.0000,200,{:.4}\n",
                sample / 1e3,
                sample / 1e3,
                at as f64 * 0.003
            )
        })
        .collect();
    format!(
        "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n{rows}"
    )
    .into_bytes()
}

fn hyperfine_csv(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{},{},{},{},0.001,0.002,{},{}\n",
            r.name,
            r.mean / 1e3,
            r.sd / 1e3,
            median(r) / 1e3,
            r.min / 1e3,
            r.max / 1e3
        )
    };
    format!("command,mean,stddev,median,user,system,min,max\n{}", each(runs, "", one)).into_bytes()
}

fn wrk(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "Running {:.0}s test @ http://h/{}\n  2 threads and 4 connections\n  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency    {:.2}ms    {:.2}ms  {:.2}ms   84.31%\n    Req/Sec   {:.2}     12.10   210.00     71.00%\n  Latency Distribution\n     50%   {:.2}ms\n     75%   {:.2}ms\n     90%   {:.2}ms\n     99%   {:.2}ms\n  {} requests in {:.2}s, 1.62MB read\n{}Requests/sec:   {:.2}\nTransfer/sec:    551.43KB\n",
            r.seconds,
            r.name,
            r.mean,
            r.sd,
            r.max,
            r.rate / 2.0,
            r.p[0],
            r.p[1],
            r.p[2],
            r.p[4],
            r.n,
            r.seconds,
            if r.failed > 0 { format!("  Non-2xx or 3xx responses: {}\n", r.failed) } else { String::new() },
            r.rate
        )
    };
    each(runs, "\n", one).into_bytes()
}

fn ab(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("This is ApacheBench, Version 2.3\n\nServer Software:        s\nServer Hostname:        h\nServer Port:            80\n\nDocument Path:          /{}\nDocument Length:        200 bytes\n\nConcurrency Level:      4\nTime taken for tests:   {:.3} seconds\nComplete requests:      {}\nFailed requests:        {}\nTotal transferred:      250400 bytes\nRequests per second:    {:.2} [#/sec] (mean)\nTime per request:       {:.3} [ms] (mean)\n\nConnection Times (ms)\n              min  mean[+/-sd] median   max\nConnect:        0    0   0.1      0       2\nProcessing:     1    4   5.3      2      41\nTotal:          {:.0}    {:.0}   {:.1}      {:.0}      {:.0}\n\nPercentage of the requests served within a certain time (ms)\n  50%      {:.0}\n  75%      {:.0}\n  90%      {:.0}\n  95%      {:.0}\n  99%      {:.0}\n 100%      {:.0} (longest request)\n",
        r.name, r.seconds, r.n, r.failed, r.rate, 4.0 * r.seconds * 1e3 / r.n as f64, r.min, r.mean, r.sd, r.p[0], r.max, r.p[0], r.p[1], r.p[2], r.p[3], r.p[4], r.max).into_bytes()
}

fn hey(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("\nSummary:\n  Total:\t{:.4} secs\n  Slowest:\t{:.4} secs\n  Fastest:\t{:.4} secs\n  Average:\t{:.4} secs\n  Requests/sec:\t{:.4}\n\n\nLatency distribution:\n  50% in {:.4} secs\n  75% in {:.4} secs\n  90% in {:.4} secs\n  95% in {:.4} secs\n  99% in {:.4} secs\n\nStatus code distribution:\n  [200]\t{} responses\n  [503]\t{} responses\n",
        r.seconds, r.max / 1e3, r.min / 1e3, r.mean / 1e3, r.rate, r.p[0] / 1e3, r.p[1] / 1e3, r.p[2] / 1e3, r.p[3] / 1e3, r.p[4] / 1e3, r.n - r.failed, r.failed).into_bytes()
}

fn go_bench(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        r.samples
            .iter()
            .take(9)
            .map(|sample| {
                format!(
                    "Benchmark{}-8   \t    {}\t{:>12.0} ns/op\t    2040 B/op\t       8 allocs/op\n",
                    r.name,
                    900,
                    sample * 1e6
                )
            })
            .collect::<String>()
    };
    format!("goos: linux\ngoarch: amd64\npkg: a\n{}PASS\nok  \ta\t2.184s\n", each(runs, "", one)).into_bytes()
}

fn libtest(runs: &[Run; 2]) -> Vec<u8> {
    format!(
        "running 2 tests\n{}\ntest result: ok. 0 passed; 0 failed; 0 ignored; 2 measured\n",
        each(runs, "", |r| format!(
            "test {} ... bench: {:>12.2} ns/iter (+/- {:.2})\n",
            r.name,
            r.p[0] * 1e3,
            r.sd * 1e3
        ))
    )
    .into_bytes()
}

fn divan(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "├─ {}  {:.2} ms  │ {:.2} ms  │ {:.2} ms  │ {:.2} ms  │ {}  │ {}\n",
            r.name,
            r.min,
            r.max,
            median(r),
            r.mean,
            r.n,
            r.n
        )
    };
    format!("Timer precision: 20 ns\ndemo        fastest       │ slowest       │ median        │ mean          │ samples │ iters\n{}", each(runs, "", one)).into_bytes()
}

fn criterion_text(runs: &[Run; 2]) -> Vec<u8> {
    each(runs, "\n", |r| format!("{}                    time:   [{:.4} ms {:.4} ms {:.4} ms]\nFound 5 outliers among 100 measurements (5.00%)\n  3 (3.00%) high mild\n", r.name, r.mean * 0.99, r.mean, r.mean * 1.01)).into_bytes()
}

fn sysbench(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)\n\nRunning the test with following options:\nNumber of threads: 4\n\nCPU speed:\n    events per second:  {:.2}\n\nGeneral statistics:\n    total time:                          {:.4}s\n    total number of events:              {}\n\nLatency (ms):\n         min:                                    {:.2}\n         avg:                                    {:.2}\n         max:                                  {:.2}\n         95th percentile:                       {:.2}\n         sum:                                 {:.2}\n\nThreads fairness:\n    events (avg/stddev):           409.0000/18.00\n", r.rate, r.seconds, r.n, r.min, r.mean, r.max, r.p[3], r.samples.iter().sum::<f64>()).into_bytes()
}

fn pgbench(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("pgbench (15.18)\nstarting vacuum...end.\ntransaction type: <builtin: TPC-B (sort of)>\nscaling factor: 1\nquery mode: simple\nnumber of clients: 4\nnumber of threads: 1\nnumber of transactions actually processed: {}\nnumber of failed transactions: {} (0.000%)\nlatency average = {:.3} ms\nlatency stddev = {:.3} ms\ninitial connection time = 6.720 ms\ntps = {:.6} (without initial connection time)\n", r.n - r.failed, r.failed, r.mean, r.sd, r.rate).into_bytes()
}

fn redis(runs: &[Run; 2]) -> Vec<u8> {
    each(runs, "\n", |r| format!("====== {} ======\n  {} requests completed in {:.2} seconds\n  4 parallel clients\n  3 bytes payload\n  keep alive: 1\n\nSummary:\n  throughput summary: {:.2} requests per second\n  latency summary (msec):\n          avg       min       p50       p95       p99       max\n       {:.3}     {:.3}    {:.3}    {:.3}    {:.3}    {:.3}\n", r.name, r.n, r.seconds, r.rate, r.mean, r.min, r.p[0], r.p[3], r.p[4], r.max)).into_bytes()
}

fn ycsb(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("[OVERALL], RunTime(ms), {:.0}\n[OVERALL], Throughput(ops/sec), {}\n[READ], Operations, {}\n[READ], AverageLatency(us), {}\n[READ], MinLatency(us), {:.0}\n[READ], MaxLatency(us), {:.0}\n[READ], 95thPercentileLatency(us), {:.0}\n[READ], 99thPercentileLatency(us), {:.0}\n[READ], Return=OK, {}\n", r.seconds * 1e3, r.rate, r.n, r.mean * 1e3, r.min * 1e3, r.max * 1e3, r.p[3] * 1e3, r.p[4] * 1e3, r.n).into_bytes()
}

fn memtier(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    format!("2         Threads\n2         Connections per thread\n{}       Requests per client\n\n\nALL STATS\n======\nType         Ops/sec     Hits/sec   Misses/sec    Avg. Latency     p50 Latency     p99 Latency   p99.9 Latency       KB/sec\n------\nTotals   {:.2}   10.00   10.00   {:.5}   {:.5}   {:.5}   {:.5}   120.40\n", r.n / 4, r.rate, r.mean, r.p[0], r.p[4], r.p[5]).into_bytes()
}

fn hgrm(runs: &[Run; 2]) -> Vec<u8> {
    let r = &runs[0];
    let mut text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n".to_owned();
    for (value, quantile) in [
        (r.min, 0.0),
        (r.p[0], 0.5),
        (r.p[1], 0.75),
        (r.p[2], 0.9),
        (r.p[3], 0.95),
        (r.p[4], 0.99),
        (r.p[5], 0.999),
    ] {
        let _ = writeln!(
            text,
            "{value:12.3} {quantile:14.12} {:10.0} {:14.2}",
            (quantile * r.n as f64).ceil(),
            1.0 / (1.0 - quantile)
        );
    }
    let _ = writeln!(
        text,
        "{:12.3} {:14.12} {:10}\n#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n#[Max     = {:12.3}, Total count    = {:12}]",
        r.max, 1.0, r.n, r.mean, r.sd, r.max, r.n
    );
    text.into_bytes()
}

fn markdown_table(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "| {} | {} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {:.1} req/s |\n",
            r.name, r.n, r.min, r.mean, r.p[0], r.p[3], r.max, r.rate
        )
    };
    format!("# Load test of the shop\n\nEach endpoint was called by 4 clients.\n\n| Endpoint | Requests | Min | Mean | p50 | p95 | Max | Throughput |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n{}\n", each(runs, "", one)).into_bytes()
}

fn markdown_pairs(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "## The {} endpoint\n\n- **Requests:** {}\n- **Min:** {:.2} ms\n- **Mean:** {:.2} ms\n- **Median:** {:.2} ms\n- **p95:** {:.2} ms\n- **p99:** {:.2} ms\n- **Max:** {:.2} ms\n- **Status:** ✅ success\n",
            r.name, r.n, r.min, r.mean, r.p[0], r.p[3], r.p[4], r.max
        )
    };
    format!("# Performance report\n\n3 of 4 goals were met (75 %).\n\n{}", each(runs, "\n", one)).into_bytes()
}

fn markdown_metrics(runs: &[Run; 2]) -> Vec<u8> {
    let (a, b) = (&runs[0], &runs[1]);
    let row = |name: &str, one: f64, other: f64| {
        format!("| {name} | {one:.2} ms | {other:.2} ms | {:+.1} % |\n", 100.0 * (other - one) / one)
    };
    format!("# Before and after\n\n| Metric | Before | After | Change |\n| --- | --- | --- | --- |\n{}{}{}{}{}\nThe mean fell or rose from {:.2} ms to {:.2} ms.\n",
        row("Min", a.min, b.min), row("Mean", a.mean, b.mean), row("Median", a.p[0], b.p[0]), row("p95", a.p[3], b.p[3]), row("Max", a.max, b.max), a.mean, b.mean).into_bytes()
}

fn mojibake(runs: &[Run; 2]) -> Vec<u8> {
    // UTF-8 read as Mac Roman and written again.
    String::from_utf8(markdown_pairs(runs)).unwrap().replace('✅', "‚úÖ").into_bytes()
}

fn plain_text(runs: &[Run; 2]) -> Vec<u8> {
    let one = |r: &Run| {
        format!(
            "{:<12}  {:>10.3}  {:>10.3}  {:>10.3}  {:>10.3}  {:>10.3}\n",
            r.name, r.min, r.mean, r.p[0], r.p[4], r.max
        )
    };
    format!("Results of the run\n\nName            Min (ms)   Mean (ms)    p50 (ms)    p99 (ms)    Max (ms)\n----------------------------------------------------------------------------\n{}\n", each(runs, "", one)).into_bytes()
}

/// Every format, honest as long as the runs are.
pub(super) const FORMATS: &[Format] = &[
    ("hyperfine JSON", "json", hyperfine),
    ("JMH JSON", "json", jmh),
    ("pytest-benchmark JSON", "json", pytest),
    ("pyperf JSON", "json", pyperf),
    ("Google Benchmark JSON", "json", google),
    ("nanobench JSON", "json", nanobench),
    ("vitest bench JSON", "json", vitest),
    ("BenchmarkDotNet JSON", "json", dotnet),
    ("k6 summary JSON", "json", k6),
    ("vegeta JSON", "json", vegeta),
    ("oha JSON", "json", oha),
    ("autocannon JSON", "json", autocannon),
    ("Gatling JSON", "json", gatling),
    ("fio JSON", "json", fio),
    ("vLLM benchmark JSON", "json", vllm),
    ("llama-bench JSON", "json", llama),
    ("bombardier JSON", "json", bombardier),
    ("ghz JSON", "json", ghz),
    ("artillery JSON", "json", artillery),
    ("JSON by its keys", "json", by_keys),
    ("JSON lines", "jsonl", json_lines),
    ("CSV", "csv", csv_samples),
    ("CSV", "csv", csv_commas),
    ("CSV", "csv", csv_statistics),
    ("CSV", "csv", csv_long),
    ("CSV", "csv", utf_16),
    ("JMeter JTL", "jtl", jtl),
    ("JMeter aggregate report", "csv", jmeter_aggregate),
    ("Locust statistics", "csv", locust),
    ("k6 CSV", "csv", k6_csv),
    ("hey CSV", "csv", hey_csv),
    ("hyperfine CSV", "csv", hyperfine_csv),
    ("wrk text", "txt", wrk),
    ("ab text", "txt", ab),
    ("hey text", "txt", hey),
    ("go bench text", "txt", go_bench),
    ("libtest bench text", "txt", libtest),
    ("divan text", "txt", divan),
    ("criterion text", "txt", criterion_text),
    ("sysbench text", "txt", sysbench),
    ("pgbench text", "txt", pgbench),
    ("redis-benchmark text", "txt", redis),
    ("YCSB text", "txt", ycsb),
    ("memtier text", "txt", memtier),
    ("HdrHistogram percentile table", "hgrm", hgrm),
    ("Markdown", "md", markdown_table),
    ("Markdown", "md", markdown_pairs),
    ("Markdown", "md", markdown_metrics),
    ("Markdown", "md", mojibake),
    ("text", "txt", plain_text),
];
