//! Whether query answers, as people are told.

use axum::Router;
use axum::routing::get;
use chassis::lifecycle::Shutdown;
use chassis::ops::Readiness;
use edge::health::http::PATH;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;

use super::super::harness::within;
use super::query::{Served, config, nobody};
use crate::{Forward, forward};

/// What the check says once it has said something.
async fn told(config: &Forward) -> String {
    let readiness = Readiness::new(&Shutdown::new());
    let check = readiness.register_informational("query");
    let end = CancellationToken::new();
    let watch = tokio::spawn(forward::watch(config, check).unwrap().run(end.clone()));
    let told = within(async {
        loop {
            let report = readiness.report();
            assert!(report.ready, "ingest goes on without query");
            let check = &report.checks[0];
            if check.ready || check.detail != "starting" {
                break check.detail.clone();
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    end.cancel();
    within(watch).await.unwrap().unwrap();
    told
}

async fn grpc(status: ServingStatus) -> Served {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("sluice.v1.Query", status).await;
    Served::grpc(Routes::new(health).prepare().into_axum_router(), None).await
}

async fn http(status: u16) -> Served {
    let answer = move || async move { axum::http::StatusCode::from_u16(status).unwrap() };
    Served::http(Router::new().route(PATH, get(answer)), None).await
}

#[tokio::test]
async fn query_answers_when_both_of_its_interfaces_do() {
    let (http, grpc) = (http(200).await, grpc(ServingStatus::Serving).await);
    let both = config(http.origin("http"), grpc.origin("http"));
    assert_eq!(told(&both).await, "");
    let over = |mut config: Forward, change: fn(&mut Forward, edge::dial::Origin), nobody| {
        change(&mut config, nobody);
        config
    };
    let no_http = over(both.clone(), |config, nobody| config.url = nobody, nobody().await);
    let reason = told(&no_http).await;
    assert!(
        reason.starts_with("query does not answer over HTTP: "),
        "{reason}"
    );
    let no_grpc = over(both, |config, nobody| config.grpc = nobody, nobody().await);
    let reason = told(&no_grpc).await;
    assert!(
        reason.starts_with("query does not answer over gRPC: "),
        "{reason}"
    );
}

#[tokio::test]
async fn a_query_that_is_not_ready_and_something_else_are_told_apart() {
    let serving = grpc(ServingStatus::Serving).await;
    for (status, expected) in [
        (503, "query is not ready"),
        (404, "what answers over HTTP is not query: status 404 Not Found"),
    ] {
        let http = http(status).await;
        let config = config(http.origin("http"), serving.origin("http"));
        assert_eq!(told(&config).await, expected);
    }
    let (http, grpc) = (http(200).await, grpc(ServingStatus::NotServing).await);
    let config = config(http.origin("http"), grpc.origin("http"));
    assert_eq!(told(&config).await, "query is not ready");
}
