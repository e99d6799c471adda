//! Linearizability: is there an order of the operations, within their intervals, that a queue would give?
//!
//! Source: J. Wing, C. Gong, "Testing and verifying concurrent objects" (1993): try every operation that no other
//! precedes, go on from there; G. Lowe, "Testing for linearizability" (2017): remember which sets of operations with
//! which queue were tried before.

use super::history::{Answer, Call, History, Operation};
use std::collections::{BTreeSet, VecDeque};

/// The queue as a plain thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Model {
    items: VecDeque<u64>,
    closed: bool,
}

/// Whether some order of the operations explains the history. Exponential at worst, in the number that overlap.
///
/// # Examples
///
/// ```
/// # #[cfg(not(loom))] {
/// use conlab_queue::verify::{Answer, Call, History, Operation, is_linearizable};
///
/// let operation = |call, answer, called, returned| Operation { thread: 0, call, answer, called, returned };
/// let history = |answer| History {
///     capacity: Some(1),
///     early: false,
///     operations: vec![
///         operation(Call::Push(7), Answer::Done, 0, 1),
///         operation(Call::Pop, answer, 2, 3),
///     ],
/// };
/// assert!(is_linearizable(&history(Answer::Item(7))));
/// assert!(!is_linearizable(&history(Answer::Empty))); // the push had returned before the pop was called
/// # }
/// ```
///
/// # Panics
///
/// With more than 64 operations.
#[must_use]
pub fn is_linearizable(history: &History) -> bool {
    assert!(history.operations.len() <= 64, "a history of at most 64 operations");
    explains(history, 0, &Model::default(), &mut BTreeSet::new())
}

fn explains(history: &History, done: u64, model: &Model, tried: &mut BTreeSet<(u64, Model)>) -> bool {
    let left = || history.operations.iter().enumerate().filter(|(index, _)| done & (1 << index) == 0);
    let Some(first_return) = left().map(|(_, operation)| operation.returned).min() else { return true };
    if !tried.insert((done, model.clone())) {
        return false;
    }
    left().filter(|(_, operation)| operation.called < first_return).any(|(index, operation)| {
        after(history, model, operation)
            .is_some_and(|next| explains(history, done | (1 << index), &next, tried))
    })
}

/// The queue after `operation`, if it may answer so.
fn after(history: &History, model: &Model, operation: &Operation) -> Option<Model> {
    let mut next = model.clone();
    let full = history.capacity.is_some_and(|capacity| model.items.len() >= capacity);
    // Early: another thread may be halfway through its slot. A close is halfway through none.
    let early = || {
        let halfway = |other: &&Operation| *other != operation && other.call != Call::Close;
        history.early && history.operations.iter().filter(halfway).any(|other| other.overlaps(operation))
    };
    let legal = match (operation.call, operation.answer) {
        (Call::Push(value), Answer::Done) => {
            next.items.push_back(value);
            !model.closed && !full
        }
        (Call::Push(_), Answer::Full) => !model.closed && (full || early()),
        (Call::Push(_), Answer::Closed) => model.closed,
        (Call::Pop, Answer::Item(value)) => next.items.pop_front() == Some(value),
        (Call::Pop, Answer::Empty) => (model.items.is_empty() && !model.closed) || early(),
        (Call::Pop, Answer::Closed) => model.items.is_empty() && model.closed,
        (Call::Close, Answer::Done) => {
            next.closed = true;
            true
        }
        _ => false,
    };
    legal.then_some(next)
}

