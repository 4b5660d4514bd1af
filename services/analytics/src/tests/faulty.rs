//! A store of which one call fails, and whose position of minutes can be waited for.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::rollups::RollupRow;
use store::{COUNTED_MINUTES, Position, Progress, Rollups};
use tokio::sync::watch;

/// What becomes of the call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing of it is done.
    Lost,
    /// Half of it is done.
    Half,
    /// All of it is done, but nobody hears of it.
    Unheard,
}

pub(super) struct Faulty {
    store: Arc<store::embedded::Embedded>,
    fault: Fault,
    /// Calls until the one that fails; none for never.
    left: Mutex<Option<u32>>,
    has_failed: Mutex<bool>,
    minutes: watch::Sender<Option<u64>>,
}

impl Faulty {
    /// The call with this number fails, counted from 0.
    pub(super) fn new(
        store: &Arc<store::embedded::Embedded>,
        number: Option<u32>,
        fault: Fault,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            fault,
            left: Mutex::new(number),
            has_failed: Mutex::new(false),
            minutes: watch::Sender::new(None),
        })
    }

    pub(super) fn has_failed(&self) -> bool {
        *self.has_failed.lock().unwrap()
    }

    /// The origin up to which minutes are written.
    pub(super) fn minutes(&self) -> watch::Receiver<Option<u64>> {
        self.minutes.subscribe()
    }

    /// How much of `count` things to do, and what to answer.
    fn next(&self, count: usize) -> (usize, Result<(), store::Error>) {
        let mut left = self.left.lock().unwrap();
        let number = *left;
        *left = number.and_then(|left| left.checked_sub(1));
        if number != Some(0) {
            return (count, Ok(()));
        }
        *self.has_failed.lock().unwrap() = true;
        let done = match self.fault {
            Fault::Lost => 0,
            Fault::Half => count / 2,
            Fault::Unheard => count,
        };
        let reason = "the test said so".to_owned();
        (done, Err(store::Error::Unavailable { reason }))
    }
}

#[async_trait]
impl Rollups for Faulty {
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), store::Error> {
        let (done, answer) = self.next(rows.len());
        self.store.put_rollups(&rows[..done], now).await?;
        answer
    }

    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, store::Error> {
        self.next(0).1?;
        self.store.rollups_of(tenant, window, source).await
    }

    async fn rollups_in(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, store::Error> {
        self.store.rollups_in(tenant, rollup, grain, numbers).await
    }
}

#[async_trait]
impl Progress for Faulty {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, store::Error> {
        self.store.position(service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), store::Error> {
        let (done, answer) = self.next(1);
        if done > 0 {
            self.store.advance(service, source, position).await?;
            if service == COUNTED_MINUTES {
                self.minutes.send_replace(Some(position.origin));
            }
        }
        answer
    }
}
