//! Curves: marks as SVG that stretches with the page, words as HTML that does not.
//!
//! A chart drawn for one width is unreadable at another, words most of all. Here the drawing area is an SVG without
//! an aspect ratio of its own, whose strokes keep their width, and every label is an HTML element at a percentage,
//! so a chart fits a phone, a wide screen and paper alike and takes its colours from the page.

use super::axis::{Span, Tick};
use super::escape::{Escaped, put};
use crate::report::page::{Axis, Lines, Scale, Series};

/// Units of the drawing area in each direction.
const SIZE: f64 = 1000.0;

/// Appends a chart.
pub(super) fn chart(out: &mut String, lines: &Lines) {
    let points = || lines.series.iter().flat_map(|series| series.points.iter());
    let bands = || lines.series.iter().flat_map(|series| series.band.iter());
    // Time and the like start at their beginning, whether or not anything was there yet.
    let origin = (lines.x.scale == Scale::Linear).then_some(0.0);
    let across = points().map(|point| point.0).chain(bands().map(|band| band.0)).chain(origin);
    let x = Span::new(&lines.x, across, false);
    let heights = points().map(|point| point.1).chain(bands().flat_map(|band| [band.1, band.2]));
    let y = Span::new(&lines.y, heights, true);
    let x_ticks = x.ticks(lines.x.unit, 8.0);
    let y_ticks = y.ticks(lines.y.unit, if lines.low { 3.0 } else { 5.0 });
    put!(out, "<figure class=\"chart{}\">", if lines.low { " low" } else { "" });
    put!(out, "<figcaption>{}</figcaption>", Escaped(&lines.caption));
    if lines.series.len() > 1 {
        legend(out, &lines.series);
    }
    put!(out, "<div class=\"y-name\">{}</div>", Escaped(&axis_name(&lines.y, &y)));
    put!(out, "<div class=\"frame\"><div class=\"y-ticks\" aria-hidden=\"true\">");
    for tick in &y_ticks {
        let minor = if tick.minor && y_ticks.len() > 7 { " class=\"minor\"" } else { "" };
        put!(out, "<span{minor} style=\"bottom:{:.2}%\">{}</span>", tick.at * 100.0, Escaped(&tick.label));
    }
    put!(out, "</div><div class=\"area\">");
    put!(
        out,
        "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        Escaped(&format!("{}. The figures are in the tables of this section.", lines.caption))
    );
    grid(out, &x_ticks, &y_ticks);
    for (index, series) in lines.series.iter().enumerate() {
        curve(out, series, index, &x, &y);
    }
    put!(out, "</svg>");
    for (at, words) in &lines.marks {
        let place = x.at(*at) * 100.0;
        let side = if place > 60.0 { " left" } else { "" };
        put!(
            out,
            "<div class=\"mark{side}\" style=\"left:{place:.2}%\"><span>{}</span></div>",
            Escaped(words)
        );
    }
    put!(out, "</div><div class=\"x-ticks\" aria-hidden=\"true\">");
    for tick in &x_ticks {
        // The last word ends where the axis does, or a phone would cut it.
        let class = match (tick.minor, tick.at > 0.96) {
            (true, _) => " class=\"minor\"",
            (false, true) => " class=\"end\"",
            (false, false) => "",
        };
        put!(out, "<span{class} style=\"left:{:.2}%\">{}</span>", tick.at * 100.0, Escaped(&tick.label));
    }
    put!(out, "</div></div><div class=\"x-name\">{}</div></figure>", Escaped(&axis_name(&lines.x, &x)));
}

fn axis_name(axis: &Axis, span: &Span) -> String {
    let logarithmic = span.is_logarithmic() || axis.scale == Scale::Percentile;
    format!("{}{}", axis.label, if logarithmic { " (log scale)" } else { "" })
}

fn legend(out: &mut String, series: &[Series]) {
    put!(out, "<ul class=\"legend\">");
    for (index, series) in series.iter().enumerate() {
        let dense = if series.points.len() > 120 { " dense" } else { "" };
        put!(
            out,
            "<li><svg class=\"key\" viewBox=\"0 0 24 6\" aria-hidden=\"true\"><path class=\"line s{}{dense}\" d=\"M0 3H24\"/></svg>{}</li>",
            index % 6 + 1,
            Escaped(&series.name)
        );
    }
    put!(out, "</ul>");
}

fn grid(out: &mut String, x_ticks: &[Tick], y_ticks: &[Tick]) {
    put!(out, "<path class=\"grid\" d=\"");
    for tick in y_ticks {
        put!(out, "M0 {:.1}H1000", (1.0 - tick.at) * SIZE);
    }
    for tick in x_ticks.iter().filter(|tick| !tick.minor) {
        put!(out, "M{:.1} 0V1000", tick.at * SIZE);
    }
    put!(out, "\"/>");
}

fn curve(out: &mut String, series: &Series, index: usize, x: &Span, y: &Span) {
    let colour = index % 6 + 1;
    let place = |(px, py): (f64, f64)| (x.at(px) * SIZE, (1.0 - y.at(py)) * SIZE);
    if !series.band.is_empty() {
        put!(out, "<path class=\"band s{colour}\" d=\"");
        let upper = series.band.iter().map(|band| (band.0, band.2));
        let lower = series.band.iter().rev().map(|band| (band.0, band.1));
        for (order, point) in upper.chain(lower).enumerate() {
            let (px, py) = place(point);
            put!(out, "{}{px:.1} {py:.1}", if order == 0 { 'M' } else { 'L' });
        }
        put!(out, "Z\"/>");
    }
    let dense = if series.points.len() > 120 { " dense" } else { "" };
    put!(out, "<path class=\"line s{colour}{dense}\" d=\"");
    let finite = series.points.iter().filter(|point| point.0.is_finite() && point.1.is_finite());
    for (order, point) in finite.enumerate() {
        let (px, py) = place(*point);
        match (order, series.steps) {
            (0, _) => put!(out, "M{px:.1} {py:.1}"),
            (_, true) => put!(out, "H{px:.1}V{py:.1}"),
            (_, false) => put!(out, "L{px:.1} {py:.1}"),
        }
    }
    if series.points.len() == 1 {
        put!(out, "h0.01");
    }
    put!(out, "\"/>");
}
