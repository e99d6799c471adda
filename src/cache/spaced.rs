//! A row of values, packed or each on a line pair of its own: padding as a value instead of a type.

use crate::sync::Padded;
use std::ops::Index;

/// A row of values.
#[derive(Debug)]
pub(super) enum Spaced<T> {
    /// Neighbours share cache lines, from the beginning of a line on.
    Packed(Vec<T>),
    /// No two values share a line pair.
    Padded(Box<[Padded<T>]>),
}

impl<T> Spaced<T> {
    /// A row of `values`.
    pub(super) fn new(values: impl Iterator<Item = T>, padded: bool) -> Self {
        if padded {
            return Self::Padded(values.map(Padded).collect());
        }
        let values: Vec<T> = values.collect();
        let mut row = room_from_a_line(values.len());
        row.extend(values);
        Self::Packed(row)
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

/// Room for `len` values that begins where a cache line begins, so that it is the same neighbours that share lines each
/// time. Safe code cannot ask for that, only look what it got; some attempts suffice, as they differ in size.
fn room_from_a_line<T>(len: usize) -> Vec<T> {
    let mut misplaced = Vec::new();
    loop {
        let row: Vec<T> = Vec::with_capacity(len + misplaced.len());
        if row.as_ptr().addr().is_multiple_of(64) || misplaced.len() == 64 {
            return row;
        }
        misplaced.push(row);
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
