//! The store as one worker sees it: of its calls one comes to what the case says, the others to what they should.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use e2e::schedule;
use store::rollups::RollupRow;
use store::{COUNTED_MINUTES, Error, Position, Progress, Rollups};

/// A store with all that counting needs.
pub(crate) trait Whole: Rollups + Progress {}

impl<T: Rollups + Progress> Whole for T {}

/// Calls that a trouble can be meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Minutes,
    Hours,
    /// How far everything is.
    Position,
    /// How far the minutes are.
    MinutesPosition,
    ReadRows,
    ReadPosition,
}

/// A write of a worker.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Rows(Vec<RollupRow>, Millis),
    Position(String, Source, Position),
}

#[async_trait]
impl schedule::Write for Write {
    type Call = Call;
    type Store = dyn Whole;

    fn call(&self) -> Call {
        match self {
            Self::Rows(rows, _) => match rows.first().map(|row| row.key.window.grain) {
                Some(Grain::Hour) => Call::Hours,
                _ => Call::Minutes,
            },
            Self::Position(service, ..) if service == COUNTED_MINUTES => Call::MinutesPosition,
            Self::Position(..) => Call::Position,
        }
    }

    async fn land(self, store: &dyn Whole) -> Result<(), Error> {
        match self {
            Self::Rows(rows, now) => store.put_rollups(&rows, now).await,
            Self::Position(service, source, position) => store.advance(&service, source, position).await,
        }
    }

    fn half(self) -> Option<Self> {
        match self {
            Self::Rows(mut rows, now) => {
                rows.truncate(rows.len() / 2);
                (!rows.is_empty()).then_some(Self::Rows(rows, now))
            }
            Self::Position(..) => None,
        }
    }
}

pub(crate) type Plan = schedule::Plan<Call>;
pub(crate) type Actor = schedule::Actor<Call>;
pub(crate) type Late = schedule::Late<Write>;

/// See the [module](self).
pub(crate) struct Flaky(pub(crate) schedule::Flaky<Write>);

#[async_trait]
impl Rollups for Flaky {
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), Error> {
        self.0.write(Write::Rows(rows.to_vec(), now)).await
    }

    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error> {
        let store = self.0.read(Call::ReadRows).await?;
        store.rollups_of(tenant, window, source).await
    }

    async fn rollups_in(
        &self,
        _: &TenantId,
        _: Rollup,
        _: Grain,
        _: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        panic!("no worker asks for the rows of others")
    }
}

#[async_trait]
impl Progress for Flaky {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        let store = self.0.read(Call::ReadPosition).await?;
        store.position(service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        self.0
            .write(Write::Position(service.to_owned(), source, position))
            .await
    }
}
