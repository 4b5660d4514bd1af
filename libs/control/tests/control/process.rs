//! A process over the control topic: a follower that runs and a writer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Manual;
use chassis::random::Seeded;
use control::{By, Error, Follower, NewKey, View, Writer};
use domain::control::Denied;
use domain::key::{ApiKey, Pepper, Peppers, Scope, Scopes};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::Log;
use eventlog::embedded::{Config, Embedded, Retention, TopicConfig};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const NOW: Millis = Millis::from_ms(1_700_000_000_000);
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn open(dir: &Path, partitions: u32) -> Arc<dyn Log> {
    let control = TopicConfig {
        name: topic::CONTROL.into(),
        partitions,
        retention: Retention::Compact,
    };
    let audit = TopicConfig {
        name: topic::AUDIT.into(),
        partitions: 1,
        retention: Retention::Age(Duration::from_hours(1)),
    };
    let config = Config::new(vec![control, audit], Arc::new(|| NOW.as_ms()));
    Arc::new(Embedded::open(dir, config).unwrap())
}

pub(crate) fn peppers() -> Arc<Peppers> {
    Arc::new(Peppers::new(Pepper::new("p1", &[1; 32]).unwrap(), vec![]))
}

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

pub(crate) fn by() -> By {
    By::operator("test")
}

pub(crate) fn new_key() -> NewKey {
    NewKey {
        tenant: Some(tenant("demo")),
        name: "laptop".into(),
        scopes: Scopes::from([Scope::Ingest, Scope::Read]),
        expires_at: None,
    }
}

/// One process: a follower that runs and a writer.
pub(crate) struct Process {
    pub(crate) writer: Writer,
    pub(crate) view: View,
    pub(crate) clock: Arc<Manual>,
    shutdown: CancellationToken,
    following: JoinHandle<Result<(), Error>>,
}

impl Process {
    pub(crate) async fn start(log: Arc<dyn Log>, seed: u64) -> Self {
        let follower = Follower::start(Arc::clone(&log)).await.unwrap();
        let view = follower.view();
        let shutdown = CancellationToken::new();
        let following = tokio::spawn(follower.run(shutdown.clone()));
        let clock = Arc::new(Manual::at(NOW.as_ms()));
        let writer = Writer::new(
            log,
            view.clone(),
            peppers(),
            clock.clone(),
            Arc::new(Seeded::new(seed)),
        );
        Self {
            writer,
            view,
            clock,
            shutdown,
            following,
        }
    }

    pub(crate) fn authenticate(&self, key: &ApiKey) -> Result<(), Denied> {
        let caller = self.view.state().authenticate(key.reveal(), &peppers(), NOW);
        caller.map(|_| ())
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        let ended = timeout(PATIENCE, self.following).await;
        ended.unwrap().unwrap().unwrap();
    }
}

pub(crate) async fn eventually(what: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "it never became so");
        sleep(Duration::from_millis(5)).await;
    }
}
