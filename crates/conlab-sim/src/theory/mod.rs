//! Closed forms of queueing theory and scaling laws: oracles for the engines, and yardsticks for reports.
//!
//! Times and rates are plain numbers here, in any unit as long as it is one unit; a mean wait is in the unit of the mean
//! service time that was given.

mod networks;
mod overload;
mod queues;
mod scaling;

pub use networks::{Network, NetworkSolution, Station, machine_repair, mean_value_analysis};
pub use overload::{ErlangA, batch_wait, erlang_a, order_statistic, priority_waits};
pub use queues::{
    dps_sojourns, erlang_b, erlang_c, md1_wait, mg1_ps_sojourn, mg1_wait, mm1_sojourn_quantile, mm1_wait,
    mmc_wait,
};
pub use scaling::{Usl, amdahl_speedup, amdahl_speedup_limit, little, usl_fit};

/// Why a closed form has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TheoryError {
    /// More work arrives than can be served.
    #[error("offered load {offered_load} on {servers} servers has no steady state; lower the load")]
    Unstable {
        /// `λ·E[S]`, in erlangs.
        offered_load: f64,
        /// Servers.
        servers: u32,
    },
    /// A parameter outside its range.
    #[error("{name} = {value} is out of range: expected {expected}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// Too few or degenerate points to fit a law to.
    #[error("a fit needs at least {needed} points at different sizes, got {got}")]
    TooFewPoints {
        /// Points needed.
        needed: usize,
        /// Points given.
        got: usize,
    },
}

/// Refuses values that are negative or not finite.
fn not_negative(name: &'static str, value: f64) -> Result<f64, TheoryError> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(TheoryError::OutOfRange { name, value, expected: "a finite number, at least 0" })
    }
}
