//! The one sequence of appends of this process, opened when it is needed and opened anew when it broke.
//!
//! Why every prefix of an enriched partition has each origin up to its greatest: **a record comes into the partition
//! only behind one of the origin before its own.** Within a sequence that is its order without gaps, whenever its
//! records arrive. The first record that a sequence has for the partition is the worker's first that was not
//! acknowledged: the one before it was acknowledged to this worker, or committed by an earlier one after it was
//! acknowledged, and so is in the partition already. Only the first start has none before it. By induction this holds
//! for any number of writers and any interleaving, and so for a broken sequence whose records arrive late among those
//! of the next one, and for a process that wakes up with old fates in hand.

use std::sync::Arc;

use eventlog::{Appended, Log, NewRecord, Sequence};
use tokio::sync::Mutex;

/// Appends fates.
pub(crate) struct Appender {
    log: Arc<dyn Log>,
    current: Mutex<Option<Arc<dyn Sequence>>>,
}

impl Appender {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self {
            log,
            current: Mutex::default(),
        }
    }

    /// As [`Sequence::append`], by the sequence of now.
    pub(crate) async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, eventlog::Error>> {
        match self.sequence().await {
            Ok(sequence) => sequence.append(records).await,
            Err(error) => records.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, eventlog::Error> {
        let mut current = self.current.lock().await;
        if let Some(sequence) = current.as_ref().filter(|sequence| !sequence.is_broken()) {
            return Ok(Arc::clone(sequence));
        }
        if current.is_some() {
            tracing::warn!("sequence of fates is broken; another one goes on with what was not acknowledged");
        }
        let opened = self.log.sequence().await?;
        *current = Some(Arc::clone(&opened));
        Ok(opened)
    }
}
