//! Decompression piece by piece: whoever calls decides how much comes out, and so how much memory it takes.

use std::io;

use super::encoding::Encoding;
use super::gzip::Gzip;
use super::zstd_frames::Zstd;

/// Members of a gzip and frames of a zstd that one body may have: each costs work however little it holds.
pub(super) const MAX_PARTS: u32 = 1024;

/// Why a compressed body is not what it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("the compressed body is cut off")]
    Truncated,
    #[error("the compressed body is corrupt")]
    Corrupt,
    #[error("the compressed body has bytes after its end, or never was compressed so")]
    Unknown,
    #[error("the compressed body has more than {MAX_PARTS} parts")]
    TooManyParts,
}

/// A body that is being decompressed.
pub(super) enum Inflater {
    Gzip(Box<Gzip>),
    Zstd(Zstd),
}

impl Inflater {
    /// `None` where nothing is compressed.
    pub(super) fn new(encoding: Encoding) -> io::Result<Option<Self>> {
        Ok(match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(Self::Gzip(Box::default())),
            Encoding::Zstd => Some(Self::Zstd(Zstd::new()?)),
        })
    }

    /// Takes from `input`, fills `output` from its start and tells how far. Less than all of `output` means that
    /// more input is needed, or that it is the end.
    pub(super) fn step(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, Broken> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
        }
    }

    /// Whether the input so far is whole.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Zstd(zstd) => zstd.is_complete(),
        }
    }

    /// Bytes of memory for each byte of output: zstd keeps the last ones once more.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Gzip(_) => 1,
            Self::Zstd(_) => 2,
        }
    }
}
