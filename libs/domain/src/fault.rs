//! What is wrong with an event, and what its producer should know.

use std::borrow::Cow;

use serde::Serialize;

/// Stable name of a fault or a warning. Producers branch on it, so none is ever renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The bytes are not one JSON object.
    InvalidJson,
    /// The bytes are not a message of the published schema.
    InvalidProtobuf,
    /// The event is larger than allowed.
    EventTooLarge,
    /// The event's kind has no such field.
    UnknownField,
    /// The field stands twice.
    DuplicateField,
    /// A required field is absent or empty.
    Missing,
    /// The value has another type.
    WrongType,
    /// The value is none of those allowed, or not in the right form.
    InvalidValue,
    /// The text has more bytes than allowed.
    TooLong,
    /// The number is too small or too great.
    OutOfRange,
    /// The text has a NUL.
    NulCharacter,
    /// Attributes have more keys than allowed.
    TooManyKeys,
    /// Attributes are nested deeper than allowed.
    TooDeep,
    /// The id is no UUIDv7.
    InvalidId,
    /// The timestamp and the time of the id are too far apart.
    IdTimeMismatch,
    /// The event is older than allowed.
    TooOld,
    /// The event is further in the future than allowed.
    InFuture,
    /// There are more faults than are listed.
    TooManyFaults,
    /// Warning: the time was in the future and is now the time of receipt.
    TimeClamped,
    /// Warning: a repeat of the request will make another id.
    NotIdempotent,
}

impl Code {
    /// The name in every protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidProtobuf => "invalid_protobuf",
            Self::EventTooLarge => "event_too_large",
            Self::UnknownField => "unknown_field",
            Self::DuplicateField => "duplicate_field",
            Self::Missing => "missing",
            Self::WrongType => "wrong_type",
            Self::InvalidValue => "invalid_value",
            Self::TooLong => "too_long",
            Self::OutOfRange => "out_of_range",
            Self::NulCharacter => "nul_character",
            Self::TooManyKeys => "too_many_keys",
            Self::TooDeep => "too_deep",
            Self::InvalidId => "invalid_id",
            Self::IdTimeMismatch => "id_time_mismatch",
            Self::TooOld => "too_old",
            Self::InFuture => "in_future",
            Self::TooManyFaults => "too_many_faults",
            Self::TimeClamped => "time_clamped",
            Self::NotIdempotent => "not_idempotent",
        }
    }
}

/// One fault of an event, or one warning about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which rule.
    pub code: Code,
    /// The field as the producer calls it, empty where the event as a whole is meant.
    pub field: Cow<'static, str>,
    /// What is wrong, what is allowed and what to do.
    pub message: String,
}

impl Fault {
    /// A fault of this field.
    pub fn new(code: Code, field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code,
            field: field.into(),
            message: message.into(),
        }
    }

    /// The required field is not there.
    pub fn missing(field: &'static str) -> Self {
        Self::new(Code::Missing, field, format!("{field} is required"))
    }

    /// The text is longer than its limit.
    pub fn too_long(field: &'static str, bytes: usize, max_bytes: usize) -> Self {
        Self::new(
            Code::TooLong,
            field,
            format!("{field} has {bytes} bytes, at most {max_bytes} are allowed"),
        )
    }

    /// The event is larger than its limit.
    pub fn event_too_large(bytes: usize, max_bytes: usize) -> Self {
        let message = format!("event has {bytes} bytes, at most {max_bytes} are allowed");
        Self::new(Code::EventTooLarge, "", message)
    }
}

/// The faults of one event, bounded so that no input makes an answer of unbounded size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Faults that are listed for one event; one more says that there are others.
    pub const MAX: usize = 32;

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        match self.0.len() {
            listed if listed < Self::MAX => self.0.push(fault),
            Self::MAX => {
                let message = format!("there are more faults than the {} listed", Self::MAX);
                self.0.push(Fault::new(Code::TooManyFaults, "", message));
            }
            _ => {}
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one names this field.
    pub fn names(&self, field: &str) -> bool {
        self.0.iter().any(|fault| fault.field == field)
    }

    /// The list.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_faults_is_bounded_and_says_so() {
        let mut faults = Faults::default();
        for _ in 0..1000 {
            faults.push(Fault::missing("kind"));
        }
        let faults = faults.into_vec();
        assert_eq!(faults.len(), Faults::MAX + 1);
        assert_eq!(faults[Faults::MAX].code, Code::TooManyFaults);
    }

    #[test]
    fn json_and_text_name_a_code_alike() {
        let json = serde_json::to_string(&Code::IdTimeMismatch).unwrap();
        assert_eq!(json, format!("\"{}\"", Code::IdTimeMismatch.as_str()));
    }
}
