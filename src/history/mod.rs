//! Stored records beside each other: finding them, what changed between two, and a figure's course over many.

mod course;
mod difference;
mod listed;
mod rows;
mod states;

pub use course::{ALPHA, Change, Course, Point, change_points, courses};
pub use difference::{CauseChange, Difference, FieldChange, FigureChange, difference};
pub use listed::{Found, FoundKind, list};
pub use rows::{read_records, write_records};
pub use states::StateChange;
