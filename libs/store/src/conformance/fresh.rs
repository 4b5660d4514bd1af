//! Fresh segments, and where they are.

use std::collections::BTreeSet;

use domain::index::manifest::Minute;
use domain::source::Source;
use domain::tenant::TenantId;

use super::Subject;
use super::fixtures::{NOW, OTHER_SOURCES, SOURCE, segment, tenant};
use crate::index::Fresh;

const MINUTE: Minute = Minute::of(NOW);

async fn put(store: &Subject, source: Source, minute: Minute, segments: &[Fresh]) {
    let put = store.index.put_fresh(source, minute, segments, NOW).await;
    put.expect("segments are put");
}

async fn read(store: &Subject, tenant: &TenantId, source: Source, minute: Minute) -> Vec<Fresh> {
    let read = store.index.fresh(tenant, source, minute, None).await;
    read.expect("segments are read")
}

async fn mark(store: &Subject, tenants: &[TenantId], source: Source, minute: Minute) {
    let marked = store.index.mark_fresh(tenants, source, minute, NOW).await;
    marked.expect("places are marked");
}

async fn places(store: &Subject, tenant: &TenantId) -> Vec<(Source, Minute)> {
    let places = store.index.fresh_places(tenant).await.expect("places are read");
    let mut places: Vec<_> = places
        .iter()
        .map(|place| (place.source, place.last_minute))
        .collect();
    places.sort_unstable();
    places
}

/// A flush that was not answered is made again.
pub async fn segments_put_twice_are_put_once(store: &Subject) {
    let demo = tenant("demo");
    let segments = [segment(&demo, 3, 1), segment(&demo, 5, 1)];
    for _ in 0..2 {
        put(store, SOURCE, MINUTE, &segments).await;
        assert_eq!(read(store, &demo, SOURCE, MINUTE).await, segments);
    }
    put(store, SOURCE, MINUTE, &[]).await;
    assert_eq!(read(store, &demo, SOURCE, MINUTE).await, segments);
}

/// Whatever the order in which they were put. The numbers need more than one byte.
pub async fn segments_come_in_the_order_of_origins_and_only_behind_after(store: &Subject) {
    let demo = tenant("demo");
    let origins = [0, 1, 255, 256, 70_000, 1 << 40];
    for at in [3, 0, 5, 1, 4, 2] {
        put(store, SOURCE, MINUTE, &[segment(&demo, origins[at], 7)]).await;
    }
    let all = origins.map(|origin| segment(&demo, origin, 7));
    assert_eq!(read(store, &demo, SOURCE, MINUTE).await, all);
    for (after, behind) in [
        (0, 1),
        (1, 2),
        (2, 2),
        (254, 2),
        (255, 3),
        (1 << 40, 6),
        (u64::MAX, 6),
    ] {
        let read = store.index.fresh(&demo, SOURCE, MINUTE, Some(after)).await;
        assert_eq!(read.expect("segments are read"), all[behind..], "after {after}");
    }
}

/// Two writers of one source, or the classes of one flush.
pub async fn segments_of_one_origin_are_all_kept(store: &Subject) {
    let demo = tenant("demo");
    let nonces = [0, 1, 256, u64::MAX];
    let segments = nonces.map(|nonce| segment(&demo, 9, nonce));
    put(store, SOURCE, MINUTE, &segments).await;
    put(
        store,
        SOURCE,
        MINUTE,
        &[segment(&demo, 8, 5), segment(&demo, 10, 5)],
    )
    .await;
    let read = read(store, &demo, SOURCE, MINUTE).await;
    let origins: Vec<_> = read.iter().map(|fresh| fresh.last_origin).collect();
    assert_eq!(origins, [8, 9, 9, 9, 9, 10]);
    let found: BTreeSet<_> = read[1..5].iter().map(|fresh| fresh.nonce).collect();
    assert_eq!(found, BTreeSet::from(nonces));
    assert!(read[1..5].iter().all(|fresh| segments.contains(fresh)));
}

