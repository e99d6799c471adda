//! Lines under a heading: `Key: value`, the parts of a breakdown, and who is meant.

use super::super::super::report::{Arm, Report};
use super::super::number::{Quantity, Unit};
use super::super::row::Row;
use super::super::vocabulary::{Label, Topic, label};
use super::claim::Draft;
use super::facts;
use super::phrase::{Found, quantities};

/// What is being read: the headings above, who is meant, figures collected for each, and a claim in the making.
#[derive(Debug, Default)]
pub(super) struct Section {
    headings: Vec<(usize, String)>,
    line: u32,
    /// Names that lines further in belong to, with their indentation.
    subjects: Vec<(usize, String)>,
    /// Figures under one heading, by name.
    rows: Vec<(String, Row)>,
    /// The whole that percentages are parts of, while a breakdown is listed.
    whole: Option<String>,
    /// The claim that the heading and the lines below it make.
    pub(super) draft: Draft,
    /// Under which heading all is concurrent.
    concurrent: bool,
    /// Profiler, iterations and the like, said for the whole section.
    pub(super) arm: Option<Arm>,
}

/// Headings that say what kind of thing follows rather than whose it is.
const GENERIC: [&str; 34] = [
    "results",
    "result",
    "performance",
    "metrics",
    "summary",
    "details",
    "latency",
    "statistics",
    "benchmark",
    "benchmarks",
    "measurements",
    "overview",
    "executive",
    "key",
    "findings",
    "figures",
    "data",
    "analysis",
    "the",
    "and",
    "of",
    "report",
    "targets",
    "vs",
    "target",
    "comparison",
    "throughput",
    "test",
    "tests",
    "performance metrics",
    "raw",
    "percentiles",
    "distribution",
    "profile",
];
/// Words of headings and lines under which percentages are parts of a whole.
const WHOLES: [&str; 11] = [
    "breakdown",
    "share",
    "self time",
    "self-time",
    "distribution",
    "where the time",
    "time spent",
    "composition",
    "% of time",
    "% of total",
    "percentage of",
];

impl Section {
    /// Goes on under a new heading.
    pub(super) fn enter(&mut self, level: usize, text: &str, line: u32) {
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, clean(text).to_owned()));
        self.line = line;
        let lower = text.to_lowercase();
        self.whole = is_whole(&lower).then(|| clean(text).to_owned());
        self.concurrent =
            self.headings.iter().any(|(_, heading)| heading.to_lowercase().contains("concurren"));
        self.arm = self.headings.iter().rev().find_map(|(_, heading)| arm_of(heading));
        self.draft = Draft::new(clean(text), line);
    }

    /// The heading right above.
    pub(super) fn under(&self) -> String {
        self.headings.last().map(|(_, text)| text.clone()).unwrap_or_default()
    }

    /// The name of what stands here: the nearest heading that names something.
    pub(super) fn name(&self) -> String {
        let telling = self.headings.iter().rev().find(|(_, text)| is_telling(text));
        telling.or(self.headings.last()).map_or_else(|| "report".to_owned(), |(_, text)| text.clone())
    }

    /// The name with who is meant by a line.
    pub(super) fn subject(&self) -> String {
        match self.subjects.last() {
            Some((_, subject)) if is_telling(subject) => format!("{}: {subject}", self.name()),
            _ => self.name(),
        }
    }

    /// The row of a name, made if there is none.
    pub(super) fn row(&mut self, name: &str, line: u32) -> &mut Row {
        let at = self.rows.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            let mut row = Row::new(name, format!("line {line}"));
            row.merge = false;
            row.common.arm = self.arm;
            row.common.component = Some(name.to_owned());
            row.common.said_concurrent = self.concurrent;
            self.rows.push((name.to_owned(), row));
            self.rows.len() - 1
        });
        &mut self.rows[at].1
    }

    /// Forgets who was meant; what was collected stays with its heading.
    pub(super) fn rest(&mut self) {
        self.subjects.clear();
    }

    /// Ends the section: what was collected becomes benchmarks and claims.
    pub(super) fn close(&mut self, report: &mut Report) {
        self.subjects.clear();
        for (_, row) in std::mem::take(&mut self.rows) {
            if row.has_figures() || row.common.count.is_some() && !row.common.nulls.is_empty() {
                report.benchmarks.extend(row.finish());
            } else if let Some(count) = row.common.count {
                // A count without statistics may belong to figures elsewhere.
                let mut benchmark = row.common.clone();
                benchmark.count = Some(count);
                report.benchmarks.push(benchmark);
            }
        }
        std::mem::take(&mut self.draft).close(report);
    }
}

