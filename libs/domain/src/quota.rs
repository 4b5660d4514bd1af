//! How much a tenant may send in a time: rates with bursts, and what some events draw on beside them.
//!
//! These are the limits themselves, resolved: every number is there. What a tenant has of them left is not here.

/// A rate with a burst: `per_second` tokens come back each second, at most `burst` are there at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens a second, at least 1.
    pub per_second: u64,
    /// Tokens that may be taken at once after a rest, at least 1.
    pub burst: u64,
}

/// All that limits what a tenant sends in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Events.
    pub events: Rate,
    /// Bytes of events as they were sent, decompressed.
    pub bytes: Rate,
    /// Events older than [`LATE_AFTER_MS`] at their receipt.
    pub late: Rate,
    /// Urgent events (kind `error` of severity error or fatal, or priority urgent).
    pub urgent: Rate,
    /// Events whose time is in one minute, however long it takes to send them.
    pub minute_events: u64,
    /// Whether going over a limit is only reported.
    pub dry_run: bool,
}

/// From which age on an event draws on the late budget too.
pub const LATE_AFTER_MS: i64 = 60 * 60 * 1000;
