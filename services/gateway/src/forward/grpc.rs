//! Reads over gRPC. Calls are passed on as HTTP/2 and not read, so metadata, messages, statuses with their details,
//! and methods that this build does not know go through as they are.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Response};
use axum::routing::any;
use bytes::Bytes;
use edge::Access;
use http_body::{Frame, SizeHint};
use proto::v1::query_server::SERVICE_NAME;
use tonic::Status;
use tonic::service::Routes;

use super::answer::{Answer, Cut};
use super::upstream::{Upstream, chain, unavailable};

/// Every method of the service.
pub(super) fn routes(upstream: Upstream, access: &Access) -> Routes {
    let router = Router::new()
        .route(&format!("/{SERVICE_NAME}/{{method}}"), any(pass))
        .route_layer(access.layer())
        .with_state(upstream);
    Routes::from(router)
}

async fn pass(State(upstream): State<Upstream>, request: Request) -> Response<Body> {
    match upstream.pass(request, is_grpc).await {
        Ok(answer) => answer.map(|body| Body::new(Call { body, is_cut: false })),
        Err(error) => Status::from(error).into_http(),
    }
}

fn is_grpc<B>(answer: &Response<B>) -> bool {
    let content_type = answer.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The answer to a call. One that is cut off ends with a status.
struct Call {
    body: Answer,
    is_cut: bool,
}

impl HttpBody for Call {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_cut {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx).map(|frame| {
            Some(match frame? {
                Ok(frame) => Ok(frame),
                Err(cut) => {
                    self.is_cut = true;
                    trailers(&cut)
                }
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_cut || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn trailers(cut: &Cut) -> Result<Frame<Bytes>, axum::Error> {
    tracing::warn!(error = chain(cut), "answer of a read was cut off");
    let status = Status::from(unavailable("the answer was cut off; send the request again"));
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).map_err(axum::Error::new)?;
    Ok(Frame::trailers(headers))
}
