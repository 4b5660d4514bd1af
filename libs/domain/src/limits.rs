//! What an event and a request may measure.

use serde::{Deserialize, Serialize};

/// Bounds on what a tenant may send. Sizes are in bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// One event as it was sent.
    pub event_bytes: usize,
    /// Events in a request.
    pub batch_events: usize,
    /// The body of a request, decompressed.
    pub body_bytes: usize,
    /// Short texts, such as `service` and `user_id`.
    pub name_bytes: usize,
    /// `path`, `route`, `query`, `url`.
    pub url_bytes: usize,
    /// `message`.
    pub message_bytes: usize,
    /// `stack_trace`.
    pub stack_trace_bytes: usize,
    /// `user_agent`.
    pub user_agent_bytes: usize,
    /// `attributes` as they were sent.
    pub attributes_bytes: usize,
    /// Keys in `attributes`, at all depths together.
    pub attribute_keys: usize,
    /// Objects and arrays in each other; `attributes` itself is the first.
    pub attribute_depth: usize,
    /// One key in `attributes`.
    pub attribute_key_bytes: usize,
    /// How old an event may be at its receipt.
    pub max_age_ms: i64,
    /// How far ahead of its receipt an event may be.
    pub max_future_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 256 * 1024,
            batch_events: 1000,
            body_bytes: 8 * 1024 * 1024,
            name_bytes: 128,
            url_bytes: 2048,
            message_bytes: 8 * 1024,
            stack_trace_bytes: 64 * 1024,
            user_agent_bytes: 512,
            attributes_bytes: 32 * 1024,
            attribute_keys: 256,
            attribute_depth: 8,
            attribute_key_bytes: 128,
            max_age_ms: 7 * 24 * 60 * 60 * 1000,
            max_future_ms: 5 * 60 * 1000,
        }
    }
}
