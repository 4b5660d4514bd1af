//! The metrics of this crate: name, unit, meaning, labels.

use metrics::{Unit, describe_counter, describe_histogram};

/// Counter of searches that were answered with a page. Labels: `outcome` (`complete`, `partial`).
pub const SEARCHES: &str = "sluice_query_searches_total";

/// Histogram of the seconds of one search, without waiting for a write.
pub const SEARCH_SECONDS: &str = "sluice_query_search_seconds";

/// Counter of events that searches have tested.
pub const TESTED_EVENTS: &str = "sluice_query_tested_events_total";

/// Counter of requests for statistics that were answered. Labels: `kind` (`stats`, `timeseries`, `top`, `summary`).
pub const STATS: &str = "sluice_query_stats_total";

/// Histogram of the seconds of one of them, without waiting for a write. Labels: as of [`STATS`].
pub const STATS_SECONDS: &str = "sluice_query_stats_seconds";

/// Counter of bytes of statistics that were read.
pub const STATS_BYTES: &str = "sluice_query_stats_bytes_total";

/// Counter of requests refused because too many were under way, or because those of the tenant had read too much.
/// Labels: `kind` (`search`, `stream`, `stats`, `wait`, `budget`).
pub const REFUSED: &str = "sluice_query_refused_total";

/// Counter of requests that waited for a write. Labels: `outcome` (`visible`, `timed_out`).
pub const WAITS: &str = "sluice_query_waits_total";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(
        SEARCHES,
        Unit::Count,
        "searches that were answered with a page, by outcome"
    );
    describe_histogram!(
        SEARCH_SECONDS,
        Unit::Seconds,
        "time of one search, without waiting for a write"
    );
    describe_counter!(TESTED_EVENTS, Unit::Count, "events that searches have tested");
    describe_counter!(
        STATS,
        Unit::Count,
        "requests for statistics that were answered, by kind"
    );
    describe_histogram!(
        STATS_SECONDS,
        Unit::Seconds,
        "time of one request for statistics, without waiting for a write"
    );
    describe_counter!(STATS_BYTES, Unit::Bytes, "bytes of statistics that were read");
    describe_counter!(
        REFUSED,
        Unit::Count,
        "requests refused because too many were under way, or too much was read"
    );
    describe_counter!(WAITS, Unit::Count, "requests that waited for a write, by outcome");
}
