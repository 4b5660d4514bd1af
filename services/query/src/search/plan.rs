//! What a request asks for, resolved: which ids to read, in which order, what to keep of them. Pure.

use domain::cursor::{Cursor, Order, fingerprint};
use domain::filter::Filter;
use domain::id::IdRange;
use domain::index::prune::Prune;
use domain::range::TimeRange;
use domain::retention::Class;
use domain::time::Millis;
use edge::{ApiError, ErrorCode};

use super::{Asked, DEFAULT_LIMIT, MAX_LIMIT};
use crate::fault;
use crate::service::{max_age_ms, max_future_ms};

/// Beyond what the allowed future of an event explains: clocks of this system that differ.
const CLOCK_MARGIN_MS: i64 = 60 * 60 * 1000;

/// A search that can be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The range, with its times resolved.
    pub(crate) range: TimeRange,
    /// What is left of it to read.
    pub(crate) ids: IdRange,
    /// What is kept.
    pub(crate) filter: Filter,
    /// What the index is asked.
    pub(crate) prune: Prune,
    /// From which side.
    pub(crate) order: Order,
    /// Events in the page, at least one.
    pub(crate) limit: usize,
    /// Of the query, for the cursor of the next page.
    pub(crate) fingerprint: [u8; 16],
    /// When it is done: what is expired then is not returned.
    pub(crate) now: Millis,
}

impl Plan {
    /// Resolves what was asked for at `now`, or what is left of it behind a cursor.
    pub(crate) fn new(asked: &Asked, cursor: Option<Cursor>, now: Millis) -> Result<Self, ApiError> {
        let (from, to) = (asked.from.as_deref(), asked.to.as_deref());
        let limit = limit(asked.limit)?;
        let fingerprint = fingerprint(&asked.filter, asked.order, from, to);
        // With a cursor the range is that of the first page; the texts must still be such as make one.
        let resolved = TimeRange::resolve(from, to, now)
            .map_err(|error| fault::of_value(ErrorCode::InvalidRange, error.field(), error.to_string()));
        let possible = possible(now);
        let (range, done) = match cursor {
            None => (still_kept(resolved?, &possible)?, None),
            Some(cursor) if cursor.fingerprint == fingerprint => (cursor.range, Some(cursor.last)),
            Some(_) => return Err(other_query()),
        };
        let whole = IdRange::of_times(range.from.max(possible.from), range.to.min(possible.to));
        Ok(Self {
            range,
            ids: done.map_or(whole, |last| rest_behind(whole, last, asked.order)),
            prune: asked.filter.prune(),
            filter: asked.filter.clone(),
            order: asked.order,
            limit,
            fingerprint,
            now,
        })
    }
}

/// What is left of a range when everything up to `last`, in this order, is done.
fn rest_behind(range: IdRange, last: [u8; 16], order: Order) -> IdRange {
    match order {
        Order::NewestFirst => range.before(last),
        Order::OldestFirst => range.after(last),
    }
}

/// The times that a stored event can have.
fn possible(now: Millis) -> TimeRange {
    TimeRange {
        from: now.minus_ms(Class::LONGEST_MS + max_age_ms() + CLOCK_MARGIN_MS),
        to: now.plus_ms(max_future_ms() + CLOCK_MARGIN_MS),
    }
}

/// Refuses a range of which nothing can be left. A cursor goes on where its range has become one.
fn still_kept(range: TimeRange, possible: &TimeRange) -> Result<TimeRange, ApiError> {
    if range.to > possible.from {
        return Ok(range);
    }
    let days = Class::LONGEST_MS / (24 * 60 * 60 * 1000);
    let message = format!(
        "to is {}, and nothing of before it is left: events are kept for {days} days at most",
        range.to
    );
    Err(fault::of_value(ErrorCode::InvalidRange, "to", message))
}

fn limit(asked: Option<u32>) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    let in_range = (1..=MAX_LIMIT).contains(&limit).then_some(limit);
    in_range
        .and_then(|limit| usize::try_from(limit).ok())
        .ok_or_else(|| {
            let message = format!("limit is {limit}, 1 to {MAX_LIMIT} is allowed");
            fault::of_value(ErrorCode::InvalidRequest, "limit", message)
        })
}

