//! Groups: which member has which partition, and how far each group is.
//!
//! [`Coordinator`] is a plain value that is told what happened and when; it promises that
//! - a partition has at most one owner, and gets another one only after it was released, its owner left, or the
//!   revocation budget was over;
//! - members that want the same topics have the same number of partitions, give or take one;
//! - a partition moves only if that makes the distribution more even.
//!
//! All members live in this process, so none is lost to a network: a member that stops calling keeps what it
//! has until it is asked to give it back.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fjall::Keyspace;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::OpenError;
use super::storage::locked;
use crate::port::Notice;
use crate::record::TopicPartition;

pub(super) type MemberId = u64;

/// Every group that has members or commits.
pub(super) struct Groups(Mutex<HashMap<String, Arc<Group>>>);

impl Groups {
    /// Reads what groups have committed.
    pub(super) fn load(commits: &Keyspace) -> Result<Self, OpenError> {
        let mut groups: HashMap<String, Arc<Group>> = HashMap::new();
        for guard in commits.iter() {
            let (key, value) = guard.into_inner()?;
            let parsed = parse_commit_key(&key).zip(value.as_ref().try_into().ok().map(u64::from_le_bytes));
            let Some(((name, partition), next)) = parsed else {
                return Err(OpenError::Corrupt {
                    what: "commit of a group".to_owned(),
                });
            };
            let group = groups.entry(name).or_insert_with_key(|name| Group::new(name));
            locked(&group.state).committed.insert(partition, next);
        }
        Ok(Self(Mutex::new(groups)))
    }

    pub(super) fn get_or_create(&self, name: &str) -> Arc<Group> {
        locked(&self.0)
            .entry(name.to_owned())
            .or_insert_with(|| Group::new(name))
            .clone()
    }
}

/// One group.
pub(super) struct Group {
    name: String,
    pub(super) state: Mutex<Coordinator>,
}

impl Group {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            state: Mutex::default(),
        })
    }

    pub(super) fn owns(&self, member: MemberId, partition: &TopicPartition) -> bool {
        locked(&self.state).owns(member, partition)
    }

    pub(super) fn committed(&self, partition: TopicPartition, next: u64) {
        locked(&self.state).committed.insert(partition, next);
    }

    /// `name length u8 | name | partition u32 big-endian | topic`.
    pub(super) fn commit_key(&self, partition: &TopicPartition) -> Vec<u8> {
        let len = u8::try_from(self.name.len()).expect("group names are checked when a member joins");
        let number = partition.partition.to_be_bytes();
        [
            &[len][..],
            self.name.as_bytes(),
            &number,
            partition.topic.as_bytes(),
        ]
        .concat()
    }
}

fn parse_commit_key(key: &[u8]) -> Option<(String, TopicPartition)> {
    let (len, rest) = key.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*len))?;
    let (partition, topic) = rest.split_first_chunk::<4>()?;
    let name = str::from_utf8(name).ok()?.to_owned();
    Some((
        name,
        TopicPartition::new(str::from_utf8(topic).ok()?, u32::from_be_bytes(*partition)),
    ))
}

/// The members of a group and what they own.
#[derive(Default)]
pub(super) struct Coordinator {
    members: BTreeMap<MemberId, Member>,
    owners: BTreeMap<TopicPartition, Owner>,
    committed: HashMap<TopicPartition, u64>,
    joined: MemberId,
}

struct Member {
    partitions: BTreeSet<TopicPartition>,
    notices: VecDeque<Notice>,
    wake: Arc<Notify>,
}

#[derive(Clone, Copy)]
struct Owner {
    member: MemberId,
    /// When a revoked partition is taken away by force.
    lost_at: Option<Instant>,
}

