//! Waiting until a write is visible: until its sources are stored up to its accepted offsets.
//!
//! A write to topics that were made anew since is visible where their events were stored up to it. Where they were not,
//! nobody stores them any more under the offset that the token names, and waiting would be in vain: the token is
//! refused.

use std::time::Duration;

use domain::source::Source;
use domain::token::Token;
use edge::ApiError;
use store::{Progress, STORING_SERVICE};
use tokio::time::{Instant, sleep};

use crate::fault;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// Whether all writes of the token became visible in time. Looks at least once. `generation` is that of the topics.
pub(crate) async fn wait(
    progress: &dyn Progress,
    token: &Token,
    generation: u32,
    within: Duration,
) -> Result<bool, ApiError> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    // Progress never steps back, so each source is looked at until it is far enough, and no longer.
    for (source, offset) in token.positions() {
        while !is_stored(progress, *source, *offset).await? {
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

async fn is_stored(progress: &dyn Progress, source: Source, offset: u64) -> Result<bool, ApiError> {
    let position = progress
        .position(STORING_SERVICE, source)
        .await
        .map_err(|error| fault::of_store(&error))?;
    Ok(position.is_some_and(|position| position.origin >= offset))
}
