//! The search for sets that fit, and the profile of each parameter around the best.

use super::problem::{Misfit, Problem};
use super::simplex::{Corner, minimise};
use crate::random::{Source, Stream};
use crate::study::parallel;
use std::sync::{Mutex, PoisonError};

/// Seeds of a set that is tried first, and fewest and most later: too few, and the search fits the noise of those few.
pub(super) const FIRST_SEEDS: u64 = 4;
const FEWEST_SEEDS: u64 = 2;
const MAX_SEEDS: u64 = 16;
/// Sets that fitted best and are judged under seeds of their own, and how many seeds.
const SHORTLIST: usize = 24;
const JUDGING_SEEDS: u64 = 16;
/// Random sets tried for each parameter before any descent.
const RANDOM_STARTS: usize = 12;
/// Descents, from the best of those.
const DESCENTS: usize = 4;
/// Evaluations of a descent, and of each later one around the best, for each parameter.
const DESCENT: usize = 40;
const UNFOLDED: usize = 30;
/// Evaluations of the other parameters' fit at one point of a profile, for each of them.
const PROFILE: usize = 12;
/// Halvings of the distance between a value that fits and one that does not.
const HALVINGS: usize = 4;
/// Sum of squared misfits, in tolerances, below which a descent ends.
const ENOUGH: f64 = 1e-3;

/// A set that was tried, in places of the unit cube, and its worst misfit.
pub(super) type Tried = (Vec<f64>, f64);

/// What a search found.
pub(super) struct Searched {
    /// Every set that was tried.
    pub(super) tried: Vec<Tried>,
    /// The set that fits best under seeds that the search never saw.
    pub(super) best: Vec<f64>,
    /// Whether any set fits.
    pub(super) fits: bool,
    /// By parameter: the places between which sets fit.
    pub(super) ranges: Vec<(f64, f64)>,
    /// By figure: the tolerance that decided.
    pub(super) tolerances: Vec<f64>,
}

impl Searched {
    /// The sets that fit.
    pub(super) fn fitting(&self) -> Vec<Vec<f64>> {
        self.tried.iter().filter(|(_, worst)| *worst <= 1.0).map(|(at, _)| at.clone()).collect()
    }
}

/// Evaluates points and keeps what was tried.
struct Trials<'p> {
    problem: &'p Problem<'p>,
    seed: u64,
    seeds: u64,
    tried: Vec<Tried>,
    failure: Option<String>,
}

impl<'p> Trials<'p> {
    const fn new(problem: &'p Problem<'p>, seed: u64, seeds: u64) -> Self {
        Self { problem, seed, seeds, tried: Vec::new(), failure: None }
    }

    fn evaluate(&mut self, at: &[f64]) -> Misfit {
        const NOTHING: Misfit = Misfit { worst: f64::INFINITY, squares: f64::INFINITY };
        if self.failure.is_some() {
            return NOTHING;
        }
        match self.problem.misfit(at, self.seed, self.seeds) {
            Ok(misfit) => {
                self.tried.push((at.to_vec(), misfit.worst));
                misfit
            }
            Err(why) => {
                self.failure = Some(why);
                NOTHING
            }
        }
    }

    fn finish<R>(self, result: R) -> Result<(R, Vec<Tried>), String> {
        match self.failure {
            Some(why) => Err(why),
            None => Ok((result, self.tried)),
        }
    }
}

/// Searches for sets that fit; `tell` is told when a third of the way is done, and two thirds.
pub(super) fn search(problem: &Problem<'_>, seed: u64, tell: &dyn Fn(usize)) -> Result<Searched, String> {
    let mut tried = Vec::new();
    let mut starts = evaluated(problem, seed, &starts(problem, seed), &mut tried)?;
    starts.sort_by(|one, other| one.cost.total_cmp(&other.cost));
    starts.truncate(DESCENTS);
    let noise = problem.noise(&starts[0].at, seed)?;
    let seeds = noise.seeds.clamp(FEWEST_SEEDS, MAX_SEEDS);
    let problem = &Problem { tolerances: noise.tolerances, ..problem.clone() };
    // Sets tried under fewer seeds are not comparable with those that follow.
    tried.clear();
    tell(1);
    let free = problem.component.parameter.len();
    let descents = parallel::map(&starts, |start| {
        let mut trials = Trials::new(problem, seed, seeds);
        let end = minimise(&start.at, 0.1, DESCENT * free, ENOUGH, &mut |at| trials.evaluate(at).squares);
        trials.finish(end)
    });
    let mut ends = Vec::new();
    for descent in descents {
        let (end, more) = descent?;
        ends.push(end);
        tried.extend(more);
    }
    ends.sort_by(|one, other| one.cost.total_cmp(&other.cost));
    // A simplex that has collapsed early goes on when it is unfolded again around its best corner.
    let mut best = ends.swap_remove(0);
    for reach in [0.08, 0.04, 0.02] {
        if best.cost <= ENOUGH {
            break;
        }
        let mut trials = Trials::new(problem, seed, seeds);
        best = minimise(&best.at, reach, UNFOLDED * free, ENOUGH, &mut |at| trials.evaluate(at).squares);
        tried.extend(trials.finish(())?.1);
    }
    let best = chosen(problem, &tried, seed)?;
    tell(2);
    let fits = tried.iter().any(|(_, worst)| *worst <= 1.0);
    let ranges =
        if fits { profile(problem, seed, seeds, &best, &mut tried)? } else { vec![(0.0, 1.0); free] };
    tell(3);
    Ok(Searched { tried, best, fits, ranges, tolerances: problem.tolerances.clone() })
}

