//! A file-backed key-value store for reads and writes that a disk really serves.
//!
//! The engine is `redb`: one file, pure Rust, a copy-on-write B-tree with a checksum for every page, readers that never
//! wait for writers, and a commit that is on the disk when it returns. An LSM engine (`fjall`) would write faster, but
//! compacts on threads of its own, which would run inside the measurement.
//!
//! Every value carries a checksum over its key and bytes besides, so that a read cannot return another key's
//! value or half of one. Opening verifies all of it; a damaged store is refused, never repaired in silence.
//!
//! Writes are serialised by the engine, one commit each: the wait for another writer is part of a write.

mod error;

pub use error::StoreError;

use flate2::Crc;
use redb::{Database, Durability, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

const VALUES: TableDefinition<u64, &[u8]> = TableDefinition::new("values");
const PROPERTIES: TableDefinition<&str, u64> = TableDefinition::new("properties");

/// Name of the store's file in its directory.
const FILE: &str = "store.redb";
/// Name of the file that whoever has the store open holds locked. It stays, so that nobody can lock one that is about to go.
const LOCK: &str = "store.lock";
/// Meaning of the file's content.
const FORMAT: u64 = 1;
/// Bytes of the checksum that precedes a value.
const CHECKSUM: usize = 4;
/// The engine's own cache: small, so that reads go to the system.
const ENGINE_CACHE: usize = 4 << 20;

/// What a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorePlan {
    /// Bytes of one value.
    pub value_bytes: usize,
    /// Keys `0..count` are laid out at the start.
    pub count: u64,
    /// Whether a write is on the disk before it is acknowledged.
    pub durable: bool,
}

/// A store of values of one size.
#[derive(Debug)]
pub struct Store {
    database: Database,
    path: PathBuf,
    plan: StorePlan,
    /// Locked until the store is dropped; declared last, so that the database is closed before.
    _lock: File,
}

impl Store {
    /// The word for the engine in records.
    pub const ENGINE: &str = "redb";

