//! Members of groups.

use std::collections::BTreeMap;

use super::{Fixture, PARTITIONS, append, next, next_or_quiet, numbered, offsets, take_share, within};
use crate::port::{Class, Consumer, Error, Notice};
use crate::record::TopicPartition;

const ALL: usize = PARTITIONS as usize;

/// Takes notices until `wanted` records came, releasing at once what is revoked.
async fn collect(consumer: &mut dyn Consumer, wanted: usize, got: &mut BTreeMap<TopicPartition, Vec<u64>>) {
    let count = |got: &BTreeMap<TopicPartition, Vec<u64>>| got.values().map(Vec::len).sum::<usize>();
    while count(got) < wanted {
        match next(consumer).await {
            Notice::Records(partition, records) => {
                got.entry(partition).or_default().extend(offsets(&records));
            }
            other => panic!("expected records, got {other:?}"),
        }
    }
}

/// Two members have two partitions each, and between them every record once.
pub async fn each_record_goes_to_exactly_one_member(fixture: Fixture) {
    let mut first = fixture.consumer().await;
    take_share(&mut *first, ALL).await;
    let mut second = fixture.consumer().await;
    // Members must be heard for the group to settle.
    let revoked = tokio::select! {
        notice = next(&mut *first) => match notice {
            Notice::Revoked(partitions) => partitions,
            other => panic!("expected a revocation, got {other:?}"),
        },
        notice = second.next() => panic!("nothing is free yet, got {notice:?}"),
    };
    assert_eq!(revoked.len(), ALL / 2);
    first.release(&revoked);
    let share = take_share(&mut *second, ALL / 2).await;
    assert!(share.iter().all(|(partition, _)| revoked.contains(partition)));

    for number in 0..PARTITIONS {
        append(&*fixture.log, numbered(&fixture.partition(number), 25, 0)).await;
    }
    let (mut by_first, mut by_second) = (BTreeMap::new(), BTreeMap::new());
    tokio::join!(
        collect(&mut *first, 25 * ALL / 2, &mut by_first),
        collect(&mut *second, 25 * ALL / 2, &mut by_second),
    );
    assert!(by_second.keys().all(|partition| revoked.contains(partition)));
    assert!(by_first.keys().all(|partition| !revoked.contains(partition)));
    for records in by_first.values().chain(by_second.values()) {
        assert_eq!(*records, (0..25).collect::<Vec<u64>>());
    }
}

/// A member that comes after another goes on where that one committed.
pub async fn commit_is_remembered_by_the_next_member(fixture: Fixture) {
    let to = fixture.partition(1);
    append(&*fixture.log, numbered(&to, 10, 0)).await;
    let mut first = fixture.consumer().await;
    take_share(&mut *first, ALL).await;
    within(first.commit(&to, 4)).await.expect("the commit is taken");
    drop(first);
    let mut second = fixture.consumer().await;
    for (partition, committed) in take_share(&mut *second, ALL).await {
        assert_eq!(committed, (partition == to).then_some(4));
    }
    let mut got = BTreeMap::new();
    collect(&mut *second, 6, &mut got).await;
    assert_eq!(got[&to], (4..10).collect::<Vec<u64>>());
}

/// Another group has its own members and its own commits.
pub async fn groups_do_not_share_commits(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 3, 0)).await;
    let mut one = fixture.consumer().await;
    take_share(&mut *one, ALL).await;
    within(one.commit(&to, 3)).await.expect("the commit is taken");
    let other = format!("{}-other", fixture.group);
    let mut other = fixture
        .log
        .consumer(&other, &[&fixture.topic])
        .await
        .expect("a consumer can join");
    let share = take_share(&mut *other, ALL).await;
    assert!(
        share.iter().all(|(_, committed)| committed.is_none()),
        "{share:?}"
    );
    let mut got = BTreeMap::new();
    collect(&mut *other, 3, &mut got).await;
    assert_eq!(got[&to], [0, 1, 2]);
}

/// An assigned partition waits for its first seek.
pub async fn nothing_is_delivered_before_the_first_seek(fixture: Fixture) {
    let to = fixture.partition(2);
    append(&*fixture.log, numbered(&to, 3, 0)).await;
    let mut consumer = fixture.consumer().await;
    let mut assigned = 0;
    while assigned < ALL {
        match next(&mut *consumer).await {
            Notice::Assigned(partitions) => assigned += partitions.len(),
            other => panic!("expected an assignment, got {other:?}"),
        }
    }
    let early = next_or_quiet(&mut *consumer).await;
    assert!(early.is_none(), "{early:?}");
    consumer
        .seek(&to, 1)
        .expect("an assigned partition can be sought");
    let mut got = BTreeMap::new();
    collect(&mut *consumer, 2, &mut got).await;
    assert_eq!(got[&to], [1, 2]);
}

