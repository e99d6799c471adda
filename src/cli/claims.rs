//! `conlab claims`: each claim tested.

use super::args::{OutputOptions, one_of, writable};
use super::constants::{CalibrationOption, engine_charging};
use super::exit::{Failure, Outcome};
use super::signals::stop_on_interrupt;
use super::study::{Level, Made, Runs, present, write_junit};
use super::terminal::Terminal;
use crate::engine::Progress;
use crate::report::junit::claim_cases;
use crate::report::study::claims_page;
use crate::scenario::{EngineKind, unknown};
use crate::study::claims::{ClaimFile, ClaimFileError, ClaimOptions, ClaimResult, ClaimVerdict, test_claims};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  conlab claims                          the fourteen claims of phase 18F
  conlab claims --only K4,K5 --json
  conlab claims --junit claims.xml       as test cases, for CI
  conlab claims mine.toml                claims of your own; `conlab claims --show` prints a file to start from

A claim is supported when the whole interval of its figure meets its criterion, refuted when the whole interval misses
it or arithmetic on its own figures rules it out. Exits with 3 when one is refuted.";

/// Test claims: supported, refuted, inconclusive, not testable
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A file of claims; those of phase 18F unless given
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only these
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Print the embedded file of claims and end
    #[arg(long)]
    show: bool,
    /// Where mechanisms are tried: virtual, or real (slow); kernels always run on this machine
    #[arg(long, value_name = "E", default_value = "virtual")]
    #[arg(value_parser = |word: &str| one_of("engine", word, &EngineKind::ALL, EngineKind::name))]
    engine: EngineKind,
    /// Rounds of every experiment
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1000))]
    replicates: u32,
    /// Seed of the first round
    #[arg(long, value_name = "S", default_value_t = 18)]
    seed: u64,
    #[command(flatten)]
    confidence: Level,
    /// Write the claims as test cases, in JUnit XML
    #[arg(long, value_name = "FILE", value_parser = writable)]
    junit: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    /// Whether the user ended it early.
    partial: bool,
    name: String,
    claims: Vec<ClaimResult>,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if args.show {
        super::exit::print(crate::study::claims::PHASE_18F)?;
        return Ok(Outcome::Done);
    }
    let file = match &args.file {
        Some(path) => ClaimFile::load(path),
        None => ClaimFile::phase_18f(),
    }
    .map_err(|error| match error {
        ClaimFileError::Read { .. } => Failure::CouldNotRun(Box::new(error)),
        ClaimFileError::Invalid { .. } => Failure::Usage(error.to_string()),
    })?;
    for wanted in &args.only {
        let ids: Vec<&str> = file.claim.iter().map(|claim| claim.id.as_str()).collect();
        if !ids.contains(&wanted.as_str()) {
            return Err(Failure::Usage(format!("--only: {}", unknown("claim", wanted, &ids))));
        }
    }
    let options = ClaimOptions {
        only: args.only.clone(),
        level: args.confidence.level,
        rounds: args.replicates,
        seed: args.seed,
    };
    let constants = CalibrationOption::default().charged(args.engine, terminal)?;
    let engine = engine_charging(constants.as_ref());
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let results = {
        let runs = Runs::new(terminal);
        test_claims(&file, &*engine, &options, &progress, &|done, all| runs.show(done, all))?
    };
    let page = claims_page(&file.name, &results);
    write_junit(args.junit.as_deref(), &file.name, claim_cases(&results), terminal)?;
    let refuted = results.iter().any(|result| result.verdict == ClaimVerdict::Refuted);
    let document =
        Document { schema: 1, partial: progress.stopped(), name: file.name.clone(), claims: results };
    present("claims", &document, page, Made::of(None, constants.as_ref()), &args.output, terminal)?;
    Ok(match refuted {
        _ if progress.stopped() => Outcome::Interrupted,
        true => Outcome::Refuted,
        false => Outcome::Done,
    })
}
