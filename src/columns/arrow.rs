//! Arrow IPC, the format of files: a schema, batches, and a footer that says where they are
//! (<https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>).

use super::{Batch, Column, Kind, Schema, Texts};
use arrow_format::ipc::planus::Builder;
use arrow_format::ipc::{
    Block, Buffer, Endianness, Field, FieldNode, FloatingPoint, Footer, Int, KeyValue, Message,
    MessageHeader, MetadataVersion, Precision, RecordBatch, Schema as IpcSchema, Type, Utf8,
};
use std::io::{self, Write};

const MAGIC: &[u8; 6] = b"ARROW1";

/// Where buffers begin, in bytes from the beginning of their batch.
const ALIGN: usize = 64;

/// Begins a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

pub(super) struct Writer<W: Write> {
    to: W,
    schema: IpcSchema,
    blocks: Vec<Block>,
    /// Bytes written.
    at: usize,
}

fn notes<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<KeyValue> {
    pairs.map(|(key, value)| KeyValue { key: Some(key.to_owned()), value: Some(value.to_owned()) }).collect()
}

fn ipc_schema(schema: &Schema) -> IpcSchema {
    let fields = schema
        .fields
        .iter()
        .map(|field| Field {
            name: Some(field.name.clone()),
            nullable: true,
            type_: Some(match field.kind {
                Kind::Text => Type::Utf8(Box::new(Utf8 {})),
                Kind::Real => Type::FloatingPoint(Box::new(FloatingPoint { precision: Precision::Double })),
                Kind::Whole => Type::Int(Box::new(Int { bit_width: 64, is_signed: false })),
            }),
            dictionary: None,
            children: Some(Vec::new()),
            custom_metadata: Some(notes([("description", field.about.as_str())].into_iter())),
        })
        .collect();
    IpcSchema {
        endianness: Endianness::Little,
        fields: Some(fields),
        custom_metadata: Some(notes(schema.notes.iter().map(|(key, value)| (key.as_str(), value.as_str())))),
        features: None,
    }
}

/// A message without its body: a mark, its length, itself, and zeros up to eight bytes.
fn message(header: MessageHeader, body: usize) -> io::Result<Vec<u8>> {
    let message = Message {
        version: MetadataVersion::V5,
        header: Some(header),
        body_length: i64::try_from(body).map_err(io::Error::other)?,
        custom_metadata: None,
    };
    let mut builder = Builder::new();
    let bytes = builder.finish(message, None);
    let length = bytes.len().next_multiple_of(8);
    let mut whole = Vec::with_capacity(length + 8);
    whole.extend(CONTINUATION);
    whole.extend(i32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
    whole.extend(bytes);
    whole.resize(length + 8, 0);
    Ok(whole)
}

/// The message that says what a table's columns are.
pub(super) fn schema_message(schema: &Schema) -> Vec<u8> {
    message(MessageHeader::Schema(Box::new(ipc_schema(schema))), 0).unwrap_or_default()
}

impl<W: Write> Writer<W> {
    pub(super) fn new(schema: &Schema, to: W) -> io::Result<Self> {
        let mut writer = Self { to, schema: ipc_schema(schema), blocks: Vec::new(), at: 0 };
        writer.put(MAGIC)?;
        writer.put(&[0; 2])?;
        writer.put(&schema_message(schema))?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len();
        self.to.write_all(bytes)
    }

    pub(super) fn write(&mut self, batch: &Batch) -> io::Result<()> {
        let mut body = Body::default();
        for column in &batch.columns {
            body.column(column)?;
        }
        let length = i64::try_from(batch.rows).map_err(io::Error::other)?;
        let header =
            RecordBatch { length, nodes: Some(body.nodes), buffers: Some(body.buffers), compression: None };
        let header = message(MessageHeader::RecordBatch(Box::new(header)), body.bytes.len())?;
        self.blocks.push(Block {
            offset: i64::try_from(self.at).map_err(io::Error::other)?,
            meta_data_length: i32::try_from(header.len()).map_err(io::Error::other)?,
            body_length: i64::try_from(body.bytes.len()).map_err(io::Error::other)?,
        });
        self.put(&header)?;
        self.put(&body.bytes)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.put(&CONTINUATION)?;
        self.put(&[0; 4])?;
        let footer = Footer {
            version: MetadataVersion::V5,
            schema: Some(Box::new(self.schema.clone())),
            dictionaries: Some(Vec::new()),
            record_batches: Some(std::mem::take(&mut self.blocks)),
            custom_metadata: None,
        };
        let mut builder = Builder::new();
        let bytes = builder.finish(footer, None).to_vec();
        self.put(&bytes)?;
        self.put(&i32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes())?;
        self.put(MAGIC)?;
        self.to.flush()
    }
}

/// The buffers of a batch.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    nodes: Vec<FieldNode>,
    buffers: Vec<Buffer>,
}

