//! The scenarios that travel in the binary, one file each under `experiments/`.

/// A scenario in the binary.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// The name that the command line takes.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

/// Names each file of `experiments/` once; `name: file` where the file is called otherwise.
macro_rules! embedded {
    (@file $name:literal) => { $name };
    (@file $name:literal $file:literal) => { $file };
    ($($name:literal $(: $file:literal)?),* $(,)?) => {
        /// Every embedded scenario; the first is the default.
        pub const EMBEDDED: &[Embedded] = &[$(Embedded {
            name: $name,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/experiments/", embedded!(@file $name $($file)?), ".toml"
            )),
        }),*];
    };
}

embedded![
    "agents",
    "gil-convoy",
    "lock-convoy",
    "oversubscription",
    "false-sharing",
    "cache-contention",
    "thundering-herd",
    "slow-consumer",
    "priority-inversion",
    "durable-writes",
    "pool-exhausted",
    "retry-storm",
    "tail-at-scale",
    "quota-throttling",
    "group-commit",
    "reader-writer",
    "blocked-runtime",
    "stop-the-world",
    "unbalanced-processes",
    "phase-18f": "phase-18f/whole",
    "phase-18f-agents": "phase-18f/agents",
    "phase-18f-ryot": "phase-18f/ryot",
    "phase-18f-slang": "phase-18f/slang",
    "phase-18f-vault": "phase-18f/vault",
    "phase-18f-vault-writer": "phase-18f/vault-writer",
    "phase-18f-workflow": "phase-18f/workflow",
];

/// Name of the scenario that runs when none is named.
pub const DEFAULT: &str = "agents";

/// The embedded scenario of this name.
#[must_use]
pub fn embedded(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|scenario| scenario.name == name)
}
