//! In place of the formats in a program that was built without them.

use super::{Batch, Format, Schema};
use std::convert::Infallible;
use std::io::{self, Write};
use std::marker::PhantomData;

pub(super) struct Writer<W: Write + Send> {
    none: Infallible,
    of: PhantomData<W>,
}

fn absent() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this conlab was built without Parquet and Arrow: build it with the feature `columns`",
    )
}

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(_: Format, _: &Schema, _: W) -> io::Result<Self> {
        Err(absent())
    }

    pub(super) fn write(&mut self, _: &Batch) -> io::Result<()> {
        match self.none {}
    }

    pub(super) fn finish(self) -> io::Result<()> {
        match self.none {}
    }
}

/// Nothing: the formats are absent.
///
/// # Errors
///
/// Always.
pub fn read_parquet(_: Vec<u8>) -> io::Result<(Schema, Batch)> {
    Err(absent())
}
