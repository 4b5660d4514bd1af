//! `IngestStream`: numbered batches in, an answer for each number out, in the same order, many under way at once.
//!
//! A reader takes batches, hands them to the log and queues what will be their answers; the response takes from
//! that queue. The queue has a bound in batches and in bytes, and a batch is read only when there is room in it,
//! so a producer that does not read its answers is not read either.
//!
//! A batch that breaks the protocol (numbers that do not ascend, too many events) ends the stream after the
//! answers to all that came before it. So does a drain of this process, and the end of the key.

use std::sync::Arc;

use domain::control::Caller;
use domain::tenant::TenantId;
use edge::{Access, ApiError, ErrorCode};
use metrics::Gauge;
use proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming};

use super::budget::{Budget, Meter};
use super::service::{EVENT_OVERHEAD_BYTES, Stated, prepare, ungated, weight};
use super::unread;
use crate::config::Config;
use crate::ingest::{Ingest, Started};
use crate::metric_definitions as definitions;
use crate::{messages, refusal};

/// When a producer that found too many streams is told to come again.
const RETRY_AFTER_MS: u32 = 1_000;

/// Opens streams.
pub(super) struct Streams {
    ingest: Arc<Ingest>,
    access: Access,
    budget: Budget,
    shutdown: CancellationToken,
    open: Arc<Semaphore>,
    batches: usize,
    bytes: usize,
    /// Room that is kept for a batch until its size is known.
    reserved: u32,
}

impl Streams {
    pub(super) fn new(
        config: &Config,
        ingest: Arc<Ingest>,
        access: Access,
        budget: Budget,
        shutdown: CancellationToken,
    ) -> Self {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let bytes = config.stream.bytes.as_usize().min(Semaphore::MAX_PERMITS);
        let largest = config.request.body.as_usize() + number(config.request.events) * EVENT_OVERHEAD_BYTES;
        Self {
            ingest,
            access,
            budget,
            shutdown,
            open: Arc::new(Semaphore::new(
                number(config.stream.open).min(Semaphore::MAX_PERMITS),
            )),
            batches: number(config.stream.batches),
            bytes,
            reserved: u32::try_from(largest.min(bytes)).unwrap_or(u32::MAX),
        }
    }

    /// Starts to read; the answers come from what is returned.
    pub(super) fn open(
        &self,
        request: Request<Streaming<v1::IngestStreamRequest>>,
    ) -> Result<impl Stream<Item = Result<v1::IngestStreamResponse, Status>> + Send + use<>, ApiError> {
        let open = Arc::clone(&self.open).try_acquire_owned().map_err(|_| {
            ApiError::new(ErrorCode::Unavailable, "too many streams are open")
                .with_retry_after(RETRY_AFTER_MS)
        })?;
        let (_, extensions, batches) = request.into_parts();
        let (answers, queue) = mpsc::channel(self.batches);
        let reader = Reader {
            ingest: Arc::clone(&self.ingest),
            access: self.access.clone(),
            budget: self.budget.clone(),
            shutdown: self.shutdown.clone(),
            caller: extensions.get::<Caller>().cloned().ok_or_else(ungated)?,
            tenant: extensions.get::<TenantId>().cloned().ok_or_else(ungated)?,
            meter: extensions.get::<Arc<Meter>>().cloned().ok_or_else(ungated)?,
            room: Arc::new(Semaphore::new(self.bytes)),
            reserved: self.reserved,
            last: None,
            answers,
            _open: Open::count(open),
        };
        tokio::spawn(reader.run(batches));
        Ok(ReceiverStream::new(queue).then(Queued::answer))
    }
}

/// An answer to come.
enum Queued {
    Batch {
        number: u64,
        started: Started,
        room: OwnedSemaphorePermit,
    },
    End(ApiError),
    /// What could not be read.
    Broken(Status),
}

