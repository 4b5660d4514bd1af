//! Making topics, and checking that they are as the log needs them.

mod plan;

use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use self::plan::{Found, Settings, Wanted, problems, settings};
use super::Kafka;
use super::connection::{Listener, Names, client_config};
use super::error::Doing;
use crate::port::Error;

/// How often a topic that was just made is looked at.
const READY_PAUSE: Duration = Duration::from_millis(50);

/// How a topic is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name, without the prefix.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// What happens to old records.
    pub retention: Retention,
}

/// What happens to old records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Records are kept for at least this long.
    Age(Duration),
    /// The last record of each key stays for ever.
    Compact,
}

/// What is asked of a cluster that must not lose what it acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// Copies of each partition, at least.
    pub replication: u16,
    /// Copies that an acknowledged record has, at least.
    pub min_insync: u16,
}

/// A topic that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its name, without the prefix.
    pub name: String,
    /// Whether it was made just now.
    pub made: bool,
}

/// Something about a topic that must be mended before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicProblem {
    /// Its name, without the prefix.
    pub topic: String,
    /// What was found, what is wanted, and how to get there.
    pub text: String,
}

/// Why a topic was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TopicError {
    /// The brokers could not be asked, or did not get ready in time.
    #[error(transparent)]
    Log(#[from] Error),
    /// The brokers said no.
    #[error("topic {topic} can't be made: {reason}")]
    Refused {
        /// Its name, as brokers know it.
        topic: String,
        /// What they said.
        reason: String,
    },
}

impl Kafka {
    /// Makes the topics that are missing, and waits until they can be used. Those that are there stay as they are.
    pub async fn create_topics(
        &self,
        specs: &[TopicSpec],
        replication: u16,
        min_insync: u16,
    ) -> Result<Vec<Created>, TopicError> {
        let admin = Admin::new(self).await?;
        let mut created = Vec::with_capacity(specs.len());
        for spec in specs {
            // Asked first, because this tells why the brokers can't be reached; an order to them does not.
            let is_there = self.0.metadata.shape(&spec.name).await?.is_some();
            let made = !is_there && admin.create(spec, replication, min_insync).await?;
            if made {
                self.wait_until_ready(&spec.name).await?;
            }
            created.push(Created {
                name: spec.name.clone(),
                made,
            });
        }
        admin.close();
        Ok(created)
    }

    /// Everything about these topics that must be mended. Without demands, a cluster of one broker is good enough.
    pub async fn check_topics(
        &self,
        specs: &[TopicSpec],
        demands: Option<Demands>,
    ) -> Result<Vec<TopicProblem>, Error> {
        let mut shapes = HashMap::new();
        for TopicSpec { name, .. } in specs {
            shapes.insert(name, self.0.metadata.shape(name).await?);
        }
        let admin = Admin::new(self).await?;
        let names = Names::new(&self.0.config);
        let there = specs.iter().filter(|spec| shapes[&spec.name].is_some());
        let wires: Vec<String> = there.map(|spec| names.topic(&spec.name)).collect();
        let mut settings = admin.describe(&wires).await?;
        admin.close();
        let wanted = Wanted {
            brokers: &self.0.config.brokers,
            max_batch_bytes: self.0.config.max_batch_bytes(),
            demands,
        };
        let of_topic = |spec: &TopicSpec| {
            let wire = names.topic(&spec.name);
            let found = shapes[&spec.name].as_ref().map(|shape| Found {
                partitions: shape.partitions,
                replication: shape.replication,
                settings: settings.remove(&wire).unwrap_or_default(),
            });
            problems(spec, &wire, found.as_ref(), &wanted)
        };
        Ok(specs.iter().flat_map(of_topic).collect())
    }

    async fn wait_until_ready(&self, topic: &str) -> Result<(), Error> {
        let began = Instant::now();
        while !self
            .0
            .metadata
            .shape(topic)
            .await?
            .is_some_and(|shape| shape.has_leaders)
        {
            if began.elapsed() > self.0.config.request_timeout {
                let doing = Doing {
                    verb: "use",
                    to: &topic,
                };
                return Err(doing.failed_with(Code::LeaderNotAvailable, None));
            }
            sleep(READY_PAUSE).await;
        }
        Ok(())
    }
}

/// A client for orders to the brokers, for a few of them.
struct Admin<'a> {
    log: &'a Kafka,
    names: Names,
    client: AdminClient<Listener>,
    options: AdminOptions,
}