    /// Makes a store in `directory`, which must exist, and lays its keys out. A store that is there is replaced.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], or what the system or the engine refused.
    pub fn create(directory: &Path, plan: &StorePlan) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let lock = hold(directory, &path)?;
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::System { action: "replace", path, source });
            }
            _ => {}
        }
        let database = redb::Builder::new()
            .set_cache_size(ENGINE_CACHE)
            .create(&path)
            .map_err(|error| refuse("create", &path, error))?;
        let store = Self { database, path, plan: *plan, _lock: lock };
        store.attempt("lay out", |database| lay_out(database, plan))?;
        Ok(store)
    }

    /// Opens the store in `directory` after verifying every page and every value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when anything is not as it was written; [`StoreError::Missing`], [`StoreError::Busy`].
    pub fn open(directory: &Path, durable: bool) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path });
            }
            Ok(found) if found.len() == 0 => {
                return Err(StoreError::Damaged { path, what: "the file is empty".into() });
            }
            _ => {}
        }
        let lock = hold(directory, &path)?;
        let database = redb::Builder::new()
            .set_cache_size(ENGINE_CACHE)
            .set_check_integrity_on_open(true)
            .open(&path)
            .map_err(|error| refuse("open", &path, error))?;
        let plan = StorePlan { value_bytes: 0, count: 0, durable };
        let mut store = Self { database, path, plan, _lock: lock };
        store.plan = store.verify(durable)?;
        Ok(store)
    }

    /// What the store holds.
    #[must_use]
    pub const fn plan(&self) -> &StorePlan {
        &self.plan
    }

    /// Reads the value of `key`; `None` when the store has no such key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when the value does not match its checksum.
    pub fn read(&self, key: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.attempt("read", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })?;
        stored.map(|stored| self.unseal(key, stored)).transpose()
    }

    /// Writes the value of `key`; when the store is durable, it is on the disk on return.
    ///
    /// # Errors
    ///
    /// [`StoreError::WrongSize`]; otherwise what the system refused, and then the value may be old or new.
    pub fn write(&self, key: u64, value: &[u8]) -> Result<(), StoreError> {
        self.write_after(key, value, &mut || ())
    }

    /// As [`write`](Self::write); `entered` is called as soon as no other writer is in the way.
    pub(crate) fn write_after(
        &self,
        key: u64,
        value: &[u8],
        entered: &mut dyn FnMut(),
    ) -> Result<(), StoreError> {
        if value.len() != self.plan.value_bytes {
            return Err(StoreError::WrongSize { given: value.len(), wanted: self.plan.value_bytes });
        }
        let sealed = seal(key, value);
        self.attempt("write", |database| {
            let mut transaction = database.begin_write()?;
            entered();
            if !self.plan.durable {
                transaction.set_durability(Durability::None)?;
            }
            transaction.open_table(VALUES)?.insert(key, sealed.as_slice())?;
            transaction.commit()?;
            Ok(())
        })
    }

    /// Does `work`, naming it in the error.
    fn attempt<R>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<R, redb::Error>,
    ) -> Result<R, StoreError> {
        work(&self.database).map_err(|error| refuse(action, &self.path, error))
    }

    /// Checks format, number of keys and every value, and returns what the store holds.
    fn verify(&self, durable: bool) -> Result<StorePlan, StoreError> {
        let (format, value_bytes, count, found) = self.attempt("open", |database| {
            let reader = database.begin_read()?;
            let properties = reader.open_table(PROPERTIES)?;
            let property =
                |name| Ok::<_, redb::Error>(properties.get(name)?.map_or(0, |value| value.value()));
            let found = reader.open_table(VALUES)?.len()?;
            Ok((property("format")?, property("value_bytes")?, property("count")?, found))
        })?;
        if format != FORMAT {
            return Err(self.damaged(format!("format {format}, expected {FORMAT}")));
        }
        if found < count {
            return Err(self.damaged(format!("{found} of {count} keys are there")));
        }
        let value_bytes = usize::try_from(value_bytes).unwrap_or(usize::MAX);
        self.verify_values(value_bytes)?;
        Ok(StorePlan { value_bytes, count, durable })
    }

    /// Checks every value against its checksum.
    fn verify_values(&self, value_bytes: usize) -> Result<(), StoreError> {
        let wrong = self.attempt("open", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            for entry in table.range::<u64>(..)? {
                let (key, stored) = entry?;
                let stored = stored.value();
                if stored.len() != CHECKSUM + value_bytes || !is_sealed(key.value(), stored) {
                    return Ok(Some(key.value()));
                }
            }
            Ok(None)
        })?;
        wrong.map_or(Ok(()), |key| {
            Err(self.damaged(format!("the value of key {key} does not match its checksum")))
        })
    }

    /// The value in what is stored for `key`.
    fn unseal(&self, key: u64, mut stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        if !is_sealed(key, &stored) {
            return Err(self.damaged(format!("the value of key {key} does not match its checksum")));
        }
        stored.drain(..CHECKSUM);
        Ok(stored)
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what }
    }
}