impl Coordinator {
    /// Adds a member that wants a share of these partitions, which are whole topics.
    pub(super) fn join(
        &mut self,
        partitions: BTreeSet<TopicPartition>,
        wake: Arc<Notify>,
        now: Instant,
        budget: Duration,
    ) -> MemberId {
        self.joined += 1;
        self.members.insert(
            self.joined,
            Member {
                partitions,
                notices: VecDeque::new(),
                wake,
            },
        );
        self.rebalance(now, budget);
        self.joined
    }

    pub(super) fn leave(&mut self, member: MemberId, now: Instant, budget: Duration) {
        self.members.remove(&member);
        self.owners.retain(|_, owner| owner.member != member);
        self.rebalance(now, budget);
    }

    pub(super) fn release(
        &mut self,
        member: MemberId,
        partitions: &[TopicPartition],
        now: Instant,
        budget: Duration,
    ) {
        for partition in partitions {
            let revoked = self
                .owners
                .get(partition)
                .is_some_and(|o| o.member == member && o.lost_at.is_some());
            if revoked {
                self.owners.remove(partition);
            }
        }
        self.rebalance(now, budget);
    }

    /// Takes away what should have been released by now.
    pub(super) fn expire(&mut self, now: Instant, budget: Duration) {
        let mut lost: BTreeMap<MemberId, Vec<TopicPartition>> = BTreeMap::new();
        self.owners.retain(|partition, owner| {
            let expired = owner.lost_at.is_some_and(|at| at <= now);
            if expired {
                lost.entry(owner.member).or_default().push(partition.clone());
            }
            !expired
        });
        if lost.is_empty() {
            return;
        }
        for (member, partitions) in lost {
            self.notify(member, Notice::Lost(partitions));
        }
        self.rebalance(now, budget);
    }

