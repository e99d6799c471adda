//! JSON as a tree that knows where it stands in the file and how each number was printed.
//!
//! A reader of its own rather than `serde_json`: figures need their printed digits (49.50 is not 49.5), Python writes
//! `NaN` and `Infinity`, a finding needs a line, and a file of 300 MB must not become gigabytes. Lists of numbers are
//! kept as plain numbers, at most [`MAX_NUMBERS`] of them; the rest is counted.

use super::super::super::encoding::{Repair, repair};
use super::super::super::figure::Figure;
use std::io::BufRead;

/// Nested deeper than this is no benchmark report.
const DEEPEST: usize = 128;
/// Values other than numbers in lists that one document may hold.
const MAX_NODES: usize = 1_500_000;
/// Numbers in lists that are kept; more are counted.
pub(in super::super) const MAX_NUMBERS: usize = 2_000_000;
/// Longest text kept; the rest is dropped.
const LONGEST_TEXT: usize = 4096;

/// A value and the line it starts on.
#[derive(Clone, Debug)]
pub(in super::super) struct Node {
    pub(in super::super) line: u32,
    pub(in super::super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(in super::super) enum Kind {
    Null,
    Bool(bool),
    Number(Figure),
    /// `NaN`, `Infinity`, as Python and JavaScript programs write them.
    NoNumber,
    Text(Box<str>),
    List(Vec<Node>),
    Series(Box<Series>),
    Object(Vec<(Box<str>, Node)>),
}

/// A list that holds nothing but numbers.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Series {
    pub(in super::super) values: Vec<f64>,
    /// Unit of the finest printed digit.
    pub(in super::super) finest: f64,
    /// Numbers beyond those kept.
    pub(in super::super) dropped: u64,
}

impl Node {
    /// The member of this name.
    pub(in super::super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(members) => members.iter().find(|(name, _)| **name == *key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value at a path such as `/summary/p(95)`; list positions are numbers.
    pub(in super::super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').filter(|step| !step.is_empty()).try_fold(self, |node, step| match &node.kind {
            Kind::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(step),
        })
    }

