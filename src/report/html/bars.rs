//! Bars: parts of a whole, intervals around a reference, and the way from one figure to another.

use super::escape::{Escaped, put};
use crate::measure::Cause;
use crate::report::page::{Interval, Intervals, Stack, StackRow, Tone, Waterfall};
use crate::report::words;

/// Appends stacked bars with their legend; unless compact, also a table of every part.
pub(super) fn stack(out: &mut String, stack: &Stack) {
    let causes = causes(stack);
    let widest = stack.rows.iter().map(StackRow::drawn).fold(0.0, f64::max);
    put!(out, "<figure class=\"stack{}\">", if stack.compact { " compact" } else { "" });
    put!(out, "<figcaption>{}</figcaption><ul class=\"legend\">", Escaped(&stack.caption));
    for cause in &causes {
        put!(out, "<li><span class=\"swatch k-{cause}\"></span>{}</li>", cause.label());
    }
    put!(out, "</ul>");
    for row in &stack.rows {
        let whole = row.drawn();
        let width = if stack.shares_only || widest <= 0.0 { 1.0 } else { whole / widest };
        put!(out, "<div class=\"bar-row\"><span class=\"bar-label\">{}", Escaped(&row.label));
        if !stack.shares_only {
            put!(out, " <b>{}</b>", Escaped(&words::duration(row.total())));
        }
        put!(out, "</span><div class=\"bar\" style=\"width:{:.2}%\">", width * 100.0);
        for (cause, value) in row.parts.iter().filter(|part| part.1 > 0.0 && whole > 0.0) {
            let share = value / whole;
            put!(
                out,
                "<span class=\"k-{cause}\" style=\"width:{:.3}%\" title=\"{}: {} ({})\">",
                share * 100.0,
                cause.label(),
                Escaped(&words::duration(*value)),
                words::share(share)
            );
            if !stack.compact && share * width > 0.07 {
                put!(out, "<i>{}</i>", words::share(share));
            }
            put!(out, "</span>");
        }
        put!(out, "</div></div>");
    }
    put!(out, "</figure>");
    if !stack.compact {
        parts_table(out, stack, &causes);
    }
}

/// The causes that occur, in the order of the first row that has them.
fn causes(stack: &Stack) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for (cause, _) in stack.rows.iter().flat_map(|row| &row.parts).filter(|part| part.1 != 0.0) {
        if !causes.contains(cause) {
            causes.push(*cause);
        }
    }
    causes
}

fn parts_table(out: &mut String, stack: &Stack, causes: &[Cause]) {
    put!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {}\">",
        Escaped(&stack.caption)
    );
    put!(out, "<table><thead><tr><th scope=\"col\">part</th>");
    for row in &stack.rows {
        put!(out, "<th scope=\"col\" colspan=\"2\">{}</th>", Escaped(&row.label));
    }
    put!(out, "</tr></thead><tbody>");
    for cause in causes {
        put!(out, "<tr><th scope=\"row\"><span class=\"swatch k-{cause}\"></span>{}</th>", cause.label());
        for row in &stack.rows {
            let value: f64 = row.parts.iter().filter(|part| part.0 == *cause).map(|part| part.1).sum();
            let whole = row.total();
            let share = if whole > 0.0 { value / whole } else { 0.0 };
            put!(out, "<td>{}</td><td class=\"dim\">{}</td>", words::duration(value), words::share(share));
        }
        put!(out, "</tr>");
    }
    put!(out, "</tbody></table></div>");
}

