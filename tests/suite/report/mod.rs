//! Reports from records.

pub(crate) mod sample;

mod page;
