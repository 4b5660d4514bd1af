//! How fast rows go into Cassandra through the store, beside the bare driver writing the same batches.
//!
//! Both write the same number of rows of the same events in every round, one after the other, into partitions
//! of their own. The driver's batches are ready before its clock starts; the store encodes and groups its rows
//! while its clock runs. What may be compared is the ratio of one run.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::Instant;

use domain::event::Body;
use domain::record::Enriched;
use domain::retention::Class;
use domain::tenant::TenantId;
use futures::stream::{self, StreamExt, TryStreamExt};
use proto::record::encode_enriched;
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use store::conformance::fixtures::{NOW, id, row, tenant};
use store::cql::{Config, Cql, Options, Replication, migrate};
use store::{Events, stamp};

const ROUNDS: usize = 5;
/// Writers at the same time, such as the partitions of a retention worker.
const WRITERS: usize = 4;
const CALLS: usize = 12;
const ROWS: usize = 2_000;
/// Among which the rows of a call are spread.
const TENANTS: usize = 4;
const ROWS_IN_ROUND: usize = WRITERS * CALLS * ROWS;

/// The rows of the calls of each writer.
type Work<T> = Vec<Vec<T>>;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let config = Config::new(vec![engines::cql()], engines::unique("bench"));
    migrate(&config, &Options::new(Replication::Simple(1)))
        .await
        .expect("the engine answers");
    let store = Cql::connect(config.clone(), Arc::new(|| NOW))
        .await
        .expect("the engine answers");
    let bare = Bare::connect(&config).await;
    let bytes = encode_enriched(event(&tenant("size"), 0)).len();
    println!("{ROWS_IN_ROUND} rows of {bytes} bytes in each round, calls of {ROWS}, {WRITERS} writers\n");
    // The first round warms up both, and the engine.
    let mut rates = Vec::new();
    for round in 0..=ROUNDS {
        let driver = bare.write(&work(&format!("driver-{round}"))).await;
        let ours = through_store(&store, work(&format!("store-{round}"))).await;
        if round > 0 {
            println!(
                "driver {driver:>9.0} rows/s    store {ours:>9.0} rows/s    ratio {:.2}",
                ours / driver
            );
            rates.push((driver, ours));
        }
    }
    let [driver, ours] = [
        median(rates.iter().map(|rate| rate.0)),
        median(rates.iter().map(|rate| rate.1)),
    ];
    println!(
        "\nmedians: driver {driver:.0}, store {ours:.0} rows/s, ratio {:.2}",
        ours / driver
    );
}

