//! A study's file: which cells there are.

use super::{MAX_CELLS, SweepError};
use crate::random::{Source, Stream};
use crate::study::claims::toml_as_json;
use crate::study::fit::{FitPlan, SAMPLE_SEEDS};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How cells are chosen from the levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Design {
    /// Every combination.
    #[default]
    Grid,
    /// The cells of `[[cell]]`, as they are listed.
    List,
    /// Independent draws.
    Random,
    /// A Latin hypercube: every factor's range in equal strata, each hit once (McKay, Beckman, Conover 1979).
    LatinHypercube,
}

/// The seeds of each combination.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seeds {
    #[serde(default = "one")]
    first: u64,
    count: u64,
}

const fn one() -> u64 {
    1
}

/// Levels of a factor.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Levels {
    /// These.
    List(Vec<Value>),
    /// Anything between; for designs that draw.
    Range(Range),
}

/// A range of numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    /// Evenly over magnitudes.
    #[serde(default)]
    log: bool,
    /// Whole numbers only.
    #[serde(default)]
    whole: bool,
    /// What is written behind the number: `ms`, `/s`.
    #[serde(default)]
    unit: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    name: String,
    scenario: String,
    #[serde(default)]
    design: Option<Design>,
    #[serde(default)]
    samples: Option<u32>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    seeds: Option<Seeds>,
    #[serde(default)]
    engines: Vec<String>,
    #[serde(default)]
    fixed: BTreeMap<String, Value>,
    #[serde(default)]
    factor: BTreeMap<String, Levels>,
    #[serde(default)]
    cell: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    compare: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    explain: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    whatif: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    search: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    fit: Option<BTreeMap<String, Value>>,
}

/// A command whose runs are the cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyCommand {
    /// `compare`, `explain`, `whatif`, `search` or `fit`.
    pub name: String,
    /// Its options, without their dashes, each with one value or several.
    pub options: Vec<(String, Vec<String>)>,
    /// Events of a run of the scenario as it is, where the command cuts itself down by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// The sets that are drawn, where the command is `fit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// What they are to meet, as it was when the study was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<FitPlan>,
}

/// Sets that a Latin hypercube draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// How many.
    pub sets: u32,
    /// What decides the draws.
    pub seed: u64,
}

impl Sample {
    /// Sets unless a number is given.
    const SETS: u32 = 100;

    /// The places of the sets along `axes` axes, in 0..1.
    #[must_use]
    pub fn places(self, axes: usize) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = vec![Vec::with_capacity(axes); self.sets as usize];
        for axis in 0..axes {
            for (at, place) in all.iter_mut().zip(along(Design::LatinHypercube, self.sets, self.seed, axis)) {
                at.push(place);
            }
        }
        all
    }
}

/// A study, as its file says: combinations of levels by path, each under every seed and engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Its name.
    pub name: String,
    /// A built-in scenario's name, or a path from the study's file.
    pub scenario: String,
    /// What is set in every cell: path and value, as `--set` takes them.
    pub fixed: Vec<(String, String)>,
    /// The combinations; paths are those of `--set`, or `threads`, `queue`, `cache`, `load`, `cores`.
    pub combinations: Vec<Vec<(String, String)>>,
    /// The engines.
    pub engines: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The command whose runs are the cells, in place of combinations and seeds.
    pub command: Option<StudyCommand>,
}

/// Reads a study's file; `origin` names it in messages.
///
/// # Errors
///
/// [`SweepError::Refused`].
pub fn read_study(text: &str, origin: &str) -> Result<Study, SweepError> {
    let refused = |why: String| SweepError::Refused(format!("{origin}: {why}"));
    let document: toml_edit::DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| refused(format!("is not TOML: {}", error.message())))?;
    let file: File = serde_json::from_value(toml_as_json(document.as_item()))
        .map_err(|error| refused(error.to_string()))?;
    if file.schema != 1 {
        return Err(refused(format!("schema = {} is unknown: expected 1", file.schema)));
    }
    let command = command(&file).map_err(refused)?;
    let seeds = file.seeds.unwrap_or(Seeds { first: 1, count: 1 });
    if seeds.count == 0
        || seeds.first.checked_add(seeds.count).is_none_or(|last| last > i64::MAX.unsigned_abs())
    {
        return Err(refused("seeds: expected { first = 1, count = 10 } with a count of at least 1".into()));
    }
    let engines = if file.engines.is_empty() { vec!["virtual".to_owned()] } else { file.engines.clone() };
    for engine in &engines {
        if !["real", "virtual"].contains(&engine.as_str()) {
            return Err(refused(format!("engines: `{engine}` is none: expected real or virtual")));
        }
    }
    let combinations = if command.is_some() { Vec::new() } else { combinations(&file).map_err(refused)? };
    let cells = (combinations.len() as u64).saturating_mul(seeds.count).saturating_mul(engines.len() as u64);
    if (cells == 0 && command.is_none()) || cells > MAX_CELLS as u64 {
        return Err(refused(format!("makes {cells} cells: expected 1 to {MAX_CELLS}")));
    }
    Ok(Study {
        name: file.name,
        scenario: file.scenario,
        fixed: file.fixed.iter().map(|(path, value)| (path.clone(), written(value))).collect(),
        combinations,
        engines,
        seeds: (seeds.first..seeds.first + seeds.count).collect(),
        command,
    })
}

