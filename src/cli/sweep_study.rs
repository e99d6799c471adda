//! Studies whose cells are the runs of another command: its options from the study's file, its runs, its answer.

use super::exit::{Failure, Outcome, sentence, with_causes};
use super::study::Question;
use super::terminal::Terminal;
use super::{Cli, Command, compare, explain, fit, search, whatif};
use crate::engine::{Progress, VirtualEngine};
use crate::measure::Calibration;
use crate::scenario::{EngineKind, unknown};
use crate::study::{ListedArm, RunList};
use crate::sweep::{Kept, Log, Plan, StudyCommand, SweepError};
use clap::{Arg, ArgAction, FromArgMatches};
use std::path::Path;

/// Groups of options that say what a command asks, and not how it is watched or where its answer is kept.
const GROUPS: [&str; 7] =
    ["Treatment", "Amount and load", "Judging", "Splitting", "Confidence", "Costs", "Search"];
/// Options in these groups that are about files.
const NOT_HERE: [&str; 3] = ["baseline", "junit", "fitted"];

/// The runs that `command` makes of `scenario`, a name or a path; `origin` names the study's file.
pub(super) fn list(
    command: &StudyCommand,
    fixed: &[(String, String)],
    scenario: &str,
    origin: &str,
    constants: &Calibration,
) -> Result<RunList, SweepError> {
    let asked = parsed(command, fixed, scenario).map_err(|why| {
        SweepError::Refused(format!("{origin}: [{}] {}", command.name, why.trim_start_matches("--")))
    })?;
    let engine = VirtualEngine::with(constants.clone());
    question(&asked, command)
        .and_then(|question| question.runs(&engine, &Progress::default()))
        .map_err(|failure| refused(&format!("{origin}: [{}] ", command.name), failure))
}

/// Names what `fit` is to meet from the study's folder `base`, where it is there.
pub(super) fn find_beside(command: &mut StudyCommand, base: &Path) {
    let to = |option: &&mut (String, Vec<String>)| option.0 == "to";
    if command.name != "fit" {
        return;
    }
    for path in command.options.iter_mut().filter(to).flat_map(|(_, values)| values) {
        let beside = base.join(&*path);
        if beside.exists() {
            *path = beside.display().to_string();
        }
    }
}

/// The arms of the command that the plan in `folder` is of.
pub(super) fn arms(plan: &Plan, folder: &Path) -> Result<Vec<ListedArm>, SweepError> {
    let planned = |failure| refused("the plan's command: ", failure);
    let (asked, command) = of_plan(plan, folder).map_err(planned)?;
    let runs =
        question(&asked, command).and_then(|question| question.runs(&Kept::none(plan), &Progress::default()));
    Ok(runs.map_err(planned)?.arms)
}

/// What the command that the plan in `folder` is of says of the cells, all of them computed.
pub(super) fn answer(plan: &Plan, log: &Log, folder: &Path, terminal: &Terminal) -> Result<Outcome, Failure> {
    plan.check_version()?;
    let (asked, command) = of_plan(plan, folder)?;
    let constants = Calibration::of_any_host(&plan.calibration)
        .ok_or_else(|| Failure::Usage("the plan's calibration is of another version: plan again".into()))?;
    question(&asked, command)?
        .answer(&Kept::of(plan, log), &constants, &Progress::default(), terminal)?
        .write_into(folder, terminal)
}

/// The command of a plan, on the scenario that was frozen with it.
fn of_plan<'a>(plan: &'a Plan, folder: &Path) -> Result<(Command, &'a StudyCommand), Failure> {
    let command = plan.command.as_ref();
    let command = command.ok_or_else(|| Failure::Usage("the plan is of no command".into()))?;
    let scenario = Plan::scenario(folder).display().to_string();
    let asked = parsed(command, &plan.fixed, &scenario).map_err(Failure::Usage)?;
    Ok((asked, command))
}

/// What a command asks; only of virtual time, whose runs are the same on every machine.
fn question<'a>(asked: &'a Command, command: &'a StudyCommand) -> Result<Box<dyn Question + 'a>, Failure> {
    let question: Box<dyn Question + 'a> = match asked {
        Command::Compare(args) => Box::new(compare::Asked::of(args)?),
        Command::Explain(args) => Box::new(explain::Asked::of(args)?),
        Command::Whatif(args) => Box::new(whatif::Asked::of(args)?),
        Command::Search(args) => Box::new(search::Asked::of(args)?.without_a_race()),
        Command::Fit(args) => Box::new(fit::Asked::of(args, command)?),
        _ => return Err(Failure::Usage("expected compare, explain, whatif, search or fit".into())),
    };
    if question.engines() == [EngineKind::Virtual] {
        Ok(question)
    } else {
        Err(Failure::Usage("engine: runs of a study are the same on every machine: expected virtual".into()))
    }
}

/// The command as its own grammar reads it from the words that the options stand for.
fn parsed(command: &StudyCommand, fixed: &[(String, String)], scenario: &str) -> Result<Command, String> {
    let name = command.name.as_str();
    // What the environment says on one machine must not change the runs on another.
    let grammar = super::command().mut_subcommand(name, |sub| {
        sub.mut_args(|arg| if arg.get_env().is_some() { arg.env("") } else { arg })
    });
    let sub = grammar.find_subcommand(name).ok_or_else(|| format!("`{name}` is no command"))?;
    let here = |arg: &&Arg| {
        // `fit` has its own options under no heading.
        arg.get_help_heading().map_or(name == "fit", |heading| GROUPS.contains(&heading))
            && arg.get_long().is_some_and(|long| !NOT_HERE.contains(&long))
    };
    let known: Vec<&Arg> = sub.get_arguments().filter(here).collect();
    let mut words = vec!["conlab".to_owned(), name.to_owned(), scenario.to_owned()];
    for (key, values) in &command.options {
        let arg = known.iter().find(|arg| arg.get_long() == Some(key)).ok_or_else(|| {
            let names: Vec<&str> = known.iter().filter_map(|arg| arg.get_long()).collect();
            unknown("option", key, &names)
        })?;
        if matches!(arg.get_action(), ArgAction::Append) {
            words.extend(values.iter().map(|value| format!("--{key}={value}")));
        } else {
            words.push(format!("--{key}={}", values.join(",")));
        }
    }
    words.extend(fixed.iter().map(|(path, value)| format!("--set={path}={value}")));
    let given = |option: &str| command.options.iter().any(|(key, _)| key == option);
    if matches!(name, "compare") && !given("engine") {
        words.push("--engine=virtual".into());
    }
    if sub.get_arguments().any(|arg| arg.get_long() == Some("real-check")) {
        words.push("--real-check=never".into());
    }
    let matches = grammar.try_get_matches_from(words).map_err(|error| sentence(&error))?;
    Cli::from_arg_matches(&matches).map(|cli| cli.command).map_err(|error| sentence(&error))
}

/// A failure as one of the sweep's.
fn refused(before: &str, failure: Failure) -> SweepError {
    let why = match failure {
        Failure::Usage(why) | Failure::Interrupted(why) => why,
        Failure::CouldNotRun(error) => format!("cannot {}", with_causes(error.as_ref())),
    };
    SweepError::Refused(format!("{before}{}", why.trim_start_matches("--")))
}
