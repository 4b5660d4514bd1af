//! The fields of a JSON object that asks for a change: read one by one, so that every fault is named at once.

use std::fmt;

use domain::control::MAX_NAME_BYTES;
use domain::tenant::TenantId;
use edge::{ApiError, ErrorCode, Violation};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Fields that may be told in a fault.
const MAX_FAULTS: usize = 32;

/// The fields that are not read yet, and the faults so far.
pub(super) struct Fields {
    left: Vec<(String, Value)>,
    violations: Vec<Violation>,
}

impl Fields {
    /// Reads the body as one JSON object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let Object(left) = serde_json::from_slice(body).map_err(|error| {
            ApiError::new(ErrorCode::InvalidBody, format!("body is no JSON object: {error}"))
        })?;
        Ok(Self {
            left,
            violations: Vec::new(),
        })
    }

    /// Names a fault.
    pub(super) fn fault(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        if self.violations.len() < MAX_FAULTS {
            self.violations
                .push(Violation::new(code, field.to_owned(), message));
        }
    }

    /// A text that may be absent. `null` is the same as absent.
    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        let text = text_of(self.take(field)?);
        if text.is_none() {
            self.fault("wrong_type", field, format!("{field} must be a string"));
        }
        text
    }

    /// A list of texts that may be absent.
    pub(super) fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        let texts = match self.take(field)? {
            Value::Array(values) => values.into_iter().map(text_of).collect(),
            _ => None,
        };
        if texts.is_none() {
            self.fault(
                "wrong_type",
                field,
                format!("{field} must be an array of strings"),
            );
        }
        texts
    }

    /// What people call a thing: required, bounded, visible.
    pub(super) fn name(&mut self) -> Option<String> {
        let name = self.text("name");
        if name.is_none() && !self.names("name") {
            self.fault("missing", "name", "name is required");
        }
        let name = name?;
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
            let message = format!("name must have 1 to {MAX_NAME_BYTES} bytes and no control characters");
            self.fault("invalid_value", "name", message);
            return None;
        }
        Some(name)
    }

    /// The id of a tenant that may be absent.
    pub(super) fn tenant(&mut self, field: &'static str) -> Option<TenantId> {
        let text = self.text(field)?;
        TenantId::parse(&text)
            .map_err(|error| self.fault("invalid_value", field, format!("{field}: {error}")))
            .ok()
    }

    /// Whether a fault names this field.
    pub(super) fn names(&self, field: &str) -> bool {
        self.violations.iter().any(|violation| violation.field == field)
    }

    /// All faults, those of unknown fields too.
    pub(super) fn finish(mut self) -> Result<(), ApiError> {
        for (field, _) in std::mem::take(&mut self.left) {
            let shown: String = field.chars().take(64).collect();
            let message = format!("{shown:?} is not a field of this request, or is there twice");
            self.fault("unknown_field", &shown, message);
        }
        match self.violations.first() {
            None => Ok(()),
            Some(first) => {
                Err(ApiError::new(ErrorCode::InvalidRequest, first.message.clone())
                    .with_errors(self.violations))
            }
        }
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        let at = self.left.iter().position(|(name, _)| name == field)?;
        Some(self.left.remove(at).1).filter(|value| !value.is_null())
    }
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Keeps repeated keys, which a map would drop silently.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            if fields.len() == MAX_FAULTS {
                return Err(de::Error::custom("too many fields"));
            }
            fields.push(field);
        }
        Ok(Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<(String, String)> {
        let mut fields = Fields::parse(body.as_bytes()).unwrap();
        fields.tenant("id");
        fields.name();
        fields.texts("scopes");
        let errors = fields.finish().map_or_else(|error| error.errors, |()| Vec::new());
        errors
            .into_iter()
            .map(|v| (v.code.to_string(), v.field.to_string()))
            .collect()
    }

    fn fault(code: &str, field: &str) -> (String, String) {
        (code.to_owned(), field.to_owned())
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let found = faults(r#"{"id":"UPPER","scopes":[1],"colour":"red"}"#);
        let expected = [
            fault("invalid_value", "id"),
            fault("missing", "name"),
            fault("wrong_type", "scopes"),
            fault("unknown_field", "colour"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_repeated_field_does_not_vanish() {
        assert_eq!(
            faults(r#"{"name":"a","name":"b"}"#),
            [fault("unknown_field", "name")]
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "1", "{", "{} {}"] {
            assert!(Fields::parse(body.as_bytes()).is_err(), "{body}");
        }
        let many: Vec<_> = (0..=MAX_FAULTS)
            .map(|number| format!("\"f{number}\":1"))
            .collect();
        assert!(Fields::parse(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
    }
}
