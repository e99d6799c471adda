//! The language as a JSON Schema, for editors and for taplo.
//!
//! A schema can say which keys there are, what kind of value stands in each, and the range of numbers. It cannot say that a
//! name is defined elsewhere, that messages go round in a cycle, or that a file of samples exists: the parser does.

use super::{EngineKind, Full, LoadArm, Prefer, Route};
use crate::cache::CacheLayout;
use crate::queue::QueueKind;
use serde_json::{Value, json};

/// Where the schema is published; scenarios name it in their first line: `#:schema …`.
pub const SCHEMA_PLACE: &str = "schema/scenario.schema.json";

/// The schema of scenario files, version 1.
#[must_use]
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A conlab scenario, schema 1",
        "description": "What the keys mean: docs/scenarios.md. `conlab run FILE` says what a schema cannot.",
        "type": "object",
        "required": ["schema", "name", "actor"],
        "additionalProperties": false,
        "properties": {
            "schema": { "const": 1, "description": "Version of the language." },
            "name": { "$ref": "#/$defs/name", "description": "The scenario's name." },
            "question": { "type": "string", "description": "What it asks, as a sentence." },
            "run": { "$ref": "#/$defs/run" },
            "host": { "$ref": "#/$defs/host" },
            "lock": family("lock"),
            "pool": family("pool"),
            "event": family("event"),
            "cache": family("cache"),
            "store": family("store"),
            "workers": family("workers"),
            "actor": { "type": "object", "minProperties": 1, "propertyNames": { "$ref": "#/$defs/name" },
                       "additionalProperties": { "$ref": "#/$defs/actor" } },
            "isolated": { "type": "object", "additionalProperties": false,
                "description": "Which actors keep load of their own when the actor in focus runs isolated.",
                "properties": { "load": { "type": "array", "items": { "type": "string" } } } },
        },
        "$defs": defs(),
    })
}

fn family(name: &str) -> Value {
    json!({ "type": "object", "propertyNames": { "$ref": "#/$defs/name" },
            "additionalProperties": { "$ref": format!("#/$defs/{name}") } })
}

fn count(least: u64, most: u64, what: &str) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "description": what })
}

fn time(what: &str) -> Value {
    json!({ "$ref": "#/$defs/duration", "description": what })
}

fn flag(what: &str) -> Value {
    json!({ "type": "boolean", "description": what })
}

fn draw(what: &str) -> Value {
    json!({ "$ref": "#/$defs/draw", "description": what })
}

fn size(what: &str) -> Value {
    json!({ "$ref": "#/$defs/size", "description": what })
}

fn named(what: &str) -> Value {
    json!({ "type": "string", "description": what })
}

fn defs() -> Value {
    let mut all = quantities();
    for (name, definition) in [
        ("run", run()),
        ("host", host()),
        ("lock", lock()),
        ("pool", pool()),
        ("event", event()),
        ("cache", cache()),
        ("store", store()),
        ("workers", workers()),
        ("actor", actor()),
        ("on", on()),
        ("shed", shed()),
        ("load", load()),
        ("phase", phase()),
        ("step", step()),
        ("section", section()),
        ("batch", batch()),
        ("retry", retry()),
        ("miss", miss()),
    ] {
        all[name] = definition;
    }
    all
}