impl Body {
    fn column(&mut self, column: &Column) -> io::Result<()> {
        match column {
            Column::Text(texts) => self.texts(texts),
            Column::Real(numbers) => {
                self.valid(numbers.iter().map(Option::is_some))?;
                self.buffer(numbers.iter().flat_map(|number| number.unwrap_or(0.0).to_le_bytes()))
            }
            Column::Whole(numbers) => {
                self.valid(numbers.iter().map(Option::is_some))?;
                self.buffer(numbers.iter().flat_map(|number| number.unwrap_or(0).to_le_bytes()))
            }
        }
    }

    fn texts(&mut self, texts: &Texts) -> io::Result<()> {
        self.valid(texts.iter().map(|text| text.is_some()))?;
        let mut end = 0_usize;
        let mut ends = Vec::with_capacity(texts.codes.len() + 1);
        ends.push(0);
        for text in texts.iter() {
            end += text.unwrap_or("").len();
            ends.push(i32::try_from(end).map_err(io::Error::other)?);
        }
        self.buffer(ends.iter().flat_map(|end| end.to_le_bytes()))?;
        self.buffer(texts.iter().flat_map(|text| text.unwrap_or("").bytes()))
    }

    /// Which values are there: a bit each, or no buffer where all are.
    fn valid(&mut self, there: impl Iterator<Item = bool>) -> io::Result<()> {
        let there: Vec<bool> = there.collect();
        let absent = there.iter().filter(|there| !**there).count();
        self.nodes.push(FieldNode {
            length: i64::try_from(there.len()).map_err(io::Error::other)?,
            null_count: i64::try_from(absent).map_err(io::Error::other)?,
        });
        let bits = there.chunks(8).map(|eight| {
            eight.iter().enumerate().fold(0, |byte, (bit, there)| byte | (u8::from(*there) << bit))
        });
        self.buffer(bits.filter(|_| absent > 0))
    }

    fn buffer(&mut self, bytes: impl Iterator<Item = u8>) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        self.buffers.push(Buffer {
            offset: i64::try_from(start).map_err(io::Error::other)?,
            length: i64::try_from(self.bytes.len() - start).map_err(io::Error::other)?,
        });
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ROWS, written};
    use super::super::{Format, Item};
    use super::*;
    use arrow_format::ipc::planus::ReadAsRoot;
    use arrow_format::ipc::{FooterRef, MessageHeaderRef, MessageRef};

    fn number(bytes: &[u8], at: usize) -> usize {
        usize::try_from(i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
    }

    fn eight(bytes: &[u8], at: usize) -> [u8; 8] {
        bytes[at * 8..at * 8 + 8].try_into().unwrap()
    }

    /// Reads the only batch of a file as the format's text says, from its end.
    fn read(bytes: &[u8]) -> Vec<Vec<Item<'_>>> {
        assert!(bytes.starts_with(MAGIC) && bytes.ends_with(MAGIC));
        let end = bytes.len() - MAGIC.len() - 4;
        let footer = FooterRef::read_as_root(&bytes[end - number(bytes, end)..end]).unwrap();
        let blocks = footer.record_batches().unwrap().unwrap();
        assert_eq!(blocks.len(), 1);
        let block = blocks.get(0).unwrap();
        let at = usize::try_from(block.offset()).unwrap();
        assert_eq!(at % 8, 0);
        assert_eq!(bytes[at..at + 4], CONTINUATION);
        let length = number(bytes, at + 4);
        assert_eq!(length + 8, usize::try_from(block.meta_data_length()).unwrap());
        let message = MessageRef::read_as_root(&bytes[at + 8..at + 8 + length]).unwrap();
        let Some(MessageHeaderRef::RecordBatch(batch)) = message.header().unwrap() else {
            panic!("no batch")
        };
        let body = &bytes[at + 8 + length..][..usize::try_from(block.body_length()).unwrap()];
        let buffers: Vec<&[u8]> = batch
            .buffers()
            .unwrap()
            .unwrap()
            .iter()
            .map(|buffer| {
                let start = usize::try_from(buffer.offset()).unwrap();
                assert_eq!(start % ALIGN, 0);
                &body[start..start + usize::try_from(buffer.length()).unwrap()]
            })
            .collect();
        let there = |bits: &[u8], row: usize| bits.is_empty() || bits[row / 8] >> (row % 8) & 1 == 1;
        (0..usize::try_from(batch.length().unwrap()).unwrap())
            .map(|row| {
                let text = std::str::from_utf8(
                    &buffers[2][number(buffers[1], row * 4)..number(buffers[1], row * 4 + 4)],
                );
                let items = [
                    (buffers[0], Item::Text(text.unwrap())),
                    (buffers[3], Item::Real(f64::from_le_bytes(eight(buffers[4], row)))),
                    (buffers[5], Item::Whole(u64::from_le_bytes(eight(buffers[6], row)))),
                ];
                items.map(|(bits, item)| if there(bits, row) { item } else { Item::Absent }).to_vec()
            })
            .collect()
    }

    #[test]
    fn a_file_gives_back_every_value_by_the_formats_own_text() {
        assert_eq!(read(&written(Format::Arrow, &ROWS)), ROWS);
        // Without absent values there are no bits.
        assert_eq!(read(&written(Format::Arrow, &ROWS[2..])), ROWS[2..]);
    }
}
