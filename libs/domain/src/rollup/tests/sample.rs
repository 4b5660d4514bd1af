//! Random events of every kind, whose texts are of few, so that they often meet; and events made for a purpose.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::enrich::Context;
use crate::event::{ApiRequest, Body, ErrorReport, Event, Generic, Priority, Severity, UserAction};
use crate::id::EventId;
use crate::record::Enriched;
use crate::retention::Class;
use crate::rollup::{Rollup, Row};
use crate::tenant::TenantId;
use crate::time::Millis;

/// An event as the log has it.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) event: Enriched,
    pub(super) origin: u64,
    pub(super) appended_at: Millis,
}

/// An event at the begin of 1970, with nothing but its body.
pub(super) fn of_body(body: Body) -> Enriched {
    Enriched {
        tenant: TenantId::parse("demo").unwrap(),
        received_at: Millis::EPOCH,
        event: Event {
            id: EventId::made(Millis::EPOCH, [0; 10]),
            service: None,
            environment: None,
            release: None,
            user_id: None,
            session_id: None,
            trace_id: None,
            span_id: None,
            severity: Severity::Info,
            external_id: None,
            priority: Priority::Standard,
            attributes: None,
            body,
        },
        context: Context::default(),
        class: Class::Days30,
        expires_at: Millis::MAX,
        revision: 0,
    }
}

pub(super) fn request(route: &str, status_code: u16, duration_ms: f64) -> Body {
    Body::ApiRequest(ApiRequest {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        status_code,
        duration_ms,
        route: Some(route.to_owned()),
        request_bytes: Some(10),
        response_bytes: None,
        client_ip: None,
        user_agent: None,
        query: None,
    })
}

pub(super) fn error(error_type: &str, fingerprint: Option<&str>) -> Body {
    Body::Error(ErrorReport {
        error_type: error_type.to_owned(),
        message: "broken".to_owned(),
        stack_trace: None,
        handled: None,
        fingerprint: fingerprint.map(str::to_owned),
        client_ip: None,
        user_agent: None,
    })
}

pub(super) fn action(action: &str) -> Body {
    Body::UserAction(UserAction {
        action: action.to_owned(),
        target: None,
        url: None,
        client_ip: None,
        user_agent: None,
    })
}

pub(super) fn generic() -> Body {
    Body::Generic(Generic {
        name: "started".to_owned(),
    })
}

fn text(letter: char, count: u32) -> impl Strategy<Value = String> + Clone {
    (0..count).prop_map(move |number| format!("{letter}{number}"))
}

fn body(count: u32) -> impl Strategy<Value = Body> {
    let status = select(vec![101, 200, 204, 302, 404, 500, 503]);
    let duration = prop_oneof![0.0..50.0, select(vec![0.0, 0.0004, 1e300])];
    let bytes = || of(select(vec![0, 7, 1_000, u64::MAX]));
    let request = (of(text('r', count)), status, duration, bytes(), bytes()).prop_map(
        |(route, status_code, duration_ms, request_bytes, response_bytes)| match request(
            "",
            status_code,
            duration_ms,
        ) {
            Body::ApiRequest(request) => Body::ApiRequest(ApiRequest {
                route,
                request_bytes,
                response_bytes,
                ..request
            }),
            other => other,
        },
    );
    prop_oneof![
        request,
        (text('t', count), of(text('f', 3))).prop_map(|(name, print)| error(&name, print.as_deref())),
        text('a', count).prop_map(|name| action(&name)),
        Just(generic()),
    ]
}

/// Any event, whose texts are of about so many.
fn event(count: u32) -> impl Strategy<Value = Enriched> {
    let names = (
        of(text('s', 3)),
        of(text('e', 2)),
        of(text('u', count)),
        of(text('n', 4)),
    );
    let found = (select(Severity::ALL), of(text('c', 2)), 0..100_000_i64);
    (body(count), names, found).prop_map(
        |(body, (service, environment, user_id, session_id), (severity, route, ms))| {
            let mut enriched = of_body(body);
            let event = &mut enriched.event;
            event.id = EventId::made(Millis::from_ms(ms), [0; 10]);
            (event.service, event.environment) = (service, environment);
            (event.user_id, event.session_id) = (user_id, session_id);
            event.severity = severity;
            enriched.context.route = route;
            enriched
        },
    )
}

/// A part of a log: origins grow, with gaps; append times step back now and then, and are often equal.
pub(super) fn log(
    texts: u32,
    length: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Logged>> {
    let entry = (event(texts), 1..4_u64, -3..5_i64);
    prop::collection::vec(entry, length).prop_map(|entries| {
        let (mut next, mut clock) = (0, 1_000);
        let logged = entries.into_iter().map(|(event, gap, step)| {
            (next, clock) = (next + gap, clock + step);
            Logged {
                event,
                origin: next - 1,
                appended_at: Millis::from_ms(clock),
            }
        });
        logged.collect()
    })
}

/// These events, one behind the other.
pub(super) fn in_a_row(events: impl IntoIterator<Item = Enriched>) -> Vec<Logged> {
    let logged = |(origin, event)| Logged {
        event,
        origin,
        appended_at: Millis::from_ms(1_000),
    };
    (0..).zip(events).map(logged).collect()
}

pub(super) fn fold(row: &mut Row, log: &[Logged]) {
    for logged in log {
        row.fold(&logged.event, logged.origin, logged.appended_at);
    }
}

pub(super) fn folded(rollup: Rollup, log: &[Logged]) -> Row {
    let mut row = Row::new(rollup);
    fold(&mut row, log);
    row
}