fn other_query() -> ApiError {
    let message = "cursor belongs to another query: a page is followed with the same filter, order, from and to \
                   as the page before";
    fault::of_value(ErrorCode::InvalidCursor, "cursor", message)
}

#[cfg(test)]
mod tests {
    use domain::id::EventId;
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis::from_ms(1_700_000_000_000);

    fn asked(from: &str, to: &str) -> Asked {
        Asked {
            from: Some(from.into()),
            to: Some(to.into()),
            ..Asked::default()
        }
    }

    proptest! {
        #[test]
        fn what_is_done_up_to_an_id_is_behind_it(ms in 0..2000_i64, random: [u8; 10]) {
            let range = IdRange::of_times(Millis::EPOCH, Millis::MAX);
            let id = EventId::made(Millis::from_ms(ms), random);
            prop_assert_eq!(rest_behind(range, id.bytes(), Order::NewestFirst), range.before(id.bytes()));
            prop_assert_eq!(rest_behind(range, id.bytes(), Order::OldestFirst), range.after(id.bytes()));
        }
    }

    #[test]
    fn a_range_is_read_as_far_as_there_can_be_events() {
        let plan = Plan::new(&asked("1970-01-01T00:00:00Z", "9000-01-01T00:00:00Z"), None, NOW).unwrap();
        let possible = possible(NOW);
        assert_eq!(plan.range.from, Millis::EPOCH);
        assert_eq!(plan.ids, IdRange::of_times(possible.from, possible.to));
    }

    #[test]
    fn a_range_of_which_nothing_is_left_is_refused_unless_a_cursor_goes_on_in_it() {
        let last = possible(NOW).from;
        let (begin, end) = (last.minus_ms(5).to_string(), last.to_string());
        let gone = asked(&begin, &end);
        let error = Plan::new(&gone, None, NOW).unwrap_err();
        assert_eq!(
            (error.code, error.errors[0].field.as_ref()),
            (ErrorCode::InvalidRange, "to")
        );
        assert!(error.detail.contains("400 days"), "{}", error.detail);
        let before = Plan::new(&gone, None, NOW.minus_ms(1)).unwrap();
        let cursor = Cursor {
            last: EventId::made(last.minus_ms(1), [0; 10]).bytes(),
            range: before.range,
            fingerprint: before.fingerprint,
        };
        assert!(Plan::new(&gone, Some(cursor), NOW).unwrap().ids.is_empty());
    }

    #[test]
    fn a_cursor_keeps_the_range_of_the_first_page() {
        let asked = asked("now-1h", "now");
        let first = Plan::new(&asked, None, NOW).unwrap();
        let cursor = Cursor {
            last: EventId::made(NOW.minus_ms(1000), [0; 10]).bytes(),
            range: first.range,
            fingerprint: first.fingerprint,
        };
        let later = Plan::new(&asked, Some(cursor.clone()), NOW.plus_ms(500)).unwrap();
        assert_eq!(later.range, first.range);
        assert_eq!((later.ids.begin, later.ids.end), (first.ids.begin, cursor.last));
    }

    #[test]
    fn a_cursor_of_another_query_is_refused() {
        let first = Plan::new(&asked("now-1h", "now"), None, NOW).unwrap();
        let cursor = Cursor {
            last: [0; 16],
            range: first.range,
            fingerprint: first.fingerprint,
        };
        for other in [
            asked("now-2h", "now"),
            Asked {
                order: Order::OldestFirst,
                ..asked("now-1h", "now")
            },
            Asked {
                filter: Filter::parse("kind:error").unwrap(),
                ..asked("now-1h", "now")
            },
        ] {
            let error = Plan::new(&other, Some(cursor.clone()), NOW).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidCursor);
            assert!(error.detail.contains("another query"), "{}", error.detail);
        }
    }

    #[test]
    fn a_limit_is_1_to_1000() {
        let with = |limit| {
            Plan::new(
                &Asked {
                    limit,
                    ..asked("now-1h", "now")
                },
                None,
                NOW,
            )
        };
        assert_eq!(with(None).unwrap().limit, 100);
        assert_eq!(with(Some(1000)).unwrap().limit, 1000);
        for limit in [0, 1001, u32::MAX] {
            assert_eq!(with(Some(limit)).unwrap_err().code, ErrorCode::InvalidRequest);
        }
    }
}
