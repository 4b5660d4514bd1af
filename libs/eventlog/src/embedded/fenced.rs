//! Names with one writer at a time.
//!
//! A name counts its holders. The one writer of the log looks at the count when it takes a call, and a fence goes
//! through the same queue: when it is answered, every call of an earlier holder was written or refused.
//!
//! Names are not stored: a log has one process, and no holder outlives it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::Handle;
use super::storage::locked;
use super::writer::Command;
use crate::port::{Appended, Error, Fenced};
use crate::record::NewRecord;

/// The names of a log, each with the number of its newest holder.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<Arc<str>, Arc<AtomicU64>>>);

impl Names {
    /// A new holder. From now on no call of the one before is taken.
    fn take(&self, name: &str) -> Holder {
        let mut names = locked(&self.0);
        let name: Arc<str> = name.into();
        let newest = names.entry(name.clone()).or_default().clone();
        let number = newest.fetch_add(1, Ordering::AcqRel) + 1;
        Holder { name, number, newest }
    }
}

/// Who holds a name, or has held it.
#[derive(Clone)]
pub(super) struct Holder {
    name: Arc<str>,
    number: u64,
    newest: Arc<AtomicU64>,
}

impl Holder {
    /// An error when somebody else has taken the name.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.newest.load(Ordering::Acquire) == self.number {
            return Ok(());
        }
        Err(Error::Fenced {
            name: self.name.to_string(),
        })
    }
}

/// The right to append under a name of the embedded log.
pub(super) struct Held {
    handle: Arc<Handle>,
    holder: Holder,
}

impl Held {
    /// Takes the name, and waits for what the holder before has under way.
    pub(super) async fn take(handle: Arc<Handle>, name: &str) -> Result<Self, Error> {
        let holder = handle.storage.names.take(name);
        handle.ask(Command::Fence).await?;
        Ok(Self { handle, holder })
    }
}

#[async_trait]
impl Fenced for Held {
    async fn append(&mut self, records: Vec<NewRecord>) -> Result<Vec<Appended>, Error> {
        self.holder.check()?;
        let mut accepted = Vec::with_capacity(records.len());
        for record in records {
            let partition = self.handle.admit(&record)?;
            accepted.push((partition, record));
        }
        if accepted.is_empty() {
            return Ok(Vec::new());
        }
        self.handle.write(accepted, Some(self.holder.clone())).await
    }
}
