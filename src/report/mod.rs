//! Reports: pure functions from records to text. They run nothing, so an old record can be rendered again.

pub mod html;
pub mod page;
mod run;
pub mod terminal;
mod words;

pub use run::{comparison_page, run_page};
