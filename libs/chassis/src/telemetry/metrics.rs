//! The recorder behind the `metrics` macros and its rendering as Prometheus text.
//!
//! A histogram has buckets when its name ends in `_seconds` or `_bytes`, else it is rendered as a summary.

use super::{Error, buckets, process};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::fmt;
use std::thread;
use std::time::Duration;

/// Histograms keep raw values until they are tidied; this bounds how many.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process; a cheap handle.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// All metrics in Prometheus' text format, with those of the process itself.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        process::render(&mut text);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Installs the recorder for the whole process and the thread that tidies it for as long as the process lives.
pub(super) fn install() -> Result<Metrics, Error> {
    let (recorder, metrics) = build()?;
    metrics::set_global_recorder(recorder).map_err(|error| Error::Recorder(error.to_string()))?;
    let handle = metrics.handle.clone();
    let tidy = move || {
        loop {
            thread::park_timeout(UPKEEP);
            handle.run_upkeep();
        }
    };
    thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(tidy)
        .map_err(Error::Upkeep)?;
    Ok(metrics)
}

/// A recorder that is not installed, and the handle to what it records.
pub(crate) fn build() -> Result<(PrometheusRecorder, Metrics), Error> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), buckets::SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), buckets::BYTES)
        })
        .map_err(Error::Buckets)?
        .build_recorder();
    let handle = recorder.handle();
    Ok((recorder, Metrics { handle }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_bytes_have_buckets() {
        let (recorder, metrics) = build().unwrap();
        ::metrics::with_local_recorder(&recorder, || {
            ::metrics::histogram!("append_seconds").record(0.02);
            ::metrics::histogram!("request_bytes").record(2_000.0);
            ::metrics::histogram!("batch_events").record(3.0);
        });
        let text = metrics.render();
        for expected in [
            "append_seconds_bucket{le=\"0.01\"} 0",
            "append_seconds_bucket{le=\"0.025\"} 1",
            "request_bytes_bucket{le=\"4096\"} 1",
            "# TYPE batch_events summary",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }
}
