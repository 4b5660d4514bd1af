//! Writes as values, so that one can be made in part, later, or twice.

use async_trait::async_trait;
use domain::index::manifest::{Entry, Minute, UnitRef};
use domain::record::Enriched;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use e2e::schedule;
use store::index::{Fresh, Mark, Page};
use store::{Error, Events, Index, Position, Progress, Rollups};

use crate::flaky::Call;

/// A store with all that query needs.
pub(crate) trait Whole: Events + Index + Progress + Rollups {}

impl<T: Events + Index + Progress + Rollups> Whole for T {}

/// A write of a worker.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Rows(Vec<Enriched>, Millis),
    FreshPlaces(Vec<TenantId>, Source, Minute, Millis),
    Fresh(Source, Minute, Vec<Fresh>, Millis),
    Pages(UnitRef, Vec<Page>, Millis, Millis),
    Removal(UnitRef),
    Listing(TenantId, Entry, Millis),
    Unlisting(TenantId, Entry),
    Mark(Source, Mark),
    Position(String, Source, Position),
}

#[async_trait]
impl schedule::Write for Write {
    type Call = Call;
    type Store = dyn Whole;

    fn call(&self) -> Call {
        match self {
            Self::Rows(..) => Call::Rows,
            Self::FreshPlaces(..) => Call::FreshPlaces,
            Self::Fresh(..) => Call::Fresh,
            Self::Pages(..) => Call::Pages,
            Self::Removal(_) => Call::Removal,
            Self::Listing(..) => Call::Listing,
            Self::Unlisting(..) => Call::Unlisting,
            Self::Mark(..) => Call::Mark,
            Self::Position(..) => Call::Position,
        }
    }

    async fn land(self, store: &dyn Whole) -> Result<(), Error> {
        match self {
            Self::Rows(rows, now) => store.put(&rows, now).await,
            Self::FreshPlaces(tenants, source, minute, now) => {
                store.mark_fresh(&tenants, source, minute, now).await
            }
            Self::Fresh(source, minute, segments, now) => {
                store.put_fresh(source, minute, &segments, now).await
            }
            Self::Pages(unit, pages, keep_until, now) => store.put_pages(unit, pages, keep_until, now).await,
            Self::Removal(unit) => store.remove_unit(unit).await,
            Self::Listing(tenant, entry, now) => store.list(&tenant, &entry, now).await,
            Self::Unlisting(tenant, entry) => store.unlist(&tenant, &entry).await,
            Self::Mark(source, mark) => store.advance_mark(source, mark).await,
            Self::Position(service, source, position) => store.advance(&service, source, position).await,
        }
    }

    fn half(mut self) -> Option<Self> {
        fn halve<T>(all: &mut Vec<T>) -> bool {
            all.truncate(all.len() / 2);
            !all.is_empty()
        }
        let is_any = match &mut self {
            Self::Rows(rows, _) => halve(rows),
            Self::FreshPlaces(tenants, ..) => halve(tenants),
            Self::Fresh(_, _, segments, _) => halve(segments),
            Self::Pages(_, pages, ..) => halve(pages),
            _ => false,
        };
        is_any.then_some(self)
    }
}
