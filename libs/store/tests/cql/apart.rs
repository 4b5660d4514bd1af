//! A part of a store that no other test sees: tenants and services get names of their own on the way in, and
//! theirs back on the way out. Everything else reaches the store as it is.

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::cql::Cql;
use store::{Error, Events, Position, Progress, Scan};

pub(crate) struct Apart {
    store: Cql,
    prefix: String,
}

impl Apart {
    pub(crate) fn new(store: Cql) -> Self {
        let prefix = format!("{}-", engines::unique("c").replace('_', "-"));
        Self { store, prefix }
    }

    fn inside(&self, tenant: &TenantId) -> TenantId {
        TenantId::parse(&format!("{}{tenant}", self.prefix)).expect("a valid name")
    }
}

#[async_trait]
impl Events for Apart {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            row.tenant = self.inside(&row.tenant);
        }
        self.store.put(&rows, now).await
    }

    async fn fetch(&self, tenant: &TenantId, ids: &[EventId], now: Millis) -> Result<Vec<Enriched>, Error> {
        let mut rows = self.store.fetch(&self.inside(tenant), ids, now).await?;
        for row in &mut rows {
            assert_eq!(row.tenant, self.inside(tenant));
            row.tenant = tenant.clone();
        }
        Ok(rows)
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        self.store.ids(&self.inside(tenant), range, order, limit).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        self.store.delete(&self.inside(tenant), id, keep_until).await
    }
}

#[async_trait]
impl Progress for Apart {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        let service = format!("{}{service}", self.prefix);
        self.store.position(&service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        let service = format!("{}{service}", self.prefix);
        self.store.advance(&service, source, position).await
    }
}
