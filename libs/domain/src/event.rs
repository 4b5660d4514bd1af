//! Events that are valid.

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::id::EventId;
use crate::time::Millis;

/// One thing that happened. It exists only after [`validate`](crate::validate::validate), or was read from
/// a log or a store that it had entered that way. Absent optional texts are `None`, never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Identity and time.
    pub id: EventId,
    /// The service it happened in.
    pub service: Option<String>,
    /// Such as `production`.
    pub environment: Option<String>,
    /// Version of the service.
    pub release: Option<String>,
    /// Who it happened to.
    pub user_id: Option<String>,
    /// In which session.
    pub session_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The span within the trace.
    pub span_id: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The producer's own id.
    pub external_id: Option<String>,
    /// How soon it has to be through.
    pub priority: Priority,
    /// Anything else the producer says.
    pub attributes: Option<Attributes>,
    /// The fields of its kind.
    pub body: Body,
}

impl Event {
    /// When it happened.
    pub fn time(&self) -> Millis {
        self.id.time()
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }

    /// What decides the partition within the tenant's spread, so that events of one key keep their order.
    pub fn routing_key(&self) -> RoutingKey<'_> {
        [&self.user_id, &self.session_id, &self.trace_id, &self.external_id]
            .into_iter()
            .find_map(Option::as_deref)
            .map_or(RoutingKey::Id(self.id), RoutingKey::Text)
    }
}

/// See [`Event::routing_key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutingKey<'a> {
    /// The user, session, trace or external id, whichever comes first.
    Text(&'a str),
    /// The event's own id.
    Id(EventId),
}

/// The fields of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A request that an API has answered.
    ApiRequest(ApiRequest),
    /// An error that a program has met.
    Error(ErrorReport),
    /// Something a user did.
    UserAction(UserAction),
    /// Anything else that has a name.
    Generic(Generic),
}

impl Body {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ApiRequest(_) => Kind::ApiRequest,
            Self::Error(_) => Kind::Error,
            Self::UserAction(_) => Kind::UserAction,
            Self::Generic(_) => Kind::Generic,
        }
    }

    /// The user agent, where the kind has one.
    pub fn user_agent(&self) -> Option<&str> {
        match self {
            Self::ApiRequest(body) => body.user_agent.as_deref(),
            Self::Error(body) => body.user_agent.as_deref(),
            Self::UserAction(body) => body.user_agent.as_deref(),
            Self::Generic(_) => None,
        }
    }
}

/// Fields of kind `api_request`.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the names are those of the published schema, which says what they mean"
)]
pub struct ApiRequest {
    pub method: String,
    pub path: String,
    /// 100 to 599.
    pub status_code: u16,
    /// Finite, not negative.
    pub duration_ms: f64,
    pub route: Option<String>,
    pub request_bytes: Option<u64>,
    pub response_bytes: Option<u64>,
    pub client_ip: Option<String>,
    pub user_agent: Option<String>,
    pub query: Option<String>,
}

/// Fields of kind `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of the published schema, which says what they mean"
)]
pub struct ErrorReport {
    pub error_type: String,
    pub message: String,
    pub stack_trace: Option<String>,
    pub handled: Option<bool>,
    pub fingerprint: Option<String>,
    pub client_ip: Option<String>,
    pub user_agent: Option<String>,
}

/// Fields of kind `user_action`; its user is [`Event::user_id`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of the published schema, which says what they mean"
)]
pub struct UserAction {
    pub action: String,
    pub target: Option<String>,
    pub url: Option<String>,
    pub client_ip: Option<String>,
    pub user_agent: Option<String>,
}

/// Fields of kind `generic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generic {
    /// What it is called.
    pub name: String,
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$variant_doc])* $variant),+ }

        impl $type {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in every protocol.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The one of this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// All names, for messages.
            pub fn names() -> String {
                [$($name),+].join(", ")
            }
        }
    };
}

names! {
    /// What happened.
    Kind {
        /// A request that an API has answered.
        ApiRequest = "api_request",
        /// An error that a program has met.
        Error = "error",
        /// Something a user did.
        UserAction = "user_action",
        /// Anything else that has a name.
        Generic = "generic",
    }
}

names! {
    /// How bad what happened is.
    Severity {
        /// For those who look for a fault.
        Debug = "debug",
        /// The default.
        Info = "info",
        /// May become a problem.
        Warning = "warning",
        /// The default of errors.
        Error = "error",
        /// The program could not go on.
        Fatal = "fatal",
    }
}

names! {
    /// How soon an event has to be through.
    Priority {
        /// In its turn.
        Standard = "standard",
        /// Before all that is standard.
        Urgent = "urgent",
    }
}

impl Severity {
    /// What an event of this kind has when its producer says nothing.
    pub const fn default_of(kind: Kind) -> Self {
        match kind {
            Kind::Error => Self::Error,
            Kind::ApiRequest | Kind::UserAction | Kind::Generic => Self::Info,
        }
    }
}
