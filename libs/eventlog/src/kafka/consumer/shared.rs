//! The membership between its two sides: each changes it under a lock that is held for moments only, and wakes
//! the other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::membership::{Bounds, Membership};

pub(super) struct Shared {
    membership: Mutex<Membership>,
    /// For the owner: there is something to take.
    news: Notify,
    /// For the polling thread: there is room, or an order.
    orders: Condvar,
}

impl Shared {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            membership: Mutex::new(Membership::new(bounds)),
            news: Notify::new(),
            orders: Condvar::new(),
        }
    }

    /// Lets the owner change it.
    pub(super) fn order<T>(&self, change: impl FnOnce(&mut Membership) -> T) -> T {
        let result = change(&mut self.lock());
        self.orders.notify_one();
        result
    }

    /// Lets the side of the client change it.
    pub(super) fn report<T>(&self, change: impl FnOnce(&mut Membership) -> T) -> T {
        let result = change(&mut self.lock());
        self.news.notify_one();
        result
    }

    /// Lets either side look, or change what the other does not wait for.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Membership) -> T) -> T {
        look(&mut self.lock())
    }

    /// Until something is reported. A report that came before the call is not missed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Until there is room for records or an order, or the time is over.
    pub(super) fn wait_for_orders(&self, wait: Duration) {
        let membership = self.lock();
        let idle = |membership: &mut Membership| {
            !membership.has_room() && !membership.is_dirty() && !membership.is_leaving()
        };
        // Whatever ended the wait, the caller looks again.
        drop(self.orders.wait_timeout_while(membership, wait, idle));
    }

    fn lock(&self) -> MutexGuard<'_, Membership> {
        // Its changes are whole even if the thread that made them panicked later on.
        self.membership.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
