//! The driver alone, writing the same rows: unlogged batches of one partition, with the settings of the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::record::Enriched;
use domain::retention::Class;
use eventlog::Record;
use futures::stream::{self, StreamExt, TryStreamExt};
use proto::record::decode_enriched;
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use store::cql::Config;
use store::stamp;

use crate::feed;

const ROW_OVERHEAD_BYTES: usize = 64;

/// The values of an insert.
type Values = (String, i32, i32, [u8; 16], About, Bytes, i64, i32);
type About = (
    &'static str,
    &'static str,
    Option<String>,
    Option<String>,
    CqlTimestamp,
);
/// A call: batches that are under way at once.
type Call = Vec<(Batch, Vec<Values>)>;

/// The rows of each writer, ready to be written.
pub(crate) struct Bare {
    session: Arc<Session>,
    concurrency: usize,
    writers: Vec<Vec<Call>>,
}

impl Bare {
    /// Gets ready what each partition has.
    pub(crate) async fn new(config: &Config, class: Class, partitions: &[Vec<feed::Batch>]) -> Self {
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .build();
        let connections = config.connections_per_node.try_into().unwrap();
        let builder = SessionBuilder::new()
            .known_nodes(&config.nodes)
            .pool_size(PoolSize::PerHost(connections))
            .default_execution_profile_handle(profile.into_handle());
        let session = builder.build().await.unwrap();
        let days = class.life_ms() / (24 * 60 * 60 * 1000);
        let insert = format!(
            "INSERT INTO {}.events_{days}d (tenant, bucket, shard, id, about, event) VALUES (?, ?, ?, ?, ?, ?) \
             USING TIMESTAMP ? AND TTL ?",
            config.keyspace
        );
        let insert = session.prepare(insert).await.unwrap();
        let calls = |batches: &Vec<feed::Batch>| {
            let calls = batches
                .iter()
                .map(|batch| call(&insert, &batch.records, config.batch_bytes));
            calls.collect::<Vec<_>>()
        };
        Self {
            writers: partitions.iter().map(calls).collect(),
            session: Arc::new(session),
            concurrency: config.call_concurrency,
        }
    }

    /// Writes all of it.
    pub(crate) async fn write(self) -> Duration {
        let begin = Instant::now();
        let writers = self.writers.into_iter().map(|calls| {
            let (session, concurrency) = (self.session.clone(), self.concurrency);
            tokio::spawn(async move {
                for call in calls {
                    let requests: Vec<_> = call
                        .iter()
                        .map(|(batch, values)| session.batch(batch, values))
                        .collect();
                    let requests = stream::iter(requests).buffer_unordered(concurrency);
                    requests.try_for_each(async |_| Ok(())).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        begin.elapsed()
    }
}

fn call(insert: &PreparedStatement, records: &[Record], batch_bytes: usize) -> Call {
    let mut open: BTreeMap<(String, i32), (usize, Vec<Values>)> = BTreeMap::new();
    let mut full = Vec::new();
    for record in records {
        let event = decode_enriched(record.value.clone()).unwrap();
        let values = values(&event, record.value.clone());
        let (bytes, rows) = open.entry((values.0.clone(), values.1)).or_default();
        let more = values.5.len() + ROW_OVERHEAD_BYTES;
        if !rows.is_empty() && *bytes + more > batch_bytes {
            full.push(std::mem::take(rows));
            *bytes = 0;
        }
        *bytes += more;
        rows.push(values);
    }
    full.extend(open.into_values().map(|(_, rows)| rows));
    full.into_iter()
        .map(|rows| (batch(insert, rows.len()), rows))
        .collect()
}

fn batch(insert: &PreparedStatement, rows: usize) -> Batch {
    let statements = (0..rows)
        .map(|_| BatchStatement::PreparedStatement(insert.clone()))
        .collect();
    Batch::new_with_statements(BatchType::Unlogged, statements)
}

fn values(row: &Enriched, encoded: Bytes) -> Values {
    let event = &row.event;
    let about = (
        event.kind().as_str(),
        event.severity.as_str(),
        event.service.clone(),
        event.user_id.clone(),
        CqlTimestamp(row.received_at.as_ms()),
    );
    (
        row.tenant.to_string(),
        i32::try_from(event.time().as_ms() / 3_600_000).unwrap(),
        0,
        event.id.bytes(),
        about,
        encoded,
        stamp::of_event(row),
        i32::try_from(row.class.life_ms() / 1000).unwrap(),
    )
}
