//! `conlab fit`: parameters of a scenario from observed figures.

use super::args::OutputOptions;
use super::constants::CalibrationOption;
use super::exit::{Failure, Outcome};
use super::report::write;
use super::signals::stop_on_interrupt;
use super::study::{Answer, Made, Question, Runs, present};
use super::terminal::Terminal;
use crate::engine::{Progress, VirtualEngine};
use crate::measure::{Calibration, RunRecord, stored};
use crate::report::page::Next;
use crate::report::study::fit_page;
use crate::report::word;
use crate::scenario::{EngineKind, Overrides, Scenario, parse_duration};
use crate::study::fit::{
    Amount, Component, Figure, FitOptions, FitPlan, Fitted, Parameter, ParameterUnit, Places, fit,
    fit_sample, sampled_runs,
};
use crate::study::{Metric, RunList, Runner};
use crate::sweep::{Sample, StudyCommand};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab fit shop.toml --to results/RUN --free actor.orders.steps.parse.compute=50us..5ms
  conlab fit shop.toml --to results/RUN --free host.wake=1us..200us --free actor.db.threads=1..32 --predict p99
  conlab fit --to plan.toml --fitted fitted.toml

--to takes a record, whose figures are then met, or a plan: a TOML file with [[parameter]], [[figure]] and [[predict]]
(docs/guide/fit.md). The search is in virtual time, on all processors. 3 says that no set meets every figure.";

/// Parameters that give observed figures, how well the figures identify them, and predictions
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in scenario's name or a TOML file's path; left out: the plan's
    #[arg(value_name = "SCENARIO")]
    scenario: Option<String>,
    /// What was observed: a record's folder or run.json, or a plan as TOML
    #[arg(long, value_name = "OBSERVED")]
    to: PathBuf,
    /// A field that may vary, between bounds: PATH=1ms..8ms, PATH=1..32, PATH=0.1..0.5, PATH=0.5x..2x
    #[arg(long, value_name = "PATH=LOW..HIGH", value_parser = parse_free)]
    free: Vec<Parameter>,
    /// A set to start from besides random ones: a value for each parameter, such as 2.5ms,8
    #[arg(long, value_name = "VALUES")]
    start: Vec<String>,
    /// Figures of the record that are met, of its actor in focus
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Metric::parse)]
    #[arg(default_value = "mean,p50,p99,throughput")]
    figures: Vec<Metric>,
    /// Figures of the record that are held out and predicted
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Metric::parse)]
    predict: Vec<Metric>,
    /// Relative tolerance within which a set meets a figure of the record
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = super::study::parse_share)]
    tolerance: f64,
    /// Any field of the scenario, before the fit
    #[arg(long, value_name = "PATH=VALUE", value_parser = super::args::parse_assignment)]
    set: Vec<(String, String)>,
    /// Seed of every stream of randomness; always printed
    #[arg(long, value_name = "S", default_value_t = 18)]
    seed: u64,
    /// Write the scenario with the best set in it
    #[arg(long, value_name = "FILE", value_parser = super::args::writable)]
    fitted: Option<PathBuf>,
    #[command(flatten)]
    calibration: CalibrationOption,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    answer: String,
    fit: Fitted,
}

/// Reads a value for each parameter, written as its bounds are.
fn parse_start(text: &str, parameters: &[Parameter]) -> Result<Vec<f64>, String> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if words.len() != parameters.len() {
        return Err(format!(
            "--start {text}: {} values: expected {}, one for each parameter",
            words.len(),
            parameters.len()
        ));
    }
    words.iter().zip(parameters).map(|(word, parameter)| parse_value(word, parameter)).collect()
}

fn parse_value(word: &str, parameter: &Parameter) -> Result<f64, String> {
    let (bare, such) = match parameter.unit {
        ParameterUnit::Ms => {
            #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
            return parse_duration(word)
                .map(|time| time.0 as f64 / 1e6)
                .map_err(|why| format!("--start {word}: {}: {why}", parameter.label()));
        }
        ParameterUnit::PerSecond => (word.strip_suffix("/s"), "40/s"),
        ParameterUnit::Factor => (word.strip_suffix('x'), "1.5x"),
        ParameterUnit::Count => (Some(word), "8"),
        ParameterUnit::Number => (Some(word), "0.5"),
    };
    bare.and_then(|bare| bare.parse::<f64>().ok().filter(|value| value.is_finite()))
        .ok_or_else(|| format!("--start {word}: {}: expected a value such as {such}", parameter.label()))
}

