//! A log whose sequences ask the test what becomes of an append: delivered and acknowledged, delivered in part,
//! delivered later, or lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use eventlog::{Appended, Bounds, Consumer, Error, Fenced, Log, NewRecord, Read, Sequence, TopicPartition};
use tokio::sync::oneshot;

use crate::questions::Questions;
use crate::topics::Topics;

type Results = Vec<Result<Appended, Error>>;

/// The log as one process sees it.
pub(crate) struct Wire {
    topics: Arc<Topics>,
    questions: Arc<Questions<Append>>,
    opened: AtomicUsize,
}

/// An append that is on its way.
pub(crate) struct Append {
    pub(crate) records: Vec<NewRecord>,
    broken: Arc<AtomicBool>,
    answer: oneshot::Sender<Results>,
}

struct Ordered {
    questions: Arc<Questions<Append>>,
    broken: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn new(topics: &Arc<Topics>) -> Arc<Self> {
        Arc::new(Self {
            topics: topics.clone(),
            questions: Arc::new(Questions::new()),
            opened: AtomicUsize::new(0),
        })
    }

    pub(crate) fn questions(&self) -> &Arc<Questions<Append>> {
        &self.questions
    }

    /// How many sequences the process has opened.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

fn unavailable() -> Error {
    let reason = "the test said so".to_owned();
    Error::Unavailable { reason }
}

impl Append {
    /// All is delivered, and the process hears of it.
    pub(crate) async fn acknowledge(self, topics: &Topics) {
        let results = topics.append(self.records).await;
        // A process that is gone hears nothing.
        let _gone = self.answer.send(results);
    }

    /// The first records are delivered, and the process hears of some of those; the rest never arrives.
    pub(crate) async fn fail(mut self, topics: &Topics, delivered: usize, heard: usize) {
        self.broken.store(true, Ordering::Release);
        let count = self.records.len();
        self.records.truncate(delivered);
        let mut results = topics.append(self.records).await;
        results.truncate(heard);
        results.resize_with(count, || Err(unavailable()));
        let _gone = self.answer.send(results);
    }

    /// The process takes it for failed, and the first records arrive later; the rest never arrives.
    pub(crate) fn delay(mut self, arriving: usize) -> Vec<NewRecord> {
        self.broken.store(true, Ordering::Release);
        let count = self.records.len();
        let _gone = self.answer.send(vec![Err(unavailable()); count]);
        self.records.truncate(arriving);
        self.records
    }
}

#[async_trait]
impl Sequence for Ordered {
    async fn append(&self, records: Vec<NewRecord>) -> Results {
        let count = records.len();
        if self.is_broken() {
            let reason = "an append before this one failed".to_owned();
            return vec![Err(Error::Broken { reason }); count];
        }
        let (answer, answered) = oneshot::channel();
        let broken = self.broken.clone();
        self.questions.ask(Append {
            records,
            broken,
            answer,
        });
        answered.await.unwrap()
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }
}

#[async_trait]
impl Log for Wire {
    async fn append(&self, _: Vec<NewRecord>) -> Results {
        panic!("fates are appended by a sequence")
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Ordered {
            questions: self.questions.clone(),
            broken: Arc::default(),
        }))
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, Error> {
        self.topics.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.topics.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        self.topics.bounds(partition).await
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error> {
        self.topics.read(partition, from, max_bytes, wait).await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error> {
        self.topics.consumer(group, topics).await
    }
}