/// Names, times, sizes, rates and spreads.
fn quantities() -> Value {
    let unit = "(ns|us|µs|ms|s|min|m|h)";
    json!({
        "name": { "type": "string", "minLength": 1, "maxLength": 100, "pattern": "\\S" },
        "duration": { "type": "string", "pattern": format!("^\\s*(\\+?[0-9._]+\\s*{unit}|[-+]?0+(\\.0*)?)\\s*$") },
        "size": { "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 68_719_476_736_u64 },
            { "type": "string", "pattern": "^\\s*\\+?[0-9._]+\\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?\\s*$" },
        ]},
        "rate": { "anyOf": [
            { "type": "number", "exclusiveMinimum": 0 },
            { "type": "string", "pattern": format!("^\\s*\\+?[0-9._]+\\s*(/\\s*{unit})?\\s*$") },
        ]},
        "share": { "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": "^[0-9.]+\\s*%$" },
        ]},
        "spread": { "anyOf": [
            { "enum": ["constant", "exponential"] },
            { "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false, "properties": {
                "uniform": { "type": "number", "minimum": 0, "maximum": 1 },
                "lognormal": { "type": "number", "minimum": 0, "maximum": 5 },
                "gamma": { "type": "number", "minimum": 0.01, "maximum": 1e6 },
                "pareto": { "type": "number", "minimum": 1.01, "maximum": 1000 },
                "hyperexponential": { "type": "number", "minimum": 1, "maximum": 1e6 },
                "ramp": { "type": "object", "additionalProperties": false, "required": ["step", "count"], "properties": {
                    "step": time("How much longer each task takes than the one before."),
                    "count": count(1, 1_000_000_000, "Tasks after which it begins anew."),
                }},
                "empirical": { "anyOf": [
                    named("A file of samples."),
                    { "type": "array", "minItems": 1, "items": { "type": "number", "minimum": 0 } },
                ]},
            }},
        ]},
        "draw": { "anyOf": [
            { "$ref": "#/$defs/duration" },
            { "type": "object", "additionalProperties": false, "required": ["mean"],
              "properties": { "mean": time("The mean."), "spread": { "$ref": "#/$defs/spread" } } },
            { "type": "object", "additionalProperties": false, "required": ["samples"],
              "properties": { "samples": named("A file of samples."), "unit": { "enum": ["ns", "us", "ms", "s"] },
                              "order": { "enum": ["drawn", "recorded"] } } },
        ]},
    })
}

fn run() -> Value {
    json!({ "type": "object", "additionalProperties": false, "description": "How much is run.", "properties": {
        "tasks": count(1, 1_000_000_000_000, "Measured tasks of the actor in focus after which the run ends."),
        "duration": time("Measured time after which the run ends."),
        "warmup": time("Discarded start."),
        "seed": count(0, i64::MAX.unsigned_abs(), "Seed of every stream of random numbers."),
        "replicates": count(1, 1_000_000, "Independent repetitions."),
        "load": { "enum": LoadArm::ALL.map(LoadArm::name), "description": "Who is loaded." },
        "engine": { "enum": EngineKind::ALL.map(EngineKind::name) },
    }})
}

fn host() -> Value {
    json!({ "type": "object", "additionalProperties": false, "description": "The simulated machine.", "properties": {
        "cores": count(1, super::file::MAX_THREADS, "Cores simulated; real: processors that the run is confined to."),
        "slice": time("How long a thread runs before another one may."),
        "switch": time("What a context switch costs."),
        "wake": time("What a wake-up costs."),
        "quota": { "description": "Processors that a control group allows.", "anyOf": [
            { "type": "number", "minimum": 0.001, "maximum": 65_536 },
            { "type": "string", "pattern": "^[0-9.]+\\s*%$" },
        ]},
        "period": time("The quota's period."),
        "siblings": { "$ref": "#/$defs/share", "description": "Speed of each of two processors that share a core while both are busy." },
        "ideal": flag("Begin with a host that charges nothing."),
        "spread": flag("Whether wake-ups, signals and ends of sleeps vary."),
        "issuers": flag("Whether load is issued by threads that need a processor themselves."),
        "wake_packing": count(0, 1000, "Of a thousand woken threads, how many the kernel puts on their waker's processor."),
        "wake_packing_below": count(0, 1000, "Use of that processor, in thousandths, up to which it does."),
        "signal": time("What waking another thread costs the waker: the median."),
        "overshoot": time("How much later than asked sleeps end."),
        "jitter": time("By how much that varies, up to overshoot."),
        "base_slice": time("The base slice of Linux's scheduler; 0s: threads run until they block."),
        "kernel_tick": time("The kernel's tick; 0s: one queue serves all cores, first come, first served."),
        "tick": time("Granularity of the asynchronous runtime's timer."),
        "poll": time("Resuming a task on an asynchronous worker."),
        "lock": time("Taking a free lock."),
        "transfer": time("Moving a line between cores."),
        "cache": time("Looking a key up in a cache."),
        "touch": time("Streaming through a KiB of memory."),
        "compress": time("Compressing a KiB of text."),
        "push": time("Putting a task into a queue of any kind."),
        "pop": time("Taking one out."),
        "exclusive": time("How long either keeps others out."),
    }})
}

