//! Where a partition goes on, and every reason to refuse it.

use enriched::Error as Refusal;
use eventlog::{Appended, Bounds, Consumer, Error as LogError, Fenced, Read, Sequence};

use super::{
    Arc, Duration, FIRST_GENERATION, Log, NewRecord, System, TopicPartition, async_trait, embedded, fate,
    marker, partition, source,
};
use crate::error::Error;
use crate::start::of_partition;

/// Age at which the log removes records.
const KEEP_MS: i64 = 60_000;

impl System {
    async fn start_on(&self, log: &dyn Log, generation: u32) -> Result<u64, Error> {
        let source = source(&partition(), generation);
        let start = of_partition(log, (&self.store, &self.store), &partition(), source, false).await?;
        Ok(start.offset)
    }

    async fn start(&self) -> Result<u64, Error> {
        self.start_on(&*self.log, FIRST_GENERATION).await
    }

    /// Why it is refused, with a text that says what to do.
    async fn refused(&self) -> Refusal {
        let error = self.start().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`sluice migrate --new-generation`"), "{text}");
        match error {
            Error::Enriched(refusal) => refusal,
            other => panic!("{other}"),
        }
    }

    async fn with_stored(records: impl IntoIterator<Item = NewRecord>) -> Self {
        let system = Self::new();
        system.append(records).await;
        system.store_all().await.unwrap();
        system
    }
}

#[tokio::test]
async fn without_a_position_it_begins_at_the_begin() {
    let system = System::new();
    assert_eq!(system.start().await.unwrap(), 0);
    system.append((0..3).map(fate)).await;
    system.clock.advance(KEEP_MS + 1);
    system.log.enforce_retention().unwrap();
    assert_eq!(system.start().await.unwrap(), 3);
}

#[tokio::test]
async fn a_topic_made_anew_is_refused_empty_short_and_refilled() {
    let mut system = System::with_stored((0..3).map(fate)).await;
    system = system.with_topic_made_anew();
    system.clock.advance(1);
    for end in 0..3_u8 {
        let error = system.refused().await;
        let is_short =
            matches!(error, Refusal::PositionAboveEnd { end: at, next: 3, .. } if at == u64::from(end));
        assert!(is_short, "{error}");
        system.append([fate(end)]).await;
    }
    for origin in 3..6 {
        let error = system.refused().await;
        assert!(matches!(error, Refusal::OtherRecord { offset: 2, .. }), "{error}");
        system.append([fate(origin)]).await;
    }
}

#[tokio::test]
async fn a_marker_before_the_position_tells_topics_apart() {
    let records = || [fate(0), marker(1)];
    let mut system = System::with_stored(records()).await;
    assert_eq!(system.start().await.unwrap(), 2);
    system = system.with_topic_made_anew();
    system.append([fate(0), fate(1)]).await;
    let differs_in = |error| match error {
        Refusal::OtherRecord {
            offset: 1, differs, ..
        } => differs,
        other => panic!("{other}"),
    };
    assert_eq!(differs_in(system.refused().await), "checksum");

    system = system.with_topic_made_anew();
    system.clock.advance(1);
    system.append(records()).await;
    assert_eq!(differs_in(system.refused().await), "append time");
}

#[tokio::test]
async fn records_removed_by_age_in_part_are_no_fault_and_the_last_is_still_compared() {
    let mut system = System::with_stored((0..2).map(fate)).await;
    system.clock.advance(KEEP_MS + 1);
    system.append((2..4).map(fate)).await;
    system.store_all().await.unwrap();
    system.log.enforce_retention().unwrap();
    assert_eq!(system.log.bounds(&partition()).await.unwrap().start, 2);
    assert_eq!(
        system.start().await.unwrap(),
        2,
        "what is not sealed is read again"
    );

    // Made anew, refilled beyond and half removed by age.
    system = system.with_topic_made_anew();
    system.append((10..13).map(fate)).await;
    system.clock.advance(KEEP_MS + 1);
    system.append((13..16).map(fate)).await;
    system.log.enforce_retention().unwrap();
    assert_eq!(system.log.bounds(&partition()).await.unwrap().start, 3);
    assert!(matches!(
        system.refused().await,
        Refusal::OtherRecord { offset: 3, .. }
    ));
}

#[tokio::test]
async fn another_generation_has_a_position_of_its_own() {
    let system = System::with_stored((0..3).map(fate)).await;
    let system = system.with_topic_made_anew();
    system.refused().await;
    let start = system.start_on(&*system.log, FIRST_GENERATION + 1).await;
    assert_eq!(start.unwrap(), 0);
}

/// A log that removes old records just after it was asked for its bounds.
struct Removing {
    log: Arc<embedded::Embedded>,
}

#[async_trait]
impl Log for Removing {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, LogError>> {
        self.log.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, LogError> {
        self.log.sequence().await
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, LogError> {
        self.log.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, LogError> {
        let bounds = self.log.bounds(partition).await;
        self.log.enforce_retention()?;
        bounds
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, LogError> {
        self.log.read(partition, from, max_bytes, wait).await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(group, topics).await
    }
}

#[tokio::test]
async fn records_removed_during_the_comparison_are_told_from_those_that_are_missed() {
    let system = System::with_stored((0..3).map(fate)).await;
    system.clock.advance(KEEP_MS + 1);
    let log = Removing {
        log: system.log.clone(),
    };
    assert_eq!(system.start_on(&log, FIRST_GENERATION).await.unwrap(), 3);

    let system = System::with_stored((0..3).map(fate)).await;
    system.append([fate(3)]).await;
    system.clock.advance(KEEP_MS + 1);
    let log = Removing {
        log: system.log.clone(),
    };
    assert!(matches!(
        system.start_on(&log, FIRST_GENERATION).await,
        Err(Error::Enriched(Refusal::RecordsRemoved {
            start: 4,
            next: 3,
            ..
        }))
    ));
}
