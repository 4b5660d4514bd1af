//! The metrics of this crate: name, unit, meaning, labels.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counter of fates by what was done with them; those of a batch that is tried again are counted once.
/// Labels: `outcome` (`stored`, `marker`, `repeated`, `read_again`: stored before a restart and not sealed).
pub const FATES: &str = "sluice_retention_fates_total";

/// Counter of fresh segments of the index that were written.
pub const FRESH_SEGMENTS: &str = "sluice_retention_fresh_segments_total";

/// Counter of their bytes.
pub const FRESH_BYTES: &str = "sluice_retention_fresh_bytes_total";

/// Gauge of the segments in memory that are not sealed. Labels: `partition`.
pub const UNSEALED_SEGMENTS: &str = "sluice_retention_unsealed_segments";

/// Gauge of their bytes. Labels: `partition`.
pub const UNSEALED_BYTES: &str = "sluice_retention_unsealed_bytes";

/// Counter of what was sealed: everything of a partition, or one tenant.
/// Labels: `reason` (`first`, `time`, `memory`, `tenant`, `minutes`, `close`).
pub const SEALS: &str = "sluice_retention_seals_total";

/// Counter of events that were sealed, those of attempts that failed later among them.
pub const SEALED_EVENTS: &str = "sluice_retention_sealed_events_total";

/// Histogram of how long it took to seal one tenant.
pub const SEAL_SECONDS: &str = "sluice_retention_seal_seconds";

/// Counter of pages of units that were written. Labels: `by` (`seal`, `merge`).
pub const UNIT_PAGES: &str = "sluice_retention_unit_pages_total";

/// Counter of their bytes. Labels: `by` (`seal`, `merge`).
pub const UNIT_BYTES: &str = "sluice_retention_unit_bytes_total";

/// Counter of merges of units.
pub const MERGES: &str = "sluice_retention_merges_total";

/// Counter of events in the units that they made.
pub const MERGED_EVENTS: &str = "sluice_retention_merged_events_total";

/// Histogram of how long a merge took.
pub const MERGE_SECONDS: &str = "sluice_retention_merge_seconds";

/// Counter of looks for something to merge that failed or were left out because too many waited.
/// Labels: `reason` (`full`, `failed`).
pub const MERGES_DROPPED: &str = "sluice_retention_merges_dropped_total";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(FATES, Unit::Count, "fates by what was done with them");
    describe_counter!(
        FRESH_SEGMENTS,
        Unit::Count,
        "fresh segments of the index that were written"
    );
    describe_counter!(
        FRESH_BYTES,
        Unit::Bytes,
        "bytes of fresh segments that were written"
    );
    describe_gauge!(
        UNSEALED_SEGMENTS,
        Unit::Count,
        "segments in memory that are not sealed"
    );
    describe_gauge!(
        UNSEALED_BYTES,
        Unit::Bytes,
        "bytes of segments in memory that are not sealed"
    );
    describe_counter!(
        SEALS,
        Unit::Count,
        "seals of a partition, or of one tenant, by reason"
    );
    describe_counter!(SEALED_EVENTS, Unit::Count, "events that were sealed");
    describe_histogram!(SEAL_SECONDS, Unit::Seconds, "how long it took to seal one tenant");
    describe_counter!(UNIT_PAGES, Unit::Count, "pages of units that were written");
    describe_counter!(
        UNIT_BYTES,
        Unit::Bytes,
        "bytes of pages of units that were written"
    );
    describe_counter!(MERGES, Unit::Count, "merges of units");
    describe_counter!(MERGED_EVENTS, Unit::Count, "events in units that merges made");
    describe_histogram!(MERGE_SECONDS, Unit::Seconds, "how long a merge took");
    describe_counter!(
        MERGES_DROPPED,
        Unit::Count,
        "looks for something to merge that were not made"
    );
}
