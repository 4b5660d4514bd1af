//! The gateway: takes events in over HTTP and gRPC and appends them to the log.
//!
//! It promises that an event is answered `accepted` only after the log has it; that every other event has a verdict
//! that says what to do; and that no request makes its memory grow beyond its configuration. It keeps nothing: it
//! has no store, and what it knows of tenants and keys is a view of the control topic.
//!
//! - [`config`](Config): settings.
//! - `ingest`: the one way in, for both protocols; `spreads`: the partitions of a tenant.
//! - `refusal`: requests that were not taken, as errors; `messages`: answers in protobuf.
//! - `http`: routes, bodies, answers, administration; [`openapi()`]: their description.
//! - `grpc`: the services, the stream, the bound on their bytes.
//! - `probe`: whether the log answers.
//! - [`forward`]: passing reads on to query, where that is a process of its own.
//! - [`metric_definitions`]: the metrics of this crate.

mod config;
pub mod forward;
mod grpc;
mod http;
mod ingest;
mod messages;
pub mod metric_definitions;
mod openapi;
mod probe;
mod refusal;
mod spreads;

use std::io;
use std::sync::Arc;

use axum::Router;
use chassis::clock::Clock;
use chassis::ops::Readiness;
use chassis::random::Random;
use control::{View, Writer};
use domain::seal::Sealer;
use edge::health::grpc::Health;
use edge::{Access, BodyLimits, BodyReader, Listener, ServerLimits};
use eventlog::Log;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use config::{Config, Request, Stream};
pub use forward::Forward;
pub use openapi::openapi;

use crate::http::admin::Admin;
use crate::http::events::Events;
use crate::ingest::Ingest;
use crate::probe::Probe;

/// The largest body of a request for a change of tenants or keys, in bytes.
const ADMIN_BODY_BYTES: usize = 64 * 1024;

/// Bytes of such bodies that are being read.
const ADMIN_IN_FLIGHT_BYTES: usize = 1024 * 1024;

/// What the gateway works with.
pub struct Deps {
    /// Where events and control records go.
    pub log: Arc<dyn Log>,
    /// The generation of the topics.
    pub generation: u32,
    /// Tells who calls.
    pub access: Access,
    /// Changes tenants and keys.
    pub writer: Writer,
    /// Shows tenants and keys.
    pub view: View,
    /// Seals ingest tokens.
    pub sealer: Arc<Sealer>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and nonces.
    pub random: Arc<dyn Random>,
    /// Where the state of the gateway is told, and read for `/health`.
    pub readiness: Readiness,
    /// Serves HTTP.
    pub http: Listener,
    /// Serves gRPC.
    pub grpc: Listener,
    /// Serves what is under `/api/v1` and not the gateway's, with whole paths; see [`forward::http`].
    pub reads: Router,
    /// More gRPC services. They check keys themselves; see [`forward::grpc`].
    pub grpc_reads: Routes,
    /// The description of the whole API, as JSON.
    pub openapi: String,
}

/// Why the gateway stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log has no topic for events.
    #[error("topic of accepted events")]
    Topic(#[from] eventlog::Error),
    /// The published schema can't be shown: the build is broken.
    #[error("reflection of the published schema")]
    Reflection(#[from] edge::reflection::Error),
    /// A listener failed.
    #[error("{listener} listener")]
    Listener {
        /// `http` or `grpc`.
        listener: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Serves until `shutdown`, then ends what is open and waits until the log has answered every append.
pub async fn run(config: Config, deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    metric_definitions::describe();
    Assembled::new(&config, deps, shutdown).await?.serve().await
}

/// The gateway before it accepts connections.
struct Assembled {
    ingest: Arc<Ingest>,
    router: Router,
    services: Router,
    health: Health,
    probe: Probe,
    http: Listener,
    grpc: Listener,
    limits: ServerLimits,
    shutdown: CancellationToken,
}

impl Assembled {
    async fn new(config: &Config, deps: Deps, shutdown: CancellationToken) -> Result<Self, Error> {
        let Deps {
            log,
            generation,
            access,
            writer,
            view,
            sealer,
            clock,
            random,
            readiness,
            ..
        } = deps;
        let probe = Probe::new(Arc::clone(&log), readiness.register("log"));
        let layers = edge::layers(Arc::clone(&random))
            .with_grpc_methods(grpc::METHODS)
            .with_unread_answers(config.server.unread.as_usize());
        let ingest =
            Arc::new(Ingest::new(config, log, generation, sealer, Arc::clone(&clock), random).await?);
        let router = http::router(http::Parts {
            events: Events {
                ingest: Arc::clone(&ingest),
                bodies: bodies(&config.request),
            },
            admin: Admin {
                view,
                writer,
                bodies: admin_bodies(&config.request),
                clock,
            },
            access: access.clone(),
            readiness: readiness.clone(),
            reads: deps.reads,
            openapi: deps.openapi,
        });
        let parts = grpc::Parts {
            ingest: Arc::clone(&ingest),
            access,
            readiness,
            reads: deps.grpc_reads,
            shutdown: shutdown.clone(),
        };
        let (services, health) = grpc::routes(config, parts)?;
        Ok(Self {
            ingest,
            router: router.layer(layers.clone()),
            services: services.layer(layers),
            health,
            probe,
            http: deps.http,
            grpc: deps.grpc,
            limits: config.server.limits(),
            shutdown,
        })
    }

    /// The routes of HTTP.
    #[cfg(test)]
    fn router(&self) -> Router {
        self.router.clone()
    }

    async fn serve(self) -> Result<(), Error> {
        let Self {
            router,
            services,
            limits,
            shutdown,
            ..
        } = self;
        self.health.announce().await;
        let http = edge::serve_http(self.http, router, limits, shutdown.clone());
        let grpc = edge::serve_grpc(self.grpc, services, limits, shutdown.clone());
        let served = tokio::try_join!(
            async {
                http.await.map_err(|source| Error::Listener {
                    listener: "http",
                    source,
                })
            },
            async {
                grpc.await.map_err(|source| Error::Listener {
                    listener: "grpc",
                    source,
                })
            },
            self.health.run(shutdown.clone()).map(Ok),
            self.probe.run(shutdown.clone()).map(Ok),
        );
        self.ingest.drained().await;
        served.map(|_| ())
    }
}

fn bodies(request: &Request) -> BodyReader {
    let limits = BodyLimits {
        max_bytes: request.body.as_usize(),
        stall: request.stall.duration(),
        total: request.total.duration(),
    };
    BodyReader::new(limits, request.in_flight.as_usize())
}

fn admin_bodies(request: &Request) -> BodyReader {
    let limits = BodyLimits {
        max_bytes: ADMIN_BODY_BYTES,
        stall: request.stall.duration(),
        total: request.stall.duration(),
    };
    BodyReader::new(limits, ADMIN_IN_FLIGHT_BYTES)
}

#[cfg(test)]
mod tests;
