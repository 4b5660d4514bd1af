//! Answers about statistics as JSON.

use std::collections::BTreeMap;

use domain::rollup::{Dimension, Rollup, Value};
use domain::time::Millis;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::stats::chosen::Chosen;
use crate::stats::overview::{Events, Overview};
use crate::stats::summary::Summary;
use crate::stats::timeseries::Timeseries;
use crate::stats::top::Top;
use crate::stats::values::{Sum, Values, float};

#[derive(Serialize)]
pub(super) struct OverviewJson {
    from: Millis,
    to: Millis,
    fresh_until: Option<Millis>,
    events_per_second: f64,
    #[serde(flatten)]
    events: EventsJson,
    lower_bound: bool,
}

#[derive(Serialize)]
struct EventsJson {
    total: u64,
    by_kind: BTreeMap<String, u64>,
    by_severity: BTreeMap<String, u64>,
    by_service: BTreeMap<String, u64>,
    by_environment: BTreeMap<String, u64>,
    other_services: u64,
    other_environments: u64,
}

impl From<Events> for EventsJson {
    fn from(events: Events) -> Self {
        let Events {
            total,
            by_kind,
            by_severity,
            by_service,
            by_environment,
            ..
        } = events;
        let Events {
            other_services,
            other_environments,
            ..
        } = events;
        Self {
            total,
            by_kind,
            by_severity,
            by_service,
            by_environment,
            other_services,
            other_environments,
        }
    }
}

impl From<Overview> for OverviewJson {
    fn from(overview: Overview) -> Self {
        Self {
            from: overview.range.from,
            to: overview.range.to,
            fresh_until: overview.fresh_until,
            events_per_second: overview.events_per_second,
            lower_bound: overview.events.is_lower_bound,
            events: overview.events.into(),
        }
    }
}

/// What the events of a group have in common; null where they have nothing there.
struct GroupJson {
    by: Vec<Dimension>,
    values: Vec<Value>,
}

impl GroupJson {
    fn new(by: &[Dimension], values: Vec<Value>) -> Self {
        Self {
            by: by.to_vec(),
            values,
        }
    }
}

impl Serialize for GroupJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.by.len()))?;
        for (dimension, value) in self.by.iter().zip(&self.values) {
            map.serialize_entry(dimension.as_str(), &value.as_text())?;
        }
        map.end()
    }
}

#[derive(Serialize)]
pub(super) struct TimeseriesJson {
    from: Millis,
    to: Millis,
    step: &'static str,
    fresh_until: Option<Millis>,
    of: &'static str,
    by: Vec<&'static str>,
    times: Vec<Millis>,
    series: Vec<SeriesJson>,
    lower_bound: bool,
}

#[derive(Serialize)]
struct SeriesJson {
    group: Option<GroupJson>,
    total: Values,
    values: Vec<Values>,
}

impl From<Timeseries> for TimeseriesJson {
    fn from(answer: Timeseries) -> Self {
        let (of, by) = (answer.of, answer.by);
        let series = |chosen: Chosen| SeriesJson {
            group: chosen.group.map(|values| GroupJson::new(&by, values)),
            total: chosen.line.total.values(of),
            values: chosen.line.values,
        };
        Self {
            from: answer.range.from,
            to: answer.range.to,
            step: answer.points.step.as_str(),
            fresh_until: answer.fresh_until,
            of: of.as_str(),
            times: answer.points.begins().collect(),
            series: answer.series.into_iter().map(series).collect(),
            by: by.iter().map(|dimension| dimension.as_str()).collect(),
            lower_bound: answer.is_lower_bound,
        }
    }
}

#[derive(Serialize)]
pub(super) struct TopJson {
    from: Millis,
    to: Millis,
    fresh_until: Option<Millis>,
    of: &'static str,
    groups: Vec<RankedJson>,
    other: Option<Values>,
    lower_bound: bool,
}

#[derive(Serialize)]
struct RankedJson {
    group: GroupJson,
    #[serde(flatten)]
    values: Values,
}

impl From<Top> for TopJson {
    fn from(answer: Top) -> Self {
        let rollup = answer.of.rollup();
        let (mut groups, mut other) = (Vec::new(), None);
        for chosen in answer.groups {
            let values = chosen.line.total.values(rollup);
            match chosen.group {
                Some(group) => groups.push(RankedJson {
                    group: GroupJson::new(answer.of.by(), group),
                    values,
                }),
                None => other = Some(values),
            }
        }
        Self {
            from: answer.range.from,
            to: answer.range.to,
            fresh_until: answer.fresh_until,
            of: answer.of.as_str(),
            groups,
            other,
            lower_bound: answer.is_lower_bound,
        }
    }
}

#[derive(Serialize)]
pub(super) struct SummaryJson {
    from: Millis,
    to: Millis,
    fresh_until: Option<Millis>,
    events: EventsJson,
    requests: RequestsJson,
    errors: ErrorsJson,
    actions: Values,
    lower_bound: bool,
}

#[derive(Serialize)]
struct RequestsJson {
    #[serde(flatten)]
    values: Values,
    error_rate: Option<f64>,
}

#[derive(Serialize)]
struct ErrorsJson {
    #[serde(flatten)]
    values: Values,
    groups: u64,
}

impl From<Summary> for SummaryJson {
    fn from(answer: Summary) -> Self {
        Self {
            from: answer.range.from,
            to: answer.range.to,
            fresh_until: answer.fresh_until,
            lower_bound: answer.is_lower_bound,
            events: answer.events.into(),
            requests: RequestsJson {
                values: answer.requests.values(Rollup::Requests),
                error_rate: error_rate(&answer.requests),
            },
            errors: ErrorsJson {
                values: answer.errors.values(Rollup::Errors),
                groups: answer.error_groups,
            },
            actions: answer.actions.values(Rollup::Actions),
        }
    }
}

/// The part of the requests that failed, to six decimals.
fn error_rate(requests: &Sum) -> Option<f64> {
    let rate = || (float(requests.failed()) / float(requests.count()) * 1e6).round() / 1e6;
    (requests.count() > 0).then(rate)
}
