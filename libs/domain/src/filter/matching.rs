//! Whether an event matches: the truth that every index is measured by.

use std::cell::OnceCell;

use serde_json::Value as Json;

use super::field::{Field, Value};
use super::tree::{Condition, Node, Scalar, Test};
use crate::attributes::Attributes;
use crate::enrich::Context;
use crate::event::{Body, Event};
use crate::text::Phrase;

/// An event that is tested. Its attributes are read when a condition first asks for them, and once.
pub(super) struct Subject<'a> {
    event: &'a Event,
    context: &'a Context,
    attributes: OnceCell<Json>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(event: &'a Event, context: &'a Context) -> Self {
        Self {
            event,
            context,
            attributes: OnceCell::new(),
        }
    }

    pub(super) fn matches(&self, node: &Node) -> bool {
        match node {
            Node::All(nodes) => nodes.iter().all(|node| self.matches(node)),
            Node::Any(nodes) => nodes.iter().any(|node| self.matches(node)),
            Node::Not(node) => !self.matches(node),
            Node::Leaf(Condition::Field(field, asked)) => self.field(*field, asked),
            Node::Leaf(Condition::Attribute(path, asked)) => at_path(self.attributes(), path, asked),
            Node::Leaf(Condition::Text(phrase)) => self.text(phrase),
        }
    }

    fn field(&self, field: Field, asked: &Test) -> bool {
        let value = field.value(self.event, self.context);
        value.is_some_and(|value| match (asked, value) {
            (Test::Present, _) => true,
            (Test::Equals(wanted), Value::Text(text)) => text == wanted,
            (Test::Prefix(begin), Value::Text(text)) => text.starts_with(begin.as_str()),
            (Test::Phrase(phrase), Value::Text(text)) => phrase.is_in(text),
            (Test::Within(interval), Value::Number(number)) => interval.contains(number),
            _ => false,
        })
    }

    fn text(&self, phrase: &Phrase) -> bool {
        let own = match &self.event.body {
            Body::Error(body) => Some(&body.message),
            Body::Generic(body) => Some(&body.name),
            Body::ApiRequest(_) | Body::UserAction(_) => None,
        };
        own.is_some_and(|text| phrase.is_in(text)) || any_text(self.attributes(), phrase)
    }

    /// Null where there are none, which has no key.
    fn attributes(&self) -> &Json {
        self.attributes.get_or_init(|| {
            let text = self.event.attributes.as_ref().map(Attributes::as_str);
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default()
        })
    }
}

fn any_text(json: &Json, phrase: &Phrase) -> bool {
    match json {
        Json::String(text) => phrase.is_in(text),
        Json::Array(elements) => elements.iter().any(|element| any_text(element, phrase)),
        Json::Object(entries) => entries.values().any(|value| any_text(value, phrase)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Whether a value behind this path passes.
fn at_path(json: &Json, path: &[String], asked: &Test) -> bool {
    match (json, path) {
        (_, []) => passes(json, asked),
        (Json::Array(elements), _) => elements.iter().any(|element| at_path(element, path, asked)),
        (Json::Object(entries), [key, rest @ ..]) => {
            entries.get(key).is_some_and(|value| at_path(value, rest, asked))
        }
        _ => false,
    }
}

fn passes(json: &Json, asked: &Test) -> bool {
    if let Json::Array(elements) = json
        && *asked != Test::Present
    {
        return elements.iter().any(|element| passes(element, asked));
    }
    match (asked, json) {
        (Test::Present, _) => true,
        (Test::Equals(wanted) | Test::Literal(wanted), Json::String(text)) => text == wanted,
        (Test::Literal(wanted), json) => {
            Scalar::parse(wanted).is_some_and(|wanted| scalar(json) == Some(wanted))
        }
        (Test::Prefix(begin), Json::String(text)) => text.starts_with(begin.as_str()),
        (Test::Within(interval), Json::Number(number)) => {
            number.as_f64().is_some_and(|number| interval.contains(number))
        }
        _ => false,
    }
}

fn scalar(json: &Json) -> Option<Scalar> {
    match json {
        Json::Null => Some(Scalar::Null),
        Json::Bool(truth) => Some(Scalar::Bool(*truth)),
        Json::Number(number) => number.as_f64().map(Scalar::Number),
        Json::String(_) | Json::Array(_) | Json::Object(_) => None,
    }
}
