//! Analysis of records and scenarios: nothing here runs anything.

mod doubts;
mod waterfall;

pub use doubts::{Doubt, doubts};
pub use waterfall::{Bar, Waterfall};
