//! What is not ingestion: health, the description of the API, paths and methods that are not there, reads.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::harness::{House, within};

async fn get(house: &House, path: &str) -> super::harness::Answer {
    house.call(Method::GET, path, "", "").await
}

#[tokio::test]
async fn health_needs_no_key_and_tells_of_the_log() {
    let house = House::new().await;
    within(async {
        while get(&house, "/api/v1/ingestion/health").await.status != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = get(&house, "/api/v1/ingestion/health").await;
    assert_eq!(
        answer.json(),
        serde_json::json!({"status": "ok", "checks": [{"name": "log", "status": "ok"}]})
    );
    house.shutdown.cancel();
    let answer = get(&house, "/api/v1/ingestion/health").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["status"], "failing");
    house.stop().await;
}

#[tokio::test]
async fn the_description_and_its_page_are_served_without_other_origins() {
    let house = House::new().await;
    let answer = get(&house, "/api/v1/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["info"]["title"], "Sluice");
    assert_eq!(
        get(&house, "/api/v1/docs").await.header("location"),
        "/api/v1/docs/"
    );
    let index = get(&house, "/api/v1/docs/").await;
    assert!(index.header("content-type").starts_with("text/html"));
    let page = String::from_utf8(index.body.to_vec()).unwrap();
    assert!(
        !page.contains("src=\"http") && !page.contains("href=\"http"),
        "{page}"
    );
    let initializer = get(&house, "/api/v1/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&initializer.body).contains("/api/v1/openapi.json"));
    for file in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        assert_eq!(
            get(&house, &format!("/api/v1/docs/{file}")).await.status,
            StatusCode::OK,
            "{file}"
        );
    }
    assert_eq!(
        get(&house, "/api/v1/docs/nothing.js").await.problem(),
        (404, "not_found".to_owned())
    );
    house.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let house = House::new().await;
    for path in [
        "/",
        "/api",
        "/api/v2/x",
        "/api/v1/nothing",
        "/api/v1/ingestion/events/batch/x",
    ] {
        assert_eq!(
            get(&house, path).await.problem(),
            (404, "not_found".to_owned()),
            "{path}"
        );
    }
    let key = house.keys.ingest.clone();
    for (method, path, allow) in [
        (Method::GET, "/api/v1/ingestion/events/batch", "POST"),
        (Method::PUT, "/api/v1/ingestion/events", "GET,HEAD,POST"),
        (Method::POST, "/api/v1/ingestion/health", "GET,HEAD"),
        (Method::DELETE, "/api/v1/admin/tenants", "GET,HEAD,POST"),
    ] {
        let answer = house.call(method, path, &key, "").await;
        assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()), "{path}");
        let mut allowed: Vec<_> = answer.header("allow").split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn reads_fall_through_with_their_whole_path() {
    let house = House::new().await;
    for path in ["/api/v1/ingestion/events?q=a", "/api/v1/things?x=1"] {
        let answer = get(&house, path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, format!("read {path}"));
    }
    house.stop().await;
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_problem_has_the_same() {
    let house = House::new().await;
    let answer = get(&house, "/api/v1/nothing").await;
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
    house.stop().await;
}

#[tokio::test]
async fn answers_have_only_members_that_are_described() {
    let house = House::new().await;
    let document = get(&house, "/api/v1/openapi.json").await.json();
    let batch = r#"[{"kind":"generic","name":"a","timestamp":"2030-01-01T00:00:00Z"},{}]"#;
    let events = "/api/v1/ingestion/events";
    for (path, body) in [
        (events.to_owned(), r#"{"kind":"generic","name":"a"}"#),
        (events.to_owned(), "{}"),
        (format!("{events}/batch"), batch),
        (format!("{events}/batch"), "[{}]"),
        (format!("{events}/validate"), batch),
    ] {
        let answer = house.post(&path, body).await;
        let described = &document["paths"][&path]["post"]["responses"][answer.status.as_str()]["content"];
        let schema = &described[answer.header("content-type")]["schema"];
        assert_described(&document, schema, &answer.json(), &path);
    }
    house.stop().await;
}

#[track_caller]
fn assert_described(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let property = &schema["properties"][name];
                assert!(property.is_object(), "{at}.{name} is not described by {schema}");
                assert_described(document, property, value, &format!("{at}.{name}"));
            }
        }
        Value::Array(values) => {
            for value in values {
                assert_described(document, &schema["items"], value, at);
            }
        }
        _ => {}
    }
}
