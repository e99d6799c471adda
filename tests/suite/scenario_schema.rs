//! The JSON Schema of scenarios: published as generated, true of every built-in, as strict as a schema can be, and with
//! every key that the parser knows.

use conlab::scenario::{EMBEDDED, SCHEMA_PLACE, Scenario, schema};
use serde_json::{Map, Number, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// TOML as JSON, which is what a schema describes.
fn to_json(text: &str) -> Value {
    fn of(value: &toml_edit::Value) -> Value {
        match value {
            toml_edit::Value::String(text) => Value::String(text.value().clone()),
            toml_edit::Value::Integer(number) => (*number.value()).into(),
            toml_edit::Value::Float(number) => {
                Number::from_f64(*number.value()).map_or(Value::Null, Value::Number)
            }
            toml_edit::Value::Boolean(truth) => (*truth.value()).into(),
            toml_edit::Value::Datetime(time) => time.value().to_string().into(),
            toml_edit::Value::Array(values) => values.iter().map(of).collect(),
            toml_edit::Value::InlineTable(table) => table_of(table),
        }
    }
    fn item(item: &toml_edit::Item) -> Value {
        match item {
            toml_edit::Item::None => Value::Null,
            toml_edit::Item::Value(value) => of(value),
            toml_edit::Item::Table(table) => table_of(table),
            toml_edit::Item::ArrayOfTables(tables) => tables.iter().map(|table| table_of(table)).collect(),
        }
    }
    fn table_of(table: &dyn toml_edit::TableLike) -> Value {
        table.iter().map(|(key, value)| (key.to_owned(), item(value))).collect::<Map<_, _>>().into()
    }
    table_of(text.parse::<toml_edit::DocumentMut>().unwrap().as_table())
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMA_PLACE);
    let text = format!("{:#}\n", schema());
    if std::env::var_os("CONLAB_UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == text,
        "{SCHEMA_PLACE} is stale: CONLAB_UPDATE_SCHEMA=1 cargo test --test suite schema"
    );
}

