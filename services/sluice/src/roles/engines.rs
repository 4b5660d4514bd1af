//! Kafka and the store, once they answer and are as they must be.
//!
//! An engine that is away is waited for, as long as it takes or as long as somebody has patience. One that answers and
//! is not as it must be needs a person: that is an error.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::clock::{self, Clock};
use chassis::ops::Check;
use domain::time::Millis;
use eventlog::kafka::{Kafka, TopicProblem};
use store::cql::Cql;
use tokio::time::{Instant, sleep};

use super::config::Config;
use super::topics;

/// The name of Kafka in checks and logs.
pub(crate) const KAFKA: &str = "kafka";
/// The name of the store in checks and logs, whichever of the two it is.
pub(crate) const CASSANDRA: &str = "cassandra";

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Kafka is there and not as it must be.
#[derive(Debug, thiserror::Error)]
struct WrongTopics(Vec<TopicProblem>);

impl Display for WrongTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kafka is not as it must be")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  {}", problem.text))
    }
}

/// Kafka, with every topic as it must be.
pub(crate) async fn kafka(config: &Config, client_id: &str, wait: &Wait<'_>) -> anyhow::Result<Kafka> {
    let kafka = Kafka::connect(config.kafka.adapter(client_id))?;
    let (specs, demands) = (topics::specs(config), topics::demands(config));
    let check = async || kafka.check_topics(&specs, demands).await;
    let transient = |error: &eventlog::Error| error.class() == eventlog::Class::Transient;
    let problems = wait.reach(transient, check).await;
    let problems = problems.with_context(|| format!("kafka at {}", config.kafka.brokers))?;
    if problems.is_empty() {
        Ok(kafka)
    } else {
        Err(WrongTopics(problems).into())
    }
}

/// The store, with the schema of this build.
pub(crate) async fn cassandra(config: &Config, wait: &Wait<'_>) -> anyhow::Result<Cql> {
    let now: store::Clock = Arc::new(|| Millis::from_ms(clock::System.now_ms()));
    let adapter = config.cql.adapter();
    let connect = async || Cql::connect(adapter.clone(), now.clone()).await;
    let store = wait.reach(|error| error.class() == store::Class::Transient, connect);
    Ok(store.await?)
}

/// How an engine is waited for.
pub(crate) struct Wait<'a> {
    /// Its name.
    pub(crate) engine: &'static str,
    /// Who is told what it is waited for.
    pub(crate) check: Option<&'a Check>,
    /// When it is given up; never where there is none.
    pub(crate) until: Option<Instant>,
}

impl<'a> Wait<'a> {
    /// For as long as it takes.
    pub(super) const fn forever(engine: &'static str, check: Option<&'a Check>) -> Self {
        Self {
            engine,
            check,
            until: None,
        }
    }

    /// Tries until `attempt` works or fails with what is not `passing`.
    pub(crate) async fn reach<T, E: Display>(
        &self,
        passing: impl Fn(&E) -> bool,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt().await {
                Err(error) if passing(&error) && !self.is_over(pause) => error,
                other => return other,
            };
            let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(engine = self.engine, %error, retry_ms, "engine is away");
            if let Some(check) = self.check {
                check.not_ready(&error.to_string());
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn is_over(&self, pause: Duration) -> bool {
        self.until.is_some_and(|until| Instant::now() + pause > until)
    }
}

#[cfg(test)]
mod tests {
    use chassis::lifecycle::Shutdown;
    use chassis::ops::Readiness;

    use super::*;

    fn wait(until: Option<Instant>) -> Wait<'static> {
        Wait {
            engine: "kafka",
            check: None,
            until,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_away_is_waited_for() {
        let readiness = Readiness::new(&Shutdown::new());
        let check = readiness.register("kafka");
        let waiting = Wait {
            check: Some(&check),
            ..wait(None)
        };
        let mut tries = 0;
        let reached = waiting.reach(
            |_| true,
            async || {
                tries += 1;
                if tries < 50 { Err("away") } else { Ok(tries) }
            },
        );
        assert_eq!(reached.await, Ok(50));
        assert_eq!(readiness.report().checks[0].detail, "away");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refuses_is_not() {
        let waiting = wait(None);
        let refused = waiting.reach(|error| *error == "away", async || Err::<(), _>("wrong password"));
        assert_eq!(refused.await, Err("wrong password"));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let begin = Instant::now();
        let waiting = wait(Some(begin + Duration::from_mins(1)));
        let given_up = waiting.reach(|_| true, async || Err::<(), _>("away"));
        assert_eq!(given_up.await, Err("away"));
        assert!((50..=60).contains(&begin.elapsed().as_secs()));
    }
}
