//! The connection: sends what is due, takes answers in, and begins again when it breaks.

use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use proto::v1::{IngestStreamRequest, IngestStreamResponse};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::batch::Batch;
use super::report::Report;
use super::resume::Resume;
use super::window::{MAX_BATCHES, Window};
use crate::client::grpc::Grpc;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// A server that owes an answer and gives none for this long is taken for dead.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to end a stream whose answers are all here.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// A sending under way.
pub(crate) struct Sending {
    grpc: Grpc,
    patience: Duration,
    input: Receiver<Batch>,
    input_ended: bool,
    window: Window,
    resume: Resume,
    report: Report,
    last_progress: Instant,
    /// Whether the server has taken the key.
    has_connected: bool,
}

/// A sending that has not failed.
pub(crate) struct Ended {
    pub(crate) resume: Resume,
    pub(crate) report: Report,
    /// Whether it ended before everything was sent.
    pub(crate) is_interrupted: bool,
}

/// Why a connection ended before everything was settled.
enum Broken {
    /// Another one may do better.
    Lost(anyhow::Error),
    /// No other one will.
    Hopeless(anyhow::Error),
}

impl Sending {
    /// Will send what `input` gives.
    pub(crate) fn new(
        grpc: Grpc,
        patience: Duration,
        input: Receiver<Batch>,
        resume: Resume,
        report: Report,
    ) -> Self {
        Self {
            grpc,
            patience,
            input,
            input_ended: false,
            window: Window::default(),
            resume,
            report,
            last_progress: Instant::now(),
            has_connected: false,
        }
    }

