//! The terms of attributes, made while their JSON is read once.
//!
//! Elements of arrays have the path of the array. An object and an array without elements have a term of their
//! own, so that whatever is there has a term at its path.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::path::Path;
use super::{Writer, coarse, key};
use crate::attributes::{Attributes, Text};

/// Type of a value in a term. The codes are part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// An object, or an array without elements; no value.
    Container,
    /// No value.
    Null,
    /// One byte, 0 or 1.
    Bool,
    /// The first two bytes of a number's key.
    Coarse,
    /// The eight bytes of a number's key.
    Number,
    /// The text.
    Text,
}

impl Type {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Container => 0x01,
            Self::Null => 0x02,
            Self::Bool => 0x03,
            Self::Coarse => 0x04,
            Self::Number => 0x05,
            Self::Text => 0x06,
        }
    }
}

/// Gives the terms to the writer; of a text that is not JSON, those before the fault.
pub(super) fn walk<S: FnMut(&[u8])>(attributes: &Attributes, writer: &mut Writer<'_, S>) {
    let mut path = Path::root();
    let mut deserializer = serde_json::Deserializer::from_str(attributes.as_str());
    // Such attributes match no condition, so any terms will do.
    let _ = Any(&mut Walk {
        writer,
        path: &mut path,
    })
    .deserialize(&mut deserializer);
}

struct Walk<'a, 'w, S> {
    writer: &'a mut Writer<'w, S>,
    path: &'a mut Path,
}

impl<S: FnMut(&[u8])> Walk<'_, '_, S> {
    fn term(&mut self, kind: Type, value: &[u8]) {
        if !self.path.is_root() {
            self.writer.attribute(self.path, kind, value);
        }
    }

    fn number(&mut self, number: f64) {
        self.term(Type::Coarse, &coarse(number));
        self.term(Type::Number, &key(number));
    }
}

/// Any value at the present path.
struct Any<'a, 'b, 'w, S>(&'a mut Walk<'b, 'w, S>);

impl<'de, S: FnMut(&[u8])> DeserializeSeed<'de> for Any<'_, '_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: FnMut(&[u8])> Visitor<'de> for Any<'_, '_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.term(Type::Null, &[]);
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.0.term(Type::Bool, &[truth.into()]);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are compared as 64-bit floats")]
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.number(number as f64);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are compared as 64-bit floats")]
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.number(number as f64);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.number(number);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.term(Type::Text, text.as_bytes());
        self.0.writer.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        while seq.next_element_seed(Any(self.0))?.is_some() {
            is_empty = false;
        }
        if is_empty {
            self.0.term(Type::Container, &[]);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.term(Type::Container, &[]);
        while let Some(Text(key)) = map.next_key()? {
            let mark = self.0.path.push(&key);
            map.next_value_seed(Any(self.0))?;
            self.0.path.pop(&mark);
        }
        Ok(())
    }
}
