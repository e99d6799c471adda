//! One queue with Poisson arrivals.

use super::{TheoryError, not_negative};

/// Refuses a load that `servers` cannot carry.
pub(super) fn stable(offered_load: f64, servers: u32) -> Result<f64, TheoryError> {
    not_negative("offered_load", offered_load)?;
    if offered_load < f64::from(servers) {
        Ok(offered_load)
    } else {
        Err(TheoryError::Unstable { offered_load, servers })
    }
}

/// Probability that an arriving task finds all servers of M/M/c/c busy and is lost (Erlang's first formula).
///
/// - `offered_load`: `λ·E[S]` in erlangs, at least 0.
/// - `servers`: at least 1.
///
/// Holds for every distribution of service times. `O(c)`, no factorials.
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] for a load that is negative or not finite.
///
/// # Source
///
/// The recursion `B(k) = a·B(k−1) / (k + a·B(k−1))`, `B(0) = 1`: Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 3.
///
/// # Examples
///
/// One server offered one erlang loses every second task:
///
/// ```
/// assert!((conlab_sim::theory::erlang_b(1.0, 1)? - 0.5).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn erlang_b(offered_load: f64, servers: u32) -> Result<f64, TheoryError> {
    not_negative("offered_load", offered_load)?;
    Ok((1..=servers).fold(1.0, |blocking, k| {
        let carried = offered_load * blocking;
        carried / (f64::from(k) + carried)
    }))
}

/// Probability that an arriving task must wait in M/M/c (Erlang's second formula).
///
/// - `offered_load`: `λ·E[S]` in erlangs (dimensionless), at least 0.
/// - `servers`: worker count `c`, at least 1.
/// - Returns a probability in `[0, 1]`; multiply by `E[S] / (c − offered_load)` for the mean wait.
///
/// Poisson arrivals, exponential service, one unbounded FIFO queue.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `offered_load >= servers`: no steady state exists.
///
/// # Source
///
/// `C = B / (1 − (a/c)(1 − B))` with [`erlang_b`]: Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 3 (M/M/m).
///
/// # Examples
///
/// With one server a task waits exactly when the server is busy:
///
/// ```
/// assert!((conlab_sim::theory::erlang_c(0.8, 1)? - 0.8).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn erlang_c(offered_load: f64, servers: u32) -> Result<f64, TheoryError> {
    stable(offered_load, servers)?;
    let blocking = erlang_b(offered_load, servers)?;
    Ok(blocking / (1.0 - offered_load / f64::from(servers) * (1.0 - blocking)))
}

/// Mean wait in M/M/c, in the unit of `service`.
///
/// - `offered_load`: `λ·E[S]` in erlangs; `servers`: at least 1; `service`: the mean service time.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `offered_load >= servers`.
///
/// # Source
///
/// `W = C(c, a)·E[S] / (c − a)`: Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 3.
///
/// # Examples
///
/// Two servers at half load: a task waits a third of a service time.
///
/// ```
/// assert!((conlab_sim::theory::mmc_wait(1.0, 2, 3.0)? - 1.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn mmc_wait(offered_load: f64, servers: u32, service: f64) -> Result<f64, TheoryError> {
    Ok(erlang_c(offered_load, servers)? * service / (f64::from(servers) - offered_load))
}

/// Mean wait in M/M/1, in the unit of `service`.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `utilisation >= 1`.
///
/// # Source
///
/// `W = ρ·E[S] / (1 − ρ)`: Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 3.
///
/// # Examples
///
/// ```
/// assert!((conlab_sim::theory::mm1_wait(0.9, 1.0)? - 9.0).abs() < 1e-9);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn mm1_wait(utilisation: f64, service: f64) -> Result<f64, TheoryError> {
    mmc_wait(utilisation, 1, service)
}

/// Quantile of the sojourn time in M/M/1 under FIFO, in the unit of `service`.
///
/// - `quantile`: within `0..1`, such as 0.99.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `utilisation >= 1`; [`TheoryError::OutOfRange`] for a quantile outside `0..1`.
///
/// # Source
///
/// The sojourn is exponential with mean `E[S] / (1 − ρ)`: Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 5.
///
/// # Examples
///
/// Half of the tasks of a half-loaded server are done within `2·ln 2` service times:
///
/// ```
/// let median = conlab_sim::theory::mm1_sojourn_quantile(0.5, 1.0, 0.5)?;
/// assert!((median - 2.0 * 2_f64.ln()).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn mm1_sojourn_quantile(utilisation: f64, service: f64, quantile: f64) -> Result<f64, TheoryError> {
    stable(utilisation, 1)?;
    if !(0.0..1.0).contains(&quantile) {
        return Err(TheoryError::OutOfRange { name: "quantile", value: quantile, expected: "within 0..1" });
    }
    Ok(-service / (1.0 - utilisation) * (1.0 - quantile).ln())
}

