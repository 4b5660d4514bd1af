//! Whatever write of the store fails, in whatever way: nothing is lost.

use super::faulty::{Fault, Faulty};
use super::index::{Part, SEAL_EVERY, pass};
use super::reader::{fresh, ids};
use super::{Arc, Class, Failure, Log, Millis, NOW, Record, RetentionClass, System, Worker};
use crate::tests::reader;
use domain::index::manifest::{Minute, covered};

/// Two tenants, two classes, two hours, a marker and fates that are written again.
async fn append(part: &Part<'_>, begin: u8) {
    let hour_before = NOW.minus_ms(3_600_000);
    let event =
        |tenant: &str, origin: u8, class, at: Millis| Some(part.event(tenant, begin + origin, class, at));
    let (short, long) = (RetentionClass::Days7, RetentionClass::Days90);
    let records = [
        (0, event("a", 0, short, NOW)),
        (1, event("b", 1, long, NOW)),
        (2, None),
        (3, event("a", 3, long, hour_before)),
        (1, event("b", 1, long, NOW)),
        (4, event("a", 4, short, NOW)),
        (5, event("a", 5, short, hour_before)),
    ];
    part.append(records.map(|(origin, event)| (begin + origin, event)))
        .await;
}

/// Calls again what fails, or not.
async fn tried<T>(again: bool, mut call: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    loop {
        match call().await {
            Err(failure) if again && failure.class() == Class::Transient => {}
            result => return result,
        }
    }
}

/// A worker goes on to the end, a flush for each two records, and seals.
async fn go_on(part: &Part<'_>, store: &Arc<Faulty>, again: bool) -> Result<(), Failure> {
    let (mut worker, records) = tried(again, async || part.assigned(part.deps_on(store)).await).await?;
    for records in records.chunks(2) {
        flushed(&mut worker, records, again).await?;
        assert_nothing_is_lost(part).await;
    }
    pass(SEAL_EVERY).await;
    tried(again, async || worker.tick().await).await
}

async fn flushed(worker: &mut Box<dyn Worker>, records: &[Record], again: bool) -> Result<(), Failure> {
    tried(again, async || worker.process(records).await).await?;
    tried(again, async || worker.flush().await).await
}

/// What the position covers is stored and indexed; what the mark covers is in units.
async fn assert_nothing_is_lost(part: &Part<'_>) {
    let through = |origin: Option<u64>| {
        let all = [
            ("a", 0),
            ("b", 1),
            ("a", 3),
            ("a", 4),
            ("a", 5),
            ("a", 6),
            ("b", 7),
            ("a", 9),
            ("a", 10),
            ("a", 11),
        ];
        all.into_iter()
            .filter(move |(_, of)| origin.is_some_and(|origin| *of <= origin))
    };
    let store = &part.system.store;
    for tenant in ["a", "b"] {
        let (stored, indexed) = (part.stored(tenant).await, part.indexed(tenant).await);
        let sealed = part.sealed(tenant).await;
        let has = |set: &std::collections::BTreeSet<super::EventId>, origin: u64| {
            set.iter().any(|id| u64::from(id.bytes()[15]) == origin)
        };
        let position = part.position().await.map(|position| position.origin);
        for (_, origin) in through(position).filter(|(of, _)| *of == tenant) {
            assert!(has(&stored, origin), "row of {origin}");
            assert!(has(&indexed, origin), "index of {origin}");
        }
        let mark = part.mark().await.map(|mark| mark.position.origin);
        for (_, origin) in through(mark).filter(|(of, _)| *of == tenant) {
            assert!(has(&stored, origin) && has(&sealed, origin), "unit with {origin}");
        }
        assert!(indexed.is_subset(&stored));
        // What a claim says is true whatever the mark says.
        let entries = reader::entries(store, &part.tenant(tenant)).await;
        let (claimed, _) = covered((mark.unwrap_or(0), Minute(0)), &entries, part.source());
        for (_, origin) in through(Some(claimed)).filter(|(of, _)| *of == tenant && claimed > 0) {
            assert!(has(&sealed, origin), "claimed {origin}");
        }
    }
}

async fn story(part: &Part<'_>, number: Option<u32>, fault: Fault, again: bool) -> bool {
    let store = Faulty::new(&part.system.store, number, fault);
    for begin in [0, 6] {
        append(part, begin).await;
        if go_on(part, &store, again).await.is_err() {
            assert!(store.has_failed() && !again);
            assert_nothing_is_lost(part).await;
            // It is gone, and another one takes its place.
            go_on(part, &store, again).await.unwrap();
        }
        assert_nothing_is_lost(part).await;
    }
    assert_eq!(
        part.mark().await.unwrap().position,
        part.position().await.unwrap()
    );
    let end = part.system.log.bounds(&part.partition()).await.unwrap().end;
    assert_eq!(part.position().await.unwrap().next_offset, end);
    for tenant in ["a", "b"] {
        assert_eq!(part.sealed(tenant).await, part.stored(tenant).await);
    }
    store.has_failed()
}

/// Cases that share engines, for it takes longer to open these than to run a case.
const CASES_PER_SYSTEM: u32 = 16;

async fn every_write(fault: Fault, again: bool) {
    let mut system = System::with_partitions(CASES_PER_SYSTEM);
    for number in 0..500 {
        let partition = number % CASES_PER_SYSTEM;
        if number > 0 && partition == 0 {
            system = System::with_partitions(CASES_PER_SYSTEM);
        }
        let mut part = Part::new(&system, partition);
        part.config.index.tenant_segments = 3;
        if !story(&part, Some(number), fault, again).await {
            assert!(number > 20, "there are {number} writes");
            return;
        }
    }
    panic!("there are more writes than cases");
}

#[tokio::test]
async fn a_crash_before_any_write_loses_nothing() {
    every_write(Fault::Lost, false).await;
}

#[tokio::test]
async fn a_crash_within_any_write_loses_nothing() {
    every_write(Fault::Half, false).await;
}

#[tokio::test]
async fn a_crash_behind_any_write_loses_nothing() {
    every_write(Fault::Unheard, false).await;
}

#[tokio::test]
async fn a_write_that_fails_halfway_is_made_again() {
    every_write(Fault::Half, true).await;
}

#[tokio::test]
async fn a_write_that_is_done_unheard_is_made_again() {
    every_write(Fault::Unheard, true).await;
}

#[tokio::test]
async fn without_a_fault_nothing_is_written_twice() {
    let system = System::new();
    let part = Part::new(&system, 0);
    story(&part, None, Fault::Lost, false).await;
    let entries = reader::entries(&system.store, &part.tenant("a")).await;
    let mut events = 0;
    for entry in &entries {
        events += ids(&system.store, entry).await.unwrap().len();
    }
    assert_eq!(events, part.stored("a").await.len());
    let minutes = Minute(0)..=Minute(0);
    assert!(
        fresh(&system.store, &part.tenant("a"), part.source(), minutes, None)
            .await
            .is_empty()
    );
}
