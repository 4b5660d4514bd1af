//! Apache Kafka: one node that is broker and controller.
//!
//! Topics must be made before they are used, as in production. Beside the listener that clients use there is
//! one for its own needs when clients must use TLS or a password.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};

use crate::certificates::Certificates;
use crate::folder::Folder;
use crate::java::{self, Call, Tuning};
use crate::ports::Port;
use crate::process::Process;
use crate::{jars, probe};

/// Any 16 bytes in base64 will do: no test joins two clusters.
const CLUSTER: &str = "c2x1aWNlLXRlc3RpbmctMQ";

const LOGGING: [&str; 2] = [
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
];

/// How a Kafka is started. The default is a plaintext listener on a free port.
#[derive(Clone)]
pub struct KafkaOptions {
    /// Lines of `server.properties` that go after ours, and so win.
    pub properties: Vec<String>,
    /// How clients connect.
    pub listener: Listener,
    /// The port for clients, when it is free; any other when not, or when 0.
    pub port: u16,
    /// What the virtual machine is tuned for.
    pub tuning: Tuning,
    /// Its heap in MiB.
    pub heap_mib: u32,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            properties: Vec::new(),
            listener: Listener::Plaintext,
            port: 0,
            tuning: Tuning::Start,
            heap_mib: 512,
        }
    }
}

/// How clients connect to Kafka.
#[derive(Clone, Default)]
pub enum Listener {
    /// Anyone, unencrypted.
    #[default]
    Plaintext,
    /// TLS.
    Tls {
        /// What the broker shows, and whom it trusts.
        certificates: Certificates,
        /// Whether clients must show a certificate too.
        mutual: bool,
    },
    /// Users with passwords.
    Sasl {
        /// Over TLS with these; unencrypted without.
        certificates: Option<Certificates>,
        /// How a password is shown.
        mechanism: Mechanism,
        /// Who may connect.
        users: Vec<User>,
    },
}

/// How a client shows its password to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

/// Who may connect to Kafka. Neither part may hold a quote, a comma or a bracket.
#[derive(Clone)]
pub struct User {
    /// Name.
    pub name: String,
    /// Password.
    pub password: String,
}

impl Mechanism {
    /// Its name in the settings of clients.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl Listener {
    fn protocol(&self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Tls { .. } => "SSL",
            Self::Sasl {
                certificates: None, ..
            } => "SASL_PLAINTEXT",
            Self::Sasl { .. } => "SASL_SSL",
        }
    }

    fn certificates(&self) -> Option<&Certificates> {
        match self {
            Self::Plaintext => None,
            Self::Tls { certificates, .. } => Some(certificates),
            Self::Sasl { certificates, .. } => certificates.as_ref(),
        }
    }

    /// Its lines of `server.properties`.
    fn properties(&self, dir: &Path) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        if let Some(certificates) = self.certificates() {
            let files = certificates.write(dir)?;
            lines.push("listener.name.client.ssl.keystore.type=PEM".to_owned());
            lines.push(format!(
                "listener.name.client.ssl.keystore.location={}",
                files.key_store.display()
            ));
            lines.push("listener.name.client.ssl.truststore.type=PEM".to_owned());
            lines.push(format!(
                "listener.name.client.ssl.truststore.location={}",
                files.authority.display()
            ));
        }
        match self {
            Self::Tls { mutual: true, .. } => {
                lines.push("listener.name.client.ssl.client.auth=required".to_owned());
            }
            Self::Sasl { mechanism, users, .. } => lines.extend(sasl(*mechanism, users)),
            Self::Plaintext | Self::Tls { .. } => {}
        }
        Ok(lines)
    }

    /// What formatting must know: SCRAM users are records of the cluster, not settings.
    fn format_args(&self) -> Vec<String> {
        let Self::Sasl { mechanism, users, .. } = self else {
            return Vec::new();
        };
        if *mechanism == Mechanism::Plain {
            return Vec::new();
        }
        let scram = |User { name, password }: &User| {
            let record = format!("{}=[name={name},password={password}]", mechanism.name());
            ["--add-scram".to_owned(), record]
        };
        users.iter().flat_map(scram).collect()
    }
}

