//! Events to put, and short ways to ask what is there.

use bytes::Bytes;
use domain::cursor::Order;
use domain::enrich::Context;
use domain::event::{Body, ErrorReport, Event, Priority, Severity};
use domain::id::{EventId, IdRange};
use domain::index::manifest::{Entry, UnitId, UnitRef};
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;

use super::Subject;
use crate::index::Fresh;
use crate::rollups::{RollupKey, RollupRow};

/// When every case takes place.
pub const NOW: Millis = Millis::from_ms(1_800_000_000_000);

/// The source that cases about one take.
pub const SOURCE: Source = Source {
    lane: Lane::Standard,
    generation: 1,
    partition: 0,
};

/// Others, which differ from it in one field each.
pub const OTHER_SOURCES: [Source; 2] = [
    Source {
        partition: 1,
        ..SOURCE
    },
    Source {
        generation: 2,
        ..SOURCE
    },
];

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Until when markers are kept: longer than any event lives.
pub const KEEP_UNTIL: Millis = NOW.plus_ms(2 * Class::LONGEST_MS);

/// The tenant of this name.
pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a valid name")
}

/// An id of a time relative to [`NOW`]; `n` tells those of one millisecond apart.
pub fn id(after_now_ms: i64, n: u8) -> EventId {
    EventId::made(NOW.plus_ms(after_now_ms), [n; 10])
}

/// A row, all a function of its arguments.
pub fn row(tenant: &TenantId, id: EventId, revision: u16) -> Enriched {
    let body = Body::Error(ErrorReport {
        error_type: "Timeout".to_owned(),
        message: format!("revision {revision} of {id}"),
        stack_trace: None,
        handled: Some(false),
        fingerprint: None,
        client_ip: Some("192.0.2.7".to_owned()),
        user_agent: None,
    });
    let event = Event {
        id,
        service: Some("checkout".to_owned()),
        environment: None,
        release: None,
        user_id: Some("u-7".to_owned()),
        session_id: None,
        trace_id: None,
        span_id: None,
        severity: Severity::Error,
        external_id: None,
        priority: Priority::Standard,
        attributes: None,
        body,
    };
    let class = Class::Days7;
    Enriched {
        tenant: tenant.clone(),
        received_at: NOW,
        event,
        context: Context::default(),
        class,
        expires_at: class.expires_at(id.time(), NOW),
        revision,
    }
}

/// Rows of the first revision, one in each of the next few minutes.
pub fn rows(tenant: &TenantId, count: u8) -> Vec<Enriched> {
    (0..count)
        .map(|n| row(tenant, id(i64::from(n) * 60_000, n), 0))
        .collect()
}

/// The ids of rows.
pub fn ids_of(rows: &[Enriched]) -> Vec<EventId> {
    rows.iter().map(|row| row.event.id).collect()
}

/// All times that a case uses.
pub fn all_times() -> IdRange {
    IdRange::of_times(NOW.minus_ms(HOUR_MS), NOW.plus_ms(8 * HOUR_MS))
}

/// A unit; `n` tells those of one class apart.
pub fn unit(class: Class, n: u8) -> UnitRef {
    UnitRef {
        class,
        id: UnitId([n; 16]),
    }
}

/// A segment, all a function of its arguments.
pub fn segment(tenant: &TenantId, last_origin: u64, nonce: u64) -> Fresh {
    Fresh {
        tenant: tenant.clone(),
        last_origin,
        nonce,
        segment: Bytes::from(format!("{tenant} up to {last_origin} of {nonce}")),
    }
}

/// A rollup, all a function of its arguments.
pub fn rollup(key: RollupKey, stamp: i64) -> RollupRow {
    let state = Bytes::from(format!("{key:?} at {stamp}"));
    RollupRow { key, stamp, state }
}

/// An entry without a claim, all a function of its arguments.
pub fn entry(source: Source, unit: UnitRef, last_origin: u64) -> Entry {
    Entry {
        unit,
        source,
        level: 1,
        events: 900,
        pages: 12,
        first: id(0, 1),
        last: id(1_000, 2),
        last_origin,
        expires_at: KEEP_UNTIL,
        covers: None,
    }
}

impl Subject {
    /// Puts rows at [`NOW`].
    pub async fn put(&self, rows: &[Enriched]) {
        self.events.put(rows, NOW).await.expect("rows are put");
    }

    /// What can be seen at [`NOW`].
    pub async fn fetch(&self, tenant: &TenantId, ids: &[EventId]) -> Vec<Enriched> {
        self.events
            .fetch(tenant, ids, NOW)
            .await
            .expect("rows are fetched")
    }

    /// Deletes for as long as any event lives.
    pub async fn delete(&self, tenant: &TenantId, id: EventId) {
        self.events
            .delete(tenant, id, KEEP_UNTIL)
            .await
            .expect("the event is deleted");
    }

    /// All ids of a range, in pages of at most `limit`.
    pub async fn pages(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Vec<Vec<EventId>> {
        let (mut pages, mut left) = (Vec::new(), Some(range));
        while let Some(range) = left {
            let scan = self
                .events
                .ids(tenant, range, order, limit)
                .await
                .expect("ids are read");
            assert!(
                scan.ids.len() <= limit,
                "{} ids were read, {limit} asked for",
                scan.ids.len()
            );
            assert_ne!(scan.next, Some(range), "a page that leads to itself never ends");
            pages.push(scan.ids);
            left = scan.next;
        }
        pages
    }

    /// All ids of a range.
    pub async fn ids(&self, tenant: &TenantId, range: IdRange, order: Order) -> Vec<EventId> {
        self.pages(tenant, range, order, 100).await.concat()
    }
}
