//! Stored records by path, by an unambiguous part of their name, or as `latest`.

use super::exit::Failure;
use crate::measure::RunRecord;
use crate::measure::stored::load;
use crate::printable::Printable;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The record that `word` means, and where it is: a path, else a part of a name in the folder `out`, or `latest`.
///
/// # Errors
///
/// [`Failure`]: there is none, there are several, or it cannot be read.
pub(super) fn open(word: &Path, out: &Path) -> Result<(PathBuf, RunRecord), Failure> {
    let path = if word.exists() { word.to_owned() } else { named(word, out)? };
    let record = load(&path).map_err(|error| Failure::CouldNotRun(Box::new(error)))?;
    Ok((path, record))
}

fn named(word: &Path, out: &Path) -> Result<PathBuf, Failure> {
    let text = word.to_string_lossy();
    let mut names: Vec<String> = fs::read_dir(out)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("run.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        // A draft is no record yet.
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    let shown = out.display();
    if text == "latest" {
        let last = names.iter().max_by_key(|name| age(out, name));
        let last = last.ok_or_else(|| Failure::Usage(format!("latest: there are no records in {shown}")));
        return last.map(|name| out.join(name));
    }
    // A whole name means that record, although others of the same second begin with it.
    if names.iter().any(|name| *name == *text) {
        return Ok(out.join(&*text));
    }
    let found: Vec<&String> = names.iter().filter(|name| name.contains(&*text)).collect();
    match found.as_slice() {
        [one] => Ok(out.join(one)),
        [] => Err(Failure::Usage(format!(
            "{0}: there is no such path, and no record in {shown} with `{0}` in its name",
            Printable(&text)
        ))),
        several => {
            let names: Vec<&str> = several.iter().take(4).map(|name| name.as_str()).collect();
            let more = if several.len() > 4 { ", …" } else { "" };
            Err(Failure::Usage(format!(
                "`{}` is in the names of {} records in {shown}: write more of one ({}{more}), or latest",
                Printable(&text),
                several.len(),
                names.join(", ")
            )))
        }
    }
}

/// Orders records by when they were made: names begin with the second, and of one second's the file system tells the later.
fn age<'name>(out: &Path, name: &'name str) -> (&'name str, Option<SystemTime>, &'name str) {
    let written = fs::metadata(out.join(name).join("run.json")).and_then(|file| file.modified()).ok();
    (name.split('-').next().unwrap_or(name), written, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn of_the_records_of_one_second_the_last_written_is_the_latest() {
        let out = tempfile::tempdir().unwrap();
        let made = |name: &str, after: u64| {
            fs::create_dir(out.path().join(name)).unwrap();
            let file = File::create(out.path().join(name).join("run.json")).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(after)).unwrap();
        };
        made("20260102T000000Z-shop-aa11", 900);
        made("20260102T000000Z-agents-cc33", 400);
        made("20260102T000000Z-zoo-bb22", 100);
        // Copied later than it was made.
        made("20260101T000000Z-agents-bb22", 5000);
        let latest = named(Path::new("latest"), out.path()).unwrap();
        assert_eq!(latest.file_name().unwrap(), "20260102T000000Z-shop-aa11");
    }

    #[test]
    fn a_part_of_a_name_is_enough_where_it_is_of_one_record() {
        let out = tempfile::tempdir().unwrap();
        for name in ["20260101T000000Z-agents-aa11", "20260102T000000Z-agents-bb22", "not-a-record"] {
            fs::create_dir(out.path().join(name)).unwrap();
        }
        for name in ["20260101T000000Z-agents-aa11", "20260102T000000Z-agents-bb22"] {
            fs::write(out.path().join(name).join("run.json"), "{}").unwrap();
        }
        let of =
            |word: &str| named(Path::new(word), out.path()).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(of("aa11").unwrap(), "20260101T000000Z-agents-aa11");
        assert_eq!(of("latest").unwrap(), "20260102T000000Z-agents-bb22");
        let said = |word: &str| match of(word) {
            Err(Failure::Usage(sentence)) => sentence,
            other => panic!("{other:?}"),
        };
        assert!(said("agents").contains("2 records"), "{}", said("agents"));
        assert!(said("not-a").contains("no record"), "{}", said("not-a"));
    }

    /// The second record of one second has the name of the first with a number behind it.
    #[test]
    fn a_whole_name_is_not_ambiguous_although_another_begins_with_it() {
        let out = tempfile::tempdir().unwrap();
        for name in ["20260101T000000Z-sh-aa11", "20260101T000000Z-sh-aa11-2"] {
            fs::create_dir(out.path().join(name)).unwrap();
            fs::write(out.path().join(name).join("run.json"), "{}").unwrap();
            let found = named(Path::new(name), out.path()).unwrap();
            assert_eq!(found.file_name().unwrap(), name);
        }
        assert!(named(Path::new("20260101T000000Z-sh"), out.path()).is_err());
    }
}
