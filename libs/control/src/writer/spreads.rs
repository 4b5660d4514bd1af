//! Announcing over how many partitions a tenant will be spread.

use domain::control::{Record, SpreadRecord, State, Wrong};
use domain::tenant::TenantId;
use domain::time::Millis;

use super::{Decision, Writer, check_version, open_tenant};
use crate::Error;
use crate::by::By;
use crate::request::invalid;

impl Writer {
    /// Announces that a tenant has so many partitions for events whose id has the time `from` or a later one.
    pub async fn announce_spread(
        &self,
        by: &By,
        tenant: &TenantId,
        partitions: u32,
        from: Millis,
        expected: Option<u64>,
    ) -> Result<SpreadRecord, Error> {
        let decide = |state: &State| {
            open_tenant(state, tenant)?;
            let known = state.spread(tenant).cloned();
            let before = known.unwrap_or_else(|| SpreadRecord::new(tenant.clone()));
            check_version("spread of", tenant, expected, before.version)?;
            let spread = before
                .with_step(partitions, from, self.0.now())
                .map_err(|Wrong { field, message }| invalid(field, message))?;
            Ok(Decision::one(
                "spread.announce",
                Record::Spread(spread.clone()),
                spread,
            ))
        };
        self.0.change(by, decide).await
    }
}
