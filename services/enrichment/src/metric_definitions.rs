//! The metrics of this crate: name, unit, meaning, labels.

use metrics::{Unit, describe_counter, describe_gauge};

/// Counter of fates that the log has acknowledged; those written again are counted again.
/// Labels: `fate` (`enriched`, `duplicate`, `dead`).
pub const FATES: &str = "sluice_enrichment_fates_total";

/// Gauge of ids and external ids that are remembered, so that events with them are taken for repeated; about 9 bytes
/// of memory each. Labels: `partition`.
pub const REMEMBERED: &str = "sluice_enrichment_remembered_ids";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(
        FATES,
        Unit::Count,
        "fates that the log has acknowledged, by fate; those written again are counted again"
    );
    describe_gauge!(
        REMEMBERED,
        Unit::Count,
        "ids and external ids that are remembered, so that events with them are taken for repeated, by partition"
    );
}
