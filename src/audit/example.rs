//! The figures of phase 18F, as an example that an audit takes apart.

use super::read::{AuditError, read_bytes};
use super::report::Report;

/// The word for the example on the command line.
pub const EXAMPLE_NAME: &str = "phase-18f";

const DOCUMENT: &str = include_str!("phase-18f.json");

/// The embedded report.
///
/// # Errors
///
/// None in a sound build: the document is part of the program, and a test reads it.
pub fn phase_18f() -> Result<Report, AuditError> {
    read_bytes("phase-18f (embedded example)", DOCUMENT.as_bytes())
}
