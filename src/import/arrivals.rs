//! From the instants of requests to a load: open or closed, how many, how bursty.

/// The load that requests show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rhythm {
    /// Arrivals do not depend on what is in the system.
    Open {
        /// Per second.
        rate: f64,
        /// Squared coefficient of variation of the gaps between arrivals.
        cv2: f64,
    },
    /// Each of so many clients waits for its answer, then thinks.
    Closed {
        /// How many.
        clients: u64,
        /// Mean time from an answer to the same client's next request, in nanoseconds.
        think: f64,
    },
}

/// Arrivals from a state below which its rate says nothing.
const FEWEST: f64 = 20.0;
/// Standard errors that the slope of the arrival rate must be from 0.
const SURE: f64 = 4.0;

/// What the (start, end) pairs of requests show, in nanoseconds; `None` of fewer than two.
///
/// In an open system arrivals see the same rate whatever is in the system. In a closed one of N clients that think for Z,
/// the rate is (N − n) / Z with n in the system: it falls as n grows, and that line gives N and Z. Clients that do not think
/// show as arrivals that each follow a completion at once.
#[must_use]
pub fn rhythm(requests: &[(u64, u64)]) -> Option<Rhythm> {
    if requests.len() < 2 {
        return None;
    }
    let mut starts: Vec<u64> = requests.iter().map(|request| request.0).collect();
    starts.sort_unstable();
    let states = States::of(requests);
    if let Some(closed) =
        at_once(requests, &states).or_else(|| all_inside(requests, &states)).or_else(|| thinking(&states))
    {
        return Some(closed);
    }
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording")]
    let gaps: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let cv2 = variance(&gaps) / (mean * mean);
    if in_step(&starts, cv2, states.most) {
        return Some(states.closed(states.most as u64));
    }
    (mean > 0.0).then(|| Rhythm::Open { rate: 1e9 / mean, cv2 })
}

/// Arrivals that are irregular from one to the next and regular in the long run: each waits for an answer to an earlier one, so that in
/// no stretch there are more than answers and clients allow. Independent gaps would vary as much in the long run as in the short.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording, counts of requests")]
fn in_step(starts: &[u64], cv2: f64, most: usize) -> bool {
    /// Windows, of a few requests for each client, below which their counts say too little.
    const FEWEST_WINDOWS: usize = 25;
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return false };
    let windows = starts.len() / (4 * most.max(2));
    if windows < FEWEST_WINDOWS || cv2 < 0.5 || last == first {
        return false;
    }
    let mut counts = vec![0.0; windows];
    for start in starts {
        let at = (start - first) as f64 / (last - first) as f64 * windows as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the number of windows"
        )]
        let at = (at as usize).min(windows - 1);
        counts[at] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / windows as f64;
    variance(&counts) / mean < 0.25 * cv2.min(1.0)
}

/// For how long the system held n requests, and how many arrived then.
struct States {
    time: Vec<f64>,
    arrivals: Vec<f64>,
    most: usize,
}

impl States {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording")]
    fn of(requests: &[(u64, u64)]) -> Self {
        // An end before a start at the same instant: a client that goes on at once is one client.
        let mut events: Vec<(u64, bool)> =
            requests.iter().flat_map(|&(start, end)| [(start, true), (end.max(start), false)]).collect();
        events.sort_unstable();
        let mut states = Self { time: vec![0.0], arrivals: vec![0.0], most: 0 };
        let (mut n, mut last) = (0_usize, events[0].0);
        for (at, is_arrival) in events {
            states.time[n] += (at - last) as f64;
            last = at;
            if is_arrival {
                states.arrivals[n] += 1.0;
                n += 1;
                if n == states.time.len() {
                    states.time.push(0.0);
                    states.arrivals.push(0.0);
                }
                states.most = states.most.max(n);
            } else {
                n -= 1;
            }
        }
        states
    }
}

