//! The service over gRPC.

use domain::key::{ApiKey, Scope};
use proto::v1::query_server::Query;
use proto::v1::{GetRequest, Order, SearchRequest, StatsRequest};
use tonic::{Code, Request};

use super::counted::{count, error};
use super::harness::{Harness, NOW, event, key, key_for};
use crate::Grpc;

pub(super) fn grpc(harness: &Harness) -> Grpc {
    Grpc::new(harness.service.clone())
}

pub(super) fn request<T>(message: T, key: &ApiKey) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("x-api-key", key.reveal().parse().unwrap());
    request
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let harness = Harness::new();
    let events: Vec<_> = (0..9)
        .map(|number| event("alpha", NOW.minus_ms(i64::from(number)), number))
        .collect();
    harness.put(&events).await;
    let mut found = Vec::new();
    let mut asked = SearchRequest {
        filters: [("service".to_owned(), "service-1".to_owned())].into(),
        limit: 2,
        order: Order::OldestFirst.into(),
        ..SearchRequest::default()
    };
    loop {
        let page = Query::search(&grpc(&harness), request(asked.clone(), &key("alpha")))
            .await
            .unwrap()
            .into_inner();
        assert!(page.complete && page.from.is_some() && page.to.is_some());
        found.extend(page.events.into_iter().map(|event| event.event.unwrap().id));
        if page.next_cursor.is_empty() {
            break;
        }
        asked.cursor = page.next_cursor;
    }
    let expected = [7, 4, 1].map(|number: usize| events[number].event.id.to_string());
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_was_read_is_told_to_who_asks() {
    let harness = Harness::new();
    harness.put(&[event("alpha", NOW, 1)]).await;
    let asked = |explain| SearchRequest {
        q: "service:service-1".into(),
        explain,
        ..SearchRequest::default()
    };
    let told = async |explain| {
        let answer = Query::search(&grpc(&harness), request(asked(explain), &key("alpha"))).await;
        answer.unwrap().into_inner().explain
    };
    let explanation = told(true).await.unwrap();
    assert_eq!(explanation.filter, "service:service-1");
    assert_eq!(
        (explanation.found, explanation.tested, explanation.fresh_events),
        (1, 1, 1)
    );
    assert_eq!(told(false).await, None);
}

#[tokio::test]
async fn one_event_is_found_by_its_tenant() {
    let harness = Harness::new();
    let stored = event("alpha", NOW, 1);
    harness.put(std::slice::from_ref(&stored)).await;
    let asked = GetRequest {
        id: stored.event.id.to_string(),
        after: String::new(),
    };
    let found = Query::get(&grpc(&harness), request(asked.clone(), &key("alpha")))
        .await
        .unwrap();
    let found = proto::record::enriched(found.into_inner().event.unwrap()).unwrap();
    assert_eq!(found, stored);
    let theirs = Query::get(&grpc(&harness), request(asked, &key("beta")))
        .await
        .unwrap_err();
    assert_eq!(theirs.code(), Code::NotFound);
}

#[tokio::test]
async fn errors_have_the_codes_of_the_one_table() {
    let harness = Harness::new();
    let of = |message| async { Query::search(&grpc(&harness), message).await.unwrap_err().code() };
    let no_key = Request::new(SearchRequest::default());
    assert_eq!(of(no_key).await, Code::Unauthenticated);
    assert_eq!(
        of(request(SearchRequest::default(), &key_for(Scope::Ingest))).await,
        Code::PermissionDenied
    );
    let wrong = [
        SearchRequest {
            limit: 1001,
            ..SearchRequest::default()
        },
        SearchRequest {
            order: 9,
            ..SearchRequest::default()
        },
        SearchRequest {
            q: "(free".into(),
            ..SearchRequest::default()
        },
        SearchRequest {
            from: "soon".into(),
            ..SearchRequest::default()
        },
        SearchRequest {
            cursor: "x".into(),
            ..SearchRequest::default()
        },
        SearchRequest {
            after: "x".into(),
            ..SearchRequest::default()
        },
        SearchRequest {
            filters: [("servise".to_owned(), "x".to_owned())].into(),
            ..SearchRequest::default()
        },
    ];
    for message in wrong {
        assert_eq!(
            of(request(message.clone(), &key("alpha"))).await,
            Code::InvalidArgument,
            "{message:?}"
        );
    }
}

#[tokio::test]
async fn events_are_counted_as_over_http() {
    let harness = Harness::new();
    let events = [
        event("alpha", NOW, 1),
        event("alpha", NOW, 2),
        error("alpha", NOW, 3, "E", "u"),
        event("beta", NOW, 4),
    ];
    count(&harness.store, &events).await;
    let told = async |filters: &[(&str, &str)]| {
        let filters = filters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let asked = StatsRequest {
            from: "now-1h".into(),
            filters: filters.collect(),
            ..StatsRequest::default()
        };
        let answer = Query::stats(&grpc(&harness), request(asked, &key("alpha"))).await;
        answer.map(tonic::Response::into_inner)
    };
    let stats = told(&[]).await.unwrap();
    let over_http = harness
        .get("/api/v1/ingestion/stats?from=now-1h", "alpha")
        .await
        .body;
    assert_eq!((stats.total, stats.lower_bound), (3, false));
    assert_eq!(
        serde_json::to_value(&stats.by_kind).unwrap(),
        over_http["by_kind"]
    );
    assert_eq!(
        serde_json::to_value(&stats.by_service).unwrap(),
        over_http["by_service"]
    );
    assert_eq!(
        serde_json::to_value(&stats.by_environment).unwrap(),
        over_http["by_environment"]
    );
    assert_eq!(
        serde_json::json!(stats.events_per_second),
        over_http["events_per_second"]
    );
    assert_eq!(stats.fresh_until.unwrap().seconds, NOW.to_parts().0);
    assert_eq!(told(&[("kind", "error")]).await.unwrap().total, 1);
    assert_eq!(
        told(&[("kinds", "error")]).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}
