//! What sentences state: parts of a whole, changes, headroom, bounds, serial fractions, dates.

use super::super::super::report::Report;
use super::super::super::statement::{Fact, Statement};
use super::super::super::text::shortened;
use super::super::number::Unit;
use super::super::vocabulary::label;
use super::claim;
use super::dates;
use super::lines::Section;
use super::phrase::{Found, number_after, quantities, sentences, unit_name};
use super::tables::range_of;

/// Statements that one report may hold.
const MOST: usize = 20_000;

/// Reads the statements of a line.
pub(super) fn of_line(text: &str, line: u32, section: &Section, report: &mut Report) {
    if report.statements.len() >= MOST || !text.bytes().any(|byte| byte.is_ascii_digit()) || text.len() > 4000
    {
        return;
    }
    stamps(text, line, section, report);
    scheduled(text, line, section, report);
    for sentence in sentences(text) {
        let found = quantities(sentence);
        if found.is_empty() {
            continue;
        }
        let mut facts = Vec::new();
        parts(sentence, &found, &mut facts);
        change(sentence, &found, &section.under(), &mut facts);
        headroom(sentence, &found, &mut facts);
        at_least(sentence, &found, &mut facts);
        none_above(sentence, &found, &mut facts);
        amdahl(sentence, &found, &mut facts);
        quoted(sentence, &found, &mut facts);
        report.statements.extend(facts.into_iter().map(|fact| Statement {
            line,
            under: section.under(),
            text: shortened(sentence),
            fact,
        }));
        report.claims.extend(claim::of_sentence(sentence, &found, line, &section.under()));
    }
}

/// The words between two figures.
fn between<'t>(text: &'t str, one: &Found, other: &Found) -> &'t str {
    text.get(one.to..other.from).unwrap_or_default()
}

/// `17 of 20 (85 %)`.
fn parts(text: &str, found: &[Found], facts: &mut Vec<Fact>) {
    for (at, pair) in found.windows(2).enumerate() {
        let (part, whole) = (&pair[0], &pair[1]);
        let joint = between(text, part, whole).trim().to_lowercase();
        let is_slash = joint == "/";
        if !(matches!(joint.as_str(), "of" | "out of" | "of the") || is_slash)
            || !part.single()
            || !whole.single()
            || part.or_more
        {
            continue;
        }
        let same = std::mem::discriminant(&part.unit) == std::mem::discriminant(&whole.unit)
            || part.unit == Unit::None && whole.unit == Unit::None;
        if !same || matches!(part.unit, Unit::Percent | Unit::Times) || part.signed {
            continue;
        }
        let bracketed = |found: &Found, from: usize, to: usize| {
            let words = text.get(from..to).unwrap_or_default();
            found.unit == Unit::Percent
                && found.single()
                && words.chars().all(|letter| {
                    letter.is_alphabetic() || matches!(letter, ' ' | '(' | '=' | ',' | '-' | '≈' | '~')
                })
                && words.split_whitespace().count() <= 4
        };
        let behind = found.get(at + 2).filter(|percent| {
            bracketed(percent, whole.to, percent.from) && text[whole.to..percent.from].contains(['(', '='])
        });
        let ahead = at.checked_sub(1).map(|at| &found[at]).filter(|percent| {
            percent.unit == Unit::Percent
                && text[percent.to..part.from].trim_matches([' ', '(', ':', ',']).is_empty()
        });
        let percent = behind.or(ahead).map(|percent| percent.low);
        let is_count = part.low.value.fract() == 0.0 && whole.low.value.fract() == 0.0;
        let exceeds = part.low.value > whole.low.value
            && is_count
            && !is_slash
            && matches!(joint.as_str(), "of" | "out of");
        if percent.is_some() || exceeds {
            let (part, _) = part.base();
            let (whole, _) = whole.base();
            facts.push(Fact::PartOf { part, whole, percent });
        }
    }
}

