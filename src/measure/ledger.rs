//! What one worker notes of the tasks of one actor: histograms and sums, of a size that does not grow with the
//! number of tasks. Nobody shares a ledger while a run is under way; they are merged at its end.

use super::cause::{CAUSES, Cause};
use super::counts::Counts;
use super::groups::{Ends, Outcome};
use super::presence::{Epoch, Presence};
use super::record::{
    ActorRecord, Breakdown, Censored, Distribution, SeriesPoint, Shares, SlowTask, StepRecord,
};
use super::tally::Tally;
use crate::units::Nanos;

/// Time by cause, indexed by [`Cause`].
pub type TaskTimes = [Nanos; CAUSES];

/// One task that is finished, or as far as it was when the run ended.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Intended start.
    pub arrived: Nanos,
    /// When it was really issued.
    pub issued: Nanos,
    /// When its service began; for a task that was never served, when the run ended.
    pub started: Nanos,
    /// When it was done, or when the run ended.
    pub ended: Nanos,
    /// Where its time went.
    pub times: TaskTimes,
}

/// Tasks whose sojourn is about the same: how many, and the sums of their times.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    count: u64,
    sojourn: u64,
    times: [u64; CAUSES],
}

/// Classes per power of two of nanoseconds: each is about 3 % wide.
const CLASSES_PER_OCTAVE: usize = 32;
const CLASS_BITS: u32 = CLASSES_PER_OCTAVE.trailing_zeros();
const CLASS_COUNT: usize = CLASSES_PER_OCTAVE * (64 - CLASS_BITS as usize + 1);

/// Which class a sojourn belongs to: exact below 32 ns, then 32 equal parts of each octave.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "below CLASS_COUNT")]
const fn class_of(sojourn: u64) -> usize {
    if sojourn < CLASSES_PER_OCTAVE as u64 {
        return sojourn as usize;
    }
    let octave = 63 - sojourn.leading_zeros();
    let shift = octave - CLASS_BITS;
    ((shift as usize) << CLASS_BITS) + (sojourn >> shift) as usize
}

/// What one worker notes of one actor's tasks.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Tasks that this worker issued in the measured window.
    pub issued: u64,
    /// Of these, tasks that were refused.
    pub refused: u64,
    /// Of these, tasks that ended otherwise than completed or refused.
    pub ends: Ends,
    /// Of these, tasks that were unfinished when the run ended.
    in_flight: u64,
    /// The shortest stay of an unfinished one: percentiles above it are not known, only that they are at least so long.
    shortest_unfinished: u64,
    /// Tasks in the system over the window.
    pub presence: Presence,
    steps: Vec<StepSums>,
    /// The finished tasks themselves, while they are few; empty once they are in `sums`.
    few: Vec<Few>,
    sums: Option<Box<Sums>>,
}

/// A finished task, and when the window began.
type Few = (Finished, Nanos);

/// Finished tasks that are kept one by one (128 bytes each) before their sums are (a quarter of a megabyte).
const FEW_MOST: usize = 256;

/// Histograms and sums of finished tasks.
#[derive(Clone, Debug, Default)]
struct Sums {
    sojourn: Tally,
    uncorrected: Tally,
    wait: Tally,
    /// Zeros are not noted in these three: whatever is missing in the end was one.
    service: Tally,
    lock_wait: Tally,
    run_queue: Tally,
    /// Every finished task is in one class, so that their sums are those of all tasks.
    classes: Vec<Class>,
    series: Series,
    late: bool,
    slowest: Slowest,
}

/// The same at the end of a run, without what is empty.
struct Totals {
    sojourn: Counts,
    uncorrected: Option<Counts>,
    wait: Counts,
    service: Counts,
    lock_wait: Counts,
    run_queue: Counts,
    /// By rising number.
    classes: Vec<(usize, Class)>,
    series: Series,
    slowest: Vec<Slow>,
}

#[derive(Clone, Copy, Debug, Default)]
struct StepSums {
    count: u64,
    times: [u64; CAUSES],
}

