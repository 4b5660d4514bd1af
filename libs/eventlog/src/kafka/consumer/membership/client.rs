//! What the side of the client says and asks: the polling thread, and the one that asks brokers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::held::{Held, Reading, Stage};
use super::{Doubt, Membership, Phase, Plan, Revocation, Seek, Unknown};
use crate::port::{Error, Notice};
use crate::record::{Record, TopicPartition};

impl Membership {
    /// The client holds these now, and keeps them back.
    pub(in super::super) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        for partition in partitions {
            self.assignments += 1;
            self.held.insert(partition, Held::new(self.assignments));
        }
    }

    /// What has to be asked for before the owner is told.
    pub(in super::super) fn unknown(&self) -> Vec<Unknown> {
        let fresh = self.held.iter().filter(|(_, held)| held.stage == Stage::Fresh);
        fresh
            .map(|(partition, held)| Unknown {
                partition: partition.clone(),
                assignment: held.assignment,
            })
            .collect()
    }

    /// What the group has committed. An assignment that is over by now is left out.
    pub(in super::super) fn committed(&mut self, found: Vec<(Unknown, Option<u64>)>) {
        let mut told = Vec::new();
        for (
            Unknown {
                partition,
                assignment,
            },
            next,
        ) in found
        {
            if let Some(held) = self.held.get_mut(&partition)
                && held.assignment == assignment
                && held.stage == Stage::Fresh
            {
                held.stage = Stage::Announced;
                told.push((partition, next));
            }
        }
        if !told.is_empty() {
            self.notices.push_back(Notice::Assigned(told));
        }
    }

    /// These are to be drained, until `until` at the latest. See [`Self::given_back`].
    pub(in super::super) fn revoked(&mut self, partitions: Vec<TopicPartition>, until: Instant) {
        let told = self.not_untold(&partitions);
        for partition in &told {
            if let Some(held) = self.held.get_mut(partition) {
                held.stage = Stage::Recalled;
                held.sought = None;
                held.forget_records();
            }
        }
        match &mut self.revocation {
            Some(revocation) => revocation.partitions.extend(partitions),
            None => self.revocation = Some(Revocation { partitions, until }),
        }
        if !told.is_empty() {
            self.notices.push_back(Notice::Revoked(told));
        }
    }

    /// These are somebody else's already.
    pub(in super::super) fn lost(&mut self, partitions: &[TopicPartition]) {
        let told = self.not_untold(partitions);
        for partition in &told {
            self.held.remove(partition);
        }
        self.withdraw(&told);
        if !told.is_empty() {
            self.notices.push_back(Notice::Lost(told));
        }
    }

    /// What the client waits for, if anything is revoked.
    pub(in super::super) fn draining(&self) -> Option<Vec<TopicPartition>> {
        self.revocation
            .as_ref()
            .map(|revocation| revocation.partitions.clone())
    }

    /// What was revoked, once all of it is released or its time is over; then the client has to give it up.
    pub(in super::super) fn given_back(&mut self, now: Instant) -> Option<Vec<TopicPartition>> {
        let revocation = self.revocation.as_ref()?;
        let draining = revocation.partitions.iter().any(|partition| {
            self.held
                .get(partition)
                .is_some_and(|held| held.stage.is_draining())
        });
        if draining && now < revocation.until && !self.is_leaving() {
            return None;
        }
        let Revocation { partitions, .. } = self.revocation.take()?;
        let late: Vec<_> = partitions
            .iter()
            .filter(|partition| self.held.contains_key(*partition))
            .cloned()
            .collect();
        self.lost(&late);
        Some(partitions)
    }

    /// Takes records that arrived, in order, and those only that are wanted.
    pub(in super::super) fn offer(&mut self, partition: &TopicPartition, records: Vec<Record>) {
        if self.phase >= Phase::Failed {
            return;
        }
        let share = self.stash_share();
        if let Some(held) = self.held.get_mut(partition).filter(|held| held.takes()) {
            held.keep(records, self.bounds.delivery_bytes);
            self.dirty |= held.should_rest(share) != held.kept_back;
        }
    }

    /// Seeks that the client was not told.
    pub(in super::super) fn seeks(&self) -> Vec<Seek> {
        let wanted = self
            .held
            .iter()
            .filter_map(|(partition, held)| Some((partition, held, held.sought?)));
        wanted
            .map(|(partition, held, offset)| Seek {
                partition: partition.clone(),
                assignment: held.assignment,
                offset,
                stopped: held.reading != Reading::Possible,
            })
            .collect()
    }

    /// The client goes on there. What it delivers from now on is what was sought.
    pub(in super::super) fn sought(&mut self, done: &Seek) {
        if let Some(held) = self.current(&done.partition, done.assignment)
            && held.sought == Some(done.offset)
        {
            held.sought = None;
            held.position = Some(done.offset);
            held.reading = Reading::Possible;
            self.moved.insert(done.partition.clone());
        }
    }

    /// Where the client reads.
    pub(in super::super) fn positions(&self) -> Vec<Seek> {
        self.reading(|reading| reading == Reading::Possible)
    }

    /// The client reads this one no more. Another seek may help.
    pub(in super::super) fn stopped(&mut self, at: &Seek) {
        if let Some(held) = self.current(&at.partition, at.assignment) {
            held.reading = Reading::Stopped;
        }
    }

    /// Where the client reads no more, and nobody knows why yet.
    pub(in super::super) fn unexplained(&self) -> Vec<Seek> {
        self.reading(|reading| reading == Reading::Stopped)
    }

    /// Why the client reads it no more, unless that is over by now.
    pub(in super::super) fn explained(&mut self, at: &Seek, error: Error) {
        if let Some(held) = self.current(&at.partition, at.assignment)
            && held.reading == Reading::Stopped
            && held.position == Some(at.offset)
            && held.takes()
        {
            held.reading = Reading::Explained;
            self.errors.push_back(error);
        }
    }

    /// Which partitions the client has to keep back or let go. It is taken to do so.
    pub(in super::super) fn plan(&mut self) -> Plan {
        self.dirty = false;
        let all = self.stalled || self.phase >= Phase::Failed;
        let share = self.stash_share();
        let mut plan = Plan::default();
        for (partition, held) in &mut self.held {
            let rests = all || held.should_rest(share);
            if rests != held.kept_back {
                held.kept_back = rests;
                let list = if rests { &mut plan.pause } else { &mut plan.resume };
                list.push(partition.clone());
            }
        }
        self.moved.extend(plan.resume.iter().cloned());
        plan
    }

    pub(in super::super) fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// What the client should read soon.
    pub(in super::super) fn take_moved(&mut self) -> BTreeSet<TopicPartition> {
        std::mem::take(&mut self.moved)
    }

    /// Whether more may be offered.
    pub(in super::super) fn has_room(&self) -> bool {
        let takeable = self.held.values().filter(|held| !held.paused);
        takeable.map(Held::kept_bytes).sum::<usize>() < self.bounds.backlog_bytes
    }

    /// Whether the client should be told something since the last [`Self::plan`].
    pub(in super::super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Keeps everything back for as long as the owner does not ask.
    pub(in super::super) fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    pub(in super::super) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Something that the owner should know, and that may pass.
    pub(in super::super) fn trouble(&mut self, error: Error) {
        // One is enough: the owner backs off.
        if self.errors.is_empty() {
            self.errors.push_back(error);
        }
    }

    /// Nothing can go on: no record is taken or given from now on.
    pub(in super::super) fn fail(&mut self, error: Error) {
        if self.phase < Phase::Failed {
            self.phase = Phase::Failed;
            self.errors.push_front(error);
            self.held.values_mut().for_each(Held::forget_records);
        }
    }

    /// A topic is not there any more, and with it everything that was done in it.
    pub(in super::super) fn gone(&mut self, topic: &Arc<str>, why: &str) {
        let of_topic = self.held.keys().filter(|partition| partition.topic == *topic);
        let partitions: Vec<_> = of_topic.cloned().collect();
        self.lost(&partitions);
        self.doubts.remove(topic);
        self.fail(Error::UnknownPartition {
            partition: format!("{topic} any more: {why}"),
        });
    }

    pub(in super::super) fn is_leaving(&self) -> bool {
        self.phase >= Phase::Leaving
    }

    /// Nobody polls any more, so nothing will happen.
    pub(in super::super) fn end(&mut self) {
        self.phase = Phase::Ended;
    }

    /// Somebody called this topic unknown.
    pub(in super::super) fn doubt(&mut self, topic: &Arc<str>, now: Instant) {
        let held = self.held.keys().any(|partition| partition.topic == *topic);
        let doubt = self
            .doubts
            .entry(topic.clone())
            .or_insert(Doubt { since: now, held });
        doubt.held |= held;
    }

    /// What may be gone.
    pub(in super::super) fn doubts(&self) -> Vec<(Arc<str>, Doubt)> {
        self.doubts
            .iter()
            .map(|(topic, doubt)| (topic.clone(), *doubt))
            .collect()
    }

    /// It is there.
    pub(in super::super) fn believe(&mut self, topic: &str) {
        self.doubts.remove(topic);
    }
}