impl<'a> Admin<'a> {
    async fn new(log: &'a Kafka) -> Result<Self, Error> {
        let config = client_config(&log.0.config);
        let made = spawn_blocking(move || config.create_with_context(Listener::default())).await;
        let client = made
            .map_err(|_stopping| Error::Closed)?
            .map_err(|error| Error::Unavailable {
                reason: format!("can't make a kafka client: {error}"),
            })?;
        let allowed = Some(log.0.config.request_timeout);
        Ok(Self {
            names: Names::new(&log.0.config),
            log,
            client,
            options: AdminOptions::new()
                .request_timeout(allowed)
                .operation_timeout(allowed),
        })
    }

    /// Dropping the client waits for its thread.
    fn close(self) {
        let client = self.client;
        drop(spawn_blocking(move || drop(client)));
    }

    /// Whether the topic was made, and not there before.
    async fn create(&self, spec: &TopicSpec, replication: u16, min_insync: u16) -> Result<bool, TopicError> {
        let wire = self.names.topic(&spec.name);
        let refused = |reason: String| TopicError::Refused {
            topic: wire.clone(),
            reason,
        };
        let partitions =
            i32::try_from(spec.partitions).map_err(|_too_many| refused("too many partitions".to_owned()))?;
        let settings = settings(spec, self.log.0.config.max_batch_bytes(), min_insync);
        let topic = NewTopic::new(&wire, partitions, TopicReplication::Fixed(replication.into()));
        let topic = settings
            .iter()
            .fold(topic, |topic, (name, value)| topic.set(name, value));
        let results = self
            .ask("make", &wire, self.client.create_topics([&topic], &self.options))
            .await?;
        match results.into_iter().next() {
            Some(Ok(_)) => Ok(true),
            Some(Err((_, Code::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(refused(refusal(code, spec, replication))),
            None => Err(refused("the brokers do not say why".to_owned())),
        }
    }

    /// The settings of topics that are there.
    async fn describe(&self, wires: &[String]) -> Result<HashMap<String, Settings>, Error> {
        if wires.is_empty() {
            return Ok(HashMap::new());
        }
        let specifiers: Vec<_> = wires.iter().map(|wire| ResourceSpecifier::Topic(wire)).collect();
        let all = wires.join(", ");
        let described = self
            .ask(
                "look up the settings of",
                &all,
                self.client.describe_configs(&specifiers, &self.options),
            )
            .await?;
        let doing = Doing {
            verb: "look up the settings of",
            to: &all,
        };
        let resource = |resource: Result<ConfigResource, Code>| {
            resource.map_err(|code| doing.failed_with(code, None)).map(named)
        };
        described.into_iter().map(resource).collect()
    }

    async fn ask<T>(
        &self,
        verb: &'static str,
        to: &String,
        answer: impl Future<Output = KafkaResult<T>>,
    ) -> Result<T, Error> {
        let doing = Doing { verb, to };
        // The client keeps to the timeout for each of its steps, this to the whole.
        let allowed = self.log.0.config.request_timeout * 2;
        let cause = || self.client.inner().context().cause();
        match timeout(allowed, answer).await {
            Ok(answer) => answer.map_err(|error| doing.failed(&error, cause())),
            Err(_elapsed) => Err(doing.failed_with(Code::OperationTimedOut, cause())),
        }
    }
}

/// The name of a topic and its settings.
fn named(resource: ConfigResource) -> (String, Settings) {
    let name = match resource.specifier {
        OwnedResourceSpecifier::Topic(name) | OwnedResourceSpecifier::Group(name) => name,
        OwnedResourceSpecifier::Broker(id) => id.to_string(),
    };
    let entries = resource.entries.into_iter();
    let settings = entries.filter_map(|entry| Some((entry.name, entry.value?)));
    (name, settings.collect())
}

fn refusal(code: Code, spec: &TopicSpec, replication: u16) -> String {
    match code {
        Code::InvalidReplicationFactor => format!("the cluster has fewer than {replication} brokers"),
        Code::InvalidPartitions => format!("it can't have {} partitions", spec.partitions),
        Code::InvalidTopic => "the brokers do not take its name".to_owned(),
        Code::InvalidConfig => "the brokers do not take its settings".to_owned(),
        Code::PolicyViolation => "a policy of the cluster forbids it".to_owned(),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            "this user may not make topics (operation Create on the cluster or the topic)".to_owned()
        }
        other => other.to_string(),
    }
}
