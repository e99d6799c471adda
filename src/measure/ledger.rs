//! What one worker notes of the tasks of one actor: histograms and sums, of a size that does not grow with the
//! number of tasks. Nobody shares a ledger while a run is under way; they are merged at its end.

use super::record::{ActorRecord, Breakdown, Distribution, SeriesPoint, Shares, StepRecord};
use super::tally::Tally;
use crate::units::Nanos;
use hdrhistogram::Histogram;

/// What a task's time went into. The number is the index into [`TaskTimes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Waiting in the queue.
    Queue = 0,
    /// On a processor, working.
    Execution = 1,
    /// Waiting for locks.
    Lock = 2,
    /// Runnable but not running.
    RunQueue = 3,
    /// Waiting for I/O.
    Io = 4,
    /// Waiting for answers, and for room in a receiver's queue.
    Call = 5,
}

/// Number of causes.
pub const CAUSES: usize = 6;

/// Time by cause, indexed by [`Cause`].
pub type TaskTimes = [Nanos; CAUSES];

/// One finished task.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Intended start.
    pub arrived: Nanos,
    /// When it was really issued.
    pub issued: Nanos,
    /// When its service began.
    pub started: Nanos,
    /// When it was done.
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
    /// Tasks that this worker found refused.
    pub refused: u64,
    /// Tasks that this worker found unfinished at the end.
    pub in_flight: u64,
    sojourn: Tally,
    uncorrected: Tally,
    wait: Tally,
    /// Zeros are not noted in these three: whatever is missing in the end was one.
    service: Tally,
    lock_wait: Tally,
    run_queue: Tally,
    /// Every finished task is in one class, so that their sums are those of all tasks.
    classes: Vec<Class>,
    steps: Vec<StepSums>,
    series: Series,
    late: bool,
    /// Task-time inside the measured window of tasks that did not both arrive and finish in it.
    others_presence: u128,
}

#[derive(Clone, Copy, Debug, Default)]
struct StepSums {
    count: u64,
    times: [u64; CAUSES],
}

