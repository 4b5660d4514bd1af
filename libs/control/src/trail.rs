//! Who changed what: the audit records, newest first.
//!
//! One call looks at a bounded part of the topic, and says where to go on.

use std::collections::VecDeque;
use std::time::Duration;

use domain::control::Audit;
use domain::tenant::TenantId;
use domain::topic;
use eventlog::{Log, TopicPartition};

use crate::Error;

/// Records that one call looks at.
const MAX_LOOKED_AT: u64 = 5_000;
const READ_BYTES: usize = 1024 * 1024;
const READ_WAIT: Duration = Duration::from_millis(1);

/// A page of audit records.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Audit>,
    /// Where the next page goes on; none at the end.
    pub before: Option<u64>,
}

/// Whose records are wanted.
#[derive(Clone, Debug)]
pub enum Whose {
    /// All.
    All,
    /// Those of one tenant.
    Of(TenantId),
}

impl Whose {
    fn covers(&self, audit: &Audit) -> bool {
        match self {
            Self::All => true,
            Self::Of(tenant) => audit.tenant.as_ref() == Some(tenant),
        }
    }
}

/// The newest records before the offset `before`, or before the end: at most `limit`. A page may be short and not the last.
pub async fn read(log: &dyn Log, whose: &Whose, before: Option<u64>, limit: usize) -> Result<Page, Error> {
    let partition = TopicPartition::new(topic::AUDIT, 0);
    let bounds = log.bounds(&partition).await?;
    let end = before.map_or(bounds.end, |before| before.min(bounds.end));
    let begin = end.saturating_sub(MAX_LOOKED_AT).max(bounds.start);
    let mut found: VecDeque<(u64, Audit)> = VecDeque::new();
    let mut is_cut = false;
    let mut next = begin;
    while next < end {
        let read = log.read(&partition, next, READ_BYTES, READ_WAIT).await?;
        for record in read.records.iter().filter(|record| record.offset < end) {
            let audit = Audit::decode(&record.value).map_err(|source| Error::BadRecord {
                offset: record.offset,
                source,
            })?;
            if whose.covers(&audit) {
                found.push_back((record.offset, audit));
                if found.len() > limit {
                    found.pop_front();
                    is_cut = true;
                }
            }
        }
        next = read.next.max(next);
    }
    let first = if is_cut {
        found.front().map(|(offset, _)| *offset)
    } else {
        Some(begin)
    };
    Ok(Page {
        before: first.filter(|first| *first > bounds.start),
        entries: found.into_iter().rev().map(|(_, audit)| audit).collect(),
    })
}
