//! Typed configuration: defaults, then a TOML file, then `SLUICE__SECTION__KEY`, then command-line flags.
//!
//! A program declares its settings once, with [`section!`](crate::section); from that come the types, the
//! defaults, the check for unknown keys and the printed reference. [`load`] either gives a complete and valid
//! value or an [`Error`] that lists everything that is wrong, each with its key, where the value came from and
//! what is expected. No error and no output contains the value of a [`Secret`].
//!
//! It does not watch for changes: a process reads its configuration once, before it opens a socket.

mod byte_size;
mod error;
mod extract;
mod keys;
mod layers;
mod quantity;
mod reference;
mod secret;
mod section;
mod show;
mod span;
mod toml_text;

use std::collections::BTreeMap;
use std::path::Path;

pub use byte_size::ByteSize;
pub use error::{Error, Finding};
pub use layers::Override;
pub use reference::reference;
pub use secret::Secret;
#[doc(hidden)]
pub use section::check_nested;
pub use section::{Field, Problem, Section, Validate};
pub use span::Span;

// `section!` derives through this path, so its users need no dependency on serde of their own.
#[doc(hidden)]
pub use serde;

/// A configuration and where each of its values came from.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The complete, validated configuration.
    pub config: T,
    /// For each key that has a value of its own: a file, an environment variable, a flag or `default`.
    origins: BTreeMap<String, String>,
}

/// Reads the configuration of this process.
///
/// Later layers win: defaults, `file`, the environment, `overrides`.
pub fn load<T: Section>(file: Option<&Path>, overrides: &[Override]) -> Result<T, Error> {
    Ok(Loaded::read(file, overrides)?.config)
}

impl<T: Section> Loaded<T> {
    /// As [`load`], and remembers the origin of each value for [`Loaded::show`].
    pub fn read(file: Option<&Path>, overrides: &[Override]) -> Result<Self, Error> {
        let mut layers = layers::merge::<T>(file, std::env::vars_os(), overrides)?;
        layers.findings.extend(keys::remove_unknown(
            T::FIELDS,
            &layers.figment,
            &mut layers.merged,
        ));
        let config = extract::extract::<T>(&layers.figment, &mut layers.merged, &mut layers.findings);
        let origins = keys::origins(T::FIELDS, &layers.figment, &layers.merged);
        match config {
            Some(config) if layers.findings.is_empty() => {
                let findings = problems(&config, &origins);
                if findings.is_empty() {
                    Ok(Self { config, origins })
                } else {
                    Err(Error::new(findings))
                }
            }
            _ => Err(Error::new(layers.findings)),
        }
    }
}

fn problems<T: Section>(config: &T, origins: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut problems = Vec::new();
    config.check(&mut problems);
    problems
        .into_iter()
        .map(|problem| Finding {
            origin: origins.get(&problem.key).cloned(),
            key: problem.key,
            message: problem.message,
        })
        .collect()
}

#[cfg(test)]
mod tests;
