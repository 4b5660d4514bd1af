//! What was sent -> a valid event, or every fault it has.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::draft::Draft;
use crate::event::{ApiRequest, Body, ErrorReport, Event, Generic, Kind, Priority, Severity, UserAction};
use crate::fault::{Code, Fault, Faults};
use crate::id::EventId;
use crate::limits::Limits;
use crate::tenant::TenantId;
use crate::time::{Length, Millis};

/// How far the timestamp of an event may be from the time of its id.
pub const ID_TIME_TOLERANCE_MS: i64 = 60_000;

/// From which difference on `sent_at` means that the producer's clock is off, and not the network slow.
pub const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// What is known of the request that an event came in.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// Whose event it is.
    pub tenant: &'a TenantId,
    /// When the request was read.
    pub received_at: Millis,
    /// The producer's clock as it sent the request.
    pub sent_at: Option<Millis>,
    /// With it, an event that has a timestamp gets an id that a repeated request makes again.
    pub idempotency_key: Option<&'a str>,
    /// What is done about a time too far in the future.
    pub future: FuturePolicy,
    /// The bounds.
    pub limits: &'a Limits,
}

/// What is done about a time too far in the future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FuturePolicy {
    /// The time of receipt takes its place, with a warning.
    #[default]
    Clamp,
    /// The event is refused.
    Refuse,
}

/// An event that may be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Valid {
    /// The event.
    pub event: Event,
    /// Whether its id was made here.
    pub made_id: bool,
    /// What its producer should know.
    pub warnings: Vec<Fault>,
}

/// Checks one event. `index` is its place in the request, `random` the bits of its id if one has to be made.
pub fn validate(
    mut draft: Draft,
    index: u32,
    receipt: &Receipt<'_>,
    random: [u8; 10],
) -> Result<Valid, Vec<Fault>> {
    let mut check = Check {
        faults: std::mem::take(&mut draft.faults),
        limits: receipt.limits,
    };
    if draft == Draft::default() && !check.faults.is_empty() {
        // The bytes could not be read: what is missing is not known.
        return Err(check.faults.into_vec());
    }
    let names = receipt.limits.name_bytes;
    let mut external_id = check.optional("external_id", draft.external_id.take(), names);
    let user_id = check.optional("user_id", draft.user_id.take(), names);
    let service = check.optional("service", draft.service.take(), names);
    let environment = check.optional("environment", draft.environment.take(), names);
    let release = check.optional("release", draft.release.take(), names);
    let session_id = check.optional("session_id", draft.session_id.take(), names);
    let trace_id = check.optional("trace_id", draft.trace_id.take(), names);
    let span_id = check.optional("span_id", draft.span_id.take(), names);
    let attributes = check.attributes(draft.attributes.take());
    let body = check.body(&mut draft, user_id.is_some());
    let mut warnings = Vec::new();
    let id = check.identity(&draft, index, receipt, random, &mut external_id, &mut warnings);
    match (body, id) {
        (Some(body), Some((id, made_id))) if check.faults.is_empty() => {
            let severity = draft.severity.unwrap_or(Severity::default_of(body.kind()));
            let priority = draft.priority.unwrap_or(Priority::Standard);
            let event = Event {
                id,
                service,
                environment,
                release,
                user_id,
                session_id,
                trace_id,
                span_id,
                severity,
                external_id,
                priority,
                attributes,
                body,
            };
            Ok(Valid {
                event,
                made_id,
                warnings,
            })
        }
        _ => Err(check.faults.into_vec()),
    }
}

struct Check<'a> {
    faults: Faults,
    limits: &'a Limits,
}

