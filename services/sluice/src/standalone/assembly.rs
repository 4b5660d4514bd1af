//! Opens everything and hands it to the roles: the only place that knows the embedded adapters.
//!
//! Sockets are bound before anything is opened, so that a port in use leaves no trace. What is shared by the roles
//! goes after the last of them: the log and the store close when nobody holds them any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use chassis::clock::{self, Clock};
use chassis::lifecycle::Tasks;
use chassis::listen;
use chassis::ops::{self, Readiness};
use chassis::random;
use chassis::telemetry::Metrics;
use control::Writer;
use domain::source::Lane;
use domain::time::Millis;
use domain::topic;
use eventlog::Log;
use eventlog::embedded::{Retention, TopicConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::config::Config;
use super::first_start::{self, Keys};
use super::welcome::{self, Addresses};
use super::writable::Watch;
use crate::control_plane::ControlPlane;
use crate::roles::topics::KEEP_AUDIT;
use crate::{output, secret_file};

/// How often old records are looked for, and how long after a start first: what was not stored yet has that long.
const CHECK_LOG_EVERY: Duration = Duration::from_mins(10);
const ADDRESSES_FILE: &str = "addresses.json";

/// The system that is about to start.
pub(crate) struct Assembly {
    /// Its settings.
    pub(crate) config: Config,
    /// Where everything is kept.
    pub(crate) dir: PathBuf,
    /// How this program was called, for the lines that a newcomer is told.
    pub(crate) program: String,
    /// What is shown on the ops listener.
    pub(crate) metrics: Metrics,
}

/// Sockets that are bound and not served yet.
struct Listeners {
    http: TcpListener,
    grpc: TcpListener,
    ops: TcpListener,
}

/// What the roles share.
struct Shared {
    log: Arc<dyn Log>,
    store: store::embedded::Embedded,
    plane: ControlPlane,
    writer: Writer,
}

impl Assembly {
    /// Starts every role as a task and tells when all are ready.
    pub(crate) async fn start(self, tasks: Tasks) -> anyhow::Result<()> {
        let listeners = Listeners::bind(&self.config).await?;
        let addresses = listeners.addresses()?;
        self.prepare_dir()?;
        let (log, store) = self.open().await?;
        // Not before the directory is known to be ours.
        forget_addresses(&self.dir)?;
        edge::metric_definitions::describe();
        eventlog::metric_definitions::describe();
        store::metric_definitions::describe();
        let readiness = Readiness::new(tasks.shutdown());
        let watch = Watch::new(log.clone(), store.clone(), &readiness);
        let drain = tasks.shutdown().drain.clone();
        tasks.spawn("writable", watch.run(drain));
        let shared = self.share(log, store, &tasks).await?;
        let made = Keys {
            dir: &self.dir,
            view: &shared.plane.view,
            writer: &shared.writer,
            peppers: &shared.plane.peppers,
            now: shared.plane.now(),
        }
        .ensure()
        .await?;

        let text = welcome::text(&self.program, &self.dir, addresses, &made);
        let dir = self.dir.clone();
        self.spawn(&tasks, &readiness, listeners, shared)?;
        write_addresses(&dir, addresses)?;
        tracing::info!(http = %addresses.http, grpc = %addresses.grpc, ops = %addresses.ops, "listening");
        let is_ready = tasks
            .shutdown()
            .drain
            .run_until_cancelled(readiness.wait())
            .await
            .is_some();
        if is_ready {
            output::say(&text);
        }
        Ok(())
    }

    fn prepare_dir(&self) -> anyhow::Result<()> {
        let shown = self.dir.display();
        secret_file::make_dir(&self.dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                anyhow!("{shown} is not a directory")
            }
            _ => anyhow!("{shown} can't be made: {error}"),
        })
    }

    /// Opens log and store, which reads back what a crash has left.
    async fn open(&self) -> anyhow::Result<(eventlog::embedded::Embedded, store::embedded::Embedded)> {
        let (dir, log, store) = (
            self.dir.clone(),
            log_config(&self.config),
            store_config(&self.config),
        );
        let opening = tokio::task::spawn_blocking(move || {
            let shown = dir.display();
            let log =
                eventlog::embedded::Embedded::open(dir.join("log"), log).map_err(|error| match error {
                    eventlog::embedded::OpenError::Locked { .. } => {
                        anyhow!("{shown} is in use by another process; stop it, or choose another --data-dir")
                    }
                    error => anyhow!(error).context(format!("opening the log in {shown}")),
                })?;
            let store = store::embedded::Embedded::open(&dir.join("store"), store)
                .with_context(|| format!("opening the store in {shown}"))?;
            Ok((log, store))
        });
        opening.await.context("opening the data directory")?
    }

    async fn share(
        &self,
        log: eventlog::embedded::Embedded,
        store: store::embedded::Embedded,
        tasks: &Tasks,
    ) -> anyhow::Result<Shared> {
        let log: Arc<dyn Log> = Arc::new(log);
        let peppers = Arc::new(first_start::pepper(&self.dir, &random::System)?);
        let plane = ControlPlane::follow(log.clone(), peppers, tasks)
            .await
            .context("reading the control topic")?;
        let writer = plane.writer();
        Ok(Shared {
            log,
            store,
            plane,
            writer,
        })
    }

    fn spawn(
        self,
        tasks: &Tasks,
        readiness: &Readiness,
        listeners: Listeners,
        shared: Shared,
    ) -> anyhow::Result<()> {
        let Config {
            gateway,
            enrichment,
            analytics,
            retention,
            query,
            ..
        } = self.config;
        let Shared {
            log,
            store,
            plane,
            writer,
        } = shared;
        let ControlPlane {
            view,
            access,
            sealer,
            clock,
            random,
            ..
        } = plane;
        let store = Arc::new(store);
        let generation = view.state().generation();
        let query = query::Service::new(
            query::Deps {
                events: store.clone(),
                index: store.clone(),
                rollups: store.clone(),
                progress: store.clone(),
                log: log.clone(),
                generation,
                access: access.clone(),
                sealer: sealer.clone(),
                clock: clock.clone(),
                random: random.clone(),
            },
            query,
        );
        let deps = gateway::Deps {
            log: log.clone(),
            generation,
            access,
            writer,
            view,
            sealer,
            clock: clock.clone(),
            random: random.clone(),
            readiness: readiness.clone(),
            http: listeners.http.into(),
            grpc: listeners.grpc.into(),
            reads: query.router(),
            grpc_reads: Routes::new(query.grpc()),
            openapi: crate::commands::openapi::document()?,
        };
        let drain = || -> CancellationToken { tasks.shutdown().drain.clone() };
        tasks.attend("ops", ops::serve(listeners.ops, readiness.clone(), self.metrics));
        let deps_of_enrichment = enrichment::Deps {
            log: log.clone(),
            generation,
            random: random.clone(),
        };
        tasks.spawn(
            "enrichment",
            enrichment::run(enrichment, deps_of_enrichment, drain()),
        );
        let deps_of_analytics = analytics::Deps {
            log: log.clone(),
            rollups: store.clone(),
            progress: store.clone(),
            clock: clock.clone(),
            generation,
        };
        tasks.spawn("analytics", analytics::run(analytics, deps_of_analytics, drain()));
        let deps_of_retention = retention::Deps {
            log,
            events: store.clone(),
            index: store.clone(),
            progress: store,
            clock,
            random,
            generation,
        };
        tasks.spawn("retention", retention::run(retention, deps_of_retention, drain()));
        tasks.spawn("gateway", gateway::run(gateway, deps, drain()));
        Ok(())
    }
}

