//! One answer with what a first look at a tenant wants to know.

use domain::range::TimeRange;
use domain::rollup::Rollup;
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::ApiError;

use super::asked::{Asked, Ranking};
use super::conditions::Conditions;
use super::counting::Counting;
use super::overview::{Events, events};
use super::plan::Plan;
use super::series::{Lines, Series, Shape};
use super::tally::{self, Tally};
use super::values::Sum;
use crate::service::Service;

/// The dimensions that all its rollups have.
pub(crate) const FILTERS: [&str; 2] = ["service", "environment"];

/// An answer.
pub(crate) struct Summary {
    pub(crate) range: TimeRange,
    pub(crate) fresh_until: Option<Millis>,
    pub(crate) events: Events,
    pub(crate) requests: Sum,
    pub(crate) errors: Sum,
    /// Different errors.
    pub(crate) error_groups: u64,
    pub(crate) actions: Sum,
    pub(crate) is_lower_bound: bool,
}

impl Service {
    /// The summary of a range.
    pub(crate) async fn summary(&self, tenant: &TenantId, asked: &Asked) -> Result<Summary, ApiError> {
        let of = |rollup| asked.shape(rollup, &[]);
        let conditions = Conditions::new(Rollup::Events, &asked.filters)?;
        let (requests, actions) = (of(Rollup::Requests)?, of(Rollup::Actions)?);
        let (errors, groups) = (
            of(Rollup::Errors)?,
            asked.shape(Rollup::Errors, Ranking::Errors.by())?,
        );
        let plan = asked.plan(self.now())?;
        let counting = self
            .counting(tenant, "summary", asked.after.as_deref(), &plan)
            .await?;
        let plan = asked.plan(counting.now)?;
        let reading = Box::pin(async {
            tokio::try_join!(
                events(&counting, &plan, conditions),
                total(&counting, &plan, requests),
                counted_errors(&counting, &plan, errors, groups),
                total(&counting, &plan, actions),
            )
        });
        let ((events, requests, (errors, error_groups, all), actions), fresh_until) =
            counting.answer(&plan, reading).await?;
        let sums = [&requests, &errors, &actions];
        Ok(Summary {
            range: plan.range,
            fresh_until,
            is_lower_bound: events.is_lower_bound || !all || sums.iter().any(|lines| lines.is_lower_bound),
            events,
            requests: sum(requests),
            errors: sum(errors),
            error_groups,
            actions: sum(actions),
        })
    }
}

async fn total(counting: &Counting<'_>, plan: &Plan, shape: Shape) -> Result<Lines, ApiError> {
    let series = series(shape);
    Ok(counting
        .reader(series.rollup(), plan)
        .read(series)
        .await?
        .finish())
}

/// The sum of all errors, how many different ones there are, and whether that is exact.
async fn counted_errors(
    counting: &Counting<'_>,
    plan: &Plan,
    errors: Shape,
    groups: Shape,
) -> Result<(Lines, u64, bool), ApiError> {
    let tally = Tally::new(groups.places, groups.conditions, tally::MAX_BYTES);
    let (series, tally) = counting
        .reader(Rollup::Errors, plan)
        .read((series(errors), tally))
        .await?;
    let (groups, all) = tally.groups();
    Ok((series.finish(), groups, all))
}

/// Of one group, that of all events that are meant.
fn series(shape: Shape) -> Series {
    Series::new(shape, &[Vec::new()], None)
}

fn sum(lines: Lines) -> Sum {
    lines
        .chosen
        .into_iter()
        .next()
        .map(|line| line.total)
        .unwrap_or_default()
}