fn sasl(mechanism: Mechanism, users: &[User]) -> [String; 2] {
    let name = mechanism.name();
    let security = "org.apache.kafka.common.security";
    let login = if mechanism == Mechanism::Plain {
        let users = users
            .iter()
            .map(|User { name, password }| format!(" user_{name}=\"{password}\""));
        format!(
            "{security}.plain.PlainLoginModule required{};",
            users.collect::<String>()
        )
    } else {
        format!("{security}.scram.ScramLoginModule required;")
    };
    [
        format!("listener.name.client.sasl.enabled.mechanisms={name}"),
        format!(
            "listener.name.client.{}.sasl.jaas.config={login}",
            name.to_ascii_lowercase()
        ),
    ]
}

/// A running Kafka; it is ended when dropped, and its data removed.
pub struct Kafka {
    process: Process,
    client: Port,
    /// Held so that no other engine takes them while this one is down.
    _others: Vec<Port>,
}

impl Kafka {
    /// Starts one and waits until topics can be made.
    pub fn start() -> Self {
        Self::start_with(&KafkaOptions::default())
    }

    /// Starts one with `options`.
    pub fn start_with(options: &KafkaOptions) -> Self {
        let never = AtomicBool::new(false);
        Self::try_start(options, &never).unwrap_or_else(|error| panic!("{error:#}"))
    }

    pub(crate) fn try_start(options: &KafkaOptions, given_up: &AtomicBool) -> Result<Self> {
        let (java, jars) = (java::find()?, jars::KAFKA.jars()?);
        let dir = Folder::make("kafka")?;
        let (client, controller, own) = (Port::preferred(options.port)?, Port::any()?, Port::any()?);
        let properties = dir.path().join("server.properties");
        fs::write(
            &properties,
            text(options, dir.path(), [&client, &controller, &own])?,
        )?;

        let call = |main, args| Call {
            java: &java,
            jars: &jars,
            tuning: options.tuning,
            heap_mib: options.heap_mib,
            flags: LOGGING.map(str::to_owned).into(),
            main,
            args,
        };
        let mut format: Vec<OsString> = ["format", "-t", CLUSTER, "-c"].map(OsString::from).into();
        format.push(properties.clone().into());
        format.extend(options.listener.format_args().into_iter().map(OsString::from));
        run(&call("kafka.tools.StorageTool", format).words())?;

        let words = call("kafka.Kafka", vec![properties.into()]).words();
        let answering = own.number();
        let ready = Box::new(move |_: &str| probe::kafka(answering));
        let mut process = Process::new("kafka", words, dir, ready);
        process.start(given_up)?;
        Ok(Self {
            process,
            client,
            _others: vec![controller, own],
        })
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.client.address()
    }
}

fn text(options: &KafkaOptions, dir: &Path, [client, controller, own]: [&Port; 3]) -> Result<String> {
    let (client, controller, own) = (client.address(), controller.address(), own.address());
    let mut lines = vec![
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@{controller}"),
        format!("listeners=CLIENT://{client},OWN://{own},CONTROLLER://{controller}"),
        format!("advertised.listeners=CLIENT://{client},OWN://{own}"),
        format!(
            "listener.security.protocol.map=CLIENT:{},OWN:PLAINTEXT,CONTROLLER:PLAINTEXT",
            options.listener.protocol()
        ),
        "controller.listener.names=CONTROLLER".to_owned(),
        "inter.broker.listener.name=OWN".to_owned(),
        format!("log.dirs={}", dir.join("data").display()),
        // A killed broker is taken back only when its session has run out: 9 s by default.
        "broker.session.timeout.ms=3000".to_owned(),
        "broker.heartbeat.interval.ms=500".to_owned(),
        "auto.create.topics.enable=false".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
        // A test that kills a member would wait for the usual 6 s at least.
        "group.min.session.timeout.ms=1000".to_owned(),
        // One node has one copy of everything; few partitions of its own topics start soon.
        "offsets.topic.replication.factor=1".to_owned(),
        "offsets.topic.num.partitions=4".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        "transaction.state.log.num.partitions=4".to_owned(),
    ];
    lines.extend(options.listener.properties(dir)?);
    lines.extend(options.properties.iter().cloned());
    Ok(lines.join("\n") + "\n")
}

fn run(words: &[OsString]) -> Result<()> {
    let (program, args) = words.split_first().context("a command has a program")?;
    let output = Command::new(program)
        .args(args)
        .output()
        .context("formatting the folder of Kafka")?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "formatting the folder of Kafka: {}",
            String::from_utf8_lossy(&said)
        );
    }
    Ok(())
}

crate::process::engine!(Kafka);

#[cfg(test)]
mod tests;
