//! A treatment: the factors that a run sets, applied to a scenario.

use super::{Load, Scenario};
use crate::cache::CacheLayout;
use crate::queue::QueueKind;

/// Which actors get load of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoadArm {
    /// Every actor is loaded as the scenario says.
    #[default]
    Baseline,
    /// Only the actors that the scenario's `[isolated]` names are loaded.
    Isolated,
}

impl LoadArm {
    /// Both arms.
    pub const ALL: [Self; 2] = [Self::Baseline, Self::Isolated];

    /// The word for it on the command line and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Isolated => "isolated",
        }
    }

    /// One sentence for `conlab list`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Baseline => "every actor is loaded as the scenario says",
            Self::Isolated => "only the actors that [isolated] names are loaded",
        }
    }
}

/// What turns a scenario into a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// Threads or tokio, on this machine.
    #[default]
    Real,
    /// Deterministic simulation.
    Virtual,
}

impl EngineKind {
    /// Both engines.
    pub const ALL: [Self; 2] = [Self::Real, Self::Virtual];

    /// The word for it on the command line and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Virtual => "virtual",
        }
    }
}

/// One combination of levels; `None` leaves the scenario's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Worker threads of the actor in focus.
    pub threads: Option<usize>,
    /// Queue of the actor in focus.
    pub queue: Option<QueueKind>,
    /// Layout of every cache.
    pub cache: Option<CacheLayout>,
    /// Which actors are loaded.
    pub load: LoadArm,
    /// Processors.
    pub cores: Option<u32>,
}

impl Scenario {
    /// This scenario with the levels of `treatment`.
    #[must_use]
    pub fn treated(&self, treatment: &Treatment) -> Self {
        let mut scenario = self.clone();
        scenario.write_levels(treatment);
        let station = self.station(self.focus);
        if let Some(threads) = treatment.threads {
            scenario.actors[station].threads = threads.max(1);
        }
        if let Some(queue) = treatment.queue {
            self.served_with(station).for_each(|actor| scenario.actors[actor].queue = queue);
        }
        if let Some(layout) = treatment.cache {
            for cache in &mut scenario.caches {
                cache.layout = layout;
            }
        }
        if treatment.cores.is_some() {
            scenario.host.cores = treatment.cores;
        }
        if treatment.load == LoadArm::Isolated {
            for (index, actor) in scenario.actors.iter_mut().enumerate() {
                if !self.isolated.contains(&index) {
                    actor.load = Load::None;
                }
            }
        }
        scenario
    }

    /// The treatment that describes this scenario as it stands, with every level filled in.
    #[must_use]
    pub fn levels(&self, load: LoadArm) -> Treatment {
        let focus = &self.actors[self.station(self.focus)];
        Treatment {
            threads: Some(focus.threads),
            queue: Some(focus.queue),
            cache: self.caches.first().map(|cache| cache.layout),
            load,
            cores: self.host.cores,
        }
    }
}
