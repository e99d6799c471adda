//! Parquet.

use super::{Batch, Column, Field, Kind, NONE, Schema, arrow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use std::io::{self, Write};
use std::sync::Arc;

/// The key under which Arrow's readers look for their own schema: fields' notes stand in it.
const ARROW: &str = "ARROW:schema";

pub(super) struct Writer<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    }
}

fn schema_type(schema: &Schema) -> Result<Type, ParquetError> {
    let fields: Result<Vec<TypePtr>, ParquetError> = schema
        .fields
        .iter()
        .map(|field| {
            let (physical, logical) = match field.kind {
                Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Kind::Real => (Physical::DOUBLE, None),
                Kind::Whole => (Physical::INT64, Some(LogicalType::integer(64, false))),
            };
            Type::primitive_type_builder(&field.name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()
                .map(Arc::new)
        })
        .collect();
    Type::group_type_builder("conlab").with_fields(fields?).build()
}

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(schema: &Schema, to: W) -> io::Result<Self> {
        let mut notes: Vec<KeyValue> =
            schema.notes.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        notes.push(KeyValue::new(ARROW.to_owned(), STANDARD.encode(arrow::schema_message(schema))));
        let properties = WriterProperties::builder()
            .set_created_by(format!("conlab {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(notes))
            .build();
        let root = schema_type(schema).map_err(failed)?;
        let writer = SerializedFileWriter::new(to, Arc::new(root), Arc::new(properties)).map_err(failed)?;
        Ok(Self { writer })
    }

    pub(super) fn write(&mut self, batch: &Batch) -> io::Result<()> {
        let mut write = || -> Result<(), ParquetError> {
            let mut group = self.writer.next_row_group()?;
            for column in &batch.columns {
                let mut to = group
                    .next_column()?
                    .ok_or_else(|| ParquetError::General("more columns than the schema has".into()))?;
                write_column(column, &mut to)?;
                to.close()?;
            }
            group.close().map(|_| ())
        };
        write().map_err(failed)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.writer.close().map(|_| ()).map_err(failed)
    }
}

fn write_column(column: &Column, to: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
    match column {
        Column::Text(texts) => {
            let words: Vec<ByteArray> =
                texts.words.iter().map(|word| ByteArray::from(word.as_bytes().to_vec())).collect();
            let values: Vec<ByteArray> = texts
                .codes
                .iter()
                .filter(|code| **code != NONE)
                .map(|code| words[*code as usize].clone())
                .collect();
            let there = levels(texts.codes.iter().map(|code| *code != NONE));
            to.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)
        }
        Column::Real(numbers) => {
            let values: Vec<f64> = numbers.iter().copied().flatten().collect();
            let there = levels(numbers.iter().map(Option::is_some));
            to.typed::<DoubleType>().write_batch(&values, Some(&there), None)
        }
        Column::Whole(numbers) => {
            let values: Vec<i64> = numbers.iter().flatten().map(|number| number.cast_signed()).collect();
            let there = levels(numbers.iter().map(Option::is_some));
            to.typed::<Int64Type>().write_batch(&values, Some(&there), None)
        }
    }
    .map(|_| ())
}

/// Definition levels: 1 where there is a value.
fn levels(there: impl Iterator<Item = bool>) -> Vec<i16> {
    there.map(i16::from).collect()
}

/// Reads a table that a [`super::Sink`] wrote, whole. Fields come without their notes.
///
/// # Errors
///
/// The file is damaged, or has columns of other kinds.
pub fn read(bytes: Vec<u8>) -> io::Result<(Schema, Batch)> {
    read_table(bytes).map_err(failed)
}

fn read_table(bytes: Vec<u8>) -> Result<(Schema, Batch), ParquetError> {
    let reader = SerializedFileReader::new(Bytes::from(bytes))?;
    let about = reader.metadata().file_metadata();
    let mut schema = Schema::default();
    for pair in about.key_value_metadata().into_iter().flatten().filter(|pair| pair.key != ARROW) {
        schema.notes.push((pair.key.clone(), pair.value.clone().unwrap_or_default()));
    }
    for field in about.schema().get_fields() {
        let kind = match field.is_primitive().then(|| field.get_physical_type()) {
            Some(Physical::BYTE_ARRAY) => Kind::Text,
            Some(Physical::DOUBLE) => Kind::Real,
            Some(Physical::INT64) => Kind::Whole,
            _ => return Err(ParquetError::General(format!("column {} is of no kind of ours", field.name()))),
        };
        schema.fields.push(Field::new(field.name(), kind, ""));
    }
    let mut table = Batch::empty(&schema);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        for (index, column) in table.columns.iter_mut().enumerate() {
            read_column(group.get_column_reader(index)?, rows, column)?;
        }
        table.rows += rows;
    }
    Ok((schema, table))
}

fn read_column(reader: ColumnReader, rows: usize, column: &mut Column) -> Result<(), ParquetError> {
    match (reader, column) {
        (ColumnReader::ByteArrayColumnReader(reader), Column::Text(texts)) => {
            for value in values(reader, rows)? {
                match value {
                    Some(value) => texts.push(Some(value.as_utf8()?)),
                    None => texts.push(None),
                }
            }
        }
        (ColumnReader::DoubleColumnReader(reader), Column::Real(numbers)) => {
            numbers.extend(values(reader, rows)?);
        }
        (ColumnReader::Int64ColumnReader(reader), Column::Whole(numbers)) => {
            numbers.extend(values(reader, rows)?.into_iter().map(|value| value.map(i64::cast_unsigned)));
        }
        _ => return Err(ParquetError::General("a column is of another kind than its schema says".into())),
    }
    Ok(())
}

fn values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut there, mut found) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (more, ..) = reader.read_records(rows - read, Some(&mut there), None, &mut found)?;
        if more == 0 {
            return Err(ParquetError::General("a column is shorter than its file says".into()));
        }
        read += more;
    }
    let mut found = found.into_iter();
    Ok(there.into_iter().map(|level| if level == 0 { None } else { found.next() }).collect())
}