impl Ledger {
    /// An empty ledger for an actor with this many steps, which is ready for many tasks.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        Self { sums: Some(Box::default()), ..Self::small(steps) }
    }

    /// An empty ledger that takes little memory until its actor has finished some hundred tasks.
    #[must_use]
    pub fn small(steps: usize) -> Self {
        Self {
            issued: 0,
            refused: 0,
            ends: Ends::default(),
            in_flight: 0,
            shortest_unfinished: u64::MAX,
            presence: Presence::default(),
            steps: vec![StepSums::default(); steps],
            few: Vec::new(),
            sums: None,
        }
    }

    /// Notes the end of a task whose arrival was noted. One that arrived in the window is measured, one from before it
    /// counts for its time there, and one from after it does not count.
    #[inline]
    pub fn end(&mut self, task: &Finished, epoch: Epoch, start: Nanos, end: Nanos) {
        if epoch == Epoch::After {
            return;
        }
        self.presence.depart(task.arrived, task.ended, start, end);
        if epoch == Epoch::Inside {
            self.finish(task, start);
        }
    }

    /// Notes a task that is unfinished when the run ends, which may be after the window's end.
    pub fn leave(&mut self, task: &Finished, epoch: Epoch, start: Nanos, end: Nanos) {
        if epoch == Epoch::After {
            return;
        }
        self.presence.remain(task.arrived, start, end);
        if epoch == Epoch::Inside {
            self.in_flight += 1;
            self.shortest_unfinished = self.shortest_unfinished.min(task.sojourn().0);
            self.finish(task, start);
        }
    }

    /// Notes a measured task that ended otherwise than completed. Its steps' time is told apart, for it is in no breakdown.
    pub fn end_otherwise(&mut self, outcome: Outcome, task: &Finished) {
        match outcome {
            Outcome::Completed => {}
            Outcome::Refused => self.refused += 1,
            Outcome::TimedOut => self.ends.timed_out += 1,
            Outcome::Failed => self.ends.failed += 1,
            Outcome::Cancelled => self.ends.cancelled += 1,
        }
        let steps = task.times.iter().skip(1).map(|time| time.0).sum::<u64>();
        self.ends.steps_ns += steps;
    }

    /// Notes a task that arrived in the window, which began at `window_start`.
    #[inline]
    pub fn finish(&mut self, task: &Finished, window_start: Nanos) {
        match &mut self.sums {
            Some(sums) => sums.finish(task, window_start),
            None => self.keep(task, window_start),
        }
    }

    /// Keeps a task of few.
    #[inline(never)]
    fn keep(&mut self, task: &Finished, window_start: Nanos) {
        self.few.push((*task, window_start));
        if self.few.len() > FEW_MOST {
            self.summed();
        }
    }

    /// The sums of all tasks, which are kept in them from now on.
    fn summed(&mut self) -> &mut Sums {
        let sums = self.sums.get_or_insert_default();
        std::mem::take(&mut self.few).iter().for_each(|(task, start)| sums.finish(task, *start));
        sums
    }

    /// Notes `time` of a step under `cause`.
    #[inline]
    pub fn step_time(&mut self, step: usize, cause: Cause, time: Nanos) {
        self.steps[step].times[cause as usize] += time.0;
    }

    /// Notes repetitions of a step.
    #[inline]
    pub fn step_done(&mut self, step: usize, times: u64) {
        self.steps[step].count += times;
    }

    /// Notes `count` repetitions of a step and the time of them all.
    pub fn step_sums(&mut self, step: usize, count: u64, times: &TaskTimes) {
        let sums = &mut self.steps[step];
        sums.count += count;
        sums.times.iter_mut().zip(times).for_each(|(sum, time)| *sum += time.0);
    }

    /// Measured tasks that are finished.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.few.len() as u64 + self.sums.as_ref().map_or(0, |sums| sums.sojourn.count()) - self.in_flight
    }

    /// Adds everything that `other` noted of the same actor.
    pub fn merge(&mut self, other: &Self) {
        self.issued += other.issued;
        self.refused += other.refused;
        self.ends.merge(other.ends);
        self.in_flight += other.in_flight;
        self.shortest_unfinished = self.shortest_unfinished.min(other.shortest_unfinished);
        self.presence.merge(&other.presence);
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.count += theirs.count;
            for (sum, time) in mine.times.iter_mut().zip(theirs.times) {
                *sum += time;
            }
        }
        if let Some(theirs) = &other.sums {
            self.summed().merge(theirs);
        }
        other.few.iter().for_each(|(task, start)| self.finish(task, *start));
    }

    /// The actor's record over a window of this length, its series, and its sojourns; those of unfinished tasks as far as
    /// they got.
    #[must_use]
    pub fn into_record(
        mut self,
        step_names: &[String],
        window: Nanos,
    ) -> (ActorRecord, Vec<SeriesPoint>, Counts) {
        let totals = self.sums.take().map_or_else(|| few_totals(&self.few), |sums| sums.totals());
        let all = sum_of(totals.classes.iter().map(|(_, class)| class));
        let (tail, tail_count) = tail(&totals.classes, totals.sojourn.at(0.99), all.count);
        let filled = |mut counts: Counts| {
            counts.add_zeros(all.count - counts.count());
            counts.distribution(false)
        };
        let seconds = window.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate of tasks")]
        let throughput_per_s = if seconds > 0.0 { self.presence.completed as f64 / seconds } else { 0.0 };
        let record = ActorRecord {
            issued: self.issued,
            completed: all.count - self.in_flight,
            completed_in_window: Some(self.presence.completed),
            refused: self.refused,
            timed_out: self.ends.timed_out,
            failed: self.ends.failed,
            cancelled: self.ends.cancelled,
            wasted: self.ends.wasted,
            died: self.ends.died,
            ended_otherwise_ns: self.ends.steps_ns as f64,
            in_flight: self.in_flight,
            throughput_per_s,
            sojourn_ns: self.cut_off(totals.sojourn.distribution(true)),
            sojourn_uncorrected_ns: totals.uncorrected.map(|counts| self.cut_off(counts.distribution(false))),
            wait_ns: totals.wait.distribution(false),
            service_ns: filled(totals.service),
            lock_wait_ns: filled(totals.lock_wait),
            run_queue_ns: filled(totals.run_queue),
            shares: shares(&all),
            breakdown_mean_ns: all.breakdown(),
            breakdown_p99_ns: tail.breakdown(),
            breakdown_p99_count: tail_count,
            steps: step_names
                .iter()
                .zip(&self.steps)
                .map(|(name, sums)| StepRecord {
                    name: name.clone(),
                    count: sums.count,
                    total_ns: sums.breakdown(),
                    calls: None,
                })
                .collect(),
            slowest: totals.slowest.iter().map(Slow::record).collect(),
            ..ActorRecord::default()
        };
        (record, totals.series.points(), totals.sojourn)
    }

    /// Says of a distribution from which value on it is only a lower bound.
    fn cut_off(&self, distribution: Distribution) -> Distribution {
        let censored = (self.in_flight > 0).then_some(Censored {
            count: self.in_flight,
            from_ns: self.shortest_unfinished.min(distribution.max),
        });
        Distribution { censored, ..distribution }
    }
}

