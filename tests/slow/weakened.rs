//! Every rule that a loom test guards is broken once, and some loom test must notice.
//!
//! The table in `loom_tests/README.md` says the same in words. A rule is broken by `CONLAB_WEAKEN`, which `build.rs`
//! turns into `--cfg conlab_weaken` for this package alone.

use std::process::Command;

/// Each weakened variant and the test that kills it.
const VARIANTS: [(&str, &str); 54] = [
    ("door", "door::a_load_before_a_store_hides_no_race"),
    ("P1-store", "ring::items_cross_laps_in_order"),
    ("P1-load", "ring::items_cross_laps_in_order"),
    ("P2-store", "ring::items_cross_laps_in_order"),
    ("P2-load", "ring::items_cross_laps_in_order"),
    ("P4-win", "ring::a_push_wakes_the_sleeping_consumer"),
    ("P4-recheck", "ring::a_push_wakes_the_sleeping_consumer"),
    ("P4-plain", "ring::a_push_wakes_the_sleeping_consumer"),
    ("P4-early", "ring::a_push_wakes_the_sleeping_consumer"),
    ("E-recheck", "ring::a_push_wakes_the_sleeping_consumer"),
    ("E-pass", "ring::a_woken_consumer_passes_the_wake_up_on"),
    ("E-pass-push", "ring::a_woken_producer_passes_the_wake_up_on"),
    ("E-clear", "ring::a_wake_up_that_came_early_is_not_left_pending"),
    ("E-cancel", "ring::a_wake_up_that_came_early_is_not_left_pending"),
    ("K1", "ring::close_wakes_the_sleeper_and_delivers_what_was_accepted"),
    ("K1-consumers", "ring::close_wakes_two_sleepers_on_either_side"),
    ("K1-producers", "ring::close_wakes_two_sleepers_on_either_side"),
    ("K1-one", "ring::close_wakes_two_sleepers_on_either_side"),
    ("K2", "ring::close_wakes_the_sleeper_and_delivers_what_was_accepted"),
    ("B1-light", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("B1-heavy", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("B1-both", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("B2-stands", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("B2-void", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("B3", "lease::a_push_under_a_lease_wakes_the_sleeping_consumer"),
    ("B4", "lease::an_end_changes_hands_between_two_producers"),
    ("B5", "lease::an_end_changes_hands_between_two_producers"),
    ("X1-store", "latch::a_waiter_gets_the_lock_and_sees_what_was_done_under_it"),
    ("X1-load", "latch::a_waiter_gets_the_lock_and_sees_what_was_done_under_it"),
    ("X2-light", "latch::a_waiter_gets_the_lock_and_sees_what_was_done_under_it"),
    ("X2-heavy", "latch::a_waiter_gets_the_lock_and_sees_what_was_done_under_it"),
    ("X3", "latch::a_waiter_gets_the_lock_and_sees_what_was_done_under_it"),
    ("X4", "latch::an_overtaken_waiter_is_woken_again"),
    ("M1", "mutex::both_ends_sleep_and_wake"),
    ("M2", "mutex::a_woken_consumer_passes_the_wake_up_on"),
    ("M3", "mutex::a_woken_producer_passes_the_wake_up_on"),
    ("M4", "mutex::both_ends_sleep_and_wake"),
    ("M5", "mutex::close_wakes_the_sleeper_and_delivers_what_was_accepted"),
    ("M5-consumers", "mutex::close_wakes_two_sleepers_on_either_side"),
    ("M5-producers", "mutex::close_wakes_two_sleepers_on_either_side"),
    ("M5-one", "mutex::close_wakes_two_sleepers_on_either_side"),
    ("G1", "gil::the_holder_is_alone_and_every_waiter_wakes"),
    ("G2", "gil::the_holder_is_alone_and_every_waiter_wakes"),
    ("G3", "gil::a_requested_drop_hands_the_lock_over"),
    ("G4", "gil::a_requested_drop_hands_the_lock_over"),
    ("G4-flag", "gil::a_dropper_on_its_way_out_does_not_silence_the_next"),
    ("G6", "gil::the_holder_is_alone_and_every_waiter_wakes"),
    ("G7", "gil::closing_ends_every_wait"),
    ("L1", "locks::two_threads_take_the_mutex_in_turns"),
    ("L2", "locks::two_threads_take_the_mutex_in_turns"),
    ("L3", "locks::a_woken_waiter_remembers_the_other_sleepers"),
    ("L5", "locks::closing_the_mutex_ends_every_wait"),
    ("S1", "locks::two_threads_take_the_spin_lock_in_turns"),
    ("C2", "cache::workers_of_a_contended_cache_take_turns"),
];

/// Broken steps of the protocols that shuttle notices too. It is sequentially consistent, so a weakened ordering is not
/// among them.
const STEPS: [(&str, &str); 12] = [
    ("E-recheck", "ring::a_push_wakes_the_sleeping_consumer"),
    ("E-pass", "ring::a_woken_consumer_passes_the_wake_up_on"),
    ("K1", "ring::close_wakes_the_sleeper_and_delivers_what_was_accepted"),
    ("K2", "ring::close_wakes_the_sleeper_and_delivers_what_was_accepted"),
    ("B2-stands", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("B2-void", "lease::a_claim_and_a_recall_agree_on_the_ticket"),
    ("X3", "latch::a_waiter_gets_the_lock_and_sees_what_was_done_under_it"),
    ("M1", "mutex::both_ends_sleep_and_wake"),
    ("M2", "mutex::a_woken_consumer_passes_the_wake_up_on"),
    ("M4", "mutex::both_ends_sleep_and_wake"),
    ("M5", "mutex::close_wakes_the_sleeper_and_delivers_what_was_accepted"),
    ("G3", "gil::a_requested_drop_hands_the_lock_over"),
];

/// What only real threads show: the barriers of a plain build. Each with a test of `crates/conlab-queue/tests/barriers.rs`.
const REAL: [(&str, &str); 2] = [
    ("B1-both", "one_of_two_sides_sees_the_other"),
    ("B1-fallback", "barriers_refused_from_the_start_are_made_by_fences"),
];

/// The flags of a model checker, and where its builds go.
type Checker = (&'static str, &'static str);
const LOOM: Checker = ("--cfg loom", "target/loom");
const SHUTTLE: Checker = ("--cfg loom --cfg shuttle", "target/shuttle");

/// Runs one test under a checker, with a rule broken or none; gives its output and whether it passed.
fn run((flags, folder): Checker, weakened: Option<&str>, test: &str) -> (String, bool) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["test", "--profile", "loom", "--test", "loom", "--target-dir", folder, "--", "--exact", test])
        .env("RUSTFLAGS", flags)
        .env_remove("CONLAB_WEAKEN");
    if let Some(rule) = weakened {
        cargo.env("CONLAB_WEAKEN", rule);
    }
    let output = cargo.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.success())
}

/// The variants that the test named beside them does not notice.
fn survivors(checker: Checker, variants: &[(&str, &str)]) -> Vec<String> {
    let mut survivors = Vec::new();
    for &(rule, test) in variants {
        let (text, passed) = run(checker, Some(rule), test);
        // A variant that does not build, or a test that is not there, proves nothing.
        let ran = text.contains("running 1 test");
        if passed || !ran {
            survivors.push(format!("{rule} survives {test}{}", if ran { "" } else { " (it did not run)" }));
        }
    }
    survivors
}

#[test]
#[ignore = "builds the loom tests once for each rule: minutes"]
fn every_weakened_rule_is_noticed() {
    let survivors = survivors(LOOM, &VARIANTS);
    assert!(survivors.is_empty(), "{survivors:#?}");
}

/// Needs two processors that are free: what the barriers forbid happens only between threads that run at once.
#[test]
#[ignore = "builds conlab-queue once for each rule: minutes"]
fn broken_barriers_are_noticed_by_real_threads() {
    for (rule, test) in REAL {
        let output = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["test", "-p", "conlab-queue", "--release", "--test", "barriers"])
            .args(["--target-dir", "target/weakened", "--", "--exact", test])
            .env("CONLAB_WEAKEN", rule)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("running 1 test"), "{rule}: {text}");
        assert!(!output.status.success(), "{rule} survives {test}");
    }
}

#[test]
#[ignore = "builds the models under shuttle once for each step: a minute"]
fn every_broken_step_is_noticed_by_shuttle_too() {
    let survivors = survivors(SHUTTLE, &STEPS);
    assert!(survivors.is_empty(), "{survivors:#?}");
}

#[test]
#[ignore = "builds the loom tests once more: minutes"]
fn with_no_rule_weakened_each_of_these_tests_passes() {
    let mut tests = VARIANTS.map(|(_, test)| test).to_vec();
    tests.dedup();
    for test in tests {
        let (text, passed) = run(LOOM, None, test);
        assert!(passed && text.contains("running 1 test"), "{test}: {text}");
    }
}
