//! A row of values, packed or each on a line pair of its own: padding as a value instead of a type.

use crate::sync::Padded;
use std::ops::Index;

/// A row of values.
#[derive(Debug)]
pub(super) enum Spaced<T> {
    /// Neighbours share cache lines.
    Packed(Box<[T]>),
    /// No two values share a line pair.
    Padded(Box<[Padded<T>]>),
}

impl<T> Spaced<T> {
    /// A row of `values`.
    pub(super) fn new(values: impl Iterator<Item = T>, padded: bool) -> Self {
        if padded { Self::Padded(values.map(Padded).collect()) } else { Self::Packed(values.collect()) }
    }

    /// How many values there are.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Packed(row) => row.len(),
            Self::Padded(row) => row.len(),
        }
    }

    /// The values, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len()).map(|place| &self[place])
    }
}

impl<T> Index<usize> for Spaced<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        match self {
            Self::Packed(row) => &row[place],
            Self::Padded(row) => &row[place].0,
        }
    }
}
