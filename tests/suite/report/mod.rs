//! Reports from records.

pub(crate) mod sample;

mod exports;
mod page;
mod schema;
mod trace;
