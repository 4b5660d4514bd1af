//! The layers of a configuration, merged: each value keeps the tag of the layer it came from.
//!
//! Files are read up to [`MAX_FILE_BYTES`]. What the environment and flags give is text; what it means is decided
//! by the type of the key (see `extract`).

use super::error::Finding;
use super::secret::REDACTED;
use super::{Error, Section};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const PREFIX: &str = "SLUICE__";
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Deeper paths are no keys of ours; the bound keeps recursion small.
const MAX_DEPTH: usize = 16;

/// A value given by a flag of the command line; it wins over every other layer.
#[derive(Clone, Debug)]
pub struct Override {
    flag: String,
    key: String,
    text: String,
}

impl Override {
    /// `flag` (such as `--http`) gives `key` (such as `listen.http`) the value that `text` spells, read as text in the
    /// environment is.
    pub fn new(flag: impl Into<String>, key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            flag: flag.into(),
            key: key.into(),
            text: text.into(),
        }
    }
}

/// All layers merged, and what was wrong with their form.
pub(super) struct Layers {
    pub figment: Figment,
    pub merged: Value,
    pub findings: Vec<Finding>,
}

/// Merges the defaults of `T`, the file, the `SLUICE__` variables of the environment, and the overrides.
pub(super) fn merge<T: Section>(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
    overrides: &[Override],
) -> Result<Layers, Error> {
    let mut findings = Vec::new();
    let mut figment = Figment::from(Layer {
        origin: "default".to_owned(),
        text: false,
        keys: defaults::<T>()?,
    });
    if let Some(path) = file {
        figment = figment.merge(read_file(path)?);
    }
    for (name, value) in environment {
        match variable(&name, value) {
            None => {}
            Some(Ok(layer)) => figment = figment.merge(layer),
            Some(Err(finding)) => findings.push(finding),
        }
    }
    for Override { flag, key, text } in overrides {
        let keys = nest(key.split('.'), text.as_str().into());
        figment = figment.merge(Layer {
            origin: format!("flag `{flag}`"),
            text: true,
            keys,
        });
    }
    let merged = figment
        .find_value("")
        .map_err(|error| whole(None, error.kind.to_string()))?;
    Ok(Layers {
        figment,
        merged,
        findings,
    })
}

/// Where the value with this tag came from.
pub(super) fn origin(figment: &Figment, tag: Tag) -> Option<String> {
    figment
        .get_metadata(tag)
        .map(|metadata| metadata.name.clone().into_owned())
}

/// Whether the value with this tag was given as text whose meaning depends on the key's type.
pub(super) fn is_text(figment: &Figment, tag: Tag) -> bool {
    figment
        .get_metadata(tag)
        .is_some_and(|metadata| metadata.source.is_some())
}

/// The name of the environment variable for a key.
pub(super) fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

struct Layer {
    origin: String,
    text: bool,
    keys: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let metadata = Metadata::named(self.origin.clone());
        if self.text {
            metadata.source(Source::Custom("text".to_owned()))
        } else {
            metadata
        }
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.keys.clone()))
    }
}

/// Merged like any layer, so that a section's defaults chosen by its parent hold for the keys that are not given.
fn defaults<T: Section>() -> Result<Dict, Error> {
    let value = Value::serialize(T::default()).map_err(|error| whole(None, error.kind.to_string()))?;
    let mut keys = value.into_dict().unwrap_or_default();
    drop_redacted(&mut keys);
    Ok(keys)
}

/// A secret does not survive printing; its default comes from the type instead.
fn drop_redacted(keys: &mut Dict) {
    keys.retain(|_, value| !is_redacted(value));
    for value in keys.values_mut() {
        if let Value::Dict(_, below) = value {
            drop_redacted(below);
        }
    }
}

fn is_redacted(value: &Value) -> bool {
    match value {
        Value::String(_, text) => text == REDACTED,
        Value::Array(_, items) => items.iter().any(is_redacted),
        _ => false,
    }
}

fn read_file(path: &Path) -> Result<Layer, Error> {
    let origin = format!("file `{}`", path.display());
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| whole(Some(&origin), format!("can't be read: {error}")))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(whole(
            Some(&origin),
            format!("is larger than {MAX_FILE_BYTES} bytes"),
        ));
    }
    // The parser's full message quotes the line, which may hold a secret.
    let keys = Toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count()
        });
        whole(Some(&origin), format!("line {line} is not valid TOML"))
    })?;
    Ok(Layer {
        origin,
        text: false,
        keys,
    })
}

/// The layer of one environment variable; `None` when it is not one of ours.
fn variable(name: &OsString, value: OsString) -> Option<Result<Layer, Finding>> {
    let name = name.to_string_lossy();
    let path = name.strip_prefix(PREFIX)?.to_lowercase();
    let origin = format!("environment variable `{name}`");
    let segments: Vec<&str> = path.split("__").collect();
    if segments.len() > MAX_DEPTH || segments.iter().any(|segment| segment.is_empty()) {
        let message = "its name is no path of keys".to_owned();
        return Some(Err(Finding {
            key: String::new(),
            origin: Some(origin),
            message,
        }));
    }
    let Ok(text) = value.into_string() else {
        let message = "its value is not UTF-8".to_owned();
        return Some(Err(Finding {
            key: segments.join("."),
            origin: Some(origin),
            message,
        }));
    };
    let keys = nest(segments.into_iter(), text.into());
    Some(Ok(Layer {
        origin,
        text: true,
        keys,
    }))
}

fn nest<'a>(path: impl DoubleEndedIterator<Item = &'a str>, value: Value) -> Dict {
    let nested = path
        .rev()
        .fold(value, |below, key| Dict::from([(key.to_owned(), below)]).into());
    nested.into_dict().unwrap_or_default()
}

fn whole(origin: Option<&str>, message: String) -> Error {
    Error::new(vec![Finding {
        key: String::new(),
        origin: origin.map(str::to_owned),
        message,
    }])
}
