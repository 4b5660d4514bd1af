//! Names of topics and of the headers of their records.

use crate::source::Lane;

/// Control records: compacted, one partition.
pub const CONTROL: &str = "sluice.control";

/// Who changed what in the control topic: one partition, kept by age.
pub const AUDIT: &str = "sluice.audit";

/// Events that were acknowledged.
pub const fn accepted(lane: Lane) -> &'static str {
    match lane {
        Lane::Standard => "sluice.accepted.standard",
    }
}

/// Events with their context; partition n comes from accepted partition n.
pub const fn enriched(lane: Lane) -> &'static str {
    match lane {
        Lane::Standard => "sluice.enriched.standard",
    }
}

/// Header of an enriched record: the accepted offset it comes from, in decimal digits.
pub const HEADER_ORIGIN: &str = "origin";

/// Header of an enriched record: whose event it is.
pub const HEADER_TENANT: &str = "tenant";

/// Header of an enriched record: the kind of the event.
pub const HEADER_KIND: &str = "kind";

/// Header of an enriched record: the severity of the event.
pub const HEADER_SEVERITY: &str = "severity";

/// Header of a marker, an enriched record with an empty value: why there is no event of this origin.
pub const HEADER_FATE: &str = "fate";

/// Value of [`HEADER_FATE`]: the accepted record can never be enriched.
pub const FATE_DEAD: &str = "dead";

/// Value of [`HEADER_FATE`]: the accepted record repeats an earlier one (see [`dedup`](crate::dedup)).
pub const FATE_DUPLICATE: &str = "duplicate";
