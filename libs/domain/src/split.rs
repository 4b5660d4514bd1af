//! The body of a batch -> the bytes of each event, so that one that is broken fails alone.
//!
//! Only strings and brackets are looked at. What an element contains is for [`json`](crate::json) to say.

use std::borrow::Cow;

/// What some editors put before a text in UTF-8; it says nothing.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A batch in JSON, cut into its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The bytes of each event, in order.
    pub events: Vec<&'a [u8]>,
    /// The value of `sent_at` beside the events, as it was sent.
    pub sent_at: Option<Cow<'a, str>>,
}

/// Why a body is no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text ends or goes on where it should not.
    #[error("body is no JSON batch: {expected} expected at byte {at}")]
    Syntax {
        /// What would have been right.
        expected: &'static str,
        /// Where, from 0.
        at: usize,
    },
    /// The object around the events has another key.
    #[error(
        "{key:?} is not a field of a batch, events and sent_at are; one event a line is NDJSON, another content type"
    )]
    UnknownField {
        /// The first such key.
        key: String,
    },
    /// A field of the batch is absent, twice there or of another type.
    #[error("{field} of the batch must be there once and be {wanted}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its type.
        wanted: &'static str,
    },
    /// There are more events than allowed.
    #[error("batch has more than {max} events, which is the most allowed")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

/// Cuts a JSON array of events, or an object with `events` and, optionally, `sent_at`.
pub fn json(body: &[u8], max_events: usize) -> Result<Batch<'_>, Error> {
    let at = if body.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    let mut scan = Scan { body, at };
    let batch = match scan.peek() {
        Some(b'[') => Batch {
            events: scan.array(max_events)?,
            sent_at: None,
        },
        Some(b'{') => scan.envelope(max_events)?,
        _ => return Err(scan.expected("an array or an object")),
    };
    match scan.peek() {
        None => Ok(batch),
        Some(_) => Err(scan.expected("the end of the body")),
    }
}

