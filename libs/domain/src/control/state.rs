//! The fold of the control topic: tenants, keys, limits, spreads and services as they are.
//!
//! A clone shares with the original what has not changed, so showing each change to all readers is cheap.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{Entity, Record, TopicsRecord};
use super::shards::Shards;
use super::{KeyRecord, LimitsRecord, Revocation, ServiceRecord, SpreadRecord, TenantRecord};
use crate::key::KeyId;
use crate::source::FIRST_GENERATION;
use crate::tenant::TenantId;
use crate::time::Millis;

type Services = Arc<BTreeMap<Box<str>, Arc<ServiceRecord>>>;

/// The fold of the control topic so far.
#[derive(Clone, Debug, Default)]
pub struct State {
    tenants: Shards<TenantId, Arc<TenantRecord>>,
    keys: Shards<KeyId, Arc<KeyRecord>>,
    revoked: Shards<KeyId, Millis>,
    limits: Shards<TenantId, Arc<LimitsRecord>>,
    spreads: Shards<TenantId, Arc<SpreadRecord>>,
    services: Shards<TenantId, Services>,
    topics: Option<TopicsRecord>,
}

impl State {
    /// Folds the next record in. Tenants, keys and revocations are never removed; heartbeats are not of the state.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Tenant(tenant) => self.tenants.insert(tenant.id.clone(), Arc::new(tenant)),
            Record::Key(key) => {
                let key = self.sharing_its_tenant(key);
                self.keys.insert(key.id, Arc::new(key));
            }
            Record::Revocation(revocation) => {
                // The first one counts: a later one may not move it.
                if !self.revoked.contains(&revocation.key) {
                    self.revoked.insert(revocation.key, revocation.revoked_at);
                }
            }
            Record::Limits(limits) => self.limits.insert(limits.tenant.clone(), Arc::new(limits)),
            Record::Spread(spread) => self.spreads.insert(spread.tenant.clone(), Arc::new(spread)),
            Record::Service(service) => self.insert_service(service),
            Record::Topics(topics) => self.topics = Some(topics),
            Record::Removed(Entity::Limits(tenant)) => self.limits.remove(&tenant),
            Record::Removed(Entity::Service(tenant, name)) => self.remove_service(&tenant, &name),
            Record::Removed(_) | Record::Heartbeat(_) | Record::Unknown => {}
        }
    }

    /// The record of this entity as it is, to compare with and to show.
    pub fn record(&self, entity: &Entity) -> Option<Record> {
        Some(match entity {
            Entity::Tenant(id) => Record::Tenant(self.tenant(id)?.clone()),
            Entity::Key(id) => Record::Key(self.key(id)?.clone()),
            Entity::Revocation(id) => Record::Revocation(Revocation {
                key: *id,
                revoked_at: self.revoked_at(id)?,
            }),
            Entity::Limits(id) => Record::Limits(self.limits(id)?.clone()),
            Entity::Spread(id) => Record::Spread(self.spread(id)?.clone()),
            Entity::Service(id, name) => Record::Service(self.service(id, name)?.clone()),
            Entity::Topics => Record::Topics(self.topics.clone()?),
            Entity::Heartbeat(_) | Entity::Unknown => return None,
        })
    }

    /// All records, in the order of their keys in the topic.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let mut entities: Vec<(String, Entity)> = self
            .entities()
            .filter_map(|entity| Some((entity.log_key()?, entity)))
            .collect();
        entities.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        entities
            .into_iter()
            .filter_map(|(_, entity)| self.record(&entity))
    }

    fn entities(&self) -> impl Iterator<Item = Entity> {
        let services = self.services.iter().flat_map(|(tenant, services)| {
            services
                .keys()
                .map(|name| Entity::Service(tenant.clone(), name.clone()))
        });
        let topics = self.topics.iter().map(|_| Entity::Topics);
        topics
            .chain(self.tenants.iter().map(|(id, _)| Entity::Tenant(id.clone())))
            .chain(self.keys.iter().map(|(id, _)| Entity::Key(*id)))
            .chain(self.revoked.iter().map(|(id, _)| Entity::Revocation(*id)))
            .chain(self.limits.iter().map(|(id, _)| Entity::Limits(id.clone())))
            .chain(self.spreads.iter().map(|(id, _)| Entity::Spread(id.clone())))
            .chain(services)
    }

    /// The topics of events as somebody last said; none where they are those of the beginning.
    pub fn topics(&self) -> Option<&TopicsRecord> {
        self.topics.as_ref()
    }

    /// The generation of the topics of events.
    pub fn generation(&self) -> u32 {
        self.topics
            .as_ref()
            .map_or(FIRST_GENERATION, |topics| topics.generation)
    }

    /// All tenants, in no order.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantRecord> {
        self.tenants.iter().map(|(_, tenant)| tenant.as_ref())
    }

    /// The tenant of this id.
    pub fn tenant(&self, id: &TenantId) -> Option<&TenantRecord> {
        self.tenants.get(id).map(AsRef::as_ref)
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &KeyRecord> {
        self.keys.iter().map(|(_, key)| key.as_ref())
    }

    /// How many keys there are.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The key of this id.
    pub fn key(&self, id: &KeyId) -> Option<&KeyRecord> {
        self.key_record(id).map(AsRef::as_ref)
    }

    pub(super) fn key_record(&self, id: &KeyId) -> Option<&Arc<KeyRecord>> {
        self.keys.get(id)
    }

    /// Whether this key was revoked.
    pub fn is_revoked(&self, id: &KeyId) -> bool {
        self.revoked.contains(id)
    }

    /// When this key was revoked.
    pub fn revoked_at(&self, id: &KeyId) -> Option<Millis> {
        self.revoked.get(id).copied()
    }

    /// The limits of a tenant that has some of its own.
    pub fn limits(&self, tenant: &TenantId) -> Option<&LimitsRecord> {
        self.limits.get(tenant).map(AsRef::as_ref)
    }

    /// The spread of a tenant that has steps.
    pub fn spread(&self, tenant: &TenantId) -> Option<&SpreadRecord> {
        self.spreads.get(tenant).map(AsRef::as_ref)
    }

    /// The services of a tenant, by name.
    pub fn services(&self, tenant: &TenantId) -> impl Iterator<Item = &ServiceRecord> {
        let services = self.services.get(tenant);
        services
            .into_iter()
            .flat_map(|services| services.values().map(AsRef::as_ref))
    }

    /// The service of this name.
    pub fn service(&self, tenant: &TenantId, name: &str) -> Option<&ServiceRecord> {
        self.services.get(tenant)?.get(name).map(AsRef::as_ref)
    }

    /// Many keys have one tenant: they share its name.
    fn sharing_its_tenant(&self, key: KeyRecord) -> KeyRecord {
        let shared = key
            .tenant
            .as_ref()
            .and_then(|id| self.tenant(id))
            .map(|tenant| tenant.id.clone());
        KeyRecord {
            tenant: shared.or(key.tenant),
            ..key
        }
    }

    fn insert_service(&mut self, service: ServiceRecord) {
        let mut services = self.services.get(&service.tenant).cloned().unwrap_or_default();
        let tenant = service.tenant.clone();
        Arc::make_mut(&mut services).insert(service.name.clone(), Arc::new(service));
        self.services.insert(tenant, services);
    }

    fn remove_service(&mut self, tenant: &TenantId, name: &str) {
        let Some(mut services) = self.services.get(tenant).cloned() else {
            return;
        };
        Arc::make_mut(&mut services).remove(name);
        if services.is_empty() {
            self.services.remove(tenant);
        } else {
            self.services.insert(tenant.clone(), services);
        }
    }
}

#[cfg(test)]
mod tests;
