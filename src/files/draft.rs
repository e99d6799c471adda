//! Folders that are written as drafts, and temporary ones.

use super::lock::{Locked, lock_abandoned, lock_own};
use super::write::sync_folder;
use super::{DRAFT, RANDOM};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempDir};

/// Tries to lock a fresh draft; each can only be lost to another process that tidies in the same instant.
const TRIES: usize = 100;

/// A folder that is written under a temporary name. Dropped before [`DraftFolder::keep`] it goes with all that is in it.
#[derive(Debug)]
pub struct DraftFolder {
    out: PathBuf,
    folder: TempDir,
    // After the draft: what was made for it goes if nothing was kept there.
    _made: Made,
    // Last: the lock is given back after the folder is gone.
    _lock: Option<File>,
}

/// Folders that were made, the deepest first; dropped, those of them that are empty go.
#[derive(Debug)]
struct Made(Vec<PathBuf>);

impl Made {
    fn all_of(folder: &Path) -> io::Result<Self> {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let made = folder.ancestors().take_while(missing).map(Path::to_owned).collect();
        fs::create_dir_all(folder)?;
        Ok(Self(made))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // The system refuses to remove what is not empty, and then all above it is not either.
        self.0.iter().all(|folder| fs::remove_dir(folder).is_ok());
    }
}

impl DraftFolder {
    /// Makes a draft under `out`, which is created if need be, after removing the drafts that killed processes left.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn reserve(out: &Path) -> io::Result<Self> {
        let made = Made::all_of(out)?;
        tidy(out);
        let mut builder = Builder::new();
        builder.prefix(DRAFT).rand_bytes(RANDOM);
        permit(&mut builder, 0o777);
        let (folder, lock) = make_locked(&builder, out)?;
        Ok(Self { out: out.to_owned(), folder, _made: made, _lock: lock })
    }

    /// Writes a file into the draft, and syncs it. Whatever already has its name is left alone, links included.
    ///
    /// # Errors
    ///
    /// What the file system says; nothing of the file is left then.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.path().join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            fs::remove_file(&path).ok();
        }
        written
    }

    /// The draft's place for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Renames the draft to `stem`, or to the first of `stem-2`, `stem-3` and so on that is free; returns its place.
    ///
    /// # Errors
    ///
    /// What the file system says; the draft is removed then.
    pub fn keep(self, stem: &str) -> io::Result<PathBuf> {
        sync_folder(self.folder.path())?;
        // Ends at the first free name. Another process may take it between the look and the renaming; then the system
        // says so, since no folder is renamed onto one that is not empty, and the next name is tried.
        for copy in 1_u32.. {
            let name = if copy == 1 { stem.to_owned() } else { format!("{stem}-{copy}") };
            let place = self.out.join(name);
            if fs::symlink_metadata(&place).is_ok() {
                continue;
            }
            match fs::rename(self.folder.path(), &place) {
                Ok(()) => {
                    // It has its name now, and is not ours to remove.
                    let _ = self.folder.keep();
                    sync_folder(&self.out)?;
                    return Ok(place);
                }
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name is taken"))
    }
}

fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory)
}

/// A private folder for files that nobody is to see, removed when dropped, or by a later process if this one is killed.
#[derive(Debug)]
pub struct Temporary {
    folder: TempDir,
    _lock: Option<File>,
}

impl Temporary {
    /// Makes one in the system's folder for temporary files, readable by this user alone. `purpose` stands in its name.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn new(purpose: &str) -> io::Result<Self> {
        Self::within(&std::env::temp_dir(), purpose)
    }

    fn within(place: &Path, purpose: &str) -> io::Result<Self> {
        let prefix = format!("conlab-{purpose}-");
        tidy_named(place, &prefix);
        let mut builder = Builder::new();
        builder.prefix(&prefix).rand_bytes(RANDOM);
        permit(&mut builder, 0o700);
        let (folder, lock) = make_locked(&builder, place)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A word that one process at a time may use in the names of the files of a folder.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _lock: Option<File>,
}

impl Claim {
    /// Takes `word` in `folder`; `None` while another process has it.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn take(folder: &Path, word: &str) -> io::Result<Option<Self>> {
        let path = folder.join(format!("{DRAFT}{word}"));
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => match lock_own(&path) {
                    Locked::Ours(lock) => return Ok(Some(Self { path, _lock: lock })),
                    Locked::Lost => return Ok(None),
                },
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => match lock_abandoned(&path) {
                    Some(_held) => fs::remove_file(&path).or_else(|error| match error.kind() {
                        io::ErrorKind::NotFound => Ok(()),
                        _ => Err(error),
                    })?,
                    None => return Ok(None),
                },
            }
        }
        Ok(None)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

fn make_locked(builder: &Builder<'_, '_>, place: &Path) -> io::Result<(TempDir, Option<File>)> {
    for _ in 0..TRIES {
        let folder = builder.tempdir_in(place)?;
        match lock_own(folder.path()) {
            Locked::Ours(lock) => return Ok((folder, lock)),
            Locked::Lost => drop(folder),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "other processes remove every draft that is made"))
}

