//! The one writer: takes every call that waits, gives offsets and the append time, writes one batch with one
//! fsync, and only then lets readers see it and answers.
//!
//! After a failed write nothing is written any more until the log is opened again. What the failed batch held
//! was never visible, and the offsets it would have got are given out by nobody: opening reads them from the disk.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use fjall::{OwnedWriteBatch, PersistMode};
use metrics::Histogram;
use tokio::sync::oneshot;

use super::codec;
use super::fenced::Holder;
use super::group::{Group, MemberId};
use super::memory::{self, Memory};
use super::storage::{Partition, Storage, key};
use crate::in_flight::Share;
use crate::metric_definitions as definitions;
use crate::port::{Appended, Error};
use crate::record::TopicPartition;

/// Bytes after which a group commit takes no more calls.
const MAX_GROUP_BYTES: usize = 4 << 20;
/// What the writer is asked to do.
pub(super) enum Command {
    Append(Append),
    Commit(Commit),
    /// Answered when all that was asked for before is done.
    Fence(oneshot::Sender<Result<(), Error>>),
}

/// One append call, whose records are all within the limits.
pub(super) struct Append {
    pub(super) records: Vec<(Arc<Partition>, Vec<u8>)>,
    pub(super) in_flight: Share,
    /// Under whose name, if it is under one.
    pub(super) holder: Option<Holder>,
    pub(super) answer: oneshot::Sender<Result<Vec<Appended>, Error>>,
}

/// One commit of a member of a group.
pub(super) struct Commit {
    pub(super) group: Arc<Group>,
    pub(super) member: MemberId,
    pub(super) partition: TopicPartition,
    pub(super) next: u64,
    pub(super) answer: oneshot::Sender<Result<(), Error>>,
}

pub(super) struct Writer {
    storage: Arc<Storage>,
    commands: Receiver<Command>,
    memory: Memory,
    seconds: Histogram,
}

/// The calls of one group commit.
#[derive(Default)]
struct Calls {
    appends: Vec<Append>,
    commits: Vec<Commit>,
    fences: Vec<oneshot::Sender<Result<(), Error>>>,
    bytes: usize,
}

impl Calls {
    fn add(&mut self, command: Command) {
        match command {
            Command::Append(append) => {
                self.bytes += append.in_flight.bytes();
                self.appends.push(append);
            }
            Command::Commit(commit) => self.commits.push(commit),
            Command::Fence(answer) => self.fences.push(answer),
        }
    }

    /// Refuses the calls of those who have lost their name. Whoever took it is answered after this.
    fn refuse_fenced(&mut self) {
        for call in mem::take(&mut self.appends) {
            match call.holder.as_ref().map_or(Ok(()), Holder::check) {
                Ok(()) => self.appends.push(call),
                Err(error) => answer(call.answer, Err(error)),
            }
        }
    }
}

impl Writer {
    pub(super) fn new(storage: Arc<Storage>, commands: Receiver<Command>) -> Self {
        let memory = Memory::new(storage.config.memtable_bytes);
        Self {
            storage,
            commands,
            memory,
            seconds: metrics::histogram!(definitions::GROUP_COMMIT_SECONDS),
        }
    }