/// A value as [`parse_value`] reads it, in five digits.
fn write_value(value: f64, unit: ParameterUnit) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap_or(value);
    match unit {
        ParameterUnit::Ms => format!("{rounded}ms"),
        ParameterUnit::PerSecond => format!("{rounded}/s"),
        ParameterUnit::Factor => format!("{rounded}x"),
        ParameterUnit::Count => format!("{value:.0}"),
        ParameterUnit::Number => rounded.to_string(),
    }
}

/// Reads `PATH=LOW..HIGH`; the unit of the bounds is that of the field.
fn parse_free(text: &str) -> Result<Parameter, String> {
    const EXPECTED: &str = "expected PATH=LOW..HIGH, such as actor.web.steps.work.compute=1ms..8ms";
    let (path, bounds) = text.split_once('=').ok_or_else(|| format!("`{text}`: {EXPECTED}"))?;
    let (low, high) = bounds.split_once("..").ok_or_else(|| format!("`{bounds}`: {EXPECTED}"))?;
    let (low, high) = (low.trim(), high.trim());
    let plain = |text: &str| text.parse::<f64>().map_err(|_| format!("`{text}` is not a bound: {EXPECTED}"));
    let (unit, low, high) = if let (Some(low), Some(high)) = (low.strip_suffix('x'), high.strip_suffix('x')) {
        (ParameterUnit::Factor, plain(low)?, plain(high)?)
    } else if let (Some(low), Some(high)) = (low.strip_suffix("/s"), high.strip_suffix("/s")) {
        (ParameterUnit::PerSecond, plain(low)?, plain(high)?)
    } else if let (Ok(low), Ok(high)) = (low.parse::<u32>(), high.parse::<u32>()) {
        (ParameterUnit::Count, f64::from(low), f64::from(high))
    } else if let (Ok(low), Ok(high)) = (low.parse::<f64>(), high.parse::<f64>()) {
        (ParameterUnit::Number, low, high)
    } else {
        #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
        let ms = |text: &str| parse_duration(text).map(|time| time.0 as f64 / 1e6);
        (ParameterUnit::Ms, ms(low)?, ms(high)?)
    };
    if !(low < high && high.is_finite()) {
        return Err(format!("`{bounds}`: expected the smaller bound first"));
    }
    Ok(Parameter { name: None, set: vec![path.trim().to_owned()], unit, low, high })
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let plan = plan(args)?;
    let scenario = scenario(args, &plan)?;
    let constants = args.calibration.constants(terminal)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let fitted = {
        let runs = Runs::of(terminal, "steps of the search");
        let options = FitOptions { seed: args.seed };
        fit(&scenario, &plan, &VirtualEngine::with(constants.clone()), options, &progress, &|done, most| {
            runs.show(done, most)
        })?
    };
    if let Some(file) = &args.fitted {
        write(file, &fitted.source, terminal)?;
    }
    let page = fit_page(&fitted);
    let all_fit = fitted.components.iter().all(|component| component.fits);
    let document = Document { schema: 1, answer: page.answer.clone(), fit: fitted };
    let made = Made::of(Some(&scenario), Some(&constants));
    present("fit", &document, page, made, &args.output, terminal)?;
    Ok(if all_fit { Outcome::Done } else { Outcome::Refuted })
}

/// The plan in the file, or the one that the record and the options make.
fn plan(args: &Args) -> Result<FitPlan, Failure> {
    let is_plan = args.to.extension().is_some_and(|end| end == "toml");
    let mut plan = if is_plan {
        let text = fs::read_to_string(&args.to)
            .map_err(|error| Failure::cannot(format!("read {}", args.to.display()), error))?;
        FitPlan::parse(&text, &args.to.display().to_string()).map_err(Failure::Usage)?
    } else {
        let record = stored::load(&args.to).map_err(|error| Failure::CouldNotRun(Box::new(error)))?;
        observed(args, &record)?
    };
    plan.parameter.extend(args.free.iter().cloned());
    for text in &args.start {
        plan.start.push(parse_start(text, &plan.parameter).map_err(Failure::Usage)?);
    }
    plan.check().map_err(|why| Failure::Usage(format!("fit: {why}")))?;
    Ok(plan)
}