impl Finished {
    fn sojourn(&self) -> Nanos {
        self.ended.saturating_sub(self.arrived)
    }

    fn wait(&self) -> Nanos {
        self.started.saturating_sub(self.arrived)
    }

    fn service(&self) -> Nanos {
        self.ended.saturating_sub(self.started)
    }
}

impl Sums {
    #[inline]
    fn finish(&mut self, task: &Finished, window_start: Nanos) {
        let sojourn = task.sojourn();
        self.sojourn.record(sojourn);
        self.wait.record(task.wait());
        let parts = [
            (&mut self.service, task.service()),
            (&mut self.lock_wait, task.times[Cause::Lock as usize]),
            (&mut self.run_queue, task.times[Cause::RunQueue as usize]),
        ];
        for (tally, time) in parts {
            if time > Nanos::ZERO {
                tally.record(time);
            }
        }
        if task.issued != task.arrived && !self.late {
            // Until the first late issue both figures are the same.
            self.late = true;
            self.uncorrected = self.sojourn.clone();
            self.uncorrected.forget(sojourn);
        }
        if self.late {
            self.uncorrected.record(task.ended.saturating_sub(task.issued));
        }
        if self.classes.is_empty() {
            self.classes = vec![Class::default(); CLASS_COUNT];
        }
        self.classes[class_of(sojourn.0)].add(task);
        self.slowest.note(task, window_start);
        self.series.add(task.arrived.saturating_sub(window_start), sojourn);
    }

    fn merge(&mut self, other: &Self) {
        let mine = if self.late { &self.uncorrected } else { &self.sojourn };
        let theirs = if other.late { &other.uncorrected } else { &other.sojourn };
        let mut uncorrected = mine.clone();
        uncorrected.merge(theirs);
        self.late |= other.late;
        self.uncorrected = uncorrected;
        self.sojourn.merge(&other.sojourn);
        self.wait.merge(&other.wait);
        self.service.merge(&other.service);
        self.lock_wait.merge(&other.lock_wait);
        self.run_queue.merge(&other.run_queue);
        if self.classes.is_empty() {
            self.classes.clone_from(&other.classes);
        } else {
            for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
                mine.merge(theirs);
            }
        }
        self.series.merge(&other.series);
        other.slowest.tasks.iter().for_each(|slow| self.slowest.add(*slow));
    }

    fn totals(self) -> Totals {
        Totals {
            sojourn: self.sojourn.counts(),
            uncorrected: self.late.then(|| self.uncorrected.counts()),
            wait: self.wait.counts(),
            service: self.service.counts(),
            lock_wait: self.lock_wait.counts(),
            run_queue: self.run_queue.counts(),
            classes: self.classes.into_iter().enumerate().filter(|(_, class)| class.count > 0).collect(),
            series: self.series,
            slowest: self.slowest.tasks,
        }
    }
}

