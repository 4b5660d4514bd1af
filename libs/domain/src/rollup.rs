//! Statistics of events, counted exactly once: what one source has of one window, and the sum over sources.
//!
//! A [`Window`] is a minute or an hour of event time. A [`Rollup`] is one kind of statistics: by which [`Dimension`]s
//! events are grouped, and what is kept of each [`Group`]. A [`Row`] is what one source has of one (tenant, window,
//! rollup), all groups of it; it folds each event in once and has a stamp, so that of two writers of one row the one
//! that has read further wins. A [`Summary`] merges the rows of all sources.
//!
//! A row is bounded, however many different texts a tenant sends: what finds no room in a group of its own is counted in
//! a coarser one, as [`Value::Other`]. Nothing that was folded is ever left out of a count.

mod aggregate;
mod dimension;
mod distinct;
mod durations;
mod group;
mod groups;
mod hash;
mod key;
mod quantiles;
mod room;
mod row;
mod summary;
mod window;

pub use self::aggregate::Aggregate;
pub use self::dimension::Dimension;
pub use self::distinct::Distinct;
pub use self::durations::Durations;
pub use self::group::{Group, Value};
pub use self::quantiles::Quantiles;
pub use self::row::Row;
pub use self::summary::Summary;
pub use self::window::{Grain, Window};
use crate::event::Kind;
use crate::record::Enriched;

/// Bytes that are no row of the rollup that they should be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row of a rollup does not decode")]
pub struct Corrupt;

/// One kind of statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rollup {
    /// Every event: how many.
    Events,
    /// Every request: how many, how long they took, how large they were.
    Requests,
    /// Every error: how many, when first and last, how many users.
    Errors,
    /// Every action of a user: how many, how many users and sessions.
    Actions,
    /// Every event of a user: how many, when last.
    Users,
}

impl Rollup {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Events,
        Self::Requests,
        Self::Errors,
        Self::Actions,
        Self::Users,
    ];

    /// The rollups into which an event is folded.
    pub fn of(event: &Enriched) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|rollup| rollup.takes(event))
    }

    fn takes(self, event: &Enriched) -> bool {
        let event = &event.event;
        match self {
            Self::Events => true,
            Self::Requests => event.kind() == Kind::ApiRequest,
            Self::Errors => event.kind() == Kind::Error,
            Self::Actions => event.kind() == Kind::UserAction,
            Self::Users => event.user_id.is_some(),
        }
    }

    /// The number in stored keys and rows.
    pub const fn number(self) -> u8 {
        match self {
            Self::Events => 1,
            Self::Requests => 2,
            Self::Errors => 3,
            Self::Actions => 4,
            Self::Users => 5,
        }
    }

    /// The rollup of this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Events),
            2 => Some(Self::Requests),
            3 => Some(Self::Errors),
            4 => Some(Self::Actions),
            5 => Some(Self::Users),
            _ => None,
        }
    }

    /// The name in metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Actions => "actions",
            Self::Users => "users",
        }
    }

    /// By what its events are grouped. The order is that of the values of a [`Group`], and is stored.
    pub const fn dimensions(self) -> &'static [Dimension] {
        use Dimension::{
            Action, Environment, ErrorType, Fingerprint, Kind, Method, Route, Service, Severity, StatusClass,
            UserId,
        };
        match self {
            Self::Events => &[Kind, Severity, Service, Environment],
            Self::Requests => &[Service, Environment, Route, Method, StatusClass],
            Self::Errors => &[Service, Environment, ErrorType, Fingerprint],
            Self::Actions => &[Service, Environment, Action],
            Self::Users => &[UserId],
        }
    }
}

#[cfg(test)]
mod tests;
