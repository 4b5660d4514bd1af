//! A store whose writes ask the test what becomes of them: done, done in part, done later, or lost. Reads are the
//! store's own.

use std::sync::Arc;

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::embedded::Embedded;
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
        }
    }

    /// The first `count` rows of it; a position is whole or nothing.
    fn first(self, count: usize) -> Option<Self> {
        match self {
            Self::Rows(mut rows, now) => {
                rows.truncate(count);
                Some(Self::Rows(rows, now))
            }
            position @ Self::Position(..) => (count > 0).then_some(position),
        }
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

    async fn fetch(&self, tenant: &TenantId, ids: &[EventId], now: Millis) -> Result<Vec<Enriched>, Error> {
        self.store.fetch(tenant, ids, now).await
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
