//! The metrics of the gateway: names, units, labels, meaning.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Events by `verdict`: accepted, duplicate, invalid, limited, unavailable.
pub const EVENTS: &str = "sluice_gateway_events_total";

/// Bytes of accepted records as they were appended.
pub const APPENDED_BYTES: &str = "sluice_gateway_appended_bytes_total";

/// How long appends took, from the call to the answer of the log, also where the answer came after the deadline.
pub const APPEND_SECONDS: &str = "sluice_gateway_append_duration_seconds";

/// Requests whose answer did not wait for the log any longer.
pub const MISSED_DEADLINES: &str = "sluice_gateway_missed_deadlines_total";

/// Streams that are open.
pub const OPEN_STREAMS: &str = "sluice_gateway_open_streams";

/// Reads that were not answered by query. Labels: `protocol` (`http`, `grpc`), `cause`: `busy`, too many under way;
/// `body`, that of the request was not good; `late`; `away`, no connection or a broken one; `foreign`, something else
/// has answered.
pub const UNANSWERED_READS: &str = "sluice_gateway_unanswered_reads_total";

/// Label of [`EVENTS`].
pub const VERDICT: &str = "verdict";

/// Describes every metric to the recorder of this process.
pub fn describe() {
    describe_counter!(EVENTS, Unit::Count, "events by verdict");
    describe_counter!(
        APPENDED_BYTES,
        Unit::Bytes,
        "bytes of accepted records as they were appended"
    );
    describe_histogram!(
        APPEND_SECONDS,
        Unit::Seconds,
        "time from an append to the answer of the log"
    );
    describe_counter!(
        MISSED_DEADLINES,
        Unit::Count,
        "requests whose answer did not wait for the log any longer"
    );
    describe_counter!(
        UNANSWERED_READS,
        Unit::Count,
        "reads that were not answered by query"
    );
    describe_gauge!(OPEN_STREAMS, Unit::Count, "gRPC streams that are open");
}
