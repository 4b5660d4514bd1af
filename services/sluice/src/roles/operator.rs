//! What commands do to the engines: topics, tables, the control topic. Engines that are away are waited for as long
//! as the operator has patience.

use std::sync::Arc;

use anyhow::Context;
use chassis::config::Span;
use chassis::telemetry;
use control::{By, Class, Follower};
use domain::control::State;
use domain::key::Peppers;
use eventlog::Log;
use eventlog::kafka::{Created, Kafka, TopicError};
use store::cql::{self, Cql, MigrateError, Options, Replication};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::Config;
use super::engines::{self, Wait};
use super::topics;
use crate::control_plane::ControlPlane;

const CLIENT_ID: &str = "sluice-operator";

/// The engines, as a command sees them.
pub(crate) struct Operator {
    config: Config,
    until: Option<Instant>,
}

/// The control topic, followed until this is dropped.
pub(crate) struct Control {
    /// What is in it.
    pub(crate) plane: ControlPlane,
    _until: DropGuard,
}

impl Operator {
    /// Has patience from now on.
    pub(crate) fn new(config: Config, patience: Span) -> anyhow::Result<Self> {
        telemetry::init(&config.telemetry).context("starting telemetry")?;
        let until = Instant::now().checked_add(patience.duration());
        Ok(Self { config, until })
    }

    /// Tenants and keys.
    pub(crate) async fn control(&self, peppers: Arc<Peppers>) -> anyhow::Result<Control> {
        let wait = self.wait(engines::KAFKA);
        let log: Arc<dyn Log> = Arc::new(engines::kafka(&self.config, CLIENT_ID, &wait).await?);
        let follower = self.follower(&log, &wait).await?;
        let plane = ControlPlane::new(log, follower.view(), peppers);
        let stop = CancellationToken::new();
        tokio::spawn(follower.run(stop.clone()));
        Ok(Control {
            plane,
            _until: stop.drop_guard(),
        })
    }

    /// What is known of tenants, and the generation of the topics.
    pub(crate) async fn state(&self) -> anyhow::Result<Arc<State>> {
        let wait = self.wait(engines::KAFKA);
        let log: Arc<dyn Log> = Arc::new(engines::kafka(&self.config, CLIENT_ID, &wait).await?);
        Ok(self.follower(&log, &wait).await?.view().state())
    }

    /// The store, with the schema of this build.
    pub(crate) async fn store(&self) -> anyhow::Result<Cql> {
        engines::cassandra(&self.config, &self.wait(engines::CASSANDRA)).await
    }

    async fn follower(&self, log: &Arc<dyn Log>, wait: &Wait<'_>) -> anyhow::Result<Follower> {
        let read = async || Follower::start(log.clone()).await;
        let follower = wait.reach(|error| error.class() == Class::Transient, read).await;
        follower.context("reading the control topic")
    }

    /// Makes the topics that are not there, and tells of each.
    pub(crate) async fn make_topics(&self) -> anyhow::Result<Vec<String>> {
        let (wait, settings) = (self.wait(engines::KAFKA), &self.config.kafka);
        let specs = topics::specs(&self.config);
        let kafka = Kafka::connect(settings.adapter(CLIENT_ID))?;
        let make = async || {
            kafka
                .create_topics(&specs, settings.replication, settings.min_insync)
                .await
        };
        let created = wait.reach(passes_in_kafka, make).await;
        let created = created.with_context(|| format!("kafka at {}", settings.brokers))?;
        let line = |created: Created| {
            let what = if created.made { "made" } else { "is there" };
            format!("topic {}{}: {what}", settings.prefix, created.name)
        };
        Ok(created.into_iter().map(line).collect())
    }

    /// Refuses topics that are there and not as they must be.
    pub(crate) async fn check_topics(&self) -> anyhow::Result<()> {
        engines::kafka(&self.config, CLIENT_ID, &self.wait(engines::KAFKA)).await?;
        Ok(())
    }

    /// Makes the tables that are not there, and tells what was made.
    pub(crate) async fn make_tables(&self) -> anyhow::Result<Vec<String>> {
        let (adapter, keyspace) = (self.config.cql.adapter(), &self.config.cql.keyspace);
        let options = Options::new(self.replication());
        let wait = self.wait(engines::CASSANDRA);
        let report = wait
            .reach(passes_in_store, async || cql::migrate(&adapter, &options).await)
            .await?;
        let made = report.applied.iter();
        let mut lines: Vec<_> = made
            .map(|(number, name)| format!("keyspace {keyspace}: migration {number} ({name}) is applied"))
            .collect();
        lines.push(format!("keyspace {keyspace}: version {}", report.version));
        Ok(lines)
    }

    /// Says that the topics of events were made anew, and returns the generation that counts from now on.
    pub(crate) async fn raise_generation(&self) -> anyhow::Result<u32> {
        let peppers = Arc::new(self.config.peppers("sluice migrate --new-generation")?);
        let control = self.control(peppers).await?;
        Ok(control
            .plane
            .writer()
            .raise_generation(&By::operator("migrate --new-generation"))
            .await?)
    }

    fn replication(&self) -> Replication {
        let cql = &self.config.cql;
        match &cql.datacenter {
            None => Replication::Simple(cql.replication_factor),
            Some(datacenter) => Replication::Network {
                datacenter: datacenter.clone(),
                factor: cql.replication_factor,
            },
        }
    }

    fn wait(&self, engine: &'static str) -> Wait<'static> {
        let until = self.until;
        Wait {
            engine,
            check: None,
            until,
        }
    }
}

fn passes_in_kafka(error: &TopicError) -> bool {
    matches!(error, TopicError::Log(error) if error.class() == Class::Transient)
}

fn passes_in_store(error: &MigrateError) -> bool {
    matches!(error, MigrateError::Open(error) if error.class() == store::Class::Transient)
}
