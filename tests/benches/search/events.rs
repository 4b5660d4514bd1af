//! The events of a run: a function of their number, so that what a search must find is known without keeping them.

use std::fmt::Write;

use domain::attributes::Attributes;
use domain::enrich::Context;
use domain::event::{ApiRequest, Body, ErrorReport, Event, Generic, Kind, Priority, Severity, UserAction};
use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::zipf::Weighted;

/// Partitions that the events are spread over.
pub(crate) const SOURCES: u32 = 4;
/// Every 101st event is one of these tenants'.
const SMALL_TENANTS: u64 = 100;
const SESSION_MS: i64 = 30 * 60 * 1000;

pub(crate) const ENVIRONMENTS: [&str; 3] = ["production", "staging", "dev"];
pub(crate) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];
const STATUSES: [u16; 10] = [200, 201, 404, 304, 400, 401, 429, 500, 503, 502];
const WORDS_IN_MESSAGE: usize = 8;
/// Mean of the durations, in milliseconds.
const MEAN_MS: f64 = 80.0;

/// What the values of events are drawn from.
pub(crate) struct World {
    /// Of the first event.
    pub(crate) start: Millis,
    /// Behind the last one.
    pub(crate) end: Millis,
    /// Of all tenants.
    pub(crate) total: u64,
    class: Class,
    tenants: Vec<TenantId>,
    pub(crate) users: Weighted,
    pub(crate) services: Weighted,
    pub(crate) routes: Weighted,
    pub(crate) plans: Weighted,
    pub(crate) words: Weighted,
    environments: Weighted,
    methods: Weighted,
    statuses: Weighted,
    vocabulary: Vec<String>,
}

/// What is drawn of an event, as numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) number: u64,
    pub(crate) time: Millis,
    pub(crate) kind: Kind,
    pub(crate) user: Option<u32>,
    pub(crate) service: u32,
    pub(crate) environment: u32,
    pub(crate) route: u32,
    pub(crate) method: u32,
    pub(crate) status: u16,
    pub(crate) duration_ms: f64,
    pub(crate) plan: u32,
    pub(crate) words: [u32; WORDS_IN_MESSAGE],
}

