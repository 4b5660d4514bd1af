//! Where a partition goes on, and every reason to refuse it.

use proto::record::decode_accepted;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{
    Arc, Bytes, Config, Duration, Embedded, Error, LANE, Log, LogError, NOW, NewRecord, Retention, TempDir,
    TopicConfig, accepted, append, embedded, enriched, generics, origins, topic, value, worker,
};
use crate::start::of_partition;

const KEEP: Duration = Duration::from_hours(1);

/// Both topics, in directories of their own, so that one can be made anew or lose records without the other.
struct Partition {
    accepted: Embedded,
    enriched: Embedded,
    clock: Arc<AtomicI64>,
    dirs: [TempDir; 2],
}

fn open(dir: &TempDir, name: &str, clock: &Arc<AtomicI64>) -> Embedded {
    let topic = TopicConfig {
        name: name.to_owned(),
        partitions: 1,
        retention: Retention::Age(KEEP),
    };
    let clock = clock.clone();
    let config = embedded::Config::new(vec![topic], Arc::new(move || clock.load(Ordering::Relaxed)));
    Embedded::open(dir.path(), config).unwrap()
}

impl Partition {
    /// With the fates of as many events as are accepted.
    async fn enriched(count: u8) -> Self {
        let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let clock = Arc::new(AtomicI64::new(NOW.as_ms()));
        let partition = Self {
            accepted: open(&dirs[0], topic::accepted(LANE), &clock),
            enriched: open(&dirs[1], topic::enriched(LANE), &clock),
            clock,
            dirs,
        };
        partition.accept(0..count).await;
        for origin in 0..count {
            partition.add_fate_of(origin.into()).await;
        }
        partition
    }

    async fn accept(&self, numbers: std::ops::Range<u8>) {
        append(&self.accepted, 0, generics(numbers)).await;
    }

    async fn add(&self, records: Vec<NewRecord>) {
        for result in self.enriched.append(records).await {
            result.unwrap();
        }
    }

    /// The fate that an accepted record has.
    async fn add_fate_of(&self, origin: u64) {
        let read = self.accepted.read(&accepted(0), origin, 1, Duration::ZERO).await;
        let fates = crate::fate::Fates::new(enriched(0), Arc::from([]));
        let record = &read.unwrap().records[0];
        let fate = fates.enriched(record, decode_accepted(record.value.clone()).unwrap());
        self.add(vec![fate.record]).await;
    }

    fn make_accepted_anew(&mut self) {
        self.dirs[0] = TempDir::new().unwrap();
        self.accepted = open(&self.dirs[0], topic::accepted(LANE), &self.clock);
    }

    fn make_enriched_anew(&mut self) {
        self.dirs[1] = TempDir::new().unwrap();
        self.enriched = open(&self.dirs[1], topic::enriched(LANE), &self.clock);
    }

    /// Time goes on until all that is there is too old.
    fn age(&self) {
        let past = i64::try_from(KEEP.as_millis()).unwrap() + 1;
        self.clock.fetch_add(past, Ordering::Relaxed);
    }

    async fn start(&self, committed: Option<u64>) -> Result<u64, Error> {
        of_partition(self, &accepted(0), &enriched(0), committed).await
    }

    /// Why it is refused. Where something was lost the text says what to do.
    async fn refusal(&self, committed: Option<u64>) -> Error {
        let error = self.start(committed).await.unwrap_err();
        if !matches!(error, Error::NoOrigin { .. }) {
            let text = error.to_string();
            assert!(text.contains("`sluice migrate --new-generation`"), "{text}");
        }
        error
    }
}

impl Partition {
    fn log(&self, topic: &str) -> &Embedded {
        if topic == topic::accepted(LANE) {
            &self.accepted
        } else {
            &self.enriched
        }
    }
}

