//! On whose behalf a change is made, for the audit record.

use domain::control::{Actor, Caller};

/// Who makes a change, and with which request.
#[derive(Clone, Debug)]
pub struct By {
    pub(crate) actor: Actor,
    pub(crate) request_id: Option<String>,
}

impl By {
    /// The holder of a key, by a request.
    pub fn caller(caller: &Caller, request_id: Option<String>) -> Self {
        Self {
            actor: Actor::Key(caller.key().id),
            request_id,
        }
    }

    /// Somebody who reaches the log without a key: the name of the command, or what the program does by itself.
    pub fn operator(what: impl Into<String>) -> Self {
        Self {
            actor: Actor::Operator(what.into()),
            request_id: None,
        }
    }
}
