//! Setting the limits of a tenant, and giving it the partitions that its rate asks for.

use domain::control::{ANNOUNCE_MS, LimitsRecord, Record, SpreadRecord, State};
use domain::limits::Limits;
use domain::tenant::TenantId;

use super::{Decision, Writer, check_version, open_tenant};
use crate::Error;
use crate::by::By;
use crate::request::{LimitsChange, none_wrong};

/// A step of the spread that follows from a rate takes effect so long after the earliest moment that it may.
const MARGIN_MS: i64 = 60_000;

impl Writer {
    /// Sets the limits of a tenant, whole. `configured` are the sizes without any of its own. A higher rate may announce a step of its spread.
    pub async fn set_limits(
        &self,
        by: &By,
        tenant: &TenantId,
        change: LimitsChange,
        configured: &Limits,
        expected: Option<u64>,
    ) -> Result<LimitsRecord, Error> {
        let decide = |state: &State| {
            open_tenant(state, tenant)?;
            let version = state.limits(tenant).map_or(0, |limits| limits.version);
            check_version("limits of", tenant, expected, version)?;
            let limits = LimitsRecord {
                tenant: tenant.clone(),
                rates: change.rates.clone(),
                sizes: change.sizes.clone(),
                dry_run: change.dry_run,
                future: change.future,
                updated_at: self.0.now(),
                version: version.saturating_add(1),
            };
            none_wrong(limits.wrong(configured))?;
            let spread = self.spread_for(state, &limits);
            let records = std::iter::once(Record::Limits(limits.clone())).chain(spread.map(Record::Spread));
            Ok(Decision {
                action: "limits.set",
                records: records.collect(),
                answer: limits,
            })
        };
        self.0.change(by, decide).await
    }

    /// One more step, where the rate asks for more partitions than the tenant has or will have.
    fn spread_for(&self, state: &State, limits: &LimitsRecord) -> Option<SpreadRecord> {
        let wanted = SpreadRecord::for_rate(limits.rates.events_per_second?);
        let known = state.spread(&limits.tenant).cloned();
        let spread = known.unwrap_or_else(|| SpreadRecord::new(limits.tenant.clone()));
        if wanted <= spread.last() {
            return None;
        }
        let now = self.0.now();
        let earliest = now.plus_ms(ANNOUNCE_MS + MARGIN_MS);
        let behind_the_last = spread.steps.last().map_or(earliest, |step| step.from.plus_ms(1));
        // Where there are too many steps already the tenant stays as it is: it is slower and nothing is wrong.
        spread.with_step(wanted, earliest.max(behind_the_last), now).ok()
    }
}