    /// Runs until every sender is gone and everything that was sent is done.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.commands.recv() {
            let mut calls = Calls::default();
            calls.add(first);
            while calls.bytes < MAX_GROUP_BYTES {
                let Ok(command) = self.commands.try_recv() else {
                    break;
                };
                calls.add(command);
            }
            self.write(calls);
        }
    }

    fn write(&mut self, mut calls: Calls) {
        if let Err(error) = self.storage.check_writable() {
            return refuse(calls, &error);
        }
        let started = Instant::now();
        calls.refuse_fenced();
        let prepared = self.prepare(calls);
        let written = self
            .memory
            .make_room(&self.storage.db)
            .and_then(|()| prepared.batch.commit());
        if let Err(error) = written {
            let error = self.storage.fail(&error);
            for placed in prepared.appends {
                answer(placed.answer, Err(error.clone()));
            }
            for commit in prepared.commits {
                answer(commit.answer, Err(error.clone()));
            }
            for fence in prepared.fences {
                answer(fence, Err(error.clone()));
            }
            return;
        }
        self.seconds.record(started.elapsed());
        self.show(prepared.ends);
        for placed in prepared.appends {
            drop(placed.in_flight);
            answer(placed.answer, Ok(placed.appended));
        }
        for commit in prepared.commits {
            commit.group.committed(commit.partition, commit.next);
            answer(commit.answer, Ok(()));
        }
        for fence in prepared.fences {
            answer(fence, Ok(()));
        }
    }

    fn prepare(&self, calls: Calls) -> Prepared {
        let appended_at_ms = (self.storage.config.clock)();
        let mut batch = self.storage.db.batch().durability(Some(PersistMode::SyncData));
        let mut ends: HashMap<usize, Grown> = HashMap::new();
        let mut appends = Vec::with_capacity(calls.appends.len());
        for Append {
            records,
            in_flight,
            answer,
            ..
        } in calls.appends
        {
            let mut appended = Vec::with_capacity(records.len());
            for (partition, mut encoded) in records {
                let grown = ends
                    .entry(partition.index)
                    .or_insert_with(|| Grown::new(&partition));
                let offset = grown.end;
                grown.end += 1;
                grown.bytes += encoded.len() + memory::RECORD_OVERHEAD_BYTES;
                codec::stamp(&mut encoded, appended_at_ms);
                batch.insert(&partition.keyspace, key(offset), encoded);
                appended.push(Appended {
                    offset,
                    appended_at_ms,
                });
            }
            appends.push(Placed {
                appended,
                in_flight,
                answer,
            });
        }
        let mut commits = Vec::with_capacity(calls.commits.len());
        for commit in calls.commits {
            // The last moment to look at who owns it: the commits of a new owner are behind this one.
            if commit.group.owns(commit.member, &commit.partition) {
                let key = commit.group.commit_key(&commit.partition);
                batch.insert(&self.storage.commits, key, commit.next.to_le_bytes());
                commits.push(commit);
            } else {
                let error = Error::NotAssigned {
                    partition: commit.partition.to_string(),
                };
                answer(commit.answer, Err(error));
            }
        }
        Prepared {
            batch,
            ends,
            appends,
            commits,
            fences: calls.fences,
        }
    }

    /// Lets readers see what was written.
    fn show(&mut self, ends: HashMap<usize, Grown>) {
        if ends.is_empty() {
            return;
        }
        for Grown {
            partition,
            end,
            bytes,
        } in ends.into_values()
        {
            let records = end.saturating_sub(partition.bounds().end);
            partition.raise_end(end);
            metrics::counter!(definitions::APPENDED_RECORDS, "topic" => partition.id.topic.to_string())
                .increment(records);
            self.memory.wrote(&partition, bytes);
        }
        self.storage.appended.send_replace(());
    }
}

/// The batch of one group commit, and who waits for it.
struct Prepared {
    batch: OwnedWriteBatch,
    ends: HashMap<usize, Grown>,
    appends: Vec<Placed>,
    commits: Vec<Commit>,
    fences: Vec<oneshot::Sender<Result<(), Error>>>,
}

/// An append call whose records have their offsets.
struct Placed {
    appended: Vec<Appended>,
    in_flight: Share,
    answer: oneshot::Sender<Result<Vec<Appended>, Error>>,
}

/// A partition that the batch makes longer.
struct Grown {
    partition: Arc<Partition>,
    end: u64,
    bytes: usize,
}

impl Grown {
    fn new(partition: &Arc<Partition>) -> Self {
        Self {
            partition: partition.clone(),
            end: partition.bounds().end,
            bytes: 0,
        }
    }
}

fn refuse(calls: Calls, error: &Error) {
    for append in calls.appends {
        answer(append.answer, Err(error.clone()));
    }
    for commit in calls.commits {
        answer(commit.answer, Err(error.clone()));
    }
    for fence in calls.fences {
        answer(fence, Err(error.clone()));
    }
}

/// Answers a call, unless its caller has gone.
fn answer<T>(waiter: oneshot::Sender<T>, result: T) {
    let _ = waiter.send(result);
}
