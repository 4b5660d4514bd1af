//! One process of the program: started, waited for, killed, paused, and its log read.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Where a process listens. A role without a listener has none there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// HTTP API.
    pub http: Option<SocketAddr>,
    /// gRPC API.
    pub grpc: Option<SocketAddr>,
    /// Live, ready and metrics.
    pub ops: Option<SocketAddr>,
}

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Name of its log file.
    pub name: String,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Settings from the environment.
    pub settings: Vec<(String, String)>,
    /// Where it writes its addresses.
    pub addresses: PathBuf,
    /// Settings of its listeners: `http`, `grpc` and `ops`, as far as it has them.
    pub listeners: Vec<(&'static str, String)>,
    /// What goes before the program on the command line, such as a shell with a limit.
    pub wrapper: Vec<String>,
    /// Whether it has mounts of its own, through which its files are seen.
    pub own_mounts: bool,
}

/// A process of the program. It is killed when dropped.
pub struct Process {
    launch: Launch,
    log: PathBuf,
    child: Option<Child>,
    listening: Listening,
}

impl Process {
    /// A process that is not started yet, with its log in `dir`.
    pub fn new(launch: Launch, dir: &Path) -> Self {
        Self {
            log: dir.join(format!("{}.log", launch.name)),
            launch,
            child: None,
            listening: Listening::default(),
        }
    }

    /// Changes settings, from the next start on.
    pub fn set(&mut self, settings: &[(String, String)]) {
        for (name, value) in settings {
            self.launch.settings.retain(|(known, _)| known != name);
            self.launch.settings.push((name.clone(), value.clone()));
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it and waits for nothing. The ports are those of its first start.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} is running", self.name());
        let _ = std::fs::remove_file(&self.launch.addresses);
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let child = self.command().stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
    }

    fn command(&self) -> Command {
        let program = binary();
        let mut command = match self.launch.wrapper.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args(&self.launch.args);
        command.env("SLUICE__TELEMETRY__FORMAT", "json");
        for (name, setting) in &self.launch.listeners {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let address = self.listening.of(name).unwrap_or(any);
            command.env(setting, address.to_string());
        }
        command.envs(self.launch.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Waits until it listens and says that it is ready.
    pub async fn ready(&mut self) {
        self.listens().await;
        let begin = Instant::now();
        while !self.is_ready().await {
            self.pause_while_running(begin, "readiness").await;
        }
    }

    /// Waits until it has told where it listens.
    pub async fn listens(&mut self) {
        let begin = Instant::now();
        loop {
            if let Some(listening) = read_addresses(&self.seen(&self.launch.addresses)) {
                self.listening = listening;
                return;
            }
            self.pause_while_running(begin, "addresses").await;
        }
    }

    /// Where a file of it is for us.
    pub fn seen(&self, path: &Path) -> PathBuf {
        if !self.launch.own_mounts {
            return path.to_owned();
        }
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        root.join(path.strip_prefix("/").expect("an absolute path"))
    }

    /// Whether it says now that it is ready.
    pub async fn is_ready(&self) -> bool {
        let Some(ops) = self.listening.ops else {
            return false;
        };
        let request = reqwest::Client::new().get(format!("http://{ops}/ready"));
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops it where it is.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "{} did not end\n{}",
                self.name(),
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How it has ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut().expect("it was started").try_wait().unwrap();
        if status.is_some() {
            self.child = None;
        }
        status
    }

    /// Whether it was started and not yet seen to end.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Where it listens.
    pub fn listening(&self) -> Listening {
        self.listening
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it is running").id()
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory it has had, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Time that it has spent on the processors.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.pid())
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    async fn pause_while_running(&mut self, begin: Instant, what: &str) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        assert!(
            ended.is_none(),
            "{} ended with {ended:?}\n{}",
            self.name(),
            self.log()
        );
        assert!(
            begin.elapsed() < DEADLINE,
            "{}: no {what} in time\n{}",
            self.name(),
            self.log()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Listening {
    fn of(&self, name: &str) -> Option<SocketAddr> {
        match name {
            "http" => self.http,
            "grpc" => self.grpc,
            _ => self.ops,
        }
    }
}

fn read_addresses(path: &Path) -> Option<Listening> {
    let read: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let address = |name: &str| read[name].as_str()?.parse().ok();
    Some(Listening {
        http: address("http"),
        grpc: address("grpc"),
        ops: address("ops"),
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

/// Time that a process has spent on the processors.
pub fn cpu_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name of the program, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}