impl States {
    /// So many clients, with the mean time for which each was not inside.
    #[expect(clippy::cast_precision_loss, reason = "numbers of clients")]
    fn closed(&self, clients: u64) -> Rhythm {
        let thinking: f64 =
            self.time.iter().enumerate().map(|(n, time)| (clients as f64 - n as f64) * time).sum();
        let arrivals: f64 = self.arrivals.iter().sum();
        Rhythm::Closed { clients, think: (thinking / arrivals.max(1.0)).max(0.0) }
    }
}

/// Clients that do not think: nearly every arrival follows a completion at once.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording, counts of requests")]
fn at_once(requests: &[(u64, u64)], states: &States) -> Option<Rhythm> {
    let mean = requests.iter().map(|&(start, end)| (end - start) as f64).sum::<f64>() / requests.len() as f64;
    let at_once = (0.005 * mean).max(2_000.0);
    let mut ends: Vec<u64> = requests.iter().map(|request| request.1).collect();
    ends.sort_unstable();
    let later: Vec<f64> = requests
        .iter()
        .filter_map(|&(start, _)| {
            let before = ends.partition_point(|&end| end <= start);
            let last = ends[..before].last()?;
            Some((start - last) as f64)
        })
        .collect();
    let following = later.iter().filter(|gap| **gap <= at_once).count() as f64;
    // All but each client's first request; by chance alone a busy system has completions everywhere, so their share is
    // compared with that of the time near completions.
    let span = ends.last()?.saturating_sub(requests.iter().map(|request| request.0).min()?) as f64;
    let by_chance = (ends.len() as f64 * at_once / span.max(1.0)).min(1.0);
    let share = following / (requests.len().saturating_sub(states.most)).max(1) as f64;
    (requests.len() > 4 * states.most && share > 0.9 && by_chance < 0.5)
        .then_some(Rhythm::Closed { clients: states.most as u64, think: 0.0 })
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
fn variance(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count
}

/// Nobody comes while `most` are inside, although many would have come at the rate that was seen with one fewer: they are all the
/// clients that there are.
#[expect(clippy::cast_precision_loss, reason = "a number of requests in the system")]
fn all_inside(requests: &[(u64, u64)], states: &States) -> Option<Rhythm> {
    // A schedule with equal gaps does the same without waiting for anybody; then the gaps vary less than what lies between an
    // answer and the next request.
    let mut ordered = requests.to_vec();
    ordered.sort_unstable();
    let from = |of: fn((u64, u64)) -> u64| -> Vec<f64> {
        ordered.windows(2).map(|pair| pair[1].0 as f64 - of(pair[0]) as f64).collect()
    };
    let (gaps, pauses) = (variance(&from(|request| request.0)), variance(&from(|request| request.1)));
    let mean = states.time.iter().sum::<f64>() / requests.len() as f64;
    if (states.most == 1 && pauses >= 0.99 * gaps) || (states.most > 1 && gaps < 0.1 * mean * mean) {
        return None;
    }
    let (time, before) = (states.time.get(states.most)?, states.most.checked_sub(1)?);
    let rate = states.arrivals[before] / states.time[before].max(1.0);
    // One client's rate is that of the state without requests; of several it falls by one client's from state to state.
    let expected = time * rate / (states.most as f64 + 1.0);
    (states.arrivals[before] >= FEWEST && expected >= 2.0 * FEWEST).then(|| states.closed(states.most as u64))
}

/// Clients that think: the arrival rate falls along a line as the number in the system grows.
#[expect(clippy::cast_precision_loss, reason = "numbers of requests in the system")]
fn thinking(states: &States) -> Option<Rhythm> {
    let points: Vec<(f64, f64, f64)> = states
        .time
        .iter()
        .zip(&states.arrivals)
        .enumerate()
        .filter(|(_, (time, arrivals))| **arrivals >= FEWEST && **time > 0.0)
        // A Poisson count's variance is itself; so is that of a rate its square over the count.
        .map(|(n, (time, arrivals))| (n as f64, arrivals / time, arrivals / (arrivals / time).powi(2)))
        .collect();
    if points.len() < 3 {
        return None;
    }
    let sum = |of: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let weight = sum(&|point| point.2);
    let (x, y) = (sum(&|point| point.2 * point.0) / weight, sum(&|point| point.2 * point.1) / weight);
    let spread = sum(&|point| point.2 * (point.0 - x).powi(2));
    let slope = sum(&|point| point.2 * (point.0 - x) * (point.1 - y)) / spread;
    let error = (1.0 / spread).sqrt();
    if slope + SURE * error >= 0.0 {
        return None;
    }
    let clients = ((y - slope * x) / -slope).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of clients")]
    (clients >= states.most as f64 && clients < 1e6)
        .then(|| states.closed((clients as u64).max(states.most as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};

    fn exponential(stream: &mut Stream, mean: f64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds")]
        let nanos = (-mean * stream.positive_unit().ln()) as u64;
        nanos
    }

    /// Requests of an open system with infinitely many servers.
    fn open(seed: u64) -> Vec<(u64, u64)> {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let mut now = 0;
        (0..5000)
            .map(|_| {
                now += exponential(&mut stream, 1e6);
                (now, now + exponential(&mut stream, 5e6))
            })
            .collect()
    }

    /// Requests of clients that think, with infinitely many servers.
    fn closed(seed: u64, clients: usize, think: f64) -> Vec<(u64, u64)> {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let mut next: Vec<u64> = (0..clients).map(|_| exponential(&mut stream, think.max(1e5))).collect();
        (0..6000)
            .map(|_| {
                let (client, &start) = next.iter().enumerate().min_by_key(|(_, at)| **at).unwrap();
                let end = start + exponential(&mut stream, 5e6);
                next[client] = end + if think > 0.0 { exponential(&mut stream, think) } else { 500 };
                (start, end)
            })
            .collect()
    }

    #[test]
    fn open_arrivals_stay_open_with_their_rate_and_burstiness() {
        for seed in 0..10 {
            let Some(Rhythm::Open { rate, cv2 }) = rhythm(&open(seed)) else {
                panic!("seed {seed}: not open")
            };
            assert!((rate - 1000.0).abs() < 60.0 && (cv2 - 1.0).abs() < 0.15, "seed {seed}: {rate} {cv2}");
        }
    }

    #[test]
    fn a_closed_loop_is_never_taken_for_an_open_one() {
        for seed in 0..10 {
            for (clients, think) in [(8, 0.0), (8, 10e6), (4, 3e6)] {
                let found = rhythm(&closed(seed, clients, think));
                let Some(Rhythm::Closed { clients: seen, think: about }) = found else {
                    panic!("seed {seed}, {clients} clients, {think}: {found:?}")
                };
                assert!(seen.abs_diff(clients as u64) <= 1, "seed {seed}: {seen} of {clients}");
                assert!((about - think).abs() <= 0.25 * think, "seed {seed}: {about} of {think}");
            }
        }
    }

    /// One client whose requests never meet, and a schedule whose requests never meet either.
    #[test]
    fn a_single_client_is_closed_and_a_schedule_is_not() {
        let mut stream = Stream::new(7, Source::Data, 0, 0);
        let (mut now, mut one) = (0, Vec::new());
        for _ in 0..2000 {
            let end = now + 4_000_000 + exponential(&mut stream, 3e6);
            one.push((now, end));
            now = end + exponential(&mut stream, 1e6);
        }
        let Some(Rhythm::Closed { clients: 1, think }) = rhythm(&one) else { panic!("{:?}", rhythm(&one)) };
        assert!((think - 1e6).abs() < 0.1e6, "{think}");
        let paced: Vec<(u64, u64)> = (0..2000_u64)
            .map(|number| {
                (
                    number * 10_000_000,
                    number * 10_000_000 + 4_000_000 + exponential(&mut stream, 1e6).min(5_000_000),
                )
            })
            .collect();
        assert!(matches!(rhythm(&paced), Some(Rhythm::Open { .. })), "{:?}", rhythm(&paced));
    }

    #[test]
    fn too_little_is_nothing() {
        assert_eq!(rhythm(&[]), None);
        assert_eq!(rhythm(&[(5, 7)]), None);
        assert_eq!(rhythm(&[(5, 7), (5, 9)]), None);
    }
}
