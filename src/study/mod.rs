//! Studies: experiments designed, run through any engine, and judged.

pub mod stats;
