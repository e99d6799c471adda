//! Analysis of records: nothing here runs anything.

mod waterfall;

pub use waterfall::{Bar, Waterfall};
