//! The metrics of this crate: name, unit, meaning, labels.

use metrics::{Unit, describe_counter};

/// Counter of fates that the log has acknowledged; those written again are counted again.
/// Labels: `fate` (`enriched`, `dead`).
pub const FATES: &str = "sluice_enrichment_fates_total";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(
        FATES,
        Unit::Count,
        "fates that the log has acknowledged, by fate; those written again are counted again"
    );
}