/// Where to begin: the given sets, and random ones.
fn starts(problem: &Problem<'_>, seed: u64) -> Vec<Vec<f64>> {
    let parameters = &problem.component.parameter;
    let mut stream = Stream::new(seed, Source::Order, 0, 0);
    let random = (0..RANDOM_STARTS * parameters.len())
        .map(|_| parameters.iter().map(|_| stream.unit()).collect())
        .collect::<Vec<Vec<f64>>>();
    problem.component.starts().into_iter().chain(random).collect()
}

fn evaluated(
    problem: &Problem<'_>,
    seed: u64,
    points: &[Vec<f64>],
    tried: &mut Vec<Tried>,
) -> Result<Vec<Corner>, String> {
    let mut corners = Vec::new();
    let found = parallel::map(points, |at| problem.misfit(at, seed, FIRST_SEEDS));
    for (at, misfit) in points.iter().zip(found) {
        let misfit = misfit?;
        tried.push((at.clone(), misfit.worst));
        corners.push(Corner { at: at.clone(), cost: misfit.squares });
    }
    Ok(corners)
}

/// Of the sets that fitted best the one that fits best under other seeds: the best of thousands of tries is the one
/// that suited its seeds.
fn chosen(problem: &Problem<'_>, tried: &[Tried], seed: u64) -> Result<Vec<f64>, String> {
    let mut shortlist: Vec<&Tried> = tried.iter().collect();
    shortlist.sort_by(|one, other| one.1.total_cmp(&other.1));
    shortlist.dedup_by(|one, other| one.0 == other.0);
    shortlist.truncate(SHORTLIST);
    let judged = parallel::map(&shortlist, |(at, _)| problem.misfit(at, seed + 500, JUDGING_SEEDS));
    let mut best: Option<(&[f64], f64)> = None;
    for ((at, _), misfit) in shortlist.into_iter().zip(judged) {
        let worst = misfit?.worst;
        if best.is_none_or(|(_, least)| worst < least) {
            best = Some((at, worst));
        }
    }
    best.map(|(at, _)| at.to_vec()).ok_or_else(|| "nothing was tried".into())
}

/// For each parameter the places between which sets fit, the other parameters being fitted again at each.
fn profile(
    problem: &Problem<'_>,
    seed: u64,
    seeds: u64,
    best: &[f64],
    tried: &mut Vec<Tried>,
) -> Result<Vec<(f64, f64)>, String> {
    let sides: Vec<(usize, f64)> = (0..best.len()).flat_map(|axis| [(axis, 0.0), (axis, 1.0)]).collect();
    let more = Mutex::new(Vec::new());
    let found = parallel::map(&sides, |&(axis, bound)| {
        let mut trials = Trials::new(problem, seed, seeds);
        let end = farthest(&mut trials, best, axis, bound);
        let (end, those) = trials.finish(end)?;
        more.lock().unwrap_or_else(PoisonError::into_inner).push(((axis, bound), those));
        Ok::<f64, String>(end)
    });
    let mut more = more.into_inner().unwrap_or_else(PoisonError::into_inner);
    more.sort_by(|one, other| one.0.0.cmp(&other.0.0).then(one.0.1.total_cmp(&other.0.1)));
    tried.extend(more.into_iter().flat_map(|(_, those)| those));
    let ends: Vec<f64> = found.into_iter().collect::<Result<_, _>>()?;
    let mut ranges: Vec<(f64, f64)> = ends.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    // What the search itself came across counts as well.
    for (at, _) in tried.iter().filter(|(_, worst)| *worst <= 1.0) {
        for (range, &place) in ranges.iter_mut().zip(at) {
            *range = (range.0.min(place), range.1.max(place));
        }
    }
    Ok(ranges)
}

/// The place nearest to `bound` at which the other parameters can still be chosen so that the set fits.
fn farthest(trials: &mut Trials<'_>, best: &[f64], axis: usize, bound: f64) -> f64 {
    let (mut inside, mut outside) = (best.to_vec(), bound);
    if let Some(at) = fitted_at(trials, &inside, axis, bound) {
        return at[axis];
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(inside[axis], outside);
        match fitted_at(trials, &inside, axis, middle) {
            Some(at) => inside = at,
            None => outside = middle,
        }
    }
    inside[axis]
}

/// A set that fits with parameter `axis` at `place`, from `start` on; `None` where none was found.
fn fitted_at(trials: &mut Trials<'_>, start: &[f64], axis: usize, place: f64) -> Option<Vec<f64>> {
    let mut at = start.to_vec();
    at[axis] = place;
    let with = |others: &[f64]| {
        let mut at = others.to_vec();
        at.insert(axis, place);
        at
    };
    if start.len() == 1 {
        return (trials.evaluate(&at).worst <= 1.0).then_some(at);
    }
    at.remove(axis);
    let budget = PROFILE * at.len();
    let end = minimise(&at, 0.1, budget, 1.0, &mut |others| trials.evaluate(&with(others)).worst);
    (end.cost <= 1.0).then(|| with(&end.at))
}