/// Appends estimates as dots with whiskers around the reference line.
pub(super) fn intervals(out: &mut String, chart: &Intervals) {
    let ends = || chart.rows.iter().flat_map(|row| [row.low, row.high, row.value]).filter(|v| v.is_finite());
    let low = ends().fold(chart.reference, f64::min);
    let high = ends().fold(chart.reference, f64::max);
    let room = ((high - low) * 0.05).max(f64::MIN_POSITIVE);
    let place = |value: f64| ((value - low + room) / (high - low + 2.0 * room) * 100.0).clamp(0.0, 100.0);
    put!(out, "<figure class=\"intervals\"><figcaption>{}</figcaption>", Escaped(&chart.caption));
    put!(
        out,
        "<div class=\"sides\" aria-hidden=\"true\"><span>← {}</span><span>{} →</span></div>",
        Escaped(&chart.sides.0),
        Escaped(&chart.sides.1)
    );
    for row in &chart.rows {
        let Interval { value, low, high, tone, .. } = row;
        put!(
            out,
            "<div class=\"bar-row\"><span class=\"bar-label\">{} <b>{}</b> <span class=\"dim\">{} to {}</span></span>",
            Escaped(&row.label),
            words::in_unit(chart.unit, *value),
            words::in_unit(chart.unit, *low),
            words::in_unit(chart.unit, *high)
        );
        put!(
            out,
            "<div class=\"whisker\"><s style=\"left:{:.2}%\"></s><u class=\"{}\" style=\"left:{:.2}%;width:{:.2}%\"></u><i class=\"{2}\" style=\"left:{:.2}%\"></i></div>",
            place(chart.reference),
            tone_class(*tone),
            place(*low),
            place(*high) - place(*low),
            place(*value),
        );
        put!(out, "<span class=\"outcome {}\">{}</span></div>", tone_class(*tone), Escaped(&row.verdict));
    }
    put!(out, "</figure>");
}

/// Appends the way from one figure to another: each part starts where the one before it ended.
pub(super) fn waterfall(out: &mut String, chart: &Waterfall) {
    let mut level = chart.from.1;
    let mut ends = vec![0.0, level, chart.to.1];
    for part in &chart.parts {
        level += part.value;
        ends.push(level + part.half_width.unwrap_or(0.0));
        ends.push(level - part.half_width.unwrap_or(0.0));
    }
    let low = ends.iter().copied().fold(0.0, f64::min);
    let high = ends.iter().copied().fold(0.0, f64::max).max(low + f64::MIN_POSITIVE);
    let place = |value: f64| (value - low) / (high - low) * 100.0;
    put!(out, "<figure class=\"waterfall\"><figcaption>{}</figcaption>", Escaped(&chart.caption));
    let mut row = |label: &str, shown: String, cause: &str, from: f64, to: f64, half: Option<f64>| {
        put!(
            out,
            "<div class=\"bar-row\"><span class=\"bar-label\">{} <b>{}</b></span>",
            Escaped(label),
            Escaped(&shown)
        );
        let (left, right) = (place(from.min(to)), place(from.max(to)));
        put!(
            out,
            "<div class=\"fall\"><span class=\"{cause}\" style=\"left:{left:.2}%;width:{:.2}%\"></span>",
            (right - left).max(0.15)
        );
        if let Some(half) = half {
            let (left, right) = (place(to - half), place(to + half));
            put!(out, "<u style=\"left:{left:.2}%;width:{:.2}%\"></u>", right - left);
        }
        put!(out, "</div></div>");
    };
    row(&chart.from.0, words::in_unit(chart.unit, chart.from.1), "whole", 0.0, chart.from.1, None);
    let mut level = chart.from.1;
    for part in &chart.parts {
        let sign = if part.value >= 0.0 { "+" } else { "" };
        let shown = match part.half_width {
            Some(half) => {
                format!(
                    "{sign}{} ± {}",
                    words::in_unit(chart.unit, part.value),
                    words::in_unit(chart.unit, half)
                )
            }
            None => format!("{sign}{}", words::in_unit(chart.unit, part.value)),
        };
        let cause = part.cause.map_or("k-other".into(), |cause| format!("k-{cause}"));
        row(&part.label, shown, &cause, level, level + part.value, part.half_width);
        level += part.value;
    }
    row(&chart.to.0, words::in_unit(chart.unit, chart.to.1), "whole", 0.0, chart.to.1, None);
    put!(out, "</figure>");
}

/// The class that goes with a tone.
pub(super) const fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Doubtful => "doubtful",
        Tone::Bad => "bad",
    }
}
