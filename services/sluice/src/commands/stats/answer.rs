//! Statistics as the HTTP interface tells them. Of another version some may be missing.

use std::collections::BTreeMap;

use domain::time::Millis;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) from: Millis,
    pub(super) to: Millis,
    pub(super) fresh_until: Option<Millis>,
    pub(super) of: String,
    #[serde(default)]
    pub(super) by: Vec<String>,
    pub(super) series: Vec<Series>,
    #[serde(default)]
    pub(super) lower_bound: bool,
}

#[derive(Deserialize)]
pub(super) struct Series {
    /// None for all groups that have no series of their own.
    pub(super) group: Option<BTreeMap<String, Option<String>>>,
    pub(super) total: Values,
    pub(super) values: Vec<Values>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Values {
    pub(super) count: u64,
    pub(super) errors: u64,
    pub(super) duration_ms: Option<DurationMs>,
    pub(super) users: u64,
    pub(super) sessions: u64,
    pub(super) last_seen: Option<Millis>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct DurationMs {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
}

impl Answer {
    /// What can be added up of all series: neither quantiles nor how many different ones there were.
    pub(super) fn total(&self) -> Values {
        self.series.iter().fold(Values::default(), |sum, series| Values {
            count: sum.count + series.total.count,
            errors: sum.errors + series.total.errors,
            last_seen: sum.last_seen.max(series.total.last_seen),
            ..Values::default()
        })
    }

    /// Counts of each point, of all series.
    pub(super) fn counts(&self) -> Vec<u64> {
        let points = self
            .series
            .iter()
            .map(|series| series.values.len())
            .max()
            .unwrap_or(0);
        let count = |point: usize| {
            let values = self.series.iter().filter_map(|series| series.values.get(point));
            values.map(|values| values.count).sum()
        };
        (0..points).map(count).collect()
    }

    /// Seconds of the range that are counted; all of it where that is not known.
    pub(super) fn seconds(&self) -> f64 {
        let until = self
            .fresh_until
            .filter(|time| *time > self.from)
            .map_or(self.to, |time| time.min(self.to));
        let ms = u32::try_from(until.since(self.from) / 1_000).unwrap_or(u32::MAX);
        f64::from(ms.max(1))
    }
}
