//! What both protocols call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use chassis::clock::Clock;
use chassis::random::Random;
use domain::limits::Limits;
use domain::seal::Sealer;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::token::Token;
use edge::{Access, ApiError, ErrorCode};
use eventlog::Log;
use proto::v1::query_server::QueryServer;
use store::{Events, Index, Progress, Rollups};

use crate::admission::Gate;
use crate::budget::Budget;
use crate::config::Config;
use crate::grpc::Grpc;
use crate::search::pages::{PageCache, Pages};
use crate::search::seen::Seen;
use crate::search::snapshot::{SealedCache, Taker};
use crate::stats::fresh::Ends;
use crate::{fault, http, metric_definitions, visible};

/// What the service works on.
pub struct Deps {
    /// The events.
    pub events: Arc<dyn Events>,
    /// Where to look for them.
    pub index: Arc<dyn Index>,
    /// Statistics of them.
    pub rollups: Arc<dyn Rollups>,
    /// How far they are stored, and counted.
    pub progress: Arc<dyn Progress>,
    /// How far the accepted events go.
    pub log: Arc<dyn Log>,
    /// The generation of the topics.
    pub generation: u32,
    /// Who may ask.
    pub access: Access,
    /// Seals cursors, opens cursors and tokens.
    pub sealer: Arc<Sealer>,
    /// Resolves relative times and says what is expired.
    pub clock: Arc<dyn Clock>,
    /// Nonces of cursors.
    pub random: Arc<dyn Random>,
}

/// Search, get, delete and statistics. Clones share everything.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    deps: Deps,
    config: Config,
    searches: Gate,
    streams: Gate,
    counts: Gate,
    waits: Gate,
    budget: Mutex<Budget>,
    pages: PageCache,
    sealed: SealedCache,
    ends: Ends,
}

impl Service {
    /// The service over these.
    pub fn new(deps: Deps, config: Config) -> Self {
        metric_definitions::describe();
        let search = &config.search;
        let searches = Gate::new("search", search.per_tenant, search.at_once);
        let streams = Gate::new("stream", search.streams_per_tenant, search.streams);
        let budget = Budget::new(search.tested_per_second, search.tested_burst.duration());
        let counts = Gate::new("stats", config.stats.per_tenant, config.stats.at_once);
        let waits = Gate::new("wait", config.waiting_per_tenant, config.waiting);
        let ends = Ends::new(deps.log.clone(), deps.clock.clone(), deps.generation);
        Self(Arc::new(Inner {
            deps,
            ends,
            pages: PageCache::new(config.search.cache.as_u64()),
            sealed: SealedCache::new(),
            config,
            searches,
            streams,
            counts,
            waits,
            budget: Mutex::new(budget),
        }))
    }

    /// HTTP, with the check of keys and answers for all other paths; without the layers of a listener.
    pub fn router(&self) -> Router {
        http::router(self)
    }

    /// gRPC, with the check of keys; without the layers of a listener.
    pub fn grpc(&self) -> QueryServer<Grpc> {
        QueryServer::new(Grpc::new(self.clone()))
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.deps.access
    }

    pub(crate) fn events(&self) -> &dyn Events {
        &*self.0.deps.events
    }

    /// Reads pages of the index for a search that counts in `seen`.
    pub(crate) fn pages<'a>(&'a self, seen: &'a Seen) -> Pages<'a> {
        Pages {
            index: &*self.0.deps.index,
            cache: &self.0.pages,
            seen,
        }
    }

    /// Takes snapshots of what the index has of a tenant.
    pub(crate) fn taker<'a>(&'a self, tenant: &'a TenantId) -> Taker<'a> {
        Taker {
            index: &*self.0.deps.index,
            progress: &*self.0.deps.progress,
            cache: &self.0.sealed,
            tenant,
            now: self.now(),
        }
    }

    pub(crate) fn rollups(&self) -> &dyn Rollups {
        &*self.0.deps.rollups
    }

    pub(crate) fn progress(&self) -> &dyn Progress {
        &*self.0.deps.progress
    }

    pub(crate) fn ends(&self) -> &Ends {
        &self.0.ends
    }

    pub(crate) fn random(&self) -> Arc<dyn Random> {
        Arc::clone(&self.0.deps.random)
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.0.deps.sealer
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn searches(&self) -> &Gate {
        &self.0.searches
    }

    pub(crate) fn streams(&self) -> &Gate {
        &self.0.streams
    }

    pub(crate) fn counts(&self) -> &Gate {
        &self.0.counts
    }

    /// What tenants may read. Never held across a wait.
    pub(crate) fn budget(&self) -> MutexGuard<'_, Budget> {
        // Each change of it is one insertion.
        self.0.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Millis {
        Millis::from_ms(self.0.deps.clock.now_ms())
    }

    pub(crate) fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        self.0.deps.random.fill(&mut nonce);
        nonce
    }

    /// Waits until the write of an ingest token is visible in what this service writes.
    pub(crate) async fn visible(
        &self,
        tenant: &TenantId,
        token: &str,
        service: &str,
    ) -> Result<(), ApiError> {
        let opened = self.sealer().open(tenant, Token::PURPOSE, token).ok();
        let token = opened
            .and_then(|bytes| Token::decode(&bytes).ok())
            .ok_or_else(|| {
                let message = "after is not a token that an ingest of this tenant has returned";
                fault::of_value(ErrorCode::InvalidToken, "after", message)
            })?;
        let Deps {
            progress, generation, ..
        } = &self.0.deps;
        let wait = |within| visible::wait(&**progress, service, &token, *generation, within);
        // Most of the time it is there already, and nobody waits.
        if wait(Duration::ZERO).await? {
            return Ok(());
        }
        let _permit = self.0.waits.enter(tenant)?;
        let is_visible = wait(self.config().wait.duration()).await?;
        let outcome = if is_visible { "visible" } else { "timed_out" };
        metrics::counter!(metric_definitions::WAITS, "outcome" => outcome).increment(1);
        is_visible.then_some(()).ok_or_else(fault::not_yet_visible)
    }
}

/// How much older than its receipt an event may be, in milliseconds.
pub(crate) fn max_age_ms() -> i64 {
    Limits::default().max_age_ms
}

/// How far ahead of its receipt an event may be, in milliseconds.
pub(crate) fn max_future_ms() -> i64 {
    Limits::default().max_future_ms
}
