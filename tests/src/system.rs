//! A whole system of real processes: `sluice standalone`, or every role as a process of its own on real engines.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::client::Client;
use crate::distributed::{Distributed, Endpoints, Role};
pub use crate::process::{DEADLINE, binary};
use crate::process::{Launch, Process};

/// Which of the two systems a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// One process with embedded engines.
    Standalone,
    /// A process for each role, on Kafka, Cassandra and Redis.
    Distributed,
}

/// Where the gateway listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// HTTP API.
    pub http: SocketAddr,
    /// gRPC API.
    pub grpc: SocketAddr,
    /// Live, ready and metrics.
    pub ops: SocketAddr,
}

/// A running system. Its processes are killed when it is dropped.
pub struct System {
    kind: Kind,
    scratch: TempDir,
}

enum Kind {
    Standalone { process: Process, data: PathBuf },
    Distributed(Distributed),
}

impl System {
    /// Starts one and waits until it is ready, with the tenant `demo`.
    pub async fn start(stack: Stack) -> Self {
        Self::start_with(stack, []).await
    }

    /// Starts one with settings from the environment, such as `("SLUICE__GATEWAY__...", "1")`.
    pub async fn start_with(
        stack: Stack,
        settings: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        let scratch = TempDir::new().unwrap();
        let settings: Vec<_> = settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let kind = match stack {
            Stack::Standalone => {
                let data = scratch.path().join("data");
                let mut process = standalone(scratch.path(), &data, settings);
                process.start().await;
                Kind::Standalone { process, data }
            }
            Stack::Distributed => {
                let distributed = Distributed::start(scratch.path(), Endpoints::shared(), settings).await;
                Kind::Distributed(distributed)
            }
        };
        Self { kind, scratch }
    }

    /// Starts it again with what it has stored, after [`System::kill`] or [`System::stop`].
    pub async fn restart(&mut self) {
        match &mut self.kind {
            Kind::Standalone { process, .. } => process.start().await,
            Kind::Distributed(distributed) => distributed.start_all().await,
        }
    }

    /// Ends every process of it as a power cut would.
    pub fn kill(&mut self) {
        match &mut self.kind {
            Kind::Standalone { process, .. } => process.kill(),
            Kind::Distributed(distributed) => distributed.kill_all(),
        }
    }

    /// Asks every process to end, and tells whether all ended well.
    pub async fn stop(&mut self) -> bool {
        match &mut self.kind {
            Kind::Standalone { process, .. } => {
                process.terminate();
                process.ended().await.success()
            }
            Kind::Distributed(distributed) => distributed.stop_all().await,
        }
    }

    /// A client with the key of the tenant `demo`.
    pub async fn client(&self) -> Client {
        self.client_with(&self.demo_key()).await
    }

    /// A client with the platform key.
    pub async fn platform(&self) -> Client {
        let key = match &self.kind {
            Kind::Standalone { data, .. } => read_key(&data.join("platform.key")),
            Kind::Distributed(distributed) => distributed.platform_key().to_owned(),
        };
        self.client_with(&key).await
    }

    /// A client with this key.
    pub async fn client_with(&self, key: &str) -> Client {
        Client::new(self.addresses(), key).await
    }

    /// The key of the tenant `demo`.
    pub fn demo_key(&self) -> String {
        match &self.kind {
            Kind::Standalone { data, .. } => read_key(&data.join("demo.key")),
            Kind::Distributed(distributed) => distributed.demo_key().to_owned(),
        }
    }

    /// The process that clients talk to.
    pub fn front(&self) -> &Process {
        match &self.kind {
            Kind::Standalone { process, .. } => process,
            Kind::Distributed(distributed) => distributed.gateway(),
        }
    }

    /// Asks the processes of a role to end, where each role is a process of its own.
    pub async fn stop_role(&mut self, role: Role) {
        if let Kind::Distributed(distributed) = &mut self.kind {
            let index = distributed.index(role);
            distributed.process(index).terminate();
            distributed.process(index).ended().await;
        }
    }

    /// Starts the process of a role again.
    pub async fn start_role(&mut self, role: Role) {
        if let Kind::Distributed(distributed) = &mut self.kind {
            let index = distributed.index(role);
            distributed.spawn(index).await;
        }
    }

    /// Its roles, where each is a process of its own.
    pub fn distributed(&self) -> &Distributed {
        match &self.kind {
            Kind::Distributed(distributed) => distributed,
            Kind::Standalone { .. } => panic!("it is one process"),
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        addresses_of(self.front())
    }

    /// A directory for the story's own files.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Resident memory of all its processes, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.processes()
            .iter()
            .map(|process| process.resident_bytes())
            .sum()
    }

    /// The most resident memory that each of its processes has had, summed, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.processes().iter().map(|process| process.peak_bytes()).sum()
    }

    fn processes(&self) -> Vec<&Process> {
        match &self.kind {
            Kind::Standalone { process, .. } => vec![process],
            Kind::Distributed(distributed) => distributed.processes().collect(),
        }
    }

    /// A client command of the program, talking to this system with the key of the tenant `demo`.
    pub fn cli(&self, args: &[&str]) -> Command {
        let addresses = self.addresses();
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.scratch());
        command.args(["--url", &format!("http://{}", addresses.http)]);
        command.args(["--grpc", &format!("http://{}", addresses.grpc)]);
        command.env("SLUICE_KEY", self.demo_key());
        command
    }

    /// What its processes have logged so far.
    pub fn log(&self) -> String {
        self.processes().iter().map(|process| process.log()).collect()
    }

    /// Fails when it has logged a warning or an error that does not contain one of `expected`.
    pub fn assert_quiet(&self, expected: &[&str]) {
        for process in self.processes() {
            let log = process.log();
            let unexpected = log
                .lines()
                .find(|line| is_loud(line) && !expected.iter().any(|text| line.contains(text)));
            assert_eq!(unexpected, None, "{}", process.name());
        }
    }
}

fn is_loud(line: &str) -> bool {
    line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"") || line.contains("panicked")
}

/// One process with the whole system, its data in `data`.
pub fn standalone(dir: &Path, data: &Path, settings: Vec<(String, String)>) -> Process {
    let launch = Launch {
        name: "standalone".to_owned(),
        args: vec![
            "standalone".into(),
            "--data-dir".into(),
            data.display().to_string(),
        ],
        settings,
        addresses: data.join("addresses.json"),
        listeners: ["http", "grpc", "ops"]
            .map(|name| (name, format!("SLUICE__LISTEN__{}", name.to_uppercase())))
            .into(),
        wrapper: Vec::new(),
        own_mounts: false,
    };
    Process::new(launch, dir)
}

/// Where a process with all three listeners listens.
pub fn addresses_of(process: &Process) -> Addresses {
    let listening = process.listening();
    Addresses {
        http: listening.http.expect("it has an HTTP API"),
        grpc: listening.grpc.expect("it has a gRPC API"),
        ops: listening.ops.expect("it can be watched"),
    }
}

fn read_key(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}
