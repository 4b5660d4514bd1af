//! When a task flushes and ticks, in paused time.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The calls of a worker, each with the time since the start.
#[derive(Clone)]
struct Calls {
    start: Instant,
    seen: Arc<Mutex<Vec<(Call, Duration)>>>,
    ticks_fail: bool,
}

impl Calls {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            seen: Arc::default(),
            ticks_fail: false,
        }
    }

    fn add(&self, call: Call) {
        self.seen.lock().unwrap().push((call, self.start.elapsed()));
    }

    /// When there was such a call.
    fn times(&self, call: Call) -> Vec<u128> {
        let seen = self.seen.lock().unwrap();
        let times = seen.iter().filter(|(seen, _)| *seen == call);
        times.map(|(_, at)| at.as_millis()).collect()
    }
}

#[async_trait]
impl Processor for Calls {
    async fn assigned(&self, _: &TopicPartition, _: Option<u64>) -> Result<Assignment, Failure> {
        Ok(Assignment {
            worker: Box::new(self.clone()),
            start: 0,
        })
    }
}

#[async_trait]
impl Worker for Calls {
    async fn process(&mut self, _: &[Record]) -> Result<(), Failure> {
        self.add(Call::Process);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.add(Call::Flush);
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), Failure> {
        self.add(Call::Tick);
        if self.ticks_fail {
            return Err(Failure::transient("not now"));
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Failure> {
        self.add(Call::Close);
        Err(Failure::fatal("nobody waits for this"))
    }
}

struct Running {
    calls: Calls,
    batches: Sender<Vec<Record>>,
    drain: CancellationToken,
    task: JoinHandle<Result<(), Stopped>>,
    _reports: Receiver<Report>,
    sent: u64,
}

impl Running {
    fn start(calls: Calls, options: Options) -> Self {
        let (batches, batches_out) = mpsc::channel(1000);
        let (reports, reports_out) = mpsc::channel(1000);
        let drain = CancellationToken::new();
        let task = Task {
            group: "group".into(),
            partition: TopicPartition::new("events", 0),
            assignment: 1,
            committed: None,
            processor: Arc::new(calls.clone()),
            options,
            batches: batches_out,
            reports,
            drain: drain.clone(),
        };
        Self {
            calls,
            batches,
            drain,
            task: tokio::spawn(task.run()),
            _reports: reports_out,
            sent: 0,
        }
    }

    async fn send(&mut self) {
        let record = Record {
            offset: self.sent,
            appended_at_ms: 0,
            key: Bytes::new(),
            value: Bytes::new(),
            headers: Vec::new(),
        };
        self.sent += 1;
        self.batches.send(vec![record]).await.unwrap();
    }

    async fn stop(self) -> Calls {
        self.drain.cancel();
        self.task.await.unwrap().unwrap();
        self.calls
    }
}

fn apart() -> Options {
    Options {
        flush_apart: ms(100),
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_partition_ticks() {
    let running = Running::start(Calls::new(), Options::default());
    sleep(ms(3500)).await;
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Tick), [1000, 2000, 3000]);
    assert_eq!(calls.times(Call::Flush), [0_u128; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_counts_as_a_tick() {
    let mut running = Running::start(Calls::new(), Options::default());
    sleep(ms(700)).await;
    running.send().await;
    sleep(ms(1500)).await;
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Flush), [700]);
    assert_eq!(calls.times(Call::Tick), [1700]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_fails_is_tried_again_until_the_partition_goes() {
    let calls = Calls {
        ticks_fail: true,
        ..Calls::new()
    };
    let mut running = Running::start(calls, Options::default());
    sleep(ms(1200)).await;
    running.send().await;
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Tick), [1000, 1050, 1150]);
    assert_eq!(
        calls.times(Call::Process),
        [0_u128; 0],
        "the worker has its next call after the tick"
    );
}

#[tokio::test(start_paused = true)]
async fn records_that_trickle_in_are_flushed_together_and_the_first_at_once() {
    let mut running = Running::start(Calls::new(), apart());
    sleep(ms(5)).await;
    for _ in 0..30 {
        running.send().await;
        sleep(ms(10)).await;
    }
    sleep(ms(500)).await;
    running.send().await;
    sleep(ms(1)).await;
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Flush), [5, 105, 205, 305, 805]);
    assert_eq!(calls.times(Call::Process).len(), 31);
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_longer_than_flushes_may_be_apart_at_the_most() {
    let options = Options {
        flush_apart: ms(10_000),
        ..Options::default()
    };
    let mut running = Running::start(Calls::new(), options);
    for _ in 0..2 {
        running.send().await;
        sleep(ms(300)).await;
    }
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Flush), [0, 550]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_flush_is_flushed_when_the_partition_goes() {
    let mut running = Running::start(Calls::new(), apart());
    running.send().await;
    sleep(ms(10)).await;
    running.send().await;
    sleep(ms(10)).await;
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Flush), [0, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_given_up_is_flushed_and_then_closed_once() {
    let mut running = Running::start(Calls::new(), apart());
    running.send().await;
    sleep(ms(10)).await;
    running.send().await;
    sleep(ms(10)).await;
    let calls = running.stop().await;
    assert_eq!(calls.times(Call::Flush), [0, 20]);
    assert_eq!(calls.times(Call::Close), [20]);
}
