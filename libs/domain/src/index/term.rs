//! The terms of an event: sorted bytes, so that the texts with a begin, and the numbers within bounds, are a
//! range of terms.
//!
//! A term is a code of one byte and a value; the table of codes and the forms below are a **stored format**. An
//! index is read by later versions, so no number changes its meaning and no form changes; a new one gets a code
//! that was never used.
//!
//! | code | value |
//! |---|---|
//! | of a field of texts | the text |
//! | of `status_code` | 2 bytes, big-endian |
//! | of another field of numbers | the first 2 bytes of the number's key |
//! | [`TOKEN`] | a token of `message`, `name` or a text of attributes, cut at 32 bytes |
//! | [`TEXT_OVERFLOW`] | none: the event has more than 256 tokens, the rest have no term |
//! | [`ATTRIBUTE`] | path, 0x00, type, value |
//! | [`ATTRIBUTE_OVERFLOW`] | none: the event has more than 128 terms of attributes, the rest have none |
//!
//! A term has at most [`MAX_TERM_BYTES`]; a longer one is cut. So a term says that an event may match, not that
//! it does.

mod attributes;
mod number;
mod path;

use xxhash_rust::xxh3::xxh3_64;

pub(crate) use self::attributes::Type;
pub(crate) use self::number::{coarse, key};
pub(crate) use self::path::Path;
use crate::enrich::Context;
use crate::event::{Body, Event};
use crate::filter::{Field, Value};
use crate::text::any_token;

/// Longest term.
pub const MAX_TERM_BYTES: usize = 96;

/// Most bytes of a token within its term.
const MAX_TOKEN_BYTES: usize = 32;

/// Most different tokens of an event.
const MAX_TOKENS: usize = 256;

/// Most terms of attributes of an event.
const MAX_ATTRIBUTES: usize = 128;

/// Code of tokens.
pub const TOKEN: u8 = 0x80;

/// Code of the one term of an event with too many tokens.
pub const TEXT_OVERFLOW: u8 = 0x81;

/// Code of attributes.
pub const ATTRIBUTE: u8 = 0x90;

/// Code of the one term of an event with too many attributes.
pub const ATTRIBUTE_OVERFLOW: u8 = 0x91;

/// Code of a field. Codes from 0x80 on are for what is not a field.
pub const fn code(field: Field) -> u8 {
    match field {
        Field::Kind => 0x01,
        Field::Severity => 0x02,
        Field::Priority => 0x03,
        Field::Service => 0x04,
        Field::Environment => 0x05,
        Field::Release => 0x06,
        Field::UserId => 0x07,
        Field::SessionId => 0x08,
        Field::TraceId => 0x09,
        Field::SpanId => 0x0A,
        Field::ExternalId => 0x0B,
        Field::Method => 0x0C,
        Field::Path => 0x0D,
        Field::Route => 0x0E,
        Field::StatusCode => 0x0F,
        Field::DurationMs => 0x10,
        Field::RequestBytes => 0x11,
        Field::ResponseBytes => 0x12,
        Field::ClientIp => 0x13,
        Field::ErrorType => 0x14,
        // No term has it: the text is in the tokens.
        Field::Message => 0x15,
        Field::Handled => 0x16,
        Field::Fingerprint => 0x17,
        Field::Action => 0x18,
        Field::Target => 0x19,
        Field::Url => 0x1A,
        Field::Name => 0x1B,
        Field::Browser => 0x1C,
        Field::Os => 0x1D,
        Field::Device => 0x1E,
        Field::Bot => 0x1F,
    }
}

/// Gives every term of an event to `sink`. A term may come more than once.
pub fn of_event(event: &Event, context: &Context, sink: &mut impl FnMut(&[u8])) {
    let mut writer = Writer {
        sink,
        term: Vec::with_capacity(MAX_TERM_BYTES),
        tokens: Vec::new(),
        attributes: 0,
    };
    for &field in Field::ALL.iter().filter(|field| **field != Field::Message) {
        if let Some(value) = field.value(event, context) {
            writer.field(field, value);
        }
    }
    match &event.body {
        Body::Error(body) => writer.text(&body.message),
        Body::Generic(body) => writer.text(&body.name),
        Body::ApiRequest(_) | Body::UserAction(_) => {}
    }
    if let Some(attributes) = &event.attributes {
        attributes::walk(attributes, &mut writer);
    }
}

/// The term of a field that has a text.
pub(crate) fn of_text(field: Field, text: &str) -> Vec<u8> {
    let mut term = Vec::new();
    write_text(&mut term, field, text);
    term
}

/// The term of a token.
pub(crate) fn of_token(token: &str) -> Vec<u8> {
    let mut term = Vec::new();
    write_token(&mut term, token);
    term
}

/// The value of a status within its term.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number out of range becomes the nearest within it, which is what bounds want"
)]
pub(crate) fn status(number: f64) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

fn write_text(term: &mut Vec<u8>, field: Field, text: &str) {
    term.clear();
    term.push(code(field));
    term.extend(text.as_bytes());
    term.truncate(MAX_TERM_BYTES);
}

fn write_token(term: &mut Vec<u8>, token: &str) {
    term.clear();
    term.push(TOKEN);
    term.extend(&token.as_bytes()[..token.floor_char_boundary(MAX_TOKEN_BYTES)]);
}

/// Makes terms in one buffer.
struct Writer<'a, S> {
    sink: &'a mut S,
    term: Vec<u8>,
    /// Hashes of the tokens so far. They only count: no token is left out because its hash is known.
    tokens: Vec<u64>,
    /// Terms of attributes so far.
    attributes: usize,
}

impl<S: FnMut(&[u8])> Writer<'_, S> {
    fn field(&mut self, field: Field, value: Value<'_>) {
        match value {
            Value::Text(text) => write_text(&mut self.term, field, text),
            Value::Number(number) => {
                let value = match field {
                    Field::StatusCode => status(number),
                    _ => coarse(number),
                };
                self.term.clear();
                self.term.push(code(field));
                self.term.extend(value);
            }
        }
        (self.sink)(&self.term);
    }

    fn text(&mut self, text: &str) {
        if self.tokens.len() > MAX_TOKENS {
            return;
        }
        any_token(text, |token| self.token(token));
    }

    /// Whether this was one too many.
    fn token(&mut self, token: &str) -> bool {
        let hash = xxh3_64(token.as_bytes());
        if !self.tokens.contains(&hash) {
            self.tokens.push(hash);
        }
        let is_over = self.tokens.len() > MAX_TOKENS;
        if is_over {
            (self.sink)(&[TEXT_OVERFLOW]);
        } else {
            write_token(&mut self.term, token);
            (self.sink)(&self.term);
        }
        is_over
    }

    /// A term of attributes.
    fn attribute(&mut self, path: &Path, kind: Type, value: &[u8]) {
        self.attributes += 1;
        if self.attributes <= MAX_ATTRIBUTES {
            path.write(&mut self.term, kind, value);
            (self.sink)(&self.term);
        } else if self.attributes == MAX_ATTRIBUTES + 1 {
            (self.sink)(&[ATTRIBUTE_OVERFLOW]);
        }
    }
}

#[cfg(test)]
mod tests;
