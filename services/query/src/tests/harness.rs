//! A service over a store and a log in a directory, two tenants, and keys for them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use chassis::clock::{Clock, Manual};
use chassis::random::Seeded;
use control::View;
use domain::attributes::Attributes;
use domain::control::{KeyRecord, Record, State, TenantRecord};
use domain::enrich::Context;
use domain::event::{Body as EventBody, Event, Generic, Priority, Severity};
use domain::id::EventId;
use domain::key::{ApiKey, Pepper, Peppers, Scope, Scopes};
use domain::record::Enriched;
use domain::retention::Class;
use domain::seal::Sealer;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::token::Token;
use domain::topic;
use edge::Access;
use eventlog::Log;
use eventlog::embedded::{Retention, TopicConfig};
use http_body_util::BodyExt;
use serde_json::Value;
use store::embedded::Embedded;
use store::{Events, Position, Progress, Rollups, STORING_SERVICE};
use tempfile::TempDir;
use tower::ServiceExt;

use super::indexed::Indexed;
use crate::{Config, Deps, Service};

/// When everything happens.
pub(crate) const NOW: Millis = Millis::from_ms(1_700_000_000_000);

/// Partitions of accepted events; every tenant has events in each.
pub(crate) const PARTITIONS: u32 = 4;

/// Where tokens point to.
pub(crate) const SOURCE: Source = Source {
    lane: Lane::Standard,
    generation: 2,
    partition: 3,
};

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// An event of this time; `number` tells events of one time apart.
pub(crate) fn event(of: &str, time: Millis, number: u8) -> Enriched {
    let event = Event {
        id: EventId::made(time, [number; 10]),
        service: Some(format!("service-{}", number % 3)),
        environment: None,
        release: None,
        user_id: None,
        session_id: None,
        trace_id: None,
        span_id: None,
        severity: Severity::Info,
        external_id: None,
        priority: Priority::Standard,
        attributes: Some(Attributes::trusted(r#"{"cart":{"total":99}}"#.into())),
        body: EventBody::Generic(Generic {
            name: format!("name-{number}"),
        }),
    };
    let class = Class::default();
    Enriched {
        tenant: tenant(of),
        received_at: NOW,
        expires_at: class.expires_at(time, NOW),
        event,
        context: Context::default(),
        class,
        revision: 0,
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let events = self.body["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The whole, with tenants `alpha` and `beta`.
pub(crate) struct Harness {
    pub(crate) service: Service,
    pub(crate) store: Embedded,
    pub(crate) log: Arc<eventlog::embedded::Embedded>,
    pub(crate) clock: Arc<Manual>,
    pub(crate) indexed: Indexed,
    pub(crate) sealer: Arc<Sealer>,
    _dir: TempDir,
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), |store| Arc::new(store))
    }

    pub(crate) fn with_config(config: Config) -> Self {
        Self::with(config, |store| Arc::new(store))
    }

    /// With something between the service and the events of the store.
    pub(crate) fn with(config: Config, events: impl FnOnce(Embedded) -> Arc<dyn Events>) -> Self {
        Self::with_all(config, events, |store| Arc::new(store), |log| log)
    }

    /// With other statistics than those of the store.
    pub(crate) fn with_rollups(rollups: impl FnOnce(Embedded) -> Arc<dyn Rollups>) -> Self {
        Self::with_all(Config::default(), |store| Arc::new(store), rollups, |log| log)
    }

    /// With something between the service and the log.
    pub(crate) fn with_log(between: impl FnOnce(Arc<dyn Log>) -> Arc<dyn Log>) -> Self {
        Self::with_all(
            Config::default(),
            |store| Arc::new(store),
            |store| Arc::new(store),
            between,
        )
    }

    fn with_all(
        config: Config,
        events: impl FnOnce(Embedded) -> Arc<dyn Events>,
        rollups: impl FnOnce(Embedded) -> Arc<dyn Rollups>,
        between: impl FnOnce(Arc<dyn Log>) -> Arc<dyn Log>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        let store = Embedded::open(&store, store::embedded::Config::new(Arc::new(|| NOW))).unwrap();
        let peppers = Arc::new(Peppers::new(Pepper::new("p", &[7; 32]).unwrap(), Vec::new()));
        let sealer = Arc::new(Sealer::new(&peppers));
        let clock = Arc::new(Manual::at(NOW.as_ms()));
        let log = Arc::new(open_log(&dir, clock.clone()));
        let deps = Deps {
            events: events(store.clone()),
            index: Arc::new(store.clone()),
            rollups: rollups(store.clone()),
            progress: Arc::new(store.clone()),
            log: between(log.clone()),
            generation: SOURCE.generation,
            access: Access::new(View::fixed(state(&peppers)), peppers, clock.clone()),
            sealer: sealer.clone(),
            clock: clock.clone(),
            random: Arc::new(Seeded::new(1)),
        };
        Self {
            service: Service::new(deps, config),
            indexed: Indexed::new(store.clone()),
            store,
            log,
            clock,
            sealer,
            _dir: dir,
        }
    }

    pub(crate) async fn put(&self, events: &[Enriched]) {
        self.indexed.put(events).await;
    }

    /// Makes everything up to an accepted offset visible.
    pub(crate) async fn advance(&self, origin: u64) {
        self.advance_in(SOURCE, origin).await;
    }

    pub(crate) async fn advance_in(&self, source: Source, origin: u64) {
        self.advance_by(STORING_SERVICE, source, origin).await;
    }

    pub(crate) async fn advance_by(&self, service: &str, source: Source, origin: u64) {
        let position = Position {
            next_offset: origin + 1,
            origin,
            appended_at_ms: 0,
            checksum: 0,
        };
        self.store.advance(service, source, position).await.unwrap();
    }

    /// The token of a write at an accepted offset.
    pub(crate) fn token(&self, of: &str, offset: u64) -> String {
        self.token_in(SOURCE, of, offset)
    }

    pub(crate) fn token_in(&self, source: Source, of: &str, offset: u64) -> String {
        let mut token = Token::default();
        token.add(source, offset);
        self.sealer
            .seal(&tenant(of), Token::PURPOSE, &token.encode(), [9; 12])
    }

    /// A call with the key of a tenant that has all scopes.
    pub(crate) async fn call(&self, method: &str, uri: &str, of: &str) -> Answered {
        self.call_with(method, uri, &key(of)).await
    }

    pub(crate) async fn get(&self, uri: &str, of: &str) -> Answered {
        self.call("GET", uri, of).await
    }

    pub(crate) async fn call_with(&self, method: &str, uri: &str, key: &ApiKey) -> Answered {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {}", key.reveal()))
            .body(Body::empty())
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.service.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: if bytes.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&bytes).unwrap()
            },
        }
    }
}

