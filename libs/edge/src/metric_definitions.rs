//! The metrics of this crate: name, unit, meaning, labels.
//!
//! Labels are bounded: `route` is the template of a route, a known gRPC method or `unmatched`; `method` is one of the
//! usual methods or `other`; `status` is the HTTP status, for gRPC the name of the code; `listener` is `http` or `grpc`.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counter of answered requests, of both protocols. Labels: `route`, `method`, `status`.
pub const REQUESTS: &str = "sluice_http_requests_total";
/// Histogram of the seconds from the head of a request to the head of its answer, for gRPC to the end of its
/// answer. Labels: `route`, `method`.
pub const REQUEST_SECONDS: &str = "sluice_http_request_duration_seconds";
/// Counter of requests whose handling panicked.
pub const PANICS: &str = "sluice_http_panics_total";
/// Gauge of open connections. Labels: `listener`.
pub const CONNECTIONS: &str = "sluice_http_connections";
/// Counter of connections closed because the peer did not read or did not speak. Labels: `listener`, `cause`
/// (`read`, `write`).
pub const STALLED_CONNECTIONS: &str = "sluice_http_stalled_connections_total";
/// Counter of connections closed because the greeting of TLS failed. Labels: `listener`, `cause` (`refused`, `silent`).
pub const FAILED_HANDSHAKES: &str = "sluice_tls_failed_handshakes_total";
/// Counter of keys that opened nothing. Labels: `reason` (`malformed`, `checksum`, `unknown`, `revoked`, `expired`,
/// `closed`).
pub const DENIED_KEYS: &str = "sluice_denied_keys_total";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "answered requests");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "time to answer a request");
    describe_counter!(PANICS, Unit::Count, "requests whose handling panicked");
    describe_gauge!(CONNECTIONS, Unit::Count, "open connections");
    describe_counter!(
        STALLED_CONNECTIONS,
        Unit::Count,
        "connections closed because the peer did not read or did not speak"
    );
    describe_counter!(
        FAILED_HANDSHAKES,
        Unit::Count,
        "connections closed because the greeting of TLS failed"
    );
    describe_counter!(DENIED_KEYS, Unit::Count, "keys that opened nothing");
}