#[test]
fn every_built_in_and_the_template_are_accepted_and_name_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/templates");
    let templates: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()))
        .collect();
    let all = EMBEDDED.iter().map(|one| (one.name, one.text));
    let all = all.chain(templates.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    for (name, text) in all {
        let errors: Vec<String> = validator
            .iter_errors(&to_json(text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("#:schema ") && first.ends_with("scenario.schema.json"), "{name}: {first}");
    }
}

/// A scenario with every kind of table.
const RIGHT: &str = r#"schema = 1
name = "right"
[run]
tasks = 10
[host]
cores = 2
[lock.table]
kind = "mutex"
[pool.connections]
size = 10
[event.collection]
every = "2s"
for = "20ms"
pause = "all"
[cache.rsu]
capacity = 100
keys = { count = 1000, zipf = 0.9 }
[store.disk]
value = "4KiB"
[actor.agents]
focus = true
threads = 2
load = { clients = 2, think = "1ms" }
steps = [{ name = "plan", compute = "1ms", spread = { lognormal = 0.1 } }]
[actor.vault]
load = { rate = "10/s" }
steps = [{ name = "read", cache = "rsu", hit = "1us", miss = { io = { mean = "1ms", spread = "exponential" } } }]
[isolated]
load = ["agents"]
"#;

/// Mistakes in it that a schema can express: a text, and what stands there instead.
const MISTAKES: [(&str, &str); 43] = [
    ("schema = 1", "schema = 2"),
    ("schema = 1\n", ""),
    ("name = \"right\"", "name = \"\""),
    ("tasks = 10", "tasks = 0"),
    ("tasks = 10", "task = 10"),
    ("tasks = 10", "tasks = \"10\""),
    ("tasks = 10", "duration = \"10\""),
    ("tasks = 10", "duration = \"-10ms\""),
    ("tasks = 10", "duration = \"10 parsecs\""),
    ("tasks = 10", "engine = \"virtul\""),
    ("tasks = 10", "load = \"isolate\""),
    ("cores = 2", "cores = 0"),
    ("cores = 2", "core = 2"),
    ("kind = \"mutex\"", "kind = \"mutx\""),
    ("capacity = 100\n", ""),
    ("capacity = 100", "capacity = 0"),
    ("zipf = 0.9", "zipf = -1.0"),
    ("value = \"4KiB\"", "value = \"4KiBB\""),
    ("value = \"4KiB\"", "value = 0"),
    ("focus = true", "focus = \"yes\""),
    ("threads = 2", "threads = 0"),
    ("threads = 2", "thread = 2"),
    ("threads = 2", "queue = \"lockfre\""),
    ("load = { clients = 2, think = \"1ms\" }", "load = { clients = 2, rate = \"5/s\" }"),
    ("load = { clients = 2, think = \"1ms\" }", "load = { clients = 0 }"),
    ("rate = \"10/s\"", "rate = \"10/parsec\""),
    ("rate = \"10/s\"", "rate = \"10/s\", arrivals = \"random\""),
    ("name = \"plan\", ", ""),
    ("compute = \"1ms\", ", ""),
    ("lognormal = 0.1", "lognormal = 9.0"),
    ("lognormal = 0.1", "lognormall = 0.1"),
    ("lognormal = 0.1", "lognormal = 0.1, gamma = 1.0"),
    ("spread = \"exponential\"", "spread = \"gamma\""),
    ("miss = { io", "miss = { oi"),
    ("size = 10\n", ""),
    ("size = 10", "next = \"lifo\""),
    ("pause = \"all\"\n", ""),
    ("every = \"2s\"\n", ""),
    ("compute = \"1ms\", ", "compute = \"1ms\", chance = 2.0, "),
    ("compute = \"1ms\", ", "compute = \"1ms\", retry = { times = 0 }, "),
    ("compute = \"1ms\", ", "compute = \"1ms\", batch = { within = \"1ms\" }, "),
    ("focus = true", "focus = true\nfull = \"explode\""),
    ("focus = true", "focus = true\nshed = { length = 1, age = \"1s\" }"),
];

#[test]
fn mistakes_that_a_schema_can_express_are_flagged_by_it_and_by_the_parser() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    assert!(validator.is_valid(&to_json(RIGHT)));
    Scenario::parse(RIGHT, "right").unwrap();
    for (from, to) in MISTAKES {
        assert!(RIGHT.contains(from), "{from}");
        let wrong = RIGHT.replacen(from, to, 1);
        assert!(Scenario::parse(&wrong, "wrong").is_err(), "the parser takes `{to}`");
        assert!(!validator.is_valid(&to_json(&wrong)), "the schema takes `{to}` for `{from}`");
    }
}