fn lock() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "kind": { "enum": ["mutex", "spin", "shared", "gil", "absent"], "description": "gil: an interpreter lock as CPython has it." },
        "interval": time("Switch interval of an interpreter lock."),
        "check": time("Work between two polls of an interpreter lock's drop request."),
        "next": { "description": "Who gets it next.", "anyOf": [
            { "enum": ["barge", "fifo"] },
            { "type": "object", "additionalProperties": false, "required": ["handover"],
              "properties": { "handover": time("How long a waiter waits before the lock is handed to it.") } },
        ]},
        "wait": { "description": "How a thread waits for it.", "anyOf": [
            { "const": "park" },
            { "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": {
                "spin": time("How long it spins before it parks."),
                "poll": time("How long it sleeps between two looks."),
            }},
        ]},
        "private": { "type": "boolean", "description": "Whether each instance of an actor has one of its own." },
        "prefer": { "enum": Prefer::ALL.map(Prefer::name), "description": "Readers or writers, of a shared lock." },
    }})
}

fn pool() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["size"], "properties": {
        "size": count(1, 1 << 24, "Tasks that hold a place at once."),
        "next": { "enum": ["barge", "fifo"] },
        "timeout": draw("After which a task that waits gives up."),
    }})
}

fn event() -> Value {
    let happens = json!([{ "required": ["at"] }, { "required": ["every"] }]);
    json!({ "type": "object", "additionalProperties": false, "required": ["for"],
        "allOf": [{ "anyOf": happens }, { "oneOf": [{ "required": ["pause"] }, { "required": ["kill"] }] }],
        "properties": {
            "at": time("When it happens first."),
            "every": draw("How long after its beginning it happens again."),
            "for": draw("How long it lasts."),
            "pause": named("Whom it stops: all, or the name of an actor."),
            "kill": named("Whose workers die when it begins, and are back when it is over."),
            "workers": count(1, super::file::MAX_THREADS, "How many of them; all where it is left out."),
        },
    })
}

fn cache() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["capacity", "keys"], "properties": {
        "layout": { "enum": CacheLayout::ALL.map(CacheLayout::name) },
        "capacity": count(1, 100_000_000, "Entries that fit."),
        "keys": { "type": "object", "additionalProperties": false, "required": ["count"], "properties": {
            "count": count(1, 1_000_000_000_000, "Distinct keys."),
            "zipf": { "type": "number", "minimum": 0, "maximum": 100 },
        }},
        "shards": count(1, 65_536, "Shards of the sharded layout."),
        "padded": { "type": "boolean" },
        "value": size("Bytes of a value."),
        "ttl": time("How long an entry is good."),
        "once": { "type": "boolean", "description": "Whether a missing key is fetched once for all who wait for it." },
    }})
}

fn store() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "value": size("Bytes of a value."),
        "count": count(1, 1_000_000_000, "Keys."),
        "durable": { "type": "boolean", "description": "Whether a write waits for the disk." },
        "read": draw("What a read takes in virtual time."),
        "write": draw("What a write takes in virtual time."),
    }})
}

fn workers() -> Value {
    json!({ "type": "object", "additionalProperties": false, "description": "Workers that several actors share.", "properties": {
        "threads": count(1, super::file::MAX_THREADS, "Worker threads."),
        "queue": { "enum": QueueKind::ALL.map(QueueKind::name), "description": "How tasks reach the workers." },
        "capacity": count(1, 1 << 24, "Tasks that their queue holds."),
        "nice": nice(),
        "restart": draw("How long a worker is away after a task has panicked on it."),
    }})
}

