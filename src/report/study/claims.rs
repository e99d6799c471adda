//! The page of tested claims.

use crate::report::page::{Block, Next, Notice, Page, Section, Table, Tone, Verdict};
use crate::study::claims::{ClaimResult, ClaimVerdict};

/// The page of `results` of the collection `name`.
#[must_use]
pub fn claims_page(name: &str, results: &[ClaimResult]) -> Page {
    let count = |verdict| results.iter().filter(|result| result.verdict == verdict).count();
    let all = [
        ClaimVerdict::Supported,
        ClaimVerdict::Refuted,
        ClaimVerdict::Inconclusive,
        ClaimVerdict::NotTestable,
    ];
    let counts: Vec<String> =
        all.iter().map(|&verdict| format!("{} {}", count(verdict), verdict.name())).collect();
    let refuted = count(ClaimVerdict::Refuted);
    let rows = results.iter().map(|result| {
        let tried_on = result.tried_on.clone().unwrap_or_else(|| "–".into());
        vec![result.id.clone(), result.verdict_words(), tried_on, decisive(result), result.says.clone()]
    });
    let overview = Section::new("overview", "Verdicts", "")
        .with(Table::new("", "claim | verdict | tried on | by | says", 5, rows.collect()))
        .in_brief();
    let mut sections = vec![overview];
    sections.extend(results.iter().map(evidence));
    let open = results.iter().find(|result| result.verdict == ClaimVerdict::Inconclusive);
    let next = open.map_or_else(
        || Next::new("conlab decide phase-18f", "each possible fix with what it saves"),
        |claim| {
            Next::new(
                format!("conlab claims --only {} --replicates 20", claim.id),
                "more rounds, narrower intervals, for a claim that is open",
            )
        },
    );
    Page {
        kicker: format!("claims {name}"),
        title: format!("Claims of {name}"),
        answer: format!("Of {} claims: {}.", results.len(), counts.join(", ")),
        certainty: "A verdict holds for what it was tried on and reaches no further: a model is not the system that a claim is about.".into(),
        next: Some(next),
        verdict: (refuted > 0).then(|| Verdict { tone: Tone::Bad, text: format!("{refuted} refuted") }),
        sections,
        ..Page::default()
    }
}

/// What settled a claim, in the fewest words.
fn decisive(result: &ClaimResult) -> String {
    let refuting = result.arithmetic.iter().find(|bound| bound.refutes);
    match (result.verdict, refuting) {
        (ClaimVerdict::NotTestable, _) => "–".into(),
        (_, Some(bound)) => format!("arithmetic: {}", bound.says),
        (_, None) => result.findings.first().map_or_else(String::new, |finding| finding.shown.clone()),
    }
}

fn evidence(result: &ClaimResult) -> Section {
    let mut notices = Vec::new();
    for bound in &result.arithmetic {
        notices.push(Notice {
            tone: if bound.refutes { Tone::Bad } else { Tone::Plain },
            code: "arithmetic".into(),
            message: bound.says.clone(),
            remedy: String::new(),
        });
    }
    for finding in &result.findings {
        let tone = match finding.verdict {
            ClaimVerdict::Supported => Tone::Good,
            ClaimVerdict::Refuted => Tone::Bad,
            ClaimVerdict::Inconclusive | ClaimVerdict::NotTestable => Tone::Plain,
        };
        notices.push(Notice {
            tone,
            code: format!("{} engine, seed {}", finding.engine, finding.seed),
            message: if result.verdict == ClaimVerdict::NotTestable {
                format!("{}: {}, for information: it decides nothing here", finding.what, finding.shown)
            } else {
                format!("{}: {}; the claim needs {}", finding.what, finding.shown, finding.criterion)
            },
            remedy: String::new(),
        });
    }
    let title = format!("{}: {}", result.id, result.verdict.name());
    let about = result.about.as_ref().map_or_else(String::new, |about| format!(" It is about {about}."));
    let tried_on =
        result.tried_on.as_ref().map_or_else(String::new, |tried_on| format!(" Tried on {tried_on}."));
    let part = result.arithmetic.iter().find_map(|bound| bound.refuted_part.as_ref());
    let part = part.map_or_else(String::new, |part| format!(" Refuted by arithmetic: {part}."));
    let lead = format!("“{}”{about}{tried_on} Settled by: {}.{part}", result.says, result.settled_by);
    Section::new(result.id.to_lowercase(), title, lead).with(Block::Notices(notices))
}