/// Names that begin alike, sources and minutes next to each other.
pub async fn segments_of_tenants_sources_and_minutes_are_apart(store: &Subject) {
    let tenants = ["a", "a-b", "ab", "b"].map(tenant);
    let all: Vec<_> = tenants.iter().map(|tenant| segment(tenant, 4, 1)).collect();
    put(store, SOURCE, MINUTE, &all).await;
    for (tenant, segment) in tenants.iter().zip(&all) {
        assert_eq!(
            read(store, tenant, SOURCE, MINUTE).await,
            std::slice::from_ref(segment)
        );
    }
    let (a, next) = (tenants[0].clone(), Minute(MINUTE.0 + 1));
    for (n, source) in (10..).zip(OTHER_SOURCES) {
        assert_eq!(read(store, &a, source, MINUTE).await, []);
        put(store, source, MINUTE, &[segment(&a, n, 1)]).await;
        assert_eq!(read(store, &a, source, MINUTE).await, [segment(&a, n, 1)]);
    }
    assert_eq!(read(store, &a, SOURCE, next).await, []);
    put(store, SOURCE, next, &[segment(&a, 20, 1)]).await;
    assert_eq!(read(store, &a, SOURCE, next).await, [segment(&a, 20, 1)]);
    assert_eq!(read(store, &a, SOURCE, MINUTE).await, [segment(&a, 4, 1)]);
}

/// Many tenants, and more rows and bytes than any engine takes at once.
pub async fn segments_of_a_whole_flush_are_all_written(store: &Subject) {
    let demo = tenant("demo");
    let large = Fresh {
        segment: vec![7; 100_000].into(),
        ..segment(&demo, 5_000, 2)
    };
    let others = (0..2_000).map(|n| segment(&tenant(&format!("t-{n}")), n, 1));
    let own = (0..2_500).map(|n| segment(&demo, n, 1));
    let own: Vec<_> = own.chain([large]).collect();
    let all: Vec<_> = others.chain(own.iter().cloned()).collect();
    put(store, SOURCE, MINUTE, &all).await;
    assert_eq!(read(store, &demo, SOURCE, MINUTE).await, own);
    for fresh in [&all[0], &all[999], &all[1_999]] {
        assert_eq!(
            read(store, &fresh.tenant, SOURCE, MINUTE).await,
            std::slice::from_ref(fresh)
        );
    }
}

/// A writer that wakes up late does not hide what came after it.
pub async fn a_place_keeps_its_greatest_minute(store: &Subject) {
    let demo = tenant("demo");
    assert_eq!(places(store, &demo).await, []);
    for (minute, greatest) in [(5, 5), (300, 300), (299, 300), (5, 300), (300, 300), (301, 301)] {
        mark(store, std::slice::from_ref(&demo), SOURCE, Minute(minute)).await;
        assert_eq!(places(store, &demo).await, [(SOURCE, Minute(greatest))]);
    }
}

/// Many of both.
pub async fn places_of_tenants_and_sources_are_apart(store: &Subject) {
    let tenants: Vec<_> = (0..100).map(|n| tenant(&format!("t{n}"))).collect();
    mark(store, &tenants, SOURCE, MINUTE).await;
    mark(store, &[], SOURCE, MINUTE).await;
    let later = Minute(MINUTE.0 + 7);
    for source in OTHER_SOURCES {
        mark(store, &tenants[..2], source, later).await;
    }
    let mut all = vec![(SOURCE, MINUTE)];
    all.extend(OTHER_SOURCES.map(|source| (source, later)));
    all.sort_unstable();
    for tenant in &tenants[..2] {
        assert_eq!(places(store, tenant).await, all);
    }
    for tenant in &tenants[2..] {
        assert_eq!(places(store, tenant).await, [(SOURCE, MINUTE)]);
    }
    assert_eq!(places(store, &tenant("t")).await, []);
}
