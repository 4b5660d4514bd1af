//! What becomes of many units.

use std::collections::BTreeSet;

use domain::index::manifest::{Entry, Period};
use store::Index;

use super::index::{Part, SEAL_EVERY, pass};
use super::reader::{entries, ids, sealed};
use super::{Arc, Duration, Manual, Millis, NOW, RetentionClass, System, random, recent};
use crate::merge::{Place, run_once};
use crate::merger::Merger;
use crate::{Deps, config};

/// When the four hours of the cases are closed, and their day is not.
const LATER: Millis = NOW.plus_ms(140 * 60_000);

impl Part<'_> {
    fn place(&self) -> Place {
        Place {
            tenant: self.tenant("a"),
            period: Period::of(NOW),
            source: self.source(),
        }
    }

    async fn listed(&self) -> Vec<Entry> {
        entries(&self.system.store, &self.tenant("a")).await
    }

    /// Seals the events of these origins, each in a unit of its own.
    async fn seal_each(&self, origins: std::ops::Range<u8>, class: impl Fn(u8) -> RetentionClass) {
        for origin in origins {
            let event = self.event("a", origin, class(origin), NOW.plus_ms(i64::from(origin)));
            self.append([(origin, Some(event))]).await;
            let mut worker = self.caught_up(self.deps()).await;
            pass(SEAL_EVERY).await;
            worker.tick().await.unwrap();
        }
    }
}

fn one_class(_: u8) -> RetentionClass {
    RetentionClass::Days30
}

#[tokio::test]
async fn closed_hours_become_one_unit_of_each_class() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let two_classes = |origin| {
        if origin % 2 == 0 {
            RetentionClass::Days7
        } else {
            RetentionClass::Days30
        }
    };
    part.seal_each(0..6, two_classes).await;
    let before = part.listed().await;
    assert_eq!(before.len(), 6);

    let early = run_once(&system.store, &recent(), &part.place(), NOW, &random::System)
        .await
        .unwrap();
    assert_eq!((early.merges, early.replaced.len()), (0, 0));
    assert!(early.next_due.unwrap() > NOW);
    assert!(early.next_due.unwrap() <= LATER);

    let merged = run_once(&system.store, &recent(), &part.place(), LATER, &random::System)
        .await
        .unwrap();
    assert_eq!((merged.merges, merged.events), (2, 6));
    let replaced: BTreeSet<_> = merged.replaced.iter().copied().collect();
    assert_eq!(replaced, before.iter().map(|entry| entry.unit).collect());
    let after = part.listed().await;
    assert_eq!(after.len(), 2);
    assert!(
        after
            .iter()
            .all(|entry| entry.level == 1 && entry.covers.is_none())
    );
    assert_eq!(part.indexed("a").await, part.stored("a").await);
    // Whoever has begun before still finds everything, until the pages are removed.
    assert_eq!(sealed(&system.store, &before).await, part.stored("a").await);
    for unit in merged.replaced {
        system.store.remove_unit(unit).await.unwrap();
    }
    assert_eq!(part.indexed("a").await, part.stored("a").await);
    let again = run_once(&system.store, &recent(), &part.place(), LATER, &random::System)
        .await
        .unwrap();
    assert_eq!(again.merges, 0);
}

#[tokio::test]
async fn merging_while_events_come_changes_no_id() {
    let system = System::new();
    let mut part = Part::new(&system, 0);
    part.config.index.tenant_segments = 2;
    let place = part.place();
    let mut worker = part.caught_up(part.deps()).await;
    for origin in 0..60 {
        part.append_plain(origin..origin + 1).await;
        worker
            .process(&part.records(u64::from(origin)).await)
            .await
            .unwrap();
        let flush_and_merge = async {
            let recent = recent();
            let merged = run_once(&system.store, &recent, &place, NOW, &random::System);
            tokio::join!(worker.flush(), merged)
        };
        let (flushed, merged) = flush_and_merge.await;
        flushed.unwrap();
        for unit in merged.unwrap().replaced {
            system.store.remove_unit(unit).await.unwrap();
        }
        assert_eq!(part.indexed("a").await, part.plain_ids(0..origin + 1));
        if origin % 7 == 0 {
            pass(SEAL_EVERY).await;
            worker.tick().await.unwrap();
        }
        if origin % 13 == 0 {
            worker = part.caught_up(part.deps()).await;
        }
    }
    run_once(&system.store, &recent(), &part.place(), LATER, &random::System)
        .await
        .unwrap();
    assert!(part.units("a").await < 6, "{}", part.units("a").await);
    assert_eq!(part.indexed("a").await, part.plain_ids(0..60));
}

