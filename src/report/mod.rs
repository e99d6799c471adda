//! Reports: pure functions from records to text. They run nothing, so an old record can be rendered again.

mod audit;
pub mod histogram;
pub mod host;
pub mod html;
pub mod import;
pub mod junit;
pub mod live;
pub mod markdown;
mod observe;
pub mod page;
pub mod plain;
pub mod requests;
mod run;
pub mod scenario;
pub mod stacks;
pub mod study;
pub mod table;
pub mod text;
pub mod trace;
pub(crate) mod words;

pub use audit::audit_page;
pub use run::{comparison_page, distinctions, run_page, word};