/// Sets the permissions of what `builder` makes, less what the user's mask takes away.
#[cfg(unix)]
pub(super) fn permit(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
pub(super) fn permit(_: &mut Builder<'_, '_>, _: u32) {}

/// Removes a folder with all that is in it: it is gone from its place at once, whatever happens to the process.
///
/// # Errors
///
/// What the file system says.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // A draft that nobody holds: should this process be killed, the next one removes it.
    let gone = path.with_file_name(format!("{DRAFT}{}-{name}", std::process::id()));
    fs::rename(path, &gone)?;
    fs::remove_dir_all(&gone)
}

/// Removes the drafts in `folder` whose processes are gone. What cannot be read or removed stays for another time.
pub fn tidy(folder: &Path) {
    tidy_named(folder, DRAFT);
}

fn tidy_named(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let path = entry.path();
        if let Some(_held) = lock_abandoned(&path) {
            // `remove_dir_all` follows no link.
            if path.is_dir() {
                fs::remove_dir_all(&path).ok()
            } else {
                fs::remove_file(&path).ok()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_draft_is_kept_under_the_first_free_name_or_goes() {
        let out = tempfile::tempdir().unwrap();
        for expected in ["run", "run-2", "run-3"] {
            let draft = DraftFolder::reserve(out.path()).unwrap();
            draft.write("run.json", b"{}").unwrap();
            assert_eq!(draft.keep("run").unwrap(), out.path().join(expected));
        }
        drop(DraftFolder::reserve(out.path()).unwrap());
        assert_eq!(names(out.path()), ["run", "run-2", "run-3"]);
    }

    #[test]
    fn folders_that_were_made_for_a_draft_that_is_not_kept_go_with_it() {
        let out = tempfile::tempdir().unwrap();
        let deep = out.path().join("a/b");
        drop(DraftFolder::reserve(&deep).unwrap());
        assert_eq!(names(out.path()), [""; 0]);
        let (draft, other) = (DraftFolder::reserve(&deep).unwrap(), DraftFolder::reserve(&deep).unwrap());
        drop(draft);
        other.keep("run").unwrap();
        assert_eq!(names(&deep), ["run"]);
        // What was there before stays, though it is empty.
        fs::create_dir(out.path().join("mine")).unwrap();
        drop(DraftFolder::reserve(&out.path().join("mine")).unwrap());
        assert_eq!(names(out.path()), ["a", "mine"]);
    }

    #[test]
    fn drafts_of_the_living_stay_and_those_of_the_dead_go() {
        let out = tempfile::tempdir().unwrap();
        let living = DraftFolder::reserve(out.path()).unwrap();
        living.write("run.json", b"{}").unwrap();
        // As a killed process leaves them.
        fs::create_dir_all(out.path().join(".conlab-unfinished-4711/below")).unwrap();
        fs::write(out.path().join(".conlab-unfinished-4711/below/run.json"), "{").unwrap();
        fs::write(out.path().join(".conlab-unfinished-page.html"), "<").unwrap();
        fs::write(out.path().join(".conlab-unfinishable"), "mine").unwrap();
        let second = DraftFolder::reserve(out.path()).unwrap();
        assert_eq!(names(out.path()).len(), 3, "{:?}", names(out.path()));
        drop(second);
        living.keep("run").unwrap();
        assert_eq!(names(out.path()), [".conlab-unfinishable", "run"]);
    }

    #[test]
    fn a_draft_that_is_gone_before_it_is_locked_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(lock_own(&folder.path().join("gone")), Locked::Lost));
        fs::create_dir(folder.path().join("here")).unwrap();
        assert!(matches!(lock_own(&folder.path().join("here")), Locked::Ours(Some(_))));
    }

    #[test]
    fn a_word_belongs_to_one_at_a_time_and_the_dead_lose_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("{DRAFT}noon")), "").unwrap();
        let first = Claim::take(folder.path(), "noon").unwrap();
        assert!(first.is_some());
        assert!(Claim::take(folder.path(), "noon").unwrap().is_none());
        assert!(Claim::take(folder.path(), "midnight").unwrap().is_some());
        drop(first);
        assert!(names(folder.path()).is_empty());
        assert!(Claim::take(folder.path(), "noon").unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_neither_followed_nor_removed() {
        let (out, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("precious");
        fs::write(&target, "precious").unwrap();
        let link = out.path().join(".conlab-unfinished-link");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        let draft = DraftFolder::reserve(out.path()).unwrap();
        std::os::unix::fs::symlink(&target, draft.path().join("run.json")).unwrap();
        draft.write("run.json", b"overwritten").unwrap_err();
        // A link that has the name wanted is no free name.
        std::os::unix::fs::symlink(elsewhere.path(), out.path().join("run")).unwrap();
        assert_eq!(draft.keep("run").unwrap(), out.path().join("run-2"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(names(elsewhere.path()), ["precious"]);
        assert!(fs::symlink_metadata(link).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_temporary_folder_is_private_goes_and_is_tidied_when_its_process_is_gone() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("conlab-store-dead")).unwrap();
        let temporary = Temporary::within(place.path(), "store").unwrap();
        let mode = fs::metadata(temporary.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(names(place.path()).len(), 1);
        drop(temporary);
        assert!(names(place.path()).is_empty());
    }
}
