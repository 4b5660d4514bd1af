//! One member of a group: hears the coordinator's notices first, then reads its partitions in turn.
//!
//! One read is under way at a time. It survives a dropped call of `next`, so that a caller who asks for other
//! things in between loses neither records nor the work.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::pending;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::group::{Group, MemberId};
use super::storage::{Partition, locked};
use super::writer::{Command, Commit};
use super::{Handle, finished};
use crate::port::{Bounds, Consumer, Error, Notice};
use crate::record::{Record, TopicPartition};

pub(super) struct Member {
    handle: Arc<Handle>,
    group: Arc<Group>,
    id: MemberId,
    wake: Arc<Notify>,
    appended: watch::Receiver<()>,
    assigned: BTreeMap<TopicPartition, Position>,
    /// The partition that was read last; the next read is of the one after it.
    turn: Option<TopicPartition>,
    reading: Option<Reading>,
}

struct Position {
    partition: Arc<Partition>,
    /// Where reading goes on, from the first seek on.
    next: Option<u64>,
    paused: bool,
}

struct Reading {
    partition: TopicPartition,
    from: u64,
    records: JoinHandle<Result<Vec<Record>, Error>>,
}

impl Member {
    pub(super) fn join(handle: Arc<Handle>, group: &str, topics: &[&str]) -> Result<Self, Error> {
        if !(1..=255).contains(&group.len()) {
            let reason = format!("a group name has 1 to 255 bytes, not {}", group.len());
            return Err(Error::Unavailable { reason });
        }
        let mut wanted = Vec::new();
        for topic in topics {
            wanted.extend(
                handle
                    .storage
                    .topic(topic)?
                    .iter()
                    .map(|partition| partition.id.clone()),
            );
        }
        let group = handle.storage.group(group);
        let wake = Arc::new(Notify::new());
        let budget = handle.storage.config.revocation_budget;
        let id =
            locked(&group.state).join(wanted.into_iter().collect(), wake.clone(), Instant::now(), budget);
        let appended = handle.storage.appended.subscribe();
        Ok(Self {
            handle,
            group,
            id,
            wake,
            appended,
            assigned: BTreeMap::new(),
            turn: None,
            reading: None,
        })
    }

    /// The next notice of the coordinator, and when to look again although nothing has happened.
    fn notice(&mut self) -> (Option<Notice>, Option<Instant>) {
        let budget = self.handle.storage.config.revocation_budget;
        let (notice, expiry) = {
            let mut group = locked(&self.group.state);
            group.expire(Instant::now(), budget);
            (group.take_notice(self.id), group.next_expiry())
        };
        if let Some(notice) = &notice {
            self.apply(notice);
        }
        (notice, expiry)
    }

    fn apply(&mut self, notice: &Notice) {
        match notice {
            Notice::Assigned(partitions) => {
                for (id, _) in partitions {
                    let partition = self
                        .handle
                        .storage
                        .partition(id)
                        .expect("groups share known partitions");
                    let position = Position {
                        partition: partition.clone(),
                        next: None,
                        paused: false,
                    };
                    self.assigned.insert(id.clone(), position);
                }
            }
            Notice::Revoked(partitions) | Notice::Lost(partitions) => {
                for partition in partitions {
                    self.assigned.remove(partition);
                }
            }
            Notice::Records(..) => {}
        }
    }

    /// Starts to read the next partition that has something to read.
    fn start_read(&mut self) -> Option<Reading> {
        let after = self.turn.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let order = self
            .assigned
            .range((after, Bound::Unbounded))
            .chain(self.assigned.iter());
        let (id, partition, from) = order
            .filter(|(_, position)| !position.paused)
            .filter_map(|(id, position)| Some((id, &position.partition, position.next?)))
            .find(|(_, partition, from)| partition.bounds().end > *from)?;
        self.turn = Some(id.clone());
        let max_bytes = self.handle.storage.config.delivery_bytes;
        let records = self.handle.read(partition.clone(), from, max_bytes);
        Some(Reading {
            partition: id.clone(),
            from,
            records,
        })
    }

    /// The records of a finished read, unless they are not wanted any more.
    fn accept(&mut self, partition: TopicPartition, from: u64, records: Vec<Record>) -> Option<Notice> {
        let last = records.last()?.offset;
        let Entry::Occupied(mut position) = self.assigned.entry(partition) else {
            return None;
        };
        if position.get().next != Some(from) || position.get().paused {
            return None;
        }
        position.get_mut().next = Some(last.saturating_add(1));
        Some(Notice::Records(position.key().clone(), records))
    }

    fn position(&mut self, partition: &TopicPartition) -> Result<&mut Position, Error> {
        self.assigned
            .get_mut(partition)
            .ok_or_else(|| Error::NotAssigned {
                partition: partition.to_string(),
            })
    }
}

#[async_trait]
impl Consumer for Member {
    async fn next(&mut self) -> Result<Notice, Error> {
        loop {
            let (notice, expiry) = self.notice();
            if let Some(notice) = notice {
                return Ok(notice);
            }
            // Before looking for something to read, so that what is appended meanwhile is not slept through.
            self.appended.mark_unchanged();
            if self.reading.is_none() {
                self.reading = self.start_read();
            }
            if let Some(reading) = &mut self.reading {
                let read = tokio::select! {
                    () = self.wake.notified() => continue,
                    read = &mut reading.records => read,
                };
                let Some(Reading { partition, from, .. }) = self.reading.take() else {
                    continue;
                };
                if let Some(notice) = self.accept(partition, from, finished(read)?) {
                    return Ok(notice);
                }
                continue;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                // The sender lives in the storage that this member holds.
                _ = self.appended.changed() => {}
                () = at(expiry) => {}
            }
        }
    }

    fn seek(&mut self, partition: &TopicPartition, offset: u64) -> Result<(), Error> {
        let position = self.position(partition)?;
        position.partition.check_offset(offset)?;
        position.next = Some(offset);
        Ok(())
    }

    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Error> {
        self.position(partition)?.paused = true;
        Ok(())
    }

    fn resume(&mut self, partition: &TopicPartition) -> Result<(), Error> {
        self.position(partition)?.paused = false;
        Ok(())
    }

    async fn commit(&mut self, partition: &TopicPartition, next: u64) -> Result<(), Error> {
        if !self.group.owns(self.id, partition) {
            return Err(Error::NotAssigned {
                partition: partition.to_string(),
            });
        }
        let known = self.handle.storage.partition(partition)?;
        let Bounds { start, end } = known.bounds();
        if next > end {
            return Err(Error::OffsetOutOfRange {
                partition: partition.to_string(),
                offset: next,
                start,
                end,
            });
        }
        let (group, member, partition) = (self.group.clone(), self.id, partition.clone());
        let commit = |answer| {
            Command::Commit(Commit {
                group,
                member,
                partition,
                next,
                answer,
            })
        };
        self.handle.ask(commit).await
    }

    fn release(&mut self, partitions: &[TopicPartition]) {
        let budget = self.handle.storage.config.revocation_budget;
        locked(&self.group.state).release(self.id, partitions, Instant::now(), budget);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let budget = self.handle.storage.config.revocation_budget;
        locked(&self.group.state).leave(self.id, Instant::now(), budget);
    }
}

async fn at(expiry: Option<Instant>) {
    match expiry {
        Some(expiry) => sleep_until(expiry).await,
        None => pending().await,
    }
}
