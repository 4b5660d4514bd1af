//! One `sluice standalone` as a child process, with a directory and free ports of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;

/// How long anything may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// A running system. It is killed when dropped.
pub struct System {
    dir: TempDir,
    process: Option<Child>,
    addresses: Addresses,
    settings: Vec<(&'static str, &'static str)>,
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// HTTP API.
    pub http: SocketAddr,
    /// gRPC API.
    pub grpc: SocketAddr,
    /// Live, ready and metrics.
    pub ops: SocketAddr,
}

impl System {
    /// Starts one in a new directory and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with([]).await
    }

    /// Starts one with settings from the environment, such as `("SLUICE__GATEWAY__...", "1")`.
    pub async fn start_with(settings: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut system = Self {
            dir: TempDir::new().unwrap(),
            process: None,
            addresses: Addresses {
                http: nowhere,
                grpc: nowhere,
                ops: nowhere,
            },
            settings: settings.into_iter().collect(),
        };
        system.restart().await;
        system
    }

    /// Starts it again on the same directory, after [`System::kill`] or [`System::stop`].
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "it is running");
        let addresses = self.data_dir().join("addresses.json");
        let _ = std::fs::remove_file(&addresses);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let process = self.command().stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.process = Some(process);
        self.addresses = self
            .wait_for("addresses.json", || read_addresses(&addresses))
            .await;
        let ready = format!("http://{}/ready", self.addresses.ops);
        let http = reqwest::Client::new();
        let begin = Instant::now();
        loop {
            match http.get(&ready).send().await {
                Ok(response) if response.status().is_success() => return,
                _ => self.pause(begin, "readiness").await,
            }
        }
    }

    /// The command that starts it.
    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.arg("standalone").arg("--data-dir").arg(self.data_dir());
        for listener in ["--http", "--grpc", "--ops"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command
            .env("SLUICE__TELEMETRY__FORMAT", "json")
            .envs(self.settings.iter().copied());
        command
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it is running");
        let terminated = Command::new("kill")
            .args(["-TERM", &process.id().to_string()])
            .status()
            .unwrap();
        assert!(terminated.success());
        let begin = Instant::now();
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "it did not end\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A client with the key of the tenant `demo`.
    pub async fn client(&self) -> Client {
        Client::new(self.addresses, &self.key("demo.key")).await
    }

    /// A client with the platform key.
    pub async fn platform(&self) -> Client {
        Client::new(self.addresses, &self.key("platform.key")).await
    }

    /// A client with this key.
    pub async fn client_with(&self, key: &str) -> Client {
        Client::new(self.addresses, key).await
    }

    /// The key in a file of the data directory.
    pub fn key(&self, file: &str) -> String {
        std::fs::read_to_string(self.data_dir().join(file))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A directory for the story's own files.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory it has had, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let pid = self.process.as_ref().expect("it is running").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// A client command of the program, talking to this system with the key of the tenant `demo`.
    pub fn cli(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.scratch());
        command.args(["--url", &format!("http://{}", self.addresses.http)]);
        command.args(["--grpc", &format!("http://{}", self.addresses.grpc)]);
        command.env("SLUICE_KEY", self.key("demo.key"));
        command
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Fails when it has logged a warning or an error that does not contain one of `expected`.
    pub fn assert_quiet(&self, expected: &[&str]) {
        for line in self.log().lines() {
            let is_loud = line.contains("\"level\":\"WARN\"")
                || line.contains("\"level\":\"ERROR\"")
                || line.contains("panicked");
            assert!(
                !is_loud || expected.iter().any(|text| line.contains(text)),
                "unexpected: {line}"
            );
        }
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    async fn wait_for<T>(&mut self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = found() {
                return found;
            }
            self.pause(begin, what).await;
        }
    }

    async fn pause(&mut self, begin: Instant, what: &str) {
        let ended = self
            .process
            .as_mut()
            .and_then(|process| process.try_wait().unwrap());
        assert!(ended.is_none(), "it ended with {ended:?}\n{}", self.log());
        assert!(begin.elapsed() < DEADLINE, "no {what} in time\n{}", self.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_addresses(path: &Path) -> Option<Addresses> {
    let read: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let address = |name: &str| read[name].as_str()?.parse().ok();
    Some(Addresses {
        http: address("http")?,
        grpc: address("grpc")?,
        ops: address("ops")?,
    })
}

/// The program under test, which is built beside the tests.
pub fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap().join("sluice");
    assert!(
        built.exists(),
        "{} is not there: `make test` builds it, or `cargo build --bin sluice`",
        built.display()
    );
    built
}
