//! Where a partition goes on, and what must be so before it may: that the accepted and the enriched partition are
//! those that enrichment worked on before.
//!
//! Offsets mean nothing in a topic that was deleted and made anew. Begun there as if nothing had happened,
//! enrichment would write fates whose origins readers take for repeated, and acknowledged events would be lost
//! without a word. So fates are compared with the accepted records that they came from, and the commit with the
//! fates. Nothing is reset here; the error says what the operator can do.

use std::time::Duration;

use domain::topic;
use eventlog::{Bounds, Log, Record, TopicPartition};

use crate::LANE;
use crate::error::Error;
use crate::fate::{is_fate_of, origin_of};
use crate::stretch::Stretch;

/// Fates at the end of a partition that are looked at first, and before it is refused. A process that woke up late
/// may have written lower origins behind the greatest, at most what it had in hand.
const TAILS: [u64; 2] = [1 << 12, 1 << 18];

/// Partition n is enriched into partition n, so both topics need the same number.
pub(crate) async fn check_partitions(log: &dyn Log) -> Result<(), Error> {
    let (accepted, enriched) = (topic::accepted(LANE), topic::enriched(LANE));
    let (accepted_partitions, enriched_partitions) =
        (log.partitions(accepted).await?, log.partitions(enriched).await?);
    if accepted_partitions == enriched_partitions {
        return Ok(());
    }
    Err(Error::UnequalPartitions {
        accepted,
        accepted_partitions,
        enriched,
        enriched_partitions,
    })
}

/// The first accepted offset to enrich: the commit, or the begin where there is none.
pub(crate) async fn of_partition(
    log: &dyn Log,
    accepted: &TopicPartition,
    enriched: &TopicPartition,
    committed: Option<u64>,
) -> Result<u64, Error> {
    check_partitions(log).await?;
    let start = Start {
        log,
        accepted,
        enriched,
        committed,
    };
    let [usual, longest] = TAILS;
    match start.beside(usual).await {
        Err(Error::FatesMissing { .. }) => start.beside(longest).await,
        other => other,
    }
}

/// The question of one partition.
struct Start<'a> {
    log: &'a dyn Log,
    accepted: &'a TopicPartition,
    enriched: &'a TopicPartition,
    committed: Option<u64>,
}

impl Start<'_> {
    /// The answer by the last `tail` fates.
    async fn beside(&self, tail: u64) -> Result<u64, Error> {
        // Fates first: what is accepted in between can't be taken for what is missing.
        let fates = Fates::of(self.log, self.enriched, tail).await?;
        let bounds = self.log.bounds(self.accepted).await?;
        for fate in fates.telling() {
            self.compare(bounds, fate).await?;
        }
        let start = self.committed.unwrap_or(bounds.start);
        if !(bounds.start..=bounds.end).contains(&start) {
            return Err(Error::CommitOutOfRange {
                partition: self.accepted.clone(),
                committed: start,
                start: bounds.start,
                end: bounds.end,
            });
        }
        self.check_covered(&fates, start)?;
        Ok(start)
    }

    /// Whether every origin below `start` has a fate, as far as anything tells.
    fn check_covered(&self, fates: &Fates, start: u64) -> Result<(), Error> {
        let next = match (&fates.greatest, self.committed) {
            (Some((greatest, _)), _) => greatest + 1,
            // The first start. Where the log has removed accepted records by now, nobody else has seen them either.
            (None, None) if fates.bounds.end == 0 => return Ok(()),
            (None, None) => {
                return Err(Error::NothingTells {
                    accepted: self.accepted.clone(),
                    enriched: self.enriched.clone(),
                });
            }
            (None, Some(_)) if fates.bounds.end == 0 => 0,
            // Log retention has removed the fates, and the commit tells.
            (None, Some(_)) => return Ok(()),
        };
        if start <= next {
            return Ok(());
        }
        Err(Error::FatesMissing {
            accepted: self.accepted.clone(),
            enriched: self.enriched.clone(),
            next,
            start,
        })
    }

    /// Whether the fate came from the record that has its origin now, as far as that is still there.
    async fn compare(&self, bounds: Bounds, (origin, fate): &(u64, Record)) -> Result<(), Error> {
        let origin = *origin;
        if origin >= bounds.end {
            return Err(Error::FateOfTheFuture {
                accepted: self.accepted.clone(),
                end: bounds.end,
                enriched: self.enriched.clone(),
                origin,
            });
        }
        if origin < bounds.start {
            return Ok(());
        }
        let read = match self.log.read(self.accepted, origin, 1, Duration::ZERO).await {
            // Log retention has been here since the bounds were read.
            Err(eventlog::Error::OffsetOutOfRange { start, .. }) if start > origin => return Ok(()),
            other => other?,
        };
        let Some(record) = read.records.first().filter(|record| record.offset == origin) else {
            let reason = format!("record {origin} of {} can't be read back", self.accepted);
            return Err(eventlog::Error::Unavailable { reason }.into());
        };
        if is_fate_of(fate, record) {
            return Ok(());
        }
        Err(Error::OtherEvent {
            accepted: self.accepted.clone(),
            origin,
            enriched: self.enriched.clone(),
            offset: fate.offset,
        })
    }
}

/// What the end of an enriched partition tells.
struct Fates {
    bounds: Bounds,
    /// The last record, with its origin.
    last: Option<(u64, Record)>,
    /// The first record of the greatest origin, with that.
    greatest: Option<(u64, Record)>,
    /// The first event of the greatest origin that has one.
    event: Option<(u64, Record)>,
}

impl Fates {
    async fn of(log: &dyn Log, enriched: &TopicPartition, tail: u64) -> Result<Self, Error> {
        let bounds = log.bounds(enriched).await?;
        let mut fates = Self {
            bounds,
            last: None,
            greatest: None,
            event: None,
        };
        let begin = bounds.end.saturating_sub(tail).max(bounds.start);
        let mut stretch = Stretch::new(log, enriched, begin..bounds.end);
        loop {
            let records = stretch.next().await?;
            if records.is_empty() {
                return Ok(fates);
            }
            for record in records {
                fates.take(enriched, record)?;
            }
        }
    }

    fn take(&mut self, enriched: &TopicPartition, record: Record) -> Result<(), Error> {
        let origin = origin_of(&record).ok_or_else(|| Error::NoOrigin {
            partition: enriched.clone(),
            offset: record.offset,
        })?;
        raise(&mut self.greatest, origin, &record);
        if !record.value.is_empty() {
            raise(&mut self.event, origin, &record);
        }
        self.last = Some((origin, record));
        Ok(())
    }

    /// Those that are compared: the greatest shows that the accepted partition is as long as it was, the last that
    /// nobody has written fates of another one since, the event tells more than a marker.
    fn telling(&self) -> Vec<&(u64, Record)> {
        let all = [&self.greatest, &self.event, &self.last];
        let mut telling: Vec<_> = all.into_iter().flatten().collect();
        telling.dedup_by_key(|(_, fate)| fate.offset);
        telling
    }
}

/// Puts the record there if its origin is greater.
fn raise(greatest: &mut Option<(u64, Record)>, origin: u64, record: &Record) {
    if greatest.as_ref().is_none_or(|(greatest, _)| origin > *greatest) {
        *greatest = Some((origin, record.clone()));
    }
}
