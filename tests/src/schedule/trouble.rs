//! What the calls of one process come to: one to what was planned, the others to what they should.

use std::sync::Mutex;

use tokio::sync::Notify;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It fails and does nothing.
    Lost,
    /// It fails and does half.
    Half,
    /// It does all, and the process takes it for failed.
    Unheard,
    /// The process takes it for failed, and it is done later.
    Late,
    /// It does all, the process takes it for failed, and it is done later once more.
    Twice,
    /// Before it is made the process sleeps until it is woken.
    Asleep,
    /// Before the process hears that it was made it sleeps until it is woken. A reading one sleeps before it is made.
    AsleepAfter,
}

impl Trouble {
    fn is_sleep(self) -> bool {
        matches!(self, Self::Asleep | Self::AsleepAfter)
    }
}

/// A trouble that will be. `C` tells calls apart.
#[derive(Clone, Copy, Debug)]
pub struct Plan<C> {
    /// Calls of other kinds do not count.
    pub of: Option<C>,
    /// Calls before it.
    pub behind: usize,
    /// What becomes of it.
    pub trouble: Trouble,
}

/// The trouble of one process.
pub struct Control<C> {
    state: Mutex<State<C>>,
    slept: Notify,
    woken: Notify,
}

struct State<C> {
    planned: Option<Plan<C>>,
    has_failed: bool,
    sleeps: bool,
}

impl<C> Default for Control<C> {
    fn default() -> Self {
        let state = State {
            planned: None,
            has_failed: false,
            sleeps: false,
        };
        Self {
            state: Mutex::new(state),
            slept: Notify::new(),
            woken: Notify::new(),
        }
    }
}

impl<C: Copy + PartialEq> Control<C> {
    /// From here on one call will be in trouble, or none.
    pub fn plan(&self, plan: Option<Plan<C>>) {
        let mut state = self.state.lock().unwrap();
        state.planned = plan;
        state.has_failed = false;
    }

    /// Whether a call has failed since a trouble was planned.
    pub fn has_failed(&self) -> bool {
        self.state.lock().unwrap().has_failed
    }

    /// Waits until the process sleeps.
    pub async fn slept(&self) {
        while !self.state.lock().unwrap().sleeps {
            self.slept.notified().await;
        }
    }

    /// Wakes it up. One that is awake is not kept from falling asleep later.
    pub fn wake(&self) {
        let slept = std::mem::take(&mut self.state.lock().unwrap().sleeps);
        if slept {
            self.woken.notify_one();
        }
    }

    /// What becomes of the call that is made here, after the sleep before it.
    pub async fn call(&self, call: C) -> Option<Trouble> {
        let trouble = self.next(call)?;
        if trouble != Trouble::Asleep {
            return Some(trouble);
        }
        self.sleep().await;
        None
    }

    /// Sleeps until it is woken.
    pub async fn sleep(&self) {
        self.state.lock().unwrap().sleeps = true;
        self.slept.notify_one();
        self.woken.notified().await;
    }

    fn next(&self, call: C) -> Option<Trouble> {
        let mut state = self.state.lock().unwrap();
        let plan = state
            .planned
            .as_mut()
            .filter(|plan| plan.of.is_none_or(|of| of == call))?;
        if plan.behind > 0 {
            plan.behind -= 1;
            return None;
        }
        let trouble = plan.trouble;
        state.planned = None;
        state.has_failed = !trouble.is_sleep();
        Some(trouble)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_process_that_was_woken_while_it_was_awake_sleeps_when_it_shall() {
        let control = Control::default();
        control.plan(Some(Plan {
            of: None,
            behind: 0,
            trouble: Trouble::Asleep,
        }));
        control.wake();
        let mut call = std::pin::pin!(control.call(()));
        assert_eq!((&mut call).now_or_never(), None);
        control.slept().await;
        control.wake();
        assert_eq!(call.await, None);
    }
}
