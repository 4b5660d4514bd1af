//! A gateway over an embedded log, with a tenant, its keys, a clock that stands still and randomness that repeats.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use chassis::clock::Manual;
use chassis::lifecycle::Shutdown;
use chassis::ops::Readiness;
use chassis::random::{Random, Seeded};
use control::{By, Follower, NewKey, Writer};
use domain::key::{Pepper, Peppers, Scope, Scopes};
use domain::record::Accepted;
use domain::seal::Sealer;
use domain::source::{FIRST_GENERATION, Lane};
use domain::tenant::TenantId;
use domain::topic;
use edge::Access;
use eventlog::embedded::{self, Embedded, Retention, TopicConfig};
use eventlog::{
    Appended, Bounds, Consumer, Error, Fenced, Log, NewRecord, Read, Record, Sequence, TopicPartition,
};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::ServiceExt;

use crate::{Assembled, Config, Deps};

pub(super) const NOW_MS: i64 = 1_700_000_000_000;
pub(super) const PARTITIONS: u32 = 8;

/// Longest wait for something that must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What is done to appends of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// All records fail so.
    All(&'static str),
    /// The log's buffer is full.
    Full,
    /// Every second record fails, after the others are appended.
    EverySecond,
    /// Appends wait until the fault is another.
    Hang,
}

/// A log whose appends of events can be made to fail.
pub(super) struct Faulty {
    inner: Embedded,
    fault: watch::Sender<Fault>,
    /// Appends that were begun and whose answer was not given yet.
    pub(super) begun: watch::Sender<usize>,
}

impl Faulty {
    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

#[async_trait]
impl Log for Faulty {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        if records.iter().all(|record| &*record.to.topic == topic::CONTROL) {
            return self.inner.append(records).await;
        }
        self.begun.send_modify(|begun| *begun += 1);
        let unavailable = |reason: &str| {
            Err(Error::Unavailable {
                reason: reason.to_owned(),
            })
        };
        let mut fault = self.fault.subscribe();
        let fault = fault
            .wait_for(|fault| *fault != Fault::Hang)
            .await
            .unwrap()
            .clone();
        match fault {
            Fault::None | Fault::Hang => self.inner.append(records).await,
            Fault::All(reason) => records.iter().map(|_| unavailable(reason)).collect(),
            Fault::Full => {
                let full = || {
                    Err(Error::Full {
                        in_flight_bytes: 1,
                        max_bytes: 1,
                    })
                };
                records.iter().map(|_| full()).collect()
            }
            Fault::EverySecond => {
                let appended = self.inner.append(records).await;
                let fail = |(index, result)| {
                    if index % 2 == 1 {
                        unavailable("no leader")
                    } else {
                        result
                    }
                };
                appended.into_iter().enumerate().map(fail).collect()
            }
        }
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error> {
        self.inner.sequence().await
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, Error> {
        self.inner.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.inner.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        self.inner.bounds(partition).await
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error> {
        self.inner.read(partition, from, max_bytes, wait).await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error> {
        self.inner.consumer(group, topics).await
    }
}

/// The keys that tests call with.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) ingest: String,
    pub(super) read: String,
    pub(super) manage: String,
    pub(super) platform: String,
    /// Manages the tenant `other`.
    pub(super) other: String,
    pub(super) other_id: String,
}

/// A gateway.
pub(super) struct House {
    pub(super) log: Arc<Faulty>,
    pub(super) keys: Keys,
    pub(super) clock: Arc<Manual>,
    pub(super) sealer: Arc<Sealer>,
    pub(super) writer: Writer,
    pub(super) shutdown: CancellationToken,
    pub(super) grpc_url: String,
    router: Router,
    served: Mutex<Option<JoinHandle<Result<(), crate::Error>>>>,
    following: JoinHandle<Result<(), control::Error>>,
    _dir: TempDir,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let dir = TempDir::new().unwrap();
        let log = Arc::new(Faulty {
            inner: open(&dir),
            fault: watch::Sender::new(Fault::None),
            begun: watch::Sender::new(0),
        });
        let port: Arc<dyn Log> = Arc::clone(&log) as _;
        let shutdown = Shutdown::new();
        let clock = Arc::new(Manual::at(NOW_MS));
        let random: Arc<dyn Random> = Arc::new(Seeded::new(7));
        let pepper = Pepper::new("p1", &[7; 32]).unwrap();
        let peppers = Arc::new(Peppers::new(pepper, vec![]));
        let follower = Follower::start(Arc::clone(&port)).await.unwrap();
        let view = follower.view();
        let following = tokio::spawn(follower.run(shutdown.drain.clone()));
        let writer = Writer::new(
            Arc::clone(&port),
            view.clone(),
            Arc::clone(&peppers),
            clock.clone(),
            Arc::clone(&random),
        );
        let keys = make_keys(&writer).await;
        let sealer = Arc::new(Sealer::new(&peppers));
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc_url = format!("http://{}", grpc.local_addr().unwrap());
        let deps = Deps {
            log: port,
            generation: FIRST_GENERATION,
            access: Access::new(view.clone(), peppers, clock.clone()),
            writer: writer.clone(),
            view,
            sealer: Arc::clone(&sealer),
            clock: clock.clone(),
            random,
            readiness: Readiness::new(&shutdown),
            http: http.into(),
            grpc: grpc.into(),
            reads: reads(),
            grpc_reads: Routes::default(),
            openapi: crate::openapi().to_json().unwrap(),
        };
        let assembled = Assembled::new(&config, deps, shutdown.drain.clone())
            .await
            .unwrap();
        let router = assembled.router();
        let served = tokio::spawn(assembled.serve());
        Self {
            log,
            keys,
            clock,
            sealer,
            writer,
            shutdown: shutdown.drain,
            grpc_url,
            router,
            served: Mutex::new(Some(served)),
            following,
            _dir: dir,
        }
    }

    /// Sends a request to the routes.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Sends JSON with the key that may send events.
    pub(super) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.post_as(path, "application/json", &[], body).await
    }

