//! Which events a search is about: conditions on the common fields, all of which must hold.

use std::borrow::Cow;

use crate::enrich::Context;
use crate::event::{Body, Event, Kind, Priority, Severity};

/// Conditions in one filter, at the most.
pub const MAX_CONDITIONS: usize = 64;

/// Longest value of a condition, in bytes.
pub const MAX_VALUE_BYTES: usize = 2048;

/// Longest text of a filter, in bytes.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;

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
    /// Type of an error.
    ErrorType = "error_type",
    /// The producer's grouping of an error.
    Fingerprint = "fingerprint",
    /// What a user did.
    Action = "action",
    /// To what.
    Target = "target",
    /// Name of a generic event.
    Name = "name",
}

impl Field {
    /// The field of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.as_str() == name)
    }

    /// What an event has in this field.
    fn value<'a>(self, event: &'a Event, context: &'a Context) -> Option<Cow<'a, str>> {
        let text = match (self, &event.body) {
            (Self::Kind, _) => Some(event.kind().as_str()),
            (Self::Severity, _) => Some(event.severity.as_str()),
            (Self::Priority, _) => Some(event.priority.as_str()),
            (Self::Service, _) => event.service.as_deref(),
            (Self::Environment, _) => event.environment.as_deref(),
            (Self::Release, _) => event.release.as_deref(),
            (Self::UserId, _) => event.user_id.as_deref(),
            (Self::SessionId, _) => event.session_id.as_deref(),
            (Self::TraceId, _) => event.trace_id.as_deref(),
            (Self::SpanId, _) => event.span_id.as_deref(),
            (Self::ExternalId, _) => event.external_id.as_deref(),
            (Self::Method, Body::ApiRequest(body)) => Some(body.method.as_str()),
            (Self::Path, Body::ApiRequest(body)) => Some(body.path.as_str()),
            (Self::Route, Body::ApiRequest(body)) => body.route.as_deref().or(context.route.as_deref()),
            (Self::StatusCode, Body::ApiRequest(body)) => {
                return Some(Cow::Owned(body.status_code.to_string()));
            }
            (Self::ErrorType, Body::Error(body)) => Some(body.error_type.as_str()),
            (Self::Fingerprint, Body::Error(body)) => body.fingerprint.as_deref(),
            (Self::Action, Body::UserAction(body)) => Some(body.action.as_str()),
            (Self::Target, Body::UserAction(body)) => body.target.as_deref(),
            (Self::Name, Body::Generic(body)) => Some(body.name.as_str()),
            _ => None,
        };
        text.map(Cow::Borrowed)
    }

    fn check(self, value: &str) -> Result<(), String> {
        let (is_known, wanted) = match self {
            Self::Kind => (Kind::parse(value).is_some(), Kind::names()),
            Self::Severity => (Severity::parse(value).is_some(), Severity::names()),
            Self::Priority => (Priority::parse(value).is_some(), Priority::names()),
            Self::StatusCode => {
                let number = value
                    .parse::<u16>()
                    .ok()
                    .filter(|number| (100..=599).contains(number));
                (
                    number.is_some_and(|number| number.to_string() == value),
                    "100 to 599".to_owned(),
                )
            }
            _ => (!value.is_empty(), "anything but an empty text".to_owned()),
        };
        if !is_known {
            let shown: String = value.chars().take(64).collect();
            return Err(format!("{} is {shown:?}, {wanted} is wanted", self.as_str()));
        }
        if value.len() > MAX_VALUE_BYTES {
            let bytes = value.len();
            return Err(format!(
                "{} has {bytes} bytes, at most {MAX_VALUE_BYTES} are allowed",
                self.as_str()
            ));
        }
        Ok(())
    }
}

/// Conditions that all must hold. Without any, every event matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    conditions: Vec<(Field, String)>,
}

/// Why a text or a parameter is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .column.map(|column| format!(" (column {column} of q)")).unwrap_or_default())]
pub struct InvalidFilter {
    /// The parameter at fault.
    pub parameter: String,
    /// Where in `q`, in characters from 1.
    pub column: Option<usize>,
    /// What is wrong and what is wanted.
    pub message: String,
}

impl Filter {
    /// Reads `field:value field:"a value"`.
    pub fn parse(q: &str) -> Result<Self, InvalidFilter> {
        let at = |byte: usize, message: String| InvalidFilter {
            parameter: "q".into(),
            column: Some(q.get(..byte).map_or(0, |before| before.chars().count()) + 1),
            message,
        };
        if q.len() > MAX_TEXT_BYTES {
            let message = format!("q has {} bytes, at most {MAX_TEXT_BYTES} are allowed", q.len());
            return Err(at(0, message));
        }
        let mut filter = Self::default();
        let mut begin = 0;
        loop {
            begin += q[begin..].len() - q[begin..].trim_start().len();
            let rest = &q[begin..];
            if rest.is_empty() {
                return Ok(filter);
            }
            let name_bytes = rest
                .find(|c: char| c == ':' || c.is_whitespace())
                .unwrap_or(rest.len());
            let name = &rest[..name_bytes];
            let Some(after) = rest[name_bytes..].strip_prefix(':') else {
                let message = format!("{:?} is no condition; field:value is wanted", shown(name));
                return Err(at(begin, message));
            };
            let value_at = begin + name_bytes + 1;
            let (value, bytes) =
                value(after).ok_or_else(|| at(value_at, "a closing quote is missing".into()))?;
            if !after.starts_with('"') && value.contains('*') {
                let message = "a value is compared as a whole; put it in quotes to look for the character *";
                return Err(at(value_at, message.into()));
            }
            filter
                .add(name, value)
                .map_err(|error| at(begin, error.message))?;
            begin = value_at + bytes;
            if q[begin..].starts_with(|c: char| !c.is_whitespace()) {
                return Err(at(begin, "a space is missing after the closing quote".into()));
            }
        }
    }