/// Locks the store at `path`, or says that somebody has it open. The engine locks its own file only, which a replacement would leave to
/// whoever has it open.
fn hold(directory: &Path, path: &Path) -> Result<File, StoreError> {
    let refused = |source| StoreError::System { action: "lock", path: path.to_path_buf(), source };
    let lock = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(directory.join(LOCK))
        .map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: path.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// The value of `key` in its `version`, of `bytes` bytes: what is laid out at the start (version 0), and what a
/// writer that needs any value can write.
#[must_use]
pub fn make_value(key: u64, version: u64, bytes: usize) -> Vec<u8> {
    let mut word = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut value = Vec::with_capacity(bytes + 8);
    while value.len() < bytes {
        value.extend_from_slice(&word.to_le_bytes());
        word = (word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(1);
    }
    value.truncate(bytes);
    value
}

/// Writes the properties and the first version of every key, in one commit that is on the disk on return.
fn lay_out(database: &Database, plan: &StorePlan) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut properties = transaction.open_table(PROPERTIES)?;
        properties.insert("format", FORMAT)?;
        properties.insert("value_bytes", plan.value_bytes as u64)?;
        properties.insert("count", plan.count)?;
        let mut values = transaction.open_table(VALUES)?;
        for key in 0..plan.count {
            values.insert(key, seal(key, &make_value(key, 0, plan.value_bytes)).as_slice())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// `value` behind its checksum.
fn seal(key: u64, value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(CHECKSUM + value.len());
    sealed.extend_from_slice(&checksum(key, value).to_le_bytes());
    sealed.extend_from_slice(value);
    sealed
}

/// Whether what is `stored` for `key` begins with the checksum of the rest.
fn is_sealed(key: u64, stored: &[u8]) -> bool {
    stored
        .split_first_chunk::<CHECKSUM>()
        .is_some_and(|(sum, value)| u32::from_le_bytes(*sum) == checksum(key, value))
}

/// CRC-32 over key and value.
fn checksum(key: u64, value: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&key.to_le_bytes());
    crc.update(value);
    crc.sum()
}

/// What an error of the engine means to the caller.
fn refuse(action: &'static str, path: &Path, error: impl Into<redb::Error>) -> StoreError {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let path = path.to_path_buf();
    match error.into() {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreError::Busy { path },
        redb::Error::Corrupted(what) => StoreError::Damaged { path, what },
        redb::Error::UpgradeRequired(version) => StoreError::Damaged {
            path,
            what: format!("file format {version} is not one that this engine writes"),
        },
        error @ (redb::Error::TableDoesNotExist(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)) => StoreError::Damaged { path, what: error.to_string() },
        redb::Error::Io(error) if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) => {
            StoreError::Damaged { path, what: error.to_string() }
        }
        redb::Error::Io(source) => StoreError::System { action, path, source },
        source => StoreError::Engine { action, path, source: Box::new(source) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};

    const PLAN: StorePlan = StorePlan { value_bytes: 100, count: 200, durable: true };

    /// A store with some later writes, closed in order.
    fn written() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(directory.path(), &PLAN).unwrap();
        for key in 0..20 {
            store.write(key, &make_value(key, 1, 100)).unwrap();
        }
        directory
    }

    fn version_of(key: u64) -> u64 {
        u64::from(key < 20)
    }

    #[test]
    fn what_was_written_is_read_back_after_opening_again() {
        let directory = written();
        let store = Store::open(directory.path(), true).unwrap();
        assert_eq!(*store.plan(), PLAN);
        for key in 0..200 {
            assert_eq!(store.read(key).unwrap(), Some(make_value(key, version_of(key), 100)), "key {key}");
        }
        assert_eq!(store.read(200).unwrap(), None);
        assert!(matches!(store.write(0, &[1]), Err(StoreError::WrongSize { given: 1, wanted: 100 })));
    }

    #[test]
    fn a_store_that_is_absent_or_in_use_is_told_apart_from_a_damaged_one() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Store::open(directory.path(), true), Err(StoreError::Missing { .. })));
        let _store = Store::create(directory.path(), &PLAN).unwrap();
        assert!(matches!(Store::open(directory.path(), true), Err(StoreError::Busy { .. })));
        assert!(matches!(Store::create(directory.path(), &PLAN), Err(StoreError::Busy { .. })));
    }

    #[test]
    fn a_refused_create_leaves_what_is_open_and_its_writes() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(directory.path(), &PLAN).unwrap();
        assert!(matches!(Store::create(directory.path(), &PLAN), Err(StoreError::Busy { .. })));
        store.write(1, &make_value(1, 9, 100)).unwrap(); // acknowledged as durable
        drop(store);
        let store = Store::open(directory.path(), true).unwrap();
        assert_eq!(store.read(1).unwrap(), Some(make_value(1, 9, 100)));
        drop(store);
        // Once nobody has it open, it is replaced.
        let store = Store::create(directory.path(), &PLAN).unwrap();
        assert_eq!(store.read(1).unwrap(), Some(make_value(1, 0, 100)));
    }

    /// The engine's own checksums hold here: only the store's can tell.
    #[test]
    fn what_was_not_sealed_for_its_key_is_refused() {
        let sealed = |key| seal(key, &make_value(key, 0, 100));
        let mut flipped = sealed(7);
        flipped[50] ^= 1;
        let mut other_sum = sealed(7);
        other_sum[0] ^= 1;
        for (name, stored) in [
            ("a flipped byte", flipped),
            ("a flipped checksum", other_sum),
            ("another key's value", sealed(8)),
            ("half of it", sealed(7)[..50].to_vec()),
            ("nothing", Vec::new()),
        ] {
            let directory = written();
            let store = Store::open(directory.path(), true).unwrap();
            let put = |database: &Database| {
                let transaction = database.begin_write()?;
                transaction.open_table(VALUES)?.insert(7, stored.as_slice())?;
                transaction.commit()?;
                Ok(())
            };
            store.attempt("write", put).unwrap();
            assert!(matches!(store.read(7), Err(StoreError::Damaged { .. })), "{name} was read");
            assert!(store.read(8).is_ok());
            drop(store);
            let opened = Store::open(directory.path(), true);
            assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{name} was opened");
        }
    }

    /// Opens the store with these bytes after `damage`; it must be refused with one clear error, or hold every latest
    /// value. Returns whether it was refused.
    fn check_damage_of(bytes: &[u8], name: &str, damage: impl FnOnce(&mut Vec<u8>)) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = bytes.to_vec();
        damage(&mut bytes);
        std::fs::write(directory.path().join(FILE), &bytes).unwrap();
        match Store::open(directory.path(), true) {
            Err(error @ StoreError::Damaged { .. }) => {
                assert!(error.to_string().contains("is damaged"), "{name}: {error}");
                true
            }
            Err(error) => panic!("{name}: refused as {error:?}, which is not damage"),
            Ok(store) => {
                for key in 0..200 {
                    let value = store.read(key).unwrap();
                    assert_eq!(value, Some(make_value(key, version_of(key), 100)), "{name}, key {key}");
                }
                false
            }
        }
    }

    fn check_damage(name: &str, damage: impl FnOnce(&mut Vec<u8>)) -> bool {
        check_damage_of(&written_bytes(), name, damage)
    }

    fn written_bytes() -> Vec<u8> {
        std::fs::read(written().path().join(FILE)).unwrap()
    }

    #[test]
    fn a_cut_emptied_or_foreign_file_is_refused() {
        assert!(check_damage("cut in half", |bytes| bytes.truncate(bytes.len() / 2)));
        assert!(check_damage("cut to a page", |bytes| bytes.truncate(4096)));
        assert!(check_damage("cut to ten bytes", |bytes| bytes.truncate(10)));
        assert!(check_damage("emptied", Vec::clear));
        assert!(check_damage("foreign", |bytes| bytes.fill(b'x')));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed_in_a_value() {
        // Every byte of a value is flipped where it lies in the file, wherever the engine put it.
        let value = make_value(150, 0, 100);
        assert!(check_damage("flipped in a value", |bytes| {
            let copies: Vec<usize> =
                (0..bytes.len() - 100).filter(|at| bytes[*at..*at + 100] == value[..]).collect();
            assert!(!copies.is_empty());
            for at in copies {
                bytes[at + 50] ^= 1;
            }
        }));
    }

    #[test]
    fn flipped_bits_anywhere_are_refused_or_harmless() {
        let mut stream = Stream::new(11, Source::History, 0, 0);
        let bytes = written_bytes();
        let refused = (0..60)
            .filter(|round| {
                check_damage_of(&bytes, &format!("seed 11, round {round}"), |bytes| {
                    let at = usize::try_from(stream.below(bytes.len() as u64)).unwrap();
                    bytes[at] ^= 1 << stream.below(8);
                })
            })
            .count();
        assert!(refused > 0, "no flip hit anything that is in use");
    }
}
