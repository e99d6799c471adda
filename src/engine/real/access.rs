//! How a performer accesses caches and stores. The work of an access is done inside, with the shard's lock held; a miss
//! is paid for outside.

use super::executor::Executor;
use super::performer::Performer;
use super::runtime::Stopped;
use super::timekeeper::Activity;
use crate::cache::Probe;
use crate::random::Stream;
use crate::scenario::MissCost;
use crate::store::StoreError;
use crate::units::Nanos;
use crate::workload::Draw;

/// One access to a cache, as the program asks for it.
pub(super) struct Access<'op> {
    pub(super) cache: usize,
    pub(super) hit: &'op Draw,
    pub(super) miss: &'op MissCost,
    pub(super) under: Option<usize>,
}

/// What a performer does around and inside an access. It blocks the worker: caches have no other interface.
struct Inside<'performer, 'run, E: Executor> {
    performer: &'performer mut Performer<'run, E>,
    work: Nanos,
    under: Option<usize>,
    waited: Nanos,
    wait_began: Nanos,
    stopped: bool,
}

impl<E: Executor> Probe for Inside<'_, '_, E> {
    fn blocked(&mut self) {
        self.performer.drop_interpreter(Activity::Work);
        self.wait_began = self.performer.cut(Activity::Work);
    }

    fn resumed(&mut self) {
        let end = self.performer.cut(Activity::Lock);
        self.waited += end - self.wait_began;
    }

    fn inside(&mut self, _hit: bool) {
        let held = self.performer.hold_interpreter(self.under);
        self.stopped |= held.and_then(|()| self.performer.compute(self.work, self.under)).is_err();
    }
}

impl<'run, E: Executor> Performer<'run, E> {
    /// Looks a key up, and pays for a miss.
    pub(super) async fn access_cache(
        &mut self,
        access: &Access<'_>,
        stream: &mut Stream,
    ) -> Result<(), Stopped> {
        let cache = &self.run.caches[access.cache];
        let key = cache.keys.draw(stream);
        let work = self.slowed(access.hit.sample(stream, self.task_number));
        let start = self.cut(Activity::Work);
        let worker = self.executor.worker();
        let mut inside = self.inside(work, access.under);
        let found = cache.cache.access(worker, key, &mut inside).hit;
        let hit = found && cache.is_fresh(worker, key, start);
        let (mut waited, stopped) = (inside.waited, inside.stopped);
        if stopped {
            return Err(Stopped);
        }
        if !hit {
            // Whoever fetches the key puts it into the copy that it looked into.
            let looked = worker;
            if let Some(flight) = cache.board(looked, key) {
                self.wait_in_batch(flight.landed(), None).await?;
                return self.note_access(access.cache, false, start, waited);
            }
            self.pay_miss(access, key, stream).await?;
            // The wait may have moved a handler to another worker.
            let worker = self.executor.worker();
            let mut inserting = self.inside(Nanos::ZERO, access.under);
            cache.cache.insert(worker, key, &mut inserting);
            let stopped;
            (waited, stopped) = (waited + inserting.waited, inserting.stopped);
            if stopped {
                return Err(Stopped);
            }
            let now = self.cut(Activity::Work);
            cache.land([looked, worker], key, now);
        }
        self.note_access(access.cache, hit, start, waited)
    }

    fn note_access(&mut self, cache: usize, hit: bool, start: Nanos, waited: Nanos) -> Result<(), Stopped> {
        let end = self.cut(Activity::Work);
        self.executor.note(|notes| notes.stats.caches[cache].accessed(hit, end - start, waited));
        Ok(())
    }

    fn inside(&mut self, work: Nanos, under: Option<usize>) -> Inside<'_, 'run, E> {
        Inside { performer: self, work, under, waited: Nanos::ZERO, wait_began: Nanos::ZERO, stopped: false }
    }

    async fn pay_miss(&mut self, access: &Access<'_>, key: u64, stream: &mut Stream) -> Result<(), Stopped> {
        match access.miss {
            MissCost::Io(draw) => {
                let length = self.slowed(draw.sample(stream, self.task_number));
                self.sleep(length).await
            }
            MissCost::Compute(draw) => {
                let amount = self.slowed(draw.sample(stream, self.task_number));
                self.hold_interpreter(access.under)?;
                self.compute(amount, access.under)
            }
            MissCost::Store(store) => {
                let run = self.run;
                self.use_store(*store, false, |_| run.stores[*store].read(key))
            }
        }
    }

    /// Reads or writes a store: system calls, so without the interpreter lock, and I/O by their time but what a writer waits for
    /// others. They block the worker: the store's engine has no other interface.
    pub(super) fn access_store(
        &mut self,
        store: usize,
        write: bool,
        stream: &mut Stream,
    ) -> Result<(), Stopped> {
        let run = self.run;
        self.use_store(store, write, |entered| run.stores[store].access(write, stream, entered))
    }

    fn use_store(
        &mut self,
        store: usize,
        write: bool,
        access: impl FnOnce(&mut dyn FnMut()) -> Result<(), StoreError>,
    ) -> Result<(), Stopped> {
        self.drop_interpreter(Activity::Work);
        let start = self.cut(Activity::Work);
        let (run, mut entered) = (self.run, None);
        let outcome = access(&mut || entered = Some(run.clock.now()));
        let waited = entered.map(|entered| {
            let segment = self.time.cut_at(Activity::Writers, entered);
            self.note_piece(Activity::Writers, segment, None) - start
        });
        let end = self.cut(Activity::Io);
        self.executor.note(|notes| {
            let ledger = &mut notes.stats.stores[store];
            ledger.accessed(write, end - start, waited);
            outcome.map_err(|error| {
                // A store that refuses ends the run: figures of failed accesses would be figures of nothing.
                ledger.failure.get_or_insert_with(|| error.to_string());
                run.abort(end);
                Stopped
            })
        })
    }
}
