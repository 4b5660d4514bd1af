//! The calls that wait for their records: a plain value that is told the outcome of each and answers each call once.
//!
//! A record is known by its number, which is what the client carries for it: the records of a call have numbers that
//! follow each other, so a call is found by its first.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::in_flight::Share;
use crate::port::Error;

/// A record that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Its offset. None when the client repeated the record and believes that the brokers had it already.
    pub(super) offset: Option<u64>,
    /// Its append time in milliseconds since the Unix epoch.
    pub(super) appended_at_ms: i64,
}

/// What became of a record.
pub(super) type Outcome = Result<Delivered, Error>;

/// The calls of one client.
#[derive(Default)]
pub(super) struct Calls {
    next: usize,
    open: BTreeMap<usize, Call>,
    /// Why no call is taken any more.
    closed: Option<Error>,
}

struct Call {
    outcomes: Vec<Option<Outcome>>,
    /// Records without an outcome.
    left: usize,
    began: Instant,
    /// Gone when the caller has been answered.
    answer: Option<oneshot::Sender<Vec<Outcome>>>,
    /// Given back when the client holds nothing of the call any more.
    _share: Share,
}

impl Calls {
    /// Begins a call of `count` records, at least one: the number of the first, and where the outcomes come.
    pub(super) fn begin(
        &mut self,
        count: usize,
        share: Share,
        now: Instant,
    ) -> Result<(usize, oneshot::Receiver<Vec<Outcome>>), Error> {
        self.check_open()?;
        let (answer, answered) = oneshot::channel();
        let first = self.next;
        self.next = first.wrapping_add(count);
        let call = Call {
            outcomes: vec![None; count],
            left: count,
            began: now,
            answer: Some(answer),
            _share: share,
        };
        self.open.insert(first, call);
        Ok((first, answered))
    }

    /// Takes the outcome of a record. The first one counts.
    pub(super) fn settle(&mut self, number: usize, outcome: Outcome) {
        let Some((&first, call)) = self.open.range_mut(..=number).next_back() else {
            return;
        };
        let Some(slot @ None) = call.outcomes.get_mut(number - first) else {
            return;
        };
        *slot = Some(outcome);
        call.left -= 1;
        if call.left == 0
            && let Some(call) = self.open.remove(&first)
        {
            call.complete();
        }
    }

    /// Answers a call with what is known by now, and with `error` for the rest. What it holds stays counted.
    pub(super) fn give_up(&mut self, first: usize, error: &Error) {
        if let Some(call) = self.open.get_mut(&first) {
            call.answer_with(error);
        }
    }

    /// Takes no more calls, and answers all that wait. The first error counts.
    pub(super) fn close(&mut self, error: Error) {
        let error = self.closed.get_or_insert(error);
        for call in self.open.values_mut() {
            call.answer_with(error);
        }
    }

    /// The client is gone, and holds nothing any more.
    pub(super) fn end(&mut self) {
        self.close(Error::Closed);
        self.open.clear();
    }

    /// Why no call is taken any more, if none is.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.closed.clone().map_or(Ok(()), Err)
    }

    /// When the oldest call began that still waits for a record.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.open.first_key_value().map(|(_, call)| call.began)
    }
}

impl Call {
    fn complete(self) {
        if let Some(answer) = self.answer {
            // Nobody listens to a call that was dropped.
            let _ = answer.send(self.outcomes.into_iter().flatten().collect());
        }
    }