    /// When [`Self::expire`] has something to do.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.owners.values().filter_map(|owner| owner.lost_at).min()
    }

    pub(super) fn take_notice(&mut self, member: MemberId) -> Option<Notice> {
        self.members.get_mut(&member)?.notices.pop_front()
    }

    pub(super) fn owns(&self, member: MemberId, partition: &TopicPartition) -> bool {
        self.owners
            .get(partition)
            .is_some_and(|owner| owner.member == member)
    }

    fn rebalance(&mut self, now: Instant, budget: Duration) {
        let mut loads: BTreeMap<MemberId, usize> = self.members.keys().map(|id| (*id, 0)).collect();
        for owner in self.owners.values().filter(|owner| owner.lost_at.is_none()) {
            *loads.entry(owner.member).or_default() += 1;
        }
        self.assign_free(&mut loads);
        // Partitions on their way out count for whoever will get them.
        let revoked = self
            .owners
            .iter()
            .filter(|(_, owner)| owner.lost_at.is_some())
            .map(|(p, _)| p);
        for partition in revoked {
            if let Some(load) = self.lightest(partition, &loads).and_then(|id| loads.get_mut(&id)) {
                *load += 1;
            }
        }
        self.revoke_excess(&mut loads, now + budget);
    }

    fn assign_free(&mut self, loads: &mut BTreeMap<MemberId, usize>) {
        let wanted: BTreeSet<_> = self
            .members
            .values()
            .flat_map(|m| m.partitions.iter().cloned())
            .collect();
        let mut assigned: BTreeMap<MemberId, Vec<(TopicPartition, Option<u64>)>> = BTreeMap::new();
        for partition in wanted {
            if self.owners.contains_key(&partition) {
                continue;
            }
            let Some(member) = self.lightest(&partition, loads) else {
                continue;
            };
            *loads.entry(member).or_default() += 1;
            self.owners.insert(
                partition.clone(),
                Owner {
                    member,
                    lost_at: None,
                },
            );
            let committed = self.committed.get(&partition).copied();
            assigned.entry(member).or_default().push((partition, committed));
        }
        for (member, partitions) in assigned {
            self.notify(member, Notice::Assigned(partitions));
        }
    }

    fn revoke_excess(&mut self, loads: &mut BTreeMap<MemberId, usize>, lost_at: Instant) {
        let mut revoked: BTreeMap<MemberId, Vec<TopicPartition>> = BTreeMap::new();
        while let Some((partition, from, to)) = self.uneven(loads) {
            *loads.entry(from).or_default() -= 1;
            *loads.entry(to).or_default() += 1;
            self.owners.insert(
                partition.clone(),
                Owner {
                    member: from,
                    lost_at: Some(lost_at),
                },
            );
            revoked.entry(from).or_default().push(partition);
        }
        for (member, partitions) in revoked {
            self.notify(member, Notice::Revoked(partitions));
        }
    }

    /// A partition whose move from its owner to another member evens the loads.
    fn uneven(&self, loads: &BTreeMap<MemberId, usize>) -> Option<(TopicPartition, MemberId, MemberId)> {
        self.owners
            .iter()
            .filter(|(_, owner)| owner.lost_at.is_none())
            .find_map(|(partition, owner)| {
                let to = self.lightest(partition, loads)?;
                let (from_load, to_load) = (*loads.get(&owner.member)?, *loads.get(&to)?);
                (from_load > to_load + 1).then(|| (partition.clone(), owner.member, to))
            })
    }

    fn lightest(&self, partition: &TopicPartition, loads: &BTreeMap<MemberId, usize>) -> Option<MemberId> {
        let wanting = self
            .members
            .iter()
            .filter(|(_, member)| member.partitions.contains(partition));
        wanting
            .map(|(id, _)| *id)
            .min_by_key(|id| (loads.get(id).copied().unwrap_or_default(), *id))
    }

    fn notify(&mut self, member: MemberId, notice: Notice) {
        if let Some(member) = self.members.get_mut(&member) {
            member.notices.push_back(notice);
            member.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Duration = Duration::from_secs(10);

    fn partitions(count: u32) -> BTreeSet<TopicPartition> {
        (0..count)
            .map(|number| TopicPartition::new("events", number))
            .collect()
    }

    /// Members as seen from outside: they believe their notices.
    #[derive(Default)]
    struct Seen {
        group: Coordinator,
        held: BTreeMap<MemberId, BTreeSet<TopicPartition>>,
        revoked: BTreeMap<MemberId, BTreeSet<TopicPartition>>,
    }

    impl Seen {
        fn join(&mut self, count: u32, now: Instant) -> MemberId {
            let member = self.group.join(partitions(count), Arc::default(), now, BUDGET);
            self.held.insert(member, BTreeSet::new());
            self.revoked.insert(member, BTreeSet::new());
            member
        }

        fn leave(&mut self, member: MemberId, now: Instant) {
            self.group.leave(member, now, BUDGET);
            self.held.remove(&member);
            self.revoked.remove(&member);
        }

        fn release(&mut self, member: MemberId, now: Instant) {
            let revoked: Vec<_> = std::mem::take(self.revoked.get_mut(&member).unwrap())
                .into_iter()
                .collect();
            for partition in &revoked {
                self.held.get_mut(&member).unwrap().remove(partition);
            }
            self.group.release(member, &revoked, now, BUDGET);
        }

        /// Hears everything, losses first as the clock would have it, and checks that nothing is held twice.
        fn hear(&mut self) {
            let mut assigned = Vec::new();
            for member in self.held.keys().copied().collect::<Vec<_>>() {
                while let Some(notice) = self.group.take_notice(member) {
                    match notice {
                        Notice::Assigned(new) => assigned.extend(new.into_iter().map(|(p, _)| (member, p))),
                        Notice::Revoked(old) => {
                            // A partition can be revoked in the breath in which it was assigned.
                            assigned.retain(|(m, p)| {
                                let moved = *m == member && old.contains(p);
                                if moved {
                                    self.held.get_mut(m).unwrap().insert(p.clone());
                                }
                                !moved
                            });
                            self.revoked.get_mut(&member).unwrap().extend(old);
                        }
                        Notice::Lost(old) => {
                            for partition in old {
                                self.held.get_mut(&member).unwrap().remove(&partition);
                                self.revoked.get_mut(&member).unwrap().remove(&partition);
                            }
                        }
                        Notice::Records(..) => unreachable!(),
                    }
                }
            }
            for (member, partition) in assigned {
                self.held.get_mut(&member).unwrap().insert(partition);
            }
            let all: Vec<_> = self.held.values().flatten().collect();
            assert_eq!(
                all.len(),
                all.iter().collect::<BTreeSet<_>>().len(),
                "a partition is held twice"
            );
        }

        fn loads(&self) -> Vec<usize> {
            self.held.values().map(BTreeSet::len).collect()
        }
    }

    #[test]
    fn second_member_gets_half_after_the_release() {
        let now = Instant::now();
        let mut seen = Seen::default();
        let first = seen.join(4, now);
        let second = seen.join(4, now);
        seen.hear();
        assert_eq!(seen.loads(), [4, 0]);
        seen.release(first, now);
        seen.hear();
        assert_eq!(seen.loads(), [2, 2]);
        seen.leave(first, now);
        seen.hear();
        assert_eq!(seen.held[&second].len(), 4);
    }

    #[test]
    fn unreleased_partition_is_lost_after_the_budget() {
        let now = Instant::now();
        let mut seen = Seen::default();
        seen.join(2, now);
        seen.join(2, now);
        seen.hear();
        seen.group.expire(now + BUDGET - Duration::from_millis(1), BUDGET);
        seen.hear();
        assert_eq!(seen.loads(), [2, 0]);
        seen.group.expire(now + BUDGET, BUDGET);
        seen.hear();
        assert_eq!(seen.loads(), [1, 1]);
    }

    #[test]
    fn release_of_what_was_not_revoked_changes_nothing() {
        let now = Instant::now();
        let mut seen = Seen::default();
        let member = seen.join(2, now);
        seen.hear();
        seen.group
            .release(member, &[TopicPartition::new("events", 0)], now, BUDGET);
        assert!(seen.group.owns(member, &TopicPartition::new("events", 0)));
    }

    #[test]
    fn commit_keys_are_read_back() {
        let group = Group::new("retention");
        let partition = TopicPartition::new("sluice.enriched.urgent", 7);
        let parsed = parse_commit_key(&group.commit_key(&partition));
        assert_eq!(parsed, Some(("retention".to_owned(), partition)));
        assert_eq!(parse_commit_key(b"\x09short"), None);
    }

    proptest! {
        #[test]
        fn members_never_share_a_partition_and_end_up_even(
            count in 1_u32..9,
            steps in prop::collection::vec((0_u8..4, any::<prop::sample::Index>()), 1..60),
        ) {
            let mut now = Instant::now();
            let mut seen = Seen::default();
            for (step, which) in steps {
                let members: Vec<_> = seen.held.keys().copied().collect();
                match step {
                    0 if members.len() < 5 => {
                        seen.join(count, now);
                    }
                    1 if !members.is_empty() => seen.leave(members[which.index(members.len())], now),
                    2 if !members.is_empty() => seen.release(members[which.index(members.len())], now),
                    3 => {
                        now += BUDGET / 3;
                        seen.group.expire(now, BUDGET);
                    }
                    _ => {}
                }
                seen.hear();
            }
            for _ in 0..3 {
                for member in seen.held.keys().copied().collect::<Vec<_>>() {
                    seen.release(member, now);
                    seen.hear();
                }
            }
            let loads = seen.loads();
            if let (Some(least), Some(most)) = (loads.iter().min(), loads.iter().max()) {
                prop_assert!(most - least <= 1, "{:?}", loads);
                prop_assert_eq!(loads.iter().sum::<usize>(), count as usize);
            }
        }
    }
}
