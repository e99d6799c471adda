//! Single files.

use super::draft::{permit, tidy};
use super::lock::{Locked, lock_own};
use super::{DRAFT, RANDOM};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Tries to lock a fresh draft.
const TRIES: usize = 100;

/// Writes a file that a person named: whole or not at all, in place of what is there. A symbolic link is followed, and a
/// device or pipe is written to directly.
///
/// # Errors
///
/// What the file system says; an earlier file is as it was then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes a file that a person named, as [`write`](fn@write) does, by `fill`.
///
/// # Errors
///
/// What `fill` or the file system says; an earlier file is as it was then.
pub fn write_with<T>(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => fill(&mut OpenOptions::new().write(true).open(path)?),
        // The file that links lead to is replaced, not the link.
        Ok(_) => replace_with(&fs::canonicalize(path)?, fill),
        Err(_) => replace_with(&behind_link(path), fill),
    }
}

/// Where a link points whose target is missing; other paths as they are.
fn behind_link(path: &Path) -> PathBuf {
    fs::read_link(path).map_or_else(
        |_| path.to_owned(),
        |target| path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target)),
    )
}

/// Writes a file: whole or not at all, in place of what is there. A symbolic link of this name is replaced, not followed.
///
/// # Errors
///
/// What the file system says; an earlier file is as it was then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

fn replace_with<T>(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let (draft, _lock, filled) = draft(path, fill)?;
    if let Ok(there) = fs::symlink_metadata(path)
        && there.is_file()
    {
        fs::set_permissions(draft.path(), there.permissions())?;
    }
    draft.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))?;
    Ok(filled)
}

/// Writes a new file: whole or not at all.
///
/// # Errors
///
/// What the file system says, [`io::ErrorKind::AlreadyExists`] where there is something.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (draft, _lock, ()) = draft(path, |file| file.write_all(bytes))?;
    draft.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// A draft beside `path` that `fill` has filled, synced, and its lock.
fn draft<T>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<(NamedTempFile, Option<File>, T)> {
    let folder = folder_of(path);
    tidy(folder);
    let mut builder = Builder::new();
    builder.prefix(DRAFT).rand_bytes(RANDOM);
    permit(&mut builder, 0o666);
    for _ in 0..TRIES {
        let mut draft = builder.tempfile_in(folder)?;
        if let Locked::Ours(lock) = lock_own(draft.path()) {
            let filled = fill(draft.as_file_mut())?;
            draft.as_file().sync_all()?;
            return Ok((draft, lock, filled));
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "other processes remove every draft that is made"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder last. Systems without such a thing say so, which is no failure.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => Err(error),
        _ => Ok(()),
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
    fn a_file_is_replaced_whole_and_a_new_one_is_never_put_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        fs::write(folder.path().join(".conlab-unfinished-dead"), "half").unwrap();
        create(&path, b"first").unwrap();
        assert_eq!(create(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(names(folder.path()), ["page.html"]);
        write(&folder.path().join("missing/page.html"), b"x").unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_links_are_followed_only_where_a_person_named_them() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("page.html"), folder.path().join("link"));
        fs::write(&path, "first").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("page.html", &link).unwrap();
        write(&link, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        replace(&link, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read(&link).unwrap(), b"third");
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        symlink("later.html", folder.path().join("dangling")).unwrap();
        write(&folder.path().join("dangling"), b"fourth").unwrap();
        assert_eq!(fs::read(folder.path().join("later.html")).unwrap(), b"fourth");
        write(Path::new("/dev/null"), b"nothing").unwrap();
    }
}
