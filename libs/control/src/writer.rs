//! Changes to the control topic: fence the other writers, read to the end, check, append, answer when the view has it.
//!
//! Writers that are clones of each other take turns. Of writers in different processes one has the fence at a time: who
//! takes it sees all that the others wrote, and what they try to write afterwards fails. So a check holds until the
//! record that it was made for is there. Each change and its audit record are one transaction.

pub(crate) mod import;
mod keys;
mod limits;
mod services;
mod spreads;
mod tenants;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::random::Random;
use domain::control::{Audit, Entity, Record, State, TenantRecord, TopicsRecord};
use domain::key::Peppers;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::{Fenced, Headers, Log, NewRecord, TopicPartition};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::Error;
use crate::by::By;
use crate::follower::partition;
use crate::heart::to_log;
use crate::view::View;

/// How long a call waits for the view, once for the end of the topic and once for its own write.
pub const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// The name that writers fence each other by.
const FENCE: &str = "control";
/// How often a change is begun anew because another writer came between.
const MAX_TRIES: u32 = 8;
/// The pause after the first try is up to so long; it doubles with each.
const FIRST_PAUSE_MS: u64 = 20;

/// The writer of control records. Clones take turns.
#[derive(Clone)]
pub struct Writer(Arc<Inner>);

struct Inner {
    log: Arc<dyn Log>,
    view: View,
    peppers: Arc<Peppers>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    turn: Mutex<Option<Box<dyn Fenced>>>,
}

/// What a change comes to, decided over a state that nobody else changes meanwhile.
struct Decision<T> {
    action: &'static str,
    /// None where it is so already.
    records: Vec<Record>,
    answer: T,
}

impl<T> Decision<T> {
    fn one(action: &'static str, record: Record, answer: T) -> Self {
        Self {
            action,
            records: vec![record],
            answer,
        }
    }

    fn nothing(action: &'static str, answer: T) -> Self {
        Self {
            action,
            records: Vec::new(),
            answer,
        }
    }
}

impl Writer {
    /// A writer that reads itself back through `view`, whose follower must be running.
    pub fn new(
        log: Arc<dyn Log>,
        view: View,
        peppers: Arc<Peppers>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self(Arc::new(Inner {
            log,
            view,
            peppers,
            clock,
            random,
            turn: Mutex::new(None),
        }))
    }

    /// Says that the topics of events were made anew, and returns their generation from now on.
    pub async fn raise_generation(&self, by: &By) -> Result<u32, Error> {
        let decide = |state: &State| {
            let topics = TopicsRecord {
                generation: state.generation().saturating_add(1),
                version: state
                    .topics()
                    .map_or(1, |topics| topics.version.saturating_add(1)),
            };
            let generation = topics.generation;
            Ok(Decision::one(
                "topics.raise_generation",
                Record::Topics(topics),
                generation,
            ))
        };
        self.0.change(by, decide).await
    }
}

impl Inner {
    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    /// Decides and writes. What is decided is decided anew when another writer came between.
    async fn change<T>(
        &self,
        by: &By,
        decide: impl Fn(&State) -> Result<Decision<T>, Error>,
    ) -> Result<T, Error> {
        let mut turn = self.turn.lock().await;
        for attempt in 0..MAX_TRIES {
            // Out of its place while it works: a call that is dropped or fails leaves none behind.
            let mut fenced = match turn.take() {
                Some(fenced) => fenced,
                None => self.log.fence(FENCE).await?,
            };
            let state = self.newest().await?;
            let decision = match decide(&state) {
                Ok(decision) => decision,
                Err(error) => {
                    *turn = Some(fenced);
                    return Err(error);
                }
            };
            if decision.records.is_empty() {
                *turn = Some(fenced);
                return Ok(decision.answer);
            }
            match fenced.append(self.encoded(by, &state, &decision)).await {
                Ok(appended) => {
                    *turn = Some(fenced);
                    let places = appended.iter().take(decision.records.len());
                    let next = places.map(|appended| appended.offset + 1).max().unwrap_or(0);
                    self.view.reached(next, SEEN_WITHIN).await?;
                    return Ok(decision.answer);
                }
                Err(eventlog::Error::Fenced { .. }) => sleep(self.pause(attempt)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Log(eventlog::Error::Fenced {
            name: FENCE.to_owned(),
        }))
    }

    /// Random, so that two writers do not take the fence from each other again and again.
    fn pause(&self, attempt: u32) -> Duration {
        let mut bytes = [0; 2];
        self.random.fill(&mut bytes);
        let longest_ms = FIRST_PAUSE_MS << attempt;
        Duration::from_millis(u64::from(u16::from_be_bytes(bytes)) % longest_ms)
    }

    /// The state with everything that the topic had when this was called.
    async fn newest(&self) -> Result<Arc<State>, Error> {
        let end = self.log.bounds(&partition()).await?.end;
        self.view.reached(end, SEEN_WITHIN).await?;
        Ok(self.view.state())
    }

    /// The records of a decision, and then one of the audit for each.
    fn encoded<T>(&self, by: &By, state: &State, decision: &Decision<T>) -> Vec<NewRecord> {
        let records = decision.records.iter().filter_map(to_log);
        let audits = decision
            .records
            .iter()
            .map(|record| self.audit(by, state, decision.action, record));
        records.chain(audits).collect()
    }

    fn audit(&self, by: &By, state: &State, action: &str, record: &Record) -> NewRecord {
        let entity = record.entity();
        let key_tenant = |id| state.key(id).and_then(|key| key.tenant.clone());
        let tenant = match (record, &entity) {
            (Record::Key(key), _) => key.tenant.clone(),
            (_, Entity::Revocation(id)) => key_tenant(id),
            (_, entity) => entity.tenant().cloned(),
        };
        let audit = Audit {
            at: self.now(),
            actor: by.actor.clone(),
            request_id: by.request_id.clone(),
            action: action.to_owned(),
            entity: entity.log_key().unwrap_or_default(),
            tenant,
            before: state.record(&entity).and_then(|before| before.shown()),
            after: record.shown(),
        };
        NewRecord {
            to: TopicPartition::new(topic::AUDIT, 0),
            key: audit.log_key().into(),
            value: audit.log_value().into(),
            headers: Headers::new(),
        }
    }
}

/// The tenant, if it is there and open.
fn open_tenant<'a>(state: &'a State, id: &TenantId) -> Result<&'a TenantRecord, Error> {
    let tenant = state.tenant(id).filter(|tenant| tenant.is_open());
    tenant.ok_or_else(|| not_found("tenant", id))
}

/// Refuses when the entity has another version than the caller has seen; 0 is that of what is not there.
fn check_version(
    entity: &'static str,
    id: &dyn fmt::Display,
    expected: Option<u64>,
    current: u64,
) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != current => Err(Error::VersionMismatch {
            entity,
            id: id.to_string(),
            expected,
            current,
        }),
        _ => Ok(()),
    }
}

fn not_found(entity: &'static str, id: &dyn fmt::Display) -> Error {
    let id = id.to_string();
    Error::NotFound { entity, id }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("view", &self.0.view)
            .finish_non_exhaustive()
    }
}
