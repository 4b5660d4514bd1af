//! Attributes: any JSON object of a producer, kept to the byte and checked once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::fault::{Code, Fault};
use crate::limits::Limits;

const FIELD: &str = "attributes";

/// A JSON object within the limits, as the producer wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(Box<str>);

impl Attributes {
    /// Checks bytes that a producer sent. The whole text is read once and not rebuilt.
    pub fn parse(raw: Vec<u8>, limits: &Limits) -> Result<Self, Fault> {
        if raw.len() > limits.attributes_bytes {
            return Err(Fault::too_long(FIELD, raw.len(), limits.attributes_bytes));
        }
        let text = String::from_utf8(raw)
            .map_err(|_| Fault::new(Code::InvalidJson, FIELD, "attributes are not UTF-8"))?;
        let mut checker = Checker {
            limits,
            keys: 0,
            trail: Vec::new(),
            fault: None,
        };
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        let outcome = Object(&mut checker, 1)
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end());
        match outcome {
            Ok(()) => Ok(Self(text.into_boxed_str())),
            Err(error) => Err(checker.explain(&error)),
        }
    }

    /// Takes a text that was checked before it entered a log or a store of ours.
    pub fn trusted(text: String) -> Self {
        Self(text.into_boxed_str())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was met so far, and the first fault with the way to it, innermost key first.
struct Checker<'a> {
    limits: &'a Limits,
    keys: usize,
    trail: Vec<String>,
    fault: Option<(Code, String)>,
}

impl Checker<'_> {
    fn refuse<E: serde::de::Error>(&mut self, code: Code, message: String) -> E {
        self.fault = Some((code, message));
        E::custom("refused")
    }

    fn check_text<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.refuse(
                Code::NulCharacter,
                "has a NUL character, which is not allowed".into(),
            ));
        }
        Ok(())
    }

    fn check_depth<E: serde::de::Error>(&mut self, depth: usize) -> Result<(), E> {
        let max = self.limits.attribute_depth;
        if depth > max {
            return Err(self.refuse(
                Code::TooDeep,
                format!("is nested deeper than {max} levels, which is the most allowed"),
            ));
        }
        Ok(())
    }

    fn check_key<E: serde::de::Error>(&mut self, key: &str, before: &[Cow<'_, str>]) -> Result<(), E> {
        self.check_text(key)?;
        let (bytes, max_bytes) = (key.len(), self.limits.attribute_key_bytes);
        if bytes > max_bytes {
            let message = format!("has a key of {bytes} bytes, at most {max_bytes} are allowed");
            return Err(self.refuse(Code::TooLong, message));
        }
        self.keys += 1;
        let max_keys = self.limits.attribute_keys;
        if self.keys > max_keys {
            let message = format!("has more keys than {max_keys} in all, which is the most allowed");
            return Err(self.refuse(Code::TooManyKeys, message));
        }
        // Quadratic in the keys of one object, of which there are few.
        if before.iter().any(|other| other == key) {
            return Err(self.refuse(Code::DuplicateField, format!("has the key {key:?} twice")));
        }
        Ok(())
    }

    fn explain(mut self, error: &serde_json::Error) -> Fault {
        self.trail.push(FIELD.into());
        self.trail.reverse();
        let field = self.trail.join(".");
        match self.fault {
            Some((code, message)) => {
                let message = format!("{field} {message}");
                Fault::new(code, field, message)
            }
            None => Fault::new(
                Code::InvalidJson,
                FIELD,
                format!("attributes are no JSON object: {error}"),
            ),
        }
    }
}

/// The object at this depth.
struct Object<'c, 'a>(&'c mut Checker<'a>, usize);

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(checker, depth) = self;
        checker.check_depth(depth)?;
        let mut keys: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            checker.check_key(&key, &keys)?;
            if let Err(error) = map.next_value_seed(Any(checker, depth)) {
                checker.trail.push(key.into_owned());
                return Err(error);
            }
            keys.push(key);
        }
        Ok(())
    }
}

