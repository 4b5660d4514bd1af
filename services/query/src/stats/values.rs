//! What is said of a group: the sum of its rows, and its form in answers.

use domain::rollup::{Aggregate, Durations, Rollup};
use domain::time::Millis;
use serde::Serialize;

/// What is known of the events of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    aggregate: Aggregate,
    /// Requests that were answered with a status of 500 or more.
    failed: u64,
}

impl Sum {
    /// Adds what a row has.
    pub(crate) fn add(&mut self, aggregate: &Aggregate, is_failure: bool) {
        self.aggregate.merge(aggregate);
        if is_failure {
            self.failed = self.failed.saturating_add(aggregate.count);
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.aggregate.merge(&other.aggregate);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// How many events.
    pub(crate) fn count(&self) -> u64 {
        self.aggregate.count
    }

    /// How many requests were answered with a status of 500 or more.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// What the rollup keeps of it.
    pub(crate) fn values(&self, rollup: Rollup) -> Values {
        let Aggregate {
            count,
            duration,
            request_bytes,
            response_bytes,
            first_seen,
            last_seen,
            users,
            sessions,
        } = &self.aggregate;
        let count = *count;
        let users = users.as_ref().map_or(0, |users| users.estimate().min(count));
        match rollup {
            Rollup::Events => Values::Events { count },
            Rollup::Requests => Values::Requests {
                count,
                errors: self.failed,
                duration_ms: duration.as_ref().and_then(DurationMs::of),
                request_bytes: *request_bytes,
                response_bytes: *response_bytes,
            },
            Rollup::Errors => Values::Errors {
                count,
                users,
                first_seen: *first_seen,
                last_seen: *last_seen,
            },
            Rollup::Actions => Values::Actions {
                count,
                users,
                sessions: sessions
                    .as_ref()
                    .map_or(0, |sessions| sessions.estimate().min(count)),
            },
            Rollup::Users => Values::Users {
                count,
                last_seen: *last_seen,
            },
        }
    }
}

/// The form in answers, by rollup.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Values {
    Events {
        count: u64,
    },
    Requests {
        count: u64,
        errors: u64,
        duration_ms: Option<DurationMs>,
        request_bytes: u64,
        response_bytes: u64,
    },
    Errors {
        count: u64,
        users: u64,
        first_seen: Option<Millis>,
        last_seen: Option<Millis>,
    },
    Actions {
        count: u64,
        users: u64,
        sessions: u64,
    },
    Users {
        count: u64,
        last_seen: Option<Millis>,
    },
}

/// How long requests took, in milliseconds to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct DurationMs {
    mean: f64,
    min: f64,
    max: f64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
}

impl DurationMs {
    fn of(durations: &Durations) -> Option<Self> {
        let [sum, count] = [durations.sum_us, durations.quantiles.count()].map(float);
        let quantile = |q| durations.quantile(q).map(ms);
        Some(Self {
            mean: ms(sum / count),
            min: ms(float(durations.min_us)),
            max: ms(float(durations.max_us)),
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            p95: quantile(0.95)?,
            p99: quantile(0.99)?,
        })
    }
}

fn ms(us: f64) -> f64 {
    us.round() / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and close beyond")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(sum: &Sum, rollup: Rollup) -> serde_json::Value {
        serde_json::to_value(sum.values(rollup)).unwrap()
    }

    #[test]
    fn where_there_are_no_events_there_is_nothing_to_say() {
        let none = Sum::default();
        assert_eq!(said(&none, Rollup::Events), json!({"count": 0}));
        assert_eq!(
            said(&none, Rollup::Requests),
            json!({"count": 0, "errors": 0, "duration_ms": null, "request_bytes": 0, "response_bytes": 0})
        );
        assert_eq!(
            said(&none, Rollup::Errors),
            json!({"count": 0, "users": 0, "first_seen": null, "last_seen": null})
        );
        assert_eq!(
            said(&none, Rollup::Actions),
            json!({"count": 0, "users": 0, "sessions": 0})
        );
        assert_eq!(said(&none, Rollup::Users), json!({"count": 0, "last_seen": null}));
    }
}