/// Cuts newline-delimited JSON: one event a line, blank lines are passed over.
pub fn ndjson(body: &[u8], max_events: usize) -> Result<Batch<'_>, Error> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut events = Vec::new();
    for line in body
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
    {
        if events.len() == max_events {
            return Err(Error::TooMany { max: max_events });
        }
        events.push(line);
    }
    Ok(Batch {
        events,
        sent_at: None,
    })
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn expected(&self, expected: &'static str) -> Error {
        Error::Syntax {
            expected,
            at: self.at,
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.body.get(self.at) {
            self.at += 1;
        }
        self.body.get(self.at).copied()
    }

    fn take(&mut self, byte: u8, name: &'static str) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.expected(name));
        }
        self.at += 1;
        Ok(())
    }

    fn array(&mut self, max_events: usize) -> Result<Vec<&'a [u8]>, Error> {
        self.take(b'[', "[")?;
        let mut events = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(events);
        }
        loop {
            if events.len() == max_events {
                return Err(Error::TooMany { max: max_events });
            }
            events.push(self.value()?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(events);
                }
                _ => return Err(self.expected(", or ]")),
            }
        }
    }

    fn envelope(&mut self, max_events: usize) -> Result<Batch<'a>, Error> {
        const EVENTS: Error = Error::Field {
            field: "events",
            wanted: "an array",
        };
        const SENT_AT: Error = Error::Field {
            field: "sent_at",
            wanted: "a string",
        };
        let (mut events, mut sent_at) = (None, None);
        self.take(b'{', "{")?;
        while self.peek() == Some(b'"') {
            let key: String = serde_json::from_slice(self.value()?).map_err(|_| self.expected("a key"))?;
            self.take(b':', ":")?;
            match key.as_str() {
                "events" if self.peek() != Some(b'[') || events.is_some() => return Err(EVENTS),
                "events" => events = Some(self.array(max_events)?),
                "sent_at" if sent_at.is_some() => return Err(SENT_AT),
                "sent_at" => {
                    sent_at = Some(serde_json::from_slice::<String>(self.value()?).map_err(|_| SENT_AT)?);
                }
                _ => {
                    return Err(Error::UnknownField {
                        key: key.chars().take(64).collect(),
                    });
                }
            }
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key"));
            }
        }
        self.take(b'}', ", or }")?;
        Ok(Batch {
            events: events.ok_or(EVENTS)?,
            sent_at: sent_at.map(Cow::Owned),
        })
    }

    /// The bytes of the value that begins here.
    fn value(&mut self) -> Result<&'a [u8], Error> {
        let first = self.peek().ok_or_else(|| self.expected("a value"))?;
        let begin = self.at;
        match first {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            b',' | b']' | b'}' | b':' => return Err(self.expected("a value")),
            _ => {
                let rest = &self.body[begin..];
                let len = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'));
                self.at += len.unwrap_or(rest.len());
            }
        }
        Ok(&self.body[begin..self.at])
    }

    fn nested(&mut self) -> Result<(), Error> {
        let mut depth = 0_usize;
        while let Some(byte) = self.body.get(self.at) {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(self.expected("a closing bracket"))
    }

    fn string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            match self.body.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => {
                    self.at = self.body.len();
                    return Err(self.expected("a closing quote"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(body: &[u8]) -> Result<Vec<&[u8]>, Error> {
        json(body, 10).map(|batch| batch.events)
    }

    #[test]
    fn an_array_and_an_object_with_events_are_cut_alike() {
        let expected: Vec<&[u8]> = vec![br#"{"a":"]}\"{"}"#, b"1", b"null", b"[[], {}]"];
        let array = br#" [{"a":"]}\"{"}, 1,null , [[], {}] ] "#;
        assert_eq!(events(array), Ok(expected.clone()));
        let object = br#"{"sent_at":"2026-01-31T08:30:00Z" , "events":[{"a":"]}\"{"}, 1,null , [[], {}] ] }"#;
        let batch = json(object, 10).unwrap();
        assert_eq!(batch.events, expected);
        assert_eq!(batch.sent_at.as_deref(), Some("2026-01-31T08:30:00Z"));
    }

    #[test]
    fn a_broken_event_leaves_its_neighbours_whole() {
        let body = b"[{\"a\":1}, {\"a\":\xff}, {\"a\":tru}, {\"a\" 1], {\"b\":2}]";
        let cut = events(body).unwrap();
        assert_eq!(cut.len(), 5);
        assert_eq!((cut[0], cut[4]), (&b"{\"a\":1}"[..], &b"{\"b\":2}"[..]));
    }

    #[test]
    fn a_body_that_cannot_be_cut_says_where() {
        for (body, at) in [
            ("", 0),
            ("  ", 2),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("[{", 2),
            ("[\"a", 3),
            ("[\"a\\", 4),
            ("[] x", 3),
            ("[1", 2),
        ] {
            match events(body.as_bytes()) {
                Err(Error::Syntax { at: found, .. }) => assert_eq!(found, at, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_object_has_events_and_nothing_unknown() {
        assert!(matches!(events(br#"{"event":[]}"#), Err(Error::UnknownField { key }) if key == "event"));
        assert!(matches!(events(br#"{"events":[],}"#), Err(Error::Syntax { .. })));
        for body in [
            "{}",
            r#"{"events":1}"#,
            r#"{"events":[],"events":[]}"#,
            r#"{"events":[],"sent_at":1}"#,
        ] {
            assert!(
                matches!(events(body.as_bytes()), Err(Error::Field { .. })),
                "{body}"
            );
        }
    }

    #[test]
    fn more_events_than_allowed_are_refused_early() {
        assert_eq!(
            events(b"[1,1,1,1,1,1,1,1,1,1]").map(|events| events.len()),
            Ok(10)
        );
        assert_eq!(events(b"[1,1,1,1,1,1,1,1,1,1,1"), Err(Error::TooMany { max: 10 }));
        assert_eq!(ndjson(b"1\n2\n3", 2), Err(Error::TooMany { max: 2 }));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(events("\u{feff}[1]".as_bytes()), Ok(vec![b"1".as_slice()]));
        assert_eq!(ndjson("\u{feff}1".as_bytes(), 1).unwrap().events, [b"1"]);
    }

    #[test]
    fn ndjson_passes_over_blank_lines() {
        let batch = ndjson(b"\n{\"a\":1}\r\n\r\n  \n{\"b\":2}", 10).unwrap();
        assert_eq!(batch.events, [b"{\"a\":1}", b"{\"b\":2}"]);
    }

    proptest! {
        #[test]
        fn any_json_array_is_cut_into_its_elements(values: Vec<(String, i64, bool)>) {
            let array: Vec<_> = values.iter().map(|(a, b, c)| serde_json::json!({"k": [a, {"x": b}], a: c})).collect();
            let body = serde_json::to_vec_pretty(&array).unwrap();
            let cut = json(&body, usize::MAX).unwrap().events;
            let read: Vec<serde_json::Value> = cut.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect();
            prop_assert_eq!(read, array);
        }

        #[test]
        fn no_bytes_panic(body in "[\\[\\]{}\",:\\\\a1 \n]{0,60}") {
            let _ = json(body.as_bytes(), 3);
            let _ = ndjson(body.as_bytes(), 3);
        }
    }
}
