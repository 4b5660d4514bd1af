//! Events that are counted, the way the service does it that counts events.

use std::collections::HashMap;

use bytes::Bytes;
use domain::enrich::Context;
use domain::event::{ApiRequest, Body, ErrorReport, Severity, UserAction};
use domain::record::Enriched;
use domain::rollup::{Grain, Rollup, Row, Window};
use domain::source::Source;
use domain::time::Millis;
use store::Rollups;
use store::embedded::Embedded;
use store::rollups::{RollupKey, RollupRow};

use super::harness::{NOW, PARTITIONS, SOURCE, event};

/// Counts events, some in each source.
#[derive(Default)]
pub(crate) struct Counter {
    rows: HashMap<RollupKey, Row>,
    origin: u64,
}

impl Counter {
    /// Counts each of these events in a minute and in an hour.
    pub(crate) fn count<'a>(&mut self, events: impl IntoIterator<Item = &'a Enriched>) {
        for event in events {
            self.count_in(event, &Grain::ALL);
        }
    }

    /// Counts an event in windows of these grains.
    pub(crate) fn count_in(&mut self, event: &Enriched, grains: &[Grain]) {
        self.origin += 1;
        let partition = u32::try_from(self.origin % u64::from(PARTITIONS)).unwrap();
        for rollup in Rollup::of(event) {
            for grain in grains {
                let key = RollupKey {
                    tenant: event.tenant.clone(),
                    window: Window::of(*grain, event.event.time()),
                    rollup,
                    source: Source { partition, ..SOURCE },
                };
                let row = self.rows.entry(key).or_insert_with(|| Row::new(rollup));
                assert!(row.fold(event, self.origin, NOW));
            }
        }
    }

    /// Writes all rows.
    pub(crate) async fn write(&self, store: &Embedded) {
        let rows = self.rows.iter().map(|(key, row)| RollupRow {
            key: key.clone(),
            stamp: row.stamp(),
            state: Bytes::from(row.encode()),
        });
        store.put_rollups(&rows.collect::<Vec<_>>(), NOW).await.unwrap();
    }
}

/// Counts events and writes their rows.
pub(crate) async fn count(store: &Embedded, events: &[Enriched]) {
    let mut counter = Counter::default();
    counter.count(events);
    counter.write(store).await;
}

/// An event that tells of a request of a service.
pub(crate) fn request(
    of: &str,
    time: Millis,
    number: u8,
    request: &str,
    status_code: u16,
    duration_ms: f64,
) -> Enriched {
    let (method, route) = request.split_once(' ').unwrap();
    let mut made = event(of, time, number);
    made.event.body = Body::ApiRequest(ApiRequest {
        method: method.into(),
        path: "/".into(),
        status_code,
        duration_ms,
        route: None,
        request_bytes: Some(10),
        response_bytes: Some(100),
        client_ip: None,
        user_agent: None,
        query: None,
    });
    made.context = Context {
        route: Some(route.into()),
        ..Context::default()
    };
    made
}

/// An event that tells of an error, of some user.
pub(crate) fn error(of: &str, time: Millis, number: u8, error_type: &str, user: &str) -> Enriched {
    let mut made = event(of, time, number);
    made.event.severity = Severity::Error;
    made.event.user_id = Some(user.into());
    made.event.body = Body::Error(ErrorReport {
        error_type: error_type.into(),
        message: "no".into(),
        stack_trace: None,
        handled: None,
        fingerprint: None,
        client_ip: None,
        user_agent: None,
    });
    made
}

/// An event that tells what some user did.
pub(crate) fn action(of: &str, time: Millis, number: u8, action: &str, user: &str) -> Enriched {
    let mut made = event(of, time, number);
    made.event.user_id = Some(user.into());
    made.event.session_id = Some(format!("{user}-{}", number % 2));
    made.event.body = Body::UserAction(UserAction {
        action: action.into(),
        target: None,
        url: None,
        client_ip: None,
        user_agent: None,
    });
    made
}
