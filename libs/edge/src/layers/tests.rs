//! Ids, caught panics, fallbacks and labels around a router.

use axum::extract::Query;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use chassis::random::Seeded;
use futures::StreamExt;
use futures::stream;
use http::header::{ALLOW, CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceExt;

use super::*;

fn router() -> Router {
    let panics = || async {
        assert!(!std::hint::black_box(true), "secret of the handler");
    };
    let routes = Router::new()
        .route(
            "/events/{id}",
            get(|| async { request_id::current().map_or_else(String::new, |id| id.to_string()) }),
        )
        .route("/panics", get(panics))
        .route("/pkg.Service/{*method}", get(grpc))
        .route("/query", get(query));
    with_fallbacks(routes).layer(layers(Arc::new(Seeded::new(1))).with_grpc_methods(["/pkg.Service/Fine"]))
}

async fn query(
    query: Result<Query<Vec<(String, u8)>>, axum::extract::rejection::QueryRejection>,
) -> Result<(), ApiError> {
    query?;
    Ok(())
}

/// A call that answers one message and then as its path says.
async fn grpc(request: Request<Body>) -> Response {
    let end = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let frames = stream::iter(0..2).map(move |number| match (number, end.as_str()) {
        (0, _) => Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"message"))),
        (_, "Panics") => panic!("in the stream"),
        (_, "Fails") => {
            let error = ApiError::new(ErrorCode::Unavailable, "not now");
            let response = Status::from(error).into_http::<Body>();
            Ok(Frame::trailers(response.headers().clone()))
        }
        _ => Ok(Frame::trailers(
            Status::ok("").into_http::<Body>().headers().clone(),
        )),
    });
    let body = Body::new(StreamBody::new(frames.boxed()));
    ([(CONTENT_TYPE, "application/grpc")], body).into_response()
}

async fn ask(request: http::request::Builder) -> Response {
    router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn json(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

fn grpc_call(method: &str) -> http::request::Builder {
    Request::get(format!("/pkg.Service/{method}")).header(CONTENT_TYPE, "application/grpc")
}

async fn grpc_status(method: &str) -> Status {
    let response = ask(grpc_call(method)).await;
    let collected = response.into_body().collect().await.unwrap();
    Status::from_header_map(collected.trailers().unwrap()).unwrap()
}

#[tokio::test]
async fn the_id_of_the_caller_comes_back_and_is_known_to_the_handler() {
    let response = ask(Request::get("/events/1").header("x-request-id", "mine-1")).await;
    assert_eq!(response.headers()["x-request-id"], "mine-1");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "mine-1");
}

#[tokio::test]
async fn a_bad_id_is_replaced_and_every_answer_has_one() {
    for path in ["/events/1", "/nowhere", "/panics"] {
        let response = ask(Request::get(path).header("x-request-id", "not good")).await;
        assert_eq!(response.headers()["x-request-id"].len(), 32, "{path}");
    }
    let response = ask(grpc_call("Fine")).await;
    assert_eq!(response.headers()["x-request-id"].len(), 32);
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_of_it() {
    let response = ask(Request::get("/panics").header("x-request-id", "mine-2")).await;
    assert_eq!(response.status(), 500);
    let problem = json(response).await;
    assert_eq!(
        (&problem["code"], &problem["request_id"]),
        (&"internal".into(), &"mine-2".into())
    );
    assert!(!problem.to_string().contains("secret"));
    let response = ask(Request::get("/panics").header(CONTENT_TYPE, "application/grpc")).await;
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!((response.status().as_u16(), status.code()), (200, Code::Internal));
}

#[tokio::test]
async fn a_panic_in_a_stream_ends_the_call_with_a_status() {
    let status = grpc_status("Panics").await;
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(status.get_details_request_info().unwrap().request_id.len(), 32);
}

#[tokio::test]
async fn an_error_in_a_stream_knows_its_request() {
    let status = grpc_status("Fails").await;
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_request_info().is_some());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let problem = json(ask(Request::get("/nowhere")).await).await;
    assert_eq!(problem["code"], "not_found");
    let response = ask(Request::post("/query")).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()[ALLOW], "GET,HEAD");
    assert_eq!(json(response).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_bad_parameter_is_a_problem() {
    let problem = json(ask(Request::get("/query?a=x")).await).await;
    assert_eq!(problem["code"], "invalid_request");
}

#[tokio::test]
async fn labels_of_metrics_are_bounded() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    for path in ["/events/1", "/events/2", "/nowhere/1", "/nowhere/2", "/panics"] {
        ask(Request::get(path)).await;
    }
    ask(Request::builder().method("PURGE").uri("/events/1")).await;
    for method in ["Fine", "Fails", "Random1", "Random2"] {
        grpc_status(method).await;
    }
    drop(ask(grpc_call("Fine")).await);

    let rendered = metrics.render();
    let counted = |route: &str, method: &str, status: &str, count: u32| {
        let line = format!(
            "sluice_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}} {count}\n"
        );
        assert!(rendered.contains(&line), "{line}{rendered}");
    };
    counted("/events/{id}", "GET", "200", 2);
    counted("/events/{id}", "other", "405", 1);
    counted("unmatched", "GET", "404", 2);
    counted("/panics", "GET", "500", 1);
    counted("/pkg.Service/Fine", "GET", "ok", 1);
    counted("/pkg.Service/Fine", "GET", "cancelled", 1);
    counted("/pkg.Service/{*method}", "GET", "ok", 2);
    counted("/pkg.Service/{*method}", "GET", "unavailable", 1);
    assert!(rendered.contains("sluice_http_panics_total 1\n"), "{rendered}");
}
