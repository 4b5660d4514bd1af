//! Bytes of one JSON object -> [`Draft`], with every fault that reading can find.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::Value;
use crate::attributes::Text;
use crate::draft::Draft;
use crate::event::{Kind, Priority, Severity};
use crate::fault::{Code, Fault};
use crate::limits::Limits;
use crate::split::BYTE_ORDER_MARK;
use crate::time::Millis;

/// Reads one event. `null` and an empty text are the same as an absent field.
///
/// Bytes that are no JSON object give a draft whose only content is that fault.
pub fn read(bytes: &[u8], limits: &Limits) -> Draft {
    if bytes.len() > limits.event_bytes {
        return Draft::unreadable(Fault::event_too_large(bytes.len(), limits.event_bytes));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = deserializer
        .deserialize_map(EventVisitor)
        .and_then(|draft| deserializer.end().map(|()| draft));
    read.unwrap_or_else(|error| {
        let message = format!("event is no JSON object: {error}");
        Draft::unreadable(Fault::new(Code::InvalidJson, "", message))
    })
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Draft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event as a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draft, A::Error> {
        let mut draft = Draft::default();
        let mut seen: u64 = 0;
        while let Some(Text(key)) = map.next_key()? {
            let Some(index) = FIELDS.iter().position(|(name, _)| *name == key) else {
                draft.faults.push(unknown(&key));
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            let (name, set) = FIELDS[index];
            if seen & (1 << index) != 0 {
                draft.faults.push(Fault::new(
                    Code::DuplicateField,
                    name,
                    format!("{name} stands twice in the event"),
                ));
            }
            seen |= 1 << index;
            match set {
                Set::Value(set) => {
                    let value: Value<'_> = map.next_value()?;
                    if !value.is_absent()
                        && let Err(fault) = set(&mut draft, name, value)
                    {
                        draft.faults.push(fault);
                    }
                }
                Set::Attributes => {
                    let raw: &RawValue = map.next_value()?;
                    if raw.get() != "null" {
                        draft.attributes = Some(raw.get().as_bytes().to_vec());
                    }
                }
            }
        }
        Ok(draft)
    }
}

type Setter = fn(&mut Draft, &'static str, Value<'_>) -> Result<(), Fault>;

#[derive(Clone, Copy)]
enum Set {
    Value(Setter),
    Attributes,
}

macro_rules! field {
    ($name:ident: $read:ident) => {
        (
            stringify!($name),
            Set::Value(|draft, name, value| {
                draft.$name = Some($read(name, value)?);
                Ok(())
            }),
        )
    };
}

/// Every field of an event, the frequent ones first. At most 64: the set of those seen is one word.
const FIELDS: [(&str, Set); 33] = [
    field!(kind: kind),
    field!(timestamp: timestamp),
    field!(service: text),
    field!(environment: text),
    field!(method: text),
    field!(path: text),
    field!(status_code: integer),
    field!(duration_ms: number),
    ("attributes", Set::Attributes),
    field!(id: text),
    field!(user_id: text),
    field!(session_id: text),
    field!(trace_id: text),
    field!(span_id: text),
    field!(severity: severity),
    field!(route: text),
    field!(user_agent: text),
    field!(client_ip: text),
    field!(release: text),
    field!(external_id: text),
    field!(priority: priority),
    field!(request_bytes: size),
    field!(response_bytes: size),
    field!(query: text),
    field!(error_type: text),
    field!(message: text),
    field!(stack_trace: text),
    field!(handled: boolean),
    field!(fingerprint: text),
    field!(action: text),
    field!(target: text),
    field!(url: text),
    field!(name: text),
];

fn unknown(key: &str) -> Fault {
    let shown: String = key.chars().take(64).collect();
    let nearest = FIELDS
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(name, &shown), *name))
        .min();
    let message = match nearest {
        Some((distance, name)) if distance <= 2 => {
            format!("{shown:?} is not a field of an event, {name} is one")
        }
        _ => format!("{shown:?} is not a field of an event; put your own fields into attributes"),
    };
    Fault::new(Code::UnknownField, shown, message)
}

fn wrong_type(name: &'static str, wanted: &str, value: &Value<'_>) -> Fault {
    Fault::new(
        Code::WrongType,
        name,
        format!("{name} is {}, {wanted} is wanted", value.describe()),
    )
}

fn text(name: &'static str, value: Value<'_>) -> Result<String, Fault> {
    match value {
        Value::Text(text) => Ok(text.into_owned()),
        other => Err(wrong_type(name, "a string", &other)),
    }
}

fn boolean(name: &'static str, value: Value<'_>) -> Result<bool, Fault> {
    match value {
        Value::Bool(value) => Ok(value),
        other => Err(wrong_type(name, "true or false", &other)),
    }
}

fn number(name: &'static str, value: Value<'_>) -> Result<f64, Fault> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a duration of over 2^53 ms has no use for its last bit"
    )]
    match value {
        Value::Float(value) => Ok(value),
        Value::Unsigned(value) => Ok(value as f64),
        Value::Signed(value) => Ok(value as f64),
        other => Err(wrong_type(name, "a number", &other)),
    }
}

