//! A search as a stream of its pages.
//!
//! It promises that a page is read when the one before was taken, so that a slow client holds one page; that each page
//! has the cursor to go on from; that nothing follows an error; and that nothing is read any more once the client is
//! gone. Each page is admitted like a search of its own, and tried again for a while, for what is under way ends soon.

use std::time::Duration;

use domain::tenant::TenantId;
use edge::{ApiError, ErrorCode};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use proto::v1::{SearchResponse, SearchStreamResponse};
use tokio::time::{Instant, sleep};
use tonic::Status;

use super::messages::{render, response};
use crate::admission::Permit;
use crate::search::Asked;
use crate::service::Service;

/// How long a page is tried again. Whoever passes a stream on gives it up when it is silent for longer.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The pages, as the protocol wants them.
pub(crate) type Pages = BoxStream<'static, Result<SearchStreamResponse, Status>>;

/// Reads the first page, and the others as they are asked for.
pub(super) async fn open(
    service: Service,
    tenant: TenantId,
    asked: Asked,
    page_bytes: usize,
) -> Result<Pages, ApiError> {
    let place = service.streams().enter(&tenant)?;
    let mut reading = Reading {
        left: asked.limit,
        service,
        tenant,
        asked,
        page_bytes,
        is_done: false,
        _place: place,
    };
    let first = reading.patiently().await?;
    let others = stream::try_unfold(reading, async |mut reading| {
        if reading.is_done {
            return Ok(None);
        }
        let page = reading.patiently().await?;
        Ok(Some((message(page), reading)))
    });
    Ok(stream::iter([Ok(message(first))]).chain(others).boxed())
}

fn message(page: SearchResponse) -> SearchStreamResponse {
    SearchStreamResponse { page: Some(page) }
}

/// Where a stream is.
struct Reading {
    service: Service,
    tenant: TenantId,
    /// With the cursor to go on from.
    asked: Asked,
    page_bytes: usize,
    /// Events that are still wanted; all, where it does not say.
    left: Option<u32>,
    is_done: bool,
    _place: Permit,
}

impl Reading {
    async fn patiently(&mut self) -> Result<SearchResponse, ApiError> {
        let until = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let refused = match self.page().await {
                Err(error) if error.code == ErrorCode::Limited => error,
                page => return page,
            };
            let told = Duration::from_millis(refused.retry_after_ms.unwrap_or(0).into());
            let waits = pause.max(told);
            if Instant::now() + waits > until {
                return Err(refused);
            }
            sleep(waits).await;
            pause *= 2;
        }
    }

    async fn page(&mut self) -> Result<SearchResponse, ApiError> {
        let most = self.service.config().search.stream_page;
        self.asked.limit = Some(self.left.map_or(most, |left| left.min(most)));
        let page = self
            .service
            .search(&self.tenant, &self.asked, self.page_bytes, |event| {
                Ok(render(event))
            })
            .await?;
        let found = u32::try_from(page.events.len()).unwrap_or(u32::MAX);
        self.left = self.left.map(|left| left.saturating_sub(found));
        self.is_done = page.next_cursor.is_none() || self.left == Some(0);
        self.asked.cursor.clone_from(&page.next_cursor);
        // What is visible stays visible.
        self.asked.after = None;
        Ok(response(page))
    }
}
