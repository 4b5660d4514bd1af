//! What stands around every router, HTTP and gRPC alike: a request id, a span, a log line and metrics for each
//! request, and an answer instead of a panic.
//!
//! It goes around everything else, [`Access`](crate::Access) too, so that refusals are seen as well.

mod answers;
mod linger;
mod observe;
mod panics;
mod tail;

use std::collections::HashSet;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::MatchedPath;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use chassis::random::Random;
use futures::FutureExt;
use http::Request;
use tower::{Layer, Service};
use tracing::Instrument;

use self::answers::Answers;
pub(crate) use self::answers::Whose;
use self::observe::Observation;
use crate::error::{ApiError, ErrorCode};
use crate::protocol::Protocol;
use crate::request_id::{self, RequestId};

/// The layers that every listener has.
pub fn layers(random: Arc<dyn Random>) -> Layers {
    Layers {
        random,
        methods: Arc::default(),
        answers: Answers::default(),
    }
}

/// Answers paths and methods that a router does not know with a problem. Call it when all routes are there.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(async || ApiError::new(ErrorCode::NotFound, "there is no such path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(
                ErrorCode::MethodNotAllowed,
                "the path does not take this method; the header Allow lists those that it takes",
            )
        })
}

/// Makes the routes of a router known to the layers around a router that it is a fallback of. Call it when all
/// routes are there.
pub fn with_known_routes<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.route_layer(from_fn(async |request: Request<Body>, next: Next| {
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let mut response = next.run(request).await;
        if let Some(matched) = matched {
            response.extensions_mut().insert(matched);
        }
        response
    }))
}

/// The layers around a router; see [`layers`].
#[derive(Clone, Debug)]
pub struct Layers {
    random: Arc<dyn Random>,
    methods: Arc<HashSet<String>>,
    answers: Answers,
}

impl Layers {
    /// Names the gRPC methods, as `/package.Service/Method`, that metrics and log lines tell apart.
    /// All others share the label of their route.
    #[must_use]
    pub fn with_grpc_methods(self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            methods: Arc::new(methods.into_iter().map(Into::into).collect()),
            ..self
        }
    }

    /// Bounds the bytes of all answers that wait for their readers; a tenant has a quarter of it at the most.
    #[must_use]
    pub fn with_unread_answers(self, max_bytes: usize) -> Self {
        Self {
            answers: Answers::new(max_bytes),
            ..self
        }
    }
}

impl<S> Layer<S> for Layers {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge {
            layers: self.clone(),
            inner,
        }
    }
}

/// A service within [`Layers`].
#[derive(Clone, Debug)]
pub struct Edge<S> {
    layers: Layers,
    inner: S,
}

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let id = RequestId::of(request.headers(), &*self.layers.random);
        let observation = Observation::begin(&request, &id, &self.layers.methods);
        let answers = self.layers.answers.clone();
        Box::pin(answer(inner, request, id, observation, answers).map(Ok))
    }
}

async fn answer<S>(
    mut inner: S,
    mut request: Request<Body>,
    id: RequestId,
    mut observation: Observation,
    answers: Answers,
) -> Response
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let protocol = Protocol::of(request.headers());
    let header = id.to_header();
    // Whoever passes the request on passes its id on.
    request.headers_mut().insert(request_id::HEADER, header.clone());
    let whose = Whose::default();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(whose.clone());
    let request = linger::lingering(request);
    let span = observation.span();
    let handled = AssertUnwindSafe(async { inner.call(request).await }).catch_unwind();
    let answered = async {
        match handled.await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => protocol.refuse(panics::caught(&*panic)),
        }
    };
    let mut response = id.clone().scope(answered).instrument(span).await;
    observation.learn_route(&response);
    let expected = response
        .body()
        .size_hint()
        .exact()
        .and_then(|bytes| usize::try_from(bytes).ok());
    let held = match expected.filter(|bytes| *bytes > answers::PIECE_BYTES) {
        Some(bytes) => answers.hold(&whose, bytes).map(Some),
        None => Ok(None),
    };
    let held = held.unwrap_or_else(|error| {
        response = id.sync_scope(|| protocol.refuse(error));
        None
    });
    response.headers_mut().insert(request_id::HEADER, header);
    let is_whole = held.is_some();
    let room = tail::Room {
        answers,
        whose,
        held,
        is_whole,
    };
    tail::observed(response, protocol, id, observation, room)
}

#[cfg(test)]
mod tests;
