//! A value that must not be seen: given as text or as the name of a file, never printed.
//!
//! In TOML `pepper = "text"` or `pepper = { file = "/run/secrets/pepper" }`; in the environment
//! `SLUICE__KEYS__PEPPER` or `SLUICE__KEYS__PEPPER__FILE`. It does not wipe memory after use.

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::fs::File;
use std::io::Read;

/// What is printed in place of a secret.
pub(super) const REDACTED: &str = "[redacted]";
const MAX_BYTES: u64 = 64 * 1024;

/// A secret text, not empty. Its `Debug` and `Serialize` print `[redacted]`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Holds `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; whoever asks must not print it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Given)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    file: String,
}

struct Given;

/// serde's own errors print the value they did not expect, so every kind of value is answered here.
impl<'de> Visitor<'de> for Given {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret as quoted text or as `{ file = \"...\" }`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        match text {
            "" => Err(E::custom("the secret is empty")),
            REDACTED => Err(E::custom("`[redacted]` stands for a secret and is none")),
            text => Ok(Secret::new(text)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
        let Named { file } = Named::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        read(&file).map_err(A::Error::custom)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
        Err(unquoted())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
        Err(unquoted())
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
        Err(unquoted())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
        Err(unquoted())
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Secret, E> {
        Err(unquoted())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
        Err(unquoted())
    }
}

fn unquoted<E: Error>() -> E {
    E::custom("expected a secret as quoted text or as `{ file = \"...\" }`")
}

/// The content of the file without the line end that editors add.
fn read(path: &str) -> Result<Secret, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| format!("the secret's file `{path}` can't be read: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!(
            "the secret's file `{path}` is larger than {MAX_BYTES} bytes"
        ));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("the secret's file `{path}` is empty")),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::value::{Dict, Value};

    fn from(value: impl Into<Value>) -> Result<Secret, String> {
        value
            .into()
            .deserialize()
            .map_err(|error: figment::Error| error.to_string())
    }

    fn in_file(path: &str) -> Result<Secret, String> {
        from(Dict::from([("file".to_owned(), path.into())]))
    }

    #[test]
    fn it_is_printed_redacted() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), REDACTED);
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""[redacted]""#);
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn it_is_read_from_a_file_without_the_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pepper");
        std::fs::write(&path, "hunter2\r\n").unwrap();
        assert_eq!(in_file(path.to_str().unwrap()).unwrap().reveal(), "hunter2");
    }

    #[test]
    fn a_missing_empty_or_huge_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pepper");
        let path = path.to_str().unwrap();
        assert!(in_file(path).unwrap_err().contains("can't be read"));
        std::fs::write(path, "\n").unwrap();
        assert!(in_file(path).unwrap_err().contains("is empty"));
        std::fs::write(path, "x".repeat(70_000)).unwrap();
        assert!(in_file(path).unwrap_err().contains("larger than"));
    }

    #[test]
    fn a_wrong_kind_of_value_is_refused_without_being_printed() {
        for value in [
            Value::from(8_315_i64),
            Value::from(8_315_u64),
            Value::from(8_315.5),
            Value::from(true),
        ] {
            let error = from(value).unwrap_err();
            assert!(
                error.contains("quoted text") && !error.contains("8315"),
                "{error}"
            );
        }
        assert!(from("").is_err());
        assert!(from(REDACTED).is_err());
    }
}
