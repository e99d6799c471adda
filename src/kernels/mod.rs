//! Real computations that claims are tried on.

pub mod attention;
pub mod compression;