    /// Adds a condition.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), InvalidFilter> {
        let fault = |message: String| InvalidFilter {
            parameter: shown(name),
            column: None,
            message,
        };
        let field = Field::parse(name).ok_or_else(|| fault(unknown_field(name)))?;
        field.check(value).map_err(fault)?;
        if self.conditions.len() == MAX_CONDITIONS {
            return Err(fault(format!(
                "filter has more than {MAX_CONDITIONS} conditions, which is the most allowed"
            )));
        }
        self.conditions.push((field, value.to_owned()));
        Ok(())
    }

    /// Whether an event matches.
    pub fn matches(&self, event: &Event, context: &Context) -> bool {
        self.conditions
            .iter()
            .all(|(field, value)| field.value(event, context).as_deref() == Some(value.as_str()))
    }

    /// The conditions in an order that does not depend on how they were given, each once.
    pub(crate) fn canonical(&self) -> Vec<(&'static str, String)> {
        let mut conditions: Vec<_> = self
            .conditions
            .iter()
            .map(|(field, value)| (field.as_str(), value.clone()))
            .collect();
        conditions.sort();
        conditions.dedup();
        conditions
    }
}

/// The value at the begin of a text and the bytes it takes there.
fn value(text: &str) -> Option<(&str, usize)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.find('"').map(|end| (&quoted[..end], end + 2));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some((&text[..end], end))
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

fn unknown_field(name: &str) -> String {
    let shown = shown(name);
    let distance = |field: &&Field| strsim::damerau_levenshtein(field.as_str(), &shown);
    match Field::ALL
        .iter()
        .min_by_key(distance)
        .filter(|field| distance(field) <= 2)
    {
        Some(nearest) => format!(
            "{shown:?} is not a field that can be searched, {} is one",
            nearest.as_str()
        ),
        None => format!("{shown:?} is not a field that can be searched"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::draft::Draft;
    use crate::limits::Limits;
    use crate::tenant::TenantId;
    use crate::time::Millis;
    use crate::validate::{FuturePolicy, Receipt, validate};

    fn event(json: &str) -> Event {
        let limits = Limits::default();
        let draft: Draft = crate::json::read(json.as_bytes(), &limits);
        let tenant = TenantId::parse("demo").unwrap();
        let receipt = Receipt {
            tenant: &tenant,
            received_at: Millis::from_ms(1_700_000_000_000),
            sent_at: None,
            idempotency_key: None,
            future: FuturePolicy::Clamp,
            limits: &limits,
        };
        validate(draft, 0, &receipt, [0; 10]).unwrap().event
    }

    #[test]
    fn all_conditions_must_hold() {
        let event = event(
            r#"{"kind":"api_request","method":"GET","path":"/a","status_code":503,"duration_ms":1,"service":"check out"}"#,
        );
        let context = Context {
            route: Some("/a".into()),
            client: None,
        };
        let matches = |q: &str| Filter::parse(q).unwrap().matches(&event, &context);
        for q in [
            "",
            "kind:api_request",
            "status_code:503 service:\"check out\"",
            "route:/a severity:info priority:standard",
        ] {
            assert!(matches(q), "{q}");
        }
        for q in [
            "kind:error",
            "status_code:503 service:other",
            "user_id:u",
            "route:/b",
            "name:x",
        ] {
            assert!(!matches(q), "{q}");
        }
    }

    #[test]
    fn a_fault_names_the_field_and_the_column() {
        for (q, column, part) in [
            ("servise:x", 1, "service is one"),
            ("kind:error  colour:red", 13, "not a field"),
            ("kind:bad", 1, "api_request, error"),
            ("status_code:99", 1, "100 to 599"),
            ("status_code:0200", 1, "100 to 599"),
            ("service:", 1, "empty"),
            ("é:1 free", 1, "not a field"),
            ("service:é free", 11, "field:value is wanted"),
            ("service:\"x", 9, "closing quote"),
            ("service:\"x\"kind:error", 12, "a space is missing"),
            ("service:che*", 9, "in quotes"),
        ] {
            let error = Filter::parse(q).unwrap_err();
            assert_eq!(error.column, Some(column), "{q}: {error}");
            assert!(error.message.contains(part), "{q}: {error}");
        }
    }

    #[test]
    fn size_is_bounded() {
        assert!(Filter::parse(&"kind:error ".repeat(MAX_CONDITIONS)).is_ok());
        assert!(Filter::parse(&"kind:error ".repeat(MAX_CONDITIONS + 1)).is_err());
        assert!(Filter::parse(&format!("service:{}", "x".repeat(MAX_VALUE_BYTES + 1))).is_err());
        assert!(Filter::parse(&"x".repeat(MAX_TEXT_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(q in "[a-z:\" é]{0,40}") {
            let _ = Filter::parse(&q);
        }
    }
}
