//! Twenty random scenarios under windows of 1, 4, 20 and 100 s, under several seeds: `cargo slow windows -- --nocapture`.

#[path = "../support/any_windows.rs"]
mod any_windows;

#[test]
#[ignore = "minutes"]
fn windows_of_any_length_say_the_same() {
    for seed in [18, 19, 20] {
        any_windows::agree(&[(1, 24), (4, 12), (20, 6), (100, 5)], seed);
    }
}