/// Random bits of an event, one for each use.
fn bits(number: u64, of: u64) -> u64 {
    // SplitMix64.
    let mut z = number
        .wrapping_mul(32)
        .wrapping_add(of)
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in [0, 1).
#[expect(clippy::cast_precision_loss, reason = "53 bits")]
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl World {
    /// `events` of the big tenant up to `end`, and a hundredth as many beside it.
    pub(crate) fn new(events: u64, span_ms: i64, end: Millis, class: Class) -> Self {
        let small = (0..SMALL_TENANTS).map(|n| format!("small-{n:02}"));
        let names = std::iter::once("big".to_owned()).chain(small);
        Self {
            start: end.minus_ms(span_ms),
            end,
            total: events + events / SMALL_TENANTS,
            class,
            tenants: names.map(|name| TenantId::parse(&name).unwrap()).collect(),
            users: Weighted::zipf(500_000),
            services: Weighted::zipf(20),
            routes: Weighted::zipf(200),
            plans: Weighted::zipf(1_000),
            words: Weighted::zipf(5_000),
            environments: Weighted::new(&[80.0, 15.0, 5.0]),
            methods: Weighted::new(&[60.0, 25.0, 8.0, 5.0, 2.0]),
            statuses: Weighted::new(&[85.0, 5.0, 3.0, 2.0, 2.0, 1.0, 0.5, 1.0, 0.3, 0.2]),
            vocabulary: (0..5_000).map(word).collect(),
        }
    }

    /// The tenant that has nearly all of them.
    pub(crate) fn big(&self) -> &TenantId {
        &self.tenants[0]
    }

    /// Whether an event is the big tenant's.
    pub(crate) fn is_big(number: u64) -> bool {
        number % (SMALL_TENANTS + 1) != SMALL_TENANTS
    }

    fn tenant(&self, number: u64) -> &TenantId {
        let small = number / (SMALL_TENANTS + 1) % SMALL_TENANTS;
        if Self::is_big(number) {
            self.big()
        } else {
            &self.tenants[usize::try_from(small).unwrap() + 1]
        }
    }

    /// The times grow with the number.
    pub(crate) fn time(&self, number: u64) -> Millis {
        let span = i128::from(self.end.since(self.start));
        let ms = i128::from(number) * span / i128::from(self.total);
        self.start.plus_ms(i64::try_from(ms).unwrap())
    }

    /// The first event at or after a time.
    pub(crate) fn first_at(&self, time: Millis) -> u64 {
        let span = i128::from(self.end.since(self.start));
        let ms = i128::from(time.since(self.start)).clamp(0, span);
        let number = u64::try_from((ms * i128::from(self.total) + span - 1) / span).unwrap();
        number.min(self.total)
    }

    fn user(&self, number: u64) -> Option<u32> {
        (bits(number, 0) % 100 >= 15).then(|| self.users.draw(bits(number, 1)))
    }

    /// The partition of an event: what one user does is in one.
    pub(crate) fn source(&self, number: u64) -> u32 {
        let key = self.user(number).map_or(trace(number), u64::from);
        u32::try_from(bits(key, 31) % u64::from(SOURCES)).unwrap()
    }

    pub(crate) fn id(&self, number: u64) -> EventId {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&bits(number, 2).to_be_bytes());
        random[8..].copy_from_slice(&bits(number, 3).to_be_bytes()[..2]);
        EventId::made(self.time(number), random)
    }

    pub(crate) fn shape(&self, number: u64) -> Shape {
        let kind = match bits(number, 4) % 100 {
            0..70 => Kind::ApiRequest,
            70..80 => Kind::Error,
            80..95 => Kind::UserAction,
            _ => Kind::Generic,
        };
        let mut words = [0; WORDS_IN_MESSAGE];
        if kind == Kind::Error {
            for (word, of) in words.iter_mut().zip(16..) {
                *word = self.words.draw(bits(number, of));
            }
        }
        Shape {
            number,
            time: self.time(number),
            kind,
            user: self.user(number).or((kind == Kind::UserAction).then_some(0)),
            service: self.services.draw(bits(number, 5)),
            environment: self.environments.draw(bits(number, 6)),
            route: self.routes.draw(bits(number, 7)),
            method: self.methods.draw(bits(number, 8)),
            status: STATUSES[self.statuses.draw(bits(number, 9)) as usize],
            // One decimal, as it is sent.
            duration_ms: (-(1.0 - unit(bits(number, 10))).ln() * MEAN_MS * 10.0).round() / 10.0,
            plan: self.plans.draw(bits(number, 11)),
            words,
        }
    }

    /// The event itself, as enrichment has written it.
    pub(crate) fn event(&self, shape: &Shape) -> Enriched {
        let number = shape.number;
        let body = self.body(shape);
        let event = Event {
            id: self.id(number),
            service: Some(service(shape.service)),
            environment: Some(ENVIRONMENTS[shape.environment as usize].to_owned()),
            release: None,
            user_id: shape.user.map(user),
            session_id: shape.user.map(|user| session(user, shape.time)),
            trace_id: Some(trace_id(number)),
            span_id: None,
            severity: Severity::default_of(shape.kind),
            external_id: None,
            priority: Priority::Standard,
            attributes: Some(Attributes::trusted(format!(
                r#"{{"cart":{{"total":{}}},"plan":"{}"}}"#,
                bits(number, 12) % 10_000,
                plan(shape.plan)
            ))),
            body,
        };
        Enriched {
            tenant: self.tenant(number).clone(),
            received_at: shape.time,
            expires_at: self.class.expires_at(shape.time, shape.time),
            event,
            context: Context::default(),
            class: self.class,
            revision: 0,
        }
    }

    fn body(&self, shape: &Shape) -> Body {
        let number = shape.number;
        match shape.kind {
            Kind::ApiRequest => Body::ApiRequest(ApiRequest {
                method: METHODS[shape.method as usize].to_owned(),
                path: format!("/api/v1/r{}/{}", shape.route, bits(number, 13) % 1_000_000),
                status_code: shape.status,
                duration_ms: shape.duration_ms,
                route: Some(route(shape.route)),
                request_bytes: None,
                response_bytes: None,
                client_ip: None,
                user_agent: None,
                query: None,
            }),
            Kind::Error => Body::Error(ErrorReport {
                error_type: format!("Error{}", bits(number, 14) % 30),
                message: self.text(&shape.words),
                stack_trace: None,
                handled: Some(bits(number, 15).is_multiple_of(2)),
                fingerprint: None,
                client_ip: None,
                user_agent: None,
            }),
            Kind::UserAction => Body::UserAction(UserAction {
                action: format!("action-{}", bits(number, 14) % 20),
                target: Some(format!("button-{}", bits(number, 15) % 200)),
                url: None,
                client_ip: None,
                user_agent: None,
            }),
            Kind::Generic => Body::Generic(Generic {
                name: format!("job-{}", bits(number, 14) % 50),
            }),
        }
    }

    pub(crate) fn text(&self, words: &[u32]) -> String {
        let words: Vec<&str> = words
            .iter()
            .map(|word| self.vocabulary[*word as usize].as_str())
            .collect();
        words.join(" ")
    }
}

pub(crate) fn service(number: u32) -> String {
    format!("service-{number:02}")
}

pub(crate) fn user(number: u32) -> String {
    format!("user-{number:06}")
}

pub(crate) fn route(number: u32) -> String {
    format!("/api/v1/r{number}/:id")
}

pub(crate) fn plan(number: u32) -> String {
    format!("plan{number}")
}

pub(crate) fn trace(number: u64) -> u64 {
    number / 3
}

pub(crate) fn trace_id(number: u64) -> String {
    format!("{:016x}{:016x}", bits(trace(number), 29), bits(trace(number), 30))
}

fn session(user: u32, time: Millis) -> String {
    let half_hour = time.as_ms().div_euclid(SESSION_MS).cast_unsigned();
    format!("s{:012x}", bits(u64::from(user) << 32 | half_hour, 28) >> 16)
}

/// Words of three syllables, which nothing else looks like.
fn word(number: u32) -> String {
    let mut word = String::new();
    let mut rest = number;
    for _ in 0..3 {
        let (consonant, vowel) = (rest % 18, rest / 18 % 5);
        rest /= 18 * 5;
        let letter = |of: &str, at: u32| of.as_bytes()[at as usize] as char;
        let _ = write!(
            word,
            "{}{}",
            letter("bcdfghjklmnpqrstvz", consonant),
            letter("aeiou", vowel)
        );
    }
    word
}
