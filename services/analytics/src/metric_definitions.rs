//! The metrics of this crate: name, unit, meaning, labels.

use metrics::{Unit, describe_counter, describe_gauge};

/// Counter of fates by what was done with them.
/// Labels: `outcome` (`counted`, `marker`, `repeated`, `in_rows`: counted before a restart).
pub const FATES: &str = "sluice_analytics_fates_total";

/// Counter of windows that were read from the store.
pub const LOADED_WINDOWS: &str = "sluice_analytics_loaded_windows_total";

/// Counter of rows that were written. Labels: `grain` (`minute`, `hour`).
pub const WRITTEN_ROWS: &str = "sluice_analytics_written_rows_total";

/// Counter of their bytes. Labels: `grain` (`minute`, `hour`).
pub const WRITTEN_BYTES: &str = "sluice_analytics_written_bytes_total";

/// Gauge of the windows in memory. Labels: `partition`.
pub const WINDOWS: &str = "sluice_analytics_windows";

/// Gauge of their bytes, about. Labels: `partition`.
pub const WINDOW_BYTES: &str = "sluice_analytics_window_bytes";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(FATES, Unit::Count, "fates by what was done with them");
    describe_counter!(
        LOADED_WINDOWS,
        Unit::Count,
        "windows that were read from the store"
    );
    describe_counter!(WRITTEN_ROWS, Unit::Count, "rows that were written");
    describe_counter!(WRITTEN_BYTES, Unit::Bytes, "bytes of rows that were written");
    describe_gauge!(WINDOWS, Unit::Count, "windows in memory");
    describe_gauge!(WINDOW_BYTES, Unit::Bytes, "bytes of the windows in memory, about");
}
