//! How a command ended, and the only place that turns it into an exit code.

use super::signals::interrupted;
use super::terminal::Terminal;
use crate::printable::PrintableLines;
use crate::scenario::{ScenarioError, nearest};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// What a command that ran has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Ran, and a claim was refuted, a gate failed or an audit found a defect. The report says which.
    Refuted,
    /// Ran, but the result is not trustworthy; why, as a fragment after "the result is not trustworthy:".
    Untrustworthy(String),
    /// Interrupted; what was measured so far is kept and marked partial.
    Interrupted,
}

/// Why a command did not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The command line or a file says something that cannot be: one sentence, or one line per mistake.
    Usage(String),
    /// The user asked for the end before there was anything to keep: one sentence.
    Interrupted(String),
    /// It could not be done; what was tried, with its cause.
    CouldNotRun(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure to do `action` because of `source`: "cannot {action}: {source}".
    pub fn cannot(action: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::CouldNotRun(Box::new(Cannot { action: action.into(), source: Box::new(source) }))
    }
}

/// An action that failed.
#[derive(Debug, thiserror::Error)]
#[error("{action}")]
struct Cannot {
    action: String,
    source: Box<dyn Error + Send + Sync>,
}

impl From<crate::engine::EngineError> for Failure {
    fn from(error: crate::engine::EngineError) -> Self {
        Self::CouldNotRun(Box::new(error))
    }
}

impl From<crate::measure::archive::ArchiveError> for Failure {
    fn from(error: crate::measure::archive::ArchiveError) -> Self {
        Self::CouldNotRun(Box::new(error))
    }
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        match error {
            ScenarioError::Read { .. } => Self::CouldNotRun(Box::new(error)),
            _ => Self::Usage(error.to_string()),
        }
    }
}

/// Says on stderr what has to be said, and maps it to an exit code.
pub(super) fn code(result: Result<Outcome, Failure>, terminal: &Terminal) -> ExitCode {
    let (code, said) = match result {
        Ok(Outcome::Done) => (0, None),
        Ok(Outcome::Refuted) => (3, None),
        Ok(Outcome::Untrustworthy(why)) => (4, Some(format!("the result is not trustworthy: {why}"))),
        Ok(Outcome::Interrupted) => (130, None),
        Err(Failure::CouldNotRun(error)) => (1, Some(format!("cannot {}", with_causes(error.as_ref())))),
        Err(Failure::Usage(sentence)) => (2, Some(sentence)),
        Err(Failure::Interrupted(sentence)) => (130, Some(sentence)),
    };
    if let Some(said) = said {
        let label = if code == 4 { "warning" } else { "error" };
        say(&format!("{} {}", terminal.alarm(&format!("{label}:")), terminal.plain(&bounded(&said))));
    }
    ExitCode::from(code)
}

/// Exit code of what clap found, after saying it in one sentence.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            say(&format!("error: {}", bounded(&sentence(error))));
            ExitCode::from(2)
        }
    }
}

/// The one sentence in a parse error.
pub(super) fn sentence(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let guess = |kind| context(kind).map_or(String::new(), |known| format!("; did you mean `{known}`?"));
    let argument = context(ContextKind::InvalidArg);
    match (error.kind(), argument) {
        (ErrorKind::ValueValidation, Some(argument)) if error.source().is_some() => {
            let option = argument.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{option}: {why}")
        }
        (ErrorKind::UnknownArgument, Some(argument)) => {
            format!("unknown option `{argument}`{} (--help lists them)", guess(ContextKind::SuggestedArg))
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            let program = super::command();
            let known = program.get_subcommands().map(clap::Command::get_name);
            let guess =
                nearest(&word, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            format!("unknown command `{word}`{guess} (--help lists them)")
        }
        _ => {
            let text = error.to_string();
            let first = text.split("\n\n").next().unwrap_or_default();
            first.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}

/// Most characters of a line of a message, and most lines: what it quotes may be of any length.
const LONGEST_LINE: usize = 1000;
const MAX_LINES: usize = 100;

/// `said` such that a terminal obeys nothing that it quotes, without the middle of lines that are too long, and without
/// the lines after the first hundred.
fn bounded(said: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in said.lines().take(MAX_LINES) {
        let length = line.chars().count();
        if length <= LONGEST_LINE {
            lines.push(line.to_owned());
            continue;
        }
        let half = LONGEST_LINE / 2;
        let begin: String = line.chars().take(half).collect();
        let end: String = line.chars().skip(length - half).collect();
        lines.push(format!("{begin} … ({} characters left out) … {end}", length - 2 * half));
    }
    let more = said.lines().count().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.push(format!("… and {more} more lines"));
    }
    PrintableLines(&lines.join("\n")).to_string()
}

/// An error and what caused it, as one line.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Writes a line to stderr; there is nowhere left to complain if that fails.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a command's result to stdout. A reader that went away (`| head`) is no failure.
///
/// # Errors
///
/// [`Failure::CouldNotRun`] when stdout cannot be written, as on a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // After an interrupt the terminal may be gone; what was measured is kept before it is printed.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe && !interrupted() => {
            Err(Failure::cannot("write to stdout", error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_bounded() {
        assert_eq!(bounded("a\nb"), "a\nb");
        let said = bounded(&format!("x: {}: not a number", "ü".repeat(1_000_000)));
        assert!(said.starts_with("x: ü") && said.ends_with("ü: not a number"), "{said}");
        assert!(said.contains("characters left out") && said.chars().count() < 1100);
        let said = bounded(&"mistake\n".repeat(5000));
        assert_eq!(said.lines().count(), 101);
        assert!(said.ends_with("and 4900 more lines"), "{said}");
    }
}
