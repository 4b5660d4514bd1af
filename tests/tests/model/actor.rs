//! A worker that the test drives by hand, in the place of the runner.

use std::pin::Pin;
use std::sync::Arc;

use eventlog::runner::{Failure, Processor, Worker};
use eventlog::{Class, TopicPartition};

use crate::questions::Questions;
use crate::topics::Topics;

type Ended = (Box<dyn Worker>, Result<(), Failure>);

/// A call of the worker that has not ended.
struct Call {
    ends: Pin<Box<dyn Future<Output = Ended>>>,
    /// Behind the last record, where it processes.
    processes: Option<u64>,
}

/// What a call came to, or waits for.
#[derive(Debug)]
pub(crate) enum Flow {
    /// The test has to decide a question.
    Asks,
    /// It is done.
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
    /// None during a call.
    worker: Option<Box<dyn Worker>>,
    call: Option<Call>,
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
            call: None,
            next: assignment.start,
            flushed: assignment.start,
        })
    }

    /// Processes at most `max` records, where nothing is asked for it; nothing during a call.
    pub(crate) async fn process(&mut self, max: usize) -> Result<(), Failure> {
        match self.begin(max).await {
            Flow::Done => Ok(()),
            Flow::Stopped(failure) => Err(failure),
            flow => panic!("processing does not end: {flow:?}"),
        }
    }

    /// Begins to process at most `max` records; nothing during a call. [`Actor::flush`] goes on with it.
    pub(crate) async fn begin(&mut self, max: usize) -> Flow {
        if self.call.is_some() || max == 0 {
            return Flow::Done;
        }
        let mut records = self.topics.records(&self.partition, self.next).await;
        records.truncate(max);
        let Some(last) = records.last() else {
            return Flow::Done;
        };
        let next = last.offset + 1;
        let mut worker = self.worker.take().expect("there is no call");
        self.call = Some(Call {
            ends: Box::pin(async move {
                let result = worker.process(&records).await;
                (worker, result)
            }),
            processes: Some(next),
        });
        self.go_on().await
    }

    /// Goes on until it has flushed, or asks, or fails.
    pub(crate) async fn flush(&mut self) -> Flow {
        let processes = self.call.as_ref().is_some_and(|call| call.processes.is_some());
        if processes {
            let flow = self.go_on().await;
            if !matches!(flow, Flow::Done) {
                return flow;
            }
        }
        if self.call.is_none() {
            let mut worker = self.worker.take().expect("there is no call");
            self.call = Some(Call {
                ends: Box::pin(async move {
                    let result = worker.flush().await;
                    (worker, result)
                }),
                processes: None,
            });
        }
        self.go_on().await
    }

    async fn go_on(&mut self) -> Flow {
        let Some(call) = &mut self.call else {
            return Flow::Done;
        };
        let (worker, result) = tokio::select! {
            biased;
            ended = &mut call.ends => ended,
            () = self.questions.asked() => return Flow::Asks,
        };
        let processed = call.processes;
        self.worker = Some(worker);
        self.call = None;
        match result {
            Ok(()) => {
                match processed {
                    Some(next) => self.next = next,
                    None => self.flushed = self.next,
                }
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
