//! Enriched record -> what it says. Pure.

use domain::record::Enriched;
use domain::topic;
use eventlog::Record;
use proto::record::decode_enriched;

use crate::error::BadFate;

/// The accepted offset that a record comes from.
pub fn origin(record: &Record) -> Result<u64, BadFate> {
    let digits = record.header(topic::HEADER_ORIGIN).ok_or(BadFate::Origin)?;
    let is_plain = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_plain);
    text.and_then(|text| text.parse().ok()).ok_or(BadFate::Origin)
}

/// The event of a record, none where it is a marker.
pub fn event(record: &Record) -> Result<Option<Enriched>, BadFate> {
    if record.value.is_empty() {
        return Ok(None);
    }
    Ok(Some(decode_enriched(record.value.clone())?))
}