/// Tasks that are kept as the slowest.
const SLOWEST: usize = 10;

/// A task and when the window began.
#[derive(Clone, Copy, Debug)]
struct Slow(Finished, Nanos);

impl Slow {
    /// Slower ones first, and of equal ones those that arrived earlier.
    const fn order(&self) -> (u64, u64) {
        (u64::MAX - self.0.ended.0.saturating_sub(self.0.arrived.0), self.0.arrived.0)
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^53 ns")]
    fn record(&self) -> SlowTask {
        let sojourn = self.0.sojourn().0;
        let explained: u64 = self.0.times.iter().map(|time| time.0).sum();
        SlowTask {
            arrived_ns: self.0.arrived.saturating_sub(self.1).0,
            sojourn_ns: sojourn,
            breakdown_ns: Breakdown {
                residual: sojourn as f64 - explained as f64,
                ..Breakdown::of_causes(self.0.times.map(|time| time.0 as f64))
            },
        }
    }
}

/// The slowest tasks so far, the slowest first.
#[derive(Clone, Debug, Default)]
struct Slowest {
    tasks: Vec<Slow>,
}

impl Slowest {
    #[inline]
    fn note(&mut self, task: &Finished, window_start: Nanos) {
        let slow = Slow(*task, window_start);
        if self.tasks.len() < SLOWEST || self.tasks[SLOWEST - 1].order() > slow.order() {
            self.add(slow);
        }
    }

    #[inline(never)]
    fn add(&mut self, slow: Slow) {
        let place = self.tasks.partition_point(|other| other.order() <= slow.order());
        self.tasks.insert(place, slow);
        self.tasks.truncate(SLOWEST);
    }
}

/// What [`Sums::totals`] would give of these tasks, without room for any others.
fn few_totals(few: &[Few]) -> Totals {
    let tasks = || few.iter().map(|(task, _)| task);
    let of = |time: fn(&Finished) -> Nanos| Counts::of_values(tasks().map(|task| time(task).0));
    let of_cause = |cause: Cause| {
        let times = tasks().map(|task| task.times[cause as usize].0);
        Counts::of_values(times.filter(|time| *time > 0))
    };
    let mut numbered: Vec<(usize, &Finished)> =
        tasks().map(|task| (class_of(task.sojourn().0), task)).collect();
    numbered.sort_by_key(|(number, _)| *number);
    let class = |same: &[(usize, &Finished)]| {
        let mut class = Class::default();
        same.iter().for_each(|(_, task)| class.add(task));
        (same[0].0, class)
    };
    let mut series = Series::default();
    few.iter().for_each(|(task, start)| series.add(task.arrived.saturating_sub(*start), task.sojourn()));
    let mut slowest = Slowest::default();
    few.iter().for_each(|(task, start)| slowest.note(task, *start));
    Totals {
        sojourn: of(Finished::sojourn),
        uncorrected: tasks()
            .any(|task| task.issued != task.arrived)
            .then(|| of(|task| task.ended.saturating_sub(task.issued))),
        wait: of(Finished::wait),
        service: Counts::of_values(tasks().map(|task| task.service().0).filter(|time| *time > 0)),
        lock_wait: of_cause(Cause::Lock),
        run_queue: of_cause(Cause::RunQueue),
        classes: numbered.chunk_by(|left, right| left.0 == right.0).map(class).collect(),
        series,
        slowest: slowest.tasks,
    }
}

/// The sum of classes.
fn sum_of<'a>(classes: impl IntoIterator<Item = &'a Class>) -> Class {
    let mut sum = Class::default();
    classes.into_iter().for_each(|class| sum.merge(class));
    sum
}

