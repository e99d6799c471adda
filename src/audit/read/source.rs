//! The bytes of a file as text: packed ones unpacked, UTF-16 decoded, pictures and archives told apart.

use super::super::encoding::{repair, utf_16};
use flate2::read::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// Bytes looked at to tell the format.
const HEAD: usize = 64 * 1024;
/// Text that is read whole; longer text is read row by row, or only its beginning.
pub(super) const WHOLE: usize = 32 * 1024 * 1024;
/// Unpacked bytes that are read of one packed file.
const MAX_UNPACKED: u64 = 1 << 30;

/// Why there is no text.
#[derive(Debug)]
pub(super) enum NoText {
    /// The system says why.
    Io(io::Error),
    /// What the file is instead, in words.
    Is(String),
}

impl From<io::Error> for NoText {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A text that was opened.
pub(super) struct Source<'r> {
    /// Its beginning, repaired and cut at a line's end.
    pub(super) head: String,
    /// All of it, from the beginning.
    pub(super) reader: Box<dyn BufRead + 'r>,
    /// How it was packed, if it was.
    pub(super) packed: Option<&'static str>,
}

/// Opens bytes that come from anywhere.
pub(super) fn open<'r>(bytes: impl Read + 'r) -> Result<Source<'r>, NoText> {
    let mut reader: Box<dyn BufRead + 'r> = Box::new(BufReader::with_capacity(256 * 1024, bytes));
    let mut packed = None;
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        packed = Some("gzip");
        reader =
            Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(reader).take(MAX_UNPACKED)));
    }
    let mut head = Vec::new();
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(|error| match packed {
        Some(_) => NoText::Is(format!("a gzip file that does not unpack ({error})")),
        None => NoText::Io(error),
    })?;
    if let Some(what) = not_text(&head) {
        return Err(NoText::Is(what.to_owned()));
    }
    if let Some(decoded) = wide(&head, &mut reader)? {
        let head = cut(&decoded);
        return Ok(Source { head, reader: Box::new(Cursor::new(decoded.into_bytes())), packed });
    }
    if head.iter().take(8192).any(|byte| *byte == 0) {
        return Err(NoText::Is("a binary file".to_owned()));
    }
    let line_end = head.iter().rposition(|byte| *byte == b'\n').map_or(head.len(), |at| at + 1);
    let (text, _) = repair(if head.len() < HEAD { &head } else { &head[..line_end] });
    if text.trim().is_empty() {
        return Err(NoText::Is(
            if head.is_empty() { "an empty file" } else { "a file of white space" }.to_owned(),
        ));
    }
    Ok(Source { head: text, reader: Box::new(Cursor::new(head).chain(reader)), packed })
}

/// The whole of a UTF-16 text as UTF-8.
fn wide(head: &[u8], rest: &mut dyn BufRead) -> io::Result<Option<String>> {
    if utf_16(head).is_none() {
        return Ok(None);
    }
    let mut all = head.to_vec();
    rest.take(2 * WHOLE as u64).read_to_end(&mut all)?;
    Ok(utf_16(&all))
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(HEAD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// What a file is by its first bytes, when it is no text.
fn not_text(head: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 17] = [
        (b"PK\x03\x04", "a zip archive (or an office document); unpack it and audit what is inside"),
        (b"\x28\xb5\x2f\xfd", "a file packed with zstd; unpack it first"),
        (b"\xfd7zXZ\x00", "a file packed with xz; unpack it first"),
        (b"BZh", "a file packed with bzip2; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive; unpack it first"),
        (b"\x04\x22\x4d\x18", "a file packed with lz4; unpack it first"),
        (b"%PDF", "a PDF document; export its tables as text or CSV"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"\x7fELF", "a program"),
        (b"MZ\x90", "a program"),
        (b"SQLite format 3", "an SQLite database; export its table as CSV"),
        (b"PAR1", "a Parquet file; export it as CSV"),
        (b"\x89HDF", "an HDF5 file; export it as CSV"),
        (b"PERFILE", "a recording of perf; `perf report --stdio` makes text of it"),
        (b"\x93NUMPY", "a NumPy array; export it as CSV"),
    ];
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it first");
    }
    SIGNS.iter().find(|(sign, _)| head.starts_with(sign)).map(|(_, what)| *what)
}
