//! Searched interleavings of the mechanisms that conlab compares.
#![expect(clippy::unwrap_used, reason = "a model that fails should say where")]
mod cache;
mod door;
mod gil;
mod latch;
mod lease;
mod locks;
mod mutex;
mod ring;
