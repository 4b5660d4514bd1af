//! Reads the rows of a plan, a few chunks at once, and adds them up as they come.
//!
//! It promises that rows are added in the order of their windows; that no more rows are in memory than those of a few
//! chunks; that what takes long is not done where others wait for it; and that no more bytes are read than a request may
//! read. A second pass over few rows does not read them again.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use domain::rollup::{Corrupt, Grain, Rollup, Row, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use edge::ApiError;
use futures::stream::{self, StreamExt, TryStreamExt};
use store::Rollups;

use super::plan::{Plan, Span};
use crate::fault;

/// Chunks that are read at once.
const AT_ONCE: usize = 4;
/// Rows with fewer bytes are added up where they were read.
const SMALL_BYTES: u64 = 64 << 10;
/// Rows with fewer bytes are kept for a second pass.
const KEPT_BYTES: u64 = 8 << 20;
/// What a chunk costs, in tested events, beside its bytes: about as long as it takes to ask for it.
const CHUNK_COST: u64 = 10;
/// Bytes that cost as much as a tested event.
const BYTES_PER_COST: u64 = 1 << 10;

/// Windows of a chunk: what a store keeps together.
const fn windows_in_chunk(grain: Grain) -> i64 {
    match grain {
        Grain::Minute => 60,
        Grain::Hour => 96,
    }
}

type Rows = Vec<(Window, Source, Bytes)>;

/// What rows are added to.
pub(super) trait Sink: Send + 'static {
    /// Adds a row of a window. Windows come in their order, perhaps several rows of each.
    fn add(&mut self, window: Window, row: &Row);
}

impl<A: Sink, B: Sink> Sink for (A, B) {
    fn add(&mut self, window: Window, row: &Row) {
        self.0.add(window, row);
        self.1.add(window, row);
    }
}

/// What a request has read.
#[derive(Debug, Default)]
pub(super) struct Spent {
    chunks: AtomicU64,
    bytes: AtomicU64,
}

impl Spent {
    /// Counts a chunk, and says how many bytes there were by then.
    fn add(&self, bytes: u64) -> u64 {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Bytes of rows.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What the tenant is charged, in tested events.
    pub(super) fn cost(&self) -> u64 {
        self.chunks.load(Ordering::Relaxed) * CHUNK_COST + self.bytes() / BYTES_PER_COST
    }
}

/// Reads the rows of one rollup.
pub(super) struct Reader<'a> {
    pub(super) rollups: &'a dyn Rollups,
    pub(super) tenant: &'a TenantId,
    pub(super) rollup: Rollup,
    pub(super) plan: &'a Plan,
    /// Bytes that the whole request may read.
    pub(super) max_bytes: u64,
    pub(super) spent: &'a Spent,
    /// All rows, where they were read before and are few.
    pub(super) kept: Option<Vec<Rows>>,
}

impl Reader<'_> {
    /// Adds all rows up.
    pub(super) async fn read<S: Sink>(&mut self, mut sink: S) -> Result<S, ApiError> {
        if let Some(kept) = &self.kept {
            for rows in kept {
                sink = add(self.rollup, rows.clone(), sink).await?;
            }
            return Ok(sink);
        }
        let chunks: Vec<_> = self.plan.spans.iter().flat_map(chunks).collect();
        let (rollups, tenant, rollup) = (self.rollups, self.tenant, self.rollup);
        let reads =
            stream::iter(chunks).map(|chunk| rollups.rollups_in(tenant, rollup, chunk.grain, chunk.numbers));
        let mut reads = reads.buffered(AT_ONCE);
        let (mut kept, mut kept_bytes) = (Some(Vec::new()), 0);
        while let Some(rows) = reads.try_next().await.map_err(|error| fault::of_store(&error))? {
            let bytes = bytes_of(&rows);
            if self.spent.add(bytes) > self.max_bytes {
                return Err(fault::too_many_rows(self.max_bytes));
            }
            kept_bytes += bytes;
            kept = kept.filter(|_| kept_bytes <= KEPT_BYTES);
            if let Some(kept) = &mut kept {
                kept.push(rows.clone());
            }
            sink = add(rollup, rows, sink).await?;
        }
        self.kept = kept;
        Ok(sink)
    }
}

/// Cuts a span where a store does.
fn chunks(span: &Span) -> impl Iterator<Item = Span> + use<> {
    let Span { grain, numbers } = span.clone();
    let windows = windows_in_chunk(grain);
    let begins = std::iter::successors(Some(numbers.start), move |begin| {
        Some((begin.div_euclid(windows) + 1) * windows)
    });
    let end = numbers.end;
    begins.take_while(move |begin| *begin < end).map(move |begin| {
        let next = (begin.div_euclid(windows) + 1) * windows;
        Span {
            grain,
            numbers: begin..next.min(end),
        }
    })
}

fn bytes_of(rows: &Rows) -> u64 {
    rows.iter().map(|(.., state)| state.len() as u64).sum()
}

async fn add<S: Sink>(rollup: Rollup, rows: Rows, sink: S) -> Result<S, ApiError> {
    let added = if bytes_of(&rows) <= SMALL_BYTES {
        add_all(rollup, &rows, sink)
    } else {
        let adding = tokio::task::spawn_blocking(move || add_all(rollup, &rows, sink));
        adding.await.map_err(|error| ApiError::internal(&error))?
    };
    added.map_err(|error| ApiError::internal(&error))
}

fn add_all<S: Sink>(rollup: Rollup, rows: &Rows, mut sink: S) -> Result<S, Corrupt> {
    for (window, _, state) in rows {
        sink.add(*window, &Row::decode(rollup, state)?);
    }
    Ok(sink)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_are_a_span_cut_where_a_store_cuts(start in -300..300_i64, length in 1..500_i64, is_hours: bool) {
            let grain = if is_hours { Grain::Hour } else { Grain::Minute };
            let span = Span { grain, numbers: start..start + length };
            let mut at = start;
            for chunk in chunks(&span) {
                prop_assert_eq!(chunk.numbers.start, at);
                let bucket = |number: i64| number.div_euclid(windows_in_chunk(grain));
                prop_assert_eq!(bucket(chunk.numbers.start), bucket(chunk.numbers.end - 1));
                at = chunk.numbers.end;
            }
            prop_assert_eq!(at, span.numbers.end);
        }
    }
}
