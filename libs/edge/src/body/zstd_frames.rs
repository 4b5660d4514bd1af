//! zstd (RFC 8878): frames one after the other, with a bound on the window that a frame may ask for.

use std::io;

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::inflate::{Broken, MAX_PARTS};

/// 8 MiB, which RFC 8878 asks every decoder to support.
const WINDOW_LOG_MAX: u32 = 23;

/// Frames that are being decompressed.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    frames: u32,
    in_frame: bool,
    /// The last output was full, so there may be more without more input.
    pending: bool,
}

impl Zstd {
    pub(super) fn new() -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self {
            decoder,
            frames: 0,
            in_frame: false,
            pending: false,
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.frames > 0 && !self.in_frame
    }

    pub(super) fn step(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, Broken> {
        let mut written = 0;
        while written < output.len() && (!input.is_empty() || self.pending) {
            written += self.run(input, &mut output[written..])?;
        }
        Ok(written)
    }

    fn run(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, Broken> {
        if !self.in_frame {
            self.in_frame = true;
            self.frames += 1;
            if self.frames > MAX_PARTS {
                return Err(Broken::TooManyParts);
            }
        }
        let size = output.len();
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let hint = self
            .decoder
            .run(&mut from, &mut to)
            .map_err(|_| Broken::Corrupt)?;
        let (read, written) = (from.pos(), to.pos());
        if read == 0 && written == 0 && !input.is_empty() {
            return Err(Broken::Corrupt);
        }
        *input = &input[read..];
        self.in_frame = hint != 0;
        self.pending = self.in_frame && written == size;
        Ok(written)
    }
}
