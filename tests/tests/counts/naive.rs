//! The plain count: by hand, over the list of all events, without a row, a window or a sketch.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::{Body, Event};
use domain::record::Enriched;
use domain::rollup::{Aggregate, Distinct, Grain, Rollup, Row, Value, Window};
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::history::Stored;

/// Whose events, of which window, counted how.
type Place = (TenantId, Window, Rollup);
type Groups<T> = BTreeMap<Vec<Value>, T>;

/// What there is to say of the events of one group.
#[derive(Debug, Default)]
struct Naive {
    count: u64,
    durations_us: Vec<u64>,
    request_bytes: u64,
    response_bytes: u64,
    times: BTreeSet<Millis>,
    users: BTreeSet<String>,
    sessions: BTreeSet<String>,
}

/// Fails where the rows of all sources do not sum up to these events, each of which is here once. Windows that have
/// expired are not looked at.
pub(crate) fn check<'a>(events: impl Iterator<Item = &'a Enriched>, stored: &Stored, now: Millis) {
    let mut expected = BTreeMap::<Place, Groups<Naive>>::new();
    for event in events {
        for (place, group) in places(event) {
            if place.1.expires_at() > now {
                let groups = expected.entry(place).or_default();
                groups.entry(group).or_default().add(event);
            }
        }
    }
    let found = summed(stored);
    assert!(
        found.keys().eq(expected.keys()),
        "rows and events are of other windows"
    );
    for (place, groups) in &expected {
        assert!(found[place].keys().eq(groups.keys()), "other groups in {place:?}");
        for (group, naive) in groups {
            naive.assert_is(place.2, &found[place][group]);
        }
    }
}

/// The rows of all sources, merged.
fn summed(stored: &Stored) -> BTreeMap<Place, Groups<Aggregate>> {
    let mut found = BTreeMap::<Place, Groups<Aggregate>>::new();
    for (key, bytes) in stored {
        let row = Row::decode(key.rollup, bytes).unwrap();
        assert!(!row.has_overflowed());
        let place = (key.tenant.clone(), key.window, key.rollup);
        let groups = found.entry(place).or_default();
        for (group, aggregate) in row.groups() {
            groups
                .entry(group.values().to_vec())
                .or_default()
                .merge(aggregate);
        }
    }
    found
}

/// Where an event is counted, and in which group there.
fn places(event: &Enriched) -> Vec<(Place, Vec<Value>)> {
    let time = event.event.time().as_ms();
    let windows = [(Grain::Minute, 60_000), (Grain::Hour, 3_600_000)];
    let windows = windows.map(|(grain, length_ms)| Window {
        grain,
        number: time.div_euclid(length_ms),
    });
    let groups = groups(event);
    let of_window = |window| {
        let groups = groups.iter().cloned();
        groups.map(move |(rollup, group)| ((event.tenant.clone(), window, rollup), group))
    };
    windows.into_iter().flat_map(of_window).collect()
}

fn groups(enriched: &Enriched) -> Vec<(Rollup, Vec<Value>)> {
    let event = &enriched.event;
    let place = [event.service.as_deref(), event.environment.as_deref()];
    let behind_place = |rest: &[Option<&str>]| place.iter().chain(rest).copied().map(Value::from).collect();
    let kind = [Some(kind(event)), Some(event.severity.as_str())];
    let mut groups = vec![(
        Rollup::Events,
        kind.into_iter().chain(place).map(Value::from).collect(),
    )];
    match &event.body {
        Body::ApiRequest(request) => {
            let route = request.route.as_deref().or(enriched.context.route.as_deref());
            let class = format!("{}xx", request.status_code / 100);
            let rest = [route, Some(&request.method), Some(&class)];
            groups.push((Rollup::Requests, behind_place(&rest)));
        }
        Body::Error(report) => {
            let rest = [Some(report.error_type.as_str()), report.fingerprint.as_deref()];
            groups.push((Rollup::Errors, behind_place(&rest)));
        }
        Body::UserAction(action) => groups.push((Rollup::Actions, behind_place(&[Some(&action.action)]))),
        Body::Generic(_) => {}
    }
    if let Some(user) = &event.user_id {
        groups.push((Rollup::Users, vec![Value::Text(user.as_str().into())]));
    }
    groups
}

fn kind(event: &Event) -> &'static str {
    match event.body {
        Body::ApiRequest(_) => "api_request",
        Body::Error(_) => "error",
        Body::UserAction(_) => "user_action",
        Body::Generic(_) => "generic",
    }
}

impl Naive {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a duration saturates, as its count does"
    )]
    fn add(&mut self, enriched: &Enriched) {
        let event = &enriched.event;
        self.count += 1;
        if let Body::ApiRequest(request) = &event.body {
            self.durations_us
                .push((request.duration_ms * 1000.0).round() as u64);
            let [sent, answered] =
                [request.request_bytes, request.response_bytes].map(Option::unwrap_or_default);
            self.request_bytes = self.request_bytes.saturating_add(sent);
            self.response_bytes = self.response_bytes.saturating_add(answered);
        }
        self.times.insert(event.time());
        self.users.extend(event.user_id.clone());
        self.sessions.extend(event.session_id.clone());
    }

    /// Fails where the sum of a group of the rollup says anything else.
    fn assert_is(&self, rollup: Rollup, found: &Aggregate) {
        let durations = found.duration.as_ref();
        let durations = durations.map(|all| (all.sum_us, all.min_us, all.max_us, all.quantiles.count()));
        let seen = (found.first_seen, found.last_seen);
        let distinct = [&found.users, &found.sessions].map(|all| all.as_ref().map(Distinct::estimate));
        let bytes = (found.request_bytes, found.response_bytes);

        let all_bytes = (self.request_bytes, self.response_bytes);
        let (first, last) = (self.times.first().copied(), self.times.last().copied());
        // So few are counted exactly.
        let [users, sessions] = [&self.users, &self.sessions].map(|all| Some(all.len() as u64));
        let expected = match rollup {
            Rollup::Events => (None, (0, 0), (None, None), [None, None]),
            Rollup::Requests => (Some(self.durations()), all_bytes, (None, None), [None, None]),
            Rollup::Errors => (None, (0, 0), (first, last), [users, None]),
            Rollup::Actions => (None, (0, 0), (None, None), [users, sessions]),
            Rollup::Users => (None, (0, 0), (None, last), [None, None]),
        };
        assert_eq!(found.count, self.count, "{rollup:?}");
        assert_eq!((durations, bytes, seen, distinct), expected, "{rollup:?}");
    }

    /// Sum, least, greatest, how many.
    fn durations(&self) -> (u64, u64, u64, u64) {
        let all = &self.durations_us;
        let sum = all.iter().copied().fold(0, u64::saturating_add);
        let (min, max) = (all.iter().min(), all.iter().max());
        (sum, *min.unwrap(), *max.unwrap(), all.len() as u64)
    }
}
