//! Deletion of one event by its id.

use domain::id::EventId;
use domain::retention::Class;
use domain::tenant::TenantId;
use edge::ApiError;

use crate::fault;
use crate::service::{Service, max_age_ms};

impl Service {
    /// Deletes the event of this id, whether it is stored, on its way or unknown: the answer is the same, and
    /// asking again changes nothing.
    ///
    /// The marker outlives the event: one of this id is received at most [`max_age_ms`] after its time, if it is
    /// not on its way already, and lives for the longest class at the most.
    pub(crate) async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), ApiError> {
        let id = EventId::parse(id).map_err(|_| fault::of_id(id))?;
        let last_receipt = id.time().max(self.now()).plus_ms(max_age_ms());
        let keep_until = last_receipt.plus_ms(Class::LONGEST_MS);
        let deleted = self.events().delete(tenant, id, keep_until).await;
        deleted.map_err(|error| fault::of_store(&error))
    }
}