fn median(rates: impl Iterator<Item = f64>) -> f64 {
    let mut rates: Vec<_> = rates.collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn work(name: &str) -> Work<Vec<Enriched>> {
    let tenants: Vec<_> = (0..TENANTS).map(|n| tenant(&format!("{name}-{n}"))).collect();
    let row = |n: usize| event(&tenants[n % TENANTS], n);
    let call = |first: usize| (first..first + ROWS).map(row).collect();
    let writer = |writer: usize| (0..CALLS).map(|n| call((writer * CALLS + n) * ROWS)).collect();
    (0..WRITERS).map(writer).collect()
}

/// A row of about 400 bytes; 40 of them in each millisecond.
fn event(tenant: &TenantId, n: usize) -> Enriched {
    let ms = i64::try_from(n / 40).expect("it is small");
    let mut row = row(tenant, id(ms, u8::try_from(n % 40).expect("it is small")), 0);
    row.class = Class::Days30;
    row.event.trace_id = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
    if let Body::Error(report) = &mut row.event.body {
        report.message = format!("payment {n} was refused by the provider after three tries; ").repeat(3);
    }
    row
}

async fn through_store(store: &Cql, work: Work<Vec<Enriched>>) -> f64 {
    let begun = Instant::now();
    let writers = work.into_iter().map(|calls| {
        let store = store.clone();
        tokio::spawn(async move {
            for rows in calls {
                store.put(&rows, NOW).await.expect("the engine answers");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("the engine answers");
    }
    rate(begun)
}

#[expect(clippy::cast_precision_loss, reason = "there are few rows")]
fn rate(begun: Instant) -> f64 {
    ROWS_IN_ROUND as f64 / begun.elapsed().as_secs_f64()
}

/// The driver alone, with the settings of the store.
struct Bare {
    session: Arc<Session>,
    insert: PreparedStatement,
    batch_bytes: usize,
    concurrency: usize,
}

/// The values of an insert.
type Values = (String, i32, i32, [u8; 16], About, Vec<u8>, i64, i32);

type About = (
    &'static str,
    &'static str,
    Option<String>,
    Option<String>,
    CqlTimestamp,
);

impl Bare {
    async fn connect(config: &Config) -> Self {
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .build();
        let connections = config.connections_per_node.try_into().expect("it is small");
        let builder = SessionBuilder::new()
            .known_nodes(&config.nodes)
            .pool_size(PoolSize::PerHost(connections))
            .default_execution_profile_handle(profile.into_handle());
        let session = builder.build().await.expect("the engine answers");
        let insert = format!(
            "INSERT INTO {}.events_30d \
             (tenant, bucket, shard, id, about, event) \
             VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
            config.keyspace
        );
        Self {
            insert: session.prepare(insert).await.expect("the engine answers"),
            session: Arc::new(session),
            batch_bytes: config.batch_bytes,
            concurrency: config.call_concurrency,
        }
    }

    async fn write(&self, work: &Work<Vec<Enriched>>) -> f64 {
        let calls =
            |calls: &Vec<Vec<Enriched>>| calls.iter().map(|rows| self.batches(rows)).collect::<Vec<_>>();
        let work: Vec<_> = work.iter().map(calls).collect();
        let begun = Instant::now();
        let writers = work.into_iter().map(|calls| {
            let (session, concurrency) = (self.session.clone(), self.concurrency);
            tokio::spawn(async move {
                for batches in calls {
                    let requests: Vec<_> = batches
                        .iter()
                        .map(|(batch, values)| session.batch(batch, values))
                        .collect();
                    let requests = stream::iter(requests).buffer_unordered(concurrency);
                    requests
                        .try_for_each(|_| std::future::ready(Ok(())))
                        .await
                        .expect("the engine answers");
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("the engine answers");
        }
        rate(begun)
    }

    fn batches(&self, rows: &[Enriched]) -> Vec<(Batch, Vec<Values>)> {
        let mut batches = Vec::new();
        for first in 0..TENANTS {
            let (mut bytes, mut values) = (0, Vec::new());
            for row in rows.iter().skip(first).step_by(TENANTS) {
                let next = values_of(row);
                let next_bytes = next.5.len() + 64;
                if bytes + next_bytes > self.batch_bytes {
                    batches.push(self.batch(std::mem::take(&mut values)));
                    bytes = 0;
                }
                bytes += next_bytes;
                values.push(next);
            }
            batches.push(self.batch(values));
        }
        batches
    }

    fn batch(&self, values: Vec<Values>) -> (Batch, Vec<Values>) {
        let statement = || BatchStatement::PreparedStatement(self.insert.clone());
        let statements = values.iter().map(|_| statement()).collect();
        let batch = Batch::new_with_statements(BatchType::Unlogged, statements);
        (batch, values)
    }
}

fn values_of(row: &Enriched) -> Values {
    let event = &row.event;
    let hour = event.time().as_ms() / 3_600_000;
    let about = (
        event.kind().as_str(),
        event.severity.as_str(),
        event.service.clone(),
        event.user_id.clone(),
        CqlTimestamp(row.received_at.as_ms()),
    );
    (
        row.tenant.to_string(),
        i32::try_from(hour).expect("it is small"),
        0,
        event.id.bytes(),
        about,
        encode_enriched(row.clone()).to_vec(),
        stamp::of_event(row),
        i32::try_from(row.expires_at.since(NOW) / 1000).expect("it is small"),
    )
}