impl Ledger {
    /// An empty ledger for an actor with this many steps.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        Self {
            issued: 0,
            refused: 0,
            in_flight: 0,
            sojourn: Tally::default(),
            uncorrected: Tally::default(),
            wait: Tally::default(),
            service: Tally::default(),
            lock_wait: Tally::default(),
            run_queue: Tally::default(),
            classes: Vec::new(),
            steps: vec![StepSums::default(); steps],
            series: Series::default(),
            late: false,
            others_presence: 0,
        }
    }

    /// Notes a task that arrived in the window, which began at `window_start`, and finished in it.
    #[inline]
    pub fn finish(&mut self, task: &Finished, window_start: Nanos) {
        let sojourn = task.ended.saturating_sub(task.arrived);
        self.sojourn.record(sojourn);
        self.wait.record(task.started.saturating_sub(task.arrived));
        let parts = [
            (&mut self.service, task.ended.saturating_sub(task.started)),
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
        let class = &mut self.classes[class_of(sojourn.0)];
        class.count += 1;
        class.sojourn += sojourn.0;
        for (sum, time) in class.times.iter_mut().zip(task.times) {
            *sum += time.0;
        }
        self.series.add(task.ended.saturating_sub(window_start), sojourn);
    }

    /// Notes that a task which arrived in the window is unfinished at its end.
    pub fn leave(&mut self, arrived: Nanos, window_end: Nanos) {
        self.in_flight += 1;
        self.others_presence += u128::from(window_end.saturating_sub(arrived).0);
    }

    /// Notes the stay of a task that arrived before the window but left inside it.
    pub fn overlap(&mut self, ended: Nanos, window_start: Nanos) {
        self.others_presence += u128::from(ended.saturating_sub(window_start).0);
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

    /// Tasks finished.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.sojourn.count()
    }

    /// Task-time inside the measured window, for Little's law: the integral of tasks in the system.
    #[must_use]
    pub fn presence(&self) -> u128 {
        self.others_presence + u128::from(self.totals().sojourn)
    }

    /// All finished tasks.
    fn totals(&self) -> Class {
        let mut totals = Class::default();
        self.classes.iter().for_each(|class| totals.merge(class));
        totals
    }

    /// Adds everything that `other` noted of the same actor.
    pub fn merge(&mut self, other: &Self) {
        self.issued += other.issued;
        self.refused += other.refused;
        self.in_flight += other.in_flight;
        self.others_presence += other.others_presence;
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
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.count += theirs.count;
            for (sum, time) in mine.times.iter_mut().zip(theirs.times) {
                *sum += time;
            }
        }
        self.series.merge(&other.series);
    }

    /// The actor's record over a window of this length, its series, and its sojourn histogram.
    #[must_use]
    pub fn into_record(
        self,
        step_names: &[String],
        window: Nanos,
    ) -> (ActorRecord, Vec<SeriesPoint>, Histogram<u64>) {
        let totals = self.totals();
        let sojourn = self.sojourn.histogram();
        let (tail, tail_count) = self.tail(sojourn.value_at_quantile(0.99), totals.count);
        let filled = |mut tally: Tally| {
            tally.add_zeros(totals.count - tally.count());
            distribution(&tally.histogram(), false)
        };
        let seconds = window.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate of tasks")]
        let throughput_per_s = if seconds > 0.0 { totals.count as f64 / seconds } else { 0.0 };
        let record = ActorRecord {
            issued: self.issued,
            completed: totals.count,
            refused: self.refused,
            in_flight: self.in_flight,
            throughput_per_s,
            sojourn_ns: distribution(&sojourn, true),
            sojourn_uncorrected_ns: self.late.then(|| distribution(&self.uncorrected.histogram(), false)),
            wait_ns: distribution(&self.wait.histogram(), false),
            service_ns: filled(self.service),
            lock_wait_ns: filled(self.lock_wait),
            run_queue_ns: filled(self.run_queue),
            shares: shares(&totals),
            breakdown_mean_ns: totals.breakdown(),
            breakdown_p99_ns: tail.breakdown(),
            breakdown_p99_count: tail_count,
            steps: step_names
                .iter()
                .zip(&self.steps)
                .map(|(name, sums)| StepRecord {
                    name: name.clone(),
                    count: sums.count,
                    total_ns: sums.breakdown(),
                })
                .collect(),
        };
        (record, self.series.points(), sojourn)
    }

    /// Of `all` tasks those at a quantile, which is at this value: those of its class, and of the classes around it
    /// until there are at least ten and one in a hundred (or all of them).
    fn tail(&self, value: u64, all: u64) -> (Class, u64) {
        if all == 0 {
            return (Class::default(), 0);
        }
        let wanted = (all / 100).max(10).min(all);
        let (mut low, mut high) = (class_of(value), class_of(value));
        let mut sum = self.classes[low];
        while sum.count < wanted {
            let can_rise = high + 1 < self.classes.len();
            if !can_rise && low == 0 {
                break;
            }
            if can_rise {
                high += 1;
                sum.merge(&self.classes[high]);
            }
            if low > 0 {
                low -= 1;
                sum.merge(&self.classes[low]);
            }
        }
        (sum, sum.count)
    }
}

impl Class {
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
            ..breakdown(self.times.map(mean))
        }
    }
}

impl StepSums {
    #[expect(clippy::cast_precision_loss, reason = "good to 16 digits")]
    fn breakdown(&self) -> Breakdown {
        breakdown(self.times.map(|sum| sum as f64))
    }
}

fn breakdown([queue, execution, lock, run_queue, io, call]: [f64; CAUSES]) -> Breakdown {
    Breakdown { queue, execution, lock, run_queue, io, call, residual: 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "shares of sums")]
fn shares(totals: &Class) -> Shares {
    let [_, execution, lock, run_queue, _, _] = totals.times.map(|sum| sum as f64);
    let busy = execution + lock + run_queue;
    if busy <= 0.0 {
        return Shares::default();
    }
    Shares { execution: execution / busy, lock_acquisition: lock / busy, context_switching: run_queue / busy }
}

/// Summary of a histogram of nanoseconds.
#[must_use]
pub fn distribution(histogram: &Histogram<u64>, spectrum: bool) -> Distribution {
    if histogram.is_empty() {
        return Distribution::default();
    }
    // Never beyond the largest value: the histogram answers with the upper end of a bucket.
    let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
    Distribution {
        mean: histogram.mean(),
        min: histogram.min(),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: histogram.max(),
        stddev: histogram.stdev(),
        count: histogram.len(),
        spectrum: if spectrum {
            histogram
                .iter_quantiles(5)
                .map(|step| (step.quantile(), step.value_iterated_to().min(histogram.max())))
                .collect()
        } else {
            Vec::new()
        },
    }
}

/// Sojourn over time in at most 256 slices, whose width doubles when the run outgrows them.
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
}
