//! Events on their way to the store, and the segments of the index that they become. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::index::segment::Builder;
use domain::index::term;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;

/// The events of one tenant and class in one batch, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) tenant: TenantId,
    pub(crate) class: Class,
    /// The greatest origin of its events.
    pub(crate) last_origin: u64,
    pub(crate) events: usize,
    pub(crate) bytes: Bytes,
}

/// Events that are written in one call.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Enriched>,
    /// Of each row.
    origins: Vec<u64>,
    /// Of the records of the rows.
    pub(crate) bytes: usize,
    /// Whether all of it is in the store already, but for its part in units.
    pub(crate) is_stored: bool,
    /// Of the first attempt to write: another one of the same rows writes the same.
    segments: Option<Vec<Segment>>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn add(&mut self, event: Enriched, origin: u64, bytes: usize) {
        self.rows.push(event);
        self.origins.push(origin);
        self.bytes += bytes;
        // What was made before lacks it.
        self.segments = None;
    }

    /// The segments of what has not expired when they are first asked for.
    pub(crate) fn segments(&mut self, now: Millis) -> &[Segment] {
        let (rows, origins) = (&self.rows, &self.origins);
        self.segments.get_or_insert_with(|| {
            let living = rows.iter().zip(origins).filter(|(row, _)| row.expires_at > now);
            segments(living.map(|(row, origin)| (row, *origin)))
        })
    }

    pub(crate) fn into_segments(self) -> Vec<Segment> {
        self.segments.unwrap_or_default()
    }
}

/// A segment for each tenant and class of these events with their origins.
pub(crate) fn segments<'a>(events: impl Iterator<Item = (&'a Enriched, u64)>) -> Vec<Segment> {
    let mut open: BTreeMap<(&TenantId, u8), (Class, Builder, u64)> = BTreeMap::new();
    for (event, origin) in events {
        let key = (&event.tenant, event.class.number());
        let (_, builder, last_origin) = open
            .entry(key)
            .or_insert_with(|| (event.class, Builder::new(event.class), origin));
        builder.add(event.event.id, event.expires_at, |sink| {
            term::of_event(&event.event, &event.context, &mut |term: &[u8]| sink(term));
        });
        *last_origin = origin.max(*last_origin);
    }
    let segment =
        |((tenant, _), (class, builder, last_origin)): ((&TenantId, u8), (Class, Builder, u64))| Segment {
            tenant: tenant.clone(),
            class,
            last_origin,
            events: builder.len(),
            bytes: builder.finish().into(),
        };
    open.into_iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use domain::enrich::Context;
    use domain::event::{Body, Event, Generic, Priority, Severity};
    use domain::id::EventId;
    use domain::index::segment;

    use super::*;

    fn event(number: u8) -> Enriched {
        let event = Event {
            id: EventId::made(Millis::from_ms(i64::from(number)), [number; 10]),
            service: None,
            environment: None,
            release: None,
            user_id: None,
            session_id: None,
            trace_id: None,
            span_id: None,
            severity: Severity::Info,
            external_id: None,
            priority: Priority::Standard,
            attributes: None,
            body: Body::Generic(Generic {
                name: "tested".to_owned(),
            }),
        };
        Enriched {
            tenant: TenantId::parse("demo").unwrap(),
            received_at: Millis::EPOCH,
            event,
            context: Context::default(),
            class: Class::Days30,
            expires_at: Millis::MAX,
            revision: 0,
        }
    }

    #[test]
    fn what_is_added_after_a_failed_write_is_in_the_segments_of_the_next() {
        let mut batch = Batch::default();
        batch.add(event(1), 1, 10);
        assert_eq!(batch.segments(Millis::EPOCH).len(), 1);
        batch.add(event(2), 2, 10);
        let made = batch.segments(Millis::EPOCH);
        let ids = segment::Segment::decode(&made[0].bytes).unwrap().ids().to_vec();
        assert_eq!(ids, [event(1).event.id, event(2).event.id]);
        assert_eq!(made[0].last_origin, 2);
    }
}