fn open_log(dir: &TempDir, clock: Arc<Manual>) -> eventlog::embedded::Embedded {
    let accepted = TopicConfig {
        name: topic::accepted(Lane::Standard).into(),
        partitions: PARTITIONS,
        retention: Retention::Age(Duration::from_hours(24)),
    };
    let config = eventlog::embedded::Config::new(vec![accepted], Arc::new(move || clock.now_ms()));
    eventlog::embedded::Embedded::open(dir.path().join("log"), config).unwrap()
}

/// The key of a tenant that has all scopes.
pub(crate) fn key(of: &str) -> ApiKey {
    made(of.as_bytes()[0])
}

/// A key of `alpha` that may only do this.
pub(crate) fn key_for(scope: Scope) -> ApiKey {
    made(match scope {
        Scope::Ingest => 1,
        Scope::Read => 2,
        Scope::Manage => 3,
        Scope::Platform => 4,
    })
}

fn made(seed: u8) -> ApiKey {
    ApiKey::generate(&[seed; ApiKey::RANDOM_BYTES])
}

fn state(peppers: &Peppers) -> State {
    let mut state = State::default();
    let all = Scopes::from([Scope::Ingest, Scope::Read, Scope::Manage]);
    for name in ["alpha", "beta"] {
        state.apply(Record::Tenant(TenantRecord {
            id: tenant(name),
            name: name.into(),
            created_at: NOW,
            closed_at: None,
            version: 1,
        }));
        state.apply(key_record(&key(name), Some(name), all, peppers));
    }
    for scope in [Scope::Ingest, Scope::Read, Scope::Manage] {
        state.apply(key_record(
            &key_for(scope),
            Some("alpha"),
            Scopes::from([scope]),
            peppers,
        ));
    }
    state.apply(key_record(
        &key_for(Scope::Platform),
        None,
        Scopes::from([Scope::Platform]),
        peppers,
    ));
    state
}

fn key_record(key: &ApiKey, of: Option<&str>, scopes: Scopes, peppers: &Peppers) -> Record {
    Record::Key(KeyRecord {
        id: *key.id(),
        tenant: of.map(tenant),
        name: "test".into(),
        scopes,
        created_at: NOW,
        expires_at: None,
        pepper: peppers.first().id().into(),
        digest: key.digest(peppers.first()),
        replaces: None,
        version: 1,
    })
}
