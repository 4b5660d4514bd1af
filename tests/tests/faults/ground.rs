//! Engines of the test's own, and the roles on them.

use e2e::Client;
use e2e::distributed::{Distributed, Endpoints, Role};
use e2e::system::addresses_of;
use tempfile::TempDir;

/// What a fault is done to.
pub(crate) struct Ground {
    // Dropped in this order: first who uses an engine, then the engine.
    pub(crate) system: Distributed,
    pub(crate) kafka: engines::Kafka,
    pub(crate) cassandra: engines::Cassandra,
    pub(crate) redis: engines::Redis,
    _dir: TempDir,
}

impl Ground {
    /// Starts engines and roles, and waits until all are ready.
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let kafka = tokio::task::spawn_blocking(engines::Kafka::start);
        let cassandra = tokio::task::spawn_blocking(engines::Cassandra::start);
        let redis = tokio::task::spawn_blocking(engines::Redis::start);
        let (kafka, cassandra, redis) = (
            kafka.await.unwrap(),
            cassandra.await.unwrap(),
            redis.await.unwrap(),
        );
        let endpoints = Endpoints {
            kafka: kafka.address(),
            cql: cassandra.address(),
            redis: redis.address(),
        };
        let system = Distributed::start(dir.path(), endpoints, Vec::new()).await;
        Self {
            system,
            kafka,
            cassandra,
            redis,
            _dir: dir,
        }
    }

    /// A client of the first gateway with the key of the tenant `demo`.
    pub(crate) async fn client(&self) -> Client {
        Client::new(addresses_of(self.system.gateway()), self.system.demo_key()).await
    }

    /// As [`Ground::client`], once the gateway is ready.
    pub(crate) async fn client_once_ready(&mut self) -> Client {
        let gateway = self.system.index(Role::Gateway);
        self.system.process(gateway).ready().await;
        self.client().await
    }
}