/// `55.3 → 20–25 ms`, `from 40 ms to 25 ms (37 % faster)`.
#[expect(clippy::too_many_lines, reason = "the forms of one phrase, one after the other")]
fn change(text: &str, found: &[Found], under: &str, facts: &mut Vec<Fact>) {
    let steps: Vec<usize> = (0..found.len().saturating_sub(1))
        .filter(|&at| is_change(text, &found[at], &found[at + 1]))
        .collect();
    // With several changes in one sentence it is open which one a factor belongs to.
    let [at] = steps[..] else { return };
    let (mut from, to) = (found[at], found[at + 1]);
    if from.unit == Unit::None {
        from.unit = to.unit;
    }
    if !from.is_like(&to) || matches!(to.unit, Unit::Percent | Unit::Times) {
        return;
    }
    let (mut percent, mut factor, mut difference) = (None, None, None);
    for (place, other) in found.iter().enumerate().filter(|(place, _)| *place != at && *place != at + 1) {
        if !is_beside(text, &from, &to, other) {
            continue;
        }
        let before = words_before(text, found, place);
        let after = words_after(text, found, place);
        let near = format!("{before} {after}");
        match other.unit {
            Unit::Percent if is_of_change(&near) || text[to.to..other.from.max(to.to)].trim() == "(" => {
                percent = percent.or(Some(range_of(other)))
            }
            Unit::Times if !near.contains("target") => factor = factor.or(Some(range_of(other))),
            unit if std::mem::discriminant(&unit) == std::mem::discriminant(&to.unit)
                && [
                    "saving",
                    "saves",
                    "save",
                    "reduction",
                    "gap",
                    "difference",
                    "less",
                    "faster",
                    "slower",
                ]
                .iter()
                .any(|word| near.contains(word)) =>
            {
                difference = difference.or(Some(other.base()));
            }
            _ => {}
        }
    }
    let lower = text.to_lowercase();
    let better = if ["improv", "faster", "reduc", "saving", "speedup", "better"]
        .iter()
        .any(|word| lower.contains(word))
    {
        Some(true)
    } else if ["slower", "regress", "worse", "degrad"].iter().any(|word| lower.contains(word)) {
        Some(false)
    } else {
        None
    };
    let less_is_better = match to.unit {
        Unit::Time(_) => Some(true),
        Unit::Rate(..) => Some(false),
        _ => None,
    };
    let what = text[..from.from].trim().trim_end_matches([':', '(', ' ']).to_owned();
    let what = if what.is_empty() { under.to_owned() } else { shortened(&what) };
    facts.push(Fact::Change {
        what,
        from: from.base(),
        to: to.base(),
        unit: unit_name(to.unit).to_owned(),
        percent,
        factor,
        difference,
        better,
        less_is_better,
    });
}

/// Whether a figure stands in the clause of a change, or follows it at once: `…, 2 to 3 times`.
fn is_beside(text: &str, from: &Found, to: &Found, other: &Found) -> bool {
    let ends = [',', ';', ':'];
    if other.to <= from.from {
        return !text.get(other.to..from.from).unwrap_or_default().contains(ends);
    }
    let words = text.get(to.to..other.from).unwrap_or_default();
    !words.contains(ends) || words.chars().all(|letter| !letter.is_alphanumeric())
}

fn is_change(text: &str, one: &Found, other: &Found) -> bool {
    let joint = between(text, one, other);
    let trimmed = joint.trim();
    let arrow = ["→", "->", "=>", "⇒", "-->", "⟶"].contains(&trimmed);
    let lower = text[..one.from].to_lowercase();
    let spelled = trimmed == "to"
        && (lower.trim_end().ends_with("from") || one.unit != Unit::None && one.low.value > other.high.value);
    arrow || spelled
}

fn is_of_change(words: &str) -> bool {
    [
        "faster", "slower", "reduc", "improv", "decreas", "increas", "drop", "lower", "higher", "gain",
        "less", "more", "better", "worse", "saving", "speedup", "cut",
    ]
    .iter()
    .any(|word| words.contains(word))
}

fn words_before(text: &str, found: &[Found], at: usize) -> String {
    let from = at.checked_sub(1).map_or(0, |before| found[before].to);
    text.get(from..found[at].from).unwrap_or_default().to_lowercase()
}

fn words_after(text: &str, found: &[Found], at: usize) -> String {
    let to = found.get(at + 1).map_or(text.len(), |next| next.from);
    text.get(found[at].to..to).unwrap_or_default().to_lowercase()
}

