//! The files below a directory that may hold a benchmark, in order of path.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files looked at below one directory.
const MAX_FILES: usize = 20_000;
/// Folders below one another.
const DEEPEST: usize = 64;
/// Endings of files that are looked into.
const ENDINGS: [&str; 18] = [
    "json", "csv", "md", "markdown", "txt", "log", "out", "jtl", "tsv", "hlog", "hgrm", "gz", "ndjson",
    "jsonl", "html", "xml", "rst", "folded",
];

/// What was found, and folders that could not be listed.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<PathBuf>,
    pub(super) failed: Vec<(PathBuf, io::Error)>,
}

/// Lists the files below `directory`; a folder is visited once, whatever links lead to it.
pub(super) fn below(directory: &Path) -> Listing {
    let mut listing = Listing::default();
    let mut visited: Vec<PathBuf> = Vec::new();
    let mut pending = vec![(directory.to_owned(), 0)];
    while let Some((folder, depth)) = pending.pop() {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if visited.contains(&real) {
            continue;
        }
        visited.push(real);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                listing.failed.push((folder, error));
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if path.is_dir() {
                // criterion keeps the previous run beside the new one, and the comparison of the two.
                let is_old = matches!(&*name, "base" | "change") && folder.join("new").is_dir();
                let is_hidden = name.starts_with('.') || name == "node_modules";
                if !is_old && !is_hidden && depth < DEEPEST {
                    pending.push((path, depth + 1));
                }
            } else if path
                .extension()
                .and_then(|end| end.to_str())
                .is_some_and(|end| ENDINGS.contains(&end.to_lowercase().as_str()))
                && listing.files.len() < MAX_FILES
            {
                listing.files.push(path);
            }
        }
    }
    listing.files.sort();
    listing
}