/// The next delivery after a seek starts there.
pub async fn seek_goes_back_and_forth(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 10, 0)).await;
    let mut consumer = fixture.consumer().await;
    take_share(&mut *consumer, ALL).await;
    let mut got = BTreeMap::new();
    collect(&mut *consumer, 10, &mut got).await;
    for from in [3, 8, 0] {
        consumer
            .seek(&to, from)
            .expect("an assigned partition can be sought");
        let mut got = BTreeMap::new();
        let wanted = usize::try_from(10 - from).expect("a small number");
        collect(&mut *consumer, wanted, &mut got).await;
        assert_eq!(got[&to], (from..10).collect::<Vec<u64>>());
    }
}

/// In a pause a partition is silent, others are not; afterwards it goes on where it was.
pub async fn paused_partition_delivers_nothing_and_loses_nothing(fixture: Fixture) {
    let (paused, other) = (fixture.partition(0), fixture.partition(1));
    let mut consumer = fixture.consumer().await;
    take_share(&mut *consumer, ALL).await;
    append(&*fixture.log, numbered(&paused, 5, 0)).await;
    let mut got = BTreeMap::new();
    collect(&mut *consumer, 5, &mut got).await;

    consumer
        .pause(&paused)
        .expect("an assigned partition can be paused");
    append(&*fixture.log, numbered(&paused, 5, 0)).await;
    append(&*fixture.log, numbered(&other, 5, 0)).await;
    let mut in_pause = BTreeMap::new();
    collect(&mut *consumer, 5, &mut in_pause).await;
    assert_eq!(in_pause.keys().collect::<Vec<_>>(), [&other]);
    let quiet = next_or_quiet(&mut *consumer).await;
    assert!(quiet.is_none(), "{quiet:?}");

    consumer
        .resume(&paused)
        .expect("a paused partition can be resumed");
    consumer.resume(&paused).expect("resuming again changes nothing");
    collect(&mut *consumer, 10, &mut got).await;
    assert_eq!(got[&paused], (0..10).collect::<Vec<u64>>());
}

/// Giving up on `next` again and again loses nothing and delivers nothing twice.
pub async fn dropped_call_of_next_loses_nothing(fixture: Fixture) {
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 2_000, 100)).await;
    let mut consumer = fixture.consumer().await;
    take_share(&mut *consumer, ALL).await;
    let mut got = Vec::new();
    within(async {
        while got.len() < 2_000 {
            tokio::select! {
                biased;
                notice = consumer.next() => match notice.expect("the consumer goes on") {
                    Notice::Records(_, records) => got.extend(offsets(&records)),
                    other => panic!("expected records, got {other:?}"),
                },
                () = tokio::task::yield_now() => {}
            }
        }
    })
    .await;
    assert_eq!(got, (0..2_000).collect::<Vec<u64>>());
}

/// Between revocation and release a partition is nobody else's; its owner can still commit.
pub async fn revoked_partition_moves_only_after_its_release(fixture: Fixture) {
    for number in 0..PARTITIONS {
        append(&*fixture.log, numbered(&fixture.partition(number), 4, 0)).await;
    }
    let mut first = fixture.consumer().await;
    take_share(&mut *first, ALL).await;
    let mut second = fixture.consumer().await;
    let mut delivered = BTreeMap::new();
    let revoked = loop {
        tokio::select! {
            notice = next(&mut *first) => match notice {
                Notice::Revoked(partitions) => break partitions,
                Notice::Records(partition, records) => {
                    delivered.insert(partition, records.len());
                }
                other => panic!("expected a revocation, got {other:?}"),
            },
            notice = second.next() => panic!("nothing is free yet, got {notice:?}"),
        }
    };
    let early = next_or_quiet(&mut *second).await;
    assert!(early.is_none(), "{early:?}");
    for partition in &revoked {
        within(first.commit(partition, 3))
            .await
            .expect("the owner can commit until the release");
    }
    first.release(&revoked);
    let error = within(first.commit(&revoked[0], 4))
        .await
        .expect_err("the partition is released");
    assert!(matches!(error, Error::NotAssigned { .. }), "{error:?}");
    for (partition, committed) in take_share(&mut *second, revoked.len()).await {
        assert!(revoked.contains(&partition));
        assert_eq!(committed, Some(3));
    }
}

/// What is not this member's can't be read, paused or committed.
pub async fn foreign_partition_cannot_be_used(fixture: Fixture) {
    let mut consumer = fixture.consumer().await;
    let foreign = TopicPartition::new(fixture.topic.as_str(), PARTITIONS);
    let errors = [
        consumer.seek(&foreign, 0),
        consumer.pause(&foreign),
        consumer.resume(&foreign),
        within(consumer.commit(&foreign, 0)).await,
    ];
    for error in errors {
        let error = error.expect_err("the partition is not assigned");
        assert!(matches!(error, Error::NotAssigned { .. }), "{error:?}");
        assert_eq!(error.class(), Class::Transient);
    }
}
