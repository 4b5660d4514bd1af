//! Domain -> messages.

use domain::enrich::{Client, Context};
use domain::event::{Body, Event, Priority, Severity};
use domain::retention::Class;
use domain::time::Millis;
use prost_types::Timestamp;

use crate::v1;

fn severity(severity: Severity) -> v1::Severity {
    match severity {
        Severity::Debug => v1::Severity::Debug,
        Severity::Info => v1::Severity::Info,
        Severity::Warning => v1::Severity::Warning,
        Severity::Error => v1::Severity::Error,
        Severity::Fatal => v1::Severity::Fatal,
    }
}

fn priority(priority: Priority) -> v1::Priority {
    match priority {
        Priority::Standard => v1::Priority::Standard,
        Priority::Urgent => v1::Priority::Urgent,
    }
}

pub(crate) fn class(class: Class) -> v1::RetentionClass {
    match class {
        Class::Days7 => v1::RetentionClass::RetentionClass7Days,
        Class::Days30 => v1::RetentionClass::RetentionClass30Days,
        Class::Days90 => v1::RetentionClass::RetentionClass90Days,
        Class::Days400 => v1::RetentionClass::RetentionClass400Days,
    }
}

pub(crate) fn time(time: Millis) -> Timestamp {
    let (seconds, nanos) = time.to_parts();
    Timestamp { seconds, nanos }
}

pub(crate) fn event(event: Event) -> v1::Event {
    v1::Event {
        timestamp: Some(time(event.time())),
        id: event.id.to_string(),
        service: text(event.service),
        environment: text(event.environment),
        release: text(event.release),
        user_id: text(event.user_id),
        session_id: text(event.session_id),
        trace_id: text(event.trace_id),
        span_id: text(event.span_id),
        severity: severity(event.severity).into(),
        external_id: text(event.external_id),
        priority: priority(event.priority).into(),
        attributes: event
            .attributes
            .map(|attributes| attributes.as_str().as_bytes().to_vec().into())
            .unwrap_or_default(),
        body: Some(body(event.body)),
    }
}

fn body(body: Body) -> v1::event::Body {
    match body {
        Body::ApiRequest(body) => v1::event::Body::ApiRequest(v1::ApiRequest {
            method: body.method,
            path: body.path,
            status_code: body.status_code.into(),
            duration_ms: Some(body.duration_ms),
            route: text(body.route),
            request_bytes: body.request_bytes,
            response_bytes: body.response_bytes,
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
            query: text(body.query),
        }),
        Body::Error(body) => v1::event::Body::Error(v1::ErrorReport {
            error_type: body.error_type,
            message: body.message,
            stack_trace: text(body.stack_trace),
            handled: body.handled,
            fingerprint: text(body.fingerprint),
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
        }),
        Body::UserAction(body) => v1::event::Body::UserAction(v1::UserAction {
            action: body.action,
            target: text(body.target),
            url: text(body.url),
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
        }),
        Body::Generic(body) => v1::event::Body::Generic(v1::Generic { name: body.name }),
    }
}

pub(crate) fn context(context: Context) -> v1::Context {
    v1::Context {
        client: context.client.map(client),
        route: text(context.route),
    }
}

fn client(client: Client) -> v1::Client {
    v1::Client {
        browser: text(client.browser),
        browser_version: text(client.browser_version),
        os: text(client.os),
        os_version: text(client.os_version),
        device: client.device,
        bot: client.bot,
    }
}

fn text(text: Option<String>) -> String {
    text.unwrap_or_default()
}
