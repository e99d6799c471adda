//! `audit`: is this benchmark report a measurement at all, and does it say what it claims?
//!
//! Readers turn files of several programs into one [`Report`]; each rule is one function that looks at reports and
//! returns [`Finding`]s with a stable code, the evidence, the computation and what to do. An audit never runs
//! anything: it has only the figures.

mod encoding;
mod example;
mod figure;
mod read;
mod report;
mod rules;
mod statement;
mod statistics;
mod text;
mod trend;

pub use encoding::{Repair, repair};
pub use example::{EXAMPLE_NAME, phase_18f};
pub use figure::{Figure, Span};
pub use read::{AuditError, Reading, read_all, read_bytes, read_path, read_stream};
pub use report::{Arm, Benchmark, Claim, Manner, Report, Share, Stat, Summary, TimeUnit};
pub use rules::{Finding, RULES, Rule, Severity, audit};
pub use statement::{Fact, Range, Statement};
pub use text::{one_line, summary, to_json};
pub use trend::{Trend, trend};
