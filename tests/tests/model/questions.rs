//! What a worker has asked an engine and the test has not decided yet.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

/// Open questions, in the order in which they were asked.
pub(crate) struct Questions<Q> {
    open: Mutex<VecDeque<Q>>,
    asked: Notify,
}

impl<Q> Questions<Q> {
    pub(crate) fn new() -> Self {
        Self {
            open: Mutex::default(),
            asked: Notify::new(),
        }
    }

    pub(crate) fn ask(&self, question: Q) {
        self.open.lock().unwrap().push_back(question);
        self.asked.notify_one();
    }

    /// Waits until there is one.
    pub(crate) async fn asked(&self) {
        while self.open.lock().unwrap().is_empty() {
            self.asked.notified().await;
        }
    }

    /// Takes the oldest.
    pub(crate) fn next(&self) -> Option<Q> {
        self.open.lock().unwrap().pop_front()
    }
}
