//! How many events there were, by each of the dimensions that every event has.

use std::collections::BTreeMap;

use domain::range::TimeRange;
use domain::rollup::{Dimension, Rollup, Row, Summary, Value, Window};
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::ApiError;

use super::MAX_GROUPS;
use super::asked::Asked;
use super::conditions::Conditions;
use super::counting::Counting;
use super::plan::Plan;
use super::read::Sink;
use super::values::float;
use crate::service::Service;

const BY: [Dimension; 4] = [
    Dimension::Kind,
    Dimension::Severity,
    Dimension::Service,
    Dimension::Environment,
];

/// An answer.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) range: TimeRange,
    pub(crate) fresh_until: Option<Millis>,
    pub(crate) events_per_second: f64,
    pub(crate) events: Events,
}

/// Counts of events, by texts. Where events have none it is empty.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) total: u64,
    pub(crate) by_kind: BTreeMap<String, u64>,
    pub(crate) by_severity: BTreeMap<String, u64>,
    pub(crate) by_service: BTreeMap<String, u64>,
    pub(crate) by_environment: BTreeMap<String, u64>,
    /// Events of services that had no room.
    pub(crate) other_services: u64,
    /// Events of environments that had no room.
    pub(crate) other_environments: u64,
    pub(crate) is_lower_bound: bool,
}

impl Service {
    /// The counts of a range.
    pub(crate) async fn overview(&self, tenant: &TenantId, asked: &Asked) -> Result<Overview, ApiError> {
        let conditions = Conditions::new(Rollup::Events, &asked.filters)?;
        let plan = asked.plan(self.now())?;
        let counting = self
            .counting(tenant, "stats", asked.after.as_deref(), &plan)
            .await?;
        let plan = asked.plan(counting.now)?;
        let (events, fresh_until) = counting
            .answer(&plan, events(&counting, &plan, conditions))
            .await?;
        let seconds = seconds(plan.range, counting.now);
        Ok(Overview {
            range: plan.range,
            fresh_until,
            events_per_second: (float(events.total) / seconds * 1_000.0).round() / 1_000.0,
            events,
        })
    }
}

/// Counts the events of a plan.
pub(super) async fn events(
    counting: &Counting<'_>,
    plan: &Plan,
    conditions: Conditions,
) -> Result<Events, ApiError> {
    let summaries = BY.map(|dimension| Summary::new(Rollup::Events, &[dimension], MAX_GROUPS));
    let sink = Summaries {
        summaries,
        conditions,
    };
    let read = counting.reader(Rollup::Events, plan).read(sink).await?;
    let total = read.summaries[0].total().count;
    let is_lower_bound = read.summaries.iter().any(Summary::is_lower_bound);
    let [
        (by_kind, _),
        (by_severity, _),
        (by_service, services),
        (by_environment, environments),
    ] = read.summaries.map(|summary| counts(&summary));
    Ok(Events {
        total,
        by_kind,
        by_severity,
        by_service,
        by_environment,
        other_services: services,
        other_environments: environments,
        is_lower_bound: is_lower_bound || services > 0 || environments > 0,
    })
}

/// Sums by one dimension each.
struct Summaries {
    summaries: [Summary; BY.len()],
    conditions: Conditions,
}

impl Sink for Summaries {
    fn add(&mut self, _: Window, row: &Row) {
        for summary in &mut self.summaries {
            summary.add(row, |group| self.conditions.keep(group));
        }
    }
}

/// Counts by texts, and of what had no room.
fn counts(summary: &Summary) -> (BTreeMap<String, u64>, u64) {
    let mut other = 0;
    let mut counts = BTreeMap::new();
    for (values, aggregate) in summary.groups() {
        match values.first() {
            Some(Value::Text(text)) => *counts.entry(text.to_string()).or_default() += aggregate.count,
            Some(Value::Absent) | None => *counts.entry(String::new()).or_default() += aggregate.count,
            Some(Value::Other) => other += aggregate.count,
        }
    }
    (counts, other)
}

/// The seconds of a range that have passed, or all where none has.
fn seconds(range: TimeRange, now: Millis) -> f64 {
    let passed = range.to.min(now).since(range.from);
    let ms = if passed > 0 {
        passed
    } else {
        range.to.since(range.from)
    };
    float(u64::try_from(ms).unwrap_or(1)) / 1_000.0
}
