//! The three engines at once, as the program of this crate runs them.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};

use crate::process::GivenUp;
use crate::{
    CQL, Cassandra, CassandraOptions, KAFKA, Kafka, KafkaOptions, REDIS, Redis, RedisOptions, Tuning, shared,
};

/// Ports that the three would like; 0 is any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// Of Kafka.
    pub kafka: u16,
    /// Of Cassandra.
    pub cql: u16,
    /// Of Redis.
    pub redis: u16,
}

impl Ports {
    /// Where a developer expects them.
    pub const STANDARD: Self = Self {
        kafka: 9092,
        cql: 9042,
        redis: 6379,
    };
}

/// The three engines; those that the environment names already are taken as they are.
pub struct Trio {
    kafka: Option<Kafka>,
    cassandra: Option<Cassandra>,
    redis: Option<Redis>,
}

impl Trio {
    /// Starts at the same time what the environment does not name, until all answer or `given_up`.
    ///
    /// What has started when another fails is ended.
    pub fn start(ports: Ports, tuning: Tuning, given_up: &AtomicBool) -> Result<Self> {
        let kafka = KafkaOptions {
            port: ports.kafka,
            tuning,
            ..KafkaOptions::default()
        };
        let cassandra = CassandraOptions {
            port: ports.cql,
            // Nobody kills it and goes on.
            durable: false,
            tuning,
            ..CassandraOptions::default()
        };
        let redis = RedisOptions {
            port: ports.redis,
            ..RedisOptions::default()
        };
        thread::scope(|scope| {
            let kafka = scope.spawn(|| unless_named(KAFKA, given_up, || Kafka::try_start(&kafka, given_up)));
            let cassandra =
                scope.spawn(|| unless_named(CQL, given_up, || Cassandra::try_start(&cassandra, given_up)));
            let redis = unless_named(REDIS, given_up, || Redis::try_start(&redis, given_up));
            let kafka = kafka.join().expect("a failure is no panic").context("Kafka");
            let cassandra = cassandra
                .join()
                .expect("a failure is no panic")
                .context("Cassandra");
            settle(kafka, cassandra, redis.context("Redis"))
        })
    }

    /// Where Kafka, Cassandra and Redis are.
    pub fn addresses(&self) -> [String; 3] {
        [
            self.kafka.as_ref().map_or_else(shared::kafka, Kafka::address),
            self.cassandra
                .as_ref()
                .map_or_else(shared::cql, Cassandra::address),
            self.redis.as_ref().map_or_else(shared::redis, Redis::address),
        ]
    }

    /// The variables that tell tests where the engines are, of those that were started.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        [
            self.kafka.as_ref().map(|kafka| (KAFKA, kafka.address())),
            self.cassandra
                .as_ref()
                .map(|cassandra| (CQL, cassandra.address())),
            self.redis.as_ref().map(|redis| (REDIS, redis.address())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// All three, or why they are not there: the failure itself, not that the others were given up for it.
fn settle(
    kafka: Result<Option<Kafka>>,
    cassandra: Result<Option<Cassandra>>,
    redis: Result<Option<Redis>>,
) -> Result<Trio> {
    let mut errors = Vec::new();
    let mut started = (None, None, None);
    kafka.map_or_else(|error| errors.push(error), |kafka| started.0 = kafka);
    cassandra.map_or_else(|error| errors.push(error), |cassandra| started.1 = cassandra);
    redis.map_or_else(|error| errors.push(error), |redis| started.2 = redis);
    let cause = errors.iter().position(|error| !error.is::<GivenUp>());
    if !errors.is_empty() {
        return Err(errors.swap_remove(cause.unwrap_or(0)));
    }
    let (kafka, cassandra, redis) = started;
    Ok(Trio {
        kafka,
        cassandra,
        redis,
    })
}

/// Starts an engine that has no address yet; when that fails, the others need not come up either.
fn unless_named<E>(
    variable: &str,
    given_up: &AtomicBool,
    start: impl FnOnce() -> Result<E>,
) -> Result<Option<E>> {
    if env::var_os(variable).is_some() {
        return Ok(None);
    }
    let started = start();
    if started.is_err() {
        given_up.store(true, Ordering::Relaxed);
    }
    started.map(Some)
}