    /// Sends a body with the key that may send events.
    pub(super) async fn post_as(
        &self,
        path: &str,
        content_type: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let request = headers
            .iter()
            .fold(
                request(Method::POST, path, &self.keys.ingest),
                |builder, (name, value)| builder.header(*name, *value),
            )
            .header("content-type", content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Sends JSON, or nothing, with a key of choice.
    pub(super) async fn call(&self, method: Method, path: &str, key: &str, body: &str) -> Answer {
        let builder = request(method, path, key).header("content-type", "application/json");
        self.send(builder.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// Every accepted event in the log, by partition and offset.
    pub(super) async fn events(&self) -> Vec<(u32, Record, Accepted)> {
        let mut events = Vec::new();
        for number in 0..PARTITIONS {
            let partition = TopicPartition::new(topic::accepted(Lane::Standard), number);
            let Bounds { mut start, end } = self.log.bounds(&partition).await.unwrap();
            while start < end {
                let read = self.log.read(&partition, start, 1 << 20, PATIENCE).await.unwrap();
                start = read.next;
                for record in read.records {
                    let accepted = proto::record::decode_accepted(record.value.clone()).unwrap();
                    events.push((number, record, accepted));
                }
            }
        }
        events
    }

    /// Waits until so many appends of events have begun.
    pub(super) async fn begun(&self, appends: usize) {
        let mut begun = self.log.begun.subscribe();
        within(begun.wait_for(|begun| *begun >= appends)).await.unwrap();
    }

    /// Stops the gateway, which must end well.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        let served = self.served.lock().unwrap().take().unwrap();
        within(served).await.unwrap().unwrap();
        within(self.following).await.unwrap().unwrap();
    }
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the code of the problem.
    pub(super) fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{:?}",
            self.body
        );
        (
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap().to_owned(),
        )
    }

    /// Code and field of each fault of the problem.
    pub(super) fn faults(&self) -> Vec<(String, String)> {
        pairs(&self.json()["errors"])
    }
}

/// Code and field of each fault in a list of them.
pub(super) fn pairs(errors: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| (text(&error["code"]), text(&error["field"])))
        .collect()
}

/// Fails where what must happen does not.
pub(super) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}

pub(super) fn request(method: Method, path: &str, key: &str) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    if key.is_empty() {
        builder
    } else {
        builder.header("authorization", format!("Bearer {key}"))
    }
}

/// Reads that tell that they were asked.
fn reads() -> Router {
    let asked = |request: Request<Body>| async move {
        (StatusCode::OK, format!("read {}", request.uri())).into_response()
    };
    Router::new()
        .route("/api/v1/ingestion/events", axum::routing::get(asked))
        .route("/api/v1/things", axum::routing::get(asked))
}

fn open(dir: &TempDir) -> Embedded {
    let ticks = AtomicI64::new(NOW_MS);
    let hour = Retention::Age(Duration::from_hours(1));
    let topic = |name: &str, partitions, retention| TopicConfig {
        name: name.to_owned(),
        partitions,
        retention,
    };
    let topics = vec![
        topic(topic::CONTROL, 1, Retention::Compact),
        topic(topic::AUDIT, 1, hour),
        topic(topic::accepted(Lane::Standard), PARTITIONS, hour),
    ];
    let clock = Arc::new(move || ticks.fetch_add(1, Ordering::Relaxed));
    Embedded::open(dir.path(), embedded::Config::new(topics, clock)).unwrap()
}

async fn make_keys(writer: &Writer) -> Keys {
    let tenant = |name: &str| TenantId::parse(name).unwrap();
    for name in ["demo", "other"] {
        writer
            .create_tenant(&By::operator("test"), tenant(name), name.to_uppercase())
            .await
            .unwrap();
    }
    let make = async |tenant: Option<&str>, scope: Scope| {
        let tenant = tenant.map(|name| TenantId::parse(name).unwrap());
        let new = NewKey {
            tenant,
            name: scope.as_str().to_owned(),
            scopes: Scopes::from([scope]),
            expires_at: None,
        };
        let (key, record) = writer.create_key(&By::operator("test"), new).await.unwrap();
        (key.reveal().to_owned(), record.id.to_string())
    };
    let (other, other_id) = make(Some("other"), Scope::Manage).await;
    Keys {
        ingest: make(Some("demo"), Scope::Ingest).await.0,
        read: make(Some("demo"), Scope::Read).await.0,
        manage: make(Some("demo"), Scope::Manage).await.0,
        platform: make(None, Scope::Platform).await.0,
        other,
        other_id,
    }
}