/// `1,010 tok/s against a target of 50 (headroom 1,860 %)`.
fn headroom(text: &str, found: &[Found], facts: &mut Vec<Fact>) {
    let lower = text.to_lowercase();
    if !(lower.contains("headroom") || lower.contains("margin")) {
        return;
    }
    let is_room = |at: usize| {
        found[at].unit == Unit::Percent
            && (words_before(text, found, at) + &words_after(text, found, at)).contains(['h', 'm'])
            && {
                let near = words_before(text, found, at) + " " + &words_after(text, found, at);
                near.contains("headroom") || near.contains("margin")
            }
    };
    let Some(room) = (0..found.len()).find(|at| is_room(*at)) else { return };
    let is_bound = |at: usize| {
        let before = words_before(text, found, at);
        before.trim_end().ends_with(['<', '>', '≤', '≥'])
            || ["target", "limit", "bound", "budget", "threshold"].iter().any(|word| before.contains(word))
    };
    let others: Vec<usize> = (0..found.len()).filter(|at| *at != room && found[*at].single()).collect();
    let Some(bound) = others.iter().copied().find(|at| is_bound(*at)) else { return };
    let Some(value) = others.iter().copied().find(|at| *at != bound && found[*at].is_like(&found[bound]))
    else {
        return;
    };
    let mut limit = found[bound];
    if limit.unit == Unit::None {
        limit.unit = found[value].unit;
    }
    facts.push(Fact::Headroom {
        value: found[value].base().0,
        bound: limit.base().0,
        percent: found[room].low,
        unit: unit_name(found[value].unit).to_owned(),
    });
}