fn actor() -> Value {
    json!({ "type": "object", "additionalProperties": false,
        "anyOf": [{ "required": ["steps"] }, { "required": ["on"] }],
        "properties": {
            "focus": { "type": "boolean", "description": "The actor that the question is about." },
            "threads": count(1, super::file::MAX_THREADS, "Worker threads."),
            "queue": { "enum": QueueKind::ALL.map(QueueKind::name), "description": "How tasks reach the workers." },
            "capacity": count(1, 1 << 24, "Tasks that its queue holds."),
            "load": { "$ref": "#/$defs/load" },
            "under": named("The lock that its work is done under; empty for none."),
            "steps": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/step" }, { "$ref": "#/$defs/section" }] } },
            "on": { "type": "object", "propertyNames": { "$ref": "#/$defs/name" },
                    "additionalProperties": { "$ref": "#/$defs/on" }, "description": "Kinds of request." },
            "full": { "enum": Full::ALL.map(Full::name), "description": "What a full queue answers." },
            "timeout": draw("After which a task that waits is given up."),
            "shed": { "$ref": "#/$defs/shed" },
            "slowdown": { "type": "object", "additionalProperties": false, "required": ["each"],
                "description": "Whatever its tasks do takes longer, the more of them are under way.", "properties": {
                "beyond": count(0, 1 << 24, "Tasks under way up to which nothing takes longer."),
                "each": { "$ref": "#/$defs/share", "description": "How much longer for each further one." },
            }},
            "nice": nice(),
            "restart": draw("How long a worker is away after a task has panicked on it."),
            "workers": named("The workers that it shares with other actors."),
            "instances": count(1, 10_000, "How many there are, each with workers, queue and locks of its own."),
            "route": { "enum": Route::ALL.map(Route::name), "description": "Which of them a message goes to." },
            "offload": { "type": "object", "additionalProperties": false, "description": "Its blocking pool.", "properties": {
                "threads": count(1, super::file::MAX_THREADS, "Threads of the pool."),
                "queue": { "enum": QueueKind::ALL.map(QueueKind::name).into_iter().filter(|name| *name != "async").collect::<Vec<_>>() },
                "capacity": count(1, 1 << 24, "Tasks that its queue holds."),
            }},
        },
    })
}

fn nice() -> Value {
    json!({ "type": "integer", "minimum": -20, "maximum": 19, "description": "Nice value of the workers." })
}

fn on() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["steps"], "properties": {
        "steps": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/step" }, { "$ref": "#/$defs/section" }] } },
        "priority": count(0, 1000, "Higher ones are served first."),
    }})
}

fn shed() -> Value {
    json!({ "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
        "description": "When tasks are turned away.", "properties": {
            "length": count(1, 1 << 24, "Tasks in the queue beyond which new ones are."),
            "age": time("Time in the queue beyond which they are."),
        },
    })
}

fn load() -> Value {
    let mix = json!({ "type": "object", "minProperties": 1, "description": "Weights of the kinds of request.",
        "additionalProperties": { "type": "number", "minimum": 0, "maximum": 1e9 } });
    let rhythm = json!({ "enum": ["poisson", "paced", "uniform"] });
    json!({ "description": "Tasks of its own: closed (clients) or open (rate, phases, or a file of instants).", "anyOf": [
        { "type": "object", "additionalProperties": false, "required": ["clients"], "properties": {
            "clients": count(1, 1_000_000, "Clients, each waiting for its answer."),
            "think": draw("What a client waits before its next task."),
            "spread": { "$ref": "#/$defs/spread" },
            "mix": mix,
        }},
        { "type": "object", "additionalProperties": false, "required": ["rate"], "properties": {
            "rate": { "$ref": "#/$defs/rate" }, "arrivals": rhythm, "mix": mix,
        }},
        { "type": "object", "additionalProperties": false, "required": ["phases"], "properties": {
            "phases": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/phase" } },
            "arrivals": rhythm, "mix": mix,
        }},
        { "type": "object", "additionalProperties": false, "required": ["arrivals"], "properties": {
            "arrivals": named("A file of instants."), "unit": { "enum": ["ns", "us", "ms", "s"] }, "mix": mix,
        }},
    ]})
}

