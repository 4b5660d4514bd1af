//! The statistics of a list of events, as one would count them by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::sample::Logged;
use crate::event::Body;
use crate::record::Enriched;
use crate::rollup::{Aggregate, Rollup, Value};
use crate::time::Millis;

/// All that any rollup keeps of the events of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Naive {
    pub(super) count: u64,
    durations_us: Vec<u64>,
    bytes: (u64, u64),
    times: BTreeSet<Millis>,
    users: BTreeSet<String>,
    sessions: BTreeSet<String>,
}

/// What an event has in each dimension of the rollup; none where it is not of the rollup.
pub(super) fn values(rollup: Rollup, enriched: &Enriched) -> Option<Vec<Value>> {
    let event = &enriched.event;
    let (service, environment) = (event.service.as_deref(), event.environment.as_deref());
    let texts = match (rollup, &event.body) {
        (Rollup::Events, _) => vec![
            Some(event.kind().as_str()),
            Some(event.severity.as_str()),
            service,
            environment,
        ],
        (Rollup::Requests, Body::ApiRequest(request)) => {
            let route = request.route.as_deref().or(enriched.context.route.as_deref());
            let class = format!("{}xx", request.status_code / 100);
            let rest = [route, Some(&request.method), Some(&class)];
            return Some(
                [service, environment]
                    .into_iter()
                    .chain(rest)
                    .map(Value::from)
                    .collect(),
            );
        }
        (Rollup::Errors, Body::Error(report)) => {
            let (name, print) = (Some(report.error_type.as_str()), report.fingerprint.as_deref());
            vec![service, environment, name, print]
        }
        (Rollup::Actions, Body::UserAction(body)) => vec![service, environment, Some(&body.action)],
        (Rollup::Users, _) => vec![Some(event.user_id.as_deref()?)],
        _ => return None,
    };
    Some(texts.into_iter().map(Value::from).collect())
}

/// Counts events by what `key` gives; what it gives none for is left out.
pub(super) fn count<K: Ord>(log: &[Logged], key: impl Fn(&Enriched) -> Option<K>) -> BTreeMap<K, Naive> {
    let mut groups = BTreeMap::<K, Naive>::new();
    for Logged { event, .. } in log {
        if let Some(key) = key(event) {
            groups.entry(key).or_default().add(event);
        }
    }
    groups
}

impl Naive {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as events are counted"
    )]
    fn add(&mut self, enriched: &Enriched) {
        let event = &enriched.event;
        self.count += 1;
        if let Body::ApiRequest(request) = &event.body {
            self.durations_us
                .push((request.duration_ms * 1000.0).round() as u64);
            let (sent, answered) = (request.request_bytes, request.response_bytes);
            self.bytes.0 = self.bytes.0.saturating_add(sent.unwrap_or(0));
            self.bytes.1 = self.bytes.1.saturating_add(answered.unwrap_or(0));
        }
        self.times.insert(event.time());
        self.users.extend(event.user_id.clone());
        self.sessions.extend(event.session_id.clone());
    }

    /// Fails where the aggregate of a group of the rollup says anything else.
    pub(super) fn assert_is(&self, rollup: Rollup, aggregate: &Aggregate) {
        assert_eq!(aggregate.count, self.count);
        let durations = aggregate.duration.as_ref();
        let durations =
            durations.map(|found| (found.sum_us, found.min_us, found.max_us, found.quantiles.count()));
        let times = (aggregate.first_seen, aggregate.last_seen);
        let distinct =
            [&aggregate.users, &aggregate.sessions].map(|it| it.as_ref().map(super::Distinct::estimate));
        let bytes = (aggregate.request_bytes, aggregate.response_bytes);
        let last = self.times.last().copied();
        let [users, sessions] = [&self.users, &self.sessions].map(|texts| Some(texts.len() as u64));
        let expected = match rollup {
            Rollup::Events => (None, (0, 0), (None, None), [None, None]),
            Rollup::Requests => (Some(self.durations()), self.bytes, (None, None), [None, None]),
            Rollup::Errors => (None, (0, 0), (self.times.first().copied(), last), [users, None]),
            Rollup::Actions => (None, (0, 0), (None, None), [users, sessions]),
            Rollup::Users => (None, (0, 0), (None, last), [None, None]),
        };
        assert_eq!((durations, bytes, times, distinct), expected);
    }

    fn durations(&self) -> (u64, u64, u64, u64) {
        let all = &self.durations_us;
        let sum = all.iter().fold(0, |sum, us| u64::saturating_add(sum, *us));
        let ends = (all.iter().min(), all.iter().max());
        (sum, *ends.0.unwrap(), *ends.1.unwrap(), all.len() as u64)
    }
}
