//! Making, renaming and closing tenants.

use domain::control::{Record, State, TenantRecord};
use domain::tenant::TenantId;

use super::{Decision, Writer, check_version, not_found, open_tenant};
use crate::Error;
use crate::by::By;
use crate::request::check_name;

impl Writer {
    /// Makes a tenant; one of the same id is a conflict, also where it is closed.
    pub async fn create_tenant(&self, by: &By, id: TenantId, name: String) -> Result<TenantRecord, Error> {
        check_name(&name)?;
        let decide = |state: &State| {
            if state.tenant(&id).is_some() {
                let (entity, id) = ("tenant", id.to_string());
                return Err(Error::Conflict { entity, id });
            }
            let tenant = TenantRecord {
                id: id.clone(),
                name: name.as_str().into(),
                created_at: self.0.now(),
                closed_at: None,
                version: 1,
            };
            Ok(Decision::one(
                "tenant.create",
                Record::Tenant(tenant.clone()),
                tenant,
            ))
        };
        self.0.change(by, decide).await
    }

    /// Gives a tenant another name.
    pub async fn rename_tenant(
        &self,
        by: &By,
        id: &TenantId,
        name: String,
        expected: Option<u64>,
    ) -> Result<TenantRecord, Error> {
        check_name(&name)?;
        let decide = |state: &State| {
            let before = open_tenant(state, id)?;
            check_version("tenant", id, expected, before.version)?;
            let tenant = TenantRecord {
                name: name.as_str().into(),
                version: before.version.saturating_add(1),
                ..before.clone()
            };
            Ok(Decision::one(
                "tenant.rename",
                Record::Tenant(tenant.clone()),
                tenant,
            ))
        };
        self.0.change(by, decide).await
    }

    /// Closes a tenant for good: none of its keys opens anything from then on. Closing it again changes nothing.
    pub async fn close_tenant(
        &self,
        by: &By,
        id: &TenantId,
        expected: Option<u64>,
    ) -> Result<TenantRecord, Error> {
        let decide = |state: &State| {
            let before = state.tenant(id).ok_or_else(|| not_found("tenant", id))?;
            if !before.is_open() {
                return Ok(Decision::nothing("tenant.close", before.clone()));
            }
            check_version("tenant", id, expected, before.version)?;
            let tenant = TenantRecord {
                closed_at: Some(self.0.now()),
                version: before.version.saturating_add(1),
                ..before.clone()
            };
            Ok(Decision::one(
                "tenant.close",
                Record::Tenant(tenant.clone()),
                tenant,
            ))
        };
        self.0.change(by, decide).await
    }
}
