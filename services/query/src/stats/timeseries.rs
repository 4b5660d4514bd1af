//! The greatest groups over time.

use domain::range::TimeRange;
use domain::rollup::{Dimension, Rollup};
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::ApiError;

use super::asked::{AskedSeries, MAX_SERIES, limit};
use super::chosen::{Chosen, greatest};
use super::plan::{Plan, Points};
use crate::service::Service;

/// An answer.
pub(crate) struct Timeseries {
    pub(crate) range: TimeRange,
    pub(crate) fresh_until: Option<Millis>,
    pub(crate) of: Rollup,
    pub(crate) by: Vec<Dimension>,
    pub(crate) points: Points,
    /// The greatest first, then all others.
    pub(crate) series: Vec<Chosen>,
    pub(crate) is_lower_bound: bool,
}

impl Service {
    /// The series of a range.
    pub(crate) async fn timeseries(
        &self,
        tenant: &TenantId,
        asked: &AskedSeries,
    ) -> Result<Timeseries, ApiError> {
        let by = asked.by()?;
        let shape = asked.common.shape(asked.of, &by)?;
        let limit = limit(asked.limit, MAX_SERIES)?;
        let plan = |now| {
            let (from, to) = (asked.common.from.as_deref(), asked.common.to.as_deref());
            Plan::of_points(from, to, asked.step, now)
        };
        // What is wrong is said before anybody waits.
        let (before, _) = plan(self.now())?;
        let counting = self
            .counting(tenant, "timeseries", asked.common.after.as_deref(), &before)
            .await?;
        let (plan, points) = plan(counting.now)?;
        let mut reader = counting.reader(asked.of, &plan);
        let reading = greatest(&mut reader, shape, limit, Some(points));
        let (greatest, fresh_until) = counting.answer(&plan, reading).await?;
        Ok(Timeseries {
            range: plan.range,
            fresh_until,
            of: asked.of,
            by,
            points,
            series: greatest.lines,
            is_lower_bound: greatest.is_lower_bound,
        })
    }
}
