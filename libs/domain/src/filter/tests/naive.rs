//! The meaning of a filter once more, as plainly as it can be written.

use serde_json::Value as Json;

use crate::enrich::Context;
use crate::event::Event;
use crate::filter::tree::{Condition, Interval, Node, Test};
use crate::filter::{Field, Filter};
use crate::json::EventJson;
use crate::text::Phrase;
use crate::time::Millis;

/// Whether an event matches, told from the JSON that an answer shows of it.
pub(super) fn matches(filter: &Filter, event: &Event, context: &Context) -> bool {
    let received_at = Millis::from_ms(0);
    let shown = EventJson {
        event,
        received_at,
        context,
    };
    node(&filter.root, &serde_json::to_value(shown).unwrap())
}

fn node(node: &Node, event: &Json) -> bool {
    match node {
        Node::All(nodes) => !nodes.iter().any(|node| !self::node(node, event)),
        Node::Any(nodes) => nodes.iter().any(|node| self::node(node, event)),
        Node::Not(node) => !self::node(node, event),
        Node::Leaf(Condition::Field(field, asked)) => {
            of_field(*field, event).is_some_and(|value| passes(&value, asked))
        }
        Node::Leaf(Condition::Attribute(path, asked)) => {
            let mut found = Vec::new();
            leaves(&event["attributes"], &mut Vec::new(), &mut found);
            found.iter().any(|(at, value)| at == path && passes(value, asked))
        }
        Node::Leaf(Condition::Text(phrase)) => texts(event).any(|text| is_in(phrase, &text)),
    }
}

/// Truth values of fields are names.
fn of_field(field: Field, event: &Json) -> Option<Json> {
    let name = field.as_str();
    let value = match field {
        Field::Browser | Field::Os | Field::Device | Field::Bot => event["context"].get("client")?.get(name),
        Field::Route => event.get(name).or(event["context"].get(name)),
        _ => event.get(name),
    };
    // Only requests have a route, whatever enrichment says.
    let value = value.filter(|_| field != Field::Route || event["kind"] == "api_request")?;
    Some(
        value
            .as_bool()
            .map_or(value.clone(), |truth| truth.to_string().into()),
    )
}

/// Everything in a JSON value and the keys that lead there.
fn leaves<'a>(json: &'a Json, at: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Json)>) {
    found.push((at.clone(), json));
    match json {
        Json::Array(elements) => {
            for element in elements {
                leaves(element, at, found);
            }
        }
        Json::Object(entries) => {
            for (key, value) in entries {
                at.push(key.clone());
                leaves(value, at, found);
                at.pop();
            }
        }
        _ => {}
    }
}

fn passes(value: &Json, asked: &Test) -> bool {
    let text = value.as_str();
    match asked {
        Test::Present => true,
        Test::Equals(wanted) => text == Some(wanted),
        Test::Prefix(begin) => text.is_some_and(|text| text.get(..begin.len()) == Some(begin)),
        Test::Literal(wanted) => {
            let same = serde_json::from_str::<Json>(wanted).unwrap();
            let is_number = same.is_number() && value.is_number();
            text == Some(wanted) || same == *value || (is_number && same.as_f64() == value.as_f64())
        }
        Test::Within(interval) => value.as_f64().is_some_and(|number| is_within(interval, number)),
        Test::Phrase(phrase) => text.is_some_and(|text| is_in(phrase, text)),
    }
}

fn is_within(interval: &Interval, number: f64) -> bool {
    use std::ops::RangeBounds;
    let bounds = (
        interval.low.as_ref().map(|low| low.value),
        interval.high.as_ref().map(|high| high.value),
    );
    bounds.contains(&number)
}

fn texts(event: &Json) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    leaves(&event["attributes"], &mut Vec::new(), &mut found);
    let all = found
        .into_iter()
        .map(|(_, value)| value)
        .chain([&event["message"], &event["name"]]);
    let texts: Vec<_> = all.filter_map(Json::as_str).map(str::to_owned).collect();
    texts.into_iter()
}

/// Tokens in brackets, so that a phrase is a part of a text.
fn is_in(phrase: &Phrase, text: &str) -> bool {
    let mut all = String::new();
    crate::text::any_token(text, |token| {
        all.extend(["[", token, "]"]);
        false
    });
    let mut wanted: String = phrase
        .tokens()
        .iter()
        .flat_map(|token| ["[", token, "]"])
        .collect();
    if phrase.is_prefix() {
        wanted.pop();
    }
    all.contains(&wanted)
}
