//! A sweep as a table: one row for each figure of each cell.

use super::{Cell, Log, Outcome, Plan};
use crate::columns::{Field, Format, Item, Kind, Schema, Sink};
use crate::study::Metric;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// What counts the tasks of a cell, among its figures.
const TASKS: &str = "tasks";

/// Writes a row for each figure of each cell that was done, in the order of the plan; returns how many there are. A path
/// that cells set is a column: of whole numbers, of numbers or of text, whichever all of its levels are.
///
/// # Errors
///
/// What the writing says.
pub fn write_table<W: Write + Send>(plan: &Plan, log: &Log, format: Format, to: W) -> io::Result<u64> {
    let paths = super::merge::paths(plan);
    let kinds: Vec<Kind> = paths.iter().map(|path| kind(plan, path)).collect();
    let mut sink = Sink::new(format, schema(plan, &paths, &kinds), to)?;
    for (index, cell) in plan.cells.iter().enumerate() {
        let Some(Outcome::Done { tasks, figures, broken, host, .. }) =
            log.found.get(&cell.key).map(|stored| &stored.outcome)
        else {
            continue;
        };
        let mut row = vec![
            Item::Whole(index as u64),
            Item::Text(&cell.key),
            Item::Text(&cell.engine),
            if host.is_empty() { Item::Absent } else { Item::Text(host) },
            Item::Whole(cell.seed),
            Item::Text(if broken.is_empty() { "yes" } else { "no" }),
        ];
        row.extend(paths.iter().zip(&kinds).map(|(path, kind)| level(cell, path, *kind)));
        let fixed = row.len();
        #[expect(clippy::cast_precision_loss, reason = "fewer tasks than 2^53")]
        let tasks = Some((TASKS, "1", *tasks as f64));
        let all = Metric::ALL
            .iter()
            .filter_map(|metric| Some((metric.name(), metric.unit().sign(), *figures.get(metric.name())?)));
        for (name, unit, value) in tasks.into_iter().chain(all) {
            row.truncate(fixed);
            row.extend([Item::Text(name), Item::Text(unit), Item::Real(value)]);
            sink.row(&row)?;
        }
    }
    sink.finish()
}

fn schema(plan: &Plan, paths: &[&str], kinds: &[Kind]) -> Schema {
    let mut fields = vec![
        Field::new("cell", Kind::Whole, "number of the cell in its plan, from 0"),
        Field::new("key", Kind::Text, "hash of all that the cell's figures depend on"),
        Field::new("engine", Kind::Text, "real or virtual"),
        Field::new("host", Kind::Text, "where it ran; absent in virtual time"),
        Field::new("seed", Kind::Whole, "seed of every random stream"),
        Field::new("trustworthy", Kind::Text, "yes, or no where an identity does not hold"),
    ];
    fields.extend(
        paths.iter().zip(kinds).map(|(path, kind)| Field::new(path, *kind, "a level, as --set takes it")),
    );
    fields.extend([
        Field::new("figure", Kind::Text, "which figure of the actor in focus"),
        Field::new("unit", Kind::Text, "its unit: ns, 1/s, or 1 for counts and shares"),
        Field::new("value", Kind::Real, "its value, in the unit of its row"),
    ]);
    let mut units = Map::from_iter([(TASKS.to_owned(), Value::from("1"))]);
    units.extend(Metric::ALL.iter().map(|metric| (metric.name().to_owned(), metric.unit().sign().into())));
    let set: Map<String, Value> =
        plan.fixed.iter().map(|(path, value)| (path.clone(), value.clone().into())).collect();
    Schema {
        fields,
        notes: vec![
            ("conlab".into(), plan.version.clone()),
            ("conlab.table".into(), "sweep".into()),
            ("conlab.schema".into(), "1".into()),
            ("conlab.units".into(), Value::Object(units).to_string()),
            ("conlab.study".into(), plan.name.clone()),
            ("conlab.fixed".into(), Value::Object(set).to_string()),
        ],
    }
}

/// What all levels of `path` are.
fn kind(plan: &Plan, path: &str) -> Kind {
    let all = |is: fn(&str) -> bool| {
        plan.cells
            .iter()
            .flat_map(|cell| &cell.levels)
            .filter(|(known, _)| known == path)
            .all(|(_, value)| is(value))
    };
    if all(|value| value.parse::<u64>().is_ok()) {
        Kind::Whole
    } else if all(|value| value.parse::<f64>().is_ok_and(f64::is_finite)) {
        Kind::Real
    } else {
        Kind::Text
    }
}

fn level<'c>(cell: &'c Cell, path: &str, kind: Kind) -> Item<'c> {
    let Some((_, value)) = cell.levels.iter().find(|(known, _)| known == path) else { return Item::Absent };
    match kind {
        Kind::Text => Item::Text(value),
        Kind::Real => value.parse().map_or(Item::Absent, Item::Real),
        Kind::Whole => value.parse().map_or(Item::Absent, Item::Whole),
    }
}
