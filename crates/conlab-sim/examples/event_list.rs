//! What an event list promises, and what it does not: order of time, order of scheduling where times are equal, and no way to
//! take an event back, which is why an event carries a *generation*.
//!
//! A customer waits for an answer and gives up after a while. When the answer comes first, the timeout is still in the list;
//! it is recognised as out of date when it leaves.
//!
//! ```sh
//! cargo run --example event_list
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use conlab_sim::{future_events::FutureEvents, units::Nanos};

/// What can happen to the customer.
#[derive(Clone, Copy, Debug)]
enum What {
    Asks,
    Answer,
    /// Gives up on the question with this number.
    Timeout(u32),
}

/// How each of the questions ended, the answers taking this long.
fn simulate(answers: &[Nanos], patience: Nanos) -> Vec<&'static str> {
    let mut events = FutureEvents::new();
    let mut ends = Vec::new();
    // The number of the question that is open, if one is.
    let (mut asked, mut open) = (0, None);
    events.push(Nanos::ZERO, What::Asks);
    while let Some(event) = events.pop() {
        println!("{:>8}  {:?}", event.at, event.what);
        match event.what {
            What::Asks => {
                let Some(answer) = answers.get(asked as usize) else { break };
                asked += 1;
                open = Some(asked);
                // An answer at the very instant of the timeout is in time, because it is scheduled first.
                if *answer <= patience {
                    events.push(event.at + *answer, What::Answer);
                }
                events.push(event.at + patience, What::Timeout(asked));
            }
            What::Answer => {
                ends.push("answered");
                open = None;
                events.push(event.at, What::Asks);
            }
            What::Timeout(question) => {
                if open != Some(question) {
                    println!("{:>8}  (out of date: question {question} was answered)", "");
                    continue;
                }
                ends.push("gave up");
                open = None;
                events.push(event.at, What::Asks);
            }
        }
    }
    ends
}

fn main() {
    let answers = [Nanos::from_millis(3), Nanos::from_millis(20), Nanos::from_millis(10)];
    let ends = simulate(&answers, Nanos::from_millis(10));
    println!("{ends:?}");
    assert_eq!(ends, ["answered", "gave up", "answered"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_first_outdates_the_timeout() {
        let millis = |all: &[u64]| all.iter().map(|time| Nanos::from_millis(*time)).collect::<Vec<_>>();
        assert_eq!(
            simulate(&millis(&[9, 11, 10]), Nanos::from_millis(10)),
            ["answered", "gave up", "answered"]
        );
    }
}