    fn answer_with(&mut self, error: &Error) {
        let Some(answer) = self.answer.take() else { return };
        let outcome = |slot: &Option<Outcome>| slot.clone().unwrap_or_else(|| Err(error.clone()));
        let _ = answer.send(self.outcomes.iter().map(outcome).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_flight::InFlight;

    fn share() -> Share {
        InFlight::new(100).reserve(1).unwrap()
    }

    fn begin(calls: &mut Calls, count: usize) -> (usize, oneshot::Receiver<Vec<Outcome>>) {
        calls.begin(count, share(), Instant::now()).unwrap()
    }

    fn at(offset: u64) -> Delivered {
        Delivered {
            offset: Some(offset),
            appended_at_ms: 7,
        }
    }

    fn offsets(outcomes: &[Outcome]) -> Vec<Option<u64>> {
        let offset = |outcome: &Outcome| outcome.as_ref().ok().and_then(|delivered| delivered.offset);
        outcomes.iter().map(offset).collect()
    }

    fn broken() -> Error {
        Error::Broken {
            reason: "test".to_owned(),
        }
    }

    #[test]
    fn a_call_is_answered_once_all_its_records_are_settled_in_the_order_given() {
        let mut calls = Calls::default();
        let (first, mut one) = begin(&mut calls, 3);
        let (second, mut other) = begin(&mut calls, 1);
        calls.settle(first + 2, Ok(at(12)));
        calls.settle(first, Ok(at(10)));
        assert!(one.try_recv().is_err());
        calls.settle(second, Ok(at(13)));
        assert_eq!(offsets(&other.try_recv().unwrap()), [Some(13)]);
        calls.settle(first + 1, Err(Error::Closed));
        assert_eq!(offsets(&one.try_recv().unwrap()), [Some(10), None, Some(12)]);
        assert_eq!(calls.oldest(), None);
    }

    #[test]
    fn the_first_outcome_of_a_record_counts() {
        let mut calls = Calls::default();
        let (first, mut answered) = begin(&mut calls, 2);
        calls.settle(first, Ok(at(1)));
        calls.settle(first, Ok(at(9)));
        calls.settle(first + 2, Ok(at(9)));
        assert!(answered.try_recv().is_err(), "the second record is open");
        calls.settle(first + 1, Ok(at(2)));
        assert_eq!(offsets(&answered.try_recv().unwrap()), [Some(1), Some(2)]);
    }

    #[test]
    fn a_call_that_is_given_up_keeps_what_is_known_and_its_share() {
        let in_flight = InFlight::new(10);
        let mut calls = Calls::default();
        let share = in_flight.reserve(10).unwrap();
        let (first, mut answered) = calls.begin(2, share, Instant::now()).unwrap();
        calls.settle(first, Ok(at(4)));
        calls.give_up(first, &Error::Closed);
        assert_eq!(offsets(&answered.try_recv().unwrap()), [Some(4), None]);
        assert!(in_flight.reserve(1).is_err(), "the client still has its record");
        calls.settle(first + 1, Ok(at(5)));
        assert!(in_flight.reserve(10).is_ok());
    }

    #[test]
    fn closing_answers_everything_and_refuses_what_comes_later() {
        let mut calls = Calls::default();
        let (first, mut one) = begin(&mut calls, 2);
        let (_, mut other) = begin(&mut calls, 1);
        calls.settle(first, Ok(at(1)));
        calls.close(broken());
        calls.close(Error::Closed);
        assert_eq!(offsets(&one.try_recv().unwrap()), [Some(1), None]);
        assert!(matches!(
            other.try_recv().unwrap()[..],
            [Err(Error::Broken { .. })]
        ));
        assert!(calls.check_open().is_err());
        let refused = calls.begin(1, share(), Instant::now()).err();
        assert!(
            matches!(refused, Some(Error::Broken { .. })),
            "the first error counts"
        );
    }

    #[test]
    fn the_oldest_call_is_the_first_that_is_not_settled() {
        let mut calls = Calls::default();
        let start = Instant::now();
        let (first, _one) = calls.begin(1, share(), start).unwrap();
        let later = start + std::time::Duration::from_secs(1);
        let (_, _other) = calls.begin(1, share(), later).unwrap();
        assert_eq!(calls.oldest(), Some(start));
        calls.settle(first, Ok(at(1)));
        assert_eq!(calls.oldest(), Some(later));
    }
}
