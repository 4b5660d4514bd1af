//! A sending against a server that does as it is told.

use std::io::BufReader;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::time::Millis;
use proto::v1::ingestion_server::{Ingestion, IngestionServer};
use proto::v1::{
    IngestBatchRequest, IngestBatchResponse, IngestRequest, IngestResponse, IngestStreamRequest,
    IngestStreamResponse, ValidateRequest, ValidateResponse, Verdict, VerdictStatus,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use super::super::batch;
use super::super::prepare::Preparer;
use super::super::report::{Counts, Report};
use super::super::resume::Resume;
use super::Sending;
use crate::cli::{ClientKey, Connection, Format};
use crate::client::grpc::Grpc;

/// What the server does with a batch.
#[derive(Clone, Copy)]
enum Act {
    Accept,
    /// Takes the events and ends the stream without an answer.
    Break,
    /// Is over the limit for the first event.
    LimitFirst,
    Refuse,
}

#[derive(Clone, Default)]
struct Server {
    /// One for each batch; then all are accepted.
    acts: Arc<Mutex<Vec<Act>>>,
    seen: Arc<Mutex<Vec<Vec<Bytes>>>>,
}

impl Server {
    fn act(&self, request: IngestStreamRequest) -> Result<IngestStreamResponse, Status> {
        self.seen.lock().unwrap().push(request.events);
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.is_empty() {
            Act::Accept
        } else {
            acts.remove(0)
        };
        let mut response = IngestStreamResponse {
            number: request.number,
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
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer slk_x");
        let (sender, receiver) = mpsc::channel(1);
        let server = self.clone();
        tokio::spawn(async move {
            let mut requests = request.into_inner();
            while let Ok(Some(request)) = requests.message().await {
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

async fn send(lines: usize, acts: &[Act]) -> (Server, anyhow::Result<Counts>) {
    send_within(Duration::from_secs(5), lines, acts).await
}

async fn send_within(patience: Duration, lines: usize, acts: &[Act]) -> (Server, anyhow::Result<Counts>) {
    let server = Server {
        acts: Arc::new(Mutex::new(acts.to_vec())),
        ..Server::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tonic::transport::Server::builder()
        .add_service(IngestionServer::new(server.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let serving = tokio::spawn(serving);
    let connection = Connection {
        url: String::new(),
        grpc: format!("http://{address}"),
        key: Some(ClientKey::from("slk_x")),
        output: Format::Json,
    };
    let start = Millis::from_ms(1_700_000_000_000);
    let resume = Resume::open(None, false, start, 1, false, || Ok(0)).unwrap();
    let from = resume.state().done;
    let text: Vec<String> = (0..lines)
        .map(|n| format!("{{\"kind\":\"generic\",\"name\":\"n{n}\"}}"))
        .collect();
    let text = text.join("\n");
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        batch::read(
            BufReader::with_capacity(1 << 20, text.as_bytes()),
            from,
            &Preparer::new(start, 0, 1),
            &sender,
        )
    });
    let report = Report::new(Format::Json, None);
    let sent = Sending::new(
        Grpc::new(&connection).unwrap(),
        patience,
        receiver,
        resume,
        report,
    )
    .run()
    .await;
    serving.abort();
    (server, sent.map(|(_, report)| report.counts()))
}

fn ids(server: &Server) -> Vec<Bytes> {
    let mut ids: Vec<Bytes> = server.seen.lock().unwrap().concat();
    ids.sort();
    ids.dedup();
    ids
}

#[tokio::test]
async fn what_a_broken_stream_left_unanswered_is_sent_again_as_the_same_events() {
    let (server, counts) = send(2_300, &[Act::Accept, Act::Break, Act::Break]).await;
    assert_eq!(
        counts.unwrap(),
        Counts {
            accepted: 2_300,
            ..Counts::default()
        }
    );
    assert_eq!(ids(&server).len(), 2_300);
    assert!(server.seen.lock().unwrap().concat().len() > 2_300);
}

#[tokio::test]
async fn what_is_over_a_limit_is_sent_again_alone() {
    let (server, counts) = send(3, &[Act::LimitFirst]).await;
    assert_eq!(
        counts.unwrap(),
        Counts {
            accepted: 3,
            ..Counts::default()
        }
    );
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(seen[1][0], seen[0][0]);
}

#[tokio::test]
async fn a_refusal_ends_the_sending() {
    let (server, counts) = send(3, &[Act::Refuse]).await;
    assert_eq!(counts.unwrap_err().to_string(), "no scope");
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let (_, counts) = send_within(Duration::from_millis(300), 3, &[Act::Break; 1_000]).await;
    assert!(counts.unwrap_err().to_string().contains("giving up"));
}
