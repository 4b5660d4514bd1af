//! The units of a tenant.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::id::EventId;
use domain::index::manifest::{Covers, Entry, Minute, Period};
use domain::retention::Class;
use domain::tenant::TenantId;

use super::Subject;
use super::fixtures::{NOW, OTHER_SOURCES, SOURCE, entry, tenant, unit};

/// An entry of the unit that most cases take.
fn demo_entry(last_origin: u64) -> Entry {
    entry(SOURCE, unit(Class::Days30, 7), last_origin)
}

async fn list(store: &Subject, tenant: &TenantId, entry: &Entry) {
    let listed = store.index.list(tenant, entry, NOW).await;
    listed.expect("the unit is listed");
}

async fn unlist(store: &Subject, tenant: &TenantId, entry: &Entry) {
    let unlisted = store.index.unlist(tenant, entry).await;
    unlisted.expect("the unit is unlisted");
}

async fn manifest(store: &Subject, tenant: &TenantId, period: Period) -> Vec<Entry> {
    let entries = store.index.manifest(tenant, period).await;
    let mut entries = entries.expect("the manifest is read");
    entries.sort_unstable_by_key(|entry| (entry.source, entry.unit));
    entries
}

/// Of several sources and classes, also with a claim.
pub async fn what_was_listed_is_read(store: &Subject) {
    let demo = tenant("demo");
    assert_eq!(manifest(store, &demo, Period::of(NOW)).await, []);
    let classes = Class::ALL.map(|class| entry(SOURCE, unit(class, 7), 5));
    let units = [1, 255].map(|n| entry(SOURCE, unit(Class::Days7, n), 0));
    let sources = OTHER_SOURCES.map(|source| entry(source, unit(Class::Days30, 7), 1 << 40));
    let mut all: Vec<_> = classes.into_iter().chain(units).chain(sources).collect();
    all[1].covers = Some(Covers {
        after: 3,
        through: 5,
        minute: Minute::of(NOW),
    });
    for entry in &all {
        list(store, &demo, entry).await;
        list(store, &demo, entry).await;
    }
    all.sort_unstable_by_key(|entry| (entry.source, entry.unit));
    assert_eq!(manifest(store, &demo, Period::of(NOW)).await, all);
}

/// Whatever the order.
pub async fn a_later_entry_of_a_unit_replaces_and_an_earlier_one_does_not(store: &Subject) {
    let demo = tenant("demo");
    for (written, expected) in [(5, 5), (300, 300), (299, 300), (5, 300), (301, 301)] {
        list(store, &demo, &demo_entry(written)).await;
        assert_eq!(
            manifest(store, &demo, Period::of(NOW)).await,
            [demo_entry(expected)]
        );
    }
}

/// A reader finds the old unit or the new one, wherever in the order of the manifest they are.
pub async fn a_reader_finds_a_unit_while_it_is_replaced(store: &Subject) {
    let demo = tenant("demo");
    for other in 0..120 {
        list(store, &demo, &entry(SOURCE, unit(Class::Days7, other), 1)).await;
    }
    let replaced = |turn: u8| {
        let number = u8::try_from(u32::from(turn) * 167 % 251).expect("it is below 251");
        entry(SOURCE, unit(Class::Days30, number), u64::from(turn))
    };
    list(store, &demo, &replaced(0)).await;
    let is_done = AtomicBool::new(false);
    let writing = async {
        for turn in 1..200 {
            let old = [replaced(turn - 1)];
            let replaced = store.index.replace(&demo, &replaced(turn), &old, NOW).await;
            replaced.expect("a unit is replaced");
        }
        is_done.store(true, Ordering::SeqCst);
    };
    let reading = async {
        while !is_done.load(Ordering::SeqCst) {
            let found = manifest(store, &demo, Period::of(NOW)).await;
            let of_others = found
                .iter()
                .filter(|entry| entry.unit.class == Class::Days7)
                .count();
            assert_eq!(of_others, 120);
            assert!(
                found.len() > 120,
                "neither the old unit nor the new one was found"
            );
        }
    };
    tokio::join!(writing, reading);
    let left = manifest(store, &demo, Period::of(NOW)).await;
    let left: Vec<_> = left
        .into_iter()
        .filter(|entry| entry.unit.class == Class::Days30)
        .collect();
    assert_eq!(left, [replaced(199)]);
}

/// A zombie lists what has been merged and is gone.
pub async fn what_was_unlisted_stays_so_also_when_it_is_listed_later(store: &Subject) {
    let demo = tenant("demo");
    list(store, &demo, &demo_entry(5)).await;
    unlist(store, &demo, &demo_entry(5)).await;
    assert_eq!(manifest(store, &demo, Period::of(NOW)).await, []);
    list(store, &demo, &demo_entry(5)).await;
    unlist(store, &demo, &demo_entry(5)).await;
    list(store, &demo, &demo_entry(4)).await;
    assert_eq!(manifest(store, &demo, Period::of(NOW)).await, []);
    let never_listed = entry(SOURCE, unit(Class::Days30, 8), 9);
    unlist(store, &demo, &never_listed).await;
    list(store, &demo, &never_listed).await;
    assert_eq!(manifest(store, &demo, Period::of(NOW)).await, []);
}

/// Not that of another class, name, source or tenant.
pub async fn unlisting_concerns_one_unit(store: &Subject) {
    let [demo, other] = ["demo", "demo2"].map(tenant);
    let kept = [
        entry(SOURCE, unit(Class::Days7, 7), 5),
        entry(SOURCE, unit(Class::Days30, 8), 5),
        entry(OTHER_SOURCES[0], unit(Class::Days30, 7), 5),
    ];
    for entry in kept.iter().chain([&demo_entry(5)]) {
        list(store, &demo, entry).await;
    }
    list(store, &other, &demo_entry(5)).await;
    unlist(store, &demo, &demo_entry(5)).await;
    assert_eq!(manifest(store, &demo, Period::of(NOW)).await, kept);
    assert_eq!(manifest(store, &other, Period::of(NOW)).await, [demo_entry(5)]);
}

/// Names that begin alike, periods next to each other.
pub async fn manifests_of_periods_and_tenants_are_apart(store: &Subject) {
    let tenants = ["a", "a-b", "ab", "b"].map(tenant);
    let period = Period::of(NOW);
    let periods = [period.0 - 1, period.0, period.0 + 1].map(Period);
    for (n, tenant) in (1..).zip(&tenants) {
        for period in periods {
            let first = EventId::made(period.begin(), [n; 10]);
            let entry = Entry {
                first,
                last: first,
                ..demo_entry(u64::from(n))
            };
            assert_eq!(entry.period(), period);
            list(store, tenant, &entry).await;
        }
    }
    for (n, tenant) in (1..).zip(&tenants) {
        for period in periods {
            let entries = manifest(store, tenant, period).await;
            let origins: Vec<_> = entries.iter().map(|entry| entry.last_origin).collect();
            assert_eq!((origins, entries[0].period()), (vec![n], period));
        }
        assert_eq!(manifest(store, tenant, Period(period.0 + 2)).await, []);
    }
}