/// Of `all` tasks those at a quantile, which is at this value: those of its class, and of the classes around it
/// until there are at least ten and one in a hundred (or all of them).
fn tail(classes: &[(usize, Class)], value: u64, all: u64) -> (Class, u64) {
    let wanted = (all / 100).max(10).min(all);
    let centre = class_of(value);
    let mut nearest: Vec<&(usize, Class)> = classes.iter().collect();
    nearest.sort_by_key(|(number, _)| number.abs_diff(centre));
    let mut sum = Class::default();
    // Those on both sides of the centre come together, as they are equally far.
    for same in nearest.chunk_by(|left, right| left.0.abs_diff(centre) == right.0.abs_diff(centre)) {
        if sum.count >= wanted {
            break;
        }
        same.iter().for_each(|(_, class)| sum.merge(class));
    }
    (sum, sum.count)
}

impl Class {
    #[inline]
    fn add(&mut self, task: &Finished) {
        self.count += 1;
        self.sojourn += task.sojourn().0;
        for (sum, time) in self.times.iter_mut().zip(task.times) {
            *sum += time.0;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sojourn += other.sojourn;
        for (mine, theirs) in self.times.iter_mut().zip(other.times) {
            *mine += theirs;
        }
    }

    /// Means per task; the residual is what the causes do not explain of the sojourn.
    #[expect(clippy::cast_precision_loss, reason = "sums below 2^53 ns, or means good to 16 digits")]
    fn breakdown(&self) -> Breakdown {
        if self.count == 0 {
            return Breakdown::default();
        }
        let mean = |sum: u64| sum as f64 / self.count as f64;
        let explained: u64 = self.times.iter().sum();
        Breakdown {
            residual: (self.sojourn as f64 - explained as f64) / self.count as f64,
            ..Breakdown::of_causes(self.times.map(mean))
        }
    }
}

impl StepSums {
    #[expect(clippy::cast_precision_loss, reason = "good to 16 digits")]
    fn breakdown(&self) -> Breakdown {
        Breakdown::of_causes(self.times.map(|sum| sum as f64))
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares of sums")]
fn shares(totals: &Class) -> Shares {
    let [execution, lock, run_queue] =
        [Cause::Execution, Cause::Lock, Cause::RunQueue].map(|cause| totals.times[cause as usize] as f64);
    let busy = execution + lock + run_queue;
    if busy <= 0.0 {
        return Shares::default();
    }
    Shares { execution: execution / busy, lock_acquisition: lock / busy, context_switching: run_queue / busy }
}

/// Sojourn by time of arrival in at most 256 slices, whose width doubles when the run outgrows them.
#[derive(Clone, Debug)]
struct Series {
    /// A slice is two to this power of nanoseconds wide: a shift, where a division cost as much as a histogram.
    width_bits: u32,
    slices: Vec<Slice>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    completed: u64,
    sum: u64,
    max: u64,
}

const SLICES: usize = 256;
const FIRST_WIDTH_BITS: u32 = 20;

impl Default for Series {
    fn default() -> Self {
        Self { width_bits: FIRST_WIDTH_BITS, slices: Vec::new() }
    }
}

impl Series {
    #[inline]
    fn add(&mut self, at: Nanos, sojourn: Nanos) {
        while at.0 >> self.width_bits >= SLICES as u64 {
            self.halve();
        }
        let index = usize::try_from(at.0 >> self.width_bits).unwrap_or(SLICES - 1);
        if index >= self.slices.len() {
            self.slices.resize(index + 1, Slice::default());
        }
        self.slices[index].merge(Slice { completed: 1, sum: sojourn.0, max: sojourn.0 });
    }

    /// Joins slices in pairs.
    fn halve(&mut self) {
        self.width_bits += 1;
        self.slices = self
            .slices
            .chunks(2)
            .map(|pair| {
                let mut joined = pair[0];
                pair.iter().skip(1).for_each(|slice| joined.merge(*slice));
                joined
            })
            .collect();
    }

    fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.width_bits < other.width_bits {
            self.halve();
        }
        while other.width_bits < self.width_bits {
            other.halve();
        }
        if self.slices.len() < other.slices.len() {
            self.slices.resize(other.slices.len(), Slice::default());
        }
        for (mine, theirs) in self.slices.iter_mut().zip(&other.slices) {
            mine.merge(*theirs);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn points(&self) -> Vec<SeriesPoint> {
        self.slices
            .iter()
            .zip(0..)
            .map(|(slice, index)| SeriesPoint {
                at_ns: index << self.width_bits,
                completed: slice.completed,
                mean_ns: if slice.completed == 0 { 0.0 } else { slice.sum as f64 / slice.completed as f64 },
                max_ns: slice.max,
            })
            .collect()
    }
}

impl Slice {
    fn merge(&mut self, other: Self) {
        self.completed += other.completed;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(arrived: u64, queue: u64, execution: u64, lock: u64) -> Finished {
        let mut times = TaskTimes::default();
        times[Cause::Queue as usize] = Nanos(queue);
        times[Cause::Execution as usize] = Nanos(execution);
        times[Cause::Lock as usize] = Nanos(lock);
        Finished {
            arrived: Nanos(arrived),
            issued: Nanos(arrived),
            started: Nanos(arrived + queue),
            ended: Nanos(arrived + queue + execution + lock),
            times,
        }
    }

    #[test]
    fn classes_are_monotone_and_three_percent_wide() {
        let mut last = 0;
        for value in
            (0..4096).chain((12..63).flat_map(|octave| [1 << octave, (1 << octave) + (1 << (octave - 1))]))
        {
            let class = class_of(value);
            assert!(class >= last, "{value}");
            last = class;
        }
        assert_eq!(class_of(1024), class_of(1055));
        assert_ne!(class_of(1024), class_of(1056));
        assert!(class_of(u64::MAX) < CLASS_COUNT);
    }

    #[test]
    fn parts_sum_to_the_sojourn_and_what_is_missing_is_the_residual() {
        let mut ledger = Ledger::new(0);
        let mut half = task(0, 100, 200, 50);
        half.ended += Nanos(30); // 30 ns that no cause explains
        ledger.finish(&half, Nanos(0));
        ledger.finish(&task(0, 300, 200, 50), Nanos(0));
        let (record, _, _) = ledger.into_record(&[], Nanos::from_secs(1));
        assert!((record.breakdown_mean_ns.residual - 15.0).abs() < 1e-9);
        assert!((record.breakdown_mean_ns.total() - record.sojourn_ns.mean).abs() < 1e-9);
        assert!((record.shares.execution - 400.0 / 500.0).abs() < 1e-9);
    }

    #[test]
    fn the_tail_has_another_breakdown_than_the_mean() {
        let mut ledger = Ledger::new(0);
        for _ in 0..980 {
            ledger.finish(&task(0, 0, 1_000, 0), Nanos(0));
        }
        for _ in 0..20 {
            ledger.finish(&task(0, 0, 1_000, 9_000), Nanos(0));
        }
        let (record, _, _) = ledger.into_record(&[], Nanos::from_secs(1));
        assert!((record.breakdown_p99_ns.lock - 9_000.0).abs() < 1e-9, "{record:?}");
        assert_eq!(record.breakdown_p99_count, 20);
        assert!((record.breakdown_mean_ns.lock - 180.0).abs() < 1e-9);
    }

    #[test]
    fn merging_two_ledgers_equals_noting_everything_in_one() {
        let (mut one, mut left, mut right) = (Ledger::new(1), Ledger::new(1), Ledger::new(1));
        for index in 0..1000_u64 {
            let mut noted = task(index * 3_000_000, index, 2 * index, index % 7);
            if index % 10 == 0 {
                noted.issued = noted.arrived + Nanos(index / 2);
            }
            one.finish(&noted, Nanos(0));
            if index < 600 { &mut left } else { &mut right }.finish(&noted, Nanos(0));
        }
        left.merge(&right);
        let window = Nanos::from_secs(3);
        assert_eq!(left.into_record(&["s".into()], window), one.into_record(&["s".into()], window));
    }

    #[test]
    fn a_small_ledger_says_what_a_large_one_does() {
        for tasks in [0, 1, 2, 9, 11, 40, 256, 257, 900] {
            let (mut small, mut large) = (Ledger::small(0), Ledger::new(0));
            let mut merged = Ledger::small(0);
            let mut part = Ledger::small(0);
            for index in 0..tasks {
                let mut noted = task(index * 700_000, index % 50 * index, 3 * index * index, index % 3 * 900);
                if index == 30 {
                    noted.issued = noted.arrived + Nanos(7);
                }
                small.finish(&noted, Nanos(5));
                large.finish(&noted, Nanos(5));
                if index < 600 { &mut merged } else { &mut part }.finish(&noted, Nanos(5));
            }
            merged.merge(&part);
            assert_eq!(small.completed(), large.completed());
            let window = Nanos::from_secs(3);
            let expected = large.into_record(&[], window);
            assert_eq!(small.into_record(&[], window), expected, "{tasks} tasks");
            assert_eq!(merged.into_record(&[], window), expected, "{tasks} tasks, merged");
        }
    }
}
