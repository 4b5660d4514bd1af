//! Every role as a process of its own, on real engines.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::client::Client;
use crate::process::{Launch, Process, binary};
use crate::system::addresses_of;

/// Where the engines are.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Kafka.
    pub kafka: String,
    /// Cassandra.
    pub cql: String,
    /// Redis.
    pub redis: String,
}

impl Endpoints {
    /// Those that run for all tests.
    pub fn shared() -> Self {
        Self {
            kafka: engines::kafka(),
            cql: engines::cql(),
            redis: engines::redis(),
        }
    }
}

/// What a process can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes events in.
    Gateway,
    /// Gives each its fate.
    Enrichment,
    /// Counts them.
    Analytics,
    /// Stores them.
    Retention,
    /// Finds them.
    Query,
}

impl Role {
    /// All of them, in the order in which they are started.
    pub const ALL: [Self; 5] = [
        Self::Query,
        Self::Retention,
        Self::Analytics,
        Self::Enrichment,
        Self::Gateway,
    ];

    /// Its subcommand.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Enrichment => "enrichment",
            Self::Analytics => "analytics",
            Self::Retention => "retention",
            Self::Query => "query",
        }
    }

    fn listeners(self) -> Vec<(&'static str, String)> {
        let names: &[&'static str] = match self {
            Self::Gateway | Self::Query => &["http", "grpc", "ops"],
            Self::Enrichment | Self::Analytics | Self::Retention => &["ops"],
        };
        let key = |name: &str| format!("SLUICE__LISTEN__{}__{}", self.name(), name).to_uppercase();
        names.iter().map(|name| (*name, key(name))).collect()
    }
}

/// The roles on engines, with topics and a keyspace of their own.
pub struct Distributed {
    dir: PathBuf,
    config: PathBuf,
    settings: Vec<(String, String)>,
    /// Names of topics and of the keyspace begin with it.
    prefix: String,
    processes: Vec<(Role, Process)>,
    platform_key: String,
    demo_key: String,
}

impl Distributed {
    /// Makes topics, tables and the first keys, starts every role and waits until all are ready.
    pub async fn start(dir: &Path, endpoints: Endpoints, settings: Vec<(String, String)>) -> Self {
        let mut system = Self::prepare(dir, &endpoints, settings);
        for role in Role::ALL {
            system.add(role);
        }
        system.start_all().await;
        let platform = Client::new(addresses_of(system.gateway()), &system.platform_key).await;
        system.demo_key = platform.make_tenant("demo", &["ingest", "read", "manage"]).await;
        system
    }

    fn prepare(dir: &Path, endpoints: &Endpoints, settings: Vec<(String, String)>) -> Self {
        let prefix = engines::unique("e2e");
        let config = dir.join("sluice.toml");
        std::fs::write(&config, config_text(endpoints, &prefix)).unwrap();
        let mut system = Self {
            dir: dir.to_owned(),
            config,
            settings,
            prefix,
            processes: Vec::new(),
            platform_key: String::new(),
            demo_key: String::new(),
        };
        system.run(&["migrate"]);
        let made = system.run(&["keys", "bootstrap"]);
        String::from_utf8(made.stdout)
            .unwrap()
            .trim()
            .clone_into(&mut system.platform_key);
        system
    }

