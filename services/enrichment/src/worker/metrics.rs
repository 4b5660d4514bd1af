//! The metrics of one worker.

use domain::dedup::Seen;
use eventlog::TopicPartition;
use metrics::{Counter, Gauge};

use crate::fate::Kind;
use crate::metric_definitions as definitions;

/// Handles on the metrics of one worker.
pub(super) struct Metrics {
    enriched: Counter,
    duplicate: Counter,
    dead: Counter,
    remembered: Gauge,
}

impl Metrics {
    /// Of a worker that begins with this.
    pub(super) fn new(partition: &TopicPartition, seen: &Seen) -> Self {
        let fates = |kind: Kind| metrics::counter!(definitions::FATES, "fate" => kind.as_str());
        let partition = partition.partition.to_string();
        let metrics = Self {
            enriched: fates(Kind::Enriched),
            duplicate: fates(Kind::Duplicate),
            dead: fates(Kind::Dead),
            remembered: metrics::gauge!(definitions::REMEMBERED, "partition" => partition),
        };
        metrics.remembered(seen);
        metrics
    }

    /// Counts a fate that the log has.
    pub(super) fn count(&self, kind: Kind) {
        let counter = match kind {
            Kind::Enriched => &self.enriched,
            Kind::Duplicate => &self.duplicate,
            Kind::Dead => &self.dead,
        };
        counter.increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge of hashes")]
    pub(super) fn remembered(&self, seen: &Seen) {
        self.remembered.set(seen.hashes() as f64);
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.remembered.set(0.0);
    }
}
