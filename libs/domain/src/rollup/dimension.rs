//! By what events are grouped, and what an event has there.

use crate::event::{ApiRequest, Body};
use crate::record::Enriched;

/// One of the properties by which a rollup groups events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// Kind of the event.
    Kind,
    /// How bad it is.
    Severity,
    /// The service it happened in.
    Service,
    /// Such as `production`.
    Environment,
    /// Route of a request: as it was sent, else as enrichment found it.
    Route,
    /// Method of a request.
    Method,
    /// The hundreds of a request's status: `1xx` to `5xx`.
    StatusClass,
    /// Type of an error.
    ErrorType,
    /// The producer's grouping of an error.
    Fingerprint,
    /// What a user did.
    Action,
    /// Who it happened to.
    UserId,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Kind,
        Self::Severity,
        Self::Service,
        Self::Environment,
        Self::Route,
        Self::Method,
        Self::StatusClass,
        Self::ErrorType,
        Self::Fingerprint,
        Self::Action,
        Self::UserId,
    ];

    /// The name in queries and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Severity => "severity",
            Self::Service => "service",
            Self::Environment => "environment",
            Self::Route => "route",
            Self::Method => "method",
            Self::StatusClass => "status_class",
            Self::ErrorType => "error_type",
            Self::Fingerprint => "fingerprint",
            Self::Action => "action",
            Self::UserId => "user_id",
        }
    }

    /// The dimension of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == name)
    }

    /// What an event has in this dimension.
    pub(super) fn of(self, enriched: &Enriched) -> Option<&str> {
        let event = &enriched.event;
        match self {
            Self::Kind => Some(event.kind().as_str()),
            Self::Severity => Some(event.severity.as_str()),
            Self::Service => event.service.as_deref(),
            Self::Environment => event.environment.as_deref(),
            Self::UserId => event.user_id.as_deref(),
            Self::Route | Self::Method | Self::StatusClass => match &event.body {
                Body::ApiRequest(request) => self.of_request(request, enriched.context.route.as_deref()),
                _ => None,
            },
            Self::ErrorType | Self::Fingerprint => match &event.body {
                Body::Error(report) if self == Self::ErrorType => Some(&report.error_type),
                Body::Error(report) => report.fingerprint.as_deref(),
                _ => None,
            },
            Self::Action => match &event.body {
                Body::UserAction(action) => Some(&action.action),
                _ => None,
            },
        }
    }

    fn of_request<'a>(self, request: &'a ApiRequest, found_route: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Route => request.route.as_deref().or(found_route),
            Self::Method => Some(&request.method),
            _ => status_class(request.status_code),
        }
    }
}

fn status_class(status_code: u16) -> Option<&'static str> {
    match status_code / 100 {
        1 => Some("1xx"),
        2 => Some("2xx"),
        3 => Some("3xx"),
        4 => Some("4xx"),
        5 => Some("5xx"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_one_dimension() {
        for dimension in Dimension::ALL {
            assert_eq!(Dimension::parse(dimension.as_str()), Some(dimension));
        }
        assert_eq!(Dimension::parse("priority"), None);
    }

    #[test]
    fn a_status_has_the_class_of_its_hundreds() {
        let classes = [100, 199, 204, 301, 404, 500, 599].map(status_class);
        let expected = ["1xx", "1xx", "2xx", "3xx", "4xx", "5xx", "5xx"].map(Some);
        assert_eq!(classes, expected);
        assert_eq!([0, 99, 600, u16::MAX].map(status_class), [None; 4]);
    }
}
