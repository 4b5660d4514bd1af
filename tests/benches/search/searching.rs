//! Searches through the service that answers them in production, with a key, over HTTP but for the socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use chassis::clock::Clock;
use chassis::random::System;
use control::View;
use domain::control::{KeyRecord, Record, State, TenantRecord};
use domain::key::{ApiKey, Pepper, Peppers, Scope, Scopes};
use domain::seal::Sealer;
use domain::source::FIRST_GENERATION;
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::Access;
use eventlog::Log;
use http_body_util::BodyExt;
use query::{Config, Deps, Service};
use reqwest::Url;
use serde::Deserialize;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::loading::empty_log;
use crate::observed::Observed;
use crate::queries::{Order, Query};

pub(crate) const PAGE: usize = 100;

/// A page as it came.
#[derive(Deserialize)]
struct Page {
    events: Vec<Found>,
    next_cursor: Option<String>,
    complete: bool,
}

#[derive(Deserialize)]
struct Found {
    id: String,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) took: Duration,
    pub(crate) ids: Vec<String>,
    pub(crate) is_complete: bool,
    cursor: Option<String>,
}

/// Who asks, and whom.
pub(crate) struct Searcher {
    store: Observed,
    log: Arc<dyn Log>,
    _dir: TempDir,
    clock: Arc<dyn Clock>,
    key: ApiKey,
    tenant: TenantId,
}

impl Searcher {
    pub(crate) fn new(store: Observed, clock: Arc<dyn Clock>, tenant: TenantId) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            store,
            log: empty_log(&dir),
            _dir: dir,
            clock,
            key: ApiKey::generate(&[1; ApiKey::RANDOM_BYTES]),
            tenant,
        }
    }

    /// A service that has read nothing yet. Its budget for one tenant is not what is measured.
    pub(crate) fn service(&self) -> Router {
        let peppers = Arc::new(Peppers::new(Pepper::new("p", &[7; 32]).unwrap(), Vec::new()));
        let mut config = Config::default();
        config.search.tested_per_second = u32::MAX;
        let store = Arc::new(self.store.clone());
        let deps = Deps {
            events: store.clone(),
            index: store.clone(),
            rollups: Arc::new(self.store.rollups()),
            progress: store,
            log: self.log.clone(),
            generation: FIRST_GENERATION,
            access: Access::new(
                View::fixed(self.state(&peppers)),
                peppers.clone(),
                self.clock.clone(),
            ),
            sealer: Arc::new(Sealer::new(&peppers)),
            clock: self.clock.clone(),
            random: Arc::new(System),
        };
        Service::new(deps, config).router()
    }

    fn state(&self, peppers: &Peppers) -> State {
        let mut state = State::default();
        let created_at = Millis::EPOCH;
        state.apply(Record::Tenant(TenantRecord {
            id: self.tenant.clone(),
            name: "big".into(),
            created_at,
            closed_at: None,
            version: 1,
        }));
        state.apply(Record::Key(KeyRecord {
            id: *self.key.id(),
            tenant: Some(self.tenant.clone()),
            name: "bench".into(),
            scopes: Scopes::from([Scope::Read]),
            created_at,
            expires_at: None,
            pepper: peppers.first().id().into(),
            digest: self.key.digest(peppers.first()),
            replaces: None,
            version: 1,
        }));
        state
    }

    /// The page that is measured, after those before it.
    pub(crate) async fn page(&self, service: &Router, query: &Query, range: (&str, &str)) -> Answer {
        let mut cursor = None;
        for _ in 0..query.pages_before {
            cursor = self.ask(service, query, range, cursor.as_deref()).await.cursor;
        }
        self.store.take();
        self.ask(service, query, range, cursor.as_deref()).await
    }

    async fn ask(
        &self,
        service: &Router,
        query: &Query,
        (from, to): (&str, &str),
        cursor: Option<&str>,
    ) -> Answer {
        let mut url = Url::parse("http://bench/api/v1/ingestion/events").unwrap();
        let order = if query.order == Order::Newest {
            "newest"
        } else {
            "oldest"
        };
        url.query_pairs_mut()
            .extend_pairs([("from", from), ("to", to), ("q", &query.q), ("order", order)])
            .extend_pairs(cursor.map(|cursor| ("cursor", cursor)))
            .append_pair("limit", &PAGE.to_string());
        let uri = format!("{}?{}", url.path(), url.query().unwrap());
        let request = Request::get(uri)
            .header("authorization", format!("Bearer {}", self.key.reveal()))
            .body(Body::empty())
            .unwrap();
        let begin = Instant::now();
        let response = service.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let took = begin.elapsed();
        assert_eq!(
            status,
            StatusCode::OK,
            "{}: {}",
            query.q,
            String::from_utf8_lossy(&body)
        );
        let page: Page = serde_json::from_slice(&body).unwrap();
        Answer {
            took,
            ids: page.events.into_iter().map(|event| event.id).collect(),
            is_complete: page.complete,
            cursor: page.next_cursor,
        }
    }

    /// What was read for the last page.
    pub(crate) fn seen(&self) -> crate::observed::Seen {
        self.store.take()
    }
}
