//! How many requests may do the same at once: of one tenant, and in all. Nobody queues: who does not fit is told
//! to come again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::tenant::TenantId;
use edge::{ApiError, ErrorCode};

use crate::metric_definitions as definitions;

const RETRY_MS: u32 = 1_000;

/// Counts those who are in. Clones share it.
#[derive(Clone)]
pub(crate) struct Gate {
    kind: &'static str,
    per_tenant: u32,
    at_once: u32,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    all: u32,
    /// Has only tenants with someone in, so it is no larger than `all`.
    by_tenant: HashMap<TenantId, u32>,
}

/// Leave to be in, until it is dropped.
pub(crate) struct Permit {
    gate: Gate,
    tenant: TenantId,
}

impl Gate {
    /// A gate for so many. `kind` is their name in metrics and messages.
    pub(crate) fn new(kind: &'static str, per_tenant: u32, at_once: u32) -> Self {
        Self {
            kind,
            per_tenant,
            at_once,
            inside: Arc::default(),
        }
    }

    /// Lets one more of this tenant in.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<Permit, ApiError> {
        let mut inside = self.inside();
        if inside.all >= self.at_once {
            return Err(self.refusal("are under way; try again"));
        }
        let own = inside.by_tenant.get(tenant).copied().unwrap_or(0);
        if own >= self.per_tenant {
            return Err(self.refusal(&format!(
                "of this tenant are under way; {} may be",
                self.per_tenant
            )));
        }
        inside.all += 1;
        inside.by_tenant.insert(tenant.clone(), own + 1);
        Ok(Permit {
            gate: self.clone(),
            tenant: tenant.clone(),
        })
    }

    fn refusal(&self, detail: &str) -> ApiError {
        metrics::counter!(definitions::REFUSED, "kind" => self.kind).increment(1);
        let detail = format!("too many requests of the kind {} {detail}", self.kind);
        ApiError::new(ErrorCode::Limited, detail).with_retry_after(RETRY_MS)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Counts are whole at every point where a panic could strike.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inside = self.gate.inside();
        inside.all = inside.all.saturating_sub(1);
        if let Some(own) = inside.by_tenant.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                inside.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[test]
    fn one_tenant_has_its_share_and_all_have_the_whole() {
        let gate = Gate::new("search", 2, 3);
        let (a, b) = (tenant("a"), tenant("b"));
        let of_a = [gate.enter(&a), gate.enter(&a)].map(Result::unwrap);
        let refused = gate.enter(&a).err().unwrap();
        assert_eq!(
            (refused.code, refused.retry_after_ms),
            (ErrorCode::Limited, Some(RETRY_MS))
        );
        let of_b = gate.enter(&b).unwrap();
        assert!(gate.enter(&b).is_err());
        drop(of_a);
        assert!(gate.enter(&b).is_ok());
        drop(of_b);
        assert!(gate.inside().by_tenant.is_empty());
    }
}
