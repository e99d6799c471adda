//! Tables in columns, as commands write them.

use super::exit::Failure;
use crate::columns::Format;
use crate::files;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes `path` in the format that its name says, whole or not at all; returns what `fill` returns.
pub(super) fn write_columns(
    path: &Path,
    fill: impl FnOnce(Format, &mut BufWriter<&mut File>) -> io::Result<u64>,
) -> Result<u64, Failure> {
    let format = Format::of(path).map_err(Failure::Usage)?;
    files::write_with(path, |file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let rows = fill(format, &mut file)?;
        file.flush()?;
        Ok(rows)
    })
    .map_err(|error| Failure::cannot(format!("write {}", path.display()), error))
}