/// The figures of a record, those to meet and those to predict.
fn observed(args: &Args, record: &RunRecord) -> Result<FitPlan, Failure> {
    if record.observed.is_some() {
        return Err(Failure::Usage(format!(
            "{}: a recording of threads, which has no figures of tasks to meet; name those of the program's requests in a TOML file",
            args.to.display()
        )));
    }
    let focus = &record.treatment.focus;
    let actor = record
        .actors
        .get(focus)
        .ok_or_else(|| Failure::Usage(format!("{}: the record has no actor `{focus}`", args.to.display())))?;
    let figure = |metric: Metric| {
        let value = metric.read(actor, record).ok_or_else(|| {
            Failure::Usage(format!(
                "--figures {}: the record's {} tasks carry none; leave it out",
                metric.name(),
                actor.completed
            ))
        })?;
        let amount = match metric.unit() {
            crate::study::Unit::Time => format!("{value}ns"),
            crate::study::Unit::Rate => format!("{value}/s"),
            crate::study::Unit::Share => format!("{}%", 100.0 * value),
        };
        Ok(Figure {
            name: None,
            actor: Some(focus.clone()),
            metric,
            value: Some(Amount(amount)),
            times: 1.0,
            tolerance: args.tolerance,
            tasks: Some(actor.completed),
        })
    };
    let met = args.figures.iter().filter(|metric| !args.predict.contains(metric));
    Ok(FitPlan {
        schema: 1,
        figure: met.map(|&metric| figure(metric)).collect::<Result<_, Failure>>()?,
        predict: args.predict.iter().map(|&metric| figure(metric)).collect::<Result<_, Failure>>()?,
        ..FitPlan::default()
    })
}

/// A fit whose first round is a sample, made by a sweep.
pub(super) struct Asked<'a> {
    scenario: Scenario,
    plan: FitPlan,
    sample: Sample,
    options: FitOptions,
    args: &'a Args,
    command: &'a StudyCommand,
}

impl<'a> Asked<'a> {
    /// What `args` ask, by the figures that `command` has kept where it has any.
    pub(super) fn of(args: &'a Args, command: &'a StudyCommand) -> Result<Self, Failure> {
        let plan = match &command.fit {
            Some(plan) => plan.clone(),
            None => plan(args)?,
        };
        let sample = command.sample.ok_or_else(|| Failure::Usage("fit: the plan has no sample".into()))?;
        let scenario = scenario(args, &plan)?;
        Ok(Self { scenario, plan, sample, options: FitOptions { seed: args.seed }, args, command })
    }

    /// The sets of each component: a share of one hypercube, and those that are given to start from.
    fn places(&self) -> Places {
        let components = self.plan.components();
        let axes = components.iter().map(|component| component.parameter.len()).sum();
        let all = self.sample.places(axes);
        let mut from = 0;
        let mut own = |component: &Component| {
            let to = from + component.parameter.len();
            let drawn = all.iter().map(|at| at[from..to].to_vec());
            let places = drawn.chain(component.starts()).collect();
            from = to;
            places
        };
        components.iter().map(&mut own).collect()
    }

    /// The command that searches on, from the best set where there is one component.
    fn next(&self, found: &Fitted) -> Next {
        let mut words = vec!["conlab fit".to_owned()];
        words.extend(self.args.scenario.as_deref().map(word));
        let is_here = |name: &&(String, Vec<String>)| name.0 != "start" && name.0 != "seed";
        for (key, values) in self.command.options.iter().filter(is_here) {
            words.extend(values.iter().map(|value| format!("--{key} {}", word(value))));
        }
        for (path, value) in &self.args.set {
            let given = format!("{path}={value}");
            if !words.iter().any(|there| *there == format!("--set {}", word(&given))) {
                words.push(format!("--set {}", word(&given)));
            }
        }
        words.push(format!("--seed {}", self.options.seed));
        if let ([_], false) = (found.components.as_slice(), self.plan.parameter.is_empty()) {
            let best = found.components[0].parameters.iter().zip(&self.plan.parameter);
            let values: Vec<String> =
                best.map(|(one, parameter)| write_value(one.value, parameter.unit)).collect();
            words.push(format!("--start {}", word(&values.join(","))));
            return Next::new(words.join(" "), "searches on from the best of these sets");
        }
        Next::new(words.join(" "), "searches within the bounds")
    }
}

