//! Event -> JSON: as it was sent, plus `id`, `timestamp`, `received_at` and `context`.

use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::enrich::Context;
use crate::event::{ApiRequest, Body, ErrorReport, Event, UserAction};
use crate::time::Millis;

/// An event as answers show it.
#[derive(Clone, Copy, Debug)]
pub struct EventJson<'a> {
    /// The event.
    pub event: &'a Event,
    /// When the gateway had read it.
    pub received_at: Millis,
    /// What enrichment found out.
    pub context: &'a Context,
}

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &event.id.to_string())?;
        map.serialize_entry("timestamp", &event.time())?;
        map.serialize_entry("received_at", &self.received_at)?;
        map.serialize_entry("kind", event.kind().as_str())?;
        map.serialize_entry("severity", event.severity.as_str())?;
        map.serialize_entry("priority", event.priority.as_str())?;
        for (name, value) in [
            ("service", &event.service),
            ("environment", &event.environment),
            ("release", &event.release),
            ("user_id", &event.user_id),
            ("session_id", &event.session_id),
            ("trace_id", &event.trace_id),
            ("span_id", &event.span_id),
            ("external_id", &event.external_id),
        ] {
            optional(&mut map, name, value.as_ref())?;
        }
        write_body(&mut map, &event.body)?;
        if let Some(attributes) = &event.attributes {
            let raw: &RawValue = serde_json::from_str(attributes.as_str()).map_err(S::Error::custom)?;
            map.serialize_entry("attributes", raw)?;
        }
        map.serialize_entry("context", self.context)?;
        map.end()
    }
}

fn write_body<M: SerializeMap>(map: &mut M, body: &Body) -> Result<(), M::Error> {
    match body {
        Body::ApiRequest(body) => write_api_request(map, body),
        Body::Error(body) => write_error(map, body),
        Body::UserAction(body) => write_user_action(map, body),
        Body::Generic(body) => map.serialize_entry("name", &body.name),
    }
}

fn write_api_request<M: SerializeMap>(map: &mut M, body: &ApiRequest) -> Result<(), M::Error> {
    map.serialize_entry("method", &body.method)?;
    map.serialize_entry("path", &body.path)?;
    map.serialize_entry("status_code", &body.status_code)?;
    map.serialize_entry("duration_ms", &body.duration_ms)?;
    optional(map, "route", body.route.as_ref())?;
    optional(map, "request_bytes", body.request_bytes.as_ref())?;
    optional(map, "response_bytes", body.response_bytes.as_ref())?;
    optional(map, "client_ip", body.client_ip.as_ref())?;
    optional(map, "user_agent", body.user_agent.as_ref())?;
    optional(map, "query", body.query.as_ref())
}

fn write_error<M: SerializeMap>(map: &mut M, body: &ErrorReport) -> Result<(), M::Error> {
    map.serialize_entry("error_type", &body.error_type)?;
    map.serialize_entry("message", &body.message)?;
    optional(map, "stack_trace", body.stack_trace.as_ref())?;
    optional(map, "handled", body.handled.as_ref())?;
    optional(map, "fingerprint", body.fingerprint.as_ref())?;
    optional(map, "client_ip", body.client_ip.as_ref())?;
    optional(map, "user_agent", body.user_agent.as_ref())
}

fn write_user_action<M: SerializeMap>(map: &mut M, body: &UserAction) -> Result<(), M::Error> {
    map.serialize_entry("action", &body.action)?;
    optional(map, "target", body.target.as_ref())?;
    optional(map, "url", body.url.as_ref())?;
    optional(map, "client_ip", body.client_ip.as_ref())?;
    optional(map, "user_agent", body.user_agent.as_ref())
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}
