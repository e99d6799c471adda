//! Tables in columns: Parquet and Arrow IPC files, which DuckDB, Polars, pandas and their like open as they are.
//!
//! A [`Sink`] takes rows one by one and writes them in batches, so that a table may be larger than memory. What a table is
//! of, and the units of its figures, stand in the notes of its [`Schema`], which every reader shows. Equal rows make equal
//! bytes. Without the feature `columns` a sink says that it is absent.

#[cfg(not(feature = "columns"))]
mod absent;
#[cfg(feature = "columns")]
mod arrow;
#[cfg(feature = "columns")]
mod parquet;

#[cfg(not(feature = "columns"))]
use absent::Writer;
#[cfg(not(feature = "columns"))]
pub use absent::read_parquet;
#[cfg(feature = "columns")]
pub use parquet::read as read_parquet;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Rows of a batch: a row group of Parquet, a record batch of Arrow.
const BATCH: usize = 1 << 17;

/// Stands for a text that is absent.
const NONE: u32 = u32::MAX;

/// What a column holds. Every value may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text in UTF-8.
    Text,
    /// A number in 64 bits of floating point.
    Real,
    /// A whole number in 64 bits, without sign.
    Whole,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What it says, with its unit if it has one.
    pub about: String,
}

impl Field {
    /// A column.
    #[must_use]
    pub fn new(name: &str, kind: Kind, about: &str) -> Self {
        Self { name: name.to_owned(), kind, about: about.to_owned() }
    }
}

/// The columns of a table, and what is to be known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Its columns.
    pub fields: Vec<Field>,
    /// Keys and values for the file's metadata.
    pub notes: Vec<(String, String)>,
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// Nothing.
    Absent,
    /// Of a column of text.
    Text(&'a str),
    /// Of a column of numbers.
    Real(f64),
    /// Of a column of whole numbers.
    Whole(u64),
}

/// The values of a column.
#[derive(Clone, Debug)]
pub enum Column {
    /// Text.
    Text(Texts),
    /// Numbers.
    Real(Vec<Option<f64>>),
    /// Whole numbers.
    Whole(Vec<Option<u64>>),
}

/// Texts, of which many are the same.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    words: Vec<String>,
    codes: Vec<u32>,
    known: BTreeMap<String, u32>,
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.codes.push(NONE) };
        // Neighbours are mostly alike.
        if let Some(&last) = self.codes.last()
            && last != NONE
            && self.words[last as usize] == text
        {
            return self.codes.push(last);
        }
        let code = self.known.get(text).copied().unwrap_or_else(|| {
            let code = u32::try_from(self.words.len()).unwrap_or(NONE);
            self.words.push(text.to_owned());
            self.known.insert(text.to_owned(), code);
            code
        });
        self.codes.push(code);
    }

    /// The text of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let code = *self.codes.get(row)?;
        self.words.get(code as usize).map(String::as_str)
    }

    /// The text of every row.
    fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.codes.len()).map(|row| self.get(row))
    }
}

impl Column {
    fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Texts::default()),
            Kind::Real => Self::Real(Vec::new()),
            Kind::Whole => Self::Whole(Vec::new()),
        }
    }

    /// Adds a value; says whether it is of the column's kind.
    fn push(&mut self, item: Item<'_>) -> bool {
        match (self, item) {
            (Self::Text(texts), Item::Absent) => texts.push(None),
            (Self::Text(texts), Item::Text(text)) => texts.push(Some(text)),
            (Self::Real(numbers), Item::Absent) => numbers.push(None),
            (Self::Real(numbers), Item::Real(number)) => numbers.push(Some(number)),
            (Self::Whole(numbers), Item::Absent) => numbers.push(None),
            (Self::Whole(numbers), Item::Whole(number)) => numbers.push(Some(number)),
            _ => return false,
        }
        true
    }

    /// The value of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Item<'_> {
        match self {
            Self::Text(texts) => texts.get(row).map_or(Item::Absent, Item::Text),
            Self::Real(numbers) => numbers.get(row).copied().flatten().map_or(Item::Absent, Item::Real),
            Self::Whole(numbers) => numbers.get(row).copied().flatten().map_or(Item::Absent, Item::Whole),
        }
    }
}

/// The rows of a table, or some of them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The columns, in the order of the schema.
    pub columns: Vec<Column>,
    /// How many rows.
    pub rows: usize,
}

impl Batch {
    fn empty(schema: &Schema) -> Self {
        Self { columns: schema.fields.iter().map(|field| Column::empty(field.kind)).collect(), rows: 0 }
    }

    /// Adds a row.
    fn push(&mut self, row: &[Item<'_>]) -> io::Result<()> {
        let fits = row.len() == self.columns.len()
            && self.columns.iter_mut().zip(row).all(|(column, item)| column.push(*item));
        self.rows += 1;
        if fits { Ok(()) } else { Err(io::Error::other(format!("a row does not fit its schema: {row:?}"))) }
    }

    /// The value of a row in the column of this name in `schema`.
    #[must_use]
    pub fn get(&self, schema: &Schema, name: &str, row: usize) -> Item<'_> {
        let place = schema.fields.iter().position(|field| field.name == name);
        place.and_then(|place| self.columns.get(place)).map_or(Item::Absent, |column| column.get(row))
    }
}

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Parquet, compressed with Snappy.
    Parquet,
    /// Arrow IPC (Feather version 2), uncompressed.
    Arrow,
}

impl Format {
    /// The format that the end of a file's name says.
    ///
    /// # Errors
    ///
    /// A sentence, when it says none.
    pub fn of(path: &Path) -> Result<Self, String> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("arrow" | "feather" | "ipc") => Ok(Self::Arrow),
            _ => Err(format!("`{}` names no format: expected a name in .parquet or .arrow", path.display())),
        }
    }
}

