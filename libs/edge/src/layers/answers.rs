//! A bound on answers that wait for their readers, over all connections and for each tenant.
//!
//! A reader may be slow, or never read at all. What is ready for it is held until it has been handed to the
//! connection in small pieces, and counts until then. Where nothing is free the answer is thrown away, and an
//! error takes its place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use domain::tenant::TenantId;

use crate::error::{ApiError, ErrorCode};

/// Bytes that are handed to a connection at once. Smaller answers do not count.
pub(super) const PIECE_BYTES: usize = 16 * 1024;

/// What all answers may hold, unless a service says otherwise.
const DEFAULT_BYTES: usize = 96 * 1024 * 1024;

/// One tenant has this part of it at the most.
const TENANT_SHARE: usize = 4;

const RETRY_AFTER_MS: u32 = 1_000;

/// Whose request it is, once its key was checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whose(Arc<OnceLock<TenantId>>);

impl Whose {
    /// Tells it. Only the first counts.
    pub(crate) fn tell(&self, tenant: &TenantId) {
        let _ = self.0.set(tenant.clone());
    }
}

/// The bytes of all answers that wait.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    max_bytes: usize,
    held: Arc<Mutex<HashMap<Option<TenantId>, usize>>>,
}

impl Default for Answers {
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl Answers {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            held: Arc::default(),
        }
    }

    /// Counts an answer until what is returned is dropped.
    pub(super) fn hold(&self, whose: &Whose, bytes: usize) -> Result<Hold, ApiError> {
        let tenant = whose.0.get().cloned();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = held.values().sum();
        let own = held.get(&tenant).copied().unwrap_or(0);
        // One answer alone always fits the share of its tenant.
        let fits_share = own == 0 || own.saturating_add(bytes) <= self.max_bytes / TENANT_SHARE;
        if !fits_share || all.saturating_add(bytes) > self.max_bytes {
            let detail = "too many answers wait for their readers; read them, or ask for smaller pages";
            return Err(ApiError::new(ErrorCode::Unavailable, detail).with_retry_after(RETRY_AFTER_MS));
        }
        held.insert(tenant.clone(), own + bytes);
        drop(held);
        Ok(Hold {
            answers: self.clone(),
            tenant,
            bytes,
        })
    }
}

/// An answer that counts.
#[derive(Debug)]
pub(super) struct Hold {
    answers: Answers,
    tenant: Option<TenantId>,
    bytes: usize,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.answers.held.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held
            .get(&self.tenant)
            .map_or(0, |held| held.saturating_sub(self.bytes));
        if left == 0 {
            held.remove(&self.tenant);
        } else {
            held.insert(self.tenant.clone(), left);
        }
    }
}

/// Takes the next piece. It is a copy: a slice would keep the whole in memory as long as the connection has it.
pub(super) fn next_piece(rest: &mut Bytes) -> Bytes {
    Bytes::copy_from_slice(&rest.split_to(rest.len().min(PIECE_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(tenant: &str) -> Whose {
        let whose = Whose::default();
        whose.tell(&TenantId::parse(tenant).unwrap());
        whose
    }

    #[test]
    fn a_tenant_has_its_share_and_all_have_the_whole() {
        let answers = Answers::new(400);
        let first = answers.hold(&whose("a"), 60).unwrap();
        assert!(answers.hold(&whose("a"), 60).is_err(), "over its share of 100");
        let others: Vec<_> = ["b", "c"]
            .map(|tenant| answers.hold(&whose(tenant), 150).unwrap())
            .into();
        assert!(answers.hold(&whose("d"), 50).is_err(), "over the whole");
        drop(first);
        assert!(answers.hold(&whose("d"), 50).is_ok());
        drop(others);
        assert!(answers.held.lock().unwrap().is_empty(), "nothing is left behind");
    }

    #[test]
    fn pieces_are_the_whole_in_order() {
        let whole: Vec<u8> = (0..251_u8).cycle().take(PIECE_BYTES * 2 + 5).collect();
        let mut rest = Bytes::from(whole.clone());
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            pieces.push(next_piece(&mut rest));
        }
        assert_eq!((pieces.len(), pieces.concat()), (3, whole));
    }
}
