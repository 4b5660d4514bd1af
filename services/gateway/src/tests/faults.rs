//! A log that does not take events: what is answered, and that nothing appended is forgotten.

use std::time::Duration;

use axum::http::StatusCode;
use chassis::config::Span;
use serde_json::json;

use super::harness::{Fault, House, within};

const ONE: &str = "/api/v1/ingestion/events";
const BATCH: &str = "/api/v1/ingestion/events/batch";
const EVENT: &str = r#"{"kind":"generic","name":"a"}"#;

#[tokio::test]
async fn a_log_that_takes_nothing_is_answered_as_unavailable() {
    let house = House::new().await;
    for fault in [Fault::Full, Fault::All("no leader")] {
        house.log.set(fault);
        let answer = house.post(ONE, EVENT).await;
        assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.json()["results"][0]["status"], "unavailable");
        assert_eq!(answer.json()["results"][0]["retry_after_ms"], 1_000);
        // What the log said is for us, not for the caller.
        assert!(!String::from_utf8_lossy(&answer.body).contains("leader"));
    }
    house.log.set(Fault::None);
    assert_eq!(house.post(ONE, EVENT).await.status, StatusCode::ACCEPTED);
    assert_eq!(house.events().await.len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn what_the_log_took_is_accepted_and_the_rest_is_unavailable() {
    let house = House::new().await;
    house.log.set(Fault::EverySecond);
    let batch = json!([{"kind": "generic", "name": "a"}, {"kind": "generic", "name": "b"}, {}]);
    let answer = house.post(BATCH, batch.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let statuses: Vec<_> = answer.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].clone())
        .collect();
    assert_eq!(statuses, ["accepted", "unavailable", "invalid"]);
    assert_eq!(
        (&answer.json()["accepted"], &answer.json()["rejected"]),
        (&json!(1), &json!(2))
    );
    house.stop().await;
}

#[tokio::test]
async fn invalid_and_unavailable_events_together_are_unavailable() {
    let house = House::new().await;
    house.log.set(Fault::All("no leader"));
    let answer = house.post(BATCH, format!("[{EVENT},{{}}]")).await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert_eq!(answer.json()["results"][1]["status"], "invalid");
    house.stop().await;
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_not_waited_for_and_its_append_goes_on() {
    let house = House::with(|config| config.append_deadline = Span::from_ms(50)).await;
    house.log.set(Fault::Hang);
    let answer = within(house.post(ONE, EVENT)).await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert!(house.events().await.is_empty());
    house.log.set(Fault::None);
    appears(&house, 1).await;
    house.stop().await;
}

#[tokio::test]
async fn an_append_goes_on_when_its_caller_is_gone() {
    let house = House::new().await;
    house.log.set(Fault::Hang);
    {
        let request = std::pin::pin!(house.post(ONE, EVENT));
        let begun = house.begun(1);
        tokio::select! {
            answer = request => panic!("{answer:?}"),
            () = begun => {}
        }
    }
    house.log.set(Fault::None);
    appears(&house, 1).await;
    house.stop().await;
}

#[tokio::test]
async fn the_gateway_does_not_stop_before_its_appends() {
    let house = House::with(|config| config.append_deadline = Span::from_ms(50)).await;
    house.log.set(Fault::Hang);
    assert_eq!(
        within(house.post(ONE, EVENT)).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    house.shutdown.cancel();
    let log = std::sync::Arc::clone(&house.log);
    let stopped = std::pin::pin!(house.stop());
    let waited = tokio::time::timeout(Duration::from_millis(300), stopped).await;
    assert!(waited.is_err(), "it stopped with an append under way");
    log.set(Fault::None);
}

/// Waits until the log has so many events.
async fn appears(house: &House, number: usize) {
    within(async {
        while house.events().await.len() < number {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
