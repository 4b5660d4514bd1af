//! Asking an engine from time to time, so that readiness is known also where nothing happens.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use chassis::ops::Check;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
const SILENT: &str = "does not answer";

/// Asks and tells the check.
pub(super) struct Probe<A> {
    engine: &'static str,
    check: Check,
    tolerance: Duration,
    ask: A,
}

impl<A, F, E> Probe<A>
where
    A: Fn() -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    /// `ask` makes one question.
    pub(super) fn new(engine: &'static str, check: Check, ask: A) -> Self {
        Self {
            engine,
            check,
            tolerance: Duration::ZERO,
            ask,
        }
    }

    /// The work goes on without the engine for so long.
    pub(super) fn tolerating(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Keeps the check true until `shutdown`.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut away_since = None;
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(answer) = shutdown.run_until_cancelled(self.answer()).await else {
                break;
            };
            away_since = self.tell(answer, away_since);
        }
        Ok(())
    }

    async fn answer(&self) -> Result<(), String> {
        match timeout(PATIENCE, (self.ask)()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_elapsed) => Err(SILENT.to_owned()),
        }
    }

    /// Returns since when the engine is away.
    fn tell(&self, answer: Result<(), String>, away_since: Option<Instant>) -> Option<Instant> {
        let engine = self.engine;
        let Err(reason) = answer else {
            if away_since.is_some() {
                tracing::info!(engine, "engine is back");
            }
            self.check.ready();
            return None;
        };
        let since = away_since.unwrap_or_else(|| {
            tracing::warn!(engine, reason, "engine is away");
            Instant::now()
        });
        if since.elapsed() >= self.tolerance {
            self.check.not_ready(&reason);
        }
        Some(since)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use chassis::lifecycle::Shutdown;
    use chassis::ops::Readiness;
    use tokio::time::sleep;

    use super::*;

    /// An engine in a mood: 0 answers, 1 refuses, 2 is silent.
    fn probe(readiness: &Readiness, mood: &Arc<AtomicU8>) -> Probe<impl Fn() -> Answer + use<>> {
        let mood = Arc::clone(mood);
        Probe::new("kafka", readiness.register("kafka"), move || -> Answer {
            match mood.load(Ordering::Relaxed) {
                0 => Box::pin(async { Ok(()) }),
                1 => Box::pin(async { Err("refused") }),
                _ => Box::pin(std::future::pending()),
            }
        })
    }

    type Answer = Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>>;

    #[tokio::test(start_paused = true)]
    async fn a_check_follows_its_engine() {
        let readiness = Readiness::new(&Shutdown::new());
        let mood = Arc::new(AtomicU8::new(0));
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(probe(&readiness, &mood).run(shutdown.clone()));
        for (now, detail) in [(0, ""), (1, "refused"), (0, ""), (2, SILENT), (0, "")] {
            mood.store(now, Ordering::Relaxed);
            sleep(EVERY + PATIENCE + PATIENCE).await;
            assert_eq!(readiness.report().checks[0].detail, detail);
        }
        mood.store(2, Ordering::Relaxed);
        sleep(EVERY).await;
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_is_tolerated_for_a_while() {
        let readiness = Readiness::new(&Shutdown::new());
        let mood = Arc::new(AtomicU8::new(0));
        let tolerant = probe(&readiness, &mood).tolerating(Duration::from_secs(30));
        tokio::spawn(tolerant.run(CancellationToken::new()));
        readiness.wait().await;
        mood.store(1, Ordering::Relaxed);
        sleep(Duration::from_secs(29)).await;
        assert!(readiness.report().ready);
        sleep(Duration::from_secs(4)).await;
        assert!(!readiness.report().ready);
    }
}
