//! What a partition remembers of the records before its start, from the log: as if this process had decided them all.
//!
//! How far back that is depends on their append times, so single records are looked at, each twice as far away as the
//! one before, until one is so old that nothing before it is remembered ([`Window::are_apart`]); then half the way back,
//! a few times. From there on everything is read.

use std::time::Duration;

use domain::dedup::{Seen, Window};
use eventlog::{Error, Log, Record, TopicPartition};
use proto::record::decode_identity;

use crate::stretch::Stretch;

/// Records that are read without looking whether fewer would do.
const NEAR: u64 = 1 << 12;
/// Each halves what is read in vain.
const HALVINGS: u32 = 3;

/// Adds to `seen`, in which nothing is, what an accepted partition remembers at offset `start`. How many records were
/// read for it.
pub(crate) async fn remember(
    log: &dyn Log,
    accepted: &TopicPartition,
    start: u64,
    window: Window,
    seen: &mut Seen,
) -> Result<usize, Error> {
    let past = Past {
        log,
        accepted,
        start,
        window,
    };
    let mut stretch = Stretch::new(log, accepted, past.begin().await?..start);
    let mut count = 0;
    loop {
        let records = stretch.next().await?;
        if records.is_empty() {
            return Ok(count);
        }
        for record in &records {
            take(seen, record);
        }
        count += records.len();
    }
}

/// Takes a record whose fate does not depend on what is remembered.
pub(crate) fn take(seen: &mut Seen, record: &Record) {
    let identity = decode_identity(record.value.clone()).ok();
    let identity = identity.as_ref().map(|identity| identity.get());
    seen.take(record.offset, record.appended_at_ms, identity);
}

/// The records before the start.
struct Past<'a> {
    log: &'a dyn Log,
    accepted: &'a TopicPartition,
    start: u64,
    window: Window,
}

impl Past<'_> {
    /// An offset before which nothing is remembered, and not far before the last such one.
    async fn begin(&self) -> Result<u64, Error> {
        let first = self.window.first_offset(self.start);
        let Some(last) = self.before(self.start, 1).await? else {
            return Ok(first);
        };
        let is_old = |record: &Record| self.window.are_apart(record.appended_at_ms, last.appended_at_ms);
        let (mut near, mut distance) = (self.start, NEAR);
        let mut old = loop {
            if self.start - first <= distance {
                return Ok(first);
            }
            match self.before(self.start, distance).await? {
                Some(record) if is_old(&record) => break record.offset,
                Some(_) => near = self.start - distance,
                // The log begins behind it.
                None => return Ok(first),
            }
            distance *= 2;
        };
        for _ in 0..HALVINGS {
            let half = (near - old) / 2;
            if half < NEAR {
                break;
            }
            match self.before(near, half).await? {
                Some(record) if is_old(&record) => old = record.offset,
                _ => near -= half,
            }
        }
        Ok(old)
    }

    /// The record so far before an offset, none where log retention has removed it.
    async fn before(&self, offset: u64, distance: u64) -> Result<Option<Record>, Error> {
        let Some(at) = offset.checked_sub(distance) else {
            return Ok(None);
        };
        match self.log.read(self.accepted, at, 1, Duration::ZERO).await {
            Err(Error::OffsetOutOfRange { start, .. }) if start > at => Ok(None),
            read => {
                let first = read?.records.into_iter().next();
                Ok(first.filter(|record| record.offset < offset))
            }
        }
    }
}
