//! The settings of the client that appends.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::Kind;
use crate::in_flight::RECORD_OVERHEAD_BYTES;
use crate::kafka::config::{Config, MAX_BATCH_BYTES};
use crate::kafka::connection::client_config;

/// How long a batch waits for more records.
const LINGER_MS: &str = "2";
/// How long a topic may be unknown before its records fail: one that was just made is not known to all brokers.
const UNKNOWN_TOPIC_WAIT: Duration = Duration::from_secs(10);
/// How often topics are looked up although nothing seems wrong: a right that was given counts after so long.
const METADATA_AGE: Duration = Duration::from_secs(30);
/// How long one request may take before the connection is given up and made anew.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How old a transaction may get before the brokers abort it: so long may one that nobody ends hold readers up.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of a producer of this kind.
pub(super) fn for_producer(config: &Config, kind: Kind) -> ClientConfig {
    match kind {
        Kind::Independent => {
            let mut client = idempotent(config, config.delivery_timeout);
            client
                .set("max.in.flight.requests.per.connection", "5")
                .set("message.timeout.ms", ms(config.delivery_timeout));
            client
        }
        // A broker that knows nothing of this producer takes a second batch although it has refused the first, and
        // the client then takes the first for delivered, too. So no second one is on its way with the first.
        Kind::Sequence { stall } => {
            let mut client = idempotent(config, stall);
            client
                .set("max.in.flight.requests.per.connection", "1")
                .set("enable.gapless.guarantee", "true")
                .set("message.timeout.ms", "0");
            client
        }
    }
}

/// The settings of a producer of transactions, of which the brokers let the newest of this id write.
pub(in crate::kafka) fn for_transactions(config: &Config, id: &str) -> ClientConfig {
    let patience = config.request_timeout.min(TRANSACTION_TIMEOUT);
    let mut client = idempotent(config, patience);
    client
        .set("transactional.id", id)
        .set("transaction.timeout.ms", ms(TRANSACTION_TIMEOUT))
        // As for a sequence, an offset that was not told is that of a record that is there.
        .set("max.in.flight.requests.per.connection", "1")
        .set("message.timeout.ms", ms(patience));
    client
}

fn idempotent(config: &Config, patience: Duration) -> ClientConfig {
    let mut client = client_config(config);
    // A request that hangs is tried again within the patience of the caller.
    let request = REQUEST_TIMEOUT.min(patience / 3);
    client
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "zstd")
        .set("compression.level", "1")
        .set("linger.ms", LINGER_MS)
        .set("batch.size", MAX_BATCH_BYTES.to_string())
        .set("message.max.bytes", config.max_batch_bytes().to_string())
        // The bound is ours: what fits it always fits the client.
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", buffer_kbytes(config).to_string())
        .set(
            "topic.metadata.propagation.max.ms",
            ms(UNKNOWN_TOPIC_WAIT.min(patience / 2)),
        )
        .set("topic.metadata.refresh.interval.ms", ms(METADATA_AGE))
        .set("request.timeout.ms", ms(request))
        .set("socket.timeout.ms", ms(request + request / 4));
    client
}

/// What the client may hold, well above what it is given.
fn buffer_kbytes(config: &Config) -> usize {
    config.max_in_flight_bytes / RECORD_OVERHEAD_BYTES + config.max_in_flight_bytes / 512 + 1024
}

fn ms(duration: Duration) -> String {
    duration.as_millis().max(10).to_string()
}
