//! JSON as it is written to files: objects indented, and every element of an array on a line of its own.
//!
//! A record is mostly long arrays of small things: indented throughout, one span of a timeline took nine lines and a
//! run's `run.json` up to 61 MB. This way a person still finds everything, and programs read it as before.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// `value` as JSON.
///
/// # Errors
///
/// [`serde_json::Error`] when it cannot be written as JSON.
pub fn to_string(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::with_capacity(1 << 16);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Lines::default()))?;
    String::from_utf8(bytes).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Where the writer is.
#[derive(Debug, Default)]
struct Lines {
    /// Levels that are indented.
    depth: usize,
    /// Arrays around it; within one, everything stays on the element's line.
    arrays: usize,
    /// Whether what was opened last has anything in it.
    filled: bool,
}

impl Lines {
    fn open(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth += usize::from(self.arrays == 0);
        self.filled = false;
        out.write_all(bracket)
    }

    fn close(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        if self.arrays == 0 {
            self.depth -= 1;
            if self.filled {
                self.line(out)?;
            }
        }
        self.filled = true;
        out.write_all(bracket)
    }

    /// Goes to the next element of what has `first` or others before; on a line of its own if `apart`.
    fn next(&mut self, out: &mut (impl Write + ?Sized), first: bool, apart: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        if apart {
            self.line(out)?;
        }
        Ok(())
    }

    fn line(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        out.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| out.write_all(b"  "))
    }
}

impl Formatter for Lines {
    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")?;
        self.arrays += 1;
        Ok(())
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.arrays -= 1;
        self.close(out, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first, self.arrays == 1)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first, self.arrays == 0)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.arrays == 0 { b": " } else { b":" })
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(value: &Value, expected: &str) {
        let text = to_string(value).unwrap();
        assert_eq!(text, expected);
        assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn objects_are_indented_and_elements_have_a_line_each() {
        check(&json!({}), "{}");
        check(&json!([]), "[]");
        check(
            &json!({"a": {}, "b": [], "c": {"d": 1}}),
            "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": {\n    \"d\": 1\n  }\n}",
        );
        check(
            &json!({"spans": [{"track": 1, "of": [1, {"a": []}]}, [2.5, 3]], "end": null}),
            "{\n  \"spans\": [\n    {\"track\":1,\"of\":[1,{\"a\":[]}]},\n    [2.5,3]\n  ],\n  \"end\": null\n}",
        );
    }
}
