//! `--calibration`: which constants the virtual engine charges.

use super::exit::Failure;
use crate::engine::real::RealEngine;
use crate::engine::{Engine, VirtualEngine};
use crate::files;
use crate::measure::Calibration;
use crate::scenario::EngineKind;
use std::path::Path;

/// Largest file of constants that is read.
const LARGEST: u64 = 1 << 20;

/// Which constants the virtual engine charges.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Virtual time")]
pub struct CalibrationOption {
    /// Constants of virtual time: a file of `conlab calibrate`, or `builtin`; left out: this host's stored ones, if any
    #[arg(long = "calibration", value_name = "FILE", value_parser = parse)]
    chosen: Option<Box<Calibration>>,
}

impl CalibrationOption {
    /// The constants that were asked for, or this host's stored ones, or the built-in ones.
    #[must_use]
    pub fn constants(&self) -> Calibration {
        self.chosen.as_deref().cloned().unwrap_or_else(Calibration::of_this_host)
    }

    /// The engine of this kind.
    #[must_use]
    pub fn engine(&self, kind: EngineKind) -> Box<dyn Engine + Sync> {
        match kind {
            EngineKind::Real => Box::new(RealEngine::new()),
            EngineKind::Virtual => Box::new(VirtualEngine::with(self.constants())),
        }
    }

    /// Refuses constants that nothing would be charged by.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when constants were asked for and no engine is virtual.
    pub fn honoured_by(&self, engines: &[EngineKind]) -> Result<(), Failure> {
        if self.chosen.is_some() && !engines.contains(&EngineKind::Virtual) {
            return Err(Failure::Usage(
                "--calibration: real threads are charged nothing; add --engine virtual, or leave it out"
                    .into(),
            ));
        }
        Ok(())
    }
}

/// Reads a file of constants, or the word for the built-in ones.
fn parse(text: &str) -> Result<Box<Calibration>, String> {
    if matches!(text, "builtin" | "none") {
        return Ok(Box::default());
    }
    let read = files::read_text(Path::new(text), LARGEST).map_err(|error| {
        format!("cannot read {text}: {error}; expected a file of `conlab calibrate`, or `builtin`")
    })?;
    let value: Option<serde_json::Value> = serde_json::from_str(&read).ok();
    value.and_then(|value| Calibration::of_any_host(&value).map(Box::new)).ok_or_else(|| {
        "expected the constants that `conlab calibrate` writes, as JSON with schema 1".to_owned()
    })
}
