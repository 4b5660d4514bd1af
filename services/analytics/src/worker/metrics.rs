//! The metrics of one worker.

use eventlog::TopicPartition;
use metrics::{Counter, Gauge};

use crate::metric_definitions as definitions;
use crate::windows::Windows;

/// Handles on the metrics of one worker.
pub(super) struct Metrics {
    pub(super) marker: Counter,
    pub(super) repeated: Counter,
    counted: Counter,
    in_rows: Counter,
    windows: Gauge,
    window_bytes: Gauge,
}

impl Metrics {
    pub(super) fn new(partition: &TopicPartition) -> Self {
        let fates = |outcome: &'static str| metrics::counter!(definitions::FATES, "outcome" => outcome);
        let gauge =
            |name: &'static str| metrics::gauge!(name, "partition" => partition.partition.to_string());
        Self {
            marker: fates("marker"),
            repeated: fates("repeated"),
            counted: fates("counted"),
            in_rows: fates("in_rows"),
            windows: gauge(definitions::WINDOWS),
            window_bytes: gauge(definitions::WINDOW_BYTES),
        }
    }

    pub(super) fn folded(&self, is_new: bool) {
        let counter = if is_new { &self.counted } else { &self.in_rows };
        counter.increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges of windows and bytes")]
    pub(super) fn windows(&self, windows: &Windows) {
        self.windows.set(windows.count() as f64);
        self.window_bytes.set(windows.bytes() as f64);
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.windows.set(0.0);
        self.window_bytes.set(0.0);
    }
}
