//! When tasks come, how long their steps take and which keys they touch.

mod draw;
mod keys;
mod logarithm;

pub(crate) use draw::exponential;
pub use draw::{Draw, Spread};
pub use keys::Keys;
