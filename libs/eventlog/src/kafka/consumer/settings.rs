//! The settings of the client that a member of a group uses.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::membership::Bounds;
use crate::kafka::config::Config;

/// Small fetches hand the bytes over sooner, and a pause throws fewer of them away.
const MAX_FETCH_BYTES: usize = 1 << 20;
const MIN_FETCH_BYTES: usize = 64 << 10;
/// Smaller records are fetched ahead as if they had so many bytes: each has its cost.
const LEAST_RECORD_BYTES: usize = 256;
/// A partition that is resumed waits for the fetch that is under way.
const FETCH_WAIT: Duration = Duration::from_millis(100);
/// How often a full buffer is looked at again.
const FULL_BUFFER_WAIT: Duration = Duration::from_millis(2);
/// A member hears with the next heartbeat that its group changes, and holds the others up until then.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often topics are looked up although nothing seems wrong.
const METADATA_AGE: Duration = Duration::from_mins(1);
/// A topic that was found may be unknown to another broker for so long.
const PROPAGATION: Duration = Duration::from_secs(5);

/// The bytes that are fetched ahead are shared in four: what the owner can take, what waits for the end of a pause,
/// what the client has, and what is on its way.
pub(super) fn bounds(config: &Config) -> Bounds {
    Bounds {
        delivery_bytes: config.delivery_bytes,
        backlog_bytes: config.fetch_ahead_bytes / 4,
        stash_bytes: config.fetch_ahead_bytes / 4,
    }
}

/// How long nobody may poll before the client leaves the group. The thread polls all the time; this has to be more
/// than what a revocation may take.
fn poll_interval(config: &Config) -> Duration {
    Duration::from_mins(1)
        .max(config.session_timeout.saturating_mul(3))
        .max(config.revocation_budget.saturating_mul(3))
}

/// Adds what a member of `group` needs to the settings of a connection.
pub(super) fn for_member(mut client: ClientConfig, config: &Config, group: &str) -> ClientConfig {
    let fetch = (config.fetch_ahead_bytes / 8).clamp(MIN_FETCH_BYTES, MAX_FETCH_BYTES);
    let queue = (config.fetch_ahead_bytes / 4).max(MIN_FETCH_BYTES);
    let mut set = |key: &str, value: String| {
        client.set(key, value);
    };
    set("group.id", group.to_owned());
    set("partition.assignment.strategy", "cooperative-sticky".to_owned());
    set("session.timeout.ms", ms(config.session_timeout));
    set(
        "heartbeat.interval.ms",
        ms(HEARTBEAT.min(config.session_timeout / 3)),
    );
    set("max.poll.interval.ms", ms(poll_interval(config)));
    // Positions are the owner's: nothing is committed or reset behind its back.
    set("enable.auto.commit", "false".to_owned());
    set("enable.auto.offset.store", "false".to_owned());
    set("auto.offset.reset", "error".to_owned());
    set("isolation.level", "read_committed".to_owned());
    set("check.crcs", "true".to_owned());
    set("enable.partition.eof", "false".to_owned());
    set("fetch.message.max.bytes", fetch.to_string());
    set("fetch.max.bytes", queue.to_string());
    set("fetch.wait.max.ms", ms(FETCH_WAIT));
    set("fetch.queue.backoff.ms", ms(FULL_BUFFER_WAIT));
    set("queued.max.messages.kbytes", (queue / 1024).to_string());
    set("queued.min.messages", (queue / LEAST_RECORD_BYTES).to_string());
    set("coordinator.query.interval.ms", ms(config.session_timeout));
    set("topic.metadata.refresh.interval.ms", ms(METADATA_AGE));
    set("topic.metadata.propagation.max.ms", ms(PROPAGATION));
    set("socket.timeout.ms", ms(config.session_timeout));
    set("log.connection.close", "false".to_owned());
    // The one way to hear of a topic that was made anew under its name: see `Context::log`.
    set("debug", "metadata".to_owned());
    client.set_log_level(RDKafkaLogLevel::Debug);
    client
}

fn ms(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}