impl Listeners {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            http: listen::bind("listen.http", config.listen.http).await?,
            grpc: listen::bind("listen.grpc", config.listen.grpc).await?,
            ops: listen::bind("listen.ops", config.listen.ops).await?,
        })
    }

    fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            http: self.http.local_addr()?,
            grpc: self.grpc.local_addr()?,
            ops: self.ops.local_addr()?,
        })
    }
}

fn log_config(config: &Config) -> eventlog::embedded::Config {
    let of_events = |name: &str| TopicConfig {
        name: name.to_owned(),
        partitions: config.log.partitions,
        retention: Retention::Age(config.log.keep.duration()),
    };
    let control = TopicConfig {
        name: topic::CONTROL.to_owned(),
        partitions: 1,
        retention: Retention::Compact,
    };
    let audit = TopicConfig {
        name: topic::AUDIT.to_owned(),
        partitions: 1,
        retention: Retention::Age(KEEP_AUDIT),
    };
    let topics = vec![
        of_events(topic::accepted(Lane::Standard)),
        of_events(topic::enriched(Lane::Standard)),
        control,
        audit,
    ];
    let mut settings = eventlog::embedded::Config::new(topics, Arc::new(|| clock::System.now_ms()));
    settings.max_in_flight_bytes = config.log.in_flight.as_usize();
    settings.cache_bytes = config.log.cache.as_u64();
    settings.retention_check_every = CHECK_LOG_EVERY;
    settings
}

fn store_config(config: &Config) -> store::embedded::Config {
    let now = || Millis::from_ms(clock::System.now_ms());
    let mut settings = store::embedded::Config::new(Arc::new(now));
    settings.cache_bytes = config.store.cache.as_u64();
    settings
}

/// Tells programs where we listen. Written whole or not at all.
fn write_addresses(dir: &Path, addresses: Addresses) -> anyhow::Result<()> {
    let path = dir.join(ADDRESSES_FILE);
    let text = serde_json::to_string(&addresses)?;
    secret_file::write(&path, &format!("{text}\n")).with_context(|| format!("writing {}", path.display()))
}

/// Those of the run before.
fn forget_addresses(dir: &Path) -> anyhow::Result<()> {
    let path = dir.join(ADDRESSES_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            bail!("deleting {}: {error}", path.display())
        }
        _ => Ok(()),
    }
}
