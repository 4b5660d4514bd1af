//! Apache Cassandra: one node.
//!
//! By default a write is answered after it is in the commit log on disk, so that a killed node has it again.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Result;

use crate::certificates::Certificates;
use crate::folder::Folder;
use crate::java::{self, Call, Tuning};
use crate::ports::Port;
use crate::process::{Process, Ready};
use crate::{jars, probe};

/// Packages that Cassandra uses though their modules do not export them.
const EXPORTS: [&str; 10] = [
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.unsupported/sun.misc",
];

/// Packages that Cassandra looks into by reflection.
const OPENS: [&str; 17] = [
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.rmi/sun.rmi.transport.tcp",
    "jdk.management/com.sun.management.internal",
];

const LOGGING: &str = r#"<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5level %logger{1} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"#;

/// How a Cassandra is started. The default is plaintext on a free port, without passwords.
#[derive(Clone)]
pub struct CassandraOptions {
    /// Whether a write is answered after it is on disk, so that a killed node has it again. Without, a killed
    /// node forgets up to ten seconds, and writes are three to five times as fast.
    pub durable: bool,
    /// Whether clients need a password; the only user is `cassandra`, and so is its password.
    pub passwords: bool,
    /// TLS alone, with these.
    pub certificates: Option<Certificates>,
    /// Whether clients must show a certificate too.
    pub mutual: bool,
    /// Lines of `cassandra.yaml` beside ours. A key that is there already is an error.
    pub yaml: Vec<String>,
    /// The port, when it is free; any other when not, or when 0.
    pub port: u16,
    /// What the virtual machine is tuned for.
    pub tuning: Tuning,
    /// Its heap in MiB.
    pub heap_mib: u32,
}

impl Default for CassandraOptions {
    fn default() -> Self {
        Self {
            durable: true,
            passwords: false,
            certificates: None,
            mutual: false,
            yaml: Vec::new(),
            port: 0,
            tuning: Tuning::Start,
            heap_mib: 1024,
        }
    }
}

/// A running Cassandra; it is ended when dropped, and its data removed.
pub struct Cassandra {
    process: Process,
    client: Port,
    /// Held so that no other engine takes it while this one is down.
    _storage: Port,
}

impl Cassandra {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&CassandraOptions::default())
    }

    /// Starts one with `options`.
    pub fn start_with(options: &CassandraOptions) -> Self {
        let never = AtomicBool::new(false);
        Self::try_start(options, &never).unwrap_or_else(|error| panic!("{error:#}"))
    }

    pub(crate) fn try_start(options: &CassandraOptions, given_up: &AtomicBool) -> Result<Self> {
        let (java, jars) = (java::find()?, jars::CASSANDRA.jars()?);
        let dir = Folder::make("cassandra")?;
        let (client, storage) = (Port::preferred(options.port)?, Port::any()?);
        let yaml = yaml(options, dir.path(), client.number(), storage.number())?;
        fs::write(dir.path().join("cassandra.yaml"), yaml)?;
        fs::write(dir.path().join("logback.xml"), LOGGING)?;

        let call = Call {
            java: &java,
            jars: &jars,
            tuning: options.tuning,
            heap_mib: options.heap_mib,
            flags: flags(dir.path()),
            main: "org.apache.cassandra.service.CassandraDaemon",
            args: Vec::new(),
        };
        let mut process = Process::new("cassandra", call.words(), dir, ready(options, client.number()));
        process.start(given_up)?;
        Ok(Self {
            process,
            client,
            _storage: storage,
        })
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.client.address()
    }
}

/// The first user is made a moment after clients may connect, at the first start; later it is there.
fn ready(options: &CassandraOptions, port: u16) -> Ready {
    let tls = options.certificates.is_some();
    let passwords = options.passwords;
    Box::new(move |log| {
        let listens = if tls {
            log.contains("Starting listening for CQL clients")
        } else {
            probe::cql(port)
        };
        let has_user = !passwords || log.contains("Created default superuser role");
        listens && has_user
    })
}

fn flags(dir: &Path) -> Vec<String> {
    let exports = EXPORTS.map(|package| format!("--add-exports={package}=ALL-UNNAMED"));
    let opens = OPENS.map(|package| format!("--add-opens={package}=ALL-UNNAMED"));
    let shown = dir.display();
    let ours = [
        format!("-Dcassandra.config=file://{shown}/cassandra.yaml"),
        format!("-Dcassandra.storagedir={shown}"),
        format!("-Dlogback.configurationFile={shown}/logback.xml"),
        // JNA unpacks its library there.
        format!("-Djava.io.tmpdir={shown}"),
        "-Dcassandra-foreground=yes".to_owned(),
        "-Djna.nosys=true".to_owned(),
        // A node alone has nobody to wait for.
        "-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned(),
        "-Dcassandra.ring_delay_ms=100".to_owned(),
        "-Dcassandra.superuser_setup_delay_ms=0".to_owned(),
    ];
    exports.into_iter().chain(opens).chain(ours).collect()
}

fn yaml(options: &CassandraOptions, dir: &Path, client: u16, storage: u16) -> Result<String> {
    let dir_shown = dir.display();
    let (authenticator, authorizer) = if options.passwords {
        ("PasswordAuthenticator", "CassandraAuthorizer")
    } else {
        ("AllowAllAuthenticator", "AllowAllAuthorizer")
    };
    let commit_log = if options.durable {
        "commitlog_sync: batch"
    } else {
        "commitlog_sync: periodic\ncommitlog_sync_period: 10s"
    };
    let mut text = format!(
        "cluster_name: test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"127.0.0.1:{storage}\"
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {client}
data_file_directories: [\"{dir_shown}/data\"]
commitlog_directory: \"{dir_shown}/commitlog\"
hints_directory: \"{dir_shown}/hints\"
saved_caches_directory: \"{dir_shown}/saved_caches\"
{commit_log}
commitlog_disk_access_mode: legacy
commitlog_segment_size: 16MiB
memtable:
  configurations:
    default:
      class_name: TrieMemtable
sstable:
  selected_format: bti
storage_compatibility_mode: NONE
authenticator: {authenticator}
authorizer: {authorizer}
auto_snapshot: false
file_cache_size: 64MiB
key_cache_size: 16MiB
read_request_timeout: 10s
range_request_timeout: 20s
write_request_timeout: 10s
cas_contention_timeout: 5s
request_timeout: 20s
"
    );
    if let Some(certificates) = &options.certificates {
        let files = certificates.write(dir)?;
        write!(
            text,
            "client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: {}
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: \"{}\"
  truststore: \"{}\"
",
            options.mutual,
            files.key_store.display(),
            files.authority.display(),
        )?;
    }
    for line in &options.yaml {
        writeln!(text, "{line}")?;
    }
    Ok(text)
}

crate::process::engine!(Cassandra);

#[cfg(test)]
mod tests;
