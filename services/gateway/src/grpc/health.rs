//! The health service of gRPC: serving while this process is ready.

use std::time::Duration;

use chassis::ops::Readiness;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server;
use tonic_health::server::{HealthReporter, health_reporter};

/// How old an answer may be.
const EVERY: Duration = Duration::from_millis(500);

/// The services that clients ask for; the empty name is the server as a whole.
const SERVICES: [&str; 2] = ["", "sluice.v1.Ingestion"];

/// Keeps the answers true.
pub(crate) struct Health {
    reporter: HealthReporter,
    readiness: Readiness,
}

impl Health {
    /// The service, not serving at first, and what keeps it true.
    pub(super) fn new(
        readiness: Readiness,
    ) -> (Self, health_server::HealthServer<impl health_server::Health>) {
        let (reporter, service) = health_reporter();
        (Self { reporter, readiness }, service)
    }

    /// Makes the services known, not serving yet.
    pub(crate) async fn announce(&self) {
        self.tell(ServingStatus::NotServing).await;
    }

    /// Runs until `shutdown`, and says then that nothing is served any longer.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let ready = self.readiness.report().ready;
            self.tell(if ready {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            })
            .await;
        }
        self.tell(ServingStatus::NotServing).await;
    }

    async fn tell(&self, status: ServingStatus) {
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }
}
