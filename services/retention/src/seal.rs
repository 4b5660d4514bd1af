//! Sealing: from the segments in a worker's memory to listed units.
//!
//! Each attempt makes units of its own, so what a failed one has left is never mixed with what the next one writes: at
//! the worst an event is in two units, which a reader takes for one.

use std::collections::BTreeSet;
use std::sync::Arc;

use chassis::clock::Clock;
use chassis::random::Random;
use domain::index::manifest::{Covers, Entry, Period};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use metrics::{Counter, Histogram};
use store::index::Index;
use tokio::time::Instant;

use crate::Recent;
use crate::batch::Segment;
use crate::error::Error;
use crate::metric_definitions as definitions;
use crate::units::{self, Publisher, Unit, off_thread};

/// Tenants that are sealed at once.
pub(crate) const AT_ONCE: usize = 8;

/// What seals the segments of a source.
#[derive(Clone)]
pub(crate) struct Sealer {
    pub(crate) index: Arc<dyn Index>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) source: Source,
    pub(crate) recent: Arc<Recent>,
    pub(crate) metrics: Metrics,
}

/// What of one tenant is sealed at once.
pub(crate) struct Part {
    pub(crate) tenant: TenantId,
    pub(crate) segments: Vec<Segment>,
    pub(crate) claim: Covers,
}

impl Sealer {
    /// Seals a part. Answers with it and the periods of its units.
    pub(crate) async fn seal(self, part: Part) -> Result<(TenantId, u64, BTreeSet<Period>), Error> {
        let Part {
            tenant,
            segments,
            claim,
        } = part;
        let (started, now) = (Instant::now(), Millis::from_ms(self.clock.now_ms()));
        let units = off_thread(move || units::of_segments(&segments, now)).await??;
        let written_bytes: usize = units.iter().map(Unit::bytes).sum();
        let publisher = Publisher {
            index: &*self.index,
            random: &*self.random,
            recent: Some(&self.recent),
            tenant: &tenant,
            source: self.source,
            level: 0,
            now,
        };
        let entries = publisher.publish(units, Some(claim)).await?;
        self.metrics.sealed(&entries, written_bytes, started);
        let periods = entries.iter().map(Entry::period).collect();
        Ok((tenant, claim.through, periods))
    }
}

#[derive(Clone)]
pub(crate) struct Metrics {
    events: Counter,
    pages: Counter,
    bytes: Counter,
    seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            events: metrics::counter!(definitions::SEALED_EVENTS),
            pages: metrics::counter!(definitions::UNIT_PAGES, "by" => "seal"),
            bytes: metrics::counter!(definitions::UNIT_BYTES, "by" => "seal"),
            seconds: metrics::histogram!(definitions::SEAL_SECONDS),
        }
    }

    fn sealed(&self, entries: &[Entry], bytes: usize, started: Instant) {
        self.events
            .increment(entries.iter().map(|entry| u64::from(entry.events)).sum());
        self.pages
            .increment(entries.iter().map(|entry| u64::from(entry.pages)).sum());
        self.bytes.increment(bytes as u64);
        self.seconds.record(started.elapsed());
    }
}
