//! Closed forms of systems that lose work, prefer some of it, or do much at once.

use super::queues::{erlang_b, erlang_c, stable};
use super::{TheoryError, not_negative};

/// M/M/c whose waiting tasks leave after an exponential time (Erlang A).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErlangA {
    /// Share of tasks that leave before a server takes them.
    pub abandoning: f64,
    /// Mean time in the queue of all tasks, served or not, in the unit of the mean service time.
    pub wait: f64,
    /// Mean number in the queue.
    pub queue: f64,
}

/// Erlang A.
///
/// - `offered_load`: `λ·E[S]` in erlangs; `servers`: at least 1; `patience`: the mean patience in mean service times.
/// - There is a steady state at every load.
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] for a load or patience that is negative, not finite or, for the patience, zero.
///
/// # Source
///
/// Palm (1957); the birth-and-death chain as in Garnett, Mandelbaum, Reiman, *Designing a call center with impatient
/// customers* (2002), summed until its terms vanish.
///
/// # Examples
///
/// With patience equal to the service time the queue is an M/M/∞ in disguise: with one server all of `a − P(busy)` leaves.
///
/// ```
/// let found = conlab_sim::theory::erlang_a(2.0, 1, 1.0)?;
/// assert!((found.abandoning - (2.0 - (1.0 - (-2.0_f64).exp())) / 2.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn erlang_a(offered_load: f64, servers: u32, patience: f64) -> Result<ErlangA, TheoryError> {
    not_negative("offered_load", offered_load)?;
    if not_negative("patience", patience)? <= 0.0 {
        return Err(TheoryError::OutOfRange {
            name: "patience",
            value: patience,
            expected: "a number above 0",
        });
    }
    let servers = servers.max(1);
    // Relative to the state in which all servers are busy and nobody waits; below it, Erlang's loss system.
    let below = 1.0 / erlang_b(offered_load, servers)?.max(f64::MIN_POSITIVE);
    let (mut weight, mut total, mut queue) = (1.0, below, 0.0);
    // The terms fall faster than geometrically once the abandoning exceeds the load.
    for waiting in 1..10_000_000_u32 {
        weight *= offered_load / (f64::from(servers) + f64::from(waiting) / patience);
        total += weight;
        queue += weight * f64::from(waiting);
        if weight * f64::from(waiting) < 1e-15 * queue.max(1e-300) {
            break;
        }
    }
    let queue = queue / total;
    let leaving = queue / patience;
    let per_arrival = |rate: f64| if offered_load > 0.0 { rate / offered_load } else { 0.0 };
    Ok(ErlangA { abandoning: per_arrival(leaving), wait: per_arrival(queue), queue })
}

/// Mean waits in M/M/c by priority, the highest first; nobody is interrupted.
///
/// - `loads`: `λ·E[S]` of each priority in erlangs; `servers`: at least 1; `service`: the mean service time, of all alike.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when the loads sum to the servers or more.
///
/// # Source
///
/// Cobham, *Priority assignment in waiting line problems* (1954).
///
/// # Examples
///
/// ```
/// let waits = conlab_sim::theory::priority_waits(&[0.4, 0.4], 1, 1.0)?;
/// assert!((waits[0] - 0.8 / 0.6).abs() < 1e-12 && (waits[1] - 0.8 / (0.6 * 0.2)).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn priority_waits(loads: &[f64], servers: u32, service: f64) -> Result<Vec<f64>, TheoryError> {
    let total: f64 = loads.iter().sum();
    stable(total, servers)?;
    not_negative("service", service)?;
    let first = erlang_c(total, servers)? * service / f64::from(servers);
    let mut before = 0.0;
    let wait = |load: &f64| {
        let above = 1.0 - before / f64::from(servers);
        before += load;
        first / (above * (1.0 - before / f64::from(servers)))
    };
    Ok(loads.iter().map(wait).collect())
}

/// Mean of the `k`-th smallest of `n` exponential times of mean `mean`: how long a call to `n` waits for `k` answers.
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] unless `1 ≤ k ≤ n`.
///
/// # Source
///
/// Rényi's representation: the gaps between neighbours are independent, of means `mean / (n − i)`.
///
/// # Examples
///
/// ```
/// assert!((conlab_sim::theory::order_statistic(1, 4, 8.0)? - 2.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn order_statistic(k: u32, n: u32, mean: f64) -> Result<f64, TheoryError> {
    not_negative("mean", mean)?;
    if k == 0 || k > n {
        return Err(TheoryError::OutOfRange {
            name: "k",
            value: f64::from(k),
            expected: "a whole number from 1 to n",
        });
    }
    Ok((0..k).map(|i| mean / f64::from(n - i)).sum())
}

/// Mean wait in M/M/1 whose server takes up to `most` waiting tasks at once and serves them together, in the unit of `service`;
/// a task that comes while it serves waits for the next batch.
///
/// - `offered_load`: `λ·E[S]`, below `most`.
///
/// # Errors
///
/// [`TheoryError::Unstable`] when `offered_load >= most`.
///
/// # Source
///
/// The number that waits behind a busy server is geometric with the root of `r = a / (1 + a − r^most)` in (0, 1): Bailey (1954);
/// Gross, Harris, *Fundamentals of Queueing Theory* (1998), 3.2.
///
/// # Examples
///
/// ```
/// let (one, two) = (conlab_sim::theory::batch_wait(0.5, 1, 1.0)?, conlab_sim::theory::batch_wait(0.5, 2, 1.0)?);
/// assert!((one - 1.0).abs() < 1e-9 && two < one);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn batch_wait(offered_load: f64, most: u32, service: f64) -> Result<f64, TheoryError> {
    stable(offered_load, most)?;
    not_negative("service", service)?;
    let mut root = 0.5_f64;
    // A contraction towards the root below 1, from both sides.
    for _ in 0..100_000 {
        let power = libm::pow(root, f64::from(most));
        let next = offered_load / (1.0 + offered_load - power);
        if (next - root).abs() < 1e-16 {
            break;
        }
        root = next;
    }
    let idle = if offered_load > 0.0 { 1.0 / offered_load } else { return Ok(0.0) };
    let busy = 1.0 / (idle + 1.0 / (1.0 - root));
    let queue = busy * root / ((1.0 - root) * (1.0 - root));
    Ok(queue / offered_load * service)
}
