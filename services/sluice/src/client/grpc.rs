//! The gRPC interface: a connection that notices when the other end is gone.

use std::time::Duration;

use anyhow::Context;
use edge::dial::{Dial, Origin, Protocol};
use proto::v1::ingestion_client::IngestionClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::{dial, trouble};
use crate::cli::{Connection, Usage};

const PING_EVERY: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// A client of the ingestion service that presents a key.
pub(crate) type Ingestion = IngestionClient<InterceptedService<Channel, WithKey>>;

/// Where to connect, and as whom.
#[derive(Clone)]
pub(crate) struct Grpc {
    origin: Origin,
    endpoint: Endpoint,
    dial: Dial,
    with_key: WithKey,
}

/// There is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotConnected(String);

/// Adds the key to each call.
#[derive(Clone)]
pub(crate) struct WithKey(MetadataValue<Ascii>);

impl Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Grpc {
    /// Prepares calls; connects to nothing yet.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let origin: Origin = connection.grpc.parse().context("preparing the gRPC client")?;
        // Encryption is the matter of `dial`; the transport must not look for its own.
        let endpoint = Endpoint::from_shared(format!("http://{}", origin.authority()))
            .context("preparing the gRPC client")?
            .origin(origin.to_string().parse()?)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))?
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE);
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", connection.key()?.reveal())
            .parse()
            .map_err(|_| Usage("the key has characters that no key has".into()))?;
        value.set_sensitive(true);
        Ok(Self {
            dial: dial(connection, &origin, Protocol::Http2)?,
            origin,
            endpoint,
            with_key: WithKey(value),
        })
    }

    /// The address.
    pub(crate) fn address(&self) -> String {
        self.origin.to_string()
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Ingestion, NotConnected> {
        let connected = self.endpoint.connect_with_connector(self.dial.clone()).await;
        let channel = connected.map_err(|error| NotConnected(trouble::cause(&error)))?;
        Ok(IngestionClient::with_interceptor(channel, self.with_key.clone()))
    }
}
