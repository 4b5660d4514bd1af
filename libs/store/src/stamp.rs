//! Stamps of rows: computed from what is written, never read from a clock, so that a replay writes what is
//! there already and a writer that wakes up late changes nothing.
//!
//! A row with the greater stamp wins; of two with the same stamp a deletion wins.

use domain::id::EventId;
use domain::record::Enriched;
use domain::time::Millis;

/// Stamp of an event row: the id's time in microseconds plus the revision.
pub fn of_event(event: &Enriched) -> i64 {
    id_time_us(event.event.id) + i64::from(event.revision.min(Enriched::MAX_REVISION))
}

/// Stamp of the deletion of an event: greater than that of any revision, less than that of the next id's time.
pub fn of_deletion(id: EventId) -> i64 {
    id_time_us(id) + i64::from(Enriched::MAX_REVISION) + 1
}

/// Stamp of the marker of a deletion: of several markers the one that is kept for the longest wins. In
/// milliseconds, for some engines refuse stamps that are microseconds of a later time than now.
pub fn of_marker(keep_until: Millis) -> i64 {
    keep_until.as_ms()
}

fn id_time_us(id: EventId) -> i64 {
    // 48 bits of milliseconds stay below 2^58.
    id.time().as_ms() * 1000
}