/// A text without numbering, marks and emphasis at its ends.
pub(super) fn clean(text: &str) -> &str {
    let text = text.trim_matches(|letter: char| {
        !(letter.is_alphanumeric() || matches!(letter, ')' | '(' | '%' | '.' | '<' | '>' | '≤' | '≥' | '+'))
    });
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[digits..].strip_prefix(['.', ')']) {
        Some(rest) if digits > 0 && rest.starts_with(' ') => rest.trim(),
        _ => text.trim(),
    }
}

fn is_telling(text: &str) -> bool {
    text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).any(|word| {
        word.len() > 1
            && !GENERIC.contains(&word)
            && label(word).stat.is_none()
            && word.parse::<f64>().is_err()
    })
}

fn is_whole(lower: &str) -> bool {
    WHOLES.iter().any(|word| lower.contains(word))
        && !lower.contains("latency distribution")
        && !lower.contains("percentile")
}

/// The arm that a heading or a column names.
pub(super) fn arm_of(text: &str) -> Option<Arm> {
    let lower = text.to_lowercase();
    match (lower.contains("baseline"), lower.contains("isolated") || lower.contains("isolation")) {
        (true, false) => Some(Arm::Baseline),
        (false, true) => Some(Arm::Isolated),
        _ => None,
    }
}

/// Reads a line.
pub(super) fn read(text: &str, line: u32, indent: usize, section: &mut Section, report: &mut Report) {
    let text = text
        .trim_start_matches(|letter: char| {
            letter.is_whitespace()
                || matches!(
                    letter,
                    '│' | '├' | '└' | '╰' | '─' | '┌' | '|' | '•' | '-' | '*' | '>' | '▸' | '→'
                )
        })
        .trim();
    if text.is_empty() || text.len() > 4000 {
        return;
    }
    section.subjects.retain(|(known, _)| *known < indent);
    facts::of_line(text, line, section, report);
    let Some((key, value)) = key_value(text) else {
        let lower = text.to_lowercase();
        if is_whole(&lower) {
            section.whole = Some(clean(text).to_owned());
        }
        if text.ends_with(':') && text.len() < 80 {
            section.subjects.push((indent, clean(text.trim_end_matches(':')).to_owned()));
        } else {
            listed(text, line, section);
        }
        return;
    };
    if value.trim().is_empty() {
        let subject = clean(key).to_owned();
        section.whole =
            is_whole(&subject.to_lowercase()).then(|| subject.clone()).or_else(|| section.whole.take());
        section.subjects.push((indent, subject));
        return;
    }
    section.draft.key_value(key, value, line);
    pair(key, value, line, indent, section);
}

/// `Key: value` or `key = value`, where the key is a few words.
fn key_value(text: &str) -> Option<(&str, &str)> {
    let at = text.char_indices().find(|(at, letter)| {
        (*letter == ':' || *letter == '=') && {
            let rest = &text[at + 1..];
            // Neither a time of day nor an address.
            !(rest.starts_with("//")
                || rest.starts_with(|next: char| next.is_ascii_digit())
                    && text[..*at].ends_with(|before: char| before.is_ascii_digit()))
        }
    })?;
    let (key, value) = (text[..at.0].trim(), text[at.0 + 1..].trim());
    let words = key.split_whitespace().count();
    ((1..=8).contains(&words) && key.len() <= 80).then_some((clean(key), value))
}

