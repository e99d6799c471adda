//! `conlab verify`: random concurrent histories of each queue, checked.

use super::args::parse_count;
use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::queue::QueueKind;
use crate::report::study::verify_page;
use crate::verify;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  conlab verify                                 every queue, about 10⁶ operations each
  conlab verify --queue lockfree --histories 20000 --seed 7

Exits with 3 when a queue is wrong.";

/// Check random concurrent histories of each queue: linearizable, nothing lost, nobody left asleep
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The queue to check; without it, every queue
    #[arg(long, value_name = "KIND", value_parser = kind)]
    queue: Option<QueueKind>,
    /// Operations of each of the long trials of a queue
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = |text: &str| parse_count(text, 1, 10_000_000_000))]
    operations: u64,
    /// Short histories of a queue, each checked for linearizability
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    #[arg(value_parser = |text: &str| parse_count(text, 0, 100_000_000))]
    histories: u64,
    /// Randomness
    #[arg(long, value_name = "S", default_value_t = 18)]
    seed: u64,
    /// Seconds without progress after which threads count as stuck
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    #[arg(value_parser = |text: &str| parse_count(text, 1, 86_400))]
    patience: u64,
}

fn kind(word: &str) -> Result<QueueKind, String> {
    QueueKind::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| {
        let names = QueueKind::ALL.map(QueueKind::name).join(", ");
        format!("no queue has this name; the queues are {names}")
    })
}

/// Tries, prints.
pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let options = verify::Options {
        seed: args.seed,
        histories: args.histories,
        operations: args.operations,
        patience: Duration::from_secs(args.patience),
    };
    let kinds = args.queue.map_or_else(|| QueueKind::ALL.to_vec(), |kind| vec![kind]);
    let report = verify::run(&kinds, &options);
    print(&terminal.page(&verify_page(&report)))?;
    Ok(if report.clean() { Outcome::Done } else { Outcome::Refuted })
}
