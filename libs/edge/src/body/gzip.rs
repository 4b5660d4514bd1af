//! gzip (RFC 1952): members one after the other, each with its checksum.
//!
//! Names and comments in a header are passed over, and so is the checksum of a header.

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use super::inflate::{Broken, MAX_PARTS};

const FIXED_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Members that are being decompressed.
pub(super) struct Gzip {
    part: Part,
    decompress: Decompress,
    crc: Hasher,
    /// Bytes of the member so far, as its trailer counts them.
    size: u32,
    members: u32,
}

/// Where in a member the next byte is.
#[derive(Clone, Copy, Debug)]
enum Part {
    Fixed { at: usize, flags: u8 },
    ExtraLength { flags: u8, low: Option<u8> },
    Extra { flags: u8, rest: u16 },
    Text { flags: u8 },
    HeaderCrc { rest: u8 },
    Content,
    Trailer { at: usize, bytes: [u8; TRAILER_BYTES] },
}

const START: Part = Part::Fixed { at: 0, flags: 0 };

impl Default for Gzip {
    fn default() -> Self {
        Self {
            part: START,
            decompress: Decompress::new(false),
            crc: Hasher::new(),
            size: 0,
            members: 0,
        }
    }
}

impl Gzip {
    pub(super) fn is_complete(&self) -> bool {
        self.members > 0 && matches!(self.part, Part::Fixed { at: 0, .. })
    }

    pub(super) fn step(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, Broken> {
        let mut written = 0;
        while written < output.len() {
            if matches!(self.part, Part::Content) {
                let (read, more) = self.content(input, &mut output[written..])?;
                written += more;
                if read == 0 && more == 0 && matches!(self.part, Part::Content) {
                    break;
                }
            } else {
                let Some((byte, rest)) = input.split_first() else {
                    break;
                };
                *input = rest;
                self.part = self.frame(*byte)?;
            }
        }
        Ok(written)
    }

    /// Decompresses; how much of the input was read and of the output was written.
    fn content(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<(usize, usize), Broken> {
        let before = (self.decompress.total_in(), self.decompress.total_out());
        let status = self
            .decompress
            .decompress(input, output, FlushDecompress::None)
            .map_err(|_| Broken::Corrupt)?;
        let moved = |total: u64, before: u64| usize::try_from(total - before).map_err(|_| Broken::Corrupt);
        let read = moved(self.decompress.total_in(), before.0)?;
        let written = moved(self.decompress.total_out(), before.1)?;
        if read == 0 && written == 0 && !input.is_empty() && !matches!(status, Status::StreamEnd) {
            return Err(Broken::Corrupt);
        }
        *input = &input[read..];
        self.crc.update(&output[..written]);
        // The trailer counts modulo 2^32.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "pieces are far shorter than 4 GiB"
        )]
        let counted = written as u32;
        self.size = self.size.wrapping_add(counted);
        if matches!(status, Status::StreamEnd) {
            let bytes = [0; TRAILER_BYTES];
            self.part = Part::Trailer { at: 0, bytes };
        }
        Ok((read, written))
    }

    /// Takes a byte of a header or a trailer; what comes after it.
    fn frame(&mut self, byte: u8) -> Result<Part, Broken> {
        match self.part {
            Part::Fixed { at, flags } => self.fixed(at, flags, byte),
            Part::ExtraLength { flags, low: None } => Ok(Part::ExtraLength {
                flags,
                low: Some(byte),
            }),
            Part::ExtraLength {
                flags,
                low: Some(low),
            } => match u16::from_le_bytes([low, byte]) {
                0 => Ok(after(flags & !EXTRA)),
                rest => Ok(Part::Extra { flags, rest }),
            },
            Part::Extra { flags, rest: 1 } => Ok(after(flags & !EXTRA)),
            Part::Extra { flags, rest } => Ok(Part::Extra {
                flags,
                rest: rest - 1,
            }),
            // The name comes first, then the comment; each ends with a zero.
            Part::Text { flags } if byte == 0 && flags & NAME != 0 => Ok(after(flags & !NAME)),
            Part::Text { flags } if byte == 0 => Ok(after(flags & !COMMENT)),
            Part::Text { flags } => Ok(Part::Text { flags }),
            Part::HeaderCrc { rest: 1 } | Part::Content => Ok(Part::Content),
            Part::HeaderCrc { rest } => Ok(Part::HeaderCrc { rest: rest - 1 }),
            Part::Trailer { at, bytes } => self.trailer(at, bytes, byte),
        }
    }

    fn fixed(&mut self, at: usize, flags: u8, byte: u8) -> Result<Part, Broken> {
        if MAGIC.get(at).is_some_and(|magic| *magic != byte) {
            return Err(Broken::Unknown);
        }
        let flags = if at == MAGIC.len() { byte } else { flags };
        if flags & RESERVED != 0 {
            return Err(Broken::Unknown);
        }
        let at = at + 1;
        if at < FIXED_BYTES {
            return Ok(Part::Fixed { at, flags });
        }
        self.members += 1;
        if self.members > MAX_PARTS {
            return Err(Broken::TooManyParts);
        }
        if self.members > 1 {
            self.decompress.reset(false);
        }
        self.crc = Hasher::new();
        self.size = 0;
        Ok(after(flags))
    }

    fn trailer(&self, at: usize, mut bytes: [u8; TRAILER_BYTES], byte: u8) -> Result<Part, Broken> {
        bytes[at] = byte;
        let at = at + 1;
        if at < TRAILER_BYTES {
            return Ok(Part::Trailer { at, bytes });
        }
        // Both numbers are little-endian: the checksum, then the size.
        let trailer = u64::from_le_bytes(bytes);
        let expected = u64::from(self.size) << 32 | u64::from(self.crc.clone().finalize());
        if trailer != expected {
            return Err(Broken::Corrupt);
        }
        Ok(START)
    }
}

/// What comes next of the parts of a header that these flags announce.
fn after(flags: u8) -> Part {
    if flags & EXTRA != 0 {
        Part::ExtraLength { flags, low: None }
    } else if flags & (NAME | COMMENT) != 0 {
        Part::Text { flags }
    } else if flags & HEADER_CRC != 0 {
        Part::HeaderCrc { rest: 2 }
    } else {
        Part::Content
    }
}