/// A pair whose value holds figures, or a word that matters.
fn pair(key: &str, value: &str, line: u32, indent: usize, section: &mut Section) {
    let said = label(key);
    let found = quantities(value);
    let subject = section.subject();
    let Some(first) = found.first().copied() else {
        word_value(key, value, line, section, &said);
        return;
    };
    let starts = value[..first.from].chars().filter(|letter| letter.is_alphanumeric()).count() == 0;
    if starts
        && first.unit == Unit::Percent
        && section.whole.is_some()
        && matches!(said.topic, Topic::Unsaid | Topic::Other | Topic::Latency | Topic::Cpu)
        && said.stat.is_none()
    {
        let whole = section.whole.clone().unwrap_or_default();
        section.row(&subject, line).shares(&whole, vec![(key.to_owned(), first.low)]);
        return;
    }
    // `Range: 45.3–53.7 ms`
    if starts && !first.single() && said.stat.is_none() {
        return;
    }
    if starts
        && !after_is_change(value, first)
        && !is_known(&said, first.unit)
        && matches!(first.unit, Unit::Time(_))
        && found.len() == 1
    {
        section.row(&subject, line).common.singles.push((key.to_owned(), first.base().0));
        return;
    }
    if starts && !after_is_change(value, first) && is_known(&said, first.unit) {
        let said = if said.topic == Topic::Unsaid && said.stat.is_some() {
            Label { topic: Topic::Latency, ..said }
        } else {
            said
        };
        add(section, &subject, &said, key, first, line);
        before(key, value, &said, &found, line, section, &subject);
        several(key, value, &found[1..], line, section, &subject, &said);
        return;
    }
    // `Latency: mean 43.9 ms, p99 55.3 ms`; the key may be who is meant.
    let inner = if is_known(&said, Unit::None) || indent == 0 && key.split_whitespace().count() > 4 {
        subject
    } else {
        format!("{}: {key}", section.name())
    };
    several(key, value, &found, line, section, &inner, &said);
}

/// Whether a figure follows that the first one becomes: the pair is a change and no result.
fn after_is_change(value: &str, first: Found) -> bool {
    let rest = value[first.to..].trim_start();
    rest.starts_with(['→', '⇒'])
        || rest.starts_with("->")
        || rest.starts_with("=>")
        || rest.starts_with("to ")
}

fn is_known(said: &Label, unit: Unit) -> bool {
    said.stat.is_some()
        || matches!(unit, Unit::Rate(..))
        || !matches!(said.topic, Topic::Unsaid | Topic::Other | Topic::Index | Topic::Speedup)
}

fn add(section: &mut Section, subject: &str, said: &Label, key: &str, found: Found, line: u32) {
    let row = section.row(subject, line);
    row.add(said, key, Quantity { figure: found.low, unit: found.unit });
}

/// Figures of the same line with a statistic of their own: `43.9 ms mean, p99 55.3 ms`.
fn several(
    key: &str,
    value: &str,
    found: &[Found],
    line: u32,
    section: &mut Section,
    subject: &str,
    outer: &Label,
) {
    for (at, figure) in found.iter().enumerate() {
        let from = if at == 0 { 0 } else { found[at - 1].to };
        let before = &value[from.min(figure.from)..figure.from];
        let before = before.rsplit([',', ';', '(', '|']).next().unwrap_or_default();
        let to = found.get(at + 1).map_or(value.len(), |next| next.from);
        let after = value[figure.to..to].split([',', ';', '|']).next().unwrap_or_default();
        let mut own = label(before.trim());
        if own.stat.is_none() {
            let inner = label(after.trim().trim_matches(['(', ')', ' ']));
            if after.split_whitespace().count() <= 2 && inner.stat.is_some() {
                own = inner;
            }
        }
        let is_rate = matches!(figure.unit, Unit::Rate(..)) && own.topic != Topic::Target;
        if own.topic == Topic::Target
            || outer.topic == Topic::Target
            || !figure.single()
            || before.trim_end().ends_with(['<', '>', '≤', '≥'])
        {
            continue;
        }
        let is_time = own.stat.is_some() && matches!(figure.unit, Unit::Time(_));
        if is_time || is_rate {
            let rest = outer.rest.clone();
            let said = Label { topic: if is_time { Topic::Latency } else { own.topic }, rest, ..own };
            add(section, subject, &said, key, *figure, line);
        }
    }
}

