//! A process that is stopped for longer than its session, and wakes up.
//!
//! The process is this test program once more, told by its environment to be a member.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eventlog::kafka::{Config, Kafka};
use eventlog::{Log as _, Notice};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

use crate::kafka::{DEADLINE, SHORT_SESSION, World};

const BROKERS: &str = "EVENTLOG_SLEEPER_BROKERS";
const PREFIX: &str = "EVENTLOG_SLEEPER_PREFIX";
const NAME: &str = "sleeper::is_a_member_when_told_to";

/// Not a test of its own: the other process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_a_member_when_told_to() {
    let (Ok(brokers), Ok(prefix)) = (env::var(BROKERS), env::var(PREFIX)) else {
        return;
    };
    let config = Config {
        prefix,
        session_timeout: SHORT_SESSION,
        ..Config::new(brokers)
    };
    let log = Kafka::connect(config).unwrap();
    let mut consumer = log.consumer("group", &["events"]).await.unwrap();
    loop {
        let what = match consumer.next().await {
            Ok(Notice::Assigned(_)) => "assigned",
            Ok(Notice::Revoked(partitions)) => {
                consumer.release(&partitions);
                "revoked"
            }
            Ok(Notice::Lost(_)) => "lost",
            Ok(Notice::Records(..)) => "records",
            Err(_) => "error",
        };
        println!("sleeper: {what}");
    }
}

struct Sleeper {
    child: Child,
    said: Receiver<String>,
}

impl Sleeper {
    fn start(world: &World) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(BROKERS, &world.config.brokers)
            .env(PREFIX, &world.config.prefix)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (say, said) = channel(64);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, what)) = line.split_once("sleeper: ") {
                    say.blocking_send(what.to_owned()).unwrap_or_default();
                }
            }
        });
        Self { child, said }
    }

    async fn says(&mut self, wanted: &str) {
        let said = timeout(DEADLINE, self.said.recv())
            .await
            .unwrap_or_else(|_| panic!("it says that {wanted}"));
        assert_eq!(said.as_deref(), Some(wanted));
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_slept_past_its_session_hears_of_its_loss_and_joins_again() {
    let world = World::shared(2, SHORT_SESSION).await;
    let mut sleeper = Sleeper::start(&world);
    sleeper.says("assigned").await;
    sleeper.signal("-STOP");
    // The other gets everything only when the session of the sleeper is over.
    let mut other = world.join_alone().await;
    sleeper.signal("-CONT");
    sleeper.says("lost").await;
    let revoked = other.revoked().await;
    other.give_back(&revoked).await;
    sleeper.says("assigned").await;
    let quiet = timeout(Duration::from_millis(300), other.told()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}
