//! What was read and is not settled yet, as a plain value: batches in order, each waiting to be sent, waiting for
//! its answer, or waiting until some of its events may be tried again.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use proto::v1::{self, IngestStreamResponse, VerdictStatus};
use tokio::time::Instant;

use super::batch::{Batch, Numbered};

/// Batches that may be unsettled at a time.
pub(crate) const MAX_BATCHES: usize = 8;

const MIN_RETRY: Duration = Duration::from_millis(50);
const MAX_RETRY: Duration = Duration::from_secs(10);

/// The unsettled batches.
#[derive(Default)]
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    last_number: u64,
}

struct Entry {
    batch: Batch,
    state: State,
    /// The final verdicts so far.
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be sent, at the earliest then.
    Due(Option<Instant>),
    /// Sent under this number.
    Sent(u64),
    /// Every event has its verdict.
    Settled,
}

/// What became of the events of a batch.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many are in the log.
    pub(crate) accepted: u64,
    /// Everything to tell about events: verdicts other than accepted, and warnings.
    pub(crate) told: Vec<Numbered<v1::Verdict>>,
}

impl Outcome {
    /// Whether some are not in the log.
    pub(crate) fn rejects(&self) -> bool {
        let is_in = |status| matches!(status, VerdictStatus::Accepted | VerdictStatus::Duplicate);
        self.told.iter().any(|verdict| !is_in(verdict.what.status()))
    }
}

/// The answer does not belong to anything that was sent.
#[derive(Debug, thiserror::Error)]
#[error("the server answered batch {number}, which was not sent or has no such event")]
pub(crate) struct Unexpected {
    number: u64,
}

impl Window {
    /// Whether another batch has to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_BATCHES
    }

    /// Whether everything is settled.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether an answer is owed.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.state, State::Sent(_)))
    }

    /// Adds the next batch.
    pub(crate) fn push(&mut self, batch: Batch) {
        let state = if batch.events.is_empty() {
            State::Settled
        } else {
            State::Due(None)
        };
        self.entries.push_back(Entry {
            batch,
            state,
            outcome: Outcome::default(),
        });
    }

    /// The next batch that is due, under a number greater than any before.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<(u64, Vec<Bytes>)> {
        let is_due = |entry: &&mut Entry| match entry.state {
            State::Due(at) => at.is_none_or(|at| at <= now),
            State::Sent(_) | State::Settled => false,
        };
        let entry = self.entries.iter_mut().find(is_due)?;
        self.last_number += 1;
        entry.state = State::Sent(self.last_number);
        Some((
            self.last_number,
            entry
                .batch
                .events
                .iter()
                .map(|event| event.what.clone())
                .collect(),
        ))
    }

    /// When a batch that waits is due.
    pub(crate) fn next_due_at(&self) -> Option<Instant> {
        let times = self.entries.iter().filter_map(|entry| match entry.state {
            State::Due(at) => at,
            State::Sent(_) | State::Settled => None,
        });
        times.min()
    }

    /// The connection is gone, and with it the answers to what was sent.
    pub(crate) fn disconnected(&mut self) {
        for entry in &mut self.entries {
            if matches!(entry.state, State::Sent(_)) {
                entry.state = State::Due(None);
            }
        }
    }

    /// Takes an answer in. Says whether any event was settled by it. Where `is_last_try`, events that may be tried
    /// again are settled too.
    pub(crate) fn answered(
        &mut self,
        response: IngestStreamResponse,
        now: Instant,
        is_last_try: bool,
    ) -> Result<bool, Unexpected> {
        let number = response.number;
        let unexpected = Unexpected { number };
        let Some(entry) = self
            .entries
            .iter_mut()
            .find(|entry| entry.state == State::Sent(number))
        else {
            return Err(unexpected);
        };
        let mut verdicts: Vec<Option<v1::Verdict>> = vec![None; entry.batch.events.len()];
        for verdict in response.results {
            let place = usize::try_from(verdict.index)
                .ok()
                .and_then(|index| verdicts.get_mut(index));
            let Some(place) = place else {
                return Err(unexpected);
            };
            *place = Some(verdict);
        }
        let before = entry.batch.events.len();
        let retry_at = entry.settle(verdicts, now, is_last_try);
        entry.state = retry_at.map_or(State::Settled, |at| State::Due(Some(at)));
        Ok(entry.batch.events.len() < before)
    }

    /// The first batch, once it is settled, with what became of it.
    pub(crate) fn pop_settled(&mut self) -> Option<(Batch, Outcome)> {
        let entry = self.entries.pop_front_if(|entry| entry.state == State::Settled)?;
        Some((entry.batch, entry.outcome))
    }
}

impl Entry {
    /// Leaves in the batch what has to be tried again, and says when.
    fn settle(
        &mut self,
        verdicts: Vec<Option<v1::Verdict>>,
        now: Instant,
        is_last_try: bool,
    ) -> Option<Instant> {
        let mut again = Vec::new();
        let mut retry = MIN_RETRY;
        for (event, verdict) in std::mem::take(&mut self.batch.events).into_iter().zip(verdicts) {
            // Only what needs a word has a verdict in the answer.
            let Some(verdict) = verdict else {
                self.outcome.accepted += 1;
                continue;
            };
            match verdict.status() {
                VerdictStatus::Limited | VerdictStatus::Unavailable if !is_last_try => {
                    retry = retry.max(Duration::from_millis(verdict.retry_after_ms.into()));
                    again.push(event);
                }
                VerdictStatus::Accepted if verdict.warnings.is_empty() => self.outcome.accepted += 1,
                VerdictStatus::Accepted => {
                    self.outcome.accepted += 1;
                    self.outcome.told.push(Numbered {
                        line: event.line,
                        what: verdict,
                    });
                }
                _ => self.outcome.told.push(Numbered {
                    line: event.line,
                    what: verdict,
                }),
            }
        }
        self.batch.events = again;
        (!self.batch.events.is_empty()).then(|| now + retry.min(MAX_RETRY))
    }
}

