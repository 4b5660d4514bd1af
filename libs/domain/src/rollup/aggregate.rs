//! What is kept of the events of one group.

use super::Rollup;
use super::distinct::Distinct;
use super::durations::{Durations, micros};
use crate::event::{Body, Event};
use crate::time::Millis;

/// What is known of the events of a group. What its rollup does not keep is 0 or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// How many events.
    pub count: u64,
    /// How long requests took.
    pub duration: Option<Durations>,
    /// Size of all requests that say it.
    pub request_bytes: u64,
    /// Size of all answers that say it.
    pub response_bytes: u64,
    /// Time of the earliest event.
    pub first_seen: Option<Millis>,
    /// Time of the latest event.
    pub last_seen: Option<Millis>,
    /// How many users.
    pub users: Option<Distinct>,
    /// How many sessions.
    pub sessions: Option<Distinct>,
}

impl Aggregate {
    /// Adds what another one has of other events. Associative and commutative; numbers stay at the end of their type.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        merge(&mut self.duration, other.duration.as_ref(), Durations::merge);
        self.request_bytes = self.request_bytes.saturating_add(other.request_bytes);
        self.response_bytes = self.response_bytes.saturating_add(other.response_bytes);
        let seen = [self.first_seen, other.first_seen].into_iter().flatten();
        self.first_seen = seen.min();
        self.last_seen = self.last_seen.max(other.last_seen);
        merge(&mut self.users, other.users.as_ref(), Distinct::merge);
        merge(&mut self.sessions, other.sessions.as_ref(), Distinct::merge);
    }

    /// Adds an event, as the rollup counts it.
    pub(super) fn add(&mut self, rollup: Rollup, event: &Event) {
        self.count = self.count.saturating_add(1);
        match rollup {
            Rollup::Events => {}
            Rollup::Requests => self.add_request(event),
            Rollup::Errors => {
                self.see(event.time());
                add_text(&mut self.users, event.user_id.as_deref());
            }
            Rollup::Actions => {
                add_text(&mut self.users, event.user_id.as_deref());
                add_text(&mut self.sessions, event.session_id.as_deref());
            }
            Rollup::Users => self.last_seen = self.last_seen.max(Some(event.time())),
        }
    }

    fn add_request(&mut self, event: &Event) {
        let Body::ApiRequest(request) = &event.body else {
            return;
        };
        let us = micros(request.duration_ms);
        match &mut self.duration {
            Some(durations) => durations.add(us),
            None => self.duration = Some(Durations::of(us)),
        }
        let (sent, answered) = (request.request_bytes, request.response_bytes);
        self.request_bytes = self.request_bytes.saturating_add(sent.unwrap_or(0));
        self.response_bytes = self.response_bytes.saturating_add(answered.unwrap_or(0));
    }

    fn see(&mut self, time: Millis) {
        self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
        self.last_seen = self.last_seen.max(Some(time));
    }

    /// Bytes outside of the value itself.
    pub(super) fn heap_bytes(&self) -> usize {
        let distinct = [&self.users, &self.sessions].into_iter().flatten();
        let durations = self.duration.as_ref().map_or(0, Durations::heap_bytes);
        durations + distinct.map(Distinct::heap_bytes).sum::<usize>()
    }
}

fn merge<T: Clone>(own: &mut Option<T>, other: Option<&T>, merge: fn(&mut T, &T)) {
    match (own, other) {
        (Some(own), Some(other)) => merge(own, other),
        (own @ None, Some(other)) => *own = Some(other.clone()),
        (_, None) => {}
    }
}

/// A rollup that counts texts has a count also where no event had one.
fn add_text(distinct: &mut Option<Distinct>, text: Option<&str>) {
    let distinct = distinct.get_or_insert_default();
    if let Some(text) = text {
        distinct.add(text);
    }
}
