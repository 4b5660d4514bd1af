//! One event by its id.

use domain::id::EventId;
use domain::record::Enriched;
use domain::tenant::TenantId;
use edge::{ApiError, ErrorCode};
use store::STORING_SERVICE;

use crate::fault;
use crate::service::Service;

impl Service {
    /// The event of this id, if the tenant has it. One that is unknown, expired, deleted or another tenant's is
    /// not found; one that `after` names and that is on its way is waited for.
    pub(crate) async fn get(
        &self,
        tenant: &TenantId,
        id: &str,
        after: Option<&str>,
    ) -> Result<Enriched, ApiError> {
        let id = EventId::parse(id).map_err(|_| fault::of_id(id))?;
        if let Some(event) = self.find(tenant, id).await? {
            return Ok(event);
        }
        if let Some(token) = after {
            self.visible(tenant, token, STORING_SERVICE).await?;
            if let Some(event) = self.find(tenant, id).await? {
                return Ok(event);
            }
        }
        Err(ApiError::new(
            ErrorCode::NotFound,
            "there is no event with this id",
        ))
    }

    async fn find(&self, tenant: &TenantId, id: EventId) -> Result<Option<Enriched>, ApiError> {
        let found = self.events().fetch(tenant, &[id], self.now()).await;
        Ok(found.map_err(|error| fault::of_store(&error))?.pop())
    }
}
