//! A store that cases share, as far as one of them goes: sources and tenants of its own.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use domain::rollup::{Grain, Rollup};
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use futures::stream::{self, StreamExt};
use store::Position;
use store::rollups::RollupKey;

use crate::flaky::Whole;
use crate::history::Stored;
use crate::spec::TENANTS;
use crate::steps::SOURCES;

/// How often the topics are made, at the most.
pub(crate) const GENERATIONS: usize = 2;

const READS_AT_ONCE: usize = 8;

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) store: Arc<dyn Whole>,
    /// The number of the case: a part of its generations and of the names of its tenants.
    pub(crate) number: u32,
}

/// The grounds of a store, by number.
pub(crate) fn on(store: Arc<dyn Whole>) -> impl Fn(u32) -> Ground + Sync {
    move |number| Ground {
        store: store.clone(),
        number,
    }
}

impl Ground {
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let names = (0..TENANTS).map(|tenant| format!("c{}-{tenant}", self.number));
        names.map(|name| TenantId::parse(&name).unwrap()).collect()
    }

    pub(crate) fn source(&self, generation: usize, number: usize) -> Source {
        Source {
            lane: Lane::Standard,
            generation: self.number * 2 + u32::try_from(generation).unwrap(),
            partition: u32::try_from(number).unwrap(),
        }
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        let numbers = |generation| (0..SOURCES).map(move |number| (generation, number));
        let all = (0..GENERATIONS).flat_map(numbers);
        all.map(|(generation, number)| self.source(generation, number))
            .collect()
    }

    pub(crate) async fn position(&self, service: &str, source: Source) -> Option<Position> {
        self.store.position(service, source).await.unwrap()
    }

    /// Every row of the tenants in these windows, of all sources.
    pub(crate) async fn rows(&self, ranges: Vec<(Grain, Range<i64>)>) -> Stored {
        let tenants = self.tenants();
        let mut reads = Vec::new();
        for (grain, numbers) in &ranges {
            for tenant in &tenants {
                reads.extend(Rollup::ALL.map(|rollup| self.rows_of(tenant, rollup, *grain, numbers)));
            }
        }
        let rows = stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        rows.flat_map(stream::iter).collect().await
    }

    async fn rows_of(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: &Range<i64>,
    ) -> Vec<(RollupKey, Bytes)> {
        let rows = self
            .store
            .rollups_in(tenant, rollup, grain, numbers.clone())
            .await
            .unwrap();
        let with_key = |(window, source, bytes)| {
            let key = RollupKey {
                tenant: tenant.clone(),
                window,
                rollup,
                source,
            };
            (key, bytes)
        };
        rows.into_iter().map(with_key).collect()
    }
}