/// The smallest part of a failing history that still fails: values are left out, each with all its operations, then
/// single operations that move no item.
///
/// What an answer rests on stays: items while somebody was told `Full`, the close while somebody was told `Closed`.
#[must_use]
pub fn minimised(history: &History) -> History {
    let mut smallest = history.clone();
    // Ends: every round leaves something out.
    loop {
        let without = |leave_out: &dyn Fn(&Operation) -> bool| {
            let mut smaller = smallest.clone();
            smaller.operations.retain(|operation| !leave_out(operation));
            (smaller.operations.len() < smallest.operations.len() && !is_linearizable(&smaller))
                .then_some(smaller)
        };
        let told = |answer| smallest.operations.iter().any(|operation| operation.answer == answer);
        let (full, closed) = (told(Answer::Full), told(Answer::Closed));
        let smaller = smallest.operations.iter().find_map(|one| match one.value() {
            _ if one.call == Call::Close && closed => None,
            Some(_) if full && matches!(one.answer, Answer::Done | Answer::Item(_)) => None,
            Some(value) => without(&|operation| operation.value() == Some(value)),
            None => without(&|operation| operation == one),
        });
        match smaller {
            Some(smaller) => smallest = smaller,
            None => return smallest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(operations: &[(usize, Call, Answer, u64, u64)]) -> History {
        let operations = operations
            .iter()
            .map(|&(thread, call, answer, called, returned)| Operation {
                thread,
                call,
                answer,
                called,
                returned,
            })
            .collect();
        History { capacity: Some(2), early: false, operations }
    }

    #[test]
    fn overlapping_pushes_may_take_effect_in_either_order() {
        let both = |first, second| {
            is_linearizable(&history(&[
                (0, Call::Push(1), Answer::Done, 0, 3),
                (1, Call::Push(2), Answer::Done, 1, 2),
                (0, Call::Pop, Answer::Item(first), 4, 5),
                (0, Call::Pop, Answer::Item(second), 6, 7),
            ]))
        };
        assert!(both(1, 2) && both(2, 1) && !both(1, 1));
    }

    #[test]
    fn what_returned_before_another_was_called_comes_first() {
        let swapped = history(&[
            (0, Call::Push(1), Answer::Done, 0, 1),
            (0, Call::Push(2), Answer::Done, 2, 3),
            (1, Call::Pop, Answer::Item(2), 4, 5),
            (1, Call::Pop, Answer::Item(1), 6, 7),
        ]);
        assert!(!is_linearizable(&swapped));
    }

    #[test]
    fn early_answers_need_an_operation_under_way() {
        let mut empty = history(&[
            (0, Call::Push(1), Answer::Done, 0, 1),
            (1, Call::Pop, Answer::Empty, 2, 5),
            (0, Call::Pop, Answer::Item(1), 6, 7),
        ]);
        empty.early = true;
        assert!(!is_linearizable(&empty), "nobody was halfway through anything");
        empty.operations.insert(
            2,
            Operation { thread: 0, call: Call::Push(2), answer: Answer::Done, called: 3, returned: 4 },
        );
        assert!(is_linearizable(&empty));
        empty.early = false;
        assert!(!is_linearizable(&empty), "not allowed for this queue");
    }

    /// One thread's calls and answers, one after the other, on a queue for two.
    fn in_turn(early: bool, moves: &[(Call, Answer)]) -> bool {
        let operations: Vec<_> = moves
            .iter()
            .zip(0..)
            .map(|(&(call, answer), turn)| (0, call, answer, 2 * turn, 2 * turn + 1))
            .collect();
        is_linearizable(&History { early, ..history(&operations) })
    }

    #[test]
    fn every_wrong_answer_is_refused() {
        use Answer::{Closed, Done, Empty, Full, Item};
        use Call::{Close, Pop, Push};
        /// What is right, and answers that would be wrong in the place of the last.
        type Case<'a> = (&'a [(Call, Answer)], &'a [Answer]);
        let cases: [Case<'_>; 8] = [
            (&[(Push(1), Done)], &[Full, Closed, Empty, Item(1)]),
            (&[(Push(1), Done), (Push(2), Done), (Push(3), Full)], &[Done, Closed]),
            (&[(Pop, Empty)], &[Closed, Done, Item(0), Full]),
            (&[(Push(1), Done), (Pop, Item(1))], &[Empty, Closed, Item(2), Done]),
            (&[(Close, Done), (Push(1), Closed)], &[Done, Full]),
            (&[(Close, Done), (Pop, Closed)], &[Empty, Item(1)]),
            (&[(Push(1), Done), (Close, Done), (Pop, Item(1))], &[Closed, Empty]),
            (&[(Push(1), Done), (Close, Done), (Pop, Item(1)), (Pop, Closed)], &[Empty, Item(1)]),
        ];
        for (right, wrong) in cases {
            for early in [false, true] {
                assert!(in_turn(early, right), "{right:?}");
                for &answer in wrong {
                    let mut moves = right.to_vec();
                    moves.last_mut().unwrap().1 = answer;
                    assert!(!in_turn(early, &moves), "{moves:?} passed, early: {early}");
                }
            }
        }
    }

    #[test]
    fn a_close_under_way_excuses_no_early_answer() {
        let mut full =
            history(&[(0, Call::Push(1), Answer::Full, 0, 3), (1, Call::Close, Answer::Done, 1, 2)]);
        full.early = true;
        assert!(!is_linearizable(&full));
        full.operations.push(Operation {
            thread: 2,
            call: Call::Pop,
            answer: Answer::Empty,
            called: 1,
            returned: 2,
        });
        assert!(is_linearizable(&full), "a pop may be halfway");
    }

    #[test]
    fn a_push_after_the_close_returned_is_refused_even_if_another_was_under_way() {
        let late = |called| {
            is_linearizable(&history(&[
                (0, Call::Close, Answer::Done, 0, 3),
                (1, Call::Push(1), Answer::Done, called, called + 1),
            ]))
        };
        assert!(late(1), "it overlaps the close");
        assert!(!late(4));
    }

    #[test]
    fn a_failing_history_shrinks_to_what_fails() {
        let long = history(&[
            (0, Call::Push(1), Answer::Done, 0, 1),
            (1, Call::Pop, Answer::Item(1), 2, 3),
            (0, Call::Push(2), Answer::Done, 4, 5),
            (1, Call::Pop, Answer::Empty, 6, 7),
            (1, Call::Pop, Answer::Item(2), 8, 9),
        ]);
        // The value that was there while somebody was told that nothing was: its push, that answer, its pop.
        assert_eq!(minimised(&long).operations.len(), 3);
    }
}
