//! The number of tasks in a system, integrated over the measured window from two sides.
//!
//! Whoever issues a task notes its arrival and whoever ends it notes its departure, apart from each other, so that a
//! task which gets lost, or is counted twice, shows in the difference.

use crate::units::Nanos;

/// Where a task's arrival lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Epoch {
    /// Before the window: it counts for the time that it spends in the window.
    #[default]
    Before,
    /// In the window: it is measured, however long it takes.
    Inside,
    /// After the window: it keeps the system loaded and is not counted.
    After,
}

impl Epoch {
    /// Where an arrival lies.
    #[must_use]
    #[inline]
    pub fn of(arrived: Nanos, start: Nanos, end: Nanos) -> Self {
        if arrived < start {
            Self::Before
        } else if arrived < end {
            Self::Inside
        } else {
            Self::After
        }
    }
}

/// Arrivals at one actor, departures from it, and the stays between them, all clipped to the window. Times are offsets
/// from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    arrivals: i128,
    arrived_at: i128,
    departures: i128,
    departed_at: i128,
    stays: i128,
    /// Departures inside the window.
    pub completed: u64,
}

fn offset(instant: Nanos, start: Nanos) -> i128 {
    i128::from(instant.saturating_sub(start).0)
}

impl Presence {
    /// Notes an arrival. Nothing that arrives after the window may be noted.
    #[inline]
    pub fn arrive(&mut self, arrived: Nanos, start: Nanos) {
        self.arrivals += 1;
        self.arrived_at += offset(arrived, start);
    }

    /// Notes the end of a task whose arrival was noted.
    #[inline]
    pub fn depart(&mut self, arrived: Nanos, ended: Nanos, start: Nanos, end: Nanos) {
        self.leave(arrived, ended, start, end);
        self.completed += u64::from(ended >= start && ended <= end);
    }

    /// Notes that a task whose arrival was noted is given up: it is in the system no more, and is not complete.
    #[inline]
    pub fn leave(&mut self, arrived: Nanos, ended: Nanos, start: Nanos, end: Nanos) {
        let came = offset(arrived, start);
        // A window that ends with its last task may end just before an arrival that counts.
        let went = offset(ended.min(end.max(arrived)), start);
        self.departures += 1;
        self.departed_at += went;
        self.stays += went - came;
    }

    /// Notes that a task whose arrival was noted is in the system at the end.
    pub fn remain(&mut self, arrived: Nanos, start: Nanos, end: Nanos) {
        self.stays += offset(end, start) - offset(arrived, start);
    }

    /// Adds everything that `other` noted.
    pub fn merge(&mut self, other: &Self) {
        self.arrivals += other.arrivals;
        self.arrived_at += other.arrived_at;
        self.departures += other.departures;
        self.departed_at += other.departed_at;
        self.stays += other.stays;
        self.completed += other.completed;
    }

    /// The number in the system integrated over a window of this length, from arrivals and departures: task-nanoseconds.
    #[must_use]
    pub const fn integral(&self, length: Nanos) -> i128 {
        (self.arrivals - self.departures) * length.0 as i128 - self.arrived_at + self.departed_at
    }

    /// The same from the stay of each task.
    #[must_use]
    pub const fn stays(&self) -> i128 {
        self.stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of 100 ns from 1000 on, with tasks that cross its edges in every way.
    fn crossed() -> Presence {
        let (start, end) = (Nanos(1000), Nanos(1100));
        let mut presence = Presence::default();
        for (arrived, ended) in
            [(900, 950), (900, 1010), (1000, 1100), (1020, 1030), (1090, 1500), (950, 1300)]
        {
            presence.arrive(Nanos(arrived), start);
            presence.depart(Nanos(arrived), Nanos(ended), start, end);
        }
        for arrived in [990, 1040] {
            presence.arrive(Nanos(arrived), start);
            presence.remain(Nanos(arrived), start, end);
        }
        presence
    }

    #[test]
    fn both_sides_count_the_same_tasks_with_their_edges() {
        let presence = crossed();
        assert_eq!(presence.stays(), 10 + 100 + 10 + 10 + 100 + 100 + 60);
        assert_eq!(presence.integral(Nanos(100)), presence.stays());
        assert_eq!(presence.completed, 3);
    }

    #[test]
    fn a_lost_task_and_one_that_ends_twice_show() {
        let mut lost = crossed();
        lost.arrive(Nanos(1050), Nanos(1000));
        assert_eq!(lost.integral(Nanos(100)) - lost.stays(), 50);
        let mut twice = crossed();
        twice.depart(Nanos(1020), Nanos(1030), Nanos(1000), Nanos(1100));
        assert_ne!(twice.integral(Nanos(100)), twice.stays());
    }
}