    /// The members of an object; none for anything else.
    pub(in super::super) fn members(&self) -> &[(Box<str>, Self)] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else (numbers alone are a series).
    pub(in super::super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(in super::super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub(in super::super) const fn number(&self) -> Option<Figure> {
        match &self.kind {
            Kind::Number(figure) => Some(*figure),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub(in super::super) const fn truth(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The numbers of a list of numbers.
    pub(in super::super) fn series(&self) -> Option<&Series> {
        match &self.kind {
            Kind::Series(series) => Some(series),
            _ => None,
        }
    }

    /// The number of this member.
    pub(in super::super) fn figure(&self, path: &str) -> Option<Figure> {
        self.at(path)?.number()
    }

    /// The number of this member in milliseconds, `factor` milliseconds a unit.
    pub(in super::super) fn time(&self, path: &str, factor: f64) -> Option<Figure> {
        self.figure(path).map(|figure| figure.times(factor))
    }

    /// The text of this member.
    pub(in super::super) fn word(&self, path: &str) -> Option<&str> {
        self.at(path)?.text()
    }

    /// The whole number of this member.
    pub(in super::super) fn whole(&self, path: &str) -> Option<u64> {
        super::super::number::whole(self.figure(path)?.value)
    }
}

/// Why a text is not the JSON it looks like.
#[derive(Debug)]
pub(in super::super) struct Broken {
    pub(in super::super) line: u32,
    pub(in super::super) why: String,
}

/// Reads one document after the other.
pub(in super::super) struct Parser<R> {
    bytes: R,
    line: u32,
    nodes: usize,
    numbers: usize,
    pub(in super::super) repair: Option<Repair>,
}

type Read<T> = Result<T, Broken>;

impl<R: BufRead> Parser<R> {
    pub(in super::super) const fn new(bytes: R) -> Self {
        Self { bytes, line: 1, nodes: 0, numbers: 0, repair: None }
    }

    /// The next document; `None` at the end. Commas and brackets between documents are passed over by the caller's
    /// choice of reader only when they are white space.
    pub(in super::super) fn next_document(&mut self) -> Read<Option<Node>> {
        self.nodes = 0;
        self.numbers = 0;
        self.skip_space()?;
        if self.peek()?.is_none() {
            return Ok(None);
        }
        self.value(0).map(Some)
    }

    fn fail<T>(&self, why: impl Into<String>) -> Read<T> {
        Err(Broken { line: self.line, why: why.into() })
    }

    fn peek(&mut self) -> Read<Option<u8>> {
        match self.bytes.fill_buf() {
            Ok(buffer) => Ok(buffer.first().copied()),
            Err(error) => self.fail(format!("cannot be read on: {error}")),
        }
    }

    fn take(&mut self) -> Read<u8> {
        let Some(byte) = self.peek()? else { return self.fail("ends in the middle of a value") };
        self.bytes.consume(1);
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        Ok(byte)
    }

    fn skip_space(&mut self) -> Read<()> {
        while let Some(byte) = self.peek()? {
            // A record separator (RFC 7464) and a stray byte order mark stand between documents.
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e | 0xef | 0xbb | 0xbf) {
                break;
            }
            self.take()?;
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        if depth > DEEPEST {
            return self.fail(format!("is nested deeper than {DEEPEST} levels"));
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.fail(format!("holds more than {MAX_NODES} values"));
        }
        let line = self.line;
        let kind = match self.peek()? {
            None => return self.fail("ends in the middle of a value"),
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Kind::Text(self.string()?.into_boxed_str()),
            Some(_) => self.literal()?,
        };
        Ok(Node { line, kind })
    }

    fn object(&mut self, depth: usize) -> Read<Kind> {
        self.take()?;
        let mut members = Vec::new();
        self.skip_space()?;
        if self.peek()? == Some(b'}') {
            self.take()?;
            return Ok(Kind::Object(members));
        }
        loop {
            self.skip_space()?;
            if self.peek()? != Some(b'"') {
                return self.unexpected("a name in quotes");
            }
            let name = self.string()?.into_boxed_str();
            self.skip_space()?;
            if self.take()? != b':' {
                return self.fail("has no `:` after a name");
            }
            self.skip_space()?;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.skip_space()?;
            match self.take()? {
                b',' => {}
                b'}' => {
                    members.shrink_to_fit();
                    return Ok(Kind::Object(members));
                }
                _ => return self.fail("has no `,` or `}` after a value"),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Read<Kind> {
        self.take()?;
        let mut items: Vec<Node> = Vec::new();
        let mut series = Series { finest: f64::INFINITY, ..Series::default() };
        self.skip_space()?;
        if self.peek()? == Some(b']') {
            self.take()?;
            return Ok(Kind::List(items));
        }
        loop {
            self.skip_space()?;
            let plain =
                items.is_empty() && self.peek()?.is_some_and(|byte| byte == b'-' || byte.is_ascii_digit());
            if plain {
                let figure = self.number()?;
                series.finest = series.finest.min(figure.half_unit * 2.0);
                if self.numbers < MAX_NUMBERS {
                    self.numbers += 1;
                    series.values.push(figure.value);
                } else {
                    series.dropped += 1;
                }
            } else {
                // Mixed: what was a series becomes a list of nodes.
                if !series.values.is_empty() {
                    self.nodes += series.values.len();
                    let (line, half_unit) = (self.line, series.finest / 2.0);
                    items.extend(
                        series
                            .values
                            .drain(..)
                            .map(|value| Node { line, kind: Kind::Number(Figure { value, half_unit }) }),
                    );
                }
                items.push(self.value(depth + 1)?);
            }
            self.skip_space()?;
            match self.take()? {
                b',' => {}
                b']' if items.is_empty() => return Ok(Kind::Series(Box::new(series))),
                b']' => return Ok(Kind::List(items)),
                _ => return self.fail("has no `,` or `]` after a value"),
            }
        }
    }

    fn unexpected<T>(&mut self, wanted: &str) -> Read<T> {
        match self.peek()? {
            None => self.fail("ends in the middle of a value"),
            Some(byte) => {
                self.fail(format!("has `{}` where {wanted} belongs", char::from(byte).escape_default()))
            }
        }
    }

    /// A word: a number, `true`, `false`, `null`, and what programs write that do not know JSON.
    fn literal(&mut self) -> Read<Kind> {
        let word = self.word()?;
        Ok(match word.as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            "NaN" | "nan" | "-nan" | "Infinity" | "-Infinity" | "inf" | "-inf" => Kind::NoNumber,
            _ => match json_number(&word) {
                Some(figure) => Kind::Number(figure),
                None if word.is_empty() => return self.unexpected("a value"),
                None => return self.fail(format!("has `{}` where a value belongs", shown(&word))),
            },
        })
    }

    fn number(&mut self) -> Read<Figure> {
        let word = self.word()?;
        match json_number(&word) {
            Some(figure) => Ok(figure),
            None if word == "-Infinity" => Ok(Figure { value: f64::NAN, half_unit: 0.0 }),
            None => self.fail(format!("has `{}` where a number belongs", shown(&word))),
        }
    }

    fn word(&mut self) -> Read<String> {
        let mut word = String::new();
        while let Some(byte) = self.peek()? {
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_'))
                || word.len() >= 400
            {
                break;
            }
            word.push(char::from(byte));
            self.bytes.consume(1);
        }
        Ok(word)
    }

    fn string(&mut self) -> Read<String> {
        self.take()?;
        let mut bytes = Vec::new();
        loop {
            let byte = match self.take()? {
                b'"' => break,
                b'\\' => {
                    let escaped = self.escape()?;
                    let mut buffer = [0; 4];
                    if bytes.len() < LONGEST_TEXT {
                        bytes.extend_from_slice(escaped.encode_utf8(&mut buffer).as_bytes());
                    }
                    continue;
                }
                byte => byte,
            };
            if bytes.len() < LONGEST_TEXT {
                bytes.push(byte);
            }
        }
        if bytes.is_ascii() {
            return Ok(String::from_utf8(bytes).unwrap_or_default());
        }
        let (text, repair) = repair(&bytes);
        // A text that was cut at the limit may end inside a character.
        if let Some(repair) = repair.filter(|_| bytes.len() < LONGEST_TEXT) {
            match &mut self.repair {
                Some(before) => before.places += repair.places,
                None => self.repair = Some(repair),
            }
        }
        Ok(text)
    }

    fn escape(&mut self) -> Read<char> {
        Ok(match self.take()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let first = self.hex4()?;
                if (0xd800..0xdc00).contains(&first) && self.peek()? == Some(b'\\') {
                    self.take()?;
                    if self.take()? != b'u' {
                        return Ok(char::REPLACEMENT_CHARACTER);
                    }
                    let second = self.hex4()?;
                    let low = second.wrapping_sub(0xdc00) & 0x3ff;
                    return Ok(char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
                        .unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        })
    }

    fn hex4(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.take()?).to_digit(16) else {
                return self.fail("has a broken \\u escape");
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

fn shown(word: &str) -> String {
    word.chars().take(40).collect()
}

/// A number as JSON prints it, with the unit of its last digit.
fn json_number(word: &str) -> Option<Figure> {
    let first = word.strip_prefix('-').unwrap_or(word).bytes().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let value: f64 = word.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    Some(Figure { value, half_unit: super::super::number::half_unit(word) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, Broken> {
        Parser::new(text.as_bytes()).next_document().map(Option::unwrap)
    }

    #[test]
    fn keeps_lines_digits_and_series() {
        let node = parse("{\"a\": 49.50,\n \"b\": [1, 2.25, 3e2],\n \"c\": [1, null], \"d\": NaN, \"e\\u00e9\": \"\\ud83d\\ude00\"}").unwrap();
        let a = node.get("a").unwrap().number().unwrap();
        assert!((a.half_unit - 0.005).abs() < 1e-12, "{a:?}");
        let b = node.get("b").unwrap();
        assert_eq!(b.line, 2);
        assert_eq!(b.series().unwrap().values, [1.0, 2.25, 300.0]);
        assert_eq!(node.get("c").unwrap().items().len(), 2);
        assert!(matches!(node.get("d").unwrap().kind, Kind::NoNumber));
        assert_eq!(node.word("eé"), Some("😀"));
    }

    #[test]
    fn refuses_with_the_line_and_the_reason() {
        for (text, line, part) in [
            ("{\"a\": 1,\n", 2, "ends in the middle"),
            ("{\"a\" 1}", 1, "no `:`"),
            ("[1, 2\n x]", 2, "no `,` or `]`"),
            ("{a: 1}", 1, "a name in quotes"),
            ("[1, tru]", 1, "where a value belongs"),
        ] {
            let broken = parse(text).unwrap_err();
            assert_eq!(broken.line, line, "{text}");
            assert!(broken.why.contains(part), "{text}: {}", broken.why);
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"[".repeat(100_000)).unwrap_err().why.contains("nested"));
    }
}
