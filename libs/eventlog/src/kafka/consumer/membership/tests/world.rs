//! A client and an owner who do anything they may, in any order.

use std::collections::BTreeSet;
use std::time::Instant;

use proptest::prelude::*;

use super::{BUDGET, membership, partition, records};
use crate::kafka::consumer::membership::{Membership, Plan};
use crate::port::Notice;

/// What may happen, with a choice for its details.
#[derive(Clone, Copy, Debug)]
enum Step {
    Assign,
    LookUp,
    Revoke,
    Lose,
    Wait,
    Orders,
    Deliver,
    Take,
    Seek,
    Pause,
    Resume,
    Release,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let step = prop_oneof![
        2 => Just(Step::Assign),
        3 => Just(Step::LookUp),
        1 => Just(Step::Revoke),
        1 => Just(Step::Lose),
        1 => Just(Step::Wait),
        6 => Just(Step::Orders),
        8 => Just(Step::Deliver),
        8 => Just(Step::Take),
        3 => Just(Step::Seek),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        2 => Just(Step::Release),
    ];
    prop::collection::vec((step, any::<u64>()), 0..200)
}

/// What the owner thinks of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owned {
    No,
    Yes { next: Option<u64>, paused: bool },
    Revoked,
}

/// A client with a log that never ends, and an owner.
struct World {
    membership: Membership,
    now: Instant,
    /// By partition: whether the client holds it, where it reads, whether it keeps it back.
    client: Vec<Option<(u64, bool)>>,
    owner: Vec<Owned>,
}

const COUNT: usize = 3;

impl World {
    fn new() -> Self {
        Self {
            membership: membership(),
            now: Instant::now(),
            client: vec![None; COUNT],
            owner: vec![Owned::No; COUNT],
        }
    }

    fn step(&mut self, step: Step, choice: u64) {
        let at = usize::try_from(choice % COUNT as u64).unwrap();
        let chosen = partition(u32::try_from(at).unwrap());
        match step {
            Step::Assign if self.client[at].is_none() => {
                self.client[at] = Some((0, true));
                self.membership.assigned(vec![chosen]);
            }
            Step::LookUp => {
                let unknown = self.membership.unknown();
                let found = unknown.into_iter().map(|unknown| (unknown, Some(choice)));
                self.membership.committed(found.collect());
            }
            Step::Revoke if self.membership.draining().is_none() && self.client[at].is_some() => {
                self.membership.revoked(vec![chosen], self.now + BUDGET);
            }
            Step::Lose if self.membership.draining().is_none() && self.client[at].is_some() => {
                self.client[at] = None;
                self.membership.lost(&[chosen]);
            }
            Step::Wait => self.now += BUDGET / 2,
            Step::Orders => self.carry_orders(),
            Step::Deliver => self.deliver(at, choice),
            Step::Take => self.take(),
            Step::Seek => {
                let offset = choice / 7 % 50;
                let done = self.membership.seek(&chosen, offset);
                if let (Ok(()), Owned::Yes { next, .. }) = (done, &mut self.owner[at]) {
                    *next = Some(offset);
                }
            }
            Step::Pause | Step::Resume => {
                let pause = matches!(step, Step::Pause);
                let done = self.membership.pause(&chosen, pause);
                if let (Ok(()), Owned::Yes { paused, .. }) = (done, &mut self.owner[at]) {
                    *paused = pause;
                }
            }
            Step::Release => {
                let revoked = self.owner[at] == Owned::Revoked;
                self.membership.release(std::slice::from_ref(&chosen));
                if revoked {
                    self.owner[at] = Owned::No;
                    assert!(self.membership.may_commit(&chosen).is_err());
                }
            }
            _ => {}
        }
    }

    fn carry_orders(&mut self) {
        if let Some(gone) = self.membership.given_back(self.now) {
            for partition in gone {
                self.client[partition.partition as usize] = None;
            }
        }
        for seek in self.membership.seeks() {
            if let Some((at, _)) = &mut self.client[seek.partition.partition as usize] {
                *at = seek.offset;
                self.membership.sought(&seek);
            }
        }
        let Plan { pause, resume } = self.membership.plan();
        for (list, back) in [(pause, true), (resume, false)] {
            for partition in list {
                if let Some((_, kept_back)) = &mut self.client[partition.partition as usize] {
                    *kept_back = back;
                }
            }
        }
    }

    /// Records arrive, some for the second time.
    fn deliver(&mut self, at: usize, choice: u64) {
        if let Some((next, false)) = &mut self.client[at] {
            let from = next.saturating_sub(choice / 11 % 3);
            *next += choice / 13 % 30;
            let records = records(from..*next);
            self.membership
                .offer(&partition(u32::try_from(at).unwrap()), records);
        }
    }

    fn take(&mut self) {
        match self.membership.take() {
            Some(Ok(Notice::Assigned(list))) => {
                for (partition, _) in list {
                    let owned = &mut self.owner[partition.partition as usize];
                    assert_eq!(*owned, Owned::No);
                    *owned = Owned::Yes {
                        next: None,
                        paused: false,
                    };
                }
            }
            Some(Ok(Notice::Revoked(list))) => {
                for partition in list {
                    let owned = &mut self.owner[partition.partition as usize];
                    assert!(matches!(owned, Owned::Yes { .. }));
                    *owned = Owned::Revoked;
                }
            }
            Some(Ok(Notice::Lost(list))) => {
                for partition in list {
                    // It may have been released when it was lost already.
                    self.owner[partition.partition as usize] = Owned::No;
                }
            }
            Some(Ok(Notice::Records(partition, records))) => {
                let owned = &mut self.owner[partition.partition as usize];
                let Owned::Yes {
                    next: Some(next),
                    paused: false,
                } = owned
                else {
                    panic!("records of {partition} for {owned:?}")
                };
                for record in records {
                    assert_eq!(record.offset, *next);
                    *next += 1;
                }
            }
            Some(Err(error)) => panic!("nothing failed: {error}"),
            None => {}
        }
    }
}

proptest! {
    #[test]
    fn every_record_is_taken_once_and_in_order_from_the_last_seek(steps in steps()) {
        let mut world = World::new();
        for (step, choice) in steps {
            world.step(step, choice);
        }
        // From here on everybody does their part.
        for _ in 0..50 {
            for step in [Step::Wait, Step::Orders, Step::LookUp, Step::Take] {
                world.step(step, 0);
            }
            for at in 0..COUNT as u64 {
                world.step(Step::Release, at);
            }
        }
        let held: BTreeSet<_> = (0..COUNT).filter(|at| world.client[*at].is_some()).collect();
        let owned: BTreeSet<_> = (0..COUNT).filter(|at| world.owner[*at] != Owned::No).collect();
        prop_assert_eq!(held, owned);
    }
}