fn phase() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["for", "rate"], "properties": {
        "for": time("How long it lasts."),
        "rate": { "anyOf": [{ "$ref": "#/$defs/rate" }, { "const": 0 }] },
    }})
}

/// A lock held over several steps.
fn section() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["lock", "steps"],
        "description": "A lock that is held over several steps.", "properties": {
        "name": { "$ref": "#/$defs/name" },
        "lock": named("The lock."),
        "steps": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/step" } },
    }})
}

fn step() -> Value {
    let effects =
        ["compute", "touch", "compress", "cache", "read", "write", "io", "call", "send", "fail", "panic"];
    let some: Vec<Value> = effects.iter().map(|effect| json!({ "required": [effect] })).collect();
    let mut properties = json!({
        "name": { "$ref": "#/$defs/name" },
        "times": count(1, 1_000_000_000, "How often it is done."),
        "chance": { "$ref": "#/$defs/share", "description": "How likely it is done at all." },
        "under": named("The lock that it is done under; empty for none."),
        "lock": named("The lock that is held over the whole step."),
        "share": { "type": "boolean", "description": "Whether the lock is held as readers hold it." },
        "pool": named("The pool that a place is taken of."),
        "spread": { "$ref": "#/$defs/spread" },
        "compute": draw("Work on a processor."),
        "touch": size("Memory read and written."),
        "compress": size("Text compressed."),
        "cache": named("The cache that is asked for a key."),
        "hit": draw("What a hit takes."),
        "miss": { "$ref": "#/$defs/miss" },
        "read": named("The store that is read."),
        "write": named("The store that is written."),
        "io": draw("A wait that takes no processor."),
        "blocks": { "type": "boolean", "description": "Whether the wait keeps its worker." },
        "offload": { "type": "boolean", "description": "Whether the actor's blocking pool does it." },
        "fail": { "$ref": "#/$defs/share", "description": "How likely the task fails here." },
        "panic": { "description": "Which tasks panic here.", "anyOf": [
            { "$ref": "#/$defs/share" },
            { "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": {
                "task": count(1, 1_000_000_000_000, "The one that comes as this one."),
                "every": count(1, 1_000_000_000_000, "Each that comes as a multiple of this one."),
            }},
        ]},
        "batch": { "$ref": "#/$defs/batch" },
        "send": named("The actor, or actor and kind, that a message is sent to."),
    });
    for (key, meaning) in call() {
        properties[key] = meaning;
    }
    json!({ "type": "object", "additionalProperties": false, "required": ["name"], "anyOf": some, "properties": properties })
}

/// The keys of a call.
fn call() -> [(&'static str, Value); 8] {
    [
        (
            "call",
            json!({ "description": "Whom it calls; it waits for the answer.", "anyOf": [
                { "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } },
            ]}),
        ),
        ("fan", count(1, 100_000, "Messages of the call.")),
        (
            "wait",
            json!({ "description": "Answers that are waited for.", "anyOf": [
                { "enum": ["all", "first"] }, { "type": "integer", "minimum": 1 },
            ]}),
        ),
        ("parallel", count(1, 100_000, "Messages under way at once.")),
        ("hedge", time("After which the message is sent a second time.")),
        ("timeout", draw("After which it waits no longer.")),
        (
            "cancel",
            json!({ "type": "boolean", "description": "Whether messages that nobody waits for are withdrawn." }),
        ),
        ("retry", json!({ "$ref": "#/$defs/retry" })),
    ]
}

fn retry() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["times"], "properties": {
        "times": count(1, 1000, "How often it is tried again."),
        "after": time("How long after the failure."),
        "factor": { "type": "number", "minimum": 1, "maximum": 1000 },
        "jitter": { "type": "number", "minimum": 0, "maximum": 1 },
        "budget": { "$ref": "#/$defs/share" },
    }})
}

fn batch() -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": ["most"], "properties": {
        "most": count(1, 1_000_000, "Tasks of a batch."),
        "within": time("How long the first waits for others."),
    }})
}

fn miss() -> Value {
    json!({ "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false, "properties": {
        "io": draw("A wait."),
        "compute": draw("Work."),
        "read": named("The store that the value is read from."),
    }})
}
