//! A worker of retention on one partition, driven by hand in the place of the runner.

use std::sync::Arc;

use eventlog::Record;
use eventlog::runner::{Failure, Worker};
use futures::future::BoxFuture;

use crate::flaky::Control;

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Flow {
    /// All that was processed is flushed.
    Done,
    /// It has failed and may be tried again.
    Failed(Failure),
    /// It sleeps in a call of the store.
    Sleeps,
}

struct Ended {
    worker: Box<dyn Worker>,
    processed: Result<(), Failure>,
    flushed: Result<(), Failure>,
}

/// See the [module](self).
pub(crate) struct Actor {
    pub(crate) control: Arc<Control>,
    /// None during a call.
    worker: Option<Box<dyn Worker>>,
    call: Option<BoxFuture<'static, Ended>>,
    /// The next record to read.
    next: u64,
    /// Records that it did not process yet.
    given: Vec<Record>,
    /// Whether what was processed may not be flushed.
    is_open: bool,
}

impl Actor {
    pub(crate) fn new(worker: Box<dyn Worker>, start: u64, control: Arc<Control>) -> Self {
        Self {
            control,
            worker: Some(worker),
            call: None,
            next: start,
            given: Vec::new(),
            is_open: false,
        }
    }

    /// The offset of the next record that it has not read; none where it has to be called again with what it has.
    pub(crate) fn wants(&self) -> Option<u64> {
        (!self.is_open && self.given.is_empty() && self.call.is_none()).then_some(self.next)
    }

    /// Goes on with the call that it sleeps in, or calls again what has failed, or processes these records and flushes.
    /// Without any, time passes and nothing else.
    pub(crate) async fn work(&mut self, records: Vec<Record>) -> Flow {
        if self.call.is_none() {
            if let Some(last) = records.last() {
                self.next = last.offset + 1;
                self.given = records;
            }
            self.begin();
        }
        self.control.wake();
        self.go_on().await
    }

    /// It gives the partition up, unless there is something that it has not flushed; at the latest when it falls asleep.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        let Some(mut worker) = self
            .worker
            .take()
            .filter(|_| !self.is_open && self.given.is_empty())
        else {
            return Ok(());
        };
        tokio::select! {
            biased;
            closed = worker.close() => closed,
            () = self.control.slept() => Ok(()),
        }
    }

    fn begin(&mut self) {
        let mut worker = self.worker.take().unwrap();
        let (given, is_open) = (self.given.clone(), self.is_open);
        self.call = Some(Box::pin(async move {
            let mut processed = Ok(());
            // What has failed to be flushed is flushed before anything else.
            if !is_open && !given.is_empty() {
                processed = worker.process(&given).await;
            }
            let flushed = match (&processed, is_open || !given.is_empty()) {
                (Err(_), _) => Ok(()),
                (Ok(()), true) => worker.flush().await,
                (Ok(()), false) => worker.tick().await,
            };
            Ended {
                worker,
                processed,
                flushed,
            }
        }));
    }

    async fn go_on(&mut self) -> Flow {
        let Some(call) = &mut self.call else {
            return Flow::Done;
        };
        let ended = tokio::select! {
            biased;
            ended = call => ended,
            () = self.control.slept() => return Flow::Sleeps,
        };
        self.call = None;
        self.worker = Some(ended.worker);
        if let Err(failure) = ended.processed {
            return Flow::Failed(failure);
        }
        if !self.is_open {
            self.given.clear();
        }
        self.is_open = ended.flushed.is_err();
        ended.flushed.map_or_else(Flow::Failed, |()| Flow::Done)
    }
}
