//! Whether query answers over both protocols, asked from time to time.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, Uri};
use chassis::ops::Check;
use edge::dial::{Dial, Protocol};
use edge::health::http::PATH;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use proto::v1::query_server::SERVICE_NAME;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::upstream::chain;
use super::{Error, Forward};

const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(2);
const NOT_READY: &str = "query is not ready";
const SILENT: &str = "query does not answer";

/// Asks query and tells a check.
pub struct Watch {
    check: Check,
    http: Client<Dial, Body>,
    url: Uri,
    grpc: HealthClient<Client<Dial, tonic::body::Body>>,
}

impl Watch {
    pub(super) fn new(config: &Forward, check: Check) -> Result<Self, Error> {
        let grpc = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build(config.dial(Protocol::Http2)?);
        Ok(Self {
            check,
            http: Client::builder(TokioExecutor::new()).build(config.dial(Protocol::Http1)?),
            url: at(&config.url, PATH),
            grpc: HealthClient::with_origin(grpc, at(&config.grpc, "/")),
        })
    }

    /// Keeps the check true until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // At the start query may come later.
        let mut was_there = false;
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(answer) = shutdown.run_until_cancelled(self.ask()).await else {
                break;
            };
            self.tell(answer.as_ref().err().map(String::as_str), was_there);
            was_there = answer.is_ok();
        }
        Ok(())
    }

    async fn ask(&self) -> Result<(), String> {
        let both = async { tokio::try_join!(self.ask_http(), self.ask_grpc()) };
        let answers = timeout(PATIENCE, both).await;
        answers.unwrap_or_else(|_| Err(SILENT.to_owned())).map(drop)
    }

    async fn ask_http(&self) -> Result<(), String> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.url.clone();
        let answer = self
            .http
            .request(request)
            .await
            .map_err(|error| format!("{SILENT} over HTTP: {}", chain(&error)))?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            StatusCode::SERVICE_UNAVAILABLE => Err(NOT_READY.to_owned()),
            other => Err(format!("what answers over HTTP is not query: status {other}")),
        }
    }

    async fn ask_grpc(&self) -> Result<(), String> {
        let request = HealthCheckRequest {
            service: SERVICE_NAME.to_owned(),
        };
        let answer = self.grpc.clone().check(request).await;
        let answer = answer.map_err(|status| format!("{SILENT} over gRPC: {}", status.message()))?;
        match answer.into_inner().status() {
            ServingStatus::Serving => Ok(()),
            _ => Err(NOT_READY.to_owned()),
        }
    }

    fn tell(&self, failure: Option<&str>, was_there: bool) {
        match failure {
            None => {
                if !was_there {
                    tracing::info!("query answers");
                }
                self.check.ready();
            }
            Some(reason) => {
                if was_there {
                    tracing::warn!(reason, "query is away");
                }
                self.check.not_ready(reason);
            }
        }
    }
}

fn at(origin: &edge::dial::Origin, path: &'static str) -> Uri {
    Uri::builder()
        .scheme(origin.scheme())
        .authority(origin.authority().clone())
        .path_and_query(path)
        .build()
        .expect("a scheme, an authority and a path are a URI")
}
