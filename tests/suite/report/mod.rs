//! Reports from records.

pub(crate) mod sample;

mod exports;
mod hostile;
mod observed;
mod page;
mod pages;
mod paths;
mod schema;
mod stored;
mod studies;
mod trace;