#[cfg(test)]
mod tests {
    use super::super::resume::Mark;
    use super::*;

    fn batch(lines: &[u64]) -> Batch {
        let events = lines.iter().map(|line| Numbered {
            line: *line,
            what: Bytes::from(line.to_string()),
        });
        Batch {
            events: events.collect(),
            end: Mark::default(),
            ..Batch::default()
        }
    }

    fn answer(number: u64, results: &[(u32, VerdictStatus)]) -> IngestStreamResponse {
        let results = results.iter().map(|(index, status)| {
            let mut verdict = v1::Verdict {
                index: *index,
                retry_after_ms: 200,
                ..v1::Verdict::default()
            };
            verdict.set_status(*status);
            verdict
        });
        IngestStreamResponse {
            number,
            results: results.collect(),
            ..IngestStreamResponse::default()
        }
    }

    fn events(sent: Option<(u64, Vec<Bytes>)>) -> Option<(u64, Vec<String>)> {
        sent.map(|(number, events)| {
            (
                number,
                events
                    .iter()
                    .map(|event| String::from_utf8_lossy(event).into_owned())
                    .collect(),
            )
        })
    }

    #[test]
    fn what_was_sent_and_not_answered_is_sent_again_in_order() {
        let now = Instant::now();
        let mut window = Window::default();
        window.push(batch(&[1, 2]));
        window.push(batch(&[3]));
        assert_eq!(window.next_due(now).unwrap().0, 1);
        assert_eq!(window.next_due(now).unwrap().0, 2);
        assert!(window.next_due(now).is_none() && window.awaits_answer());

        window.disconnected();
        assert!(!window.awaits_answer());
        assert_eq!(
            events(window.next_due(now)),
            Some((3, vec!["1".into(), "2".into()]))
        );
        assert_eq!(events(window.next_due(now)), Some((4, vec!["3".into()])));
    }

    #[test]
    fn batches_are_settled_in_order() {
        let now = Instant::now();
        let mut window = Window::default();
        window.push(batch(&[1]));
        window.push(batch(&[2]));
        window.next_due(now);
        window.next_due(now);
        window.answered(answer(2, &[]), now, false).unwrap();
        assert!(window.pop_settled().is_none());
        window.answered(answer(1, &[]), now, false).unwrap();
        assert_eq!(window.pop_settled().unwrap().1.accepted, 1);
        assert_eq!(window.pop_settled().unwrap().1.accepted, 1);
        assert!(window.is_empty());
    }

    #[test]
    fn only_what_may_work_later_is_tried_again_and_then() {
        let now = Instant::now();
        let mut window = Window::default();
        window.push(batch(&[7, 8, 9]));
        window.next_due(now);
        let results = [(0, VerdictStatus::Invalid), (2, VerdictStatus::Limited)];
        assert!(window.answered(answer(1, &results), now, false).unwrap());

        assert!(window.pop_settled().is_none() && window.next_due(now).is_none());
        let due_at = window.next_due_at().unwrap();
        assert_eq!(due_at, now + Duration::from_millis(200));
        assert_eq!(events(window.next_due(due_at)), Some((2, vec!["9".into()])));
        window.answered(answer(2, &[]), due_at, false).unwrap();
        let outcome = window.pop_settled().unwrap().1;
        assert_eq!(
            (outcome.accepted, outcome.told.len(), outcome.told[0].line),
            (2, 1, 7)
        );
    }

    #[test]
    fn no_progress_is_noticed_and_a_last_try_settles_all() {
        let now = Instant::now();
        let mut window = Window::default();
        window.push(batch(&[1]));
        window.next_due(now);
        let results = [(0, VerdictStatus::Unavailable)];
        assert!(!window.answered(answer(1, &results), now, false).unwrap());
        window.next_due(now + MAX_RETRY);
        window.answered(answer(2, &results), now, true).unwrap();
        let outcome = window.pop_settled().unwrap().1;
        assert_eq!((outcome.told[0].line, outcome.rejects()), (1, true));
    }

    #[test]
    fn an_answer_to_something_else_is_an_error() {
        let now = Instant::now();
        let mut window = Window::default();
        window.push(batch(&[1]));
        assert!(window.answered(answer(1, &[]), now, false).is_err());
        window.next_due(now);
        assert!(
            window
                .answered(answer(1, &[(5, VerdictStatus::Invalid)]), now, false)
                .is_err()
        );
    }

    #[test]
    fn a_batch_of_faulty_lines_needs_no_answer() {
        let mut window = Window::default();
        window.push(Batch::default());
        assert!(window.next_due(Instant::now()).is_none());
        assert!(window.pop_settled().is_some());
    }

    #[test]
    fn it_is_full_at_its_bound() {
        let mut window = Window::default();
        for line in 0..MAX_BATCHES as u64 {
            assert!(!window.is_full());
            window.push(batch(&[line]));
        }
        assert!(window.is_full());
    }
}