/// The command whose table there is.
fn command(file: &File) -> Result<Option<StudyCommand>, String> {
    let tables = [
        ("compare", &file.compare),
        ("explain", &file.explain),
        ("whatif", &file.whatif),
        ("search", &file.search),
        ("fit", &file.fit),
    ];
    let mut given = tables.into_iter().filter_map(|(name, table)| Some((name, table.as_ref()?)));
    let Some((name, table)) = given.next() else { return Ok(None) };
    if let Some((other, _)) = given.next() {
        return Err(format!(
            "[{name}] and [{other}]: expected one of them; plan the other by a file of its own"
        ));
    }
    let own = format!("[{name}] says which cells there are");
    for (key, there, instead) in [
        ("factor", !file.factor.is_empty(), "one of the two"),
        ("cell", !file.cell.is_empty(), "one of the two"),
        ("design", file.design.is_some(), "none"),
        ("samples", file.samples.is_some(), if name == "fit" { "samples in that table" } else { "none" }),
        ("seed", file.seed.is_some() && name != "fit", "seed in that table"),
        ("seeds", file.seeds.is_some(), "seed and replicates in that table"),
    ] {
        if there {
            return Err(format!("{key}: {own}: expected {instead}"));
        }
    }
    if file.engines.iter().any(|engine| engine != "virtual") {
        return Err(format!("engines: [{name}] runs in virtual time: expected [\"virtual\"], or none"));
    }
    let values = |(key, value): (&String, &Value)| match value {
        Value::Object(_) | Value::Null => Err(format!("{name}.{key}: expected a value or a list")),
        Value::Array(values)
            if values.is_empty() || values.iter().any(|one| one.is_array() || one.is_object()) =>
        {
            Err(format!("{name}.{key}: expected a value or a list of values"))
        }
        Value::Array(values) => Ok((key.clone(), values.iter().map(written).collect())),
        one => Ok((key.clone(), vec![written(one)])),
    };
    let sample = if name == "fit" { Some(sample(file, table)?) } else { None };
    let options = table
        .iter()
        .filter(|(key, _)| sample.is_none() || *key != "samples")
        .map(values)
        .collect::<Result<_, _>>()?;
    Ok(Some(StudyCommand { name: name.to_owned(), options, events: None, sample, fit: None }))
}

/// How many sets `[fit]` draws.
fn sample(file: &File, table: &BTreeMap<String, Value>) -> Result<Sample, String> {
    let most = MAX_CELLS as u64 / SAMPLE_SEEDS;
    let sets = match table.get("samples") {
        None => Sample::SETS,
        Some(value) => value
            .as_u64()
            .and_then(|sets| u32::try_from(sets).ok())
            .filter(|sets| (2..=most).contains(&u64::from(*sets)))
            .ok_or_else(|| format!("fit.samples: {value}: expected a whole number from 2 to {most}"))?,
    };
    Ok(Sample { sets, seed: file.seed.unwrap_or(1) })
}

/// A level as `--set` takes it.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn combinations(file: &File) -> Result<Vec<Vec<(String, String)>>, String> {
    match file.design.unwrap_or_default() {
        Design::List if file.factor.is_empty() && !file.cell.is_empty() => Ok(file
            .cell
            .iter()
            .map(|cell| cell.iter().map(|(path, value)| (path.clone(), written(value))).collect())
            .collect()),
        Design::List => Err("design = \"list\" takes [[cell]] tables and no [factor]".into()),
        _ if !file.cell.is_empty() => Err("[[cell]] belongs to design = \"list\"".into()),
        Design::Grid => grid(file),
        Design::Random | Design::LatinHypercube => drawn(file),
    }
}

fn grid(file: &File) -> Result<Vec<Vec<(String, String)>>, String> {
    let mut all: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (path, levels) in &file.factor {
        let Levels::List(levels) = levels else {
            return Err(format!(
                "factor.{path}: a range is drawn from: expected a list, or design = \"random\""
            ));
        };
        if levels.is_empty() || all.len().saturating_mul(levels.len()) > MAX_CELLS {
            return Err(format!("factor.{path}: {} levels make too few or too many cells", levels.len()));
        }
        let with = |cell: &Vec<(String, String)>, level: &Value| {
            let mut cell = cell.clone();
            cell.push((path.clone(), written(level)));
            cell
        };
        all = all.iter().flat_map(|cell| levels.iter().map(move |level| with(cell, level))).collect();
    }
    Ok(all)
}

fn drawn(file: &File) -> Result<Vec<Vec<(String, String)>>, String> {
    let samples =
        file.samples.ok_or("samples is missing: expected how many cells are drawn, such as samples = 100")?;
    if samples as usize > MAX_CELLS {
        return Err(format!("samples = {samples} is too many: expected at most {MAX_CELLS}"));
    }
    let mut all: Vec<Vec<(String, String)>> = vec![Vec::new(); samples as usize];
    for (number, (path, levels)) in file.factor.iter().enumerate() {
        let units = along(file.design.unwrap_or_default(), samples, file.seed.unwrap_or(1), number);
        for (cell, unit) in all.iter_mut().zip(units) {
            cell.push((path.clone(), at(levels, unit).map_err(|why| format!("factor.{path}: {why}"))?));
        }
    }
    Ok(all)
}

