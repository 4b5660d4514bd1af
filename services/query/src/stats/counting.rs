//! One request for statistics that is let in: what it may read, and how far the rows were written when it began.

use std::time::{Duration, Instant};

use domain::rollup::Rollup;
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::ApiError;
use store::{COUNTED_MINUTES, COUNTING_SERVICE};

use super::fresh::Counted;
use super::plan::Plan;
use super::read::{Reader, Spent};
use crate::admission::Permit;
use crate::service::Service;
use crate::{fault, metric_definitions as definitions};

/// Charges its tenant for what it has read, however it ends: also when nobody waits for it any more.
pub(super) struct Counting<'a> {
    service: &'a Service,
    tenant: &'a TenantId,
    kind: &'static str,
    started: Instant,
    spent: Spent,
    /// Relative times are resolved with it.
    pub(super) now: Millis,
    _permit: Permit,
}

impl Service {
    /// Waits for the write that the request names, in all rows that its plan reads, then lets it in.
    pub(super) async fn counting<'a>(
        &'a self,
        tenant: &'a TenantId,
        kind: &'static str,
        after: Option<&str>,
        plan: &Plan,
    ) -> Result<Counting<'a>, ApiError> {
        if let Some(token) = after {
            let service = if plan.has_hours() {
                COUNTING_SERVICE
            } else {
                COUNTED_MINUTES
            };
            self.visible(tenant, token, service).await?;
        }
        let permit = self.counts().enter(tenant)?;
        self.is_within_budget(tenant)?;
        Ok(Counting {
            service: self,
            tenant,
            kind,
            started: Instant::now(),
            spent: Spent::default(),
            now: self.now(),
            _permit: permit,
        })
    }
}

impl Counting<'_> {
    /// Reads rows of a rollup.
    pub(super) fn reader<'a>(&'a self, rollup: Rollup, plan: &'a Plan) -> Reader<'a> {
        Reader {
            rollups: self.service.rollups(),
            tenant: self.tenant,
            rollup,
            plan,
            max_bytes: self.service.config().stats.bytes.as_u64(),
            spent: &self.spent,
            kept: None,
        }
    }

    /// How far the rows of a plan are written. To be asked before they are read.
    pub(super) async fn counted(&self, plan: &Plan) -> Result<Counted, ApiError> {
        let partitions = self.service.ends().partitions_of(self.tenant).await;
        let counted = Counted::read(self.service.progress(), partitions, plan.has_hours()).await;
        counted.map_err(|error| fault::of_store(&error))
    }

    /// Reads, within the time that a request may take, and meanwhile finds out since when what is read is not whole.
    pub(super) async fn answer<T>(
        &self,
        plan: &Plan,
        reading: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<(T, Option<Millis>), ApiError> {
        let within: Duration = self.service.config().stats.time.duration();
        let answering = async {
            let counted = self.counted(plan).await?;
            let (read, fresh_until) = tokio::join!(reading, self.service.ends().fresh_until(&counted));
            Ok::<_, ApiError>((read?, fresh_until))
        };
        let answered = tokio::time::timeout(within, answering).await;
        let answer = answered.map_err(|_elapsed| fault::rows_took_too_long(within))??;
        metrics::counter!(definitions::STATS, "kind" => self.kind).increment(1);
        metrics::histogram!(definitions::STATS_SECONDS, "kind" => self.kind).record(self.started.elapsed());
        Ok(answer)
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        metrics::counter!(definitions::STATS_BYTES).increment(self.spent.bytes());
        let now = tokio::time::Instant::now();
        self.service.budget().charge(self.tenant, self.spent.cost(), now);
    }
}
