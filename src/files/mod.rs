//! The door to what is written: every file and folder is whole or absent, whatever happens to the process.
//!
//! What is written is first a **draft**: a file or folder beside its place, under a name of its own that begins with
//! [`DRAFT`]. It is synced, then renamed to its place. For as long as a draft is written its process holds a lock
//! (`flock`) on it, which the kernel gives back when the process ends in whatever way. [`tidy`] removes the drafts in a
//! folder that nobody holds, so that those of killed processes go with the next run, and those of running ones stay,
//! whatever their process ids say. Where a file system has no such locks, drafts are left alone.
//!
//! What is read is bounded: [`read`] and [`read_text`] refuse what is larger than a limit, devices that never end
//! included.

mod draft;
mod hlog;
mod lock;
mod read;
mod write;

pub use draft::{Claim, DraftFolder, Temporary, remove_folder, tidy};
pub use hlog::read_hlog;
pub use lock::hold;
pub use read::{LARGEST_RECORD, LARGEST_TEXT, read, read_stdin, read_text, text};
pub use write::{create, replace, write, write_with};

/// How the name of every draft begins.
pub const DRAFT: &str = ".conlab-unfinished-";

/// Random characters in a draft's name.
const RANDOM: usize = 12;
