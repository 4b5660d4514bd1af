//! The metrics of this crate: name, unit, meaning, labels.

use metrics::{Unit, describe_counter};

/// Counter of fates by what was done with them; those of a batch that is tried again are counted once.
/// Labels: `outcome` (`stored`, `marker`, `repeated`).
pub const FATES: &str = "sluice_retention_fates_total";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(FATES, Unit::Count, "fates by what was done with them");
}