    /// Sends until all is settled or `interrupt` is ready.
    pub(crate) async fn run(mut self, interrupt: impl Future<Output = ()>) -> anyhow::Result<Ended> {
        let result = tokio::select! {
            result = self.drive() => result.map(|()| false),
            () = interrupt => self.resume.hold().map(|()| true),
        };
        match result {
            Ok(is_interrupted) => Ok(Ended {
                resume: self.resume,
                report: self.report,
                is_interrupted,
            }),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Sends through as many connections as it takes.
    async fn drive(&mut self) -> anyhow::Result<()> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let before = self.last_progress;
            let broken = match self.connection().await {
                Ok(()) => return Ok(()),
                Err(Broken::Hopeless(error)) => return Err(error),
                Err(Broken::Lost(error)) => error,
            };
            self.window.disconnected();
            if self.last_progress > before {
                backoff = FIRST_BACKOFF;
            }
            if self.last_progress.elapsed() + backoff > self.patience {
                let text = format!("nothing was acknowledged for {:?}; giving up", self.patience);
                return Err(broken.context(text));
            }
            self.report
                .say(&format!("{broken:#}; trying again in {backoff:?}"));
            sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Tells the counts so far.
    fn failed(self, error: anyhow::Error) -> anyhow::Error {
        // What stopped the sending is the greater news.
        let _ = self.report.finish(None);
        error
    }

    async fn connection(&mut self) -> Result<(), Broken> {
        // Whatever needs no connection is settled without one.
        self.fill().await?;
        // An input without events is sent to a server all the same, to know that it would take them.
        if self.window.is_empty() && self.input_ended && self.has_connected {
            return Ok(());
        }
        let (sender, mut answers) = self.connect().await?;
        self.has_connected = true;
        loop {
            self.settle()?;
            while let Some((number, events)) = self.window.next_due(Instant::now()) {
                let request = IngestStreamRequest {
                    number,
                    events,
                    sent_at: None,
                    idempotency_key: String::new(),
                };
                // The queue has room for all that may be unsettled.
                sender
                    .try_send(request)
                    .map_err(|_| Broken::Lost(anyhow!("the connection was closed")))?;
            }
            if self.window.is_empty() && self.input_ended {
                drop(sender);
                end(answers).await;
                return Ok(());
            }
            self.step(&mut answers).await?;
        }
    }

    /// Waits for the first batch.
    async fn fill(&mut self) -> Result<(), Broken> {
        while self.window.is_empty() && !self.input_ended {
            let batch = self.input.recv().await;
            self.take(batch)?;
            self.settle()?;
        }
        Ok(())
    }

    async fn connect(
        &self,
    ) -> Result<(Sender<IngestStreamRequest>, Streaming<IngestStreamResponse>), Broken> {
        let address = self.grpc.address();
        let connected = self.grpc.connect().await;
        let mut client = connected
            .map_err(|error| Broken::Lost(anyhow!("can't connect to {address}: {}", root_cause(&error))))?;
        let (sender, receiver) = mpsc::channel(MAX_BATCHES);
        let call = timeout(
            ANSWER_PATIENCE,
            client.ingest_stream(ReceiverStream::new(receiver)),
        )
        .await;
        let answers = call.map_err(|_| silent())?.map_err(|status| broken(&status))?;
        Ok((sender, answers.into_inner()))
    }

    /// Waits for whatever comes first.
    async fn step(&mut self, answers: &mut Streaming<IngestStreamResponse>) -> Result<(), Broken> {
        let is_open = !self.window.is_full() && !self.input_ended;
        let owed = self.window.awaits_answer();
        let due_at = self.window.next_due_at();
        tokio::select! {
            answer = answers.message() => match answer {
                Ok(Some(answer)) => self.answered(answer),
                Ok(None) => Err(Broken::Lost(anyhow!("the server ended the stream"))),
                Err(status) => Err(broken(&status)),
            },
            batch = self.input.recv(), if is_open => self.take(batch),
            () = at(due_at), if due_at.is_some() => Ok(()),
            () = sleep(ANSWER_PATIENCE), if owed => Err(silent()),
        }
    }

    fn take(&mut self, batch: Option<Batch>) -> Result<(), Broken> {
        let Some(batch) = batch else {
            self.input_ended = true;
            return Ok(());
        };
        if self.window.is_empty() {
            // Waiting for input is no lack of progress.
            self.last_progress = Instant::now();
        }
        if batch.has_timeless {
            self.resume.keep().map_err(Broken::Hopeless)?;
        }
        self.window.push(batch);
        Ok(())
    }

    fn answered(&mut self, answer: IngestStreamResponse) -> Result<(), Broken> {
        let now = Instant::now();
        self.report.written(answer.token.clone());
        let is_last_try = self.last_progress.elapsed() > self.patience;
        let progress = self
            .window
            .answered(answer, now, is_last_try)
            .map_err(|error| Broken::Hopeless(error.into()))?;
        if progress {
            self.last_progress = now;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Broken> {
        while let Some((batch, outcome)) = self.window.pop_settled() {
            if outcome.rejects() || !batch.faulty.is_empty() {
                self.resume.freeze();
            }
            let told = self
                .report
                .settled(&batch, &outcome)
                .map_err(|error| anyhow!("stdout: {error}"));
            told.and_then(|()| self.resume.advance(batch.end))
                .map_err(Broken::Hopeless)?;
        }
        Ok(())
    }
}

/// Lets the server end the stream, so that it counts as ended and not as cancelled. All that matters is known.
async fn end(mut answers: Streaming<IngestStreamResponse>) {
    let ended = async { while let Ok(Some(_)) = answers.message().await {} };
    let _ = timeout(END_PATIENCE, ended).await;
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn silent() -> Broken {
    Broken::Lost(anyhow!("the server gives no answer"))
}

fn broken(status: &Status) -> Broken {
    let error = match status.message() {
        "" => anyhow!("{}", status.code()),
        message => anyhow!("{message}"),
    };
    match status.code() {
        Code::Unavailable
        | Code::Unknown
        | Code::Internal
        | Code::Aborted
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::ResourceExhausted => Broken::Lost(error),
        _ => Broken::Hopeless(error),
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
