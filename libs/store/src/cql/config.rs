//! Settings of the adapter: plain data, checked before a socket opens.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::open::OpenError;

/// Keyspaces have names of at most so many characters in every engine.
const MAX_KEYSPACE_CHARS: usize = 48;
const MAX_NODES: usize = 64;
/// Above this an engine refuses the write: half of a segment of its commit log.
const MAX_ROW_BYTES: usize = 8 << 20;
/// A batch has a 16-bit number of rows, and no row is shorter than 64 bytes.
const MAX_BATCH_BYTES: usize = 2 << 20;

/// Settings of the store on ScyllaDB or Cassandra. [`Config::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the cluster is first asked for its nodes: `host:port` each.
    pub nodes: Vec<String>,
    /// The keyspace: 1 to 48 characters of `a-z 0-9 _`, starting with a letter.
    pub keyspace: String,
    /// The datacenter whose nodes are asked and whose quorum counts. All services of a system name the same
    /// one. May be left out only where the cluster has a single one.
    pub datacenter: Option<String>,
    /// Who we are; none is anonymous.
    pub credentials: Option<Credentials>,
    /// Encryption; none sends everything in the clear.
    pub tls: Option<Tls>,
    /// How long a connection may take to be made (5 s).
    pub connect_timeout: Duration,
    /// How long a request may take, tries on other nodes included, before it fails as unavailable (5 s).
    pub request_timeout: Duration,
    /// Connections to each node (2); on ScyllaDB rounded up to one for each of its shards.
    pub connections_per_node: usize,
    /// Requests under way at once, of all calls together (512). Others wait for one of them to end.
    pub max_in_flight: usize,
    /// Requests of one kind under way at once of one call (32).
    pub call_concurrency: usize,
    /// Bytes of the rows that are written in one batch (32 KiB). A row with more goes alone.
    pub batch_bytes: usize,
    /// Bytes that one row may have (1 MiB, at most 8 MiB).
    pub max_row_bytes: usize,
}

/// A name and a password.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Encryption of connections. The certificate of a node must name its IP address: nodes are known to each other
/// and to us by nothing else.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates in PEM that nodes' are checked against; none takes those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate in PEM, with its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Config {
    /// Defaults for these nodes and this keyspace.
    pub fn new(nodes: Vec<String>, keyspace: impl Into<String>) -> Self {
        Self {
            nodes,
            keyspace: keyspace.into(),
            datacenter: None,
            credentials: None,
            tls: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            connections_per_node: 2,
            max_in_flight: 512,
            call_concurrency: 32,
            batch_bytes: 32 << 10,
            max_row_bytes: 1 << 20,
        }
    }

    pub(super) fn check(&self) -> Result<(), OpenError> {
        if !(1..=MAX_NODES).contains(&self.nodes.len()) {
            return invalid(format!("nodes must be 1 to {MAX_NODES}"));
        }
        if !is_keyspace(&self.keyspace) {
            return invalid(format!(
                "keyspace must be 1 to {MAX_KEYSPACE_CHARS} characters of a-z 0-9 _, starting with a letter"
            ));
        }
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return invalid("connect_timeout and request_timeout must not be zero");
        }
        if self.connections_per_node == 0 || self.max_in_flight == 0 || self.call_concurrency == 0 {
            return invalid("connections_per_node, max_in_flight and call_concurrency must not be zero");
        }
        if !(1..=MAX_BATCH_BYTES).contains(&self.batch_bytes) {
            return invalid(format!("batch_bytes must be 1 to {MAX_BATCH_BYTES}"));
        }
        if !(1..=MAX_ROW_BYTES).contains(&self.max_row_bytes) {
            return invalid(format!("max_row_bytes must be 1 to {MAX_ROW_BYTES}"));
        }
        Ok(())
    }
}

fn is_keyspace(name: &str) -> bool {
    (1..=MAX_KEYSPACE_CHARS).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
}

fn invalid(reason: impl Into<String>) -> Result<(), OpenError> {
    let reason = reason.into();
    Err(OpenError::Config { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(vec!["127.0.0.1:9042".to_owned()], "sluice")
    }

    #[test]
    fn the_defaults_are_right() {
        config().check().unwrap();
    }

    #[test]
    fn wrong_settings_are_refused() {
        let wrong: [fn(&mut Config); 10] = [
            |config| config.nodes.clear(),
            |config| config.keyspace.clear(),
            |config| config.keyspace = "Sluice".to_owned(),
            |config| config.keyspace = "k; DROP".to_owned(),
            |config| config.keyspace = "k".repeat(49),
            |config| config.request_timeout = Duration::ZERO,
            |config| config.max_in_flight = 0,
            |config| config.call_concurrency = 0,
            |config| config.batch_bytes = 0,
            |config| config.max_row_bytes = 64 << 20,
        ];
        for change in wrong {
            let mut config = config();
            change(&mut config);
            assert!(
                matches!(config.check(), Err(OpenError::Config { .. })),
                "{config:?}"
            );
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let mut config = config();
        config.credentials = Some(Credentials {
            username: "sluice".to_owned(),
            password: "hunter2".to_owned(),
        });
        let shown = format!("{config:?}");
        assert!(shown.contains("sluice") && !shown.contains("hunter2"), "{shown}");
    }
}
