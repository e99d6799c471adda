//! When tasks come, how long their steps take and which keys they touch.

mod draw;
mod keys;
mod logarithm;

pub use draw::{Draw, Spread, exponential};
pub use keys::Keys;
