//! The Cassandra of the run, and what it takes: processor time, disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::clock::{Clock, System};
use domain::time::Millis;
use engines::{Cassandra, CassandraOptions, Tuning};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use store::cql::{Config, Cql, Options, Replication, migrate};
use tokio::time::sleep;

/// An engine is at rest when it has taken less than this for one second.
const REST: Duration = Duration::from_millis(60);
const RESTS: u32 = 4;
const MAX_SETTLE: Duration = Duration::from_mins(10);
const TABLES: [&str; 13] = [
    "events_7d",
    "events_30d",
    "events_90d",
    "events_400d",
    "units_7d",
    "units_30d",
    "units_90d",
    "units_400d",
    "fresh",
    "fresh_places",
    "manifest",
    "marks",
    "progress",
];

/// A real Cassandra of its own, tuned as in production but for durability: nobody kills it.
pub(crate) struct Engine {
    cassandra: Cassandra,
    session: Session,
}

impl Engine {
    pub(crate) async fn start(heap_mib: u32) -> Self {
        let options = CassandraOptions {
            durable: false,
            tuning: Tuning::Throughput,
            heap_mib,
            ..CassandraOptions::default()
        };
        let started = tokio::task::spawn_blocking(move || Cassandra::start_with(&options));
        let cassandra = started.await.unwrap();
        let session = SessionBuilder::new()
            .known_node(cassandra.address())
            .build()
            .await
            .unwrap();
        Self { cassandra, session }
    }

    /// A store in a keyspace of its own.
    pub(crate) async fn keyspace(&self, name: &str) -> (Config, Cql) {
        let config = Config::new(vec![self.cassandra.address()], name);
        migrate(&config, &Options::new(Replication::Simple(1)))
            .await
            .unwrap();
        let clock = Arc::new(|| Millis::from_ms(System.now_ms()));
        let store = Cql::connect(config.clone(), clock).await.unwrap();
        (config, store)
    }

    pub(crate) async fn drop_keyspace(&self, name: &str) {
        self.session
            .query_unpaged(format!("DROP KEYSPACE {name}"), ())
            .await
            .unwrap();
    }

    /// Processor time that it has taken.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.cassandra.pid().to_string())
    }

    /// Waits until it does nothing any more, such as compactions. Answers how long it took.
    pub(crate) async fn settle(&self) -> Duration {
        let begin = Instant::now();
        let mut rests = 0;
        while rests < RESTS && begin.elapsed() < MAX_SETTLE {
            let before = self.cpu();
            sleep(Duration::from_secs(1)).await;
            rests = if self.cpu().saturating_sub(before) < REST {
                rests + 1
            } else {
                0
            };
        }
        begin.elapsed()
    }

    /// Has everything written from memory to disk: there is no other way to ask for it without the engine's own tools.
    pub(crate) async fn flush(&self, keyspace: &str) {
        for period_ms in [1000, 0] {
            for table in TABLES {
                let alter =
                    format!("ALTER TABLE {keyspace}.{table} WITH memtable_flush_period_in_ms = {period_ms}");
                self.session.query_unpaged(alter, ()).await.unwrap();
            }
            sleep(Duration::from_secs(3)).await;
        }
        self.settle().await;
    }

    /// Bytes on disk of each table of a keyspace.
    pub(crate) fn disk(&self, keyspace: &str) -> BTreeMap<String, u64> {
        let dir = self.cassandra.dir().join("data").join(keyspace);
        let mut tables = BTreeMap::new();
        for table in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = table.file_name().into_string().unwrap();
            let name = name.split('-').next().unwrap().to_owned();
            *tables.entry(name).or_insert(0) += bytes_in(&table.path());
        }
        tables
    }
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        // Compactions remove files meanwhile.
        Err(_) => 0,
    });
    bytes.sum()
}

/// Processor time that this process has taken.
pub(crate) fn own_cpu() -> Duration {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the program, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Load average of the last minute: what else the machine is doing.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

/// Has the system forget what it has of files in memory; false where that is not allowed.
pub(crate) fn drop_caches() -> bool {
    // What is not on disk yet is not forgotten.
    let is_synced = Command::new("sync").status().is_ok_and(|status| status.success());
    is_synced && fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}
