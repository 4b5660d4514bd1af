//! The query service over a store, asked through its API.

use std::sync::Arc;

use chassis::clock::Manual;
use chassis::config::{ByteSize, Span};
use chassis::random::Seeded;
use control::View;
use domain::control::{KeyRecord, Record, State, TenantRecord};
use domain::cursor::Order;
use domain::key::{ApiKey, Pepper, Peppers, Scope, Scopes};
use domain::record::Enriched;
use domain::seal::Sealer;
use domain::tenant::TenantId;
use domain::time::Millis;
use e2e::schedule::Fates;
use edge::Access;
use proto::record::enriched;
use proto::v1::query_client::QueryClient;
use proto::v1::query_server::QueryServer;
use proto::v1::{self, SearchRequest};
use query::{Config, Deps, Grpc, Service};
use tonic::{Request, Status};

use crate::flaky::{Control, Flaky};

/// Requests that follow one search to its end, at the most.
const MAX_PAGES: usize = 3_000;

/// A search from its first page to its last.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) tenant: usize,
    pub(crate) q: String,
    pub(crate) from: Millis,
    pub(crate) to: Millis,
    pub(crate) limit: u32,
    pub(crate) order: Order,
}

/// What all pages had.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) events: Vec<Enriched>,
    /// Whether an answer said that events may be missing.
    pub(crate) is_behind: bool,
}

/// Bounds of one page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) tested: u32,
    pub(crate) pages: u32,
    pub(crate) page_bytes: u64,
}

impl Bounds {
    pub(crate) const WIDE: Self = Self {
        tested: 200_000,
        pages: 20_000,
        page_bytes: 1 << 20,
    };

    fn config(self) -> Config {
        let mut config = Config::default();
        config.search.tested = self.tested;
        config.search.pages = self.pages;
        config.search.page = ByteSize::bytes(self.page_bytes);
        config.search.time = Span::from_secs(60);
        config.search.tested_per_second = u32::MAX;
        config
    }
}

/// See the [module](self). Clones share what it keeps in memory.
#[derive(Clone)]
pub(crate) struct Reader {
    client: QueryClient<QueryServer<Grpc>>,
    bounds: Bounds,
    pub(crate) control: Arc<Control>,
}

impl Reader {
    /// A service that has just begun. It asks for at most what these bounds allow at once.
    pub(crate) fn new(
        store: Flaky,
        clock: Arc<Manual>,
        tenants: &[TenantId],
        generation: u32,
        bounds: Bounds,
    ) -> Self {
        let peppers = Arc::new(Peppers::new(Pepper::new("p", &[7; 32]).unwrap(), Vec::new()));
        let control = store.calls.control.clone();
        let (rollups, store) = (store.calls.store.clone(), Arc::new(store));
        let deps = Deps {
            events: store.clone(),
            index: store.clone(),
            rollups,
            progress: store,
            log: Arc::new(Fates::default()),
            generation,
            access: Access::new(
                View::fixed(state(tenants, &peppers)),
                peppers.clone(),
                clock.clone(),
            ),
            sealer: Arc::new(Sealer::new(&peppers)),
            clock,
            random: Arc::new(Seeded::new(1)),
        };
        let service = Service::new(deps, bounds.config());
        Self {
            client: QueryClient::new(service.grpc()),
            bounds,
            control,
        }
    }

    /// Follows a search to its end.
    pub(crate) async fn walk(&self, asked: &Asked) -> Result<Found, Status> {
        let mut found = Found {
            events: Vec::new(),
            is_behind: false,
        };
        let mut cursor = String::new();
        for _ in 0..MAX_PAGES {
            let page = self.page(asked, cursor).await?;
            let notes = page.explain.map(|explain| explain.notes).unwrap_or_default();
            let is_behind = notes.iter().any(|note| note.contains("behind"));
            let is_spent = notes.iter().any(|note| note.contains("ended early"));
            assert!(page.events.len() <= asked.limit as usize, "a page is too long");
            assert_eq!(page.complete, !is_behind && !is_spent, "{notes:?}");
            assert!(
                !is_spent || !page.next_cursor.is_empty(),
                "nothing leads on: {notes:?}"
            );
            assert!(!is_spent || self.bounds.tested < Bounds::WIDE.tested, "{notes:?}");
            found.is_behind |= is_behind;
            found
                .events
                .extend(page.events.into_iter().map(|event| enriched(event).unwrap()));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                return Ok(found);
            }
        }
        panic!("{asked:?} does not end");
    }

    async fn page(&self, asked: &Asked, cursor: String) -> Result<v1::SearchResponse, Status> {
        let mut request = Request::new(SearchRequest {
            from: asked.from.to_string(),
            to: asked.to.to_string(),
            q: asked.q.clone(),
            limit: asked.limit,
            cursor,
            order: match asked.order {
                Order::NewestFirst => v1::Order::NewestFirst.into(),
                Order::OldestFirst => v1::Order::OldestFirst.into(),
            },
            explain: true,
            ..SearchRequest::default()
        });
        let bearer = format!("Bearer {}", key(asked.tenant).reveal());
        request
            .metadata_mut()
            .insert("authorization", bearer.parse().unwrap());
        Ok(self.client.clone().search(request).await?.into_inner())
    }
}

fn key(tenant: usize) -> ApiKey {
    ApiKey::generate(&[u8::try_from(tenant).unwrap(); ApiKey::RANDOM_BYTES])
}

/// Each tenant has a key.
fn state(tenants: &[TenantId], peppers: &Peppers) -> State {
    let mut state = State::default();
    for (number, tenant) in tenants.iter().enumerate() {
        state.apply(Record::Tenant(TenantRecord {
            id: tenant.clone(),
            name: tenant.as_str().into(),
            created_at: Millis::EPOCH,
            closed_at: None,
            version: 1,
        }));
        let key = key(number);
        state.apply(Record::Key(KeyRecord {
            id: *key.id(),
            tenant: Some(tenant.clone()),
            name: "test".into(),
            scopes: Scopes::from([Scope::Read]),
            created_at: Millis::EPOCH,
            expires_at: None,
            pepper: peppers.first().id().into(),
            digest: key.digest(peppers.first()),
            replaces: None,
            version: 1,
        }));
    }
    state
}
