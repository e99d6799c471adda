//! The program is asked to end: by keys, by signals, by a terminal that closes or takes nothing more. It ends soon, and
//! keeps what it measured.
#![cfg(target_os = "linux")]

use super::{left_in, program};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a program that ends within a second is given here, where others keep the machine busy.
const SOON: Duration = Duration::from_secs(15);

/// How long an endless run measures before it is asked to end: some hundred tasks, and one at least on a busy machine.
const MEASURED: Duration = Duration::from_secs(1);

const ENDLESS: &str = r#"
schema = 1
name = "endless"
[run]
warmup = "0s"
duration = "1h"
[actor.x]
load = { clients = 1 }
steps = [{ name = "s", io = "2ms" }]
"#;

/// A terminal: the end that the user has, and the one that the program gets. No other process that is started meanwhile has
/// either of them.
fn terminal() -> (File, File) {
    let open = |path: &str| {
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).unwrap()
    };
    let ours = open("/dev/ptmx");
    let (mut locked, mut number) = (0_i32, 0_u32);
    let size = libc::winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request reads the local, which outlives the call.
    let unlocked = unsafe { libc::ioctl(ours.as_raw_fd(), libc::TIOCSPTLCK, &raw mut locked) };
    // SAFETY: the request writes the local, which outlives the call.
    let named = unsafe { libc::ioctl(ours.as_raw_fd(), libc::TIOCGPTN, &raw mut number) };
    // SAFETY: the request reads the local, which outlives the call.
    let sized = unsafe { libc::ioctl(ours.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!((unlocked, named, sized), (0, 0, 0), "{}", std::io::Error::last_os_error());
    let theirs = open(&format!("/dev/pts/{number}"));
    (ours, theirs)
}

/// Lets the program have a terminal of its own: stdin and stderr are on it, and it controls the process.
fn on_terminal(mut command: Command, theirs: File) -> Command {
    command.stdin(theirs.try_clone().unwrap()).stderr(theirs).env("TERM", "xterm");
    let control = || {
        // SAFETY: a system call that may be made between fork and exec.
        let leads = unsafe { libc::setsid() } != -1;
        // SAFETY: likewise; descriptor 0 is the terminal.
        let controls = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } != -1;
        if leads && controls { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: `control` allocates nothing and takes no lock.
    unsafe { command.pre_exec(control) };
    command
}

/// Waits until the program has ended; kills it when it does not.
fn ended(mut child: Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > SOON {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it had not ended after {SOON:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The one record that was kept in `folder` is partial, and has tasks.
fn assert_kept(folder: &Path) {
    let kept = left_in(&folder.join("results"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    let record = std::fs::read_to_string(folder.join("results").join(&kept[0]).join("run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["partial"], true);
    assert!(record["actors"]["x"]["completed"].as_u64().unwrap() > 0, "{}", record["actors"]["x"]);
}

/// Starts an endless run on a terminal, with its page; gives the terminal back once the run measures.
fn watched(folder: &TempDir) -> (Child, File) {
    std::fs::write(folder.path().join("endless.toml"), ENDLESS).unwrap();
    let (mut ours, theirs) = terminal();
    let mut command = program(folder.path());
    command.args(["run", "endless.toml", "--watch", "--out", "results"]).stdout(Stdio::null());
    let child = on_terminal(command, theirs).spawn().unwrap();
    let mut seen = String::new();
    let mut piece = [0; 4096];
    let mut draw = || {
        let count = ours.read(&mut piece).unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        seen.contains("tasks")
    };
    // Ends because the page counts tasks as soon as the run measures.
    while !draw() {}
    // A task takes two milliseconds; the page is drawn ten times a second, in parts.
    let start = Instant::now();
    while start.elapsed() < MEASURED {
        draw();
    }
    // The page needs somebody to take what it draws.
    (child, ours)
}

/// Takes what the program draws, so that it never waits for that.
fn take(ours: &File) {
    let mut ours = ours.try_clone().unwrap();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while ours.read(&mut piece).is_ok_and(|count| count > 0) {}
    });
}

#[test]
fn keys_end_a_watched_run() {
    for key in ["q", "\u{3}", "\u{3}\u{3}"] {
        let folder = TempDir::new().unwrap();
        let (child, mut ours) = watched(&folder);
        take(&ours);
        ours.write_all(key.as_bytes()).unwrap();
        assert_eq!(ended(child).code(), Some(130), "{key:?}");
        assert_kept(folder.path());
    }
}

#[test]
fn a_terminal_that_closes_ends_a_watched_run() {
    let folder = TempDir::new().unwrap();
    let (child, ours) = watched(&folder);
    drop(ours);
    assert_eq!(ended(child).code(), Some(130));
    assert_kept(folder.path());
}

/// Nobody reads what is drawn: drawing waits, and the run ends all the same.
#[test]
fn a_terminal_that_takes_nothing_more_holds_nothing_up() {
    let folder = TempDir::new().unwrap();
    let (child, ours) = watched(&folder);
    // More than a terminal keeps is drawn while nobody reads.
    thread::sleep(Duration::from_millis(1500));
    kill(&child, libc::SIGTERM);
    assert_eq!(ended(child).code(), Some(130));
    drop(ours);
    assert_kept(folder.path());
}

fn kill(child: &Child, signal: i32) {
    // SAFETY: sends a signal to our own child, which has not been waited for.
    let sent = unsafe { libc::kill(i32::try_from(child.id()).unwrap(), signal) };
    assert_eq!(sent, 0);
}

/// Starts a command whose progress is counted on stderr; returns once a line with `word` was said.
fn counted(folder: &TempDir, words: &[&str], word: &str) -> Child {
    std::fs::write(folder.path().join("endless.toml"), ENDLESS).unwrap();
    let mut command = program(folder.path());
    command.args(words).args(["--progress", "counter"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.by_ref().map_while(Result::ok).find(|line| line.contains(word));
    assert!(said.is_some(), "it ended before it said {word}");
    thread::spawn(move || lines.count());
    child
}

#[test]
fn signals_end_a_run_and_keep_it() {
    for signals in [&[libc::SIGHUP][..], &[libc::SIGTERM], &[libc::SIGINT], &[libc::SIGINT, libc::SIGINT]] {
        let folder = TempDir::new().unwrap();
        let child = counted(&folder, &["run", "endless.toml", "--out", "results"], "measuring");
        thread::sleep(MEASURED);
        signals.iter().for_each(|signal| kill(&child, *signal));
        assert_eq!(ended(child).code(), Some(130), "{signals:?}");
        assert_kept(folder.path());
    }
}

/// Under `nohup` a terminal that closes ends nothing.
#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("endless.toml"), ENDLESS).unwrap();
    let mut command = program(folder.path());
    command.args(["run", "endless.toml", "--out", "results", "--progress", "counter"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let ignore = || {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: `ignore` makes one system call.
    unsafe { command.pre_exec(ignore) };
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("measuring")));
    kill(&child, libc::SIGHUP);
    thread::sleep(MEASURED);
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    kill(&child, libc::SIGTERM);
    assert_eq!(ended(child).code(), Some(130));
    assert_kept(folder.path());
}

#[test]
fn an_interrupted_study_keeps_the_rounds_that_are_complete() {
    let many = ["--replicates", "160", "--tasks", "200", "--out", "results"];
    // A quarter of the rounds is complete when the program says so.
    for (command, quarter) in [
        (&["compare", "--engine", "virtual", "--queue", "mutex,lockfree"][..], "80 of at most 320"),
        (&["explain", "--engine", "virtual"], "2560 of at most 10240"),
        (&["whatif", "--engine", "virtual", "--cost", "lock:registry"], "320 of at most 1280"),
    ] {
        let folder = TempDir::new().unwrap();
        let child = counted(&folder, &[command, &many].concat(), quarter);
        kill(&child, libc::SIGINT);
        assert_eq!(ended(child).code(), Some(130), "{command:?}");
        let kept = left_in(&folder.path().join("results"));
        assert_eq!(kept.len(), 1, "{command:?}: {kept:?}");
        let file = folder.path().join("results").join(&kept[0]).join(format!("{}.json", command[0]));
        let result: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let rounds =
            result.pointer(&format!("/{}/rounds", study(command[0]))).and_then(serde_json::Value::as_u64);
        assert!(rounds.is_some_and(|rounds| (2..160).contains(&rounds)), "{command:?}: {rounds:?} rounds");
    }
}

/// The key under which a command's JSON has its result.
fn study(command: &str) -> &str {
    match command {
        "compare" => "comparison",
        "explain" => "explanation",
        other => other,
    }
}

#[test]
fn interrupted_claims_keep_those_that_are_settled() {
    let folder = TempDir::new().unwrap();
    let words = ["claims", "--only", "K1,K4", "--replicates", "1000", "--out", "results"];
    let child = counted(&folder, &words, "1 of at most");
    kill(&child, libc::SIGINT);
    assert_eq!(ended(child).code(), Some(130));
    assert_eq!(left_in(&folder.path().join("results")).len(), 1);
}
