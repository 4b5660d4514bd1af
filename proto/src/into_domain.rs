//! Messages that we wrote ourselves -> domain. What producers send goes through [`read`](crate::read).

use domain::attributes::Attributes;
use domain::enrich::{Client, Context};
use domain::event::{ApiRequest, Body, ErrorReport, Event, Generic, Priority, Severity, UserAction};
use domain::id::EventId;
use domain::retention::Class;
use domain::time::Millis;
use prost_types::Timestamp;

use crate::record::BadRecord;
use crate::v1;

pub(crate) fn severity(severity: v1::Severity) -> Option<Severity> {
    match severity {
        v1::Severity::Unspecified => None,
        v1::Severity::Debug => Some(Severity::Debug),
        v1::Severity::Info => Some(Severity::Info),
        v1::Severity::Warning => Some(Severity::Warning),
        v1::Severity::Error => Some(Severity::Error),
        v1::Severity::Fatal => Some(Severity::Fatal),
    }
}

pub(crate) fn priority(priority: v1::Priority) -> Option<Priority> {
    match priority {
        v1::Priority::Unspecified => None,
        v1::Priority::Standard => Some(Priority::Standard),
        v1::Priority::Urgent => Some(Priority::Urgent),
    }
}

pub(crate) fn class(class: v1::RetentionClass) -> Option<Class> {
    match class {
        v1::RetentionClass::Unspecified => None,
        v1::RetentionClass::RetentionClass7Days => Some(Class::Days7),
        v1::RetentionClass::RetentionClass30Days => Some(Class::Days30),
        v1::RetentionClass::RetentionClass90Days => Some(Class::Days90),
        v1::RetentionClass::RetentionClass400Days => Some(Class::Days400),
    }
}

pub(crate) fn time(what: &'static str, timestamp: Option<Timestamp>) -> Result<Millis, BadRecord> {
    let timestamp = timestamp.ok_or(BadRecord::Missing { what })?;
    Millis::from_parts(timestamp.seconds, timestamp.nanos).ok_or(BadRecord::Missing { what })
}

pub(crate) fn event(event: v1::Event) -> Result<Event, BadRecord> {
    let missing = |what| BadRecord::Missing { what };
    let body = body(event.body.ok_or(missing("body"))?)?;
    let attributes = String::from_utf8(event.attributes.into()).map_err(|_| missing("attributes"))?;
    Ok(Event {
        id: EventId::parse(&event.id).map_err(|_| missing("id"))?,
        service: text(event.service),
        environment: text(event.environment),
        release: text(event.release),
        user_id: text(event.user_id),
        session_id: text(event.session_id),
        trace_id: text(event.trace_id),
        span_id: text(event.span_id),
        severity: v1::Severity::try_from(event.severity)
            .ok()
            .and_then(severity)
            .unwrap_or(Severity::default_of(body.kind())),
        external_id: text(event.external_id),
        priority: v1::Priority::try_from(event.priority)
            .ok()
            .and_then(priority)
            .unwrap_or(Priority::Standard),
        attributes: text(attributes).map(Attributes::trusted),
        body,
    })
}

fn body(body: v1::event::Body) -> Result<Body, BadRecord> {
    Ok(match body {
        v1::event::Body::ApiRequest(body) => Body::ApiRequest(ApiRequest {
            method: body.method,
            path: body.path,
            status_code: u16::try_from(body.status_code)
                .map_err(|_| BadRecord::Missing { what: "status_code" })?,
            duration_ms: body
                .duration_ms
                .ok_or(BadRecord::Missing { what: "duration_ms" })?,
            route: text(body.route),
            request_bytes: body.request_bytes,
            response_bytes: body.response_bytes,
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
            query: text(body.query),
        }),
        v1::event::Body::Error(body) => Body::Error(ErrorReport {
            error_type: body.error_type,
            message: body.message,
            stack_trace: text(body.stack_trace),
            handled: body.handled,
            fingerprint: text(body.fingerprint),
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
        }),
        v1::event::Body::UserAction(body) => Body::UserAction(UserAction {
            action: body.action,
            target: text(body.target),
            url: text(body.url),
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
        }),
        v1::event::Body::Generic(body) => Body::Generic(Generic { name: body.name }),
    })
}

pub(crate) fn context(context: v1::Context) -> Context {
    Context {
        client: context.client.map(client),
        route: text(context.route),
    }
}

fn client(client: v1::Client) -> Client {
    Client {
        browser: text(client.browser),
        browser_version: text(client.browser_version),
        os: text(client.os),
        os_version: text(client.os_version),
        device: client.device,
        bot: client.bot,
    }
}

fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
