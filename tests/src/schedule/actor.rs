//! A worker on one partition, driven by hand in the place of the runner, and in no order that the runner would not call
//! it in.

use std::sync::Arc;

use eventlog::Record;
use eventlog::runner::{Failure, Worker};
use futures::future::BoxFuture;

use super::trouble::Control;

/// What a call came to.
#[derive(Debug)]
pub enum Flow {
    /// It was done.
    Done,
    /// It has failed and may be tried again.
    Failed(Failure),
    /// It sleeps in a call of the store.
    Sleeps,
}

/// What a worker is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// To process.
    Process,
    /// To process and flush, or to tick.
    Work,
    /// To close.
    Close,
}

struct Ended {
    worker: Box<dyn Worker>,
    /// None where it was not called for that.
    processed: Option<Result<(), Failure>>,
    /// Flushed, ticked or closed.
    flushed: Option<Result<(), Failure>>,
}

/// See the [module](self). `C` tells the calls to its store apart.
pub struct Actor<C> {
    /// What those calls come to.
    pub control: Arc<Control<C>>,
    /// None during a call.
    worker: Option<Box<dyn Worker>>,
    call: Option<BoxFuture<'static, Ended>>,
    /// The next record to read.
    next: u64,
    /// Records that it did not process yet.
    given: Vec<Record>,
    /// Whether what was processed may not be flushed.
    is_open: bool,
    /// Whether a flush has failed, so that nothing but a flush may follow.
    must_flush: bool,
    is_closed: bool,
}

impl<C: Copy + PartialEq> Actor<C> {
    /// A worker that was just made and wants records from `start` on.
    pub fn new(worker: Box<dyn Worker>, start: u64, control: Arc<Control<C>>) -> Self {
        Self {
            control,
            worker: Some(worker),
            call: None,
            next: start,
            given: Vec::new(),
            is_open: false,
            must_flush: false,
            is_closed: false,
        }
    }

    /// The offset of the next record that it has not read; none where it has to be called again with what it has.
    pub fn wants(&self) -> Option<u64> {
        let is_free = !self.must_flush && self.given.is_empty() && self.call.is_none();
        is_free.then_some(self.next)
    }

    /// Whether everything that was processed is flushed, and it is not in a call.
    pub fn is_flushed(&self) -> bool {
        !self.is_open && self.given.is_empty() && self.call.is_none()
    }

    /// Whether it sleeps.
    pub fn sleeps(&self) -> bool {
        self.call.is_some()
    }

    /// Whether it has given the partition up.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Goes on with the call that it sleeps in, or calls again what has failed, or processes these records and flushes.
    /// Without any, what is not flushed is flushed; where all is, time passes and nothing else.
    pub async fn work(&mut self, records: Vec<Record>) -> Flow {
        self.act(Act::Work, records).await
    }

    /// As [`Self::work`], but flushes nothing. Without records nothing new is called.
    pub async fn process(&mut self, records: Vec<Record>) -> Flow {
        self.act(Act::Process, records).await
    }

    /// It gives the partition up, unless there is something that it has not flushed.
    pub async fn close(&mut self) -> Flow {
        if self.is_flushed() && !self.is_closed {
            return self.act(Act::Close, Vec::new()).await;
        }
        Flow::Done
    }

    async fn act(&mut self, act: Act, records: Vec<Record>) -> Flow {
        if self.call.is_none() && !self.is_closed {
            if let Some(last) = records.last() {
                self.next = last.offset + 1;
                self.given = records;
            }
            self.begin(act);
        }
        self.control.wake();
        self.go_on().await
    }

    fn begin(&mut self, act: Act) {
        let mut worker = self.worker.take().unwrap();
        let (given, is_open, must_flush) = (self.given.clone(), self.is_open, self.must_flush);
        self.is_closed = act == Act::Close;
        self.call = Some(Box::pin(async move {
            let (mut processed, mut flushed) = (None, None);
            // What has failed to be flushed is flushed before anything else.
            if !must_flush && !given.is_empty() {
                processed = Some(worker.process(&given).await);
            }
            let is_open = is_open || processed.is_some();
            let has_failed = matches!(&processed, Some(Err(_)));
            if act == Act::Close {
                flushed = Some(worker.close().await);
            } else if must_flush || (is_open && act == Act::Work && !has_failed) {
                flushed = Some(worker.flush().await);
            } else if act == Act::Work && !is_open {
                flushed = Some(worker.tick().await);
            }
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
        match ended.processed {
            Some(Err(failure)) => return Flow::Failed(failure),
            Some(Ok(())) => {
                self.given.clear();
                self.is_open = true;
            }
            None => {}
        }
        match ended.flushed {
            Some(Err(failure)) => {
                self.must_flush = self.is_open;
                return Flow::Failed(failure);
            }
            Some(Ok(())) => (self.is_open, self.must_flush) = (false, false),
            None => {}
        }
        Flow::Done
    }
}
