//! Locks on drafts: who holds one is alive.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

/// Makes the file at `path` if need be, waits for its lock and holds it until what is returned is dropped; `None` where that cannot be.
#[must_use]
pub fn hold(path: &Path) -> Option<File> {
    let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// Whether a fresh draft is ours.
#[derive(Debug)]
pub(super) enum Locked {
    /// It is; the lock is held until the file is closed. `None` where the file system has no locks.
    Ours(Option<File>),
    /// A process that tidies took it for abandoned before it was locked: make another.
    Lost,
}

/// Locks the draft at `path`, which this process has just made.
pub(super) fn lock_own(path: &Path) -> Locked {
    let Some(file) = open(path) else {
        // Gone already, or of a kind that is not opened here.
        return if fs::symlink_metadata(path).is_ok() { Locked::Ours(None) } else { Locked::Lost };
    };
    match file.try_lock() {
        Ok(()) if is_same(&file, path) => Locked::Ours(Some(file)),
        Ok(()) | Err(TryLockError::WouldBlock) => Locked::Lost,
        Err(TryLockError::Error(_)) => Locked::Ours(None),
    }
}

/// The lock of the draft at `path` if its process is gone: then the draft may be removed while the lock is held.
pub(super) fn lock_abandoned(path: &Path) -> Option<File> {
    let what = fs::symlink_metadata(path).ok()?;
    if !(what.is_dir() || what.is_file()) || !is_mine(&what) {
        return None;
    }
    let file = open(path)?;
    file.try_lock().ok()?;
    is_same(&file, path).then_some(file)
}

/// Opens a file or folder for its lock alone; never what a symbolic link points to.
#[cfg(target_os = "linux")]
fn open(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path) -> Option<File> {
    OpenOptions::new().read(true).open(path).ok()
}

/// Whether `path` still names the file that was opened.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |what: &fs::Metadata| (what.dev(), what.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(opened), Ok(named)) => place(&opened) == place(&named),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Whether this user owns it: the temporary folder is everybody's.
#[cfg(target_os = "linux")]
fn is_mine(what: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    // SAFETY: takes nothing and cannot fail.
    what.uid() == unsafe { libc::geteuid() }
}

#[cfg(not(target_os = "linux"))]
fn is_mine(_: &fs::Metadata) -> bool {
    true
}
