//! The page of a figure's courses over stored records.

use super::{page_unit, signed};
use crate::history::{Change, Course};
use crate::report::page::{
    Axis, Lines, Page, Scale, Section, Series, Table, Tone, Unit as PageUnit, Verdict,
};
use crate::report::words::several;
use crate::study::Metric;

/// Records below which no change can be shown.
const LEAST: usize = 6;

/// The page of `courses` of `metric`.
#[must_use]
pub fn history_page(courses: &[Course], metric: Metric) -> Page {
    let last: Vec<&Change> = courses.iter().filter_map(|course| course.changes.last()).collect();
    let worse = last.iter().filter(|change| change.worse).count();
    let verdict = match (last.len(), worse) {
        (0, _) => None,
        (_, 0) => Some(Verdict { tone: Tone::Good, text: "every last change was for the better".into() }),
        (_, worse) => {
            let text = format!("worse since its last change: {}", courses_of(worse));
            Some(Verdict { tone: Tone::Bad, text })
        }
    };
    Page {
        kicker: format!("history · {} · {}", metric.name(), courses_of(courses.len())),
        title: format!("The course of {}", metric.name()),
        question: format!("When did {} change?", metric.name()),
        answer: answer(courses),
        certainty: "A change is a split of the course whose two means lie farther apart than in 97 of 100 random orders of \
                    the same figures, with three records at least on each side."
            .into(),
        verdict,
        sections: courses.iter().enumerate().flat_map(|(index, course)| sections(index, course)).collect(),
        ..Page::default()
    }
}

fn courses_of(count: usize) -> String {
    several(count as u64, "experiment")
}

/// Every course's last change, in a sentence each.
fn answer(courses: &[Course]) -> String {
    let told: Vec<String> = courses
        .iter()
        .filter_map(|course| {
            let change = course.changes.last()?;
            let began = &course.points.get(change.at)?.started;
            Some(format!("{}: {} since {began}.", course.experiment, words(change)))
        })
        .collect();
    if told.is_empty() { "No change is shown.".into() } else { told.join(" ") }
}

fn words(change: &Change) -> String {
    let share = change.relative.map_or_else(|| "?".into(), |share| signed(share.value));
    format!("{} by {share}", if change.worse { "worse" } else { "better" })
}

#[expect(clippy::cast_precision_loss, reason = "numbers of records")]
fn sections(index: usize, course: &Course) -> [Section; 2] {
    let unit = course.metric.unit();
    let of = |index: usize| course.changes.iter().find(|change| change.at == index);
    let rows = course.points.iter().enumerate().map(|(index, point)| {
        let mark = of(index).map_or_else(String::new, |change| {
            let way = if change.worse { "worse" } else { "better" };
            let share = change.relative.map_or_else(|| "?".into(), |share| signed(share.value));
            format!("{way} from here: {share}, p = {:.3}", change.p)
        });
        let commit: String = point.commit.as_deref().unwrap_or("").chars().take(8).collect();
        vec![point.started.clone(), commit, mark, unit.show(point.value)]
    });
    let few = if course.points.len() < LEAST { " Fewer than 6 records cannot show a change." } else { "" };
    let lead = match course.changes.len() {
        0 => format!("No change in {}.{few}", several(course.points.len() as u64, "record")),
        changes => {
            format!(
                "{} in {}.",
                several(changes as u64, "change"),
                several(course.points.len() as u64, "record")
            )
        }
    };
    let lines = Lines {
        caption: format!("{} of each record, in order of time", course.metric.name()),
        x: Axis { label: "record".into(), scale: Scale::Linear, unit: PageUnit::Count },
        y: Axis { label: course.metric.name().into(), scale: Scale::Linear, unit: page_unit(unit) },
        series: vec![Series {
            name: course.metric.name().into(),
            points: course
                .points
                .iter()
                .enumerate()
                .map(|(at, point)| (at as f64 + 1.0, point.value))
                .collect(),
            ..Series::default()
        }],
        marks: course.changes.iter().map(|change| (change.at as f64 + 1.0, words(change))).collect(),
        low: false,
    };
    let head = format!("started | commit | change | {}", course.metric.name());
    let table = Table::new("", &head, 3, rows.collect());
    [
        Section::new(format!("course-{}", index + 1), course.experiment.clone(), lead).with(table).in_brief(),
        Section::new(format!("chart-{}", index + 1), course.experiment.clone(), "").with(lines),
    ]
}
