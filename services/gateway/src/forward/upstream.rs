//! Query, as it is reached over one protocol: connections, places for reads, and what goes wrong.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_LENGTH, TE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use edge::dial::{Dial, Origin, Protocol};
use edge::{ApiError, ErrorCode};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Answer;
use super::upload::{Fault, Upload};
use super::{Error, Forward, headers};
use crate::metric_definitions as definitions;

/// Less than query keeps a connection without requests, so that few requests meet its end.
const IDLE: Duration = Duration::from_secs(5);
const IDLE_CONNECTIONS: usize = 32;
/// What a connection of HTTP/1.1 reads ahead of the caller.
const H1_AHEAD_BYTES: usize = 64 * 1024;
/// Calls on one connection of HTTP/2: fewer than query takes, so that none waits unseen. More connections end at more
/// processes of query, too, where several have one address.
const CALLS_PER_CONNECTION: u32 = 64;
/// What a call reads ahead of the caller.
const CALL_AHEAD_BYTES: u32 = 128 * 1024;
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);
const RETRY_AFTER_MS: u32 = 1_000;

/// Why a read was not answered by query.
#[derive(Debug)]
enum Failure {
    /// Too many are under way.
    Busy,
    /// The body of the request.
    Body(Fault),
    /// Query took too long.
    Late,
    /// Query can't be reached, or broke off.
    Away(legacy::Error),
    /// Something else answered.
    Foreign,
}

/// Query over one protocol. Clones share everything.
#[derive(Clone)]
pub(super) struct Upstream(Arc<Inner>);

struct Inner {
    protocol: Protocol,
    origin: Origin,
    lanes: Vec<Lane>,
    turn: AtomicUsize,
    max_body_bytes: usize,
    answer: Duration,
    stall: Duration,
}

/// A connection of HTTP/2, or all of HTTP/1.1, with the places of those who use it.
struct Lane {
    client: Client<Dial, Upload>,
    places: Arc<Semaphore>,
}

/// A request without its body.
#[derive(Clone)]
struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

impl Upstream {
    /// Over HTTP/1.1, whose connections spread over several processes of query.
    pub(super) fn over_http(config: &Forward) -> Result<Self, Error> {
        let client = builder()
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(H1_AHEAD_BYTES)
            .build(config.dial(Protocol::Http1)?);
        let lane = Lane::new(client, config.in_flight);
        Ok(Self::new(config, Protocol::Http1, &config.url, vec![lane]))
    }

    /// Over HTTP/2.
    pub(super) fn over_grpc(config: &Forward) -> Result<Self, Error> {
        let dial = config.dial(Protocol::Http2)?;
        let client = || {
            builder()
                .http2_only(true)
                .http2_keep_alive_interval(PING_EVERY)
                .http2_keep_alive_timeout(PING_PATIENCE)
                .http2_keep_alive_while_idle(true)
                .http2_initial_stream_window_size(CALL_AHEAD_BYTES)
                // All tenants share a connection: one whose callers do not read must not stop the others.
                .http2_initial_connection_window_size(CALL_AHEAD_BYTES * CALLS_PER_CONNECTION)
                .build(dial.clone())
        };
        let connections = config.in_flight.div_ceil(CALLS_PER_CONNECTION).max(1);
        let calls = config.in_flight.div_ceil(connections);
        let lanes = (0..connections).map(|_| Lane::new(client(), calls)).collect();
        Ok(Self::new(config, Protocol::Http2, &config.grpc, lanes))
    }

    fn new(config: &Forward, protocol: Protocol, origin: &Origin, lanes: Vec<Lane>) -> Self {
        Self(Arc::new(Inner {
            protocol,
            origin: origin.clone(),
            lanes,
            turn: AtomicUsize::new(0),
            max_body_bytes: config.body.as_usize(),
            answer: config.answer.duration(),
            stall: config.stall.duration(),
        }))
    }

    /// Passes a request on. An answer for which `is_ours` does not hold is not query's.
    pub(super) async fn pass(
        &self,
        request: Request<Body>,
        is_ours: impl FnOnce(&Response<Incoming>) -> bool,
    ) -> Result<Response<Answer>, ApiError> {
        let (head, body) = self.head_of(request)?;
        let (client, place) = self.enter().ok_or_else(|| self.refuse(Failure::Busy))?;
        let asked = timeout(self.0.answer, self.ask(client, head, body)).await;
        let asked = asked.unwrap_or(Err(Failure::Late));
        let answer = asked.and_then(|answer| {
            if is_ours(&answer) {
                Ok(answer)
            } else {
                Err(Failure::Foreign)
            }
        });
        let mut answer = answer.map_err(|failure| self.refuse(failure))?;
        headers::of_answer(answer.headers_mut());
        Ok(answer.map(|body| Answer::new(body, self.0.stall, place)))
    }

