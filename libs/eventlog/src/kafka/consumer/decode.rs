//! Records out of the client's messages: one copy of the bytes, and names of headers that are kept once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers as _};

use crate::record::{Headers, Record};

/// Names that are remembered. A log has a handful; more than that are made anew each time.
const MAX_NAMES: usize = 64;

/// Makes records, and remembers the names of headers for the next.
#[derive(Default)]
pub(in crate::kafka) struct Decoder {
    names: Vec<Arc<str>>,
}

/// A message that is no record of ours.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Undecodable {
    /// Which part.
    pub(in crate::kafka) what: String,
}

impl Decoder {
    /// The record of a message. What is absent is empty.
    pub(in crate::kafka) fn record(&mut self, message: &BorrowedMessage<'_>) -> Result<Record, Undecodable> {
        let offset = u64::try_from(message.offset()).map_err(|_negative| Undecodable {
            what: "offset".to_owned(),
        })?;
        let key = message.key().unwrap_or_default();
        let value = message.payload().unwrap_or_default();
        let headers = match message.headers() {
            Some(headers) => read(headers).ok_or_else(|| Undecodable {
                what: format!("name of a header at {offset}"),
            })?,
            None => Vec::new(),
        };
        let (key, value, headers) = self.copy(key, value, &headers);
        Ok(Record {
            offset,
            appended_at_ms: message.timestamp().to_millis().unwrap_or_default(),
            key,
            value,
            headers,
        })
    }

    /// All bytes of a record in one piece of memory.
    fn copy(&mut self, key: &[u8], value: &[u8], headers: &[(&str, &[u8])]) -> (Bytes, Bytes, Headers) {
        if key.is_empty() && headers.is_empty() {
            return (Bytes::new(), Bytes::copy_from_slice(value), Vec::new());
        }
        let header_bytes: usize = headers.iter().map(|(_, value)| value.len()).sum();
        let mut bytes = Vec::with_capacity(key.len() + value.len() + header_bytes);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        for (_, value) in headers {
            bytes.extend_from_slice(value);
        }
        let mut rest = Bytes::from(bytes);
        let key = rest.split_to(key.len());
        let value = rest.split_to(value.len());
        let headers = headers
            .iter()
            .map(|(name, value)| (self.name(name), rest.split_to(value.len())))
            .collect();
        (key, value, headers)
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.iter().find(|known| &***known == name) {
            return known.clone();
        }
        let new: Arc<str> = name.into();
        if self.names.len() < MAX_NAMES {
            self.names.push(new.clone());
        }
        new
    }
}

/// The headers as they lie in the message. None when a name is no UTF-8: the library panics then.
fn read(headers: &BorrowedHeaders) -> Option<Vec<(&str, &[u8])>> {
    let read = AssertUnwindSafe(|| {
        headers
            .iter()
            .map(|header| (header.key, header.value.unwrap_or_default()))
            .collect()
    });
    catch_unwind(read).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_copied_apart() {
        let mut decoder = Decoder::default();
        let (key, value, headers) = decoder.copy(b"k", b"value", &[("a", b"1"), ("b", b""), ("a", b"22")]);
        assert_eq!((&*key, &*value), (&b"k"[..], &b"value"[..]));
        let read: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(read, [("a", &b"1"[..]), ("b", b""), ("a", b"22")]);
        let (key, value, headers) = decoder.copy(b"", b"value", &[]);
        assert_eq!((&*key, &*value, headers.len()), (&b""[..], &b"value"[..], 0));
    }

    #[test]
    fn a_name_is_kept_once_and_names_have_a_bound() {
        let mut decoder = Decoder::default();
        assert!(Arc::ptr_eq(&decoder.name("origin"), &decoder.name("origin")));
        for number in 0..10 * MAX_NAMES {
            assert_eq!(&*decoder.name(&number.to_string()), number.to_string());
        }
        assert_eq!(decoder.names.len(), MAX_NAMES);
    }
}
