//! Durations with their spread, as a scenario writes them.
//!
//! A duration is `"12ms"` with the spread of its step, or a table of its own: `{ mean = "12ms", spread = … }`, or
//! `{ samples = "measured.csv", unit = "ms" }` whose mean is that of the samples; `order = "recorded"` gives task `i` sample `i`.

use super::reader::{Field, Section};
use super::samples;
use super::unknown;
use crate::units::Nanos;
use crate::workload::{Draw, Spread};
use std::path::Path;

/// The shapes of a spread.
const SHAPES: [&str; 9] = [
    "constant",
    "uniform",
    "exponential",
    "lognormal",
    "gamma",
    "pareto",
    "hyperexponential",
    "ramp",
    "empirical",
];

/// What a spread looks like.
const EXPECTED: &str = "a spread such as \"exponential\", { lognormal = 0.1 }, { uniform = 0.15 } or \
                        { ramp = { step = \"1ms\", count = 20 } }";

/// A duration; `inherited` is the spread where it names none of its own.
pub(super) fn draw(field: &Field<'_>, inherited: &Spread) -> Option<Draw> {
    if field.is_text() {
        return Some(Draw { mean: field.duration()?, spread: inherited.clone() });
    }
    let table = field.section("a duration such as \"5ms\", or { mean = \"5ms\", spread = … }")?;
    table.only(&["mean", "spread", "samples", "unit", "order"]);
    if let Some(file) = table.field("samples") {
        if table.has("mean") || table.has("spread") {
            file.wrong("gives mean and spread already: expected `samples` and `unit` alone");
            return None;
        }
        let unit = table.text("unit", "ns, us, ms or s").unwrap_or("ns");
        let recorded = match table.text("order", "drawn or recorded") {
            None | Some("drawn") => false,
            Some("recorded") => true,
            Some(other) => {
                table.wrong(unknown("order", other, &["drawn", "recorded"]));
                false
            }
        };
        return sampled(&file, unit, recorded);
    }
    if let Some(order) = table.field("order") {
        order.wrong("belongs to `samples`: expected no order here");
    }
    if let Some(unit) = table.field("unit") {
        unit.wrong("belongs to `samples`: write the unit into the mean");
    }
    let spread = match table.field("spread") {
        Some(field) => spread(&field)?,
        None => inherited.clone(),
    };
    Some(Draw { mean: table.required("mean", "a duration such as \"5ms\"")?.duration()?, spread })
}

/// A spread.
pub(super) fn spread(field: &Field<'_>) -> Option<Spread> {
    if field.is_text() {
        const PLAIN: [&str; 2] = ["constant", "exponential"];
        let word = field.text(EXPECTED)?;
        return match word {
            "constant" => Some(Spread::Constant),
            "exponential" => Some(Spread::Exponential),
            _ if SHAPES.contains(&word) => {
                field.wrong(format!("`{word}` needs a parameter: expected {EXPECTED}"));
                None
            }
            _ => field.one_of("spread", &PLAIN, |name| name).and(None),
        };
    }
    let table = field.section(EXPECTED)?;
    table.only(&SHAPES);
    let fields = table.fields();
    let [(shape, parameter)] = fields.as_slice() else {
        field.wrong(format!("names {} shapes: expected exactly one, {EXPECTED}", fields.len()));
        return None;
    };
    match *shape {
        "uniform" => parameter.number(&(0.0..=1.0)).map(Spread::Uniform),
        "lognormal" => parameter.number(&(0.0..=5.0)).map(positive(Spread::Lognormal)),
        "gamma" => parameter.number(&(0.01..=1e6)).map(Spread::Gamma),
        "pareto" => parameter.number(&(1.01..=1000.0)).map(Spread::Pareto),
        "hyperexponential" => parameter.number(&(1.0..=1e6)).map(Spread::Hyperexponential),
        "ramp" => ramp(&parameter.section("{ step = \"1ms\", count = 20 }")?),
        "empirical" => empirical(parameter),
        "constant" | "exponential" => {
            parameter.wrong(format!("takes no parameter: write spread = \"{shape}\""));
            None
        }
        // `only` has noted it.
        _ => None,
    }
}

/// A lognormal of zero deviation is a constant.
fn positive(shape: fn(f64) -> Spread) -> impl Fn(f64) -> Spread {
    move |parameter| if parameter > 0.0 { shape(parameter) } else { Spread::Constant }
}

fn ramp(table: &Section<'_>) -> Option<Spread> {
    table.only(&["step", "count"]);
    let step = table.required("step", "a duration such as \"1ms\"")?.duration()?;
    let count = table.required("count", "a whole number of tasks")?.count(1, 1_000_000_000)?;
    if step.0.checked_mul(count).is_none_or(|top| top > super::LONGEST.0) {
        table.wrong("grows beyond a year: expected a smaller step or count");
        return None;
    }
    Some(Spread::Ramp { step, count })
}

/// Samples from a file or from the scenario itself, as multiples of their mean.
fn empirical(field: &Field<'_>) -> Option<Spread> {
    let (_, samples) = if field.is_text() {
        read(field)?
    } else {
        let values = field.elements("a file's name, or an array of numbers such as [0.8, 1.0, 1.2]")?;
        let values: Option<Vec<f64>> = values.iter().map(|value| value.number(&(0.0..=1e18))).collect();
        samples::normalised(values?).map_err(|why| field.wrong(why)).ok()?
    };
    Some(Spread::Empirical(samples.into()))
}

/// A duration whose mean and spread are those of samples.
fn sampled(field: &Field<'_>, unit: &str, recorded: bool) -> Option<Draw> {
    let factor = match unit {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => {
            field.wrong(format!("unknown unit `{unit}`: expected ns, us, ms or s"));
            return None;
        }
    };
    let (mean, samples) = read(field)?;
    let mean = Nanos(1).scaled(mean * factor);
    if mean > super::LONGEST {
        field.wrong("has a mean of more than a year: expected another unit");
        return None;
    }
    let spread = if recorded { Spread::Recorded(samples.into()) } else { Spread::Empirical(samples.into()) };
    Some(Draw { mean, spread })
}

fn read(field: &Field<'_>) -> Option<(f64, Vec<f64>)> {
    let path = field.text("a file of samples")?;
    samples::read(Path::new(path)).map_err(|why| field.wrong(why)).ok()
}
