//! The fields that a filter can ask for, and what an event has in them.

use crate::enrich::Context;
use crate::event::{Body, Event, Kind, Priority, Severity};

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A field that a filter can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $($(#[$doc])* $variant),+ }

        impl Field {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in queries.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

fields! {
    /// Kind of the event.
    Kind = "kind",
    /// How bad it is.
    Severity = "severity",
    /// How soon it had to be through.
    Priority = "priority",
    /// The service it happened in.
    Service = "service",
    /// Such as `production`.
    Environment = "environment",
    /// Version of the service.
    Release = "release",
    /// Who it happened to.
    UserId = "user_id",
    /// In which session.
    SessionId = "session_id",
    /// The trace it belongs to.
    TraceId = "trace_id",
    /// The span within the trace.
    SpanId = "span_id",
    /// The producer's own id.
    ExternalId = "external_id",
    /// Method of a request.
    Method = "method",
    /// Path of a request.
    Path = "path",
    /// Route of a request: as it was sent, else as enrichment found it.
    Route = "route",
    /// Status of a request.
    StatusCode = "status_code",
    /// Time that a request took.
    DurationMs = "duration_ms",
    /// Size of a request.
    RequestBytes = "request_bytes",
    /// Size of the answer to a request.
    ResponseBytes = "response_bytes",
    /// Address of the client.
    ClientIp = "client_ip",
    /// Type of an error.
    ErrorType = "error_type",
    /// Words of an error's message.
    Message = "message",
    /// Whether the program has handled an error: `true` or `false`.
    Handled = "handled",
    /// The producer's grouping of an error.
    Fingerprint = "fingerprint",
    /// What a user did.
    Action = "action",
    /// To what.
    Target = "target",
    /// On which page.
    Url = "url",
    /// Name of a generic event.
    Name = "name",
    /// Browser, library or crawler, as enrichment found it.
    Browser = "browser",
    /// Operating system, as enrichment found it.
    Os = "os",
    /// Kind of device, as enrichment found it.
    Device = "device",
    /// Whether enrichment found a crawler: `true` or `false`.
    Bot = "bot",
}

/// What kind of values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Texts that are compared as a whole.
    Text,
    /// One of a few names.
    Name,
    /// Numbers.
    Number,
    /// Texts that are searched for words.
    Words,
}

/// What an event has in a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(f64),
}

impl Field {
    /// The field of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.as_str() == name)
    }

    pub(crate) fn sort(self) -> Sort {
        match self {
            Self::StatusCode | Self::DurationMs | Self::RequestBytes | Self::ResponseBytes => Sort::Number,
            Self::Kind | Self::Severity | Self::Priority | Self::Handled | Self::Bot => Sort::Name,
            Self::Message => Sort::Words,
            _ => Sort::Text,
        }
    }

    /// What an event has in this field.
    pub(crate) fn value<'a>(self, event: &'a Event, context: &'a Context) -> Option<Value<'a>> {
        match self {
            Self::Kind => Some(Value::Text(event.kind().as_str())),
            Self::Severity => Some(Value::Text(event.severity.as_str())),
            Self::Priority => Some(Value::Text(event.priority.as_str())),
            Self::Service => text(event.service.as_ref()),
            Self::Environment => text(event.environment.as_ref()),
            Self::Release => text(event.release.as_ref()),
            Self::UserId => text(event.user_id.as_ref()),
            Self::SessionId => text(event.session_id.as_ref()),
            Self::TraceId => text(event.trace_id.as_ref()),
            Self::SpanId => text(event.span_id.as_ref()),
            Self::ExternalId => text(event.external_id.as_ref()),
            Self::Browser | Self::Os | Self::Device | Self::Bot => self.of_context(context),
            Self::ClientIp => client_ip(&event.body),
            _ => self.of_body(&event.body, context),
        }
    }

    fn of_context(self, context: &Context) -> Option<Value<'_>> {
        let client = context.client.as_ref()?;
        match self {
            Self::Browser => text(client.browser.as_ref()),
            Self::Os => text(client.os.as_ref()),
            Self::Device => Some(Value::Text(&client.device)),
            Self::Bot => Some(truth(client.bot)),
            _ => None,
        }
    }

    fn of_body<'a>(self, body: &'a Body, context: &'a Context) -> Option<Value<'a>> {
        match (self, body) {
            (Self::Method, Body::ApiRequest(body)) => Some(Value::Text(&body.method)),
            (Self::Path, Body::ApiRequest(body)) => Some(Value::Text(&body.path)),
            (Self::Route, Body::ApiRequest(body)) => text(body.route.as_ref().or(context.route.as_ref())),
            (Self::StatusCode, Body::ApiRequest(body)) => Some(Value::Number(body.status_code.into())),
            (Self::DurationMs, Body::ApiRequest(body)) => Some(Value::Number(body.duration_ms)),
            (Self::RequestBytes, Body::ApiRequest(body)) => body.request_bytes.map(size),
            (Self::ResponseBytes, Body::ApiRequest(body)) => body.response_bytes.map(size),
            (Self::ErrorType, Body::Error(body)) => Some(Value::Text(&body.error_type)),
            (Self::Message, Body::Error(body)) => Some(Value::Text(&body.message)),
            (Self::Handled, Body::Error(body)) => body.handled.map(truth),
            (Self::Fingerprint, Body::Error(body)) => text(body.fingerprint.as_ref()),
            (Self::Action, Body::UserAction(body)) => Some(Value::Text(&body.action)),
            (Self::Target, Body::UserAction(body)) => text(body.target.as_ref()),
            (Self::Url, Body::UserAction(body)) => text(body.url.as_ref()),
            (Self::Name, Body::Generic(body)) => Some(Value::Text(&body.name)),
            _ => None,
        }
    }

    /// The names that it can have, where they are few.
    pub(crate) fn names(self) -> Vec<&'static str> {
        match self {
            Self::Kind => Kind::ALL.iter().map(|kind| kind.as_str()).collect(),
            Self::Severity => Severity::ALL.iter().map(|severity| severity.as_str()).collect(),
            Self::Priority => Priority::ALL.iter().map(|priority| priority.as_str()).collect(),
            Self::Handled | Self::Bot => vec!["true", "false"],
            _ => Vec::new(),
        }
    }

    /// Whether an event can have this value. The error says what is wanted.
    pub(crate) fn check(self, value: &str) -> Result<(), String> {
        let (is_known, wanted) = match self.sort() {
            Sort::Name => (self.names().contains(&value), self.names().join(", ")),
            Sort::Number if self == Self::StatusCode => (is_status(value), "100 to 599".to_owned()),
            Sort::Number => (super::tree::Number::parse(value).is_some(), "a number".to_owned()),
            Sort::Text | Sort::Words => (!value.is_empty(), "anything but an empty text".to_owned()),
        };
        if is_known {
            return Ok(());
        }
        let shown = super::shown(value);
        Err(format!("{} is {shown:?}, {wanted} is wanted", self.as_str()))
    }
}

fn is_status(value: &str) -> bool {
    let number = value
        .parse::<u16>()
        .ok()
        .filter(|number| (100..=599).contains(number));
    number.is_some_and(|number| number.to_string() == value)
}

fn client_ip(body: &Body) -> Option<Value<'_>> {
    match body {
        Body::ApiRequest(body) => text(body.client_ip.as_ref()),
        Body::Error(body) => text(body.client_ip.as_ref()),
        Body::UserAction(body) => text(body.client_ip.as_ref()),
        Body::Generic(_) => None,
    }
}

fn text(value: Option<&String>) -> Option<Value<'_>> {
    value.map(|text| Value::Text(text))
}

fn truth(value: bool) -> Value<'static> {
    Value::Text(if value { "true" } else { "false" })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers are compared as 64-bit floats; sizes past 2^53 bytes do not occur"
)]
fn size(bytes: u64) -> Value<'static> {
    Value::Number(bytes as f64)
}
