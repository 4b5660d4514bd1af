//! The way from settings to a session, and what is in the way, told apart: what an operator has to change, and
//! what passes by itself.

use std::error::Error as StdError;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use openssl::error::ErrorStack;
use openssl::ssl::{self, SslConnector, SslConnectorBuilder, SslFiletype, SslMethod};
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::{Session, TlsContext};
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, MetadataError,
    NewSessionError,
};
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::statement::{Consistency, SerialConsistency};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::config::{Config, Tls};
use crate::port::{Class, Error};

/// How often it is asked whether all nodes know a change of the schema.
const AGREEMENT_INTERVAL: Duration = Duration::from_millis(50);
/// How long they may take to know it.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is wrong.
    #[error("store settings: {reason}")]
    Config {
        /// Which, and what is allowed.
        reason: String,
    },
    /// No node answers. Try again later.
    #[error("no node of the store can be reached: {reason}")]
    Unreachable {
        /// Each node with what is wrong with it.
        reason: String,
    },
    /// The cluster does not let us in.
    #[error("the store refuses our name or password: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// No encrypted connection can be made.
    #[error("TLS to the store fails: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// The datacenter is unknown, or there are several and none is named.
    #[error("store has the datacenters {known:?}: name one of them, the same for every service")]
    Datacenter {
        /// Those that it has.
        known: Vec<String>,
    },
    /// There is no such keyspace.
    #[error("store has no keyspace {keyspace}: run `sluice migrate`")]
    NoKeyspace {
        /// The one that was asked for.
        keyspace: String,
    },
    /// The schema is older than this build.
    #[error("keyspace {keyspace} lacks migration {number} ({name}): run `sluice migrate`")]
    NotMigrated {
        /// The keyspace.
        keyspace: String,
        /// The first that is missing.
        number: u32,
        /// Its name.
        name: &'static str,
    },
    /// A migration that was applied is not the one that this build knows.
    #[error("migration {number} ({name}) of keyspace {keyspace} is not the one of this build")]
    Changed {
        /// The keyspace.
        keyspace: String,
        /// Which.
        number: u32,
        /// Its name.
        name: &'static str,
    },
    /// The schema is newer than the next version, which is the last one that this build may meet.
    #[error(
        "keyspace {keyspace} has schema version {found}, this build takes at most {accepted}: upgrade it"
    )]
    TooNew {
        /// The keyspace.
        keyspace: String,
        /// The version that it has.
        found: u32,
        /// The greatest one that this build takes.
        accepted: u32,
    },
    /// It went away, or what it holds is not readable.
    #[error(transparent)]
    Store(#[from] Error),
}

impl OpenError {
    /// What the caller should do. Exhaustive on purpose: a new variant does not compile until someone
    /// classifies it.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } => Class::Transient,
            Self::Store(error) => error.class(),
            Self::Config { .. }
            | Self::Refused { .. }
            | Self::Tls { .. }
            | Self::Datacenter { .. }
            | Self::NoKeyspace { .. }
            | Self::NotMigrated { .. }
            | Self::Changed { .. }
            | Self::TooNew { .. } => Class::Fatal,
        }
    }
}

/// Connects.
pub(super) async fn session(config: &Config) -> Result<Session, OpenError> {
    config.check()?;
    let session = match builder(config)?.build().await {
        Ok(session) => session,
        Err(error) => return Err(explained(config, &error).await),
    };
    check_datacenter(config, &session)?;
    Ok(session)
}

