//! Query as a process of its own: the service over HTTP and gRPC, with what stands around it.
//!
//! Over HTTP there is also the state of the service, and over gRPC the health service and the published schema; these
//! need no key. Whether query is ready is said by who knows its dependencies: here it is only told.

use std::io;

use axum::Router;
use axum::routing::get;
use chassis::ops::Readiness;
use edge::health::grpc::Health;
use edge::health::http as health;
use edge::layers::{Layers, with_fallbacks};
use edge::{Listener, reflection};
use proto::v1::query_server::SERVICE_NAME;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::grpc;
use crate::service::Service;

/// Where query is served, and what it says of itself.
pub struct Listeners {
    /// Serves HTTP.
    pub http: Listener,
    /// Serves gRPC.
    pub grpc: Listener,
    /// What callers are told who ask whether requests are welcome.
    pub readiness: Readiness,
}

/// Why query stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The published schema can't be shown: the build is broken.
    #[error("reflection of the published schema")]
    Reflection(#[from] reflection::Error),
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

/// Serves until `shutdown`, then ends what is open.
pub async fn run(service: Service, listeners: Listeners, shutdown: CancellationToken) -> Result<(), Error> {
    let server = &service.config().server;
    let (limits, unread) = (server.limits(), server.unread.as_usize());
    let layers = edge::layers(service.random())
        .with_grpc_methods(grpc::METHODS)
        .with_unread_answers(unread);
    let Listeners {
        http,
        grpc,
        readiness,
    } = listeners;
    let router = router(&service, readiness.clone(), layers.clone());
    let (services, health) = services(&service, readiness, layers)?;
    health.announce().await;
    tokio::try_join!(
        async {
            listened(
                "http",
                edge::serve_http(http, router, limits, shutdown.clone()).await,
            )
        },
        async {
            listened(
                "grpc",
                edge::serve_grpc(grpc, services, limits, shutdown.clone()).await,
            )
        },
        async {
            health.run(shutdown.clone()).await;
            Ok(())
        },
    )?;
    Ok(())
}

fn router(service: &Service, readiness: Readiness, layers: Layers) -> Router {
    let router = service.router().route(
        health::PATH,
        get(move || async move { health::answer(&readiness) }),
    );
    with_fallbacks(router).layer(layers)
}

/// Who calls is asked before a message is read.
fn services(service: &Service, readiness: Readiness, layers: Layers) -> Result<(Router, Health), Error> {
    let (health, health_service) = Health::new(readiness, &[SERVICE_NAME]);
    let query = Routes::new(service.grpc()).into_axum_router().reset_fallback();
    let router = reflection::add_to(Routes::new(health_service))?
        .into_axum_router()
        .merge(query.layer(service.access().layer()));
    Ok((router.layer(layers), health))
}

fn listened(listener: &'static str, served: io::Result<()>) -> Result<(), Error> {
    served.map_err(|source| Error::Listener { listener, source })
}
