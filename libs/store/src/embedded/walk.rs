//! A walk over cells whose keys begin alike.

use bytes::Bytes;
use fjall::Guard;

use super::cell::Cell;
use super::storage::{decoded, unreadable};
use crate::port::Error;

/// A cell, and the end of its key behind what all of a walk begin with.
pub(super) struct Stored {
    pub(super) key_end: Vec<u8>,
    pub(super) cell: Cell,
}

/// The cells of a walk over keys that have their first `begin_bytes` in common.
pub(super) fn cells(
    entries: impl Iterator<Item = Guard>,
    begin_bytes: usize,
) -> impl Iterator<Item = Result<Stored, Error>> {
    entries.map(move |entry| {
        let (key, value) = entry.into_inner().map_err(|error| unreadable(&error))?;
        let cell = decoded(&key, Bytes::from(value))?;
        let key_end = key.get(begin_bytes..).unwrap_or_default().to_vec();
        Ok(Stored { key_end, cell })
    })
}

pub(super) fn corrupt(what: String) -> Error {
    Error::Corrupt { what }
}
