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

/// Keeps the answers true.
#[derive(Debug)]
pub struct Health {
    services: Vec<&'static str>,
    reporter: HealthReporter,
    readiness: Readiness,
}

impl Health {
    /// The service, not serving at first, and what keeps it true. Clients ask for `services` by their full names, or
    /// for the server as a whole.
    pub fn new(
        readiness: Readiness,
        services: &[&'static str],
    ) -> (
        Self,
        health_server::HealthServer<impl health_server::Health + use<>>,
    ) {
        let (reporter, service) = health_reporter();
        let health = Self {
            services: [""].into_iter().chain(services.iter().copied()).collect(),
            reporter,
            readiness,
        };
        (health, service)
    }

    /// Makes the services known, not serving yet.
    pub async fn announce(&self) {
        self.tell(ServingStatus::NotServing).await;
    }

    /// Runs until `shutdown`, and says then that nothing is served any longer.
    pub async fn run(self, shutdown: CancellationToken) {
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
        for service in &self.services {
            self.reporter.set_service_status(*service, status).await;
        }
    }
}