    /// Runs an operator's command with the configuration of this system; it must succeed.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(args).arg("--config").arg(&self.config);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        output
    }

    /// One more process of a role, not started yet: its index.
    pub fn add(&mut self, role: Role) -> usize {
        let number = self.processes.iter().filter(|(known, _)| *known == role).count();
        let name = format!("{}-{number}", role.name());
        let addresses = self.dir.join(format!("{name}.json"));
        let mut settings = self.settings.clone();
        if let Some(query) = self.processes.iter().find(|(known, _)| *known == Role::Query) {
            settings.extend(forwarding(&query.1));
        }
        let launch = Launch {
            args: vec![
                role.name().to_owned(),
                "--config".into(),
                self.config.display().to_string(),
                "--addresses-file".into(),
                addresses.display().to_string(),
            ],
            name,
            settings,
            addresses,
            listeners: role.listeners(),
            wrapper: Vec::new(),
            own_mounts: false,
        };
        self.processes.push((role, Process::new(launch, &self.dir)));
        self.processes.len() - 1
    }

    /// Starts every process that is not running, and waits until all are ready.
    pub async fn start_all(&mut self) {
        for index in 0..self.processes.len() {
            if !self.processes[index].1.is_running() {
                self.spawn(index).await;
            }
            // A gateway would tell that query is not there yet.
            if self.processes[index].0 == Role::Query {
                self.processes[index].1.ready().await;
            }
        }
        for (_, process) in &mut self.processes {
            process.ready().await;
        }
    }

    /// Starts one process and waits until it listens.
    pub async fn spawn(&mut self, index: usize) {
        self.processes[index].1.spawn();
        self.processes[index].1.listens().await;
        if self.processes[index].0 == Role::Query {
            let target = forwarding(&self.processes[index].1);
            for (role, process) in &mut self.processes {
                if *role == Role::Gateway {
                    process.set(&target);
                }
            }
        }
    }

    /// Ends every process as a power cut would.
    pub fn kill_all(&mut self) {
        for (_, process) in &mut self.processes {
            process.kill();
        }
    }

    /// Asks every process to end, producers' side first, and tells whether all ended well.
    pub async fn stop_all(&mut self) -> bool {
        let mut all_well = true;
        for (_, process) in self
            .processes
            .iter_mut()
            .rev()
            .filter(|(_, process)| process.is_running())
        {
            process.terminate();
            all_well &= process.ended().await.success();
        }
        all_well
    }

    /// The first gateway.
    pub fn gateway(&self) -> &Process {
        self.of(Role::Gateway)
    }

    /// The first process of a role.
    pub fn of(&self, role: Role) -> &Process {
        let found = self.processes.iter().find(|(known, _)| *known == role);
        &found.expect("every role has a process").1
    }

    /// The process of this index, in the order of [`Role::ALL`] and then as added.
    pub fn process(&mut self, index: usize) -> &mut Process {
        &mut self.processes[index].1
    }

    /// The index of the first process of a role.
    pub fn index(&self, role: Role) -> usize {
        self.processes
            .iter()
            .position(|(known, _)| *known == role)
            .expect("every role has a process")
    }

    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().map(|(_, process)| process)
    }

    /// The platform key.
    pub fn platform_key(&self) -> &str {
        &self.platform_key
    }

    /// The key of the tenant `demo`.
    pub fn demo_key(&self) -> &str {
        &self.demo_key
    }

    /// The name of its keyspace.
    pub fn keyspace(&self) -> &str {
        &self.prefix
    }

    /// What the names of its topics begin with.
    pub fn topic_prefix(&self) -> String {
        format!("{}.", self.prefix)
    }
}

/// Settings of a gateway that passes reads on to this process.
fn forwarding(query: &Process) -> Vec<(String, String)> {
    let listening = query.listening();
    let named = [("URL", listening.http), ("GRPC", listening.grpc)];
    named
        .into_iter()
        .filter_map(|(name, address)| {
            Some((format!("SLUICE__FORWARD__{name}"), format!("http://{}", address?)))
        })
        .collect()
}

fn config_text(endpoints: &Endpoints, prefix: &str) -> String {
    let Endpoints { kafka, cql, redis } = endpoints;
    format!(
        r#"
dev = true

[auth]
pepper = "first 0123456789abcdef0123456789abcdef"

[kafka]
brokers = "{kafka}"
prefix = "{prefix}."
session_timeout = "3s"
partitions = 4
replication = 1
min_insync = 1

[cql]
nodes = "{cql}"
keyspace = "{prefix}"
replication_factor = 1

[redis]
address = "{redis}"
"#
    )
}
