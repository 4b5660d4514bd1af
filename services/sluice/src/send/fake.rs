//! A server for tests that does as it is told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use proto::v1::ingestion_server::{Ingestion, IngestionServer};
use proto::v1::{
    IngestBatchRequest, IngestBatchResponse, IngestRequest, IngestResponse, IngestStreamRequest,
    IngestStreamResponse, ValidateRequest, ValidateResponse, Verdict, VerdictStatus,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// What the server does with a batch.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    Accept,
    /// Takes the events and ends the stream without an answer.
    Break,
    /// Is over the limit for the first event.
    LimitFirst,
    Refuse,
}

/// A server that counts what it gets.
#[derive(Clone, Default)]
pub(crate) struct Server {
    /// One for each batch; then all are accepted.
    pub(crate) acts: Arc<Mutex<Vec<Act>>>,
    /// The batches.
    pub(crate) seen: Arc<Mutex<Vec<Vec<Bytes>>>>,
    /// Whether no stream is opened.
    pub(crate) is_closed: bool,
    /// Streams that the client ended and whose end it waits for.
    pub(crate) ended: Arc<AtomicUsize>,
}

impl Server {
    /// Serves at an address of its own.
    pub(crate) async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let serving = tonic::transport::Server::builder()
            .add_service(IngestionServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(serving);
        address
    }

    fn act(&self, request: IngestStreamRequest) -> Result<IngestStreamResponse, Status> {
        self.seen.lock().expect("no holder panicked").push(request.events);
        let mut acts = self.acts.lock().expect("no holder panicked");
        let act = if acts.is_empty() {
            Act::Accept
        } else {
            acts.remove(0)
        };
        let mut response = IngestStreamResponse {
            number: request.number,
            token: format!("token{}", request.number),
            ..IngestStreamResponse::default()
        };
        match act {
            Act::Accept => {}
            Act::Break => return Err(Status::unavailable("going down")),
            Act::Refuse => return Err(Status::permission_denied("no scope")),
            Act::LimitFirst => {
                let mut verdict = Verdict::default();
                verdict.set_status(VerdictStatus::Limited);
                response.results = vec![verdict];
            }
        }
        Ok(response)
    }
}

#[tonic::async_trait]
impl Ingestion for Server {
    type IngestStreamStream = ReceiverStream<Result<IngestStreamResponse, Status>>;

    async fn ingest(&self, _: Request<IngestRequest>) -> Result<Response<IngestResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn ingest_batch(
        &self,
        _: Request<IngestBatchRequest>,
    ) -> Result<Response<IngestBatchResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn validate(&self, _: Request<ValidateRequest>) -> Result<Response<ValidateResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn ingest_stream(
        &self,
        request: Request<Streaming<IngestStreamRequest>>,
    ) -> Result<Response<Self::IngestStreamStream>, Status> {
        let key = request.metadata().get("authorization").expect("a key is sent");
        assert!(key.to_str().expect("a key is ASCII").starts_with("Bearer slk_"));
        if self.is_closed {
            return Err(Status::permission_denied("no scope"));
        }
        let (sender, receiver) = mpsc::channel(1);
        let server = self.clone();
        tokio::spawn(async move {
            let mut requests = request.into_inner();
            loop {
                let request = match requests.message().await {
                    Ok(Some(request)) => request,
                    Ok(None) if !sender.is_closed() => {
                        server.ended.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    Ok(None) | Err(_) => return,
                };
                let answer = server.act(request);
                let is_last = answer.is_err();
                if sender.send(answer).await.is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
