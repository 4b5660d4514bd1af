//! The index made anew from the rows.

use store::{Events, Index};

use super::index::{Part, SEAL_EVERY, pass};
use super::reader::{entries, ids, indexed};
use super::{FIRST_GENERATION, NOW, RetentionClass, System, random, recent};
use crate::rebuild::{self, Stores, hours, hours_of};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn hours_with_lost_pages_are_made_anew_and_the_others_stay() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let (hour_before, long) = (NOW.minus_ms(HOUR_MS), RetentionClass::Days90);
    let event = |origin, class, at| (origin, Some(part.event("a", origin, class, at)));
    part.append([
        event(0, RetentionClass::Days7, NOW),
        event(1, long, NOW),
        event(2, long, hour_before),
        event(3, long, NOW),
    ])
    .await;
    let mut worker = part.caught_up(part.deps()).await;
    let tenant = part.tenant("a");
    let deleted = part.event("a", 3, long, NOW).event.id;
    system
        .store
        .delete(&tenant, deleted, NOW.plus_ms(HOUR_MS))
        .await
        .unwrap();

    let before = entries(&system.store, &tenant).await;
    let in_hour = |at: domain::time::Millis| hours_of(at, at.plus_ms(1));
    let lost: Vec<_> = before
        .iter()
        .filter(|entry| hours_of(NOW, NOW.plus_ms(1)) == in_hour(entry.first.time()))
        .collect();
    assert_eq!((before.len(), lost.len()), (3, 2));
    for entry in &lost {
        system.store.remove_unit(entry.unit).await.unwrap();
        assert_eq!(
            ids(&system.store, entry).await,
            None,
            "a search finds that pages are missing"
        );
    }

    let stores = Stores {
        events: &system.store,
        index: &system.store,
        random: &random::System,
    };
    let rebuilt = hours(&stores, &tenant, in_hour(NOW), FIRST_GENERATION, NOW)
        .await
        .unwrap();
    assert_eq!((rebuilt.events, rebuilt.units, rebuilt.replaced.len()), (2, 2, 2));
    rebuild::remove(&system.store, &rebuilt.replaced).await.unwrap();
    let after = entries(&system.store, &tenant).await;
    let made: Vec<_> = after
        .iter()
        .filter(|entry| entry.source == rebuild::source(FIRST_GENERATION))
        .collect();
    assert_eq!((after.len(), made.len()), (3, 2));
    let mut expected = part.stored("a").await;
    expected.remove(&deleted);
    assert_eq!(indexed(&system.store, &tenant).await, expected);

    // What comes later is indexed as ever.
    part.append([event(4, long, NOW)]).await;
    worker.process(&part.records(4).await).await.unwrap();
    pass(SEAL_EVERY).await;
    worker.flush().await.unwrap();
    expected.insert(part.event("a", 4, long, NOW).event.id);
    assert_eq!(indexed(&system.store, &tenant).await, expected);

    // Made anew once more, the units of the first time go too.
    let again = hours(&stores, &tenant, in_hour(NOW), FIRST_GENERATION, NOW)
        .await
        .unwrap();
    assert_eq!((again.events, again.replaced.len()), (3, 3));
    assert_eq!(indexed(&system.store, &tenant).await, expected);
}

#[tokio::test]
async fn a_unit_that_reaches_beyond_the_hours_stays() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let class = RetentionClass::Days30;
    for (origin, at) in [(0, NOW), (1, NOW.minus_ms(HOUR_MS))] {
        part.append([(origin, Some(part.event("a", origin, class, at)))])
            .await;
        let mut worker = part.caught_up(part.deps()).await;
        pass(SEAL_EVERY).await;
        worker.tick().await.unwrap();
    }
    let place = crate::merge::Place {
        tenant: part.tenant("a"),
        period: domain::index::manifest::Period::of(NOW),
        source: part.source(),
    };
    let next_week = NOW.plus_ms(9 * 24 * HOUR_MS);
    let merged = crate::merge::run_once(&system.store, &recent(), &place, next_week, &random::System)
        .await
        .unwrap();
    assert_eq!((merged.merges, part.units("a").await), (1, 1));
    let stores = Stores {
        events: &system.store,
        index: &system.store,
        random: &random::System,
    };
    let hours_of_now = hours_of(NOW, NOW.plus_ms(1));
    let rebuilt = hours(&stores, &part.tenant("a"), hours_of_now, FIRST_GENERATION, NOW)
        .await
        .unwrap();
    assert_eq!((rebuilt.events, rebuilt.units, rebuilt.replaced.len()), (1, 1, 0));
    assert_eq!(part.indexed("a").await, part.stored("a").await);
}
