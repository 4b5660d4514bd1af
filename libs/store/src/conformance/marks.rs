//! How much of a source is in listed units.

use domain::index::manifest::Minute;
use domain::source::Source;

use super::Subject;
use super::fixtures::{OTHER_SOURCES, SOURCE};
use super::progress::at;
use crate::index::Mark;

fn mark(origin: u64, next_offset: u64, minute: i64) -> Mark {
    Mark {
        position: at(origin, next_offset),
        minute: Minute(minute),
    }
}

async fn advance(store: &Subject, source: Source, mark: Mark) {
    let advanced = store.index.advance_mark(source, mark).await;
    advanced.expect("the mark is stored");
}

async fn read(store: &Subject, source: Source) -> Option<Mark> {
    store.index.mark(source).await.expect("the mark is read")
}

/// The first start is no error.
pub async fn there_is_no_mark_at_first(store: &Subject) {
    assert_eq!(read(store, SOURCE).await, None);
}

/// All fields, from zero on.
pub async fn what_was_marked_is_read(store: &Subject) {
    for stored in [
        mark(0, 0, 0),
        mark(0, 1, 1),
        mark(7, 9, 30_000_000),
        mark(1 << 40, 1 << 41, 1 << 42),
    ] {
        advance(store, SOURCE, stored).await;
        assert_eq!(read(store, SOURCE).await, Some(stored));
    }
}

/// A zombie takes nothing back, whatever it says of the rest.
pub async fn a_mark_of_a_lower_origin_changes_nothing(store: &Subject) {
    advance(store, SOURCE, mark(10, 12, 5)).await;
    for lower in [mark(9, 11, 4), mark(0, 0, 0), mark(9, 100, 100)] {
        advance(store, SOURCE, lower).await;
        assert_eq!(read(store, SOURCE).await, Some(mark(10, 12, 5)));
    }
}

/// As with progress. The numbers need more than one byte.
pub async fn of_one_origin_the_mark_of_the_further_offset_wins(store: &Subject) {
    for (offset, minute) in [(12, 5), (300, 4), (299, 9), (12, 5)] {
        advance(store, SOURCE, mark(10, offset, minute)).await;
    }
    assert_eq!(read(store, SOURCE).await, Some(mark(10, 300, 4)));
}

/// No source sees the mark of another, nor its progress.
pub async fn marks_of_sources_are_apart(store: &Subject) {
    let advanced = store.progress.advance("retention", SOURCE, at(1, 2)).await;
    advanced.expect("progress is stored");
    assert_eq!(read(store, SOURCE).await, None);
    advance(store, SOURCE, mark(10, 12, 5)).await;
    for other in OTHER_SOURCES {
        assert_eq!(read(store, other).await, None);
        advance(store, other, mark(3, 4, 9)).await;
        assert_eq!(read(store, other).await, Some(mark(3, 4, 9)));
    }
    assert_eq!(read(store, SOURCE).await, Some(mark(10, 12, 5)));
    let position = store.progress.position("retention", SOURCE).await;
    assert_eq!(position.expect("progress is read"), Some(at(1, 2)));
}
