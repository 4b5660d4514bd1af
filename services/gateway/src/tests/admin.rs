//! Tenants and keys: who may touch which, and that what is another tenant's looks like what nobody has.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::harness::{Answer, House};

const TENANTS: &str = "/api/v1/admin/tenants";
const KEYS: &str = "/api/v1/admin/keys";

async fn post(house: &House, path: &str, key: &str, body: serde_json::Value) -> Answer {
    house.call(Method::POST, path, key, &body.to_string()).await
}

#[tokio::test]
async fn the_platform_makes_a_tenant_and_a_key_that_sends_events_until_it_is_revoked() {
    let house = House::new().await;
    let platform = &house.keys.platform;
    let answer = post(&house, TENANTS, platform, json!({"id": "fresh", "name": "Fresh"})).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    insta::assert_json_snapshot!("tenant", answer.json());
    let again = post(&house, TENANTS, platform, json!({"id": "fresh", "name": "Fresh"})).await;
    assert_eq!(again.problem(), (409, "conflict".to_owned()));
    let tenants = house.call(Method::GET, TENANTS, platform, "").await.json();
    let ids: Vec<_> = tenants["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| tenant["id"].clone())
        .collect();
    assert_eq!(ids, ["demo", "fresh", "other"]);

    let new = json!({"tenant": "fresh", "name": "app", "scopes": ["read", "ingest"], "expires_at": "2030-01-01T00:00:00Z"});
    let answer = post(&house, KEYS, platform, new).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("cache-control"), "no-store");
    insta::assert_json_snapshot!("key", answer.json(), {".id" => "[id]", ".key" => "[key]"});
    let key = answer.json()["key"].as_str().unwrap().to_owned();
    let send = async || {
        house
            .call(
                Method::POST,
                "/api/v1/ingestion/events",
                &key,
                r#"{"kind":"generic","name":"a"}"#,
            )
            .await
    };
    assert_eq!(send().await.status, StatusCode::ACCEPTED);

    let listed = house
        .call(Method::GET, &format!("{KEYS}?tenant=fresh"), platform, "")
        .await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&key));
    assert_eq!(listed.json()["keys"].as_array().unwrap().len(), 1);

    let path = format!("{KEYS}/{}", answer.json()["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(
            house.call(Method::DELETE, &path, platform, "").await.status,
            StatusCode::NO_CONTENT
        );
    }
    assert_eq!(send().await.problem(), (401, "unauthenticated".to_owned()));
    let listed = house
        .call(Method::GET, &format!("{KEYS}?tenant=fresh"), platform, "")
        .await;
    assert_eq!(listed.json()["keys"][0]["revoked"], true);
    house.stop().await;
}

#[tokio::test]
async fn a_managing_key_reaches_the_keys_of_its_own_tenant_only() {
    let house = House::new().await;
    let manage = &house.keys.manage;
    let answer = post(
        &house,
        KEYS,
        manage,
        json!({"name": "mine", "scopes": ["ingest"]}),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.json()["tenant"]),
        (StatusCode::CREATED, &json!("demo"))
    );
    let keys = house.call(Method::GET, KEYS, manage, "").await.json();
    assert!(
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["tenant"] == "demo")
    );

    // The tenant `other` exists, `nobody` does not.
    for tenant in ["other", "nobody"] {
        let new = json!({"tenant": tenant, "name": "x", "scopes": ["read"]});
        let answer = post(&house, KEYS, manage, new).await;
        assert_eq!(answer.problem(), (403, "missing_scope".to_owned()), "{tenant}");
        let answer = house
            .call(Method::GET, &format!("{KEYS}?tenant={tenant}"), manage, "")
            .await;
        assert_eq!(answer.problem(), (403, "missing_scope".to_owned()), "{tenant}");
    }
    let foreign = house
        .call(
            Method::DELETE,
            &format!("{KEYS}/{}", house.keys.other_id),
            manage,
            "",
        )
        .await;
    for id in ["000000000000", "no-id"] {
        let absent = house
            .call(Method::DELETE, &format!("{KEYS}/{id}"), manage, "")
            .await;
        assert_eq!(absent.json()["detail"], foreign.json()["detail"]);
        assert_eq!(absent.problem(), (404, "not_found".to_owned()));
    }
    assert_eq!(
        house.call(Method::GET, KEYS, &house.keys.other, "").await.status,
        StatusCode::OK
    );

    let answer = post(&house, KEYS, manage, json!({"name": "x", "scopes": ["platform"]})).await;
    assert_eq!(
        answer.faults(),
        [("invalid_value".to_owned(), "scopes".to_owned())]
    );
    assert_eq!(
        house.call(Method::GET, TENANTS, manage, "").await.problem(),
        (403, "missing_scope".to_owned())
    );
    house.stop().await;
}

#[tokio::test]
async fn other_keys_may_not_administrate() {
    let house = House::new().await;
    for key in [&house.keys.ingest, &house.keys.read] {
        for (method, path) in [
            (Method::GET, TENANTS),
            (Method::POST, TENANTS),
            (Method::GET, KEYS),
            (Method::POST, KEYS),
        ] {
            let answer = house.call(method, path, key, "{}").await;
            assert_eq!(answer.problem(), (403, "missing_scope".to_owned()), "{path}");
        }
        let answer = house
            .call(
                Method::DELETE,
                &format!("{KEYS}/{}", house.keys.other_id),
                key,
                "",
            )
            .await;
        assert_eq!(answer.problem(), (403, "missing_scope".to_owned()));
    }
    assert_eq!(
        house.call(Method::GET, KEYS, "", "").await.problem(),
        (401, "unauthenticated".to_owned())
    );
    house.stop().await;
}

#[tokio::test]
async fn every_fault_of_a_change_is_named() {
    let house = House::new().await;
    let platform = &house.keys.platform;
    let answer = post(&house, TENANTS, platform, json!({"id": "No", "colour": "red"})).await;
    assert_eq!(answer.problem(), (400, "invalid_request".to_owned()));
    let fields = |answer: &Answer| {
        answer
            .faults()
            .into_iter()
            .map(|(_, field)| field)
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(&answer), ["id", "name", "colour"]);
    let new =
        json!({"tenant": "demo", "name": "", "scopes": [], "expires_at": "2020-01-01T00:00:00Z", "x": 1});
    assert_eq!(
        fields(&post(&house, KEYS, platform, new).await),
        ["name", "scopes", "expires_at", "x"]
    );
    let answer = post(&house, KEYS, platform, json!({"name": "x", "scopes": ["ingest"]})).await;
    assert_eq!(fields(&answer), ["scopes"]);
    let answer = post(
        &house,
        KEYS,
        platform,
        json!({"tenant": "nobody", "name": "x", "scopes": ["ingest"]}),
    )
    .await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    for body in ["", "[]", "{"] {
        let answer = house.call(Method::POST, TENANTS, platform, body).await;
        assert_eq!(answer.problem(), (400, "invalid_body".to_owned()));
    }
    let answer = house
        .call(Method::GET, &format!("{KEYS}?colour=red"), platform, "")
        .await;
    assert_eq!(answer.problem(), (400, "invalid_request".to_owned()));
    house.stop().await;
}
