//! How old what a process knows may be at the most, told by its own heartbeats.
//!
//! A heartbeat that was sent at some moment and has been read back proves that everything before it in the log has been
//! read too: the view is as new as that moment. Only this process's monotonic clock is asked, so a process that was
//! paused knows at once that it is late, and one that reads old records does not take them for news.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// From which age on what is known must not be trusted.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// Heartbeats that may be under way; older ones prove nothing any more.
const MAX_SENT: usize = 32;

/// What is known is too old to be trusted: it may lack the revocation of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing was heard of the control topic for {} s", age.as_secs())]
pub struct Stale {
    /// How old it is.
    pub age: Duration,
}

/// How fresh a view is. Shared by whoever sends heartbeats, reads them, and asks.
#[derive(Debug)]
pub(crate) struct Freshness {
    base: Instant,
    /// Milliseconds after `base` at which the view was whole; none counts where there are no heartbeats.
    as_of_ms: AtomicU64,
    has_heart: bool,
    sent: Mutex<VecDeque<(u64, Instant)>>,
}

impl Freshness {
    /// Of a view that nobody's heartbeats tell the age of: it never gets old.
    pub(crate) fn unbounded() -> Self {
        Self::new(false)
    }

    /// Of a view that is whole now.
    pub(crate) fn with_heart() -> Self {
        Self::new(true)
    }

    fn new(has_heart: bool) -> Self {
        Self {
            base: Instant::now(),
            as_of_ms: AtomicU64::new(0),
            has_heart,
            sent: Mutex::default(),
        }
    }

    /// A heartbeat is about to be sent.
    pub(crate) fn sending(&self, nonce: u64) {
        let mut sent = self.sent();
        if sent.len() == MAX_SENT {
            sent.pop_front();
        }
        sent.push_back((nonce, Instant::now()));
    }

    /// A heartbeat of this process was read. One that is not known any more says nothing.
    pub(crate) fn heard(&self, nonce: u64) {
        let mut sent = self.sent();
        if let Some(index) = sent.iter().position(|(known, _)| *known == nonce) {
            let (_, at) = sent[index];
            sent.drain(..=index);
            self.as_of_ms.fetch_max(self.after_base_ms(at), Ordering::SeqCst);
        }
    }

    /// Refuses when what is known is too old.
    pub(crate) fn check(&self) -> Result<(), Stale> {
        if !self.has_heart {
            return Ok(());
        }
        let age_ms = self
            .after_base_ms(Instant::now())
            .saturating_sub(self.as_of_ms.load(Ordering::SeqCst));
        let age = Duration::from_millis(age_ms);
        if age > STALE_AFTER {
            Err(Stale { age })
        } else {
            Ok(())
        }
    }

    fn after_base_ms(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_millis()).unwrap_or(u64::MAX)
    }

    fn sent(&self) -> MutexGuard<'_, VecDeque<(u64, Instant)>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_view_is_as_old_as_the_newest_own_heartbeat_that_came_back() {
        let freshness = Freshness::with_heart();
        advance(STEP).await;
        freshness.sending(1);
        advance(STEP * 2).await;
        assert_eq!(freshness.check(), Ok(()));
        advance(STEP).await;
        assert_eq!(freshness.check(), Err(Stale { age: STEP * 4 }));
        freshness.heard(1);
        assert_eq!(freshness.check(), Ok(()));
        advance(Duration::from_millis(1)).await;
        assert!(freshness.check().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn old_heartbeats_in_the_buffer_of_a_process_that_was_woken_prove_nothing() {
        let freshness = Freshness::with_heart();
        freshness.sending(1);
        freshness.sending(2);
        advance(Duration::from_hours(1)).await;
        for nonce in [7, 1, 2, 2] {
            freshness.heard(nonce);
            assert!(freshness.check().is_err());
        }
        freshness.sending(3);
        assert!(freshness.check().is_err());
        freshness.heard(3);
        assert_eq!(freshness.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_back_late_does_not_make_it_older() {
        let freshness = Freshness::with_heart();
        freshness.sending(1);
        advance(STEP).await;
        freshness.sending(2);
        freshness.heard(2);
        freshness.heard(1);
        advance(STEP * 3).await;
        assert_eq!(freshness.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_that_never_come_back_are_forgotten() {
        let freshness = Freshness::with_heart();
        for nonce in 0..1_000 {
            freshness.sending(nonce);
        }
        assert_eq!(freshness.sent().len(), MAX_SENT);
        freshness.heard(0);
        freshness.heard(999);
        assert_eq!(freshness.sent().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_heart_nothing_gets_old() {
        let freshness = Freshness::unbounded();
        advance(Duration::from_hours(1)).await;
        assert_eq!(freshness.check(), Ok(()));
    }
}
