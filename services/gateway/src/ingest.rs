//! The one way in, for HTTP and gRPC alike: drafts -> verdicts, with every accepted event in the log.
//!
//! It promises that an event is `accepted` only after the log has acknowledged it; that the events of one tenant
//! and routing key reach the log in the order in which requests were started; and that a started append goes on
//! when nobody waits for it any longer. It bounds nothing: its callers bound what they hand it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use chassis::clock::Clock;
use chassis::random::Random;
use domain::batch::{Fate, Plan};
use domain::draft::Draft;
use domain::event::{Event, RoutingKey};
use domain::fault::Fault;
use domain::limits::Limits;
use domain::record::Accepted;
use domain::seal::Sealer;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::token::Token;
use domain::topic;
use domain::validate::{FuturePolicy, Receipt, Valid, validate};
use domain::verdict::{Counts, Outcome, Verdict};
use eventlog::{Appended, Class, Log, NewRecord, TopicPartition};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::metric_definitions as definitions;
use crate::spreads::Spreads;

const RANDOM_BYTES_PER_ID: usize = 10;

type Results = Vec<Result<Appended, eventlog::Error>>;

/// What is known of a request beside its events.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Whose events they are.
    pub(crate) tenant: TenantId,
    /// The producer's clock as it sent the request.
    pub(crate) sent_at: Option<Millis>,
    /// Makes ids that a repeated request makes again.
    pub(crate) idempotency_key: Option<String>,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// One per event, in order.
    pub(crate) verdicts: Vec<Verdict>,
    /// How many of each.
    pub(crate) counts: Counts,
    /// Names the write, where anything was written.
    pub(crate) token: Option<String>,
}

impl Answer {
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::of(&self.verdicts)
    }
}

/// Takes events in.
pub(crate) struct Ingest {
    log: Arc<dyn Log>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    limits: Limits,
    deadline: Duration,
    retry_after_ms: u32,
    topic: Arc<str>,
    generation: u32,
    spreads: Spreads,
    appends: TaskTracker,
}

impl Ingest {
    /// Asks the log for its partitions, once.
    pub(crate) async fn new(
        config: &Config,
        log: Arc<dyn Log>,
        generation: u32,
        sealer: Arc<Sealer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, eventlog::Error> {
        let topic = topic::accepted(Lane::Standard);
        let spreads = Spreads::new(log.partitions(topic).await?);
        Ok(Self {
            log,
            sealer,
            clock,
            random,
            limits: config.limits(),
            deadline: config.append_deadline.duration(),
            retry_after_ms: u32::try_from(config.retry_after.duration().as_millis()).unwrap_or(u32::MAX),
            topic: topic.into(),
            generation,
            spreads,
            appends: TaskTracker::new(),
        })
    }

    /// What an event and a request may measure.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits until the log has answered every append. None must be started any longer.
    pub(crate) async fn drained(&self) {
        self.appends.close();
        self.appends.wait().await;
    }

    /// Every fault and warning of these events; nothing is appended.
    pub(crate) fn validate(
        &self,
        request: &Request,
        drafts: impl IntoIterator<Item = Draft>,
    ) -> Vec<Verdict> {
        let checked = self.check(request, self.now(), drafts);
        let (plan, events) = Plan::new(checked);
        plan.settle(events.iter().map(|_| Fate::Accepted), 0)
    }

    /// Takes these events in and waits for their verdicts.
    pub(crate) async fn take(self: &Arc<Self>, prepared: Prepared) -> Answer {
        self.start(prepared, ()).await.settled().await
    }

    /// Checks these events and encodes what is to be appended.
    pub(crate) fn prepare(&self, request: Request, drafts: impl IntoIterator<Item = Draft>) -> Prepared {
        let received_at = self.now();
        let (plan, events) = Plan::new(self.check(&request, received_at, drafts));
        let spread = self.spreads.of(&request.tenant);
        let tenant_header = Bytes::copy_from_slice(request.tenant.as_str().as_bytes());
        let name: Arc<str> = topic::HEADER_TENANT.into();
        let records = events.into_iter().map(|event| {
            let partition = spread.partition(event.routing_key());
            let key = record_key(&request.tenant, &event);
            let accepted = Accepted {
                tenant: request.tenant.clone(),
                received_at,
                event,
            };
            NewRecord {
                to: TopicPartition::new(Arc::clone(&self.topic), partition),
                key,
                value: proto::record::encode_accepted(accepted),
                headers: vec![(Arc::clone(&name), tenant_header.clone())],
            }
        });
        Prepared {
            records: records.collect(),
            tenant: request.tenant,
            plan,
        }
    }

    /// Hands the records to the log, in the order of the calls of this, and does not wait for it.
    /// `held` is dropped when the log has answered.
    pub(crate) async fn start<H: Send + 'static>(self: &Arc<Self>, prepared: Prepared, held: H) -> Started {
        let Prepared {
            tenant,
            plan,
            records,
        } = prepared;
        let deadline = Instant::now() + self.deadline;
        let partitions: Vec<u32> = records.iter().map(|record| record.to.partition).collect();
        let append = if records.is_empty() {
            Append::Done(Vec::new())
        } else {
            self.append(records, held).await
        };
        Started {
            ingest: Arc::clone(self),
            tenant,
            plan,
            partitions,
            append,
            deadline,
        }
    }

    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    fn check(
        &self,
        request: &Request,
        received_at: Millis,
        drafts: impl IntoIterator<Item = Draft>,
    ) -> Vec<Result<Valid, Vec<Fault>>> {
        let receipt = Receipt {
            tenant: &request.tenant,
            received_at,
            sent_at: request.sent_at,
            idempotency_key: request.idempotency_key.as_deref(),
            future: FuturePolicy::Clamp,
            limits: &self.limits,
        };
        let check =
            |(index, draft)| validate(draft, index, &receipt, self.random_bytes::<RANDOM_BYTES_PER_ID>());
        (0..).zip(drafts).map(check).collect()
    }

    fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    async fn append<H: Send + 'static>(&self, records: Vec<NewRecord>, held: H) -> Append {
        let log = Arc::clone(&self.log);
        let begin = Instant::now();
        let bytes: usize = records.iter().map(NewRecord::bytes).sum();
        let mut append: Pin<Box<dyn Future<Output = Results> + Send>> = Box::pin(async move {
            let results = log.append(records).await;
            drop(held);
            observe(&results, bytes, begin);
            results
        });
        // The log takes records in the order in which appends are first polled; tasks have no such order.
        let first = std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await;
        match first {
            Poll::Ready(results) => Append::Done(results),
            Poll::Pending => Append::Running(self.appends.spawn(append)),
        }
    }

    fn fate(&self, result: &Result<Appended, eventlog::Error>) -> Fate {
        match result {
            Ok(_) => Fate::Accepted,
            Err(_) => Fate::Unavailable {
                retry_after_ms: self.retry_after_ms,
            },
        }
    }

    fn seal(&self, tenant: &TenantId, token: &Token) -> Option<String> {
        let written = !token.positions().is_empty();
        written.then(|| {
            self.sealer
                .seal(tenant, Token::PURPOSE, &token.encode(), self.random_bytes())
        })
    }
}

/// Checked events that are not appended yet.
pub(crate) struct Prepared {
    tenant: TenantId,
    plan: Plan,
    records: Vec<NewRecord>,
}

/// Events that the log was given.
pub(crate) struct Started {
    ingest: Arc<Ingest>,
    tenant: TenantId,
    plan: Plan,
    partitions: Vec<u32>,
    append: Append,
    deadline: Instant,
}

enum Append {
    Done(Results),
    Running(JoinHandle<Results>),
}

impl Started {
    /// The verdicts, at the deadline at the latest.
    pub(crate) async fn settled(self) -> Answer {
        let ingest = self.ingest;
        let results = match self.append {
            Append::Done(results) => results,
            Append::Running(task) => finished(timeout_at(self.deadline, task).await),
        };
        let mut token = Token::default();
        for (partition, result) in self.partitions.iter().zip(&results) {
            if let Ok(appended) = result {
                let source = Source {
                    lane: Lane::Standard,
                    generation: ingest.generation,
                    partition: *partition,
                };
                token.add(source, appended.offset);
            }
        }
        let fates = results.iter().map(|result| ingest.fate(result));
        let verdicts = self.plan.settle(fates, ingest.retry_after_ms);
        count(&verdicts);
        Answer {
            counts: Counts::of(&verdicts),
            token: ingest.seal(&self.tenant, &token),
            verdicts,
        }
    }
}

fn finished(waited: Result<Result<Results, tokio::task::JoinError>, tokio::time::error::Elapsed>) -> Results {
    match waited {
        Ok(Ok(results)) => results,
        Ok(Err(error)) => {
            tracing::error!(%error, "append did not end");
            Vec::new()
        }
        Err(_elapsed) => {
            metrics::counter!(definitions::MISSED_DEADLINES).increment(1);
            tracing::warn!("log did not answer an append before the deadline");
            Vec::new()
        }
    }
}

/// Tenant and routing key: what is of one key stays in one place, and no key of one tenant is one of another.
fn record_key(tenant: &TenantId, event: &Event) -> Bytes {
    let tenant = tenant.as_str().as_bytes();
    let key = match event.routing_key() {
        RoutingKey::Text(text) => [tenant, &[0], text.as_bytes()].concat(),
        RoutingKey::Id(id) => [tenant, &[0], &id.bytes()].concat(),
    };
    key.into()
}

/// Measures an append and logs its first failure.
fn observe(results: &Results, bytes: usize, begin: Instant) {
    metrics::histogram!(definitions::APPEND_SECONDS).record(begin.elapsed());
    let failed = results.iter().filter(|result| result.is_err()).count();
    let Some(error) = results.iter().find_map(|result| result.as_ref().err()) else {
        metrics::counter!(definitions::APPENDED_BYTES).increment(u64::try_from(bytes).unwrap_or(u64::MAX));
        return;
    };
    match error.class() {
        // The log counts these; a warning for each would be a flood.
        Class::Transient if matches!(error, eventlog::Error::Full { .. }) => {
            tracing::debug!(%error, failed, "log took no records");
        }
        Class::Transient => tracing::warn!(%error, failed, "log did not take records"),
        Class::Poison | Class::Fatal => tracing::error!(%error, failed, "log can't take records"),
    }
}

fn count(verdicts: &[Verdict]) {
    let mut counts: [(&str, u64); 5] = [
        ("accepted", 0),
        ("duplicate", 0),
        ("invalid", 0),
        ("limited", 0),
        ("unavailable", 0),
    ];
    for verdict in verdicts {
        if let Some((_, count)) = counts.iter_mut().find(|(name, _)| *name == verdict.status()) {
            *count += 1;
        }
    }
    for (verdict, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!(definitions::EVENTS, definitions::VERDICT => verdict).increment(count);
    }
}
