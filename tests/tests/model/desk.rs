//! A store whose writes ask the test what becomes of them: done, done in part, done later, or lost. Reads are the
//! store's own.

use std::sync::Arc;

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::embedded::Embedded;
use store::index::{Fresh, FreshPlace, Index, Mark, Page};
use store::{Error, Events, Position, Progress, Scan};
use tokio::sync::oneshot;

use crate::questions::Questions;

/// The store as one process sees it.
pub(crate) struct Desk {
    store: Embedded,
    questions: Arc<Questions<Write>>,
}

/// A write that is on its way.
pub(crate) struct Write {
    pub(crate) content: Content,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// What is written.
pub(crate) enum Content {
    /// Rows, at this time.
    Rows(Vec<Enriched>, Millis),
    /// The position of a service in a source.
    Position(String, Source, Position),
    /// Where fresh segments are.
    FreshPlaces(Vec<TenantId>, Source, Minute, Millis),
    /// Fresh segments.
    Fresh(Source, Minute, Vec<Fresh>, Millis),
    /// Pages of a unit, and until when they are kept.
    Pages(UnitRef, Vec<Page>, Millis, Millis),
    /// An entry of the manifest.
    Entry(TenantId, Box<Entry>, Millis),
    /// The mark of a source.
    Mark(Source, Mark),
}

impl Desk {
    pub(crate) fn new(store: &Embedded) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            questions: Arc::new(Questions::new()),
        })
    }

    pub(crate) fn questions(&self) -> &Arc<Questions<Write>> {
        &self.questions
    }

    async fn ask(&self, content: Content) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.questions.ask(Write { content, answer });
        answered.await.unwrap()
    }
}

impl Content {
    /// Reaches the store.
    pub(crate) async fn land(self, store: &Embedded) {
        match self {
            Self::Rows(rows, now) => store.put(&rows, now).await.unwrap(),
            Self::Position(service, source, position) => {
                store.advance(&service, source, position).await.unwrap();
            }
            Self::FreshPlaces(tenants, source, minute, now) => {
                store.mark_fresh(&tenants, source, minute, now).await.unwrap();
            }
            Self::Fresh(source, minute, segments, now) => {
                store.put_fresh(source, minute, &segments, now).await.unwrap();
            }
            Self::Pages(unit, pages, keep_until, now) => {
                store.put_pages(unit, pages, keep_until, now).await.unwrap();
            }
            Self::Entry(tenant, entry, now) => store.list(&tenant, &entry, now).await.unwrap(),
            Self::Mark(source, mark) => store.advance_mark(source, mark).await.unwrap(),
        }
    }

    /// The first `count` rows, segments or pages of it; anything else is whole or nothing.
    fn first(mut self, count: usize) -> Option<Self> {
        match &mut self {
            Self::Rows(rows, _) => rows.truncate(count),
            Self::Fresh(_, _, segments, _) => segments.truncate(count),
            Self::Pages(_, pages, ..) => pages.truncate(count),
            Self::Position(..) | Self::FreshPlaces(..) | Self::Entry(..) | Self::Mark(..) => {
                return (count > 0).then_some(self);
            }
        }
        Some(self)
    }
}

impl Write {
    /// It is done, and the process hears of it.
    pub(crate) async fn acknowledge(self, store: &Embedded) {
        self.content.land(store).await;
        // A process that is gone hears nothing.
        let _gone = self.answer.send(Ok(()));
    }

    /// A first part is done, and the process takes all for failed.
    pub(crate) async fn fail(self, store: &Embedded, done: usize) {
        if let Some(part) = self.content.first(done) {
            part.land(store).await;
        }
        let _gone = self.answer.send(Err(unavailable()));
    }

    /// The process takes it for failed, and it reaches the store later.
    pub(crate) fn delay(self) -> Content {
        let _gone = self.answer.send(Err(unavailable()));
        self.content
    }
}

fn unavailable() -> Error {
    let reason = "the test said so".to_owned();
    Error::Unavailable { reason }
}

#[async_trait]
impl Events for Desk {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        self.ask(Content::Rows(rows.to_vec(), now)).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        self.store.fetch_in(tenant, ids, classes, now).await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        self.store.ids(tenant, range, order, limit).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        self.store.delete(tenant, id, keep_until).await
    }
}

#[async_trait]
impl Progress for Desk {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        self.store.position(service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        self.ask(Content::Position(service.to_owned(), source, position))
            .await
    }
}

#[async_trait]
impl Index for Desk {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        self.ask(Content::FreshPlaces(tenants.to_vec(), source, minute, now))
            .await
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        self.store.fresh_places(tenant).await
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        self.ask(Content::Fresh(source, minute, segments.to_vec(), now))
            .await
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        self.store.fresh(tenant, source, minute, after).await
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        self.ask(Content::Pages(unit, pages, keep_until, now)).await
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        self.store.page(unit, key).await
    }

    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error> {
        self.store.pages(unit, begin, end, limit).await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        self.store.remove_unit(unit).await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        self.ask(Content::Entry(tenant.clone(), Box::new(entry.clone()), now))
            .await
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        self.store.unlist(tenant, entry).await
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        self.store.manifest(tenant, period).await
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        self.store.mark(source).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error> {
        self.ask(Content::Mark(source, mark)).await
    }
}
