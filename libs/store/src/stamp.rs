//! Stamps of rows: computed from what is written, never read from a clock, so that a replay writes what is
//! there already and a writer that wakes up late changes nothing.
//!
//! A row with the greater stamp wins; of two with the same stamp a deletion wins.
//!
//! That of a rollup is computed in [`domain::rollup`].
//!
//! The pages of a unit are the exception: nothing is decided by their stamp, for they are written once, but an
//! engine that keeps rows by windows of time takes it for the time.

use domain::id::EventId;
use domain::index::manifest::Minute;
use domain::record::Enriched;
use domain::time::Millis;

use crate::port::Error;

/// How far the clock of who writes pages may be ahead of that of who removes them.
const CLOCK_SKEW_MS: i64 = 60 * 60 * 1000;

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

/// Stamp of what is known of a source up to an origin: the origin. Its removal has one more.
pub fn of_origin(origin: u64) -> Result<i64, Error> {
    let stamp = i64::try_from(origin).ok().filter(|stamp| *stamp < i64::MAX);
    stamp.ok_or_else(|| Error::Unavailable {
        reason: format!("origin {origin} is beyond what the store can hold"),
    })
}

/// Stamp of fresh segments, which never change: their minute, in microseconds.
pub fn of_fresh(minute: Minute) -> i64 {
    time_us(minute.begin())
}

/// Stamp of where fresh segments are: the minute, so that a lower one changes nothing.
pub fn of_fresh_place(minute: Minute) -> i64 {
    minute.0
}

/// Stamp of pages that are written at `now`.
pub fn of_pages(now: Millis) -> i64 {
    time_us(now)
}

/// Stamp of the removal of a unit at `now`: greater than that of its pages.
pub fn of_unit_removal(now: Millis) -> i64 {
    time_us(now.plus_ms(CLOCK_SKEW_MS))
}

fn time_us(time: Millis) -> i64 {
    time.as_ms().saturating_mul(1000)
}

fn id_time_us(id: EventId) -> i64 {
    // 48 bits of milliseconds stay below 2^58.
    id.time().as_ms() * 1000
}
