//! The two phases of a shutdown as one cancellation tree.

use tokio_util::sync::CancellationToken;

/// Tells a task when to stop. Aborting drains too; draining does not abort.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// Cancelled first: accept nothing new, finish what is in hand, return.
    pub drain: CancellationToken,
    /// Cancelled when there is no time left: return at once.
    pub abort: CancellationToken,
}

impl Shutdown {
    /// A tree in which nothing is cancelled.
    pub fn new() -> Self {
        let abort = CancellationToken::new();
        Self {
            drain: abort.child_token(),
            abort,
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