#[cfg(feature = "columns")]
enum Writer<W: Write + Send> {
    Parquet(parquet::Writer<W>),
    Arrow(arrow::Writer<W>),
}

#[cfg(feature = "columns")]
impl<W: Write + Send> Writer<W> {
    fn new(format: Format, schema: &Schema, to: W) -> io::Result<Self> {
        Ok(match format {
            Format::Parquet => Self::Parquet(parquet::Writer::new(schema, to)?),
            Format::Arrow => Self::Arrow(arrow::Writer::new(schema, to)?),
        })
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(batch),
            Self::Arrow(writer) => writer.write(batch),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Parquet(writer) => writer.finish(),
            Self::Arrow(writer) => writer.finish(),
        }
    }
}

/// Writes a table row by row.
#[expect(missing_debug_implementations, reason = "the formats' writers have none")]
pub struct Sink<W: Write + Send> {
    schema: Schema,
    batch: Batch,
    rows: u64,
    writer: Writer<W>,
}

impl<W: Write + Send> Sink<W> {
    /// A table with this schema.
    ///
    /// # Errors
    ///
    /// What the writing says; [`io::ErrorKind::Unsupported`] in a program without the feature `columns`.
    pub fn new(format: Format, schema: Schema, to: W) -> io::Result<Self> {
        let writer = Writer::new(format, &schema, to)?;
        Ok(Self { batch: Batch::empty(&schema), schema, rows: 0, writer })
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// What the writing says; the row does not fit the schema.
    pub fn row(&mut self, row: &[Item<'_>]) -> io::Result<()> {
        self.batch.push(row)?;
        self.rows += 1;
        if self.batch.rows < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let batch = std::mem::replace(&mut self.batch, Batch::empty(&self.schema));
        if batch.rows == 0 { Ok(()) } else { self.writer.write(&batch) }
    }

    /// Ends the table; returns how many rows it has.
    ///
    /// # Errors
    ///
    /// What the writing says.
    pub fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.writer.finish()?;
        Ok(self.rows)
    }
}

#[cfg(test)]
#[cfg(feature = "columns")]
mod tests {
    use super::*;

    pub(super) fn schema() -> Schema {
        Schema {
            fields: vec![
                Field::new("word", Kind::Text, "a word"),
                Field::new("value", Kind::Real, "a number, ns"),
                Field::new("seed", Kind::Whole, "a seed"),
            ],
            notes: vec![("conlab.units".into(), "{\"value\":\"ns\"}".into())],
        }
    }

    /// Rows with everything that a column may hold: absent values, the largest, the least, what is no number.
    pub(super) const ROWS: [[Item<'_>; 3]; 5] = [
        [Item::Text("a"), Item::Real(1.5), Item::Whole(0)],
        [Item::Absent, Item::Absent, Item::Absent],
        [Item::Text(""), Item::Real(f64::MAX), Item::Whole(u64::MAX)],
        [Item::Text("größer 🦀"), Item::Real(-0.0), Item::Whole((1 << 53) + 1)],
        [Item::Text("a"), Item::Real(f64::INFINITY), Item::Whole(7)],
    ];

    pub(super) fn written(format: Format, rows: &[[Item<'_>; 3]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sink = Sink::new(format, schema(), &mut bytes).unwrap();
        for row in rows {
            sink.row(row).unwrap();
        }
        assert_eq!(sink.finish().unwrap(), rows.len() as u64);
        bytes
    }

    #[test]
    fn parquet_gives_back_every_value() {
        for rows in [&ROWS[..], &[]] {
            let bytes = written(Format::Parquet, rows);
            let (schema, batch) = read_parquet(bytes.clone()).unwrap();
            let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
            assert_eq!(names, ["word", "value", "seed"]);
            assert!(schema.notes.contains(&("conlab.units".into(), "{\"value\":\"ns\"}".into())));
            assert_eq!(batch.rows, rows.len());
            for (index, row) in rows.iter().enumerate() {
                let back: Vec<Item<'_>> = batch.columns.iter().map(|column| column.get(index)).collect();
                assert_eq!(back, row);
            }
            assert_eq!(written(Format::Parquet, rows), bytes, "equal rows, equal bytes");
        }
    }

    #[test]
    fn many_batches_are_one_table() {
        let mut bytes = Vec::new();
        let mut sink = Sink::new(Format::Parquet, schema(), &mut bytes).unwrap();
        let rows = BATCH as u64 * 2 + 3;
        for row in 0..rows {
            sink.row(&[Item::Text(["x", "y"][usize::from(row % 2 == 1)]), Item::Absent, Item::Whole(row)])
                .unwrap();
        }
        assert_eq!(sink.finish().unwrap(), rows);
        let (_, batch) = read_parquet(bytes).unwrap();
        let Column::Whole(seeds) = &batch.columns[2] else { panic!("seeds are whole") };
        assert!(seeds.iter().copied().eq((0..rows).map(Some)));
        assert_eq!(batch.columns[0].get(usize::try_from(rows).unwrap() - 1), Item::Text("x"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut sink = Sink::new(Format::Arrow, schema(), Vec::new()).unwrap();
        assert!(sink.row(&[Item::Text("a")]).is_err());
        assert!(sink.row(&[Item::Real(1.0), Item::Real(1.0), Item::Whole(1)]).is_err());
        assert!(Format::of(Path::new("a.csv")).unwrap_err().contains(".parquet"));
        assert_eq!(Format::of(Path::new("a.b.arrow")), Ok(Format::Arrow));
        for damaged in [&b""[..], b"PAR1", b"PAR1PAR1PAR1"] {
            assert!(read_parquet(damaged.to_vec()).is_err());
        }
    }
}