/// Any value inside an object or array of this depth.
struct Any<'c, 'a>(&'c mut Checker<'a>, usize);

impl<'de> DeserializeSeed<'de> for Any<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.check_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self(checker, depth) = self;
        checker.check_depth(depth + 1)?;
        while seq.next_element_seed(Any(checker, depth + 1))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Object(self.0, self.1 + 1).visit_map(map)
    }
}

/// A text that is borrowed from the input where it has no escapes.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Text<'de>, E> {
        Err(E::custom("not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Attributes, Fault> {
        Attributes::parse(text.as_bytes().to_vec(), &Limits::default())
    }

    fn code(text: &str) -> Code {
        parse(text).unwrap_err().code
    }

    fn nested(depth: usize) -> String {
        format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
    }

    #[test]
    fn an_object_is_kept_to_the_byte() {
        let text = r#"{ "a": [1, 2.50, -3e2, null, true], "ü": {"b":"\u00e9"} }"#;
        assert_eq!(parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for text in [
            "",
            "1",
            "[]",
            "null",
            "\"a\"",
            "{",
            "{}{}",
            "{\"a\":}",
            "{\"a\":1e999}",
        ] {
            assert_eq!(code(text), Code::InvalidJson, "{text}");
        }
    }

    #[test]
    fn unpaired_surrogates_and_nul_are_refused() {
        assert_eq!(code(r#"{"a":"\ud800"}"#), Code::InvalidJson);
        assert_eq!(code(r#"{"\udc00":1}"#), Code::InvalidJson);
        let fault = parse(r#"{"a":{"b":[1,"\u0000"]}}"#).unwrap_err();
        assert_eq!(
            (fault.code, &*fault.field),
            (Code::NulCharacter, "attributes.a.b")
        );
        assert_eq!(code("{\"\\u0000\":1}"), Code::NulCharacter);
    }

    #[test]
    fn depth_is_bounded_at_objects_and_arrays() {
        assert!(parse(&nested(8)).is_ok());
        assert_eq!(code(&nested(9)), Code::TooDeep);
        assert_eq!(code(&nested(5000)), Code::TooDeep);
        assert!(parse(&format!("{{\"a\":{}{}}}", "[".repeat(7), "]".repeat(7))).is_ok());
        assert_eq!(
            code(&format!("{{\"a\":{}{}}}", "[".repeat(8), "]".repeat(8))),
            Code::TooDeep
        );
    }

    #[test]
    fn keys_are_bounded_in_number_and_length() {
        let keys = |count: usize| {
            let pairs: Vec<_> = (0..count).map(|i| format!("\"k{i}\":{{}}")).collect();
            format!("{{{}}}", pairs.join(","))
        };
        assert!(parse(&keys(256)).is_ok());
        assert_eq!(code(&keys(257)), Code::TooManyKeys);
        let key = |bytes: usize| format!("{{\"{}\":1}}", "k".repeat(bytes));
        assert!(parse(&key(128)).is_ok());
        assert_eq!(code(&key(129)), Code::TooLong);
    }

    #[test]
    fn a_key_may_stand_once_in_an_object() {
        assert_eq!(code(r#"{"a":1,"a":2}"#), Code::DuplicateField);
        assert_eq!(code(r#"{"a":1,"\u0061":2}"#), Code::DuplicateField);
        assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn size_is_bounded() {
        let of = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(parse(&of(32 * 1024)).is_ok());
        let fault = parse(&of(32 * 1024 + 1)).unwrap_err();
        assert_eq!(
            fault.message,
            "attributes has 32769 bytes, at most 32768 are allowed"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Attributes::parse(bytes, &Limits::default());
        }

        #[test]
        fn what_passes_is_json(text in "[{}\\[\\]\":,a1\\\\u0 ]{0,40}") {
            if parse(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).is_ok());
            }
        }
    }
}
