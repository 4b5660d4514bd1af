//! Random events of every kind.

use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use super::{key, number, text};
use crate::attributes::Attributes;
use crate::enrich::{Client, Context};
use crate::event::{ApiRequest, Body, ErrorReport, Event, Generic, Priority, Severity, UserAction};
use crate::id::EventId;
use crate::time::Millis;

/// More tokens than have terms, now and then.
fn long_text() -> impl Strategy<Value = String> {
    let words = |count: usize| {
        (0..count)
            .map(|word| format!("w{word} "))
            .collect::<Vec<_>>()
            .concat()
    };
    prop_oneof![12 => text().boxed(), 1 => (250_usize..280, text()).prop_map(move |(count, text)| words(count) + &text).boxed()]
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        number().prop_map(|text| serde_json::from_str(&text).unwrap()),
        long_text().prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map(key(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let object = prop::collection::hash_map(key(), json(), 0..4);
    // More terms than are kept, now and then.
    (object, prop_oneof![8 => Just(0), 1 => 120_usize..140]).prop_map(|(entries, more)| {
        let mut object: serde_json::Map<_, _> = entries.into_iter().collect();
        if more > 0 {
            object.insert("Z".into(), json!(vec!["a"; more]));
        }
        Attributes::trusted(Json::Object(object).to_string())
    })
}

fn api_request() -> impl Strategy<Value = Body> {
    let sizes = (of(select(vec![0, 5, 100, u64::MAX])), of(select(vec![0, 5, 100])));
    let duration = select(vec![0.0, 5.0, 5.1, 100.0, 1e300]);
    (
        text(),
        text(),
        100_u16..600,
        duration,
        of(text()),
        sizes,
        of(text()),
    )
        .prop_map(
            |(method, path, status_code, duration_ms, route, (request_bytes, response_bytes), client_ip)| {
                Body::ApiRequest(ApiRequest {
                    method,
                    path,
                    status_code,
                    duration_ms,
                    route,
                    request_bytes,
                    response_bytes,
                    client_ip,
                    user_agent: None,
                    query: None,
                })
            },
        )
}

fn error() -> impl Strategy<Value = Body> {
    (text(), long_text(), of(any::<bool>()), of(text()), of(text())).prop_map(
        |(error_type, message, handled, fingerprint, client_ip)| {
            Body::Error(ErrorReport {
                error_type,
                message,
                stack_trace: None,
                handled,
                fingerprint,
                client_ip,
                user_agent: None,
            })
        },
    )
}

fn user_action() -> impl Strategy<Value = Body> {
    (text(), of(text()), of(text()), of(text())).prop_map(|(action, target, url, client_ip)| {
        Body::UserAction(UserAction {
            action,
            target,
            url,
            client_ip,
            user_agent: None,
        })
    })
}

/// Any event.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let names = prop::collection::vec(weighted(0.3, text()), 8);
    let body = prop_oneof![
        api_request(),
        error(),
        user_action(),
        text().prop_map(|name| Body::Generic(Generic { name }))
    ];
    let levels = (select(Severity::ALL), select(Priority::ALL));
    (names, body, levels, weighted(0.7, attributes())).prop_map(
        |(names, body, (severity, priority), attributes)| {
            let mut names = names.into_iter();
            let mut name = || names.next().flatten();
            Event {
                id: EventId::made(Millis::from_ms(1_700_000_000_000), [0; 10]),
                service: name(),
                environment: name(),
                release: name(),
                user_id: name(),
                session_id: name(),
                trace_id: name(),
                span_id: name(),
                severity,
                external_id: name(),
                priority,
                attributes,
                body,
            }
        },
    )
}

/// What enrichment may have found.
pub(crate) fn context() -> impl Strategy<Value = Context> {
    let client =
        (of(text()), of(text()), text(), any::<bool>()).prop_map(|(browser, os, device, bot)| Client {
            browser,
            browser_version: None,
            os,
            os_version: None,
            device,
            bot,
        });
    (of(client), of(text())).prop_map(|(client, route)| Context { client, route })
}
