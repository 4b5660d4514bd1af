//! The registry of a tenant's services.

use domain::control::{Entity, MAX_SERVICES, Record, ServiceRecord, State};
use domain::tenant::TenantId;

use super::{Decision, Writer, check_version, not_found, open_tenant};
use crate::Error;
use crate::by::By;
use crate::request::{ServiceChange, invalid, none_wrong};

impl Writer {
    /// Registers a service, or says something else of it.
    pub async fn set_service(
        &self,
        by: &By,
        tenant: &TenantId,
        name: &str,
        change: ServiceChange,
        expected: Option<u64>,
    ) -> Result<ServiceRecord, Error> {
        let boxed = |text: &Option<String>| text.as_deref().map(Into::into);
        let decide = |state: &State| {
            open_tenant(state, tenant)?;
            let version = state.service(tenant, name).map_or(0, |service| service.version);
            check_version("service", &name, expected, version)?;
            if version == 0 && state.services(tenant).count() >= MAX_SERVICES {
                let message = format!("tenant {tenant} has {MAX_SERVICES} services, no more are allowed");
                return Err(invalid("name", message));
            }
            let service = ServiceRecord {
                tenant: tenant.clone(),
                name: name.into(),
                team: boxed(&change.team),
                tier: boxed(&change.tier),
                repository: boxed(&change.repository),
                slo: change.slo,
                updated_at: self.0.now(),
                version: version.saturating_add(1),
            };
            none_wrong(service.wrong())?;
            Ok(Decision::one(
                "service.set",
                Record::Service(service.clone()),
                service,
            ))
        };
        self.0.change(by, decide).await
    }

    /// Takes a service out of the registry.
    pub async fn remove_service(
        &self,
        by: &By,
        tenant: &TenantId,
        name: &str,
        expected: Option<u64>,
    ) -> Result<(), Error> {
        let decide = |state: &State| {
            open_tenant(state, tenant)?;
            let service = state
                .service(tenant, name)
                .ok_or_else(|| not_found("service", &name))?;
            check_version("service", &name, expected, service.version)?;
            let entity = Entity::Service(tenant.clone(), name.into());
            Ok(Decision::one("service.remove", Record::Removed(entity), ()))
        };
        self.0.change(by, decide).await
    }
}
