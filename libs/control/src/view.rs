//! The fold so far, shared by everything in a process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::control::{Processes, State};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Error;
use crate::freshness::{Freshness, Stale};

/// What the process knows of the control topic. Clones share it.
#[derive(Clone)]
pub struct View {
    shared: Arc<Shared>,
    next: watch::Receiver<u64>,
    replicas: watch::Receiver<u32>,
}

struct Shared {
    state: ArcSwap<State>,
    freshness: Freshness,
    processes: Mutex<Processes>,
}

/// The one that moves a view on.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    next: watch::Sender<u64>,
    replicas: watch::Sender<u32>,
}

impl View {
    /// A view that never changes and never gets old, for tests and tools.
    pub fn fixed(state: State) -> Self {
        Publisher::new(state, 0, Freshness::unbounded()).1
    }

    /// Everything as of now, however old: for showing, not for trusting.
    pub fn state(&self) -> Arc<State> {
        self.shared.state.load_full()
    }

    /// Everything as of now, unless it is too old to be trusted.
    pub fn current(&self) -> Result<Arc<State>, Stale> {
        self.shared.freshness.check()?;
        Ok(self.state())
    }

    /// How many processes of this one's role there are, this one included; as last known.
    pub fn replicas(&self) -> watch::Receiver<u32> {
        self.replicas.clone()
    }

    /// Some processes that have been silent for long.
    pub(crate) fn gone(&self, at_most: usize) -> Vec<Box<str>> {
        let processes = self
            .shared
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.gone().take(at_most).map(Into::into).collect()
    }

    pub(crate) fn freshness(&self) -> &Freshness {
        &self.shared.freshness
    }

    /// Waits until every record before `next` is in the state.
    pub(crate) async fn reached(&self, next: u64, within: Duration) -> Result<(), Error> {
        let mut position = self.next.clone();
        let reached = position.wait_for(|position| *position >= next);
        match timeout(within, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::NotFollowed),
            Err(_) => Err(Error::Behind { offset: next, within }),
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("next", &*self.next.borrow())
            .finish_non_exhaustive()
    }
}

impl Publisher {
    /// A view that shows `state`, which has every record before `next`.
    pub(crate) fn new(state: State, next: u64, freshness: Freshness) -> (Self, View) {
        let shared = Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            freshness,
            processes: Mutex::default(),
        });
        let (next, next_seen) = watch::channel(next);
        let (replicas, replicas_seen) = watch::channel(1);
        let view = View {
            shared: Arc::clone(&shared),
            next: next_seen,
            replicas: replicas_seen,
        };
        (
            Self {
                shared,
                next,
                replicas,
            },
            view,
        )
    }

    /// Shows `state` from now on.
    pub(crate) fn show(&self, state: State) {
        self.shared.state.store(Arc::new(state));
    }

    /// Changes what is known of processes, and tells how many of `role` there are.
    pub(crate) fn hear(&self, role: &str, change: impl FnOnce(&mut Processes)) {
        let mut processes = self
            .shared
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut processes);
        let live = processes.live(role);
        drop(processes);
        self.replicas
            .send_if_modified(|known| std::mem::replace(known, live) != live);
    }

    /// Every record before `next` is shown.
    pub(crate) fn reach(&self, next: u64) {
        self.next
            .send_if_modified(|known| std::mem::replace(known, next) != next);
    }
}
