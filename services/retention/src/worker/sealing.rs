//! What a worker seals, and when: units first, then the mark.

use domain::index::manifest::Covers;
use domain::tenant::TenantId;
use futures::StreamExt;
use futures::stream;
use store::index::Mark;
use tokio::time::Instant;

use super::Storing;
use crate::error::Error;
use crate::metric_definitions as definitions;
use crate::seal::{self, Part};
use crate::unsealed::Reason;

impl Storing {
    pub(super) async fn seal_due(&mut self) -> Result<(), Error> {
        match self.unsealed.due(Instant::now()) {
            Some(reason) => self.seal_all(reason).await,
            None => self.seal(self.unsealed.full(), Reason::Tenant).await,
        }
    }

    /// Seals everything and says so. Only when everything that was taken is put.
    pub(super) async fn seal_all(&mut self, reason: Reason) -> Result<(), Error> {
        let Some(position) = self.reached.position() else {
            return Ok(());
        };
        self.seal(self.unsealed.tenants(), reason).await?;
        metrics::counter!(definitions::SEALS, "reason" => reason.name()).increment(1);
        let mark = Mark {
            position,
            minute: self.minute,
        };
        self.sealer.index.advance_mark(self.source, mark).await?;
        self.mark = Some(mark);
        for (tenant, period) in self.unsealed.marked() {
            self.merges.offer(tenant, period, self.source);
        }
        Ok(())
    }

    /// Seals what there is of these tenants, several at once. After an error those that were sealed stay so.
    async fn seal(&mut self, tenants: Vec<TenantId>, reason: Reason) -> Result<(), Error> {
        let parts: Vec<_> = tenants.into_iter().map(|tenant| self.part(tenant)).collect();
        let sealing = parts.into_iter().map(|part| self.sealer.clone().seal(part));
        let mut sealing = stream::iter(sealing.collect::<Vec<_>>()).buffer_unordered(seal::AT_ONCE);
        while let Some(sealed) = sealing.next().await {
            let (tenant, through, periods) = sealed?;
            self.unsealed.sealed(&tenant, through, periods);
            self.metrics.unsealed(&self.unsealed);
            if reason == Reason::Tenant {
                metrics::counter!(definitions::SEALS, "reason" => reason.name()).increment(1);
            }
        }
        Ok(())
    }

    fn part(&self, tenant: TenantId) -> Part {
        let (segments, before) = self.unsealed.of_tenant(&tenant);
        let marked = self.mark.map_or(0, |mark| mark.position.origin);
        let claim = Covers {
            after: before.unwrap_or(marked),
            through: self.reached.position().map_or(0, |reached| reached.origin),
            minute: self.minute,
        };
        Part {
            tenant,
            segments,
            claim,
        }
    }
}
