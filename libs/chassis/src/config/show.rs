//! The configuration in effect, for `config show`.

use super::{Loaded, Section, keys, toml_text};
use figment::value::Value;
use std::fmt::Write;

impl<T: Section> Loaded<T> {
    /// Every key with its value and where it came from, one a line, secrets redacted.
    ///
    /// It is valid TOML; where no secret is set, reading it back gives the same configuration.
    pub fn show(&self) -> String {
        let values = Value::serialize(&self.config).unwrap_or_else(|_| Value::from(false));
        let mut text = String::new();
        for (key, _) in keys::leaves(T::FIELDS) {
            let origin = self.origins.get(&key).map_or("default", String::as_str);
            let value = values.find_ref(&key).and_then(toml_text::inline);
            let line = match value {
                Some(value) => writeln!(text, "{key} = {value}  # {origin}"),
                None => writeln!(text, "# {key} is not set"),
            };
            line.expect("writing to a String never fails");
        }
        text
    }
}
