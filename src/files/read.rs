//! Reading with a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of a text that a person writes: scenarios, claims, configurations. A scenario of a million actors has 100
/// MiB.
pub const LARGEST_TEXT: u64 = 256 << 20;

/// Most bytes of a record or another program's report. The largest record of a run, with a timeline of 200,000 spans,
/// has about 30 MiB.
pub const LARGEST_RECORD: u64 = 512 << 20;

/// The bytes of the file at `path`.
///
/// # Errors
///
/// What the file system says; [`io::ErrorKind::FileTooLarge`] for more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_large(limit));
    }
    bounded(file, limit)
}

/// The text of the file at `path`.
///
/// # Errors
///
/// As [`read`]; [`io::ErrorKind::InvalidData`] when it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// The bytes of standard input.
///
/// # Errors
///
/// As [`read`].
pub fn read_stdin(limit: u64) -> io::Result<Vec<u8>> {
    bounded(io::stdin().lock(), limit)
}

fn bounded(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Devices and pipes have no length beforehand, and some never end.
    if source.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

/// `bytes` as text.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] when they are not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("is not UTF-8 text (at byte {at})"))
    })
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {} MiB", limit >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_or_no_text_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [b'x'; 4096]).unwrap();
        assert_eq!(read(&path, 4096).unwrap().len(), 4096);
        assert_eq!(read(&path, 4095).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_text(&path, 4096).unwrap().len(), 4096);
        std::fs::write(&path, [b'x', 0xff]).unwrap();
        assert!(read_text(&path, 10).unwrap_err().to_string().contains("at byte 1"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_that_never_ends_is_refused() {
        let error = read(Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
    }
}
