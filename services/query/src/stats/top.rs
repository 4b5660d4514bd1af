//! The greatest groups of a range.

use domain::range::TimeRange;
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::ApiError;

use super::asked::{AskedTop, MAX_TOP, Ranking, limit};
use super::chosen::{Chosen, greatest};
use crate::service::Service;

/// An answer.
pub(crate) struct Top {
    pub(crate) range: TimeRange,
    pub(crate) fresh_until: Option<Millis>,
    pub(crate) of: Ranking,
    /// The greatest first, then all others.
    pub(crate) groups: Vec<Chosen>,
    pub(crate) is_lower_bound: bool,
}

impl Service {
    /// The greatest groups of a range.
    pub(crate) async fn top(&self, tenant: &TenantId, asked: &AskedTop) -> Result<Top, ApiError> {
        let shape = asked.common.shape(asked.of.rollup(), asked.of.by())?;
        let limit = limit(asked.limit, MAX_TOP)?;
        let plan = asked.common.plan(self.now())?;
        let counting = self
            .counting(tenant, "top", asked.common.after.as_deref(), &plan)
            .await?;
        let plan = asked.common.plan(counting.now)?;
        let mut reader = counting.reader(asked.of.rollup(), &plan);
        let reading = greatest(&mut reader, shape, limit, None);
        let (greatest, fresh_until) = counting.answer(&plan, reading).await?;
        Ok(Top {
            range: plan.range,
            fresh_until,
            of: asked.of,
            groups: greatest.lines,
            is_lower_bound: greatest.is_lower_bound,
        })
    }
}
