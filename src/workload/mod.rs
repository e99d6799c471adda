//! When tasks come, how long their steps take and which keys they touch.

mod draw;

pub use draw::{Draw, Spread};
