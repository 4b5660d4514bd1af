//! Over how many partitions a tenant is spread, and from when on.
//!
//! A step counts for events whose id has its time or a later one, and is announced before anybody can send such an
//! event: so every gateway knows it by then, and an event that is sent again goes where it went first.

use serde::{Deserialize, Serialize};

use super::Wrong;
use crate::routing::DEFAULT_SPREAD;
use crate::tenant::TenantId;
use crate::time::Millis;

/// How far ahead a step is announced at the least: more than events may be in the future, and than control may be stale.
pub const ANNOUNCE_MS: i64 = 10 * 60 * 1_000;

/// Partitions that a tenant may be spread over.
const MAX_PARTITIONS: u32 = 1_024;
/// Events a second for which a tenant gets one more partition.
const EVENTS_PER_PARTITION: u64 = 5_000;
/// For how long a step is kept after another took its place: longer than an event may be old when it is sent.
const KEEP_MS: i64 = 15 * 24 * 60 * 60 * 1_000;
/// Steps at a time.
const MAX_STEPS: usize = 128;

/// The steps of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadRecord {
    /// Whose.
    pub tenant: TenantId,
    /// By time, each later than the one before. Before the first it is the default.
    pub steps: Vec<SpreadStep>,
    /// 1 at first, one more with each change.
    pub version: u64,
}

/// From a time on a tenant has so many partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadStep {
    /// The least time of an event's id that it counts for.
    pub from: Millis,
    /// How many; a topic with fewer partitions has all of them in it.
    pub partitions: u32,
}

impl SpreadRecord {
    /// No step yet.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            steps: Vec::new(),
            version: 0,
        }
    }

    /// Partitions for an event of this time.
    pub fn at(&self, time: Millis) -> u32 {
        let step = self.steps.iter().rev().find(|step| step.from <= time);
        step.map_or(DEFAULT_SPREAD, |step| step.partitions)
    }

    /// Partitions after the last step.
    pub fn last(&self) -> u32 {
        self.steps.last().map_or(DEFAULT_SPREAD, |step| step.partitions)
    }

    /// Partitions that a tenant of this rate should have.
    pub fn for_rate(events_per_second: u64) -> u32 {
        let wanted = events_per_second.div_ceil(EVENTS_PER_PARTITION);
        u32::try_from(wanted)
            .unwrap_or(MAX_PARTITIONS)
            .clamp(DEFAULT_SPREAD, MAX_PARTITIONS)
    }

    /// With one more step. Steps that are announced and have not begun stay: somebody may have read them already.
    pub fn with_step(&self, partitions: u32, from: Millis, now: Millis) -> Result<Self, Wrong> {
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            let message = format!("partitions is {partitions}, it must be 1 to {MAX_PARTITIONS}");
            return Err(Wrong {
                field: "partitions",
                message,
            });
        }
        let earliest = now.plus_ms(ANNOUNCE_MS);
        if from < earliest {
            let message = format!(
                "from must be {earliest} or later: a step is announced 10 minutes ahead, so that all gateways know it"
            );
            return Err(Wrong {
                field: "from",
                message,
            });
        }
        if let Some(last) = self.steps.last().filter(|last| last.from >= from) {
            let message = format!(
                "from must be later than the last step, which begins at {}",
                last.from
            );
            return Err(Wrong {
                field: "from",
                message,
            });
        }
        let mut steps = self.steps.clone();
        steps.push(SpreadStep { from, partitions });
        let forgotten = steps
            .iter()
            .skip(1)
            .take_while(|next| next.from <= now.minus_ms(KEEP_MS))
            .count();
        steps.drain(..forgotten);
        if steps.len() > MAX_STEPS {
            let message = format!("there were {MAX_STEPS} steps in the last 15 days, no more are allowed");
            return Err(Wrong {
                field: "from",
                message,
            });
        }
        Ok(Self {
            tenant: self.tenant.clone(),
            steps,
            version: self.version.saturating_add(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis::from_ms(1_000_000_000);

    fn spread() -> SpreadRecord {
        SpreadRecord::new(TenantId::parse("demo").unwrap())
    }

    #[test]
    fn a_step_counts_from_its_time_on_and_not_before() {
        let from = NOW.plus_ms(ANNOUNCE_MS);
        let spread = spread().with_step(8, from, NOW).unwrap();
        assert_eq!(spread.at(from.minus_ms(1)), DEFAULT_SPREAD);
        assert_eq!(spread.at(from), 8);
        assert_eq!((spread.last(), spread.version), (8, 1));
    }

    #[test]
    fn a_step_is_announced_in_time_and_behind_the_last_one() {
        let from = NOW.plus_ms(ANNOUNCE_MS);
        let field = |result: Result<SpreadRecord, Wrong>| result.unwrap_err().field;
        assert_eq!(field(spread().with_step(8, from.minus_ms(1), NOW)), "from");
        let one = spread().with_step(8, from, NOW).unwrap();
        assert_eq!(field(one.with_step(9, from, NOW)), "from");
        assert_eq!(field(one.with_step(0, from.plus_ms(1), NOW)), "partitions");
        assert_eq!(
            field(one.with_step(MAX_PARTITIONS + 1, from.plus_ms(1), NOW)),
            "partitions"
        );
    }

    #[test]
    fn steps_are_kept_for_as_long_as_events_may_be_old() {
        let mut spread = spread();
        for number in 0..i64::try_from(MAX_STEPS).unwrap() {
            spread = spread
                .with_step(5, NOW.plus_ms(ANNOUNCE_MS + number), NOW)
                .unwrap();
        }
        let later = NOW.plus_ms(ANNOUNCE_MS * 2);
        assert_eq!(spread.with_step(6, later, NOW).unwrap_err().field, "from");
        let old = later.plus_ms(KEEP_MS);
        let after = spread.with_step(6, old.plus_ms(ANNOUNCE_MS), old).unwrap();
        assert_eq!(after.steps.len(), 2);
    }

    #[test]
    fn a_faster_tenant_has_more_partitions() {
        assert_eq!(SpreadRecord::for_rate(1), DEFAULT_SPREAD);
        assert_eq!(SpreadRecord::for_rate(40_000), 8);
        assert_eq!(SpreadRecord::for_rate(u64::MAX), MAX_PARTITIONS);
    }

    proptest! {
        #[test]
        fn a_step_changes_nothing_for_events_that_could_have_been_sent_before_it(
            sizes in prop::collection::vec((1..64_u32, 0..KEEP_MS), 1..40), age_ms in 0..KEEP_MS,
        ) {
            let (mut spread, mut now) = (spread(), NOW);
            for (partitions, pause) in sizes {
                now = now.plus_ms(pause);
                let from = spread.steps.last().map_or(now, |last| last.from.max(now)).plus_ms(ANNOUNCE_MS);
                if let Ok(next) = spread.with_step(partitions, from, now) {
                    let time = now.plus_ms(ANNOUNCE_MS - 1).minus_ms(age_ms);
                    prop_assert_eq!(next.at(time), spread.at(time));
                    spread = next;
                }
            }
        }
    }
}