/// What editors ask: taplo, a checker of TOML that is not ours, takes every built-in and template and flags every mistake.
#[test]
fn taplo_takes_every_built_in_and_flags_every_mistake() {
    let taplo = |words: &[String]| std::process::Command::new("taplo").args(words).output();
    if taplo(&["--version".into()]).is_err() {
        return eprintln!("passed over: there is no taplo (pip install taplo)");
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("scenario.schema.json");
    fs::write(&place, schema().to_string()).unwrap();
    let check = |files: Vec<String>| {
        let mut words: Vec<String> = ["check", "--no-auto-config", "--schema"].map(str::to_owned).into();
        words.push(format!("file://{}", place.display()));
        words.extend(files);
        let output = taplo(&words).unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut right: Vec<String> = ["experiments", "experiments/phase-18f", "src/cli/templates"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.starts_with("#:schema ")))
        .map(|path| path.display().to_string())
        .collect();
    assert!(right.len() >= EMBEDDED.len(), "{} files name the schema", right.len());
    let file = |name: String, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    right.push(file("right.toml".into(), RIGHT));
    let (taken, said) = check(right);
    assert!(taken, "{said}");
    // One by one: what taplo says of several may end before the last, its exit code is sure.
    for (index, (from, to)) in MISTAKES.iter().enumerate() {
        let (taken, said) = check(vec![file(format!("wrong-{index}.toml"), &RIGHT.replacen(from, to, 1))]);
        assert!(!taken, "`{to}` for `{from}`: {said}");
    }
}

/// The keys that the parser says it knows in the table where `text` has the key `qqq`.
fn known(text: &str) -> BTreeSet<String> {
    let error = Scenario::parse(text, "x").unwrap_err().to_string();
    let line = error.lines().find(|line| line.contains("`qqq`")).unwrap_or_else(|| panic!("{error}"));
    let list = line
        .split("(known: ")
        .nth(1)
        .and_then(|rest| rest.split(')').next())
        .unwrap_or_else(|| panic!("{line}"));
    list.split(", ").map(str::to_owned).collect()
}

/// The keys of a step, which are too many for a message to name them, from the parser's own lists.
fn keys_of_steps() -> BTreeSet<String> {
    let list = |file: &str, name: &str| -> Vec<String> {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario").join(file))
            .unwrap();
        let after =
            text.split(&format!("const {name}: ")).nth(1).unwrap_or_else(|| panic!("{file} has no {name}"));
        let list = after.split("= [").nth(1).unwrap().split("];").next().unwrap();
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    list("actors.rs", "STEP").into_iter().chain(list("calls.rs", "CALL")).collect()
}

/// The keys that the schema has for one of its tables: those of all its shapes.
fn in_schema(table: &Value) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> =
        table["properties"].as_object().into_iter().flat_map(|keys| keys.keys().cloned()).collect();
    for shape in table["anyOf"].as_array().into_iter().flatten() {
        keys.extend(in_schema(shape));
    }
    keys
}

#[test]
fn the_schema_has_every_key_that_the_parser_knows_and_no_other() {
    let all = schema();
    let defs = &all["$defs"];
    let put = |after: &str, what: &str| {
        assert!(RIGHT.contains(after), "{after}");
        RIGHT.replacen(after, &format!("{after}{what}"), 1)
    };
    for (name, table, text) in [
        ("root", &all, format!("qqq = 1\n{RIGHT}")),
        ("run", &defs["run"], put("tasks = 10", "\nqqq = 1")),
        ("host", &defs["host"], put("cores = 2", "\nqqq = 1")),
        ("lock", &defs["lock"], put("kind = \"mutex\"", "\nqqq = 1")),
        ("cache", &defs["cache"], put("capacity = 100", "\nqqq = 1")),
        ("keys", &defs["cache"]["properties"]["keys"], put("zipf = 0.9", ", qqq = 1")),
        ("store", &defs["store"], put("value = \"4KiB\"", "\nqqq = 1")),
        ("actor", &defs["actor"], put("focus = true", "\nqqq = 1")),
        ("load", &defs["load"], put("think = \"1ms\"", ", qqq = 1")),
        ("pool", &defs["pool"], put("size = 10", "\nqqq = 1")),
        ("event", &defs["event"], put("every = \"2s\"", "\nqqq = 1")),
        ("miss", &defs["miss"], put("miss = { ", "qqq = 1, ")),
        ("draw", &defs["draw"], put("mean = \"1ms\"", ", qqq = 1")),
        ("spread", &defs["spread"], put("lognormal = 0.1", ", qqq = 1")),
        ("isolated", &all["properties"]["isolated"], put("[isolated]\n", "qqq = 1\n")),
    ] {
        let mut schema = in_schema(table);
        if name == "spread" {
            // Words of their own, which the parser names in the same list.
            schema.extend(["constant", "exponential"].map(str::to_owned));
        }
        assert_eq!(known(&text), schema, "{name}: add the key to src/scenario/schema.rs");
    }
    assert_eq!(keys_of_steps(), in_schema(&defs["step"]), "step: add the key to src/scenario/schema.rs");
    assert_eq!(json!(1), all["properties"]["schema"]["const"]);
}
