//! Waiting until a write is visible: until a service has done its sources up to its accepted offsets.
//!
//! A write to topics that were made anew since is visible where their events were stored up to it. Where they were not,
//! nobody stores them any more under the offset that the token names, and waiting would be in vain: the token is
//! refused.

use std::time::Duration;

use domain::source::Source;
use domain::token::Token;
use edge::ApiError;
use store::Progress;
use tokio::time::{Instant, sleep};

use crate::fault;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// Whether all writes of the token became visible in time, in what `service` writes. Looks at least once. `generation`
/// is that of the topics.
pub(crate) async fn wait(
    progress: &dyn Progress,
    service: &str,
    token: &Token,
    generation: u32,
    within: Duration,
) -> Result<bool, ApiError> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    // Progress never steps back, so each source is looked at until it is far enough, and no longer.
    for (source, offset) in token.positions() {
        while !is_done(progress, service, *source, *offset).await? {
            if source.generation < generation {
                return Err(fault::of_older_topics());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(true)
}

async fn is_done(
    progress: &dyn Progress,
    service: &str,
    source: Source,
    offset: u64,
) -> Result<bool, ApiError> {
    let position = progress
        .position(service, source)
        .await
        .map_err(|error| fault::of_store(&error))?;
    Ok(position.is_some_and(|position| position.origin >= offset))
}