/// `over 100+ iterations`.
fn at_least(text: &str, found: &[Found], facts: &mut Vec<Fact>) {
    for (at, figure) in found.iter().enumerate() {
        let after = words_after(text, found, at);
        let word = after
            .trim_start_matches(['+', ' '])
            .split([' ', ',', '.', ')', ';'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let before = words_before(text, found, at);
        let is_least = figure.or_more
            || ["over", "more than", "at least", ">"].iter().any(|words| before.trim_end().ends_with(words));
        let is_count = matches!(
            word.as_str(),
            "iterations"
                | "runs"
                | "samples"
                | "repetitions"
                | "executions"
                | "trials"
                | "rounds"
                | "measurements"
        );
        if is_least && is_count && figure.unit == Unit::None {
            facts.push(Fact::AtLeast { count: figure.low, what: word });
        }
    }
}

/// `no function above 25 % self time`.
fn none_above(text: &str, found: &[Found], facts: &mut Vec<Fact>) {
    let lower = text.to_lowercase();
    for (at, figure) in found.iter().enumerate().filter(|(_, figure)| figure.unit == Unit::Percent) {
        let before = words_before(&lower, found, at);
        let is_above = ["above", "over", "exceed", "exceeds", "exceeding", ">", "more than"]
            .iter()
            .any(|word| before.trim_end().ends_with(word));
        let denies =
            ["no ", "none", "not any", "without any", "zero "].iter().any(|word| before.contains(word));
        if let Some(what) = ["function", "component", "method", "single"]
            .into_iter()
            .find(|what| before.contains(what))
            .filter(|_| is_above && denies)
        {
            facts.push(Fact::NoneAbove { what: what.to_owned(), percent: figure.low });
        }
    }
}

/// `a serial fraction of 10 % and a speedup of 16× on 32 cores`.
fn amdahl(text: &str, found: &[Found], facts: &mut Vec<Fact>) {
    let lower = text.to_lowercase();
    let is_serial = ["serial", "sequential"].iter().any(|word| lower.contains(word));
    let is_parallel = [
        "parallelizable",
        "parallelisable",
        "parallel fraction",
        "parallel portion",
        "can be parallel",
        "is parallel",
        "of the code parallel",
    ]
    .iter()
    .any(|word| lower.contains(word));
    if !is_serial && !is_parallel {
        return;
    }
    let percent = found.iter().enumerate().find(|(at, figure)| {
        let near = words_before(&lower, found, *at) + &words_after(&lower, found, *at);
        figure.unit == Unit::Percent
            && ["serial", "sequential", "parallel"].iter().any(|word| near.contains(word))
    });
    let speedup = found.iter().find(|figure| figure.unit == Unit::Times);
    let (Some((at, share)), Some(speedup)) = (percent, speedup) else { return };
    let near = words_before(&lower, found, at) + &words_after(&lower, found, at);
    let serial = if near.contains("serial") || near.contains("sequential") {
        share.low.times(0.01)
    } else {
        let parallel = share.low.times(0.01);
        super::super::super::figure::Figure { value: 1.0 - parallel.value, half_unit: parallel.half_unit }
    };
    let processors = found.iter().enumerate().find(|(at, figure)| {
        let after = words_after(&lower, found, *at);
        figure.unit == Unit::None
            && ["core", "thread", "processor", "cpu", "worker", "gpu", "node"]
                .iter()
                .any(|word| after.trim_start_matches(['-', ' ']).starts_with(word))
    });
    facts.push(Fact::Amdahl {
        serial,
        processors: processors.map(|(_, count)| count.low.value),
        speedup: speedup.low,
    });
}

/// `a p99 of 11.1 ms`: a statistic in running text, which a table may contradict.
fn quoted(text: &str, found: &[Found], facts: &mut Vec<Fact>) {
    // Comparisons and goals are no statements of what was measured.
    let lower = text.to_lowercase();
    if [
        "target", "goal", "should", "would", "could", "expected", "→", "->", "from", "baseline", "before",
        "previous", "slo", "limit", "than", "saving", "estimate",
    ]
    .iter()
    .any(|word| lower.contains(word))
    {
        return;
    }
    for (at, figure) in found
        .iter()
        .enumerate()
        .filter(|(_, figure)| matches!(figure.unit, Unit::Time(_)) && figure.single() && !figure.or_more)
    {
        let before = words_before(text, found, at);
        let said = label(before.trim());
        let tail: Vec<&str> = before.split_whitespace().rev().take(4).collect();
        let links =
            tail.first().is_some_and(|word| matches!(*word, "of" | "is" | "was" | "at" | "reached" | "="));
        let close = tail.iter().any(|word| label(word).stat.is_some());
        if let (Some(_), true, true) = (said.stat, links, close) {
            let statistic =
                tail.iter().find(|word| label(word).stat.is_some()).copied().unwrap_or_default().to_owned();
            facts.push(Fact::Quoted { statistic, subject: text.to_owned(), figure: figure.base().0 });
        }
    }
}

/// Files named in a line whose names tell when they were written.
pub(super) fn stamps(text: &str, line: u32, section: &Section, report: &mut Report) {
    const ENDINGS: [&str; 7] = [".json", ".md", ".csv", ".txt", ".html", ".log", ".prof"];
    if report.statements.len() >= MOST {
        return;
    }
    for word in text.split([' ', '`', '(', ')', '[', ']', '"', '\'', ',', '|', '*', '│', '─', '└', '├'])
    {
        let name = word.rsplit('/').next().unwrap_or(word).trim_matches(['.', ';', ':', '!']);
        if ENDINGS.iter().any(|ending| name.ends_with(ending))
            && let Some(at) = dates::stamp(name)
        {
            // A file is named more than once; its stamp counts once.
            let is_known = report
                .statements
                .iter()
                .any(|statement| matches!(&statement.fact, Fact::Stamp { name: known, .. } if known == name));
            if !is_known {
                report.statements.push(Statement {
                    line,
                    under: section.under(),
                    text: shortened(name),
                    fact: Fact::Stamp { name: name.to_owned(), at },
                });
            }
        }
    }
}

/// `Day 4 (December 20)`.
pub(super) fn scheduled(text: &str, line: u32, section: &Section, report: &mut Report) {
    let Some((day, rest)) = number_after(text, "day") else { return };
    let Some(day) = super::super::number::whole(day.value).filter(|day| (1..=366).contains(day)) else {
        return;
    };
    // A file's own stamp is when it ran, not when it was to run.
    if rest.contains(".json")
        || rest.contains(".md")
        || rest.to_lowercase().contains("_report")
        || report.statements.len() >= MOST
    {
        return;
    }
    let near: String = rest.chars().take(60).collect();
    if let Some(date) = dates::date(&near) {
        report.statements.push(Statement {
            line,
            under: section.under(),
            text: shortened(text),
            fact: Fact::Scheduled { day, date },
        });
    }
}
