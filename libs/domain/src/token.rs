//! Ingest tokens: how far each source must be stored before a write is visible.

use crate::source::{Lane, Source};

const VERSION: u8 = 1;
const ENTRY_BYTES: usize = 1 + 4 + 4 + 8;

/// The greatest accepted offset of a request in each source it wrote to. Sealed before it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    positions: Vec<(Source, u64)>,
}

/// The bytes are no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ingest token")]
pub struct InvalidToken;

impl Token {
    /// What tokens are sealed for.
    pub const PURPOSE: &'static str = "ingest token";

    /// Adds a written record.
    pub fn add(&mut self, source: Source, offset: u64) {
        match self.positions.iter_mut().find(|(known, _)| *known == source) {
            Some((_, greatest)) => *greatest = offset.max(*greatest),
            None => self.positions.push((source, offset)),
        }
    }

    /// Greatest accepted offset of each source.
    pub fn positions(&self) -> &[(Source, u64)] {
        &self.positions
    }

    /// The bytes to seal.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.positions.len() * ENTRY_BYTES);
        bytes.push(VERSION);
        for (source, offset) in &self.positions {
            bytes.push(source.lane.number());
            bytes.extend(source.generation.to_be_bytes());
            bytes.extend(source.partition.to_be_bytes());
            bytes.extend(offset.to_be_bytes());
        }
        bytes
    }

    /// Reads opened bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidToken> {
        let Some((&VERSION, entries)) = bytes.split_first() else {
            return Err(InvalidToken);
        };
        let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(InvalidToken);
        }
        let positions = entries.iter().map(decode_entry).collect::<Result<_, _>>()?;
        Ok(Self { positions })
    }
}

fn decode_entry(entry: &[u8; ENTRY_BYTES]) -> Result<(Source, u64), InvalidToken> {
    let [lane, g0, g1, g2, g3, p0, p1, p2, p3, offset @ ..] = *entry;
    let source = Source {
        lane: Lane::from_number(lane).ok_or(InvalidToken)?,
        generation: u32::from_be_bytes([g0, g1, g2, g3]),
        partition: u32::from_be_bytes([p0, p1, p2, p3]),
    };
    Ok((source, u64::from_be_bytes(offset)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_reads_back_with_the_greatest_offsets(writes: Vec<(u8, u64)>) {
            let mut token = Token::default();
            for (partition, offset) in &writes {
                token.add(Source { lane: Lane::Standard, generation: 1, partition: u32::from(*partition) }, *offset);
            }
            for (source, greatest) in token.positions() {
                let expected = writes.iter().filter(|(partition, _)| u32::from(*partition) == source.partition).map(|(_, o)| *o).max();
                prop_assert_eq!(Some(*greatest), expected);
            }
            prop_assert_eq!(Token::decode(&token.encode()), Ok(token));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Token::decode(&bytes);
        }
    }
}
