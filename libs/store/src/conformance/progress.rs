//! How far services have come.

use domain::source::Source;

use super::Subject;
use super::fixtures::{OTHER_SOURCES, SOURCE};
use crate::port::Position;

/// The position of an origin and an offset.
pub(super) fn at(origin: u64, next_offset: u64) -> Position {
    Position {
        next_offset,
        origin,
        appended_at_ms: 1_800_000_000_000,
        checksum: u64::MAX - origin,
    }
}

async fn advance(store: &Subject, position: Position) {
    store
        .progress
        .advance("retention", SOURCE, position)
        .await
        .expect("progress is stored");
}

async fn position(store: &Subject, service: &str, source: Source) -> Option<Position> {
    store
        .progress
        .position(service, source)
        .await
        .expect("progress is read")
}

/// The first start is no error.
pub async fn there_is_none_at_first(store: &Subject) {
    assert_eq!(position(store, "retention", SOURCE).await, None);
}

/// All fields, from zero on.
pub async fn what_was_stored_is_read(store: &Subject) {
    for stored in [at(0, 0), at(0, 1), at(7, 9), at(1 << 40, 1 << 41)] {
        advance(store, stored).await;
        assert_eq!(position(store, "retention", SOURCE).await, Some(stored));
    }
}

/// A zombie takes nothing back, however far in the enriched partition it says it is.
pub async fn a_lower_origin_changes_nothing(store: &Subject) {
    advance(store, at(10, 12)).await;
    for lower in [at(9, 11), at(0, 0), at(9, 100)] {
        advance(store, lower).await;
        assert_eq!(position(store, "retention", SOURCE).await, Some(at(10, 12)));
    }
}

/// Records that apply nothing, such as repeated origins, still move on.
pub async fn of_one_origin_the_further_offset_wins(store: &Subject) {
    for offset in [12, 300, 299, 12] {
        advance(store, at(10, offset)).await;
    }
    assert_eq!(position(store, "retention", SOURCE).await, Some(at(10, 300)));
}

/// No service sees what another has stored, no source that of another.
pub async fn services_and_sources_are_apart(store: &Subject) {
    advance(store, at(10, 12)).await;
    assert_eq!(position(store, "analytics", SOURCE).await, None);
    assert_eq!(position(store, "retention2", SOURCE).await, None);
    for other in OTHER_SOURCES {
        assert_eq!(position(store, "retention", other).await, None);
        store
            .progress
            .advance("retention", other, at(3, 4))
            .await
            .expect("progress is stored");
        assert_eq!(position(store, "retention", other).await, Some(at(3, 4)));
    }
    assert_eq!(position(store, "retention", SOURCE).await, Some(at(10, 12)));
}
