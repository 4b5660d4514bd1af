//! Appends of one process that break at the first failure, so that no record comes behind one that failed.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::Embedded;
use crate::port::{Appended, Error, Log, Sequence};
use crate::record::NewRecord;

/// The sequence of the embedded log. A call is written whole or not at all, and calls take turns.
pub(super) struct Appends {
    log: Embedded,
    broken: AtomicBool,
    turn: Mutex<()>,
}

impl Appends {
    pub(super) fn new(log: Embedded) -> Self {
        Self {
            log,
            broken: AtomicBool::new(false),
            turn: Mutex::new(()),
        }
    }
}

/// Breaks the sequence of a call whose future is dropped half way.
struct Unfinished<'a>(&'a AtomicBool, bool);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.store(true, Ordering::Release);
        }
    }
}

#[async_trait]
impl Sequence for Appends {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        // A call that is dropped while it waits for its turn leaves a gap, too.
        let mut unfinished = Unfinished(&self.broken, true);
        let _turn = self.turn.lock().await;
        unfinished.1 = false;
        let refuse = |error: Error| vec![Err(error); records.len()];
        if self.is_broken() {
            let reason = "an append before this one failed".to_owned();
            return refuse(Error::Broken { reason });
        }
        if let Some(error) = records.iter().find_map(|record| self.log.refusal(record)) {
            if !matches!(error, Error::RecordTooLarge { .. }) {
                self.broken.store(true, Ordering::Release);
            }
            return refuse(error);
        }
        unfinished.1 = true;
        let results = self.log.append(records).await;
        let breaks = |result: &Result<Appended, Error>| !matches!(result, Ok(_) | Err(Error::Full { .. }));
        unfinished.1 = results.iter().any(breaks);
        results
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Appends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appends")
            .field("broken", &self.is_broken())
            .finish_non_exhaustive()
    }
}
