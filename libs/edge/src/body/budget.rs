//! The memory of all bodies together, reserved before it is used.
//!
//! A body reserves as it grows, so that what is only announced takes nothing. It waits a short time for room and then
//! gives up with all it has, so that bodies that wait for each other end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::ReadBody;
use crate::error::{ApiError, ErrorCode};

/// The budget is counted in blocks of so many bytes.
const BLOCK_BYTES: usize = 1024;
/// Room at first, unless less is announced.
const FIRST_BYTES: usize = 64 * 1024;
const WAIT: Duration = Duration::from_millis(250);
const RETRY_AFTER_MS: u32 = 1_000;

/// What all bodies may hold together.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// A part of the budget, given back when it is dropped.
pub struct Permit(Option<OwnedSemaphorePermit>);

impl Permit {
    /// Bytes of the budget that it holds.
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * BLOCK_BYTES
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} bytes)", self.bytes())
    }
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let blocks = (bytes / BLOCK_BYTES).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(blocks)))
    }

    async fn add(&self, permit: &mut Permit, bytes: usize) -> Result<(), ApiError> {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK_BYTES)).map_err(|_| full())?;
        let acquired = timeout(WAIT, Arc::clone(&self.0).acquire_many_owned(blocks));
        let acquired = acquired.await.map_err(|_| full())?.map_err(|_| full())?;
        match &mut permit.0 {
            Some(held) => held.merge(acquired),
            None => permit.0 = Some(acquired),
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn free_bytes(&self) -> usize {
        self.0.available_permits() * BLOCK_BYTES
    }
}

fn full() -> ApiError {
    ApiError::new(
        ErrorCode::Unavailable,
        "too many bodies are being read at this moment",
    )
    .with_retry_after(RETRY_AFTER_MS)
}

/// The memory of one body. It grows by doubling, up to a cap, and the budget is asked before.
pub(super) struct Room {
    budget: Budget,
    permit: Permit,
    bytes: Vec<u8>,
    /// Bytes for which there is room.
    size: usize,
    cap: usize,
    expected: Option<usize>,
    /// Bytes of the budget for each byte of room.
    cost: usize,
}

impl Room {
    pub(super) fn new(budget: &Budget, cap: usize, expected: Option<usize>, cost: usize) -> Self {
        Self {
            budget: budget.clone(),
            permit: Permit(None),
            bytes: Vec::new(),
            size: 0,
            cap,
            expected,
            cost,
        }
    }

    /// Bytes that may still be pushed.
    pub(super) fn left(&self) -> usize {
        self.cap - self.bytes.len()
    }

    /// Adds bytes, of which there may be no more than are left.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.size {
            let size = self.next_size().max(needed);
            let more = (size - self.size) * self.cost;
            self.budget.add(&mut self.permit, more).await?;
            self.bytes.reserve_exact(size - self.bytes.len());
            self.size = size;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn into_body(self) -> ReadBody {
        ReadBody {
            bytes: Bytes::from(self.bytes),
            permit: self.permit,
        }
    }

    fn next_size(&self) -> usize {
        let doubled = match self.size {
            0 => FIRST_BYTES,
            size => size.saturating_mul(2),
        };
        // No further than what is announced, if that is still ahead.
        let announced = self.expected.filter(|expected| *expected > self.size);
        doubled.min(announced.unwrap_or(self.cap)).min(self.cap)
    }
}
