//! The error of the configuration: everything that is wrong, at once, without the values themselves.

use figment::error::{Actual, Kind};
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The full path of the key, such as `listen.http`; empty when the whole is meant.
    pub key: String,
    /// Where the value came from, such as ``environment variable `SLUICE__LISTEN__HTTP` ``.
    pub origin: Option<String>,
    /// What is wrong or what is expected.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), &self.origin) {
            ("", None) => write!(f, "{}", self.message),
            ("", Some(origin)) => write!(f, "{origin}: {}", self.message),
            (key, None) => write!(f, "{key}: {}", self.message),
            (key, Some(origin)) => write!(f, "{key} (from {origin}): {}", self.message),
        }
    }
}

/// The configuration can't be used; the operator has to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    findings: Vec<Finding>,
}

impl Error {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        debug_assert!(!findings.is_empty(), "an error says what is wrong");
        Self { findings }
    }

    /// All that is wrong, at least one.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration can't be used")?;
        self.findings
            .iter()
            .try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl std::error::Error for Error {}

/// Says what was expected and what kind of value was found, never the value: it may be a secret in the wrong place.
pub(super) fn message(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.clone(),
        Kind::InvalidType(found, expected) => format!("expected {expected}, found {}", kind_of(found)),
        Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        Kind::InvalidLength(found, expected) => format!("expected {expected}, found {found} items"),
        Kind::UnknownVariant(_, known) | Kind::UnknownField(_, known) => {
            format!("expected one of {}", quoted(known))
        }
        Kind::MissingField(name) => format!("`{name}` is missing"),
        Kind::DuplicateField(name) => format!("`{name}` is given twice"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is out of range".to_owned(),
        Kind::Unsupported(found) | Kind::UnsupportedKey(found, _) => {
            format!("{} is not possible here", kind_of(found))
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(_) | Actual::Signed(_) => "an integer",
        Actual::Float(_) => "a decimal number",
        Actual::Char(_) | Actual::Str(_) => "text",
        Actual::Unit | Actual::Option => "nothing",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "a value of another kind",
    }
}
