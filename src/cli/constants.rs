//! `--calibration`: which constants the virtual engine charges.

use super::exit::{Failure, say};
use super::terminal::Terminal;
use crate::calibrate::measure;
use crate::engine::VirtualEngine;
use crate::engine::real::RealEngine;
use crate::files;
use crate::measure::Calibration;
use crate::scenario::EngineKind;
use crate::study::SharedEngine;
use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs};

/// Largest file of constants that is read.
const LARGEST: u64 = 1 << 20;
/// The variable that the option wins over.
const VARIABLE: &str = "CONLAB_CALIBRATION";

/// Which constants the virtual engine charges.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Virtual time")]
pub struct CalibrationOption {
    /// Constants of virtual time: a file of `conlab calibrate`, or `builtin` (also `none`); left out: this host's, measured at first use
    #[arg(long = "calibration", value_name = "FILE", value_parser = parse)]
    chosen: Option<Box<Calibration>>,
}

impl CalibrationOption {
    /// The constants that were asked for, by the option or its variable, or else this host's: stored ones, or measured now.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when the variable names no constants.
    pub fn constants(&self, terminal: &Terminal) -> Result<Calibration, Failure> {
        if let Some(chosen) = &self.chosen {
            return Ok((**chosen).clone());
        }
        match env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => {
                parse(&text).map(|found| *found).map_err(|why| Failure::Usage(format!("{VARIABLE}: {why}")))
            }
            _ => Ok(of_this_host(terminal)),
        }
    }

    /// The constants that runs of this kind are charged; none on real threads.
    ///
    /// # Errors
    ///
    /// As [`CalibrationOption::constants`].
    pub fn charged(&self, kind: EngineKind, terminal: &Terminal) -> Result<Option<Calibration>, Failure> {
        match kind {
            EngineKind::Real => Ok(None),
            EngineKind::Virtual => self.constants(terminal).map(Some),
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

/// Virtual time that charges `constants`, or real threads where nothing is charged.
pub(super) fn engine_charging(constants: Option<&Calibration>) -> Box<SharedEngine> {
    match constants {
        Some(constants) => Box::new(VirtualEngine::with(constants.clone())),
        None => Box::new(RealEngine::new()),
    }
}

/// This host's constants: the stored ones, or those that are measured and stored now. Once per process.
fn of_this_host(terminal: &Terminal) -> Calibration {
    static FOUND: OnceLock<Calibration> = OnceLock::new();
    FOUND.get_or_init(|| Calibration::of_this_host().unwrap_or_else(|| at_first_use(terminal))).clone()
}

/// Measures this host because nobody has yet. Programs that start at once wait for the first of them.
fn at_first_use(terminal: &Terminal) -> Calibration {
    let path = Calibration::path();
    let _alone = path.as_ref().and_then(|path| {
        fs::create_dir_all(path.parent()?).ok()?;
        files::hold(&path.with_extension("lock"))
    });
    if let Some(found) = Calibration::of_this_host() {
        return found;
    }
    let tell = |text: &str| {
        if !terminal.quiet {
            say(text);
        }
    };
    tell(
        "this host has no calibration yet: measuring it, once, some 20 seconds (--calibration builtin leaves it out)",
    );
    let findings = measure(&|what| tell(&format!("measuring {what}")));
    let calibration = findings.as_told();
    if !findings.doubts.is_empty() {
        say(&format!(
            "warning: this machine was busy: {}. Run `conlab calibrate` when it is quiet.",
            findings.doubts.join(", and ")
        ));
    }
    let kept = path.as_ref().map(|path| calibration.store(path).map(|()| path));
    match kept {
        Some(Ok(path)) => tell(&format!("stored in {}", path.display())),
        Some(Err(error)) => say(&format!(
            "warning: the calibration cannot be stored and is measured again next time: {error}"
        )),
        None => say("warning: there is no HOME to store the calibration in; it is measured again next time"),
    }
    calibration
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
