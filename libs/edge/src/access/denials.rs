//! Why keys were refused: in the log and the metrics, never in an answer.
//!
//! Anybody may send keys that open nothing, so only a few a second are logged; all are counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::control::Denied;
use domain::key::KeyId;
use tokio::time::Instant;

use crate::metric_definitions as definitions;

const WINDOW: Duration = Duration::from_secs(1);
const LINES_A_WINDOW: u32 = 10;

/// The denials of a process.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
}

impl Denials {
    /// Counts a denial, and logs it unless there were many.
    pub(super) fn tell(&self, denied: Denied, id: Option<KeyId>) {
        let reason = denied.as_str();
        metrics::counter!(definitions::DENIED_KEYS, "reason" => reason).increment(1);
        if self.has_room(Instant::now()) {
            let key = id.as_ref().map_or("", KeyId::as_str);
            tracing::info!(key, reason, "key refused");
        }
    }

    fn has_room(&self, now: Instant) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some(window) if now.duration_since(window.began) < WINDOW => {
                window.lines += 1;
                window.lines <= LINES_A_WINDOW
            }
            _ => {
                *window = Some(Window { began: now, lines: 1 });
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_keys_is_no_flood_of_lines() {
        let denials = Denials::default();
        let logged = |tries: u32| (0..tries).filter(|_| denials.has_room(Instant::now())).count();
        assert_eq!(logged(1_000), 10);
        advance(WINDOW).await;
        assert_eq!(logged(5), 5);
    }
}