#[async_trait::async_trait]
impl Log for Partition {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<super::Appended, LogError>> {
        let log = self.log(&records[0].to.topic);
        log.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn super::Sequence>, LogError> {
        self.enriched.sequence().await
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn super::Fenced>, LogError> {
        self.enriched.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log(topic).partitions(topic).await
    }

    async fn bounds(&self, partition: &super::TopicPartition) -> Result<super::Bounds, LogError> {
        self.log(&partition.topic).bounds(partition).await
    }

    async fn read(
        &self,
        partition: &super::TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<super::Read, LogError> {
        self.log(&partition.topic)
            .read(partition, from, max_bytes, wait)
            .await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn super::Consumer>, LogError> {
        self.accepted.consumer(group, topics).await
    }
}

/// A marker, or what something else might write.
fn fate(key: &'static str, origin: Option<&'static str>) -> NewRecord {
    let headers = origin.map(|origin| (topic::HEADER_ORIGIN.into(), origin.into()));
    NewRecord {
        to: enriched(0),
        key: key.into(),
        value: Bytes::new(),
        headers: headers.into_iter().collect(),
    }
}

#[tokio::test]
async fn it_goes_on_at_the_commit_and_begins_at_the_begin() {
    let partition = Partition::enriched(4).await;
    for committed in [0, 2, 4] {
        assert_eq!(partition.start(Some(committed)).await.unwrap(), committed);
    }
    assert_eq!(partition.start(None).await.unwrap(), 0);
    assert_eq!(Partition::enriched(0).await.start(None).await.unwrap(), 0);
}

#[tokio::test]
async fn an_accepted_topic_refilled_beyond_the_last_fate_is_that_of_other_events() {
    let mut partition = Partition::enriched(3).await;
    partition.make_accepted_anew();
    partition.accept(50..60).await;
    for committed in [None, Some(3)] {
        assert!(matches!(
            partition.refusal(committed).await,
            Error::OtherEvent {
                origin: 2,
                offset: 2,
                ..
            }
        ));
    }
}

#[tokio::test]
async fn an_event_tells_more_than_the_markers_behind_it() {
    let mut partition = Partition::enriched(3).await;
    append(&partition.accepted, 0, ["no event".into(), "no event".into()]).await;
    partition
        .add(vec![fate("demo/u", Some("3")), fate("demo/u", Some("4"))])
        .await;
    assert_eq!(partition.start(Some(5)).await.unwrap(), 5);

    partition.make_accepted_anew();
    partition.accept(50..60).await;
    assert!(matches!(
        partition.refusal(None).await,
        Error::OtherEvent { origin: 2, .. }
    ));
}

#[tokio::test]
async fn a_marker_of_another_key_is_that_of_another_event() {
    let partition = Partition::enriched(3).await;
    partition.add(vec![fate("demo/u", Some("1"))]).await;
    assert_eq!(partition.start(Some(3)).await.unwrap(), 3);
    partition.add(vec![fate("demo/other", Some("1"))]).await;
    assert!(matches!(
        partition.refusal(Some(3)).await,
        Error::OtherEvent {
            origin: 1,
            offset: 4,
            ..
        }
    ));
}

#[tokio::test]
async fn an_accepted_topic_that_is_shorter_than_its_fates_is_refused() {
    let mut partition = Partition::enriched(3).await;
    partition.make_accepted_anew();
    for (count, committed) in [(0, None), (2, None), (2, Some(1)), (2, Some(3))] {
        let end = partition.bounds(&accepted(0)).await.unwrap().end;
        partition.accept(u8::try_from(end).unwrap()..count).await;
        let error = partition.refusal(committed).await;
        let expected = u64::from(count);
        assert!(
            matches!(error, Error::FateOfTheFuture { end, origin: 2, .. } if end == expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_enriched_topic_made_anew_lacks_the_fates_below_the_commit() {
    let mut partition = Partition::enriched(3).await;
    partition.make_enriched_anew();
    assert!(matches!(
        partition.refusal(Some(3)).await,
        Error::FatesMissing {
            next: 0,
            start: 3,
            ..
        }
    ));
    // Refilled short: by a process that did not see it happen.
    partition.add_fate_of(0).await;
    assert!(matches!(
        partition.refusal(Some(3)).await,
        Error::FatesMissing {
            next: 1,
            start: 3,
            ..
        }
    ));
    assert_eq!(partition.start(Some(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn accepted_records_that_were_removed_without_a_fate_are_missed() {
    let partition = Partition::enriched(2).await;
    partition.accept(2..5).await;
    partition.age();
    partition.accepted.enforce_retention().unwrap();
    assert!(matches!(
        partition.refusal(None).await,
        Error::FatesMissing {
            next: 2,
            start: 5,
            ..
        }
    ));
    assert!(matches!(
        partition.refusal(Some(2)).await,
        Error::CommitOutOfRange {
            committed: 2,
            start: 5,
            end: 5,
            ..
        }
    ));
}

#[tokio::test]
async fn a_commit_behind_the_end_is_refused() {
    let partition = Partition::enriched(3).await;
    assert!(matches!(
        partition.refusal(Some(4)).await,
        Error::CommitOutOfRange {
            committed: 4,
            start: 0,
            end: 3,
            ..
        }
    ));
}

#[tokio::test]
async fn what_the_log_removed_by_age_is_not_missed() {
    let partition = Partition::enriched(3).await;
    partition.age();
    // Accepted first: there is nothing to compare the fates with.
    partition.accepted.enforce_retention().unwrap();
    assert_eq!(partition.start(Some(3)).await.unwrap(), 3);
    assert_eq!(partition.start(None).await.unwrap(), 3);
    partition.enriched.enforce_retention().unwrap();
    assert_eq!(partition.bounds(&enriched(0)).await.unwrap().start, 3);
    assert_eq!(partition.start(Some(3)).await.unwrap(), 3);
}

#[tokio::test]
async fn fates_that_the_log_removed_in_part_are_not_missed() {
    let partition = Partition::enriched(3).await;
    partition.age();
    partition.accept(3..5).await;
    for origin in [3, 4] {
        partition.add_fate_of(origin).await;
    }
    partition.accepted.enforce_retention().unwrap();
    partition.enriched.enforce_retention().unwrap();
    assert_eq!(partition.bounds(&enriched(0)).await.unwrap().start, 3);
    for committed in [None, Some(3)] {
        assert_eq!(partition.start(committed).await.unwrap(), 3);
    }
    assert_eq!(partition.start(Some(5)).await.unwrap(), 5);
}

#[tokio::test]
async fn fates_that_are_gone_tell_nothing_without_a_commit() {
    let partition = Partition::enriched(3).await;
    partition.age();
    partition.enriched.enforce_retention().unwrap();
    assert!(matches!(
        partition.refusal(None).await,
        Error::NothingTells { .. }
    ));
    assert_eq!(partition.start(Some(3)).await.unwrap(), 3);
}

#[tokio::test]
async fn a_record_without_a_plain_origin_is_no_fate() {
    for origin in [
        None,
        Some(""),
        Some("x"),
        Some("+1"),
        Some("18446744073709551616"),
    ] {
        let partition = Partition::enriched(2).await;
        partition.add(vec![fate("demo/u", origin)]).await;
        let error = partition.refusal(Some(2)).await;
        assert!(
            matches!(error, Error::NoOrigin { offset: 2, .. }),
            "{origin:?}: {error}"
        );
    }
}

#[tokio::test]
async fn many_old_fates_behind_the_greatest_do_not_hide_it() {
    let partition = Partition::enriched(3).await;
    // More than the first look takes in.
    partition.add(vec![fate("demo/u", Some("0")); 5_000]).await;
    assert_eq!(partition.start(Some(3)).await.unwrap(), 3);
}

#[tokio::test]
async fn a_refused_partition_gets_no_fate() {
    let dir = TempDir::new().unwrap();
    let log = super::log(&dir);
    append(&*log, 0, generics(0..3)).await;
    let (mut first, records) = worker(&log, &Config::default(), None).await;
    first.process(&records).await.unwrap();
    first.flush().await.unwrap();
    let other = fate("demo/other", Some("2"));
    log.append(vec![other]).await[0].as_ref().unwrap();
    append(&*log, 0, [value(super::generic(9))]).await;
    super::refusal(&log, Some(3)).await;
    assert_eq!(origins(&*log, 0).await, [0, 1, 2, 2]);
}