#[tokio::test]
async fn units_behind_the_mark_are_left_alone() {
    let system = System::new();
    let mut part = Part::new(&system, 0);
    part.seal_each(0..2, one_class).await;
    part.config.index.tenant_segments = 1;
    part.append_plain(2..4).await;
    drop(part.caught_up(part.deps()).await);
    assert_eq!(part.units("a").await, 3);
    let merged = run_once(&system.store, &recent(), &part.place(), LATER, &random::System)
        .await
        .unwrap();
    assert_eq!(merged.events, 2);
    assert_eq!(
        part.listed()
            .await
            .iter()
            .filter(|entry| entry.covers.is_some())
            .count(),
        1
    );
    assert_eq!(part.indexed("a").await, part.plain_ids(0..4));
}

#[tokio::test]
async fn two_that_merge_the_same_units_lose_nothing() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.seal_each(0..4, one_class).await;
    let place = part.place();
    let recent = recent();
    let (one, other) = tokio::join!(
        run_once(&system.store, &recent, &place, LATER, &random::System),
        run_once(&system.store, &recent, &place, LATER, &random::System),
    );
    let replaced = one.unwrap().replaced.into_iter().chain(other.unwrap().replaced);
    for unit in replaced {
        system.store.remove_unit(unit).await.unwrap();
    }
    assert_eq!(part.indexed("a").await, part.plain_ids(0..4));
    let next_days = LATER.plus_ms(2 * 24 * 3_600_000);
    let again = run_once(&system.store, &recent, &place, next_days, &random::System)
        .await
        .unwrap();
    assert_eq!(part.units("a").await, 1, "{again:?}");
    assert_eq!(part.listed().await[0].events, 4, "an event in both is one");
}

#[tokio::test]
async fn a_unit_that_lacks_pages_is_left_alone() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.seal_each(0..4, one_class).await;
    let lost = part.listed().await[1].clone();
    system.store.remove_unit(lost.unit).await.unwrap();
    let merged = run_once(&system.store, &recent(), &part.place(), LATER, &random::System)
        .await
        .unwrap();
    assert_eq!((merged.merges, merged.events), (1, 3));
    let left = part.listed().await;
    assert_eq!(left.len(), 2);
    assert!(left.contains(&lost), "a search must not take it for empty");
}

#[tokio::test]
async fn the_task_comes_back_when_hours_are_closed_and_removes_what_it_replaced() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.seal_each(0..3, one_class).await;
    let before = part.listed().await;
    tokio::time::pause();
    let clock = Arc::new(Manual::at(NOW.as_ms()));
    let deps = Deps {
        clock: clock.clone(),
        ..part.deps()
    };
    let (merger, queue) = Merger::new(&deps, &config::Index::default(), recent());
    let task = tokio::spawn(merger.run());
    let Place {
        tenant,
        period,
        source,
    } = part.place();
    queue.offer(tenant, period, source);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(part.units("a").await, 3, "the hours are open");
    clock.set(LATER.as_ms());
    until(async || part.units("a").await == 1).await;
    assert_eq!(part.indexed("a").await, part.stored("a").await);
    assert!(is_kept(&part, &before).await);
    until(async || !is_kept(&part, &before).await).await;
    assert_eq!(part.indexed("a").await, part.stored("a").await);
    task.abort();
}

/// Whether some of these units still have pages.
async fn is_kept(part: &Part<'_>, units: &[Entry]) -> bool {
    for entry in units {
        if ids(&part.system.store, entry).await.is_some() {
            return true;
        }
    }
    false
}

async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_hours(1), waiting)
        .await
        .unwrap();
}