impl Check<'_> {
    fn fault(&mut self, code: Code, field: &'static str, message: String) {
        self.faults.push(Fault::new(code, field, message));
    }

    /// A text that may be absent; an empty one is.
    fn optional(&mut self, field: &'static str, text: Option<String>, max_bytes: usize) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if text.len() > max_bytes {
            self.faults.push(Fault::too_long(field, text.len(), max_bytes));
        }
        if text.contains('\0') {
            self.fault(
                Code::NulCharacter,
                field,
                format!("{field} has a NUL character, which is not allowed"),
            );
        }
        Some(text)
    }

    fn required(&mut self, field: &'static str, text: Option<String>, max_bytes: usize) -> Option<String> {
        let text = self.optional(field, text, max_bytes);
        self.present(field, text)
    }

    /// A field that is absent because reading found a fault in it is not missing too.
    fn present<T>(&mut self, field: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.faults.names(field) {
            self.faults.push(Fault::missing(field));
        }
        value
    }

    fn attributes(&mut self, raw: Option<Vec<u8>>) -> Option<Attributes> {
        match Attributes::parse(raw.filter(|raw| !raw.is_empty())?, self.limits) {
            Ok(attributes) => Some(attributes),
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    fn body(&mut self, draft: &mut Draft, has_user: bool) -> Option<Body> {
        let Some(kind) = draft.kind else {
            if !self.faults.names("kind") {
                let message = format!("kind is required, one of {}", Kind::names());
                self.fault(Code::Missing, "kind", message);
            }
            return None;
        };
        let body = match kind {
            Kind::ApiRequest => self.api_request(draft).map(Body::ApiRequest),
            Kind::Error => self.error_report(draft).map(Body::Error),
            Kind::UserAction => self.user_action(draft, has_user).map(Body::UserAction),
            Kind::Generic => self
                .required("name", draft.name.take(), self.limits.name_bytes)
                .map(|name| Body::Generic(Generic { name })),
        };
        for field in left_over(draft) {
            self.fault(
                Code::UnknownField,
                field,
                format!("{field} is not a field of kind {}", kind.as_str()),
            );
        }
        body
    }

    fn api_request(&mut self, draft: &mut Draft) -> Option<ApiRequest> {
        let (names, urls) = (self.limits.name_bytes, self.limits.url_bytes);
        let method = self.required("method", draft.method.take(), names);
        let path = self.required("path", draft.path.take(), urls);
        let status_code = self
            .present("status_code", draft.status_code.take())
            .and_then(|code| self.status_code(code));
        let duration_ms = self
            .present("duration_ms", draft.duration_ms.take())
            .and_then(|ms| self.duration_ms(ms));
        let route = self.optional("route", draft.route.take(), urls);
        let query = self.optional("query", draft.query.take(), urls);
        let (client_ip, user_agent) = self.client(draft);
        Some(ApiRequest {
            method: method?,
            path: path?,
            status_code: status_code?,
            duration_ms: duration_ms?,
            route,
            request_bytes: draft.request_bytes.take(),
            response_bytes: draft.response_bytes.take(),
            client_ip,
            user_agent,
            query,
        })
    }

    fn error_report(&mut self, draft: &mut Draft) -> Option<ErrorReport> {
        let error_type = self.required("error_type", draft.error_type.take(), self.limits.name_bytes);
        let message = self.required("message", draft.message.take(), self.limits.message_bytes);
        let stack_trace = self.optional(
            "stack_trace",
            draft.stack_trace.take(),
            self.limits.stack_trace_bytes,
        );
        let fingerprint = self.optional("fingerprint", draft.fingerprint.take(), self.limits.name_bytes);
        let (client_ip, user_agent) = self.client(draft);
        Some(ErrorReport {
            error_type: error_type?,
            message: message?,
            stack_trace,
            handled: draft.handled.take(),
            fingerprint,
            client_ip,
            user_agent,
        })
    }

    fn user_action(&mut self, draft: &mut Draft, has_user: bool) -> Option<UserAction> {
        self.present("user_id", has_user.then_some(()));
        let action = self.required("action", draft.action.take(), self.limits.name_bytes);
        let target = self.optional("target", draft.target.take(), self.limits.name_bytes);
        let url = self.optional("url", draft.url.take(), self.limits.url_bytes);
        let (client_ip, user_agent) = self.client(draft);
        Some(UserAction {
            action: action?,
            target,
            url,
            client_ip,
            user_agent,
        })
    }

    fn client(&mut self, draft: &mut Draft) -> (Option<String>, Option<String>) {
        let client_ip = self.optional("client_ip", draft.client_ip.take(), self.limits.name_bytes);
        if let Some(text) = &client_ip
            && text.parse::<IpAddr>().is_err()
        {
            let message = "client_ip is neither an IPv4 nor an IPv6 address".to_owned();
            self.fault(Code::InvalidValue, "client_ip", message);
        }
        (
            client_ip,
            self.optional(
                "user_agent",
                draft.user_agent.take(),
                self.limits.user_agent_bytes,
            ),
        )
    }

    fn status_code(&mut self, code: i64) -> Option<u16> {
        let valid = u16::try_from(code).ok().filter(|code| (100..=599).contains(code));
        if valid.is_none() {
            self.fault(
                Code::OutOfRange,
                "status_code",
                format!("status_code is {code}, 100 to 599 are allowed"),
            );
        }
        valid
    }

    fn duration_ms(&mut self, ms: f64) -> Option<f64> {
        let valid = Some(ms).filter(|ms| ms.is_finite() && *ms >= 0.0);
        if valid.is_none() {
            let message = format!("duration_ms is {ms}, a finite number of at least 0 is wanted");
            self.fault(Code::OutOfRange, "duration_ms", message);
        }
        valid
    }

    /// The id, and whether it was made here.
    fn identity(
        &mut self,
        draft: &Draft,
        index: u32,
        receipt: &Receipt<'_>,
        random: [u8; 10],
        external_id: &mut Option<String>,
        warnings: &mut Vec<Fault>,
    ) -> Option<(EventId, bool)> {
        let id = draft.id.as_deref().filter(|id| !id.is_empty());
        if self.faults.names("id") || (id.is_none() && self.faults.names("timestamp")) {
            return None;
        }
        let Some(text) = id else {
            return self.make_id(draft, index, receipt, random, warnings);
        };
        let Ok(id) = EventId::parse(text) else {
            let message = "id is no UUIDv7; send an id of another form as external_id".to_owned();
            self.fault(Code::InvalidId, "id", message);
            return None;
        };
        if let Some(timestamp) = draft.timestamp {
            self.check_mismatch(timestamp, id);
        }
        if self.is_too_old("id", id.time(), receipt) {
            return None;
        }
        if !is_in_future(id.time(), receipt) {
            return Some((id, false));
        }
        if !may_clamp(receipt) {
            return self.refuse_future("id", id.time(), receipt);
        }
        if external_id.is_some() {
            let message = format!(
                "time of the id is {}, more than {} ahead, and can't be moved to the time of receipt, for external_id is taken",
                id.time(),
                max_future(receipt)
            );
            self.fault(Code::InFuture, "id", message);
            return None;
        }
        *external_id = Some(id.to_string());
        warnings.push(clamped("id", id.time(), receipt));
        Some((EventId::made(receipt.received_at, random), true))
    }

    fn check_mismatch(&mut self, timestamp: Millis, id: EventId) {
        let apart_ms = timestamp.since(id.time()).saturating_abs();
        if apart_ms > ID_TIME_TOLERANCE_MS {
            let message = format!(
                "timestamp is {apart_ms} ms from the time of the id, {}; at most {ID_TIME_TOLERANCE_MS} ms are allowed",
                id.time()
            );
            self.fault(Code::IdTimeMismatch, "timestamp", message);
        }
    }

    fn make_id(
        &mut self,
        draft: &Draft,
        index: u32,
        receipt: &Receipt<'_>,
        random: [u8; 10],
        warnings: &mut Vec<Fault>,
    ) -> Option<(EventId, bool)> {
        let Some(sent) = draft.timestamp else {
            if receipt.idempotency_key.is_some() {
                let message = "timestamp is absent, so a repeat of this request makes another id";
                warnings.push(Fault::new(Code::NotIdempotent, "timestamp", message));
            }
            return Some((EventId::made(receipt.received_at, random), true));
        };
        let time = if receipt.idempotency_key.is_some() {
            sent
        } else {
            sent.plus_ms(clock_offset_ms(receipt))
        };
        if self.is_too_old("timestamp", time, receipt) {
            return None;
        }
        if is_in_future(time, receipt) {
            if !may_clamp(receipt) {
                return self.refuse_future("timestamp", time, receipt);
            }
            warnings.push(clamped("timestamp", time, receipt));
            return Some((EventId::made(receipt.received_at, random), true));
        }
        let id = match receipt.idempotency_key {
            Some(key) => EventId::derived(receipt.tenant, key, index, time),
            None => EventId::made(time, random),
        };
        Some((id, true))
    }

    fn is_too_old(&mut self, field: &'static str, time: Millis, receipt: &Receipt<'_>) -> bool {
        let max_age_ms = receipt.limits.max_age_ms;
        let too_old = receipt.received_at.since(time) > max_age_ms || time < Millis::EPOCH;
        if too_old {
            let max_age = Length { ms: max_age_ms };
            let message = format!("time of the event is {time}, older than the {max_age} allowed");
            self.fault(Code::TooOld, field, message);
        }
        too_old
    }

    fn refuse_future<T>(&mut self, field: &'static str, time: Millis, receipt: &Receipt<'_>) -> Option<T> {
        let max_future = max_future(receipt);
        let message = format!(
            "time of the event is {time}, more than the {max_future} ahead of {} that are allowed; set the clock right",
            receipt.received_at
        );
        self.fault(Code::InFuture, field, message);
        None
    }
}

/// What to add to a producer's times. A small difference is the way of the request, not the clock.
fn clock_offset_ms(receipt: &Receipt<'_>) -> i64 {
    let offset_ms = receipt
        .sent_at
        .map_or(0, |sent_at| receipt.received_at.since(sent_at));
    if offset_ms.saturating_abs() > CLOCK_TOLERANCE_MS {
        offset_ms
    } else {
        0
    }
}

fn max_future(receipt: &Receipt<'_>) -> Length {
    Length {
        ms: receipt.limits.max_future_ms,
    }
}

fn is_in_future(time: Millis, receipt: &Receipt<'_>) -> bool {
    time.since(receipt.received_at) > receipt.limits.max_future_ms
}

/// With an idempotency key a repeat must make the same ids, so the time of receipt can't enter them.
fn may_clamp(receipt: &Receipt<'_>) -> bool {
    receipt.idempotency_key.is_none() && receipt.future == FuturePolicy::Clamp
}

fn clamped(field: &'static str, time: Millis, receipt: &Receipt<'_>) -> Fault {
    let message = format!(
        "time of the event was {time}, more than {} ahead; it is now the time of receipt, {}",
        max_future(receipt),
        receipt.received_at
    );
    Fault::new(Code::TimeClamped, field, message)
}

/// Fields of a kind that the body of the event's own kind has not taken.
fn left_over(draft: &Draft) -> impl Iterator<Item = &'static str> {
    [
        ("method", draft.method.is_some()),
        ("path", draft.path.is_some()),
        ("status_code", draft.status_code.is_some()),
        ("duration_ms", draft.duration_ms.is_some()),
        ("route", draft.route.is_some()),
        ("request_bytes", draft.request_bytes.is_some()),
        ("response_bytes", draft.response_bytes.is_some()),
        ("client_ip", draft.client_ip.is_some()),
        ("user_agent", draft.user_agent.is_some()),
        ("query", draft.query.is_some()),
        ("error_type", draft.error_type.is_some()),
        ("message", draft.message.is_some()),
        ("stack_trace", draft.stack_trace.is_some()),
        ("handled", draft.handled.is_some()),
        ("fingerprint", draft.fingerprint.is_some()),
        ("action", draft.action.is_some()),
        ("target", draft.target.is_some()),
        ("url", draft.url.is_some()),
        ("name", draft.name.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, is_there)| is_there.then_some(field))
}

#[cfg(test)]
mod tests;
