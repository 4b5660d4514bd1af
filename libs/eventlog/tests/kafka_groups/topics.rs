//! Offsets and topics that are not there: always an error, never a silent start somewhere else.

use eventlog::{Class, Error};

use crate::kafka::{SHORT_SESSION, World, partition};

/// A member at offset 5 of a topic that is then deleted and made anew, with as many records.
async fn failure_after_making_anew(records: u64) -> Error {
    let world = World::shared(1, SHORT_SESSION).await;
    world.put(0, 0..5).await;
    let mut reader = world.join_alone().await;
    reader.read_to(0, 5).await;
    world.delete_topic().await;
    world.make_topic().await;
    world.put(0, 100..100 + records).await;
    let error = reader.failure().await;
    // What was done in the old topic must not become a place in the new one.
    let commit = reader.consumer.commit(&partition(0), 5).await;
    assert!(matches!(commit, Err(Error::NotAssigned { .. })), "{commit:?}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_with_fewer_records_ends_in_an_error() {
    let error = failure_after_making_anew(2).await;
    assert!(
        matches!(
            error,
            Error::UnknownPartition { .. } | Error::OffsetOutOfRange { .. }
        ),
        "{error:?}"
    );
}

/// The offset of the member is in the new topic, too, but it is another record's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_with_more_records_ends_in_an_error() {
    let error = failure_after_making_anew(20).await;
    assert!(matches!(error, Error::UnknownPartition { .. }), "{error:?}");
    assert!(error.to_string().contains("made anew"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_topic_ends_in_an_error() {
    let world = World::shared(2, SHORT_SESSION).await;
    world.put(1, 0..5).await;
    let mut reader = world.join_alone().await;
    reader.read_to(1, 5).await;
    world.delete_topic().await;
    let error = reader.failure().await;
    assert!(matches!(error, Error::UnknownPartition { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Fatal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_that_is_not_there_stops_its_partition_until_another_seek() {
    let world = World::shared(2, SHORT_SESSION).await;
    world.put(0, 0..5).await;
    world.put(1, 0..5).await;
    let mut reader = world.join_alone().await;
    reader.read_to(0, 5).await;
    reader.read_to(1, 5).await;
    reader.consumer.seek(&partition(0), 7).unwrap();
    let error = reader.failure().await;
    assert!(
        matches!(
            error,
            Error::OffsetOutOfRange {
                offset: 7,
                start: 0,
                end: 5,
                ..
            }
        ),
        "{error:?}"
    );
    // Others are read on.
    world.put(1, 5..7).await;
    reader.read_to(1, 7).await;
    reader.consumer.seek(&partition(0), 3).unwrap();
    reader.next.insert(partition(0), 3);
    reader.read_to(0, 5).await;
    world.put(0, 5..7).await;
    reader.read_to(0, 7).await;
}
