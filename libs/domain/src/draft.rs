//! Events as they were sent, not yet believed: the common ground of JSON and protobuf.

use crate::event::{Kind, Priority, Severity};
use crate::fault::Faults;
use crate::time::Millis;

/// Every field that any kind has, each as it was sent or absent, and the faults that were found in reading.
///
/// A field with a fault is absent here and named by the fault.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the names are those of the published schema, which says what they mean"
)]
pub struct Draft {
    /// What reading found.
    pub faults: Faults,
    pub id: Option<String>,
    pub timestamp: Option<Millis>,
    pub kind: Option<Kind>,
    pub service: Option<String>,
    pub environment: Option<String>,
    pub release: Option<String>,
    pub user_id: Option<String>,
    pub session_id: Option<String>,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub severity: Option<Severity>,
    pub external_id: Option<String>,
    pub priority: Option<Priority>,
    /// The bytes of a JSON object.
    pub attributes: Option<Vec<u8>>,
    pub method: Option<String>,
    pub path: Option<String>,
    pub status_code: Option<i64>,
    pub duration_ms: Option<f64>,
    pub route: Option<String>,
    pub request_bytes: Option<u64>,
    pub response_bytes: Option<u64>,
    pub client_ip: Option<String>,
    pub user_agent: Option<String>,
    pub query: Option<String>,
    pub error_type: Option<String>,
    pub message: Option<String>,
    pub stack_trace: Option<String>,
    pub handled: Option<bool>,
    pub fingerprint: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    pub url: Option<String>,
    pub name: Option<String>,
}

impl Draft {
    /// A draft of which nothing but a fault is known.
    pub fn unreadable(fault: crate::fault::Fault) -> Self {
        Self {
            faults: fault.into(),
            ..Self::default()
        }
    }
}
