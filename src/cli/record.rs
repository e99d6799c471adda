//! `conlab record`: where a foreign program's time goes.

use super::args::{OutputOptions, parse_some_time};
use super::exit::{Failure, Outcome, say};
use super::progress::stop_on_interrupt;
use super::study::{Made, present};
use super::terminal::Terminal;
use crate::clock;
use crate::engine::Progress;
use crate::observe::{Observation, observe};
use crate::report::observe::observe_page;
use crate::units::Nanos;
use serde::Serialize;
use std::process::{Child, Command};

const EXAMPLES: &str = "\
Examples:
  conlab record -- python3 server.py           until it ends, or Ctrl-C
  conlab record --pid 4711 --duration 10s      a program that runs already
  conlab record --every 1ms -- ./bench

On-CPU time, run-queue wait and switches are the kernel's counts; what threads are blocked by is sampled from /proc.";

/// Where the time of another program's threads goes, without changing it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Observe a process that runs already
    #[arg(long, value_name = "PID", conflicts_with = "command", required_unless_present = "command")]
    pid: Option<u32>,
    /// Observe for so long; left out: until the program ends
    #[arg(long, value_name = "T", value_parser = parse_some_time)]
    duration: Option<Nanos>,
    /// Time between two looks
    #[arg(long, value_name = "T", default_value = "5ms", value_parser = parse_some_time)]
    every: Nanos,
    #[command(flatten)]
    output: OutputOptions,
    /// The program to start, and its arguments
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    answer: String,
    observation: Observation,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let mut child = match args.command.split_first() {
        Some((program, words)) => Some(
            Command::new(program)
                .args(words)
                .spawn()
                .map_err(|error| Failure::cannot(format!("start {program}"), error))?,
        ),
        None => None,
    };
    let pid = child.as_ref().map(Child::id).or(args.pid).unwrap_or_default();
    let end = args.duration.map(|duration| clock::now() + duration);
    let seen = observe(pid, args.every, &mut || {
        let ended = child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
        !ended && !progress.stopped() && end.is_none_or(|end| clock::now() < end)
    })
    .map_err(|error| Failure::CouldNotRun(Box::new(error)))?;
    if let Some(child) = &mut child
        && matches!(child.try_wait(), Ok(None))
    {
        say("the program runs on; its process is left alone");
    }
    let words = if args.command.is_empty() { format!("--pid {pid}") } else { args.command.join(" ") };
    let page = observe_page(&seen, &words);
    let document = Document { schema: 1, answer: page.answer.clone(), observation: seen };
    present("record", &document, page, Made::of(None, None), &args.output, terminal)?;
    Ok(if progress.stopped() { Outcome::Interrupted } else { Outcome::Done })
}