/// `37.3 ms (from 55.3)`: what it was before stands in brackets, and is the other arm where there are arms.
fn before(
    key: &str,
    value: &str,
    said: &Label,
    found: &[Found],
    line: u32,
    section: &mut Section,
    subject: &str,
) {
    const WORDS: [&str; 6] = ["from", "was", "baseline", "baseline:", "baseline of", "previously"];
    let Some(second) = found.get(1) else { return };
    let words =
        value[found[0].to..second.from].trim().trim_start_matches(['(', '[', ',']).trim().to_lowercase();
    if !WORDS.contains(&words.as_str()) || !second.single() {
        return;
    }
    let unit = if second.unit == Unit::None { found[0].unit } else { second.unit };
    let is_isolated = section.arm == Some(Arm::Isolated);
    let name = format!("{subject}, before");
    let row = section.row(&name, line);
    row.common.component = Some(subject.to_owned());
    row.common.arm = is_isolated.then_some(Arm::Baseline);
    row.common.said_concurrent = is_isolated;
    row.add(said, key, Quantity { figure: second.low, unit });
}

/// A pair whose value is a word.
fn word_value(key: &str, value: &str, line: u32, section: &mut Section, said: &Label) {
    let lower = key.to_lowercase();
    let word = clean(value).to_owned();
    let subject = section.subject();
    match lower.as_str() {
        "profiler" | "profiling tool" | "profiled with" => {
            section.row(&subject, line).common.profiler =
                Some(word.split([' ', '(']).next().unwrap_or_default().to_owned());
        }
        "status" | "result" if word.len() < 30 => {
            let good = ["success", "succeeded", "passed", "pass", "complete", "completed", "ok", "done"];
            section.row(&subject, line).common.succeeded =
                Some(good.iter().any(|good| word.to_lowercase().starts_with(good)));
        }
        "build" | "build type" | "profile" | "configuration" | "mode"
            if word.to_lowercase().starts_with("debug") =>
        {
            section.row(&subject, line).common.manner.debug_build = true;
        }
        "component" => section.row(&subject, line).common.component = Some(word),
        _ if matches!(
            word.to_lowercase().as_str(),
            "n/a" | "null" | "none" | "nan" | "tbd" | "not measured"
        ) =>
        {
            section.row(&subject, line).null(said, key);
        }
        _ => {}
    }
}

/// A line without a colon: `p99 latency 55.3 ms`, `Mean    43.9 ms`, or a part of a breakdown `attention 22 %`.
fn listed(text: &str, line: u32, section: &mut Section) {
    let found = quantities(text);
    let Some(first) = found.first().copied() else { return };
    let words = text[..first.from].trim();
    let rest = text[first.to..].trim();
    let is_short = words.split_whitespace().count() <= 5
        && !words.is_empty()
        && found.len() <= 2
        && rest.split_whitespace().count() <= 4;
    if !is_short {
        return;
    }
    let subject = section.subject();
    let said = label(clean(words));
    if let (Unit::Percent, Some(whole)) = (first.unit, section.whole.clone()) {
        section.row(&subject, line).shares(&whole, vec![(clean(words).to_owned(), first.low)]);
    } else if said.stat.is_some()
        && matches!(first.unit, Unit::Time(_))
        && first.single()
        && !after_is_change(text, first)
        && said.topic != Topic::Target
    {
        let said = Label { topic: Topic::Latency, ..said };
        add(section, &subject, &said, words, first, line);
    }
}