fn builder(config: &Config) -> Result<SessionBuilder, OpenError> {
    let connections = NonZeroUsize::new(config.connections_per_node).unwrap_or(NonZeroUsize::MIN);
    let mut policy = DefaultPolicy::builder();
    if let Some(datacenter) = &config.datacenter {
        policy = policy.prefer_datacenter(datacenter.clone());
    }
    // No speculative executions: the default has none, and retries only what can't do harm.
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::Serial))
        .request_timeout(Some(config.request_timeout))
        .load_balancing_policy(policy.build())
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.nodes)
        .connection_timeout(config.connect_timeout)
        .hostname_resolution_timeout(Some(config.connect_timeout))
        .metadata_request_clientside_timeout(config.request_timeout)
        .metadata_request_serverside_timeout(config.request_timeout)
        // A node that takes connections and answers nothing is given up after both.
        .keepalive_interval(config.request_timeout)
        .keepalive_timeout(config.request_timeout)
        .pool_size(PoolSize::PerHost(connections))
        .keyspaces_to_fetch([&config.keyspace])
        .fetch_full_schema_metadata(false)
        .schema_agreement_interval(AGREEMENT_INTERVAL)
        .schema_agreement_timeout(AGREEMENT_TIMEOUT)
        .default_execution_profile_handle(profile.into_handle());
    if let Some(credentials) = &config.credentials {
        builder = builder.user(&credentials.username, &credentials.password);
    }
    let Some(tls) = &config.tls else {
        return Ok(builder);
    };
    let connector = connector(tls).map_err(|error| OpenError::Tls {
        reason: format!("certificates or key can't be used: {error}"),
    })?;
    Ok(builder.tls_context(Some(TlsContext::from(connector))))
}

/// Certificates are checked, which is the default, against the address of the node, which the driver sees to.
fn connector(tls: &Tls) -> Result<SslConnectorBuilder, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(file) = &tls.ca_file {
        builder.set_ca_file(file)?;
    }
    if let Some((certificate, key)) = &tls.identity {
        builder.set_certificate_chain_file(certificate)?;
        builder.set_private_key_file(key, SslFiletype::PEM)?;
        builder.check_private_key()?;
    }
    Ok(builder)
}

/// A quorum of one datacenter knows nothing of what a quorum of another was told, so all must ask the same one.
fn check_datacenter(config: &Config, session: &Session) -> Result<(), OpenError> {
    let state = session.get_cluster_state();
    let nodes = state.get_nodes_info().iter();
    let mut known: Vec<_> = nodes.filter_map(|node| node.datacenter.clone()).collect();
    known.sort_unstable();
    known.dedup();
    let is_clear = match &config.datacenter {
        Some(datacenter) => known.contains(datacenter),
        None => known.len() <= 1,
    };
    if is_clear {
        Ok(())
    } else {
        Err(OpenError::Datacenter { known })
    }
}

/// What an operator wants to know about a session that could not be made.
async fn explained(config: &Config, error: &NewSessionError) -> OpenError {
    let reason = error.to_string();
    let connection = match error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
            last_connection_error,
        })) => Some(last_connection_error),
        _ => None,
    };
    match connection {
        Some(ConnectionError::ConnectionSetupRequestError(setup)) if is_refusal(setup.get_error()) => {
            OpenError::Refused {
                reason: setup.get_error().to_string(),
            }
        }
        Some(ConnectionError::IoError(error)) if is_of_tls(error) => OpenError::Tls {
            reason: error.to_string(),
        },
        Some(error) => unreachable_nodes(config, &error.to_string()).await,
        None => unreachable_nodes(config, &reason).await,
    }
}

fn is_refusal(error: &ConnectionSetupRequestErrorKind) -> bool {
    use ConnectionSetupRequestErrorKind as Kind;
    matches!(
        error,
        Kind::DbError(DbError::AuthenticationError | DbError::Unauthorized, _)
            | Kind::MissingAuthentication
            | Kind::StartAuthSessionError(_)
            | Kind::AuthChallengeEvaluationError(_)
    )
}

fn is_of_tls(error: &Arc<io::Error>) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = cause {
        if error.is::<ssl::Error>() || error.is::<ErrorStack>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The driver tells of the last node it tried. So each is asked once more whether it is there at all.
async fn unreachable_nodes(config: &Config, last: &str) -> OpenError {
    let probes = config.nodes.iter().map(|node| async move {
        let state = match timeout(config.connect_timeout, TcpStream::connect(node)).await {
            Ok(Ok(_)) => "it can be connected to".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no connection within {} ms", config.connect_timeout.as_millis()),
        };
        format!("{node}: {state}")
    });
    let nodes = join_all(probes).await.join("; ");
    OpenError::Unreachable {
        reason: format!("{nodes}; the last attempt said: {last}"),
    }
}
