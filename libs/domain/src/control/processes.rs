//! Heartbeats: which processes there are, as far as the log has told.
//!
//! Only times of the log are compared with each other, so nobody's clock matters, and who hears nothing any more goes on
//! with what was known last.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A process is there as long as its newest heartbeat is at most so much older than the newest of all.
pub const LIVE_WITHIN_MS: i64 = 10_000;

/// Heartbeats older than this, against the newest of all, are of processes that are gone for good.
const GONE_AFTER_MS: i64 = 10 * 60 * 1_000;
/// Processes that are remembered.
const MAX_PROCESSES: usize = 4_096;

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which process: random, of its life.
    pub process: Box<str>,
    /// What it does.
    pub role: Box<str>,
    /// Never the same twice, so that a process knows its own and how old it is.
    pub nonce: u64,
    /// Its clock, for people.
    pub sent_at: Millis,
}

/// The processes that were heard of.
#[derive(Clone, Debug, Default)]
pub struct Processes {
    seen: HashMap<Box<str>, Seen>,
    newest: Option<Millis>,
}

#[derive(Clone, Debug)]
struct Seen {
    role: Box<str>,
    appended_at: Millis,
}

impl Processes {
    /// Takes in a heartbeat with the append time that the log gave it.
    pub fn apply(&mut self, heartbeat: Heartbeat, appended_at: Millis) {
        self.newest = self.newest.max(Some(appended_at));
        if self.seen.len() >= MAX_PROCESSES && !self.seen.contains_key(&heartbeat.process) {
            self.forget(LIVE_WITHIN_MS);
        }
        if self.seen.len() < MAX_PROCESSES || self.seen.contains_key(&heartbeat.process) {
            let role = heartbeat.role;
            self.seen.insert(heartbeat.process, Seen { role, appended_at });
        }
    }

    /// A process has said that it ends.
    pub fn remove(&mut self, process: &str) {
        self.seen.remove(process);
    }

    /// Processes of this role, at least one: whoever asks is there.
    pub fn live(&self, role: &str) -> u32 {
        let live = self
            .seen
            .values()
            .filter(|seen| &*seen.role == role && self.age_ms(seen) <= LIVE_WITHIN_MS);
        u32::try_from(live.count()).unwrap_or(u32::MAX).max(1)
    }

    /// Processes whose heartbeat may be removed from the log.
    pub fn gone(&self) -> impl Iterator<Item = &str> {
        self.seen
            .iter()
            .filter(|(_, seen)| self.age_ms(seen) > GONE_AFTER_MS)
            .map(|(process, _)| &**process)
    }

    fn age_ms(&self, seen: &Seen) -> i64 {
        self.newest.map_or(0, |newest| newest.since(seen.appended_at))
    }

    fn forget(&mut self, older_than_ms: i64) {
        let newest = self.newest;
        self.seen
            .retain(|_, seen| newest.is_none_or(|newest| newest.since(seen.appended_at) <= older_than_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(process: &str, role: &str) -> Heartbeat {
        Heartbeat {
            process: process.into(),
            role: role.into(),
            nonce: 1,
            sent_at: Millis::EPOCH,
        }
    }

    #[test]
    fn a_silent_process_is_missed_when_another_is_heard() {
        let mut processes = Processes::default();
        assert_eq!(processes.live("gateway"), 1);
        let start = Millis::from_ms(1_000_000);
        for process in ["a", "b", "c"] {
            processes.apply(beat(process, "gateway"), start);
        }
        processes.apply(beat("q", "query"), start);
        assert_eq!(processes.live("gateway"), 3);
        processes.apply(beat("a", "gateway"), start.plus_ms(LIVE_WITHIN_MS));
        assert_eq!(processes.live("gateway"), 3);
        processes.apply(beat("a", "gateway"), start.plus_ms(LIVE_WITHIN_MS + 1));
        assert_eq!(processes.live("gateway"), 1);
        processes.apply(beat("b", "gateway"), start.plus_ms(LIVE_WITHIN_MS + 1));
        assert_eq!(processes.live("gateway"), 2);
        processes.remove("b");
        assert_eq!(processes.live("gateway"), 1);
    }

    #[test]
    fn the_long_dead_are_named_and_memory_is_bounded() {
        let mut processes = Processes::default();
        processes.apply(beat("old", "gateway"), Millis::from_ms(0));
        let late = Millis::from_ms(GONE_AFTER_MS + 1);
        processes.apply(beat("new", "gateway"), late);
        assert_eq!(processes.gone().collect::<Vec<_>>(), ["old"]);
        for number in 0..2 * MAX_PROCESSES {
            processes.apply(beat(&format!("p{number}"), "gateway"), late);
        }
        assert!(processes.seen.len() <= MAX_PROCESSES);
    }
}
