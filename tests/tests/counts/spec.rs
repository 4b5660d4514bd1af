//! Events as a case describes them: of few texts each, so that they often meet in a group, and of few windows.

use domain::enrich::Context;
use domain::event::{ApiRequest, Body, ErrorReport, Event, Generic, Priority, Severity, UserAction};
use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;
use proptest::prelude::*;

pub(crate) const MINUTE_MS: i64 = 60 * 1000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// The begin of a day.
pub(crate) const BASE: Millis = Millis::from_ms(19_680 * DAY_MS);

/// Tenants of a case.
pub(crate) const TENANTS: usize = 2;

const SERVICES: [Option<&str>; 3] = [Some("checkout"), Some("cart"), None];
const ENVIRONMENTS: [Option<&str>; 2] = [Some("production"), None];
const USERS: [Option<&str>; 4] = [Some("u1"), Some("u2"), Some("ünal"), None];
const SESSIONS: [Option<&str>; 3] = [Some("n1"), Some("n2"), None];
const ROUTES: [Option<&str>; 3] = [Some("/items/:id"), Some("/"), None];
const STATUSES: [u16; 5] = [100, 200, 204, 404, 503];
const DURATIONS_MS: [f64; 6] = [0.0, 0.0004, 5.0, 5.5, 250.25, 1e300];
const BYTES: [Option<u64>; 4] = [None, Some(0), Some(700), Some(u64::MAX)];
const ERROR_TYPES: [&str; 2] = ["IoError", "Timeout"];
const FINGERPRINTS: [Option<&str>; 3] = [Some("f1"), Some("f2"), None];
const ACTIONS: [&str; 2] = ["pay", "view"];

/// An event whose times depend on when it is appended.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) tenant: usize,
    pub(crate) when: When,
    pub(crate) what: What,
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) struct What {
    /// Of its kind, and of the values of that.
    pub(crate) body: [u8; 4],
    /// Of its severity, service, environment, user, session and found route.
    pub(crate) names: [u8; 6],
}

/// When it happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// This long before it is appended.
    Ago(i64),
    /// Near the begin of a window of such a length, so many before the one it is appended in.
    Near(i64, i64, i64),
}

impl Spec {
    /// A request of so long ago, with the route of this number.
    pub(crate) fn request(tenant: usize, route: u8, ago_ms: i64) -> Self {
        let what = What {
            body: [0, route, 0, 2],
            names: [1, 0, 0, 0, 0, 0],
        };
        Self {
            tenant,
            when: When::Ago(ago_ms),
            what,
        }
    }

    /// The event, appended at `now`. Numbers tell events of one time apart.
    pub(crate) fn event(&self, tenant: &TenantId, number: u32, now: Millis) -> Enriched {
        let time = self.when.time(now);
        let mut random = [0; 10];
        random[6..].copy_from_slice(&number.to_be_bytes());
        let class = Class::Days30;
        Enriched {
            tenant: tenant.clone(),
            received_at: now,
            event: self.what.event(EventId::made(time, random)),
            context: Context {
                client: None,
                route: text(&ROUTES, self.what.names[5]),
            },
            class,
            expires_at: class.expires_at(time, now),
            revision: 0,
        }
    }
}

impl When {
    fn time(self, now: Millis) -> Millis {
        match self {
            Self::Ago(ms) => now.minus_ms(ms),
            Self::Near(length_ms, back, delta) => {
                let number = now.as_ms().div_euclid(length_ms) - back;
                Millis::from_ms(number * length_ms + delta)
            }
        }
    }
}

impl What {
    fn event(&self, id: EventId) -> Event {
        let [severity, service, environment, user, session, _] = self.names;
        Event {
            id,
            service: text(&SERVICES, service),
            environment: text(&ENVIRONMENTS, environment),
            release: None,
            user_id: text(&USERS, user),
            session_id: text(&SESSIONS, session),
            trace_id: None,
            span_id: None,
            severity: pick(Severity::ALL, severity),
            external_id: None,
            priority: Priority::Standard,
            attributes: None,
            body: body(self.body),
        }
    }
}

fn body([kind, one, other, third]: [u8; 4]) -> Body {
    match kind % 4 {
        0 => Body::ApiRequest(ApiRequest {
            method: pick(&["GET", "POST"], third).to_owned(),
            path: "/items/1".to_owned(),
            status_code: pick(&STATUSES, other),
            duration_ms: pick(&DURATIONS_MS, third),
            route: text(&ROUTES, one),
            request_bytes: pick(&BYTES, third),
            response_bytes: pick(&BYTES, other),
            client_ip: None,
            user_agent: None,
            query: None,
        }),
        1 => Body::Error(ErrorReport {
            error_type: pick(&ERROR_TYPES, one).to_owned(),
            message: "broken".to_owned(),
            stack_trace: None,
            handled: None,
            fingerprint: text(&FINGERPRINTS, other),
            client_ip: None,
            user_agent: None,
        }),
        2 => Body::UserAction(UserAction {
            action: pick(&ACTIONS, one).to_owned(),
            target: None,
            url: None,
            client_ip: None,
            user_agent: None,
        }),
        _ => Body::Generic(Generic {
            name: "started".to_owned(),
        }),
    }
}

fn pick<T: Copy>(all: &[T], number: u8) -> T {
    all[usize::from(number) % all.len()]
}

fn text(all: &[Option<&str>], number: u8) -> Option<String> {
    pick(all, number).map(str::to_owned)
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        5 => (0..3_i64).prop_map(When::Ago),
        3 => (-MINUTE_MS..3 * MINUTE_MS).prop_map(When::Ago),
        2 => (0..3_i64, -2..2_i64).prop_map(|(back, delta)| When::Near(MINUTE_MS, back, delta)),
        2 => (0..3_i64, -2..2_i64).prop_map(|(back, delta)| When::Near(HOUR_MS, back, delta)),
    ]
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let tenant = prop_oneof![3 => Just(0), 1 => Just(TENANTS - 1)];
    let what = (any::<[u8; 4]>(), any::<[u8; 6]>()).prop_map(|(body, names)| What { body, names });
    (tenant, when(), what).prop_map(|(tenant, when, what)| Spec { tenant, when, what })
}