/// Mean wait in M/G/1 under FIFO, in the unit of `service`.
///
/// - `service`: the mean service time; `scv`: its squared coefficient of variation `C²`, at least 0.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `utilisation >= 1`; [`TheoryError::OutOfRange`] for a negative `C²`.
///
/// # Source
///
/// Pollaczek–Khinchine, `W = ρ·E[S]·(1 + C²) / (2(1 − ρ))`: Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 5.
///
/// # Examples
///
/// Exponential service (`C² = 1`) gives M/M/1:
///
/// ```
/// assert!((conlab_sim::theory::mg1_wait(0.5, 1.0, 1.0)? - 1.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn mg1_wait(utilisation: f64, service: f64, scv: f64) -> Result<f64, TheoryError> {
    stable(utilisation, 1)?;
    not_negative("scv", scv)?;
    Ok(utilisation * service * (1.0 + scv) / (2.0 * (1.0 - utilisation)))
}

/// Mean wait in M/D/1 under FIFO: [`mg1_wait`] with constant service, half of M/M/1's.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `utilisation >= 1`.
///
/// # Examples
///
/// ```
/// assert!((conlab_sim::theory::md1_wait(0.5, 1.0)? - 0.5).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn md1_wait(utilisation: f64, service: f64) -> Result<f64, TheoryError> {
    mg1_wait(utilisation, service, 0.0)
}

/// Mean sojourn of a task that needs `service` in M/G/1 under processor sharing.
///
/// Insensitive: only the utilisation counts, not the distribution of service times.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `utilisation >= 1`.
///
/// # Source
///
/// `R(x) = x / (1 − ρ)`: Kleinrock, *Queueing Systems* vol. 2 (1976), ch. 4.
///
/// # Examples
///
/// ```
/// assert!((conlab_sim::theory::mg1_ps_sojourn(0.75, 2.0)? - 8.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn mg1_ps_sojourn(utilisation: f64, service: f64) -> Result<f64, TheoryError> {
    stable(utilisation, 1)?;
    Ok(service / (1.0 - utilisation))
}

/// Mean sojourns of two classes of Poisson arrivals with exponential service that share a processor by weight, each task of a
/// class with the class's weight (discriminatory processor sharing).
///
/// # Errors
///
/// [`TheoryError::Unstable`] when the classes together use a processor up; [`TheoryError::OutOfRange`] for a service or weight
/// that is not above 0.
///
/// # Source
///
/// G. Fayolle, I. Mitrani, R. Iasnogorodski, "Sharing a Processor Among Many Job Classes", J. ACM 27 (1980).
///
/// # Examples
///
/// ```
/// // Of equal weight: service / (1 − ρ).
/// let [first, second] = conlab_sim::theory::dps_sojourns([0.3, 0.1], [1.0, 2.0], [1.0, 1.0])?;
/// assert!((first - 2.0).abs() < 1e-12 && (second - 4.0).abs() < 1e-12);
/// // Of a far larger weight: as if the others were not there.
/// let [first, _] = conlab_sim::theory::dps_sojourns([0.5, 0.3], [1.0, 1.0], [1e9, 1.0])?;
/// assert!((first - 2.0).abs() < 1e-6);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn dps_sojourns(rates: [f64; 2], services: [f64; 2], weights: [f64; 2]) -> Result<[f64; 2], TheoryError> {
    for (name, value) in
        [("service", services[0]), ("service", services[1]), ("weight", weights[0]), ("weight", weights[1])]
    {
        if !(value.is_finite() && value > 0.0) {
            return Err(TheoryError::OutOfRange { name, value, expected: "a finite number above 0" });
        }
    }
    let used = [rates[0] * services[0], rates[1] * services[1]];
    stable(used[0] + used[1], 1)?;
    let common: f64 = (0..2).map(|class| weights[class] / services[class] * (1.0 - used[class])).sum();
    let sojourn = |class: usize| {
        let other = 1 - class;
        let hindered = used[other] * (weights[other] - weights[class]) / (services[class] * common);
        services[class] / (1.0 - used[0] - used[1]) * (1.0 + hindered)
    };
    Ok([sojourn(0), sojourn(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_c_matches_the_definition_by_factorials() {
        for (servers, load) in [(2_u32, 1.0), (3, 2.5), (10, 8.0), (16, 15.2)] {
            let term = |k: u32| (1..=k).fold(1.0, |product, i| product * load / f64::from(i));
            let waiting = term(servers) / (1.0 - load / f64::from(servers));
            let expected = waiting / ((0..servers).map(term).sum::<f64>() + waiting);
            assert!((erlang_c(load, servers).unwrap() - expected).abs() < 1e-12, "c = {servers}");
        }
    }

    #[test]
    fn large_systems_do_not_overflow_and_overload_is_refused() {
        assert!(erlang_c(9_900.0, 10_000).unwrap() < 1.0);
        assert_eq!(erlang_c(2.0, 2), Err(TheoryError::Unstable { offered_load: 2.0, servers: 2 }));
        assert!(mg1_wait(0.5, 1.0, -1.0).is_err());
        assert!(erlang_b(f64::NAN, 2).is_err());
    }
}
