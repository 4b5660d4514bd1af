//! The fold so far, shared by everything in a process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::control::State;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Error;

/// What the process knows of the control topic. Clones share it.
#[derive(Clone)]
pub struct View {
    state: Arc<ArcSwap<State>>,
    next: watch::Receiver<u64>,
}

/// The one that moves a view on.
pub(crate) struct Publisher {
    state: Arc<ArcSwap<State>>,
    next: watch::Sender<u64>,
}

impl View {
    /// A view that never changes, for tests and tools.
    pub fn fixed(state: State) -> Self {
        Publisher::new(state, 0).1
    }

    /// All tenants and keys as of now.
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
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
    pub(crate) fn new(state: State, next: u64) -> (Self, View) {
        let state = Arc::new(ArcSwap::from_pointee(state));
        let (sender, receiver) = watch::channel(next);
        let view = View {
            state: Arc::clone(&state),
            next: receiver,
        };
        (Self { state, next: sender }, view)
    }

    /// Shows `state` from now on. Whoever waits for `next` finds the state there.
    pub(crate) fn publish(&self, state: State, next: u64) {
        self.state.store(Arc::new(state));
        self.next.send_replace(next);
    }
}