impl Queued {
    async fn answer(self) -> Result<v1::IngestStreamResponse, Status> {
        match self {
            Self::Batch {
                number,
                started,
                room,
            } => {
                let answer = started.settled().await;
                drop(room);
                Ok(messages::of_stream(number, &answer))
            }
            Self::End(error) => Err(error.into()),
            Self::Broken(status) => Err(unread(&status).map_or(status, Status::from)),
        }
    }
}

/// One open stream in the count and in the metrics.
struct Open {
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn count(permit: OwnedSemaphorePermit) -> Self {
        let gauge = metrics::gauge!(definitions::OPEN_STREAMS);
        gauge.increment(1.0);
        Self {
            gauge,
            _permit: permit,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.decrement(1.0);
    }
}

struct Reader {
    ingest: Arc<Ingest>,
    access: Access,
    budget: Budget,
    shutdown: CancellationToken,
    caller: Caller,
    tenant: TenantId,
    meter: Arc<Meter>,
    room: Arc<Semaphore>,
    reserved: u32,
    last: Option<u64>,
    answers: mpsc::Sender<Queued>,
    _open: Open,
}

impl Reader {
    /// Reads a batch only when its answer has a place, so that what waits for the producer holds no more than that.
    async fn run(mut self, mut batches: Streaming<v1::IngestStreamRequest>) {
        let answers = self.answers.clone();
        while let Ok(slot) = answers.reserve().await {
            let batch = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return slot.send(Queued::End(going_away())),
                () = answers.closed() => return,
                batch = next(Arc::clone(&self.room), self.reserved, &mut batches) => batch,
            };
            match batch {
                Ok(Some((batch, room))) => match self.start(batch, room).await {
                    Ok(queued) => slot.send(queued),
                    Err(error) => return slot.send(Queued::End(error)),
                },
                Ok(None) => return,
                Err(status) => return slot.send(Queued::Broken(status)),
            }
        }
    }

    async fn start(
        &mut self,
        batch: v1::IngestStreamRequest,
        mut room: OwnedSemaphorePermit,
    ) -> Result<Queued, ApiError> {
        let number = batch.number;
        self.check(&batch)?;
        let weight = weight(&batch.events);
        drop(room.split(room.num_permits().saturating_sub(weight)));
        let held = self.budget.message(&self.meter, weight).await?;
        let said = Stated {
            sent_at: batch.sent_at,
            idempotency_key: &batch.idempotency_key,
        };
        let request = said.request(self.tenant.clone())?;
        let prepared = prepare(&self.ingest, request, batch.events);
        let started = self.ingest.start(prepared, held).await;
        Ok(Queued::Batch {
            number,
            started,
            room,
        })
    }

    /// A stream may outlive its key, so each batch asks for it.
    fn check(&mut self, batch: &v1::IngestStreamRequest) -> Result<(), ApiError> {
        self.access.recheck(&self.caller)?;
        let number = batch.number;
        if let Some(last) = self.last.filter(|last| number <= *last) {
            let detail = format!("batch {number} came after batch {last}; numbers must ascend");
            return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
        }
        self.last = Some(number);
        let max = self.ingest.limits().batch_events;
        if batch.events.len() > max {
            Err(refusal::too_many_events(max))
        } else {
            Ok(())
        }
    }
}

/// The next batch, read when there is room for the largest possible.
async fn next(
    room: Arc<Semaphore>,
    reserved: u32,
    batches: &mut Streaming<v1::IngestStreamRequest>,
) -> Result<Option<(v1::IngestStreamRequest, OwnedSemaphorePermit)>, Status> {
    let room = room
        .acquire_many_owned(reserved)
        .await
        .map_err(|_| Status::from(going_away()))?;
    Ok(batches.message().await?.map(|batch| (batch, room)))
}

fn going_away() -> ApiError {
    ApiError::new(
        ErrorCode::Unavailable,
        "this server is stopping; connect again and send what was not answered",
    )
    .with_retry_after(RETRY_AFTER_MS)
}