fn integer(name: &'static str, value: Value<'_>) -> Result<i64, Fault> {
    match value {
        Value::Signed(value) => Ok(value),
        Value::Unsigned(value) => Ok(i64::try_from(value).unwrap_or(i64::MAX)),
        other => Err(wrong_type(name, "an integer", &other)),
    }
}

fn size(name: &'static str, value: Value<'_>) -> Result<u64, Fault> {
    match value {
        Value::Unsigned(value) => Ok(value),
        Value::Signed(value) => Err(Fault::new(
            Code::OutOfRange,
            name,
            format!("{name} is {value}, at least 0 is wanted"),
        )),
        other => Err(wrong_type(name, "an integer", &other)),
    }
}

fn timestamp(name: &'static str, value: Value<'_>) -> Result<Millis, Fault> {
    let text = text(name, value)?;
    text.parse()
        .map_err(|error| Fault::new(Code::InvalidValue, name, format!("{name} is {error}")))
}

fn kind(name: &'static str, value: Value<'_>) -> Result<Kind, Fault> {
    one_of(name, &text(name, value)?, Kind::parse, &Kind::names())
}

fn severity(name: &'static str, value: Value<'_>) -> Result<Severity, Fault> {
    one_of(name, &text(name, value)?, Severity::parse, &Severity::names())
}

fn priority(name: &'static str, value: Value<'_>) -> Result<Priority, Fault> {
    one_of(name, &text(name, value)?, Priority::parse, &Priority::names())
}

fn one_of<T>(name: &'static str, text: &str, parse: fn(&str) -> Option<T>, names: &str) -> Result<T, Fault> {
    parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Fault::new(
            Code::InvalidValue,
            name,
            format!("{name} is {shown:?}, one of {names} is wanted"),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft(text: &str) -> Draft {
        read(text.as_bytes(), &Limits::default())
    }

    fn faults(text: &str) -> Vec<(Code, String)> {
        draft(text)
            .faults
            .into_vec()
            .into_iter()
            .map(|fault| (fault.code, fault.field.into_owned()))
            .collect()
    }

    #[test]
    fn an_event_is_read_as_it_was_sent() {
        let draft = draft(
            r#"{"kind":"api_request","timestamp":"2026-01-31T08:30:00Z","method":"GET","path":"/a","status_code":200,
                "duration_ms":12.5,"user_id":null,"attributes":{"cart": {"total":99}}}"#,
        );
        assert!(draft.faults.is_empty());
        assert_eq!(draft.kind, Some(Kind::ApiRequest));
        assert_eq!(draft.status_code, Some(200));
        assert_eq!(draft.duration_ms, Some(12.5));
        assert_eq!(draft.user_id, None);
        assert_eq!(
            draft.attributes.as_deref(),
            Some(br#"{"cart": {"total":99}}"#.as_slice())
        );
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let found = faults(
            r#"{"kind":"nope","severity":7,"status_code":"200","handled":1,"request_bytes":-1,"servise":"x",
                "timestamp":"yesterday","name":["x"],"name":"y"}"#,
        );
        let expected = [
            (Code::InvalidValue, "kind"),
            (Code::WrongType, "severity"),
            (Code::WrongType, "status_code"),
            (Code::WrongType, "handled"),
            (Code::OutOfRange, "request_bytes"),
            (Code::UnknownField, "servise"),
            (Code::InvalidValue, "timestamp"),
            (Code::WrongType, "name"),
            (Code::DuplicateField, "name"),
        ];
        assert_eq!(found, expected.map(|(code, field)| (code, field.to_owned())));
    }

    #[test]
    fn an_empty_text_is_an_absent_field_and_a_byte_order_mark_is_nothing() {
        let empty = draft("\u{feff}{\"kind\":\"\",\"severity\":\"\",\"timestamp\":\"\",\"service\":\"\"}");
        assert_eq!(empty, Draft::default());
    }

    #[test]
    fn a_typo_is_told_the_nearest_field() {
        let fault = &draft(r#"{"servise":"x"}"#).faults.into_vec()[0];
        assert_eq!(
            fault.message,
            "\"servise\" is not a field of an event, service is one"
        );
        let fault = &draft(r#"{"my_own_thing":"x"}"#).faults.into_vec()[0];
        assert!(
            fault.message.ends_with("put your own fields into attributes"),
            "{}",
            fault.message
        );
    }

    #[test]
    fn bytes_that_are_no_object_are_one_fault() {
        for text in [
            "",
            "[]",
            "1",
            "{",
            "{\"kind\":}",
            "{} {}",
            "{\"kind\":\"\\ud800\"}",
        ] {
            assert_eq!(faults(text), [(Code::InvalidJson, String::new())], "{text}");
        }
        let broken = read(b"{\"kind\":\"\xff\"}", &Limits::default());
        assert_eq!(broken.faults.into_vec()[0].code, Code::InvalidJson);
    }

    #[test]
    fn an_event_over_its_size_is_not_read() {
        let text = format!("{{\"message\":\"{}\"}}", "x".repeat(256 * 1024));
        assert_eq!(faults(&text), [(Code::EventTooLarge, String::new())]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, &Limits::default());
        }

        #[test]
        fn no_object_panics(text in "\\{(\"(kind|id|attributes|name|status_code)\":(1|-1|1e400|null|\"x\"|\\{\\}|\\[1\\]),?){0,4}\\}") {
            let _ = draft(&text);
        }
    }
}