/// So many draws from 0..1 along an axis: independent, or one from each stratum of a Latin hypercube.
fn along(design: Design, samples: u32, seed: u64, axis: usize) -> Vec<f64> {
    let mut stream = Stream::new(seed, Source::Order, axis as u64, 0);
    let mut strata: Vec<u32> = (0..samples).collect();
    stream.shuffle(&mut strata);
    let draw = |stratum| match design {
        Design::LatinHypercube => (f64::from(stratum) + stream.unit()) / f64::from(samples),
        _ => stream.unit(),
    };
    strata.into_iter().map(draw).collect()
}

/// The level at `unit`, in 0..1, of the way through.
fn at(levels: &Levels, unit: f64) -> Result<String, String> {
    match levels {
        Levels::List(levels) => {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an index"
            )]
            let index = (unit * levels.len() as f64) as usize;
            levels
                .get(index.min(levels.len().saturating_sub(1)))
                .map(written)
                .ok_or_else(|| "has no levels".into())
        }
        Levels::Range(range) => {
            let Range { from, to, log, whole, unit: behind } = range;
            if !(from.is_finite() && to.is_finite() && from < to) || (*log && *from <= 0.0) {
                return Err("expected from below to, both finite, and above 0 with log = true".into());
            }
            let value = if *log { from * (to / from).powf(unit) } else { from + (to - from) * unit };
            // Six digits: a level that a person can read, and the same on every machine.
            let value = if *whole { format!("{value:.0}") } else { short(value) };
            Ok(format!("{value}{behind}"))
        }
    }
}

fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(text: &str) -> Result<Study, String> {
        read_study(&format!("schema = 1\nname = \"s\"\nscenario = \"agents\"\n{text}"), "s.toml")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_grid_is_every_combination_in_a_fixed_order() {
        let found = study("seeds = { first = 7, count = 2 }\n[factor]\nthreads = [1, 2]\nqueue = [\"mutex\", \"lockfree\"]\n").unwrap();
        assert_eq!(found.combinations.len(), 4);
        assert_eq!(
            found.combinations[1],
            [("queue".to_owned(), "mutex".to_owned()), ("threads".to_owned(), "2".to_owned())]
        );
        assert_eq!(found.seeds, [7, 8]);
        assert_eq!(found.engines, ["virtual"]);
    }

    #[test]
    fn a_latin_hypercube_hits_every_stratum_once() {
        let text =
            "design = \"latin-hypercube\"\nsamples = 10\n[factor]\n\"run.tasks\" = { from = 0, to = 10 }\n";
        let found = study(text).unwrap();
        assert_eq!(found, study(text).unwrap());
        let mut strata: Vec<u64> = found
            .combinations
            .iter()
            .map(|cell| cell[0].1.parse::<f64>().unwrap().floor().to_string().parse().unwrap())
            .collect();
        strata.sort_unstable();
        assert_eq!(strata, (0..10).collect::<Vec<u64>>());
    }

    #[test]
    fn studies_that_cannot_be_are_refused_in_a_sentence() {
        for (text, reason) in [
            ("factors = 1", "unknown field `factors`"),
            ("engines = [\"fast\"]", "expected real or virtual"),
            ("seeds = { count = 0 }", "a count of at least 1"),
            ("[factor]\nthreads = []", "0 levels"),
            ("[factor]\nthreads = { from = 1, to = 2 }", "expected a list"),
            ("design = \"random\"\n[factor]\nthreads = [1]", "samples is missing"),
            (
                "design = \"random\"\nsamples = 2\n[factor]\nx = { from = 2, to = 1 }",
                "expected from below to",
            ),
            ("design = \"list\"", "takes [[cell]]"),
            ("seeds = { count = 100000000 }", "makes 100000000 cells"),
            ("[explain]\n[compare]", "[compare] and [explain]: expected one of them"),
            ("[explain]\n[factor]\nthreads = [1]", "factor: [explain] says which cells there are"),
            ("seeds = { count = 2 }\n[search]", "expected seed and replicates in that table"),
            ("engines = [\"real\"]\n[whatif]", "[whatif] runs in virtual time"),
            ("samples = 5\n[fit]\nto = \"x\"", "expected samples in that table"),
            ("[fit]\nto = \"x\"\nsamples = 1", "fit.samples: 1: expected a whole number from 2"),
            ("[fit]\nto = \"x\"\nsamples = [3]", "fit.samples: [3]: expected a whole number"),
            ("[compare]\nthreads = []", "compare.threads: expected a value or a list of values"),
            ("[compare]\nthreads = { from = 1 }", "compare.threads: expected a value or a list"),
        ] {
            let said = study(text).unwrap_err();
            assert!(said.starts_with("s.toml: ") && said.contains(reason), "{text}: {said}");
        }
    }
}
