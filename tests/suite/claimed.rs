//! The claims of phase 18F in virtual time: what arithmetic settles, what experiments say, and that they say it again.

use conlab::engine::{Progress, VirtualEngine};
use conlab::study::claims::{ClaimFile, ClaimOptions, ClaimResult, ClaimVerdict, test_claims};

fn tested(ids: &[&str]) -> Vec<ClaimResult> {
    let file = ClaimFile::phase_18f().unwrap();
    let only = ids.iter().map(|id| (*id).to_owned()).collect();
    let options = ClaimOptions { only, rounds: 3, ..ClaimOptions::default() };
    test_claims(&file, &VirtualEngine::new(), &options, &Progress::default(), &|_, _| {}).unwrap()
}

#[test]
fn claims_get_the_verdicts_that_their_evidence_allows() {
    let ids = ["K1", "K3", "K5", "K7", "K9", "K10", "K13"];
    let found = tested(&ids);
    let verdict = |id: &str| found.iter().find(|result| result.id == id).unwrap();
    for id in ["K5", "K7", "K10"] {
        assert_eq!(verdict(id).verdict, ClaimVerdict::Refuted);
        assert!(verdict(id).settled_by.starts_with("arithmetic"), "{id}");
    }
    for id in ["K1", "K13"] {
        assert_eq!(verdict(id).verdict, ClaimVerdict::NotTestable);
    }
    assert_eq!(verdict("K9").verdict, ClaimVerdict::Supported);
    assert_eq!(verdict("K3").verdict, ClaimVerdict::Refuted);
    for finding in found.iter().flat_map(|result| &result.findings) {
        assert_eq!((finding.figure.n, finding.seed, finding.engine.as_str()), (3, 18, "virtual"));
    }
}

/// A kernel of ours on one processor says nothing of a GPU, and arithmetic only of the saving.
#[test]
fn a_verdict_reaches_no_further_than_what_it_was_tried_on() {
    let file = ClaimFile::phase_18f().unwrap();
    assert_eq!(file.claim.len(), 14);
    assert!(file.claim.iter().all(|claim| claim.about.is_some()), "each says what it is about");
    let found = tested(&["K2", "K3", "K5", "K14"]);
    let result = |id: &str| found.iter().find(|result| result.id == id).unwrap();
    assert_eq!(
        result("K2").verdict_words(),
        "not testable here; a saving of more than 5.50 ms refuted by arithmetic"
    );
    assert_eq!(result("K14").verdict_words(), "not testable here");
    for id in ["K2", "K14"] {
        assert_eq!((result(id).tried_on.as_deref(), result(id).findings.len()), (None, 1), "for information");
    }
    assert_eq!(result("K3").tried_on.as_deref(), Some("the model `claims/agents`, in virtual time"));
    assert_eq!(result("K5").tried_on.as_deref(), Some("the figures of its own report"));
}

#[test]
fn an_experiment_in_virtual_time_says_the_same_again() {
    assert_eq!(tested(&["K6", "K8"]), tested(&["K6", "K8"]));
}