impl Membership {
    /// Forgets the assignments of which the owner has not taken notice, and returns the others of these.
    fn not_untold(&mut self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let mut told = Vec::new();
        for partition in partitions {
            match self.held.get(partition) {
                Some(held) if held.stage.is_unheard_of() => {
                    self.held.remove(partition);
                }
                Some(_) => told.push(partition.clone()),
                None => {}
            }
        }
        for notice in &mut self.notices {
            if let Notice::Assigned(list) = notice {
                list.retain(|(new, _)| !partitions.contains(new));
            }
        }
        self.forget_empty_notices();
        told
    }

    /// Takes back revocations that the owner has not heard of.
    fn withdraw(&mut self, partitions: &[TopicPartition]) {
        for notice in &mut self.notices {
            if let Notice::Revoked(list) = notice {
                list.retain(|old| !partitions.contains(old));
            }
        }
        self.forget_empty_notices();
    }

    fn forget_empty_notices(&mut self) {
        self.notices.retain(|notice| match notice {
            Notice::Assigned(list) => !list.is_empty(),
            Notice::Revoked(list) | Notice::Lost(list) => !list.is_empty(),
            Notice::Records(..) => true,
        });
    }

    fn reading(&self, which: impl Fn(Reading) -> bool) -> Vec<Seek> {
        let reading = self
            .held
            .iter()
            .filter(|(_, held)| held.takes() && which(held.reading))
            .filter_map(|(partition, held)| Some((partition, held, held.position?)));
        reading
            .map(|(partition, held, offset)| Seek {
                partition: partition.clone(),
                assignment: held.assignment,
                offset,
                stopped: held.reading != Reading::Possible,
            })
            .collect()
    }

    fn current(&mut self, partition: &TopicPartition, assignment: u64) -> Option<&mut Held> {
        self.held
            .get_mut(partition)
            .filter(|held| held.assignment == assignment)
    }
}
