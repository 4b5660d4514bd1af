//! The metrics of one worker.

use eventlog::TopicPartition;
use metrics::{Counter, Gauge};

use crate::metric_definitions as definitions;
use crate::unsealed::Unsealed;

/// Handles on the metrics of one worker.
pub(super) struct Metrics {
    pub(super) stored: Counter,
    pub(super) marker: Counter,
    pub(super) repeated: Counter,
    pub(super) read_again: Counter,
    unsealed_segments: Gauge,
    unsealed_bytes: Gauge,
}

impl Metrics {
    pub(super) fn new(partition: &TopicPartition) -> Self {
        let fates = |outcome: &'static str| metrics::counter!(definitions::FATES, "outcome" => outcome);
        let gauge =
            |name: &'static str| metrics::gauge!(name, "partition" => partition.partition.to_string());
        Self {
            stored: fates("stored"),
            marker: fates("marker"),
            repeated: fates("repeated"),
            read_again: fates("read_again"),
            unsealed_segments: gauge(definitions::UNSEALED_SEGMENTS),
            unsealed_bytes: gauge(definitions::UNSEALED_BYTES),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges of segments and bytes")]
    pub(super) fn unsealed(&self, unsealed: &Unsealed) {
        self.unsealed_segments.set(unsealed.segments() as f64);
        self.unsealed_bytes.set(unsealed.bytes() as f64);
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.unsealed_segments.set(0.0);
        self.unsealed_bytes.set(0.0);
    }
}
