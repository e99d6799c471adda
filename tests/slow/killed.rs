//! A thousand programs killed at random moments: `cargo test --release --test slow killed -- --ignored --nocapture`.

use super::kills::{Kind, Place};
use std::time::{Duration, SystemTime};

#[test]
#[ignore = "minutes"]
fn a_thousand_kills_leave_no_half_record_and_lose_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let given = std::env::var("CONLAB_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut place = Place::new(folder.path(), given.unwrap_or(now.as_secs()));
    let kinds = [Kind::Run, Kind::Store, Kind::Compare, Kind::Campaign, Kind::Report];
    let mut rounds = 0;
    while place.killed < 1000 {
        for kind in kinds {
            // As long as they take on this machine now, so that the kills come from beginning to end.
            let longest = place.measure(kind, 4);
            for _ in 0..5 {
                place.kill(kind, 4, longest);
            }
        }
        rounds += 1;
        if rounds % 2 == 0 {
            let whole = place.check_whole();
            eprintln!("{} kills, {} reported saved, {whole} whole", place.killed, place.saved);
        }
    }
    // A calibration takes most of a minute and writes once, at its end.
    let before = place.killed;
    place.kill(Kind::Calibrate, 2, Duration::from_secs(60));
    place.check_whole();
    place.check_tidy(&kinds);
    place.check_tidy(&[Kind::Calibrate]);
    eprintln!(
        "{} kills, {} of them calibrations, {} reported saved",
        place.killed,
        place.killed - before,
        place.saved
    );
}
