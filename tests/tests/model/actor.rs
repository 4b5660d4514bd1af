//! A worker that the test drives by hand, in the place of the runner.

use std::pin::Pin;
use std::sync::Arc;

use eventlog::runner::{Failure, Processor, Worker};
use eventlog::{Class, TopicPartition};

use crate::questions::Questions;
use crate::topics::Topics;

type Flush = Pin<Box<dyn Future<Output = (Box<dyn Worker>, Result<(), Failure>)>>>;

/// What a flush came to, or waits for.
#[derive(Debug)]
pub(crate) enum Flow {
    /// The test has to decide a question.
    Asks,
    /// All is durable.
    Done,
    /// It failed and may be tried again.
    Failed,
    /// It failed for good.
    Stopped(Failure),
}

/// A worker on one partition, whose engine asks questions `Q`.
pub(crate) struct Actor<Q> {
    topics: Arc<Topics>,
    questions: Arc<Questions<Q>>,
    partition: TopicPartition,
    /// None while it flushes.
    worker: Option<Box<dyn Worker>>,
    flush: Option<Flush>,
    /// The next record to read.
    next: u64,
    /// What a runner would commit.
    flushed: u64,
}

impl<Q> Actor<Q> {
    pub(crate) async fn assigned(
        processor: &dyn Processor,
        topics: &Arc<Topics>,
        questions: &Arc<Questions<Q>>,
        partition: TopicPartition,
        committed: Option<u64>,
    ) -> Result<Self, Failure> {
        let assignment = processor.assigned(&partition, committed).await?;
        Ok(Self {
            topics: topics.clone(),
            questions: questions.clone(),
            partition,
            worker: Some(assignment.worker),
            flush: None,
            next: assignment.start,
            flushed: assignment.start,
        })
    }

    /// Processes at most `max` records; nothing while it flushes.
    pub(crate) async fn process(&mut self, max: usize) -> Result<(), Failure> {
        let Some(worker) = self.worker.as_mut().filter(|_| max > 0) else {
            return Ok(());
        };
        let mut records = self.topics.records(&self.partition, self.next).await;
        records.truncate(max);
        let Some(last) = records.last() else {
            return Ok(());
        };
        let next = last.offset + 1;
        worker.process(&records).await?;
        self.next = next;
        Ok(())
    }

    /// Begins a flush or goes on with it, until it asks or ends.
    pub(crate) async fn flush(&mut self) -> Flow {
        let worker = &mut self.worker;
        let flush = self.flush.get_or_insert_with(|| {
            let mut worker = worker.take().expect("it flushes, or it has its worker");
            Box::pin(async move {
                let result = worker.flush().await;
                (worker, result)
            })
        });
        let (worker, result) = tokio::select! {
            biased;
            ended = flush => ended,
            () = self.questions.asked() => return Flow::Asks,
        };
        self.worker = Some(worker);
        self.flush = None;
        match result {
            Ok(()) => {
                self.flushed = self.next;
                Flow::Done
            }
            Err(failure) if failure.class() == Class::Transient => Flow::Failed,
            Err(failure) => Flow::Stopped(failure),
        }
    }

    /// Behind what is durable.
    pub(crate) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// The next question of it.
    pub(crate) fn question(&self) -> Option<Q> {
        self.questions.next()
    }
}
