//! What every role does at its start, in this order: bind its sockets, say where it listens, answer `/live` and
//! `/ready`, wait for its engines, begin to work.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::clock;
use chassis::lifecycle::{BoxError, Tasks};
use chassis::ops::{self, Check, Readiness};
use chassis::random;
use chassis::telemetry::Metrics;
use control::{Class, Follower};
use eventlog::{Log, TopicPartition};
use store::cql::Cql;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::engines::{self, Wait};
use super::probe::Probe;
use super::redis::{self, Redis};
use super::sockets::{Addresses, Api};
use super::{Role, analytics, enrichment, gateway, query, retention};
use crate::control_plane::ControlPlane;

/// Whether what is known of tenants and keys is fresh.
const CONTROL: &str = "control";

/// A role that is about to start.
pub(crate) struct Process {
    /// Which.
    pub(crate) role: Role,
    /// Its settings.
    pub(crate) config: Config,
    /// What is shown on the ops listener.
    pub(crate) metrics: Metrics,
    /// Where programs are told where it listens.
    pub(crate) addresses_file: Option<PathBuf>,
}

/// A role that answers probes, and is not ready before it works.
pub(super) struct Base {
    pub(super) config: Config,
    pub(super) tasks: Tasks,
    pub(super) readiness: Readiness,
    role: Role,
    works: Check,
}

impl Process {
    /// Starts the role. A request to stop while it waits for an engine ends the start, and well.
    pub(crate) async fn start(self, tasks: Tasks) -> anyhow::Result<()> {
        let drain = tasks.shutdown().drain.clone();
        let role = Box::pin(async {
            match self.role {
                Role::Gateway => gateway::start(self, tasks).await,
                Role::Enrichment => enrichment::start(self, tasks).await,
                Role::Analytics => analytics::start(self, tasks).await,
                Role::Retention => retention::start(self, tasks).await,
                Role::Query => query::start(self, tasks).await,
            }
        });
        drain.run_until_cancelled(role).await.unwrap_or(Ok(()))
    }

    /// Says where it listens, and answers probes from now on.
    pub(super) fn open(self, tasks: Tasks, ops: TcpListener, api: Option<&Api>) -> anyhow::Result<Base> {
        eventlog::metric_definitions::describe();
        let readiness = Readiness::new(tasks.shutdown());
        let addresses = Addresses::of(api, &ops)?;
        tasks.attend("ops", ops::serve(ops, readiness.clone(), self.metrics));
        if let Some(path) = &self.addresses_file {
            addresses.write(path)?;
        }
        addresses.log(self.role.name());
        Ok(Base {
            works: readiness.register(self.role.name()),
            config: self.config,
            tasks,
            readiness,
            role: self.role,
        })
    }
}

impl Base {
    /// Tells when to stop.
    pub(super) fn drain(&self) -> CancellationToken {
        self.tasks.shutdown().drain.clone()
    }

    /// Kafka, once it answers and has every topic as it must be. `watched` is asked about from then on; an absence is
    /// tolerated for as long as the role can work without it.
    pub(super) async fn kafka(
        &self,
        check: Check,
        watched: &str,
        tolerance: Duration,
    ) -> anyhow::Result<Arc<dyn Log>> {
        let client_id = format!("sluice-{}", self.role);
        let wait = Wait::forever(engines::KAFKA, Some(&check));
        let log: Arc<dyn Log> = Arc::new(engines::kafka(&self.config, &client_id, &wait).await?);
        let (asked, partition) = (log.clone(), TopicPartition::new(watched, 0));
        let probe = Probe::new(engines::KAFKA, check, move || {
            let (log, partition) = (asked.clone(), partition.clone());
            async move { log.bounds(&partition).await.map(drop) }
        });
        let probe = probe.tolerating(tolerance);
        self.tasks.spawn("kafka probe", probe.run(self.drain()));
        Ok(log)
    }

    /// The store, once it answers and has the schema of this build.
    pub(super) async fn cassandra(&self, check: Check) -> anyhow::Result<Cql> {
        let wait = Wait::forever(engines::CASSANDRA, Some(&check));
        let store = engines::cassandra(&self.config, &wait).await?;
        let asked = store.clone();
        let probe = Probe::new(engines::CASSANDRA, check, move || {
            let store = asked.clone();
            async move { store.ping().await }
        });
        self.tasks.spawn("cassandra probe", probe.run(self.drain()));
        Ok(store)
    }

    /// Asks Redis from time to time, where there is one. The answer is for people: nothing waits for it.
    pub(super) fn watch_redis(&self) -> anyhow::Result<()> {
        let Some(redis) = Redis::new(&self.config.redis)? else {
            return Ok(());
        };
        let check = self.readiness.register_informational(redis::NAME);
        let redis = Arc::new(redis);
        let probe = Probe::new(redis::NAME, check, move || {
            let redis = redis.clone();
            async move { redis.ping().await }
        });
        self.tasks.spawn("redis probe", probe.run(self.drain()));
        Ok(())
    }

    /// Tenants and keys, once they are read.
    pub(super) async fn control_plane(&self, log: &Arc<dyn Log>) -> anyhow::Result<ControlPlane> {
        let peppers = Arc::new(self.config.peppers(self.role.name())?);
        let check = self.readiness.register(CONTROL);
        let start = async || {
            let (clock, random) = (Arc::new(clock::System), Arc::new(random::System));
            Follower::start_with_heart(log.clone(), self.role.name(), clock, random).await
        };
        let wait = Wait::forever(engines::KAFKA, Some(&check));
        let started = wait.reach(|error| error.class() == Class::Transient, start).await;
        let started = started.context("reading the control topic")?;
        Ok(ControlPlane::beating(
            log.clone(),
            started,
            peppers,
            &self.tasks,
            check,
        ))
    }

    /// The generation of the topics of events. One that is raised later is for the processes that start then.
    pub(super) async fn generation(&self, log: &Arc<dyn Log>) -> anyhow::Result<u32> {
        let read = async || Follower::start(log.clone()).await;
        let wait = Wait::forever(engines::KAFKA, None);
        let follower = wait.reach(|error| error.class() == Class::Transient, read).await;
        let view = follower.context("reading the control topic")?.view();
        Ok(view.state().generation())
    }

    /// Runs the role itself, which makes the process ready as far as its engines are.
    pub(super) fn work<F, E>(self, role: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let works = self.works;
        self.tasks.spawn(self.role.name(), async move {
            works.ready();
            role.await
        });
    }
}
