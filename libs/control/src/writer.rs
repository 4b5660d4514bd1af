//! Changes to the control topic: check against the end of the topic, append, answer when the view has it.
//!
//! Writers that are clones of each other take turns. Nothing here fences writers of other processes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chassis::clock::Clock;
use chassis::random::Random;
use domain::control::{KeyRecord, Record, Revocation, State, TenantRecord, TopicsRecord};
use domain::key::{ApiKey, KeyId, Peppers};
use domain::tenant::TenantId;
use domain::time::Millis;
use eventlog::{Headers, Log, NewRecord};
use tokio::sync::Mutex;

use crate::Error;
use crate::follower::partition;
use crate::request::{NewKey, check_name};
use crate::view::View;

/// How long a call waits for the view, once for the end of the topic and once for its own write.
pub const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// The writer of control records. Clones take turns.
#[derive(Clone)]
pub struct Writer(Arc<Inner>);

struct Inner {
    log: Arc<dyn Log>,
    view: View,
    peppers: Arc<Peppers>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    turn: Mutex<()>,
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
            turn: Mutex::new(()),
        }))
    }

    /// Makes a tenant; one of the same id is a conflict.
    pub async fn create_tenant(&self, id: TenantId, name: String) -> Result<TenantRecord, Error> {
        check_name(&name)?;
        let _turn = self.0.turn.lock().await;
        let state = self.0.newest().await?;
        if state.tenant(&id).is_some() {
            let (entity, id) = ("tenant", id.to_string());
            return Err(Error::Conflict { entity, id });
        }
        let tenant = TenantRecord {
            id,
            name,
            created_at: self.0.now(),
            version: 1,
        };
        self.0.write(&Record::Tenant(tenant.clone())).await?;
        Ok(tenant)
    }

    /// Makes a key. Its secret is in the answer and nowhere else.
    pub async fn create_key(&self, request: NewKey) -> Result<(ApiKey, KeyRecord), Error> {
        let request = request.checked(self.0.now())?;
        let _turn = self.0.turn.lock().await;
        let state = self.0.newest().await?;
        if let Some(tenant) = request.tenant.as_ref().filter(|id| state.tenant(id).is_none()) {
            let (entity, id) = ("tenant", tenant.to_string());
            return Err(Error::NotFound { entity, id });
        }
        let key = self.0.generate(&state)?;
        let pepper = self.0.peppers.first();
        let record = KeyRecord {
            id: key.id().clone(),
            tenant: request.tenant,
            name: request.name,
            scopes: request.scopes,
            created_at: self.0.now(),
            expires_at: request.expires_at,
            pepper: pepper.id().to_owned(),
            digest: key.digest(pepper),
            version: 1,
        };
        self.0.write(&Record::Key(record.clone())).await?;
        Ok((key, record))
    }

    /// Says that the topics of events were made anew, and returns their generation from now on.
    pub async fn raise_generation(&self) -> Result<u32, Error> {
        let _turn = self.0.turn.lock().await;
        let state = self.0.newest().await?;
        let topics = TopicsRecord {
            generation: state.generation().saturating_add(1),
            version: state
                .topics()
                .map_or(1, |topics| topics.version.saturating_add(1)),
        };
        self.0.write(&Record::Topics(topics.clone())).await?;
        Ok(topics.generation)
    }

    /// Ends a key for good. Ending it again changes nothing.
    pub async fn revoke_key(&self, id: &KeyId) -> Result<(), Error> {
        let _turn = self.0.turn.lock().await;
        let state = self.0.newest().await?;
        if state.key(id).is_none() {
            let (entity, id) = ("key", id.to_string());
            return Err(Error::NotFound { entity, id });
        }
        if state.is_revoked(id) {
            return Ok(());
        }
        let revocation = Revocation {
            key: id.clone(),
            revoked_at: self.0.now(),
        };
        self.0.write(&Record::Revocation(revocation)).await
    }
}

impl Inner {
    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    /// The state with everything that the topic had when this was called.
    async fn newest(&self) -> Result<Arc<State>, Error> {
        let end = self.log.bounds(&partition()).await?.end;
        self.view.reached(end, SEEN_WITHIN).await?;
        Ok(self.view.state())
    }

    /// A key whose id is new. Ids of twelve random letters do not meet, unless the randomness is broken.
    fn generate(&self, state: &State) -> Result<ApiKey, Error> {
        let mut bytes = [0; ApiKey::RANDOM_BYTES];
        self.random.fill(&mut bytes);
        let key = ApiKey::generate(&bytes);
        if state.key(key.id()).is_some() {
            let (entity, id) = ("key", key.id().to_string());
            return Err(Error::Conflict { entity, id });
        }
        Ok(key)
    }

    async fn write(&self, record: &Record) -> Result<(), Error> {
        let (key, value) = record
            .log_key()
            .zip(record.log_value())
            .expect("a record that is written is a known one");
        let record = NewRecord {
            to: partition(),
            key: key.into(),
            value: Bytes::from(value),
            headers: Headers::new(),
        };
        let answer = self.log.append(vec![record]).await.into_iter().next();
        let appended = answer.ok_or(eventlog::Error::Closed)??;
        self.view.reached(appended.offset + 1, SEEN_WITHIN).await
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("view", &self.0.view)
            .finish_non_exhaustive()
    }
}