    fn head_of(&self, request: Request<Body>) -> Result<(Head, Body), ApiError> {
        let (parts, body) = request.into_parts();
        if parts.method == Method::CONNECT || parts.method == Method::TRACE {
            let detail = format!("{} is not served here", parts.method);
            return Err(ApiError::new(ErrorCode::MethodNotAllowed, detail));
        }
        let mut headers = parts.headers;
        headers::of_request(&mut headers);
        let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let announced: Option<u64> = announced.and_then(|value| value.parse().ok());
        if announced.is_some_and(|bytes| bytes > self.0.max_body_bytes as u64) {
            return Err(self.refuse(Failure::Body(Fault::TooLarge)));
        }
        let version = match self.0.protocol {
            Protocol::Http1 => Version::HTTP_11,
            Protocol::Http2 => {
                // gRPC wants every hop to say that it takes what comes after the body.
                headers.insert(TE, HeaderValue::from_static("trailers"));
                Version::HTTP_2
            }
        };
        let head = Head {
            method: parts.method,
            uri: self.uri(parts.uri.path_and_query())?,
            version,
            headers,
        };
        Ok((head, body))
    }

    /// At query, whatever the caller called us.
    fn uri(&self, path: Option<&PathAndQuery>) -> Result<Uri, ApiError> {
        Uri::builder()
            .scheme(self.0.origin.scheme())
            .authority(self.0.origin.authority().clone())
            .path_and_query(path.map_or("/", PathAndQuery::as_str))
            .build()
            .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "the path can't be read"))
    }

    /// Whatever connection has a place, each in turn.
    fn enter(&self) -> Option<(&Client<Dial, Upload>, OwnedSemaphorePermit)> {
        let lanes = &self.0.lanes;
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % lanes.len();
        let (before, from) = lanes.split_at(turn);
        from.iter().chain(before).find_map(|lane| {
            let place = Arc::clone(&lane.places).try_acquire_owned().ok()?;
            Some((&lane.client, place))
        })
    }

    async fn ask(
        &self,
        client: &Client<Dial, Upload>,
        head: Head,
        body: Body,
    ) -> Result<Response<Incoming>, Failure> {
        let is_repeatable = head.is_idempotent() && body.is_end_stream();
        let (upload, fault) = Upload::new(body, self.0.max_body_bytes);
        let first = client.request(head.clone().with(upload)).await;
        let answer = match first {
            // A connection that had waited for its next request may end just as it comes.
            Err(error) if is_repeatable && !error.is_connect() => {
                let (nothing, _) = Upload::new(Body::empty(), 0);
                client.request(head.with(nothing)).await
            }
            first => first,
        };
        answer.map_err(|error| Failure::of(error, &fault))
    }

    /// Counts a failure, logs what the caller is not told, and says what to do.
    fn refuse(&self, failure: Failure) -> ApiError {
        let protocol = match self.0.protocol {
            Protocol::Http1 => "http",
            Protocol::Http2 => "grpc",
        };
        let cause = failure.name();
        metrics::counter!(definitions::UNANSWERED_READS, "protocol" => protocol, "cause" => cause)
            .increment(1);
        if let Failure::Away(error) = &failure {
            tracing::warn!(protocol, error = chain(error), "read not passed on");
        }
        failure.into_error(self.0.max_body_bytes)
    }
}

fn builder() -> legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE);
    builder
}

impl Lane {
    fn new(client: Client<Dial, Upload>, places: u32) -> Self {
        Self {
            client,
            places: Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(usize::MAX))),
        }
    }
}

impl Head {
    fn is_idempotent(&self) -> bool {
        matches!(
            self.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE | Method::PUT
        )
    }

    fn with(self, body: Upload) -> Request<Upload> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers;
        request
    }
}

impl Failure {
    fn of(error: legacy::Error, fault: &OnceLock<Fault>) -> Self {
        match fault.get() {
            Some(fault) => Self::Body(*fault),
            None => Self::Away(error),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Body(_) => "body",
            Self::Late => "late",
            Self::Away(_) => "away",
            Self::Foreign => "foreign",
        }
    }

    fn into_error(self, max_body_bytes: usize) -> ApiError {
        let detail = match self {
            Self::Body(Fault::TooLarge) => {
                let detail = format!("the body has more than {max_body_bytes} bytes");
                return ApiError::new(ErrorCode::BodyTooLarge, detail);
            }
            Self::Body(Fault::Broken) => {
                return ApiError::new(ErrorCode::InvalidBody, "the body broke off");
            }
            Self::Busy => "too many reads are under way; send the request again",
            Self::Late => "the read was not answered in time; send the request again, or ask for less",
            Self::Away(_) | Self::Foreign => "reads can't be answered now; send the request again",
        };
        unavailable(detail)
    }
}

/// What a caller is told while query does not answer.
pub(super) fn unavailable(detail: &str) -> ApiError {
    ApiError::new(ErrorCode::Unavailable, detail).with_retry_after(RETRY_AFTER_MS)
}

/// An error with everything behind it.
pub(super) fn chain(error: &dyn StdError) -> String {
    std::iter::successors(error.source(), |cause| (*cause).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
