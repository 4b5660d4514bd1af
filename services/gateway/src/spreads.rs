//! The partitions of each tenant, kept so that they are not ranked again for every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use domain::routing::{DEFAULT_SPREAD, Spread};
use domain::tenant::TenantId;

/// Tenants whose spread is kept; with more of them all are ranked anew.
const MAX_TENANTS: usize = 16_384;

/// A spread per tenant, all over the same number of partitions.
pub(crate) struct Spreads {
    partitions: u32,
    known: RwLock<HashMap<TenantId, Arc<Spread>>>,
}

impl Spreads {
    pub(crate) fn new(partitions: u32) -> Self {
        Self {
            partitions,
            known: RwLock::default(),
        }
    }

    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<Spread> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(spread) = known.get(tenant) {
            return Arc::clone(spread);
        }
        drop(known);
        let spread = Arc::new(Spread::new(tenant, self.partitions, DEFAULT_SPREAD));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_TENANTS {
            known.clear();
        }
        known.insert(tenant.clone(), Arc::clone(&spread));
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_keeps_its_partitions_and_the_memory_is_bounded() {
        let spreads = Spreads::new(16);
        let demo = TenantId::parse("demo").unwrap();
        let first = spreads.of(&demo);
        assert_eq!(*first, Spread::new(&demo, 16, DEFAULT_SPREAD));
        for number in 0..=MAX_TENANTS {
            spreads.of(&TenantId::parse(&format!("t{number}")).unwrap());
        }
        assert!(spreads.known.read().unwrap().len() <= MAX_TENANTS);
        assert_eq!(spreads.of(&demo), first);
    }
}
