//! What a scenario may say and real threads do not do: refused in a sentence before anything starts.

use crate::scenario::Scenario;

/// The first thing of a scenario that this engine does not do, as a sentence.
pub(super) fn first_of(scenario: &Scenario) -> Option<String> {
    if scenario.host.quota.is_some() {
        return Some(
            "real threads are not put under a quota of processor time; use --engine virtual, or start conlab in a control group \
             that has one"
                .into(),
        );
    }
    let ordered = scenario.actors.iter().find(|actor| actor.kinds.iter().any(|kind| kind.priority > 0))?;
    Some(format!(
        "real queues do not serve one kind of request before another, as `{}` wants; use --engine virtual",
        ordered.name
    ))
}