impl Question for Asked<'_> {
    fn engines(&self) -> Vec<EngineKind> {
        vec![EngineKind::Virtual]
    }

    fn runs(&self, _engine: &dyn Runner, _progress: &Progress) -> Result<RunList, Failure> {
        Ok(sampled_runs(&self.scenario, &self.plan, &self.places(), self.options)?)
    }

    fn answer(
        &self,
        engine: &dyn Runner,
        constants: &Calibration,
        _progress: &Progress,
        _terminal: &Terminal,
    ) -> Result<Answer, Failure> {
        let simulated = VirtualEngine::with(constants.clone());
        let fitted =
            fit_sample(&self.scenario, &self.plan, &self.places(), engine, &simulated, self.options)?;
        let mut page = fit_page(&fitted);
        page.next = Some(self.next(&fitted));
        let fits = fitted.components.iter().all(|component| component.fits);
        let outcome = if fits { Outcome::Done } else { Outcome::Refuted };
        let document = Document { schema: 1, answer: page.answer.clone(), fit: fitted };
        Answer::of("fit", &document, page, Made::of(Some(&self.scenario), Some(constants)), outcome)
    }
}

fn scenario(args: &Args, plan: &FitPlan) -> Result<Scenario, Failure> {
    let overrides = Overrides { set: args.set.clone(), ..Overrides::default() };
    let name = match (&args.scenario, &plan.scenario) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => {
            let beside = args.to.parent().unwrap_or(Path::new("")).join(name);
            if beside.is_file() { beside.to_string_lossy().into_owned() } else { name.clone() }
        }
        (None, None) => {
            return Err(Failure::Usage("fit: expected a SCENARIO, or scenario = \"…\" in the plan".into()));
        }
    };
    Ok(Scenario::load(&name, &overrides)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_carry_the_unit_of_their_field() {
        for (text, unit, low, high) in [
            ("a.b=1ms..8ms", ParameterUnit::Ms, 1.0, 8.0),
            ("a.b=50us..2ms", ParameterUnit::Ms, 0.05, 2.0),
            ("a.b=1..32", ParameterUnit::Count, 1.0, 32.0),
            ("a.b=0.1..0.5", ParameterUnit::Number, 0.1, 0.5),
            ("a.b=0.5x..2x", ParameterUnit::Factor, 0.5, 2.0),
            ("a.b=10/s..90/s", ParameterUnit::PerSecond, 10.0, 90.0),
        ] {
            let free = parse_free(text).unwrap();
            assert_eq!((free.unit, free.set), (unit, vec!["a.b".to_owned()]), "{text}");
            assert!((free.low - low).abs() < 1e-12 && (free.high - high).abs() < 1e-12, "{text}");
        }
        let two = [parse_free("a.b=1ms..8ms").unwrap(), parse_free("a.n=1..32").unwrap()];
        assert_eq!(parse_start("2500us,8", &two), Ok(vec![2.5, 8.0]));
        let written = [write_value(2.345_678, two[0].unit), write_value(8.0, two[1].unit)].join(",");
        assert_eq!(written, "2.3457ms,8");
        assert_eq!(parse_start(&written, &two), Ok(vec![2.3457, 8.0]));
        for (text, why) in
            [("2ms", "1 values: expected 2"), ("2ms,x", "a.n: expected a value"), ("2,8", "a.b")]
        {
            assert!(parse_start(text, &two).unwrap_err().contains(why), "{text}");
        }
        for text in ["a.b", "a.b=5ms", "a.b=8ms..1ms", "a.b=x..y", "a.b=1ms..5"] {
            assert!(parse_free(text).is_err(), "{text}");
        }
    }
}
